"""Each hold says what releases it, and that does release it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from interface.chart.holds import CODES, FIELDS, release_of

NO_NPI = "AIP|1||D7^Quill^Avery|ATND"


@dataclass(frozen=True)
class Case:
    """A booking that is held, and the message that releases it as the table says."""

    code: str
    pid: dict[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    aip: str = ""
    start: str = "20260310093000"
    then_pid: dict[str, str] = field(default_factory=dict)
    then_more: tuple[str, ...] = ()


CASES = [
    Case("missing:patient.name", pid={"f5": ""}),
    Case("missing:patient.name.family", pid={"f5": "^Robin"}),
    Case("missing:patient.name.given", pid={"f5": "Sample"}),
    Case("missing:patient.name.given", pid={"f5": "Sample"}, then_pid={"f5": "SAMPLE,ROBIN"}),
    Case("missing:patient.birthDate", pid={"f7": "1970"}),
    Case("missing:patient.address", pid={"f11": ""}),
    Case("missing:patient.address.zip", pid={"f11": "12 Birch Ln^^Ottawa^ON^K1A 0B1^CAN"}),
    Case("missing:upcomingAppointmentDate", start=""),
    Case("missing:upcomingAppointmentProvider", aip="NTE|1"),
    Case("missing:upcomingAppointmentProvider.npi", aip=NO_NPI),
    Case("missing:upcomingAppointmentProvider.name", aip="AIP|1||1234567893^^^^^^^^^^^^NPI|ATND"),
    Case("missing:upcomingAppointmentProvider.name.given", aip="AIP|1||1234567893^Quill^^^^^^^^^^^NPI|ATND"),
    Case("identity-unknown", pid={"f31": "Y"}, then_pid={"f31": "N"}),
    Case("protected", more=("PD1||||||||||||Y",), then_more=("PD1||||||||||||N",)),
    Case("protected", more=("ARV|1||PRO^Protected",), then_more=('ARV|1||""',)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_what_the_table_says_releases_the_hold(story, case: Case) -> None:
    told = story()
    booking = (f"SCH||F1|||||||||^^^{case.start}", told.pid(**case.pid), case.aip or told.AIP)
    held = told.tell("SIU^S12", *booking, *case.more)
    assert held["decision"] == "hold"
    assert {reason["code"]: reason.get("release") for reason in held["reasons"]} == {
        case.code: release_of(case.code)
    }
    released = told.book(*case.then_more, pid=told.pid(**case.then_pid), kind="SIU^S14")
    assert released["decision"] == "post", released["reasons"]
    assert not any("release" in reason for reason in released["reasons"])


def test_a_number_with_a_forbidden_character_is_released_by_the_number_as_it_is(story) -> None:
    held = story().book(pid=story().pid(f3="T%100^^^LFC^MR"))
    (reason,) = held["reasons"]
    assert reason["code"] == "invalid:patient.mrn.extension"
    assert "never altered" in reason["release"]


def test_a_hold_without_a_chart_says_what_releases_it_too(story) -> None:
    no_mrn = story().book(pid=story().pid(f3=""))
    assert no_mrn["reasons"][0]["code"] == "no-mrn"
    assert "site.mrn_authority" in no_mrn["reasons"][0]["release"]
    no_id = story().book(key="")
    assert "SCH-2" in no_id["reasons"][0]["release"]


def test_what_a_person_lets_go_counts_for_the_appointments_later_requests(story) -> None:
    told = story()
    protected = "PD1||||||||||||Y"
    assert told.book(protected)["decision"] == "hold"
    let_go = told.engine.release(told.chart, 1, now=told.now, new_id=told.ids.__next__)
    told.kept.update(dict.fromkeys(let_go.chart.keys, let_go.chart))
    for day in ("20260311", "20260312"):
        assert told.book(protected, start=day, kind="SIU^S13")["decision"] == "post"
    assert told.book(protected, key="F2")["decision"] == "hold"  # another appointment


def test_a_field_within_a_field_has_the_row_of_what_it_belongs_to() -> None:
    assert release_of("invalid:patient.name.given[1]") == release_of("missing:patient.name.given")
    assert release_of("invalid:upcomingAppointmentProvider.name.suffix") == release_of(
        "missing:upcomingAppointmentProvider.name"
    )


@pytest.mark.parametrize(
    "code", ["request", "unchanged", "", "missing:", "missing:nothing", "a.b", "missing:a.b"]
)
def test_what_is_no_hold_has_no_release(code: str) -> None:
    assert release_of(code) == ""


def test_every_row_has_a_release_and_stands_once() -> None:
    rows = [*FIELDS, *CODES]
    assert len({row.key for row in rows}) == len(rows)
    assert [row.key for row in rows if not row.release] == []
