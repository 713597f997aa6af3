"""Whose chart a message is for, and the medical record number that is sent."""

from __future__ import annotations

import pytest


def mrn_of(answer):
    return ((answer["request"] or {}).get("patient", {}).get("mrn", {})).get("extension")


@pytest.mark.parametrize(
    ("authority", "pid3", "pid2", "taken"),
    [
        # the site's authority, by namespace or OID, and type MR, MRN, PI, PT or none
        (("LFC",), "9^^^EPI^MR~T1^^^LFC^MR", "", "T1"),
        (("lfc",), "9^^^EPI^MR~T1^^^LFC^PI", "", "T1"),
        (("2.999.5",), "9^^^EPI^MR~T1^^^X&2.999.5&ISO^PT", "", "T1"),
        (("LFC",), "T1^^^LFC", "", "T1"),
        (("LFC",), "T1^^^LFC^MRN", "", "T1"),
        (("LFC",), "9^^^LFC^AN~T1^^^LFC^MR", "", "T1"),
        (("LFC",), "9^^^LFC^PI~T1^^^LFC^MR", "", "T1"),
        (("LFC", "OLD"), "T1^^^OLD^MR", "", "T1"),
        (("LFC",), "T1", "", "T1"),
        (("LFC",), "9^^^EPI^MR~T1^^^^MR", "", "T1"),
        (("LFC",), "9^^^EPI^MR", "", None),
        (("LFC",), "9^^^EPI^MR", "T1", None),
        (("LFC",), "9^^^LFC^SS", "", None),
        # not set: type MR, then the only one that is no other kind of number, then PID-2
        ((), "9^^^EPI^PI~T1^^^LFC^MR", "", "T1"),
        ((), "9^^^EPI^PI~T1^^^LFC^MRN", "", "T1"),
        ((), "T1^^^LFC^XYZ~9^^^^SS~8^^^^DL", "", "T1"),
        ((), "T1", "", "T1"),
        ((), "9^^^^SS", "T1", "T1"),
        ((), "", "T1^^^LFC", "T1"),
        ((), "T1^^^LFC^MR~T1^^^LFC^MR", "", "T1"),
        ((), "1^^^A^MR~2^^^B^MR", "T1", None),
        ((), "1^^^A^MR~2^^^A^MR", "", None),
        ((), "1^^^A~2^^^B", "T1", None),
        ((), "", "", None),
        ((), '""', "", None),
        # blanks off, check digit left off, nothing else altered
        ((), "  T1  ^7^M10^LFC^MR", "", "T1"),
        ((), "00012^^^LFC^MR", "", "00012"),
        ((), "t-1/a^^^LFC^MR", "", "t-1/a"),
    ],
)
def test_the_number_that_is_the_sites_own(story, authority, pid3, pid2, taken):
    told = story(mrn_authority=authority)
    answer = told.book(pid=told.pid(f3=pid3, f2=pid2))
    assert (mrn_of(answer), answer["decision"]) == (taken, "post" if taken else "hold")


@pytest.mark.parametrize(
    "kind", ["SS", "DL", "PPN", "AN", "VN", "XX", "NI", "MC", "MA", "HC", "SN", "MB", "EI", "NPI"]
)
def test_another_kind_of_number_is_never_the_mrn(story, kind):
    told = story()
    answer = told.book(pid=told.pid(f3=f"999^^^LFC^{kind}"))
    assert (mrn_of(answer), answer["decision"], told.charts.all()) == (None, "hold", [])


def test_several_in_question_are_held_with_what_to_set_and_chart_nothing(story):
    told = story()
    answer = told.book(pid=told.pid(f3="111^^^A^MR~222^^^B^MR"))
    (reason,) = answer["reasons"]
    assert reason["code"] == "no-mrn"
    assert "site.mrn_authority" in reason["text"]
    assert "111" not in reason["text"]
    assert (told.charts.all(), told.changes) == ([], [])
    assert answer["request"]["patient"]["name"]["family"] == "Sample"


@pytest.mark.parametrize("sent", ["T(1)", "T<1", "T1;2", "T1%", "T+1", "T@1"])
def test_a_number_with_a_forbidden_character_is_held_unaltered(story, sent):
    told = story()
    answer = told.book(pid=told.pid(f3=f"{sent}^^^LFC^MR"))
    assert (answer["decision"], mrn_of(answer)) == ("hold", sent)
    assert [reason["code"] for reason in answer["reasons"]] == ["invalid:patient.mrn.extension"]
    assert sent not in answer["reasons"][0]["text"]
    assert "give no medical record number" not in answer["reasons"][0]["text"]


@pytest.mark.parametrize(
    ("authority", "one", "other", "same"),
    [
        ((), "T1^^^A^MR", "T1^^^A^MR", True),
        ((), "T1^^^A^MR", "T1^^^B^MR", False),
        ((), "T1^^^A^MR", "T2^^^A^MR", False),
        ((), "T1^^^A^MR", "T1^^^a^PI", True),
        (("LFC",), "T1^^^LFC^MR", "T1", True),
        (("LFC", "2.999.5"), "T1^^^LFC^MR", "T1^^^&2.999.5&ISO^MR", True),
        ((), "T1", "T1^^^^MR", True),
    ],
)
def test_authority_and_number_together_tell_whose_chart_it_is(story, authority, one, other, same):
    told = story(mrn_authority=authority)
    told.tell("ADT^A28", told.pid(f3=one))
    told.tell("ADT^A28", told.pid(f3=other))
    assert len(told.charts.all()) == (1 if same else 2)


def test_the_root_is_the_settings(story):
    told = story(mrn_root="2.999.7")
    answer = told.book()
    assert answer["request"]["patient"]["mrn"] == {"root": "2.999.7", "extension": "T1001"}


def test_without_a_root_the_request_is_held(story):
    answer = story(mrn_root="").book()
    assert (answer["decision"], answer["reasons"][0]["code"]) == ("hold", "missing:patient.mrn.root")
