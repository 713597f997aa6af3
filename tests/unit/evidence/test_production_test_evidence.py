"""What `onboarding production-test` tells of requests: ids, names of fields, counts; never a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.evidence.production_test import SHOWN, Held, named_fields, seen


def test_held_requests_are_told_apart_by_what_holds_them():
    held = Held()
    held.add(1, ("production-test",))
    held.add(2, ("incomplete:patient.address.city", "production-test"))
    held.add(3, ("missing:patient.birthDate", "incomplete:patient.gender", "production-test"))
    held.add(4, ("protected", "production-test"))
    held.add(5, ("protected", "missing:patient.birthDate"))
    assert (held.complete, held.first_complete) == (1, [1])
    assert (held.incomplete, [number for number, _ in held.first_incomplete]) == (3, [2, 3, 5])
    assert held.lacking == {
        "incomplete:patient.address.city": 1,
        "missing:patient.birthDate": 2,
        "incomplete:patient.gender": 1,
    }
    assert (held.otherwise, held.reasons) == (1, {"protected": 1})


def test_the_first_are_named_and_all_are_counted():
    held = Held()
    for number in range(3 * SHOWN):
        held.add(number, ("production-test",) if number % 2 else ("missing:patient.name",))
    assert (held.complete, held.incomplete) == (30, 30)
    assert len(held.first_complete) == len(held.first_incomplete) == SHOWN


def test_what_was_repaired_and_left_out_is_told_without_its_value():
    detail = {
        "repaired": [["patient.address", "PID-11.5: the first five digits of ZIP+4"]],
        "left_out": [{"source": "DG1-3.1", "value": "F10.20", "why": "withheld"}],
    }
    found = seen(7, {"medications": [{}]}, detail)
    assert found.repaired == (("patient.address", "PID-11.5: the first five digits of ZIP+4"),)
    assert found.left_out == (("DG1-3.1", "withheld"),)
    assert (found.has, found.lacks) == (("medications",), ("problems", "patient.contactPoints"))


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        ('{"message": "patient.address.zip: must match [0-9]{5}"}', ("patient.address.zip",)),
        ("birthDate of Robin Sample is in the future; see medications[0].nameCode.displayName",
         ("birthDate", "medications[0].nameCode.displayName")),
        ("The name and code of the family are active", ()),
        ("zip", ("zip",)),
        ("Robin.Sample is refused", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_of_a_refusal_the_fields_are_told_and_no_word_of_it(reply, fields):
    assert named_fields(reply, 1) == fields


def test_of_a_refused_panel_the_patients_fields_are_told_as_the_request_has_them():
    reply = """{"message": "2 problems", "_embedded": {"errors": [
        {"path": "patientProcessingRequests[0].patient.addresses[1].zip"},
        {"path": "patientProcessingRequests[0].requestingProvider"},
        {"path": "patientProcessingRequests[0].Robin"}, {"path": "patientProcessingRequests"}]}}"""
    assert named_fields(reply, 2) == ("patient.addresses[1].zip", "requestingProvider")


@given(st.text(), st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["repaired", "left_out", "source", "why"]), inner)))  # fmt: skip
def test_whatever_is_stored_something_can_be_told(reply, detail):
    named_fields(reply, 2)
    seen(1, detail, detail)
