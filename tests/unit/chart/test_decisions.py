"""What each message does: posts, charts, holds, cancels, ignores; row by row of the table of decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from telling import PID, codes

from interface.rules import Policy

RDE = ("ORC|NW|O1", "RXE||860975^metformin^RXNORM")
VISIT = "PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI||||||||||||V77"
NEXT_WEEK = "PV2||||||||20260309"


@pytest.mark.parametrize("trigger", ["S12", "S13", "S14", "S18", "S19", "S27"])
def test_a_booking_is_posted(story, trigger):
    answer = story().book(kind=f"SIU^{trigger}")
    assert (answer["decision"], answer["type"]) == ("post", f"SIU^{trigger}")
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"


def test_an_appointment_knows_whether_its_last_message_was_of_production(story):
    told = story()
    told.book(msh11="T")
    assert [entry.trial for entry in told.chart.appointments.values()] == [True]
    told.book(kind="SIU^S14")
    assert [entry.trial for entry in told.chart.appointments.values()] == [False]
    told.tell("ADT^A05", told.PID, VISIT, NEXT_WEEK, msh11="D")
    assert told.chart.appointments["V:V77"].trial


def test_a_message_type_in_small_letters_is_the_same(story):
    answer = story().book(kind="siu^s12")
    assert (answer["decision"], answer["type"]) == ("post", "SIU^S12")


@pytest.mark.parametrize("trigger", ["S15", "S16", "S17", "S26"])
@pytest.mark.parametrize("status", ["", "Booked", "COMPLETE"])
def test_a_cancellation_withdraws_what_is_not_sent_whatever_the_status_says(story, trigger, status):
    told = story()
    told.book()
    answer = told.book(kind=f"SIU^{trigger}", status=status)
    assert (answer["decision"], answer["request"]) == ("cancel", None)
    assert told.states() == [("Close", 1, "withdrawn")]


def test_a_cancellation_of_an_unknown_appointment_changes_no_request(story):
    told = story()
    assert told.book(kind="SIU^S15")["decision"] == "cancel"
    assert told.states() == []
    assert told.book(kind="SIU^S12", key="F2")["decision"] == "post"


@pytest.mark.parametrize("kind", ["SIU^S23", "SIU^S24", "MDM^T02", "ORU^R01", "BAR^P01", "ZZZ^Z01", "QRY"])
def test_what_is_of_no_use_is_ignored(story, kind):
    told = story()
    assert told.book(kind=kind)["decision"] == "ignore"
    assert told.charts.all() == []


@pytest.mark.parametrize("kind", ["SIU^S12", "ADT^A08", "RDE^O11"])
def test_a_message_without_a_patient_is_ignored(story, kind):
    answer = story().tell(kind, "SCH||F1|||||||||^^^20260310", *RDE)
    assert (answer["decision"], codes(answer)) == ("ignore", ["no-patient"])


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        *(
            (word, "cancel")
            for word in ("Cancelled", "CANCELED", "DELETED", "Discontinued", "NOSHOW", "No Show", "DC")
        ),
        *((word, "chart") for word in ("Complete", "COMPLETED", "Pending", "WAITLIST", "Wait-Listed")),
        ("Blocked", "ignore"),
        *((word, "post") for word in ("Booked", "CONFIRMED", "Started", "Overbook", "", "WHATEVER")),
    ],
)
@pytest.mark.parametrize("where", ["SCH-25.1", "SCH-25.2", "SCH-6.1", "SCH-6.2", "AIS-10.1", "AIS-10.2"])
def test_the_status_of_a_booking_changes_what_it_does(story, said, decision, where):
    second = where.endswith("2")
    value = f"X^{said}" if second else said
    sch = "SCH||F1||||{sch6}|||||^^^20260310093000||||||||||||||{sch25}"
    parts = {
        "sch6": value if where.startswith("SCH-6") else "",
        "sch25": value if where.startswith("SCH-25") else "",
    }
    ais = f"AIS|1||CHECK|20260310093000||||||{value}" if where.startswith("AIS") else "AIS|1||CHECK"
    told = story()
    answer = told.tell("SIU^S14", sch.format(**parts), told.PID, told.AIP, ais)
    assert answer["decision"] == decision


def test_a_no_show_withdraws_the_request(story):
    told = story()
    told.book()
    assert told.book(kind="SIU^S14", status="NOSHOW")["decision"] == "cancel"
    assert told.states() == [("Close", 1, "withdrawn")]


@pytest.mark.parametrize("kind", ["SIU^S12", "SIU^S13", "SIU^S14"])
def test_a_booking_after_a_cancellation_opens_the_appointment_again(story, kind):
    told = story()
    told.book()
    told.book(kind="SIU^S15")
    assert told.book(kind=kind)["decision"] == "post"
    assert told.states() == [("NewRequest", 2, "waiting")]


@pytest.mark.parametrize("kind", [f"SIU^S{number}" for number in (18, 19, 20, 21, 22, 27)])
class TestNewsOfResourcesAfterACancellation:
    def test_they_do_not_open_the_appointment_again(self, story, kind):
        told = story()
        told.book()
        told.book(kind="SIU^S15")
        news = told.book(kind=kind)
        assert (news["decision"], news["reasons"][0]["code"]) == ("chart", "visit-cancelled")
        assert told.book(kind="ADT^A08", pid=told.pid(f8="M"))["decision"] == "chart"

    def test_they_do_where_it_had_ended_because_nobody_was_left(self, story, kind):
        told = story()
        told.book()
        assert (
            told.tell("SIU^S20", "SCH||F1", told.PID, told.AIP.replace("AIP|1|", "AIP|1|D"))["decision"]
            == "cancel"
        )
        assert told.book(kind=kind)["decision"] == "post"

    def test_they_do_where_they_say_that_it_is_booked(self, story, kind):
        told = story()
        told.book()
        told.book(kind="SIU^S15")
        assert told.book(kind=kind, status="Booked")["decision"] == "post"


@pytest.mark.parametrize(
    "trigger", ["A01", "A04", "A05", "A14", "A28", "A31", "A08", "A02", "A06", "A07", "A10"]
)
class TestAdmissions:
    def test_posts_for_a_booked_appointment(self, story, trigger):
        told = story(unchanged="send")
        told.book()
        answer = told.tell(f"ADT^{trigger}", told.PID)
        assert (answer["decision"], answer["request"]["upcomingAppointmentDate"]) == ("post", "2026-03-10")
        assert told.states() == [("NewRequest", 2, "waiting")]

    def test_posts_for_the_visit_it_names(self, story, trigger):
        told = story()
        answer = told.tell(f"ADT^{trigger}", told.PID, VISIT, NEXT_WEEK)
        assert (answer["decision"], answer["request"]["upcomingAppointmentDate"]) == ("post", "2026-03-09")

    def test_without_a_date_charts(self, story, trigger):
        told = story()
        answer = told.tell(f"ADT^{trigger}", told.PID, VISIT)
        assert (answer["decision"], codes(answer), told.states()) == ("chart", ["no-date"], [])


@pytest.mark.parametrize(
    "kind", ["ADT^A03", "ADT^A12", "ADT^A13", "ADT^A60", "RDE^O11", "RDE^O01", "RDE^O25"]
)
def test_other_messages_of_a_patient_are_charted(story, kind):
    told = story()
    told.book()
    answer = told.tell(kind, told.PID, VISIT, NEXT_WEEK, *RDE)
    assert (answer["decision"], answer["request"]) == ("chart", None)
    assert "NewRequest" not in [kind for kind, _, _ in told.states()]
    assert told.chart.patient["patient.gender"].value == "FEMALE"


@pytest.mark.parametrize("trigger", ["A11", "A38", "A27"])
def test_a_cancelled_visit_withdraws_its_own_request_only(story, trigger):
    told = story()
    told.tell("ADT^A05", told.PID, VISIT, NEXT_WEEK)
    told.tell("ADT^A05", told.PID, VISIT.replace("V77", "V78"), NEXT_WEEK.replace("09", "11"))
    assert told.tell(f"ADT^{trigger}", told.PID, VISIT)["decision"] == "cancel"
    assert told.states() == [("Close", 1, "withdrawn")]


@pytest.mark.parametrize(
    ("trigger", "decision"),
    [("A08", "chart"), ("A31", "chart"), ("A28", "chart"), ("A01", "post"), ("A05", "post")],
)
def test_news_of_the_person_does_not_open_a_cancelled_visit_but_a_new_admission_does(
    story, trigger, decision
):
    told = story()
    told.tell("ADT^A05", told.PID, VISIT, NEXT_WEEK)
    told.tell("ADT^A38", told.PID, VISIT)
    assert told.tell(f"ADT^{trigger}", told.PID, VISIT, NEXT_WEEK)["decision"] == decision


class TestDates:
    @pytest.mark.parametrize(
        ("start", "decision"), [("20260301", "chart"), ("20260302", "post"), ("20260303", "post")]
    )
    def test_a_past_date_is_not_sent(self, story, start, decision):
        answer = story().book(start=start)
        assert answer["decision"] == decision
        assert (codes(answer) == ["past-date"]) == (decision == "chart")

    @pytest.mark.parametrize(
        ("expected", "admitted", "taken"),
        [
            ("20260309", "20260305", "2026-03-09"),
            ("", "20260305", "2026-03-05"),
            ("", "20260302", "2026-03-02"),
            ("", "20260301", None),
            ("20260301", "", None),
            ("20260301", "20260305", "2026-03-05"),
            ("", "", None),
        ],
    )
    def test_a_visit_has_pv2_8_then_pv1_44_of_today_or_later(self, story, expected, admitted, taken):
        told = story()
        visit = VISIT + "|" * 25 + admitted
        answer = told.tell("ADT^A01", told.PID, visit, f"PV2||||||||{expected}")
        assert answer["decision"] == ("post" if taken else "chart")
        assert (answer["request"] or {}).get("upcomingAppointmentDate") == taken

    def test_an_admission_takes_the_nearest_booked_appointment_that_is_not_past(self, story):
        told = story()
        told.book(key="F1", start="20260306")
        told.book(key="F3", start="20260320")
        told.book(key="F2", start="20260304")
        told.book(key="F2", kind="SIU^S15", start="20260304")
        answer = told.tell("ADT^A08", told.pid(f8="M"), VISIT, NEXT_WEEK)
        assert answer["request"]["upcomingAppointmentDate"] == "2026-03-06"
        told.now += timedelta(days=6)
        answer = told.tell("ADT^A08", told.pid(f8="O"), VISIT, NEXT_WEEK, at="20260308")
        assert answer["request"]["upcomingAppointmentDate"] == "2026-03-20"

    def test_todays_appointment_is_not_past(self, story):
        told = story()
        told.book(start="20260302")
        assert told.tell("ADT^A08", told.pid(f8="M"))["decision"] == "post"

    def test_a_request_that_waits_past_its_day_expires(self, story):
        told = story()
        told.book(start="20260303")
        told.now += timedelta(days=2)
        told.tell("RDE^O11", told.PID, *RDE, at="20260304")
        assert told.states() == [("Close", 1, "expired")]

    def test_resettling_on_another_day_expires_and_keeps_what_is_settled(self, story):
        told = story()
        told.book(start="20260303")
        same = told.engine.resettle(told.chart, now=told.now, new_id=lambda: 9)
        assert (same.requests, same.chart) == ((), None)
        later = told.engine.resettle(told.chart, now=told.now + timedelta(days=2), new_id=lambda: 9)
        assert [(change.id, change.state) for change in later.requests] == [(1, "expired")]


class TestUnchanged:
    @pytest.mark.parametrize("kind", ["SIU^S14", "SIU^S12", "ADT^A08"])
    def test_the_same_request_is_not_asked_again(self, story, kind):
        told = story()
        told.book()
        answer = told.book(kind=kind)
        assert (answer["decision"], codes(answer), told.states()) == ("chart", ["unchanged"], [])

    def test_a_site_may_send_all(self, story):
        told = story(unchanged="send")
        told.book()
        assert told.book(kind="SIU^S14")["decision"] == "post"

    def test_what_differs_is_asked(self, story):
        told = story()
        told.book()
        assert told.book(kind="SIU^S14", start="20260311")["decision"] == "post"

    def test_equal_requests_of_two_appointments_are_both_asked(self, story):
        told = story()
        told.book()
        assert told.book(key="F2")["decision"] == "post"


class TestSupersede:
    def test_a_newer_request_takes_the_place_of_an_unsent_one(self, story):
        told = story()
        told.book()
        told.book(kind="SIU^S13", start="20260311")
        (made,) = told.changes
        assert (made.id, made.supersedes) == (2, 1)

    def test_not_that_of_another_appointment(self, story):
        told = story()
        told.book()
        told.book(key="F2", start="20260311")
        assert told.changes[0].supersedes is None

    def test_a_site_may_keep_one_for_each_message(self, story):
        told = story(supersede=False)
        told.book()
        told.book(kind="SIU^S13", start="20260311")
        assert told.changes[0].supersedes is None
        told.book(kind="SIU^S15")
        assert sorted(told.states()) == [("Close", 1, "withdrawn"), ("Close", 2, "withdrawn")]

    def test_a_site_that_kept_one_for_each_message_and_does_no_more_has_one_open_again(self, story):
        told = story(supersede=False)
        told.book()
        told.book(kind="SIU^S13", start="20260311")
        told.engine = replace(told.engine, policy=Policy())
        told.book(kind="SIU^S13", start="20260312")
        assert told.states() == [("Close", 1, "superseded"), ("NewRequest", 3, "waiting")]
        assert told.changes[1].supersedes == 2


class TestOlder:
    def test_a_late_booking_does_not_move_the_appointment_back(self, story):
        told = story()
        told.book(kind="SIU^S13", start="20260311", at="202603020900")
        answer = told.book(start="20260310", at="202603020800")
        assert (answer["decision"], codes(answer)) == ("chart", ["older"])
        assert told.chart.appointments["A:F1"].date == "2026-03-11"

    def test_a_late_cancellation_does_not_end_a_newer_booking(self, story):
        told = story()
        told.book(at="202603020900")
        assert told.book(kind="SIU^S15", at="202603020800")["decision"] == "chart"
        assert told.states() == []

    def test_a_late_booking_does_not_open_what_was_cancelled(self, story):
        told = story()
        told.book(kind="SIU^S15", at="202603020900")
        assert told.book(at="202603020800")["decision"] == "chart"

    def test_a_late_message_changes_no_newer_fact_but_adds_what_was_not_known(self, story):
        told = story()
        told.tell("ADT^A08", told.pid(f8="M", f13=""), at="202603020900")
        told.tell("ADT^A08", told.pid(f8="F"), at="202603020800")
        facts = told.chart.patient
        assert facts["patient.gender"].value == "MALE"
        assert facts["patient.contactPoints.home"].value[0]["value"] == "6085550142"

    def test_evn_2_dates_an_event_before_msh_7_does(self, story):
        told = story()
        told.tell("ADT^A08", "EVN|A08|202603020900", told.pid(f8="M"), at="202603020901")
        told.tell("ADT^A08", "EVN|A08|202603020800", told.pid(f8="F"), at="202603020902")
        assert told.chart.patient["patient.gender"].value == "MALE"


class TestProtected:
    @pytest.mark.parametrize(
        ("fields", "dead"),
        [
            ({"f30": "Y"}, True),
            ({"f29": "20260301"}, True),
            ({"f29": "20260301", "f30": "N"}, True),
            ({"f29": '""', "f30": "Y"}, True),
            ({"f30": "N"}, False),
            ({"f29": '""', "f30": '""'}, False),
        ],
    )
    def test_nothing_is_requested_for_the_deceased(self, story, fields, dead):
        told = story()
        answer = told.book(pid=told.pid(**fields))
        assert answer["decision"] == ("chart" if dead else "post")
        assert (codes(answer) == ["deceased"]) == dead

    def test_a_death_holds_what_waits_and_its_correction_releases_it(self, story):
        told = story()
        told.book()
        told.tell("ADT^A08", told.pid(f30="Y"))
        assert told.states() == [("Rewrite", 1, "held")]
        assert told.tell("ADT^A08", told.pid(f30="N"))["decision"] == "post"

    def test_an_unknown_identity_is_held(self, story):
        told = story()
        answer = told.book(pid=told.pid(f31="Y"))
        assert (answer["decision"], codes(answer)) == ("hold", ["identity-unknown"])
        assert told.tell("ADT^A08", told.pid(f31="N"))["decision"] == "post"


class TestSettings:
    @pytest.mark.parametrize(
        ("environment", "sent", "decision"),
        [
            *(("production", code, "ignore") for code in "TD"),
            ("production", "P", "post"),
            ("production", "", "post"),
            *((name, "T", "post") for name in ("sandbox", "staging", "production-test")),
        ],
    )
    def test_production_takes_no_test_messages(self, story, environment, sent, decision):
        answer = story(environment=environment).book(msh11=sent)
        assert (answer["decision"], codes(answer) == ["processing-id"]) == (decision, decision == "ignore")

    @pytest.mark.parametrize(
        ("wanted", "decision"), [("post", "post"), ("chart", "chart"), ("ignore", "ignore")]
    )
    def test_forward_changes_what_a_type_does(self, story, wanted, decision):
        told = story(decisions={"SIU^S12": wanted})
        assert told.book()["decision"] == decision
        assert told.book(kind="SIU^S13", key="F2")["decision"] == "post"

    @pytest.mark.parametrize("trigger", ["A08", "A28", "A05"])
    def test_forward_of_a_message_code_is_for_all_its_trigger_events(self, story, trigger):
        kind = f"ADT^{trigger}"
        assert story().tell(kind, PID, VISIT, NEXT_WEEK)["decision"] == "post"
        answer = story(decisions={"ADT": "chart"}).tell(kind, PID, VISIT, NEXT_WEEK)
        assert answer["decision"] == "chart"
        assert answer["reasons"][0]["text"].endswith(' ([forward] "ADT" = "chart")')
        both = story(decisions={"ADT": "chart", kind: "post"})
        assert both.tell(kind, PID, VISIT, NEXT_WEEK)["decision"] == "post", "the trigger event goes before"

    @pytest.mark.parametrize("wanted", ["post", "chart"])
    def test_forward_of_a_message_code_leaves_cancels_merges_and_what_is_unused(self, story, wanted):
        told = story(decisions={"ADT": wanted, "SIU": wanted})
        told.tell("ADT^A05", PID, VISIT, NEXT_WEEK)
        assert told.tell("ADT^A11", PID, VISIT)["decision"] == "cancel"
        told.book(kind="SIU^S12")
        assert told.book(kind="SIU^S15")["decision"] == "cancel"
        assert told.book(kind="SIU^S23")["decision"] == "ignore"
        assert codes(told.tell("ADT^A40", PID, "MRG|T2002^^^LFC^MR")) == ["number-retired"]

    @pytest.mark.parametrize("trigger", ["A08", "A11", "A40"])
    def test_forward_of_a_message_code_can_ignore_all_of_it_and_says_so(self, story, trigger):
        answer = story(decisions={"ADT": "ignore"}).tell(f"ADT^{trigger}", PID, VISIT, "MRG|T2^^^LFC^MR")
        assert (answer["decision"], codes(answer)) == ("ignore", ["forward"])
        assert answer["reasons"][0]["text"] == f'ADT^{trigger} is ignored by [forward] "ADT" = "ignore"'

    def test_forward_can_make_a_charted_message_post(self, story):
        told = story(decisions={"ADT^A03": "post"})
        told.book()
        assert told.tell("ADT^A03", told.pid(f8="M"))["decision"] == "post"

    def test_a_charted_booking_that_says_cancelled_still_cancels(self, story):
        told = story(decisions={"SIU^S14": "chart"})
        told.book()
        assert told.book(kind="SIU^S14", status="Cancelled")["decision"] == "cancel"
        assert told.states() == [("Close", 1, "withdrawn")]


class TestHolds:
    def test_a_held_request_is_released_by_what_it_lacked(self, story):
        told = story()
        answer = told.book(pid=told.pid(f7="1970"))
        assert answer["decision"] == "hold"
        assert told.states() == [("NewRequest", 1, "held")]
        answer = told.tell("ADT^A31", told.PID)
        assert (answer["decision"], codes(answer)) == ("post", ["completes-held"])

    def test_a_held_request_is_completed_by_an_order_message_too(self, story):
        told = story()
        told.book(pid=told.pid(f7=""))
        answer = told.tell("RDE^O11", told.PID, *RDE)
        assert (answer["decision"], answer["request"]["medications"][0]["active"]) == ("post", True)
        assert told.states() == [("Rewrite", 1, "waiting")]

    def test_the_same_hold_twice_is_one_request(self, story):
        told = story()
        told.book(pid=told.pid(f7="1970"))
        assert told.book(pid=told.pid(f7="1970"))["decision"] == "hold"
        assert told.states() == []

    def test_an_appointment_without_a_number_is_held(self, story):
        answer = story().book(key="")
        assert (answer["decision"], codes(answer)) == ("hold", ["no-appointment-id"])

    def test_a_waiting_request_takes_up_what_becomes_known(self, story):
        told = story()
        told.book()
        told.tell("RDE^O11", told.PID, *RDE)
        assert told.states() == [("Rewrite", 1, "waiting")]
        assert b"metformin" in told.changes[0].body

    def test_a_waiting_request_drops_again_what_is_taken_back(self, story):
        told = story()
        told.book()
        told.tell("RDE^O11", told.PID, *RDE)
        told.tell("RDE^O11", told.PID, "ORC|XO|O1" + "|" * 26 + "V", RDE[1])
        assert told.states() == [("Rewrite", 1, "waiting")]
        assert b"metformin" not in told.changes[0].body
        # whether the version with the drug was sent meanwhile is not known here
        assert told.book(kind="SIU^S14")["decision"] == "post"

    def test_a_request_that_was_composed_anew_is_written_again_only_when_something_differs(self, story):
        told = story()
        told.book()
        told.tell("RDE^O11", told.PID, *RDE)
        assert told.states() == [("Rewrite", 1, "waiting")]
        for message in (RDE, ("DG1|1||nonsense",)):
            told.tell("ADT^A03", told.PID, *message)
            assert told.states() == []
        told.tell("ADT^A03", told.pid(f8="M"))
        assert told.states() == [("Rewrite", 1, "waiting")]
        told.tell("ADT^A03", told.pid(f8="F"))
        assert told.states() == [("Rewrite", 1, "waiting")], "as it was before, but it stands otherwise"
        told.tell("ADT^A03", told.pid(f8="F"))
        assert told.states() == []

    def test_only_the_nearest_appointment_takes_the_provider_of_a_visit_and_keeps_it(self, story):
        told = story()
        for key, start in (("F1", "20260310"), ("F2", "20260312")):
            told.tell("SIU^S12", f"SCH||{key}|||||||||^^^{start}", told.PID)
        assert told.tell("ADT^A08", told.PID, VISIT)["decision"] == "post"
        assert told.chart.appointments["A:F2"].asked.state == "held"
        told.tell("RDE^O11", told.PID, *RDE)
        assert told.states()[0] == ("Rewrite", told.chart.appointments["A:F1"].asked.id, "waiting")
        assert told.chart.appointments["A:F2"].asked.state == "held"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"name,date\rRobin,2026\r", "no-msh"),
        (b"", "no-msh"),
        (b"MSH|^~\\&|A|B|C|D|20260302|||M1|P|2.5\rPID|1", "missing-type"),
        (b"MSH|^~\\&|A|B|C|D|20260302||ADT^A08||P|2.5\rPID|1", "missing-control-id"),
    ],
)
def test_what_is_no_message_is_rejected(story, raw, code):
    answer = story().raw(raw)
    assert (answer["decision"], codes(answer)) == ("reject", [code])


def test_appointments_long_past_leave_the_chart(story):
    told = story()
    told.book()
    told.now = datetime(2026, 6, 1, tzinfo=UTC)
    told.tell("ADT^A08", told.PID, at="20260601")
    assert told.chart.appointments == {}


HELD = ("RDE^O11", 'PID|1||T1001^^^LFC^MR||||""', "ORC|HD|O9")
"""Of a patient whose birth date it deletes: what is open is held."""
KNOWN = ("PPR^PC1", "PID|1||T1001^^^LFC^MR||||19700131", "PRB|AD||I10^Hypertension^I10")


def test_what_was_never_sent_is_no_last_request_though_it_was_held_and_released(story):
    told = story()
    told.book()  # and it is sent
    told.tell(*HELD)
    told.tell(*KNOWN)
    assert told.tell("ADT^A08", told.PID)["decision"] == "post"
    assert codes(told.tell("ADT^A08", told.PID)) == ["unchanged"]


def test_what_was_sent_and_says_the_same_again_after_a_hold_is_unchanged(story):
    told = story()
    told.book()
    told.tell(*HELD)
    told.tell(*HELD)
    told.tell(*KNOWN[:2])
    assert codes(told.tell("ADT^A08", told.PID)) == ["unchanged"]


def test_of_two_versions_that_may_have_been_sent_before_a_hold_none_is_the_last_request(story):
    told = story()
    told.book()
    told.tell(*KNOWN)  # composed anew, and sent so
    told.tell(*HELD)
    told.tell("PPR^PC3", KNOWN[1], "PRB|DE||I10^Hypertension^I10")
    assert told.tell("ADT^A08", told.PID)["decision"] == "post"
