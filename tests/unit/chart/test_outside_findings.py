"""What somebody who did not build it found from outside: wrong persons, deleted facts, cancels that match nothing."""

from __future__ import annotations

import pytest

SMITH = "AIP|1|A|77^Smith^John^^Sr^^^^EPIC"


@pytest.mark.parametrize(
    ("aip", "pv1_7"),
    [
        ("77^Smith^John^^Sr^^^^EPIC", "1234567893^SMITH^JOHN^^Jr^^^^NPI^^^^NPI"),
        ("77^Smith^John^A", "1234567893^SMITH^JOHN^B^^^^^NPI^^^^NPI"),
    ],
)
def test_a_namesake_lends_no_npi(story, aip, pv1_7):
    told = story()
    start = "SCH||F1|||||||||^^^20260310093000"
    answer = told.tell("SIU^S12", start, told.PID, f"AIP|1|A|{aip}", f"PV1|1|O|||||{pv1_7}")
    assert answer["decision"] == "hold"
    assert "npi" not in answer["request"]["upcomingAppointmentProvider"]


@pytest.mark.parametrize(
    "old",
    [
        ["AIP|1|D|1111111112^Old^Doc^^^^^^NPI"],
        ["RGS|1|D|a", "AIP|1|A|1111111112^Old^Doc^^^^^^NPI", "RGS|2|A|b"],
    ],
)
def test_a_deleted_resource_is_nobody(story, old):
    told = story()
    answer = told.tell(
        "SIU^S14",
        "SCH||F1|||||||||^^^20260310093000",
        told.PID,
        *old,
        "AIP|2|A|1234567893^Quill^Avery^^^^^^NPI",
    )
    assert answer["request"]["upcomingAppointmentProvider"]["name"]["family"] == "Quill"


@pytest.mark.parametrize("segment", ["PD1||||||||||||Y", "PV2||||||||||||||||||||||Y", "ARV|1|A|REST^x"])
def test_a_protected_patient_is_held(story, segment):
    answer = story().book(segment)
    assert answer["decision"] == "hold"
    assert "protected" in answer["reasons"][0]["text"]


def test_a_cancel_by_the_placer_alone_finds_its_appointment(story):
    told = story()
    start = "|||||||||^^^20260310093000"
    told.tell("SIU^S12", f"SCH|P1|F1^EPIC{start}", told.PID, "AIP|1||1234567893^Quill^Avery^^^^^^NPI")
    cancelled = told.tell("SIU^S15", "SCH|P1", told.PID)
    assert "withdrawn" in cancelled["reasons"][1]["text"]
    assert told.tell("ADT^A08", told.PID.replace("Birch", "Elm"))["decision"] == "chart"


def test_a_cancel_of_nothing_says_so(story):
    told = story()
    assert "no such appointment" in told.tell("SIU^S15", "SCH||F9", told.PID)["reasons"][1]["text"]


def test_an_mrn_with_a_control_character_is_held(story):
    told = story()
    answer = told.book(pid=told.PID.replace("T1001", "T10\t01"))
    assert answer["decision"] == "hold"
    assert "control character" in answer["reasons"][0]["text"]


def test_a_deleted_diagnosis_is_shown_as_left_out(story):
    answer = story().book("DG1|1||E11.9^DM2^I10|||F" + "|" * 15 + "D")
    assert [entry["value"] for entry in answer["left_out"]] == ["E11.9"]


def test_an_ndc_that_cant_be_told_is_no_name_code_either(story):
    told = story()
    told.tell("RDE^O11", told.PID, "ORC|NW|O1", "RXE||0093718001^Amlo^NDC")
    assert told.book()["request"]["medications"][0]["nameCode"] == {"displayName": "Amlo"}


def test_a_visit_that_has_passed_says_so(story):
    told = story()
    answer = told.tell("ADT^A01", told.PID, "PV1|1|O" + "|" * 42 + "202603010800")
    assert (answer["decision"], answer["reasons"][0]["code"]) == ("chart", "past-date")


PARTS = [
    ("PID|1||T1001", ("gender",), "MALE"),  # the sex is empty
    ("PID|1||T1001|||||Z", ("gender",), "MALE"),  # the sex is a code that no table knows
    ("PID|1||T1001||||1970|M", ("birthDate",), "1970-01-31"),
    ("PID|1||T1001|||||M|||9 Elm Ct^^Madison^WI", ("address", "zip"), "53703"),
    ("PID|1||T1001||Sample|||M", ("name", "given"), ["Robin"]),
]
WHOLE = "PID|1||T1001||Sample^Robin||19700131|M|||12 Birch Ln^^Madison^WI^53703"


def _at(answer, path):
    found = answer["request"]["patient"]
    for name in path:
        found = found.get(name, {})
    return found


@pytest.mark.parametrize(("part", "path", "whole"), PARTS)
def test_what_a_newer_part_would_not_have_replaced_is_taken_late(told, part, path, whole):
    told.tell("RDE^O11", part, at="202603020830")
    told.tell("ADT^A28", WHOLE, at="202603020810")
    booked = told.book(pid="PID|1||T1001|||||", at="202603020840")
    assert (booked["decision"], _at(booked, path)) == ("post", whole)


@pytest.mark.parametrize(("part", "path", "whole"), PARTS)
def test_a_merge_fills_what_the_survivor_has_in_part(told, part, path, whole):
    told.tell("RDE^O11", part, at="202603020830")
    told.tell("ADT^A28", WHOLE.replace("T1001", "T2002"), at="202603020810")
    told.tell("ADT^A40", "PID|1||T1001", "MRG|T2002", at="202603020835")
    booked = told.book(pid="PID|1||T1001", at="202603020840")
    assert (booked["decision"], _at(booked, path)) == ("post", whole)


def test_what_a_newer_message_deleted_or_said_is_not_brought_back_late(told):
    told.tell("ADT^A08", 'PID|1||T1001||""||""|U|||""', at="202603020830")
    told.tell("ADT^A28", WHOLE, at="202603020810")
    held = told.book(pid="PID|1||T1001", at="202603020840")
    assert held["request"]["patient"].keys() == {"mrn", "gender"}
    assert held["request"]["patient"]["gender"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("told_of", "poorer"),
    [
        (("SIU^S12", "AIL|1||CARD^^^Lakeside"), ("SIU^S14",)),
        (("ADT^A05", "PV1|1|O|CARD^^^Lakeside||||1234567893^Quill^Avery^^^^^^NPI||||||||||||V1"),
         ("ADT^A08", "PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI||||||||||||V1")),
    ],
)  # fmt: skip
def test_a_message_that_names_no_clinic_does_not_put_its_sender_in_the_clinics_place(told, told_of, poorer):
    day = {"SIU": "SCH||F1|||||||||^^^20260310093000", "ADT": "PV2||||||||20260310"}
    for expected, (kind, *segments) in (("post", told_of), ("chart", poorer)):
        clinician = [told.AIP] if kind.startswith("SIU") else []
        answer = told.tell(kind, day[kind[:3]], told.PID, *segments, *clinician)
        assert answer["decision"] == expected
