"""How requests differ, field by field: lists by what their entries are, not by where they stand."""

import pytest

from interface.chart.difference import Difference, differences


def rows(before, after, whence_before=(), whence_after=()):
    return [
        (entry.field, entry.before, entry.after)
        for entry in differences(before, after, whence_before, whence_after)
    ]


def diagnoses(*codes):
    return {"activeIcd10Diagnoses": [{"code": code, "displayName": f"about {code}"} for code in codes]}


@pytest.mark.parametrize("document", [{}, {"a": 1, "b": [1, {"c": [2]}]}, diagnoses("I10", "E11.9")])
def test_the_same_does_not_differ(document):
    assert rows(document, document) == []


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({}, {"a": {"b": True}}, [("a.b", None, True)]),
        ({"a": {"b": "x"}}, {"a": {}}, [("a.b", "x", None)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("a[1]", 2, 3)]),
        ({"a": "x"}, {"a": {"b": "x"}}, [("a", "x", None), ("a.b", None, "x")]),
        ({"a": ["Ann"]}, {"a": ["Ann", "Bo"]}, [("a[1]", None, "Bo")]),
    ],
)
def test_values_that_change_come_and_go(before, after, found):
    assert rows(before, after) == found


def test_a_diagnosis_that_comes_first_makes_no_difference_of_the_others():
    found = rows(diagnoses("I10", "E11.9"), diagnoses("J45.909", "I10", "E11.9"))
    assert found == [
        ("activeIcd10Diagnoses[0].code", None, "J45.909"),
        ("activeIcd10Diagnoses[0].displayName", None, "about J45.909"),
    ]


def test_another_order_is_no_difference_of_a_field():
    assert rows(diagnoses("I10", "E11.9"), diagnoses("E11.9", "I10")) == []


def test_a_diagnosis_in_the_place_of_another_is_one_row():
    assert rows(diagnoses("I10"), diagnoses("E11.9"))[0] == ("activeIcd10Diagnoses[0].code", "I10", "E11.9")


def test_of_a_diagnosis_that_stays_only_what_changed_is_told():
    before = diagnoses("I10", "E11.9")
    after = {"activeIcd10Diagnoses": [{"code": "E11.9", "displayName": "Diabetes", "date": "2020-01-01"}]}
    assert rows(before, after) == [
        ("activeIcd10Diagnoses[0].displayName", "about E11.9", "Diabetes"),
        ("activeIcd10Diagnoses[0].date", None, "2020-01-01"),
        ("activeIcd10Diagnoses[0].code", "I10", None),
        ("activeIcd10Diagnoses[0].displayName", "about I10", None),
    ]


def test_codes_of_two_systems_are_two_things():
    before = {"diagnoses": [{"code": "1", "codeSystem": "A"}]}
    after = {"diagnoses": [{"code": "1", "codeSystem": "B"}]}
    assert rows(before, after) == [("diagnoses[0].codeSystem", "A", "B")]


def test_the_source_is_where_the_value_comes_from_now_or_came_from():
    whence = [{"field": "a", "source": "M1:PID-5", "rule": "x.yaml#a"}]
    later = [{"field": "b", "source": "PID-7", "rule": "x.yaml#b"}]
    assert differences({"a": 1}, {"b": 2}, whence, later) == (
        Difference("b", None, 2, "PID-7", "x.yaml#b"),
        Difference("a", 1, None, "M1:PID-5", "x.yaml#a"),
    )
