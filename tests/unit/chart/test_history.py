"""History (what `load` brings) adds to the chart and sends nothing."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from made_up import AIP

from interface.chart.decide import Engine
from interface.chart.model import Chart
from interface.chart.outcome import NewRequest, Outcome, Rewrite
from interface.chart.rebuild import Told, rebuild
from interface.history.columns import read_layout
from interface.history.messages import build_messages
from interface.history.rows import Row, read_rows
from interface.rules import Policy, load_rulebook
from interface.rules.policy import HISTORY

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PID = "PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
NO_BIRTH_DATE = "PID|1||T1001^^^LFC^MR||Sample^Robin|||F|||12 Birch Ln^^Madison^WI^53703"
SCH = "SCH||F1|||||||||^^^202603100930"
DRUG = ("ORC|NW|P1", "RXE||860975^metformin 500 MG^RXNORM")


class Patient:
    """One patient's chart, told messages that were received or loaded."""

    def __init__(self) -> None:
        self.engine = Engine(load_rulebook(), Policy())
        self.chart: Chart | None = None
        self.ids = itertools.count(1)
        self.times = itertools.count(10)

    def __call__(self, kind: str, *segments: str, listener: str = "main", at: str = "") -> Outcome:
        number = next(self.times)
        head = f"MSH|^~\\&|APP|FAC|R|R|{at or f'2026030208{number}'}||{kind}|M{number}|P|2.5.1"
        return self.hears("\r".join((head, *segments)).encode(), listener)

    def hears(self, raw: bytes, listener: str) -> Outcome:
        reading = self.engine.read(raw, received_at=NOW, listener=listener)
        known = {} if self.chart is None else dict.fromkeys(reading.keys, self.chart)
        outcome = self.engine.decide(reading, known, now=NOW, new_id=self.ids.__next__)
        self.chart = outcome.chart or self.chart
        return outcome

    def load(self, kind: str, *segments: str, **more: Any) -> Outcome:
        return self(kind, *segments, listener=HISTORY, **more)

    def load_table(self, headings: str, *lines: str, as_of: str = "20260301") -> None:
        layout = read_layout(headings)
        rows = [row for row in read_rows([f"{line}\n" for line in lines], layout) if isinstance(row, Row)]
        for message in build_messages(rows, layout, as_of):
            self.hears(message.raw, HISTORY)

    def problems(self) -> list[str]:
        """The codes that are asked with."""
        request = self("SIU^S12", SCH, PID, AIP).request or {}
        return [entry["code"] for entry in request.get("activeIcd10Diagnoses", ())]


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.mark.parametrize("kind", ["SIU^S12", "ADT^A28", "ADT^A04"])
def test_what_would_be_posted_is_charted(patient: Patient, kind: str) -> None:
    segments = (SCH, PID, AIP) if kind.startswith("SIU") else (PID, "PV1|1|O|||||" + "|" * 30)
    outcome = patient.load(kind, *segments)
    assert (outcome.decision, [reason.code for reason in outcome.reasons]) == ("chart", ["history"])
    assert outcome.requests == ()
    assert outcome.chart is not None and "patient.name" in outcome.chart.patient


def test_an_appointment_of_history_is_booked_and_the_next_message_asks_for_it(patient: Patient) -> None:
    patient.load("SIU^S12", SCH, PID, AIP)
    outcome = patient("ADT^A08", PID, "PV1|1|O")
    assert outcome.decision == "post"
    assert outcome.request is not None and outcome.request["upcomingAppointmentDate"] == "2026-03-10"


def test_history_releases_no_held_request_and_the_next_message_does(patient: Patient) -> None:
    assert patient("SIU^S12", SCH, NO_BIRTH_DATE, AIP).decision == "hold"
    loaded = patient.load("ADT^A28", PID)
    assert loaded.decision == "chart"
    (change,) = loaded.requests
    assert (change.state, [reason.code for reason in change.reasons]) == ("held", ["history"])
    assert patient("RDE^O11", NO_BIRTH_DATE, *DRUG).decision == "post"


