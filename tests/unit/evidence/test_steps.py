"""The steps of the vendor's process: which are done, by which evidence, and which comes next."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from interface.evidence.steps import (
    CONFIRMABLE,
    STEPS,
    Confirmed,
    Facts,
    Outcomes,
    Patients,
    Round,
    Traffic,
    steps,
)

AT = 1_772_463_600.0
URL = "https://processing-request-staging.connectivehealth.io/v1/scheduled-appointment"
NEW = Facts("sandbox", "http://127.0.0.1:1/v1/scheduled-appointment", True, True, True)
STAGING = Traffic(
    made=9,
    looked_at=9,
    delivered=4,
    waiting=3,
    held=2,
    last_at=AT,
    newest=((7, "c-7"), (6, "c-6")),
    sharing=Counter(both=1, problems=2, none=1),
    outcomes=Outcomes(found=3, insufficient=1, delivered=2),
)
DONE = Facts(
    "production",
    "https://processing-request-production.connectivehealth.io/v1/scheduled-appointment",
    False,
    True,
    True,
    live=True,
    live_at=AT,
    live_by="kim",
    traffic={
        "sandbox": Traffic(delivered=12, last_at=AT),
        "staging": STAGING,
        "production-test": Traffic(delivered=6),
        "production": Traffic(delivered=1),
    },
    test_patients=Patients(3, 3),
    round=Round(6),
    confirmed={
        "staging": Confirmed(AT, "kim", "SECRET by mail"),
        "production": Confirmed(AT, "kim", "SECRET"),
    },
)


def state(facts: Facts, code: str) -> Any:
    return next(step for step in steps(facts) if step.code == code)


def test_a_site_that_begins_has_everything_before_it() -> None:
    found = steps(NEW)
    assert [step.code for step in found] == [row.code for row in STEPS]
    assert not any(step.done for step in found)
    assert [step.code for step in found if step.next] == ["sandbox"]
    assert {step.code for step in found if step.state == "person"} == {"staging", "production"}
    assert all(step.evidence for step in found)


def test_a_site_that_is_live_has_all_behind_it() -> None:
    found = steps(DONE)
    assert [step.code for step in found if not step.done] == []
    assert not any(step.next for step in found)


def test_notes_of_persons_are_in_no_evidence() -> None:
    told = json.dumps([[step.evidence, step.data] for step in steps(DONE)])
    assert "SECRET" not in told and "kim" in told


@pytest.mark.parametrize(
    ("code", "change", "done", "evidence"),
    [
        ("sandbox", {"traffic": {"sandbox": Traffic(waiting=2)}}, False, "2 wait"),
        ("sandbox", {"traffic": {"sandbox": Traffic(delivered=1, last_at=AT)}}, True, "1 request taken"),
        ("settings", {"environment": "staging", "url": URL, "loopback": False}, True, URL),
        ("settings", {"environment": "staging", "key": False}, False, "[api] key is not set"),
        ("settings", {"environment": "staging", "mrn_root": False}, False, "mrn_root is not set"),
        ("settings", {"environment": "staging"}, True, "(this machine: a rehearsal)"),
        ("settings", {"traffic": {"staging": STAGING}}, True, "4 requests delivered with it"),
        ("settings", {}, False, '[site] environment is "sandbox"'),
        ("test-patients", {}, False, "0 imported"),
        ("test-patients", {"test_patients": Patients(0, 0)}, False, "0 imported"),
        ("test-patients", {"test_patients": Patients(7, 0)}, True, "7 imported"),
        ("test-patients-sent", {"test_patients": Patients(7, 6)}, False, "6 of 7"),
        ("test-patients-sent", {"test_patients": Patients(7, 7)}, True, "7 of 7"),
        ("test-patients-sent", {"test_patients": Patients(0, 0)}, False, "0 of 0"),
        ("answered", {"traffic": {"staging": STAGING}}, True, "request 7: c-7"),
        (
            "answered",
            {"traffic": {"staging": replace(STAGING, without_id=2)}},
            True,
            "2 answered without a correlation id",
        ),
        ("answered", {"traffic": {"staging": Traffic(held=2)}}, False, "2 are held"),
        ("answered", {"traffic": {"staging": replace(STAGING, made=5000)}}, True, "(of the newest 9)"),
        ("sharing", {"traffic": {"staging": STAGING}}, True, "problems 50 %"),
        (
            "sharing",
            {"traffic": {"staging": replace(STAGING, sharing={"none": 4})}},
            False,
            "neither 100 %",
        ),
        ("sharing", {"traffic": {"staging": replace(STAGING, missing=1)}}, False, "1 known left out"),
        ("webhooks", {"traffic": {"staging": replace(STAGING, outcomes=Outcomes())}}, False, "none received"),
        ("webhooks", {"traffic": {"staging": STAGING}}, True, "3 found"),
        (
            "webhooks",
            {"traffic": {"staging": replace(STAGING, outcomes=Outcomes(unanswered=4))}},
            False,
            "4 unanswered",
        ),
        ("production-key", {"environment": "production-test"}, True, "v1/scheduled-appointment"),
        ("production-test", {"round": Round(4)}, False, "4 accepted"),
        ("production-test", {"round": Round(5)}, True, "5 accepted; the vendor wants 5 to 10"),
        (
            "production-test",
            {"round": Round(5), "traffic": {"production-test": Traffic(delivered=5, lacking=1)}},
            False,
            "1 lack a required field",
        ),
        ("live", {"environment": "production"}, False, "go-live"),
        ("live", {"environment": "staging", "live": True}, False, "go-live"),
        ("live", {"environment": "production", "live": True, "live_at": AT}, True, "began in production"),
    ],
)
def test_what_shows_a_step(code: str, change: dict[str, Any], done: bool, evidence: str) -> None:
    found = state(replace(NEW, **change), code)
    assert found.done == done
    assert any(evidence in text for text in found.evidence), found.evidence


@pytest.mark.parametrize("code", CONFIRMABLE)
def test_a_person_may_confirm_what_left_no_trace_here(code: str) -> None:
    found = state(replace(NEW, confirmed={code: Confirmed(AT, "kim")}), code)
    assert found.done
    assert found.evidence[0] == "confirmed by kim on 2026-03-02 15:00"
    assert found.data["confirmed"] == {"at": AT, "by": "kim"}


def test_nobody_can_confirm_that_the_switch_was_thrown() -> None:
    assert not state(replace(NEW, confirmed={"live": Confirmed(AT, "kim")}), "live").done


def test_the_next_step_is_the_first_that_is_not_done() -> None:
    facts = replace(DONE, confirmed={}, test_patients=Patients(3, 2))
    assert [step.code for step in steps(facts) if step.next] == ["test-patients-sent"]
    assert [step.code for step in steps(replace(DONE, confirmed={})) if step.next] == ["staging"]


def test_a_rehearsal_on_this_machine_is_called_one() -> None:
    told = "a rehearsal: requests go to this machine"
    there = replace(NEW, environment="staging", traffic={"staging": STAGING})
    assert {step.code for step in steps(there) if told in step.evidence} == {"answered", "webhooks"}
    assert not any(told in step.evidence for step in steps(replace(there, loopback=False)))
    assert not any(told in step.evidence for step in steps(replace(there, environment="sandbox")))
