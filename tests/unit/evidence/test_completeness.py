"""How complete requests are, one by one and together; nothing of a value is kept."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.contract.fields import fields
from interface.evidence.completeness import Sums, completeness, one_as_json, week_of
from interface.evidence.words import bar, filled_line, percent, shared_line

WHOLE: dict[str, Any] = {
    "patient": {
        "mrn": {"root": "1.2", "extension": "SECRET"},
        "name": {"family": "SECRET", "given": ["SECRET"]},
        "gender": "FEMALE",
        "birthDate": "1970-01-31",
        "address": {"zip": "53703"},
    },
    "upcomingAppointmentDate": "2026-03-10",
    "upcomingAppointmentProvider": {
        "npi": "1234567893",
        "name": {"family": "SECRET", "given": ["SECRET"]},
    },
    "activeIcd10Diagnoses": [{"code": "SECRET", "displayName": "SECRET"}] * 2,
    "medications": [{"active": True, "nameCode": {"displayName": "SECRET"}}],
}
KNOWN: dict[str, Any] = {
    "problems": {"known": 4, "sent": 2, "left_out": {"withheld": 1}, "missing": ["ICD10|SECRET"]},
    "orders": {"known": 1, "sent": 1},
}
DAY = date(2026, 3, 2)


def test_one_request() -> None:
    found = completeness(WHOLE, {"known": KNOWN})
    assert found is not None
    told = one_as_json(found)
    assert told is not None
    assert told["required"] == {"filled": 11, "of": 11} and told["lacking"] == []
    assert told["optional"] == {"filled": 4, "of": len(fields(1)) - 11}
    assert (told["version"], told["problems"], told["medications"]) == (1, 2, 1)
    assert told["reciprocity"]["problems"] == {
        "known": 4,
        "sent": 2,
        "left_out": {"withheld": 1},
        "missing": 1,
    }
    assert "SECRET" not in json.dumps(told) + filled_line(found) + shared_line(found)


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (None, "not noted: it was composed by an older program"),
        ({}, "no problems known; no orders known"),
        ({"problems": {"known": 1, "sent": 1}}, "all of 1 problem known; no orders known"),
        (
            KNOWN,
            "2 of 4 problems known (1: the site's withhold list keeps it back); 1 MISSING for no reason; "
            "all of 1 order known",
        ),
    ],
)
def test_whether_all_that_was_known_is_shared_is_said_in_a_line(known: Any, line: str) -> None:
    found = completeness(WHOLE, {"known": known} if known is not None else {})
    assert found is not None and shared_line(found) == line


def test_a_required_field_that_is_not_filled_is_named() -> None:
    found = completeness({**WHOLE, "patient": {**WHOLE["patient"], "address": {}}}, {})
    assert found is not None and found.lacking == ("patient.address.zip",)
    assert filled_line(found).startswith("10 of 11 required fields (not patient.address.zip), 4 of 87 ")


@pytest.mark.parametrize(
    ("request_", "sharing"),
    [
        (WHOLE, "both"),
        ({**WHOLE, "medications": []}, "problems"),
        ({"diagnoses": [{"code": "x"}]}, "problems"),
        ({"medications": [{}]}, "medications"),
        ({"activeSnomedDiagnoses": []}, "none"),
    ],
)
def test_what_a_request_shares(request_: dict[str, Any], sharing: str) -> None:
    found = completeness(request_, None)
    assert found is not None and found.sharing == sharing


def test_requests_are_added_up_by_field_and_week() -> None:
    sums = Sums()
    sums.add(1, DAY, completeness(WHOLE, {"known": KNOWN}))
    sums.add(2, date(2026, 3, 9), completeness({**WHOLE, "medications": []}, {}))
    sums.add(3, DAY, completeness({"requestingProvider": {"npi": "1"}}, {"known": {}}))
    sums.add(4, DAY, None)
    told = sums.as_json()
    assert (told["requests"], told["unreadable"]) == (4, 1)
    assert told["sharing"] == {"both": 1, "problems": 1, "medications": 0, "none": 1}
    assert [(each["version"], each["requests"]) for each in told["versions"]] == [(1, 2), (2, 1)]
    counts = {each["field"]: each["filled"] for each in told["versions"][0]["fields"]}
    assert (counts["patient.gender"], counts["medications.active"], counts["clinicName"]) == (2, 1, 0)
    assert [(week["week"], week["requests"]) for week in told["weeks"]] == [("2026-W10", 2), ("2026-W11", 1)]
    assert told["weeks"][0]["fields_each"] == 8.0
    assert told["reciprocity"] == {
        "problems": {"known": 4, "sent": 2, "left_out": {"withheld": 1}, "missing": 1},
        "orders": {"known": 1, "sent": 1, "left_out": {}, "missing": 0},
        "missing_in": [1],
        "unproven": 1,
    }
    assert "SECRET" not in json.dumps(told)


def test_weeks_are_those_of_the_calendar_also_around_new_year() -> None:
    assert [week_of(day) for day in (date(2024, 12, 30), date(2027, 1, 1))] == ["2025-W01", "2026-W53"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_whatever_is_stored_can_be_looked_at(request_: Any, detail: Any) -> None:
    found = completeness(request_, detail)
    assert (found is None) == (not isinstance(request_, dict))
    Sums().add(1, DAY, found)


@pytest.mark.parametrize(
    ("part", "of", "text", "full"),
    [(0, 9, "0 %", 0), (9, 9, "100 %", 20), (1, 1000, "1 %", 0), (999, 1000, "99 %", 19), (0, 0, "–", 0)],
)
def test_a_share_never_looks_whole_unless_it_is(part: int, of: int, text: str, full: int) -> None:
    assert (percent(part, of), bar(part, of).count("█")) == (text, full)