def test_history_releases_no_held_request_and_the_next_day_does(patient: Patient) -> None:
    patient("SIU^S12", SCH, NO_BIRTH_DATE, AIP)
    patient.load("ADT^A28", PID)
    patient.load("ADT^A28", PID, at="20260102")
    assert patient.chart is not None
    outcome = patient.engine.resettle(patient.chart, now=NOW, new_id=patient.ids.__next__)
    assert [change.state for change in outcome.requests] == ["waiting"]


def test_history_reaches_a_request_that_still_waits(patient: Patient) -> None:
    assert patient("SIU^S12", SCH, PID, AIP).decision == "post"
    loaded = patient.load("RDE^O11", PID, *DRUG, at="20250101")
    assert loaded.decision == "chart"
    (change,) = loaded.requests
    assert isinstance(change, Rewrite) and change.state == "waiting"
    assert b"metformin" in change.body


def test_history_is_older_than_what_was_received_since(patient: Patient) -> None:
    patient("ADT^A31", PID.replace("Madison", "Monona"))
    patient.load("ADT^A28", PID, at="20250101")
    assert patient.chart is not None
    assert patient.chart.patient["patient.address"].value["city"] == "Monona"


def test_a_cancel_of_history_withdraws(patient: Patient) -> None:
    (made,) = patient("SIU^S12", SCH, PID, AIP).requests
    assert isinstance(made, NewRequest)
    outcome = patient.load("SIU^S15", SCH, PID, AIP)
    assert (outcome.decision, [change.state for change in outcome.requests]) == ("cancel", ["withdrawn"])


def test_history_asks_for_nothing_when_it_is_decided_again(patient: Patient) -> None:
    reading = patient.engine.read(
        "\r".join(("MSH|^~\\&|A|F|R|R|20260302||SIU^S12|M1|P|2.5.1", SCH, PID, AIP)).encode(),
        received_at=NOW,
        listener=HISTORY,
    )
    told = Told(1, reading, NOW, None, again=True)
    rebuilt = rebuild(patient.engine, [told], {}, now=NOW, new_id=patient.ids.__next__)
    assert [made.request for made in rebuilt.messages] == [None]
    assert [made.requests for made in rebuilt.patients] == [[]]


RESOLVED = "PRB|UP|20260302|I10^Hypertension^I10|77||||||||||resolved"


@pytest.mark.parametrize(
    ("kind", "prb"), [("PPR^PC2", RESOLVED), ("PPR^PC3", "PRB|DE|20260302|I10^Hypertension^I10|77")]
)
def test_the_feed_ends_a_problem_that_a_table_brought(patient: Patient, kind: str, prb: str) -> None:
    patient.load_table("mrn,icd10,label", "T1001,I10,Hypertension", "T1001,E11.9,Diabetes")
    patient(kind, PID, prb)
    assert patient.problems() == ["E11.9"]


@pytest.mark.parametrize("status", ["resolved", "entered in error"])
def test_a_table_ends_a_problem_that_the_feed_brought(patient: Patient, status: str) -> None:
    patient("PPR^PC1", PID, "PRB|AD|20260201|I10^Hypertension^I10|77", at="20260201")
    patient.load_table("mrn,icd10,label,status", f"T1001,I10,Hypertension,{status}")
    assert patient.problems() == []


def test_what_the_feed_ended_since_a_table_was_written_stays_ended(patient: Patient) -> None:
    patient("PPR^PC2", PID, RESOLVED)
    patient.load_table("mrn,icd10,label", "T1001,I10,Hypertension")
    assert patient.problems() == []


def test_a_problem_of_the_feed_keeps_its_number_when_a_table_names_it_too(patient: Patient) -> None:
    patient("PPR^PC1", PID, "PRB|AD|20260201|E11.9^Diabetes^I10|77", at="20260201")
    patient.load_table("mrn,icd10,label", "T1001,E11.9,Diabetes")
    patient("PPR^PC2", PID, "PRB|UP|20260302|E11.65^Diabetes, high^I10|77")
    assert patient.problems() == ["E11.65"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_problem_that_a_table_has_as_past_and_as_active_is_active(
    patient: Patient, order: tuple[int, int]
) -> None:
    lines = ("T1001,I10,Hypertension,2010-01-05,resolved", "T1001,I10,Hypertension,2020-01-05,active")
    patient.load_table("mrn,icd10,label,date,status", *(lines[index] for index in order))
    assert patient.problems() == ["I10"]
