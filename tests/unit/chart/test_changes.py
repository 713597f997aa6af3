"""What each message changes in a chart: in words, value by value, each with its source; and nothing else."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest
from chart_stories import STORIES, Sums, of_charts, told_of
from hypothesis import HealthCheck, given, settings
from telling import AIP, PID, SCH, orc, rxe, segment

from interface.chart.changes import changes
from interface.chart.decide import Engine
from interface.chart.registry import Registry
from interface.chart.replay import Replay
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
TODAY = date(2026, 3, 2)
ENGINE = Engine(load_rulebook(), Policy(mrn_authority=("LFC",)))
VISIT = "PV1|1|O" + "|" * 17 + "V1"
METFORMIN = orc(), rxe()


class Told:
    """Messages, and what the last one changed."""

    def __init__(self, engine: Engine = ENGINE) -> None:
        self.replay = Replay(engine)
        self.count = 0

    def tell(self, kind: str, *segments: str):
        self.count += 1
        head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{self.count:02d}||{kind}|M{self.count}|P|2.5.1"
        raw = "\r".join((head, *segments)).encode()
        return self.replay.last(self.replay.read(raw, NOW, ""), NOW)


@pytest.fixture
def told() -> Told:
    return Told()


def said(found) -> list[str]:
    return [change.said for chart in found for change in chart.changes]


def rows(found) -> list[tuple[str, object, object, str]]:
    return [
        (entry.field, entry.before, entry.after, entry.source)
        for chart in found
        for change in chart.changes
        for entry in change.fields
    ]


def test_the_first_message_begins_the_chart_and_every_value_has_its_source(told):
    (chart,) = found = told.tell("SIU^S12", SCH, PID, AIP)
    assert (chart.new, chart.keys) == (True, ("|T1001",))
    assert said(found) == ["Patient added", "Appointment made"]
    assert ("patient.name.family", None, "Sample", "M1:PID-5.1") in rows(found)
    assert ("upcomingAppointmentDate", None, "2026-03-10", "M1:SCH-11.4") in rows(found)
    assert [row for row in rows(found) if not row[3]] == []


def test_what_is_said_again_changes_nothing(told):
    told.tell("SIU^S12", SCH, PID, AIP)
    assert told.tell("SIU^S14", SCH, PID, AIP) == ()


def test_one_new_value_is_one_row_with_before_and_after(told):
    told.tell("ADT^A08", PID)
    found = told.tell("ADT^A08", segment(PID, f5="Sampleton^Robin^Lee"))
    assert (said(found), rows(found)) == (
        ["Patient changed"],
        [("patient.name.family", "Sample", "Sampleton", "M2:PID-5.1")],
    )


def test_what_the_sender_deletes_goes_and_had_come_from_there(told):
    told.tell("ADT^A08", PID)
    found = told.tell("ADT^A08", segment(PID, f13='""'))
    assert rows(found)[0] == ("patient.contactPoints.home[0].value", "6085550142", None, "M1:PID-13.1")
    assert {(after, source[:9]) for _, _, after, source in rows(found)} == {(None, "M1:PID-13")}


@pytest.mark.parametrize(
    ("kind", "sch", "words", "row"),
    [
        (
            "SIU^S13",
            SCH.replace("20260310", "20260312"),
            "Appointment moved to another day",
            ("upcomingAppointmentDate", "2026-03-10", "2026-03-12", "M2:SCH-11.4"),
        ),
        (
            "SIU^S15",
            SCH,
            "Appointment cancelled",
            ("appointment.status", "booked", "cancelled", "MSH-9"),
        ),
    ],
)
def test_an_appointment_is_moved_and_cancelled_in_words(told, kind, sch, words, row):
    told.tell("SIU^S12", SCH, PID, AIP)
    found = told.tell(kind, sch, PID, AIP)
    assert (said(found), rows(found)) == ([words], [row])


def test_a_cancelled_appointment_is_booked_again(told):
    told.tell("SIU^S12", SCH, PID, AIP)
    told.tell("SIU^S15", SCH, PID, AIP)
    assert said(told.tell("SIU^S12", SCH, PID, AIP)) == ["Appointment booked again"]


def test_the_fillers_number_makes_no_other_appointment_of_one_known_by_the_placers(told):
    told.tell("SIU^S12", "SCH|P9||||||||||^^^20260310093000", PID, AIP)
    found = told.tell("SIU^S14", "SCH|P9|F9|||||||||^^^20260310093000", PID, AIP)
    assert said(found) == ["Appointment changed"]
    assert rows(found)[0][:3] == ("appointment.id", "P9", "F9")


def test_a_problem_is_added_said_again_and_no_longer_listed(told):
    told.tell("ADT^A08", PID, VISIT)
    found = told.tell("ADT^A08", PID, VISIT, "DG1|1||E11.9^Diabetes^I10")
    assert said(found) == ["Problem added"]
    assert ("problem.code", None, "E11.9", "M2:DG1-3.1") in rows(found)
    assert ("problem.state", None, "active", "M2:DG1-3.1") in rows(found)
    other = VISIT.replace("V1", "V2")
    assert said(told.tell("ADT^A08", PID, other, "DG1|1||E11.9^Diabetes^I10")) == [
        "Problem said by another visit or list, too"
    ]
    found = told.tell("ADT^A08", PID, VISIT, "DG1|1||I10^Hypertension^I10")
    assert said(found) == ["Problem added", "Problem no longer in the chart"]
    assert [change.about for change in found[0].changes] == ["ICD10 I10 Hypertension", "ICD10 E11.9 Diabetes"]


def test_a_problem_of_the_list_ends(told):
    told.tell("PPR^PC1", PID, "PRB|AD|20260301|E11.9^Diabetes^I10|77")
    found = told.tell("PPR^PC2", PID, "PRB|UP|20260302|E11.9^Diabetes^I10|77" + "|" * 5 + "20260301")
    assert said(found) == ["Problem ended"]
    (state,) = [row for row in rows(found) if row[0] == "problem.state"]
    assert (state[1], state[3]) == ("active", "M2:PRB-9")


def test_a_medication_is_added_changed_and_ended(told):
    found = told.tell("RDE^O11", PID, *METFORMIN)
    assert said(found) == ["Patient added", "Medication added"]
    assert found[0].changes[1].about == "metformin 500 MG"
    assert ("medication.nameCode.code", None, "860975", "M1:RXE-2.1") in rows(found)
    assert said(told.tell("RDE^O11", PID, orc("XO"), rxe(f10="30"))) == ["Medication changed"]
    found = told.tell("RDE^O11", PID, orc("DC"), rxe())
    assert said(found) == ["Medication ended"]
    (state,) = [row for row in rows(found) if row[0] == "order.state"]
    assert state == ("order.state", "active", "ended", "M3:ORC-1")


def test_a_merge_tells_what_the_other_chart_brought(told):
    told.tell("ADT^A08", PID)
    told.tell("ADT^A08", PID.replace("T1001", "T2"), "DG1|1||E11.9^Diabetes^I10")
    (chart,) = found = told.tell("ADT^A40", PID, "MRG|T2^^^LFC^MR")
    assert chart.joined == (("|T2",),)
    assert said(found) == ["Retired number added", "Problem added"]
    assert ("numbers", None, "T2", "MRG-1") in rows(found)


def test_a_visit_that_moves_changes_both_charts(told):
    told.tell("ADT^A08", PID, VISIT, "DG1|1||E11.9^Diabetes^I10")
    found = told.tell("ADT^A45", PID.replace("T1001", "T2"), "MRG|T1001^^^LFC^MR||||V1", VISIT)
    assert [chart.keys for chart in found] == [("|T2",), ("|T1001",)]
    assert said(found[:1]) == ["Patient added", "Problem added"]
    assert said(found[1:]) == ["Problem no longer in the chart"]


def test_a_number_that_moves_to_another_person_leaves_a_chart_that_none_leads_to(told):
    told.tell("ADT^A08", PID)
    new, old = told.tell("ADT^A43", PID.replace("T1001", "T2"), "MRG|T1001^^^LFC^MR")
    assert (new.keys, new.without_number) == (("|T2", "|T1001"), False)
    assert (old.keys, old.without_number) == (("|T1001",), True)
    assert rows((old,)) == [("patient.mrn.extension", "T1001", None, "M1:PID-3.1")]


def test_what_is_confidential_is_said_to_be_there_and_no_more(told):
    found = told.tell("PPR^PC1", PID, segment("PRB|AD|20260301|B20^HIV disease^I10|77", f25="V"))
    (problem,) = [change for change in found[0].changes if change.part == "problem"]
    assert problem.about == ""
    assert [(entry.field, entry.after) for entry in problem.fields] == [
        ("problem.state", "confidential: withheld")
    ]


def test_a_message_that_is_not_for_us_changes_nothing(told):
    assert told.tell("ORU^R01", PID) == ()
    assert told.tell("SIU^S12", SCH, segment(PID, f3="")) == ()


# ------------------------------------------------------------------------------------------ all of it together


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(STORIES)
def test_the_changes_message_by_message_lead_from_nothing_to_the_charts_that_are_decided(story):
    replay, decided, ids = Replay(ENGINE), Registry(), itertools.count(1)
    sums = Sums()
    for number, step in enumerate(story):
        reading = replay.read(told_of(number, step), NOW, "")
        outcome = ENGINE.decide(reading, decided.find(reading.keys), now=NOW, new_id=ids.__next__)
        decided.keep(reading, outcome)
        sums.take(replay.last(reading, NOW))
    assert sums.charts() == of_charts(ENGINE, decided.all(), TODAY)


def test_nothing_differs_from_itself(told):
    told.tell("SIU^S12", SCH, PID, AIP, *METFORMIN)
    (chart,) = told.replay.charts
    assert changes(chart, chart, ENGINE.book, ENGINE.policy, TODAY) == ()
    assert changes(None, None, ENGINE.book, ENGINE.policy, TODAY) == ()
