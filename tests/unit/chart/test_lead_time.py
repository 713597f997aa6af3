"""Asking so many days before the visit: when, for which appointments, and what follows from changes meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from telling import AIP, PID, codes

from interface.chart.by_hand import give_up
from interface.chart.guarding import FREE, Ruling, together
from interface.chart.holds import hold
from interface.chart.lead_time import moment_of
from interface.chart.model import change
from interface.rules import load_rulebook

CHICAGO = ZoneInfo("America/Chicago")
DG1 = "DG1|1||E11.9^Diabetes^I10"
FAR, NEAR = "20260410093000", "20260310093000"
"""Days of visits: outside fourteen days of the second of March, and within."""


@pytest.fixture
def early(story):
    """A site that asks fourteen days before the visit."""
    return story(send_days_before=14, timezone=CHICAGO)


def at(told, *when):
    """It is so late at the site, and open requests are settled: what that changed."""
    return told.settle(datetime(*when, tzinfo=CHICAGO).astimezone(UTC))


# ---------------------------------------------------------------- when


def test_a_visit_further_away_is_held_until_its_day_and_says_so(early):
    answer = early.book(start=FAR)
    assert (answer["decision"], codes(answer)) == ("hold", ["lead-time"])
    assert answer["reasons"][0]["text"] == "asked for on 2026-03-27, 14 days before the visit"
    assert answer["reasons"][0]["release"] == "the time, by itself"
    assert answer["request"]["upcomingAppointmentDate"] == "2026-04-10", "what would be asked is shown"
    (made,) = early.changes
    moment = datetime.fromtimestamp(made.until, CHICAGO)
    assert (made.state, moment.date(), moment.hour < 8) == ("held", date(2026, 3, 27), True)


def test_a_visit_within_the_days_is_asked_for_at_once(early):
    assert early.book(start=NEAR)["decision"] == "post"
    assert early.book(key="F2", start="20260302093000")["decision"] == "post", "today, too"


@pytest.mark.parametrize("environment", ["staging", "production-test"])
def test_what_the_vendor_is_to_look_at_does_not_wait_for_its_day(story, environment):
    assert story(send_days_before=14, environment=environment).book(start=FAR)["decision"] == "post"


def test_without_the_setting_all_is_asked_for_at_once(told):
    assert told.book(start=FAR)["decision"] == "post"


def test_one_day_is_told_as_one(story):
    answer = story(send_days_before=1).book(start=FAR)
    assert answer["reasons"][0]["text"] == "asked for on 2026-04-09, 1 day before the visit"


def test_it_is_let_go_on_its_day_at_its_moment_and_not_before(early):
    early.book(start=FAR)
    moment = early.changes[0].until
    assert at(early, 2026, 3, 26, 23, 59) == []
    assert early.settle(datetime.fromtimestamp(moment - 0.000001, UTC)) == []
    assert early.settle(datetime.fromtimestamp(moment, UTC)) == [("Rewrite", 1, "waiting")]
    assert at(early, 2026, 3, 27, 9) == []


def test_it_is_asked_with_what_is_known_on_that_day(early):
    early.book(start=FAR)
    early.tell("ADT^A08", PID, DG1)
    at(early, 2026, 3, 27, 9)
    (change,) = early.changes
    assert b"E11.9" in change.body


def test_a_visit_that_adt_names_waits_for_its_day_too(early):
    answer = early.tell(
        "ADT^A05", PID, f"PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI{'|' * 12}V1", "PV2||||||||20260410"
    )
    assert codes(answer) == ["lead-time"]


def test_a_request_without_a_date_goes_at_once(story):
    told = story(send_days_before=14, api_version=2, without_date="post")
    assert told.tell("ADT^A08", PID, "PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI")["decision"] == "post"


def test_a_day_is_spread_over_its_first_hours_always_in_the_same_way():
    now = datetime(2026, 3, 2, 12, tzinfo=CHICAGO)
    moments = [moment_of(date(2026, 3, 27), f"A:{number}", now) for number in range(2000)]
    assert moments == [moment_of(date(2026, 3, 27), f"A:{number}", now) for number in range(2000)]
    hours = [datetime.fromtimestamp(moment, CHICAGO).hour for moment in moments]
    assert {hour: 200 < hours.count(hour) < 300 for hour in range(8)} == dict.fromkeys(range(8), True)
    assert len(hours) == sum(map(hours.count, range(8)))


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 7), (date(2026, 11, 1), 9), (date(2026, 6, 1), 8)]
)
def test_on_the_days_on_which_clocks_change_the_window_ends_at_eight_all_the_same(day, hours):
    now = datetime(2026, 1, 2, 12, tzinfo=CHICAGO)
    moments = [moment_of(day, f"A:{number}", now) for number in range(3000)]
    told = [datetime.fromtimestamp(moment, CHICAGO) for moment in moments]
    assert {entry.date() for entry in told} == {day}
    assert max(entry.hour for entry in told) == 7
    assert (max(moments) - min(moments)) / 3600 == pytest.approx(hours, abs=0.05)


def test_where_a_day_begins_at_one_nothing_is_asked_for_the_day_before():
    havana = ZoneInfo("America/Havana")  # 2026-03-08 has no midnight there
    moments = [
        moment_of(date(2026, 3, 8), f"A:{number}", datetime(2026, 1, 2, tzinfo=havana))
        for number in range(500)
    ]
    assert {datetime.fromtimestamp(moment, havana).date() for moment in moments} == {date(2026, 3, 8)}


# ---------------------------------------------------------------- what changes meanwhile


def test_moved_into_the_days_it_goes_at_once_in_the_place_of_the_held_one(early):
    early.book(start=FAR)
    answer = early.book(start=NEAR, kind="SIU^S13")
    assert answer["decision"] == "post"
    assert [(made.state, made.supersedes) for made in early.changes] == [("waiting", 1)]


def test_moved_further_away_it_waits_for_the_new_day(early):
    early.book(start=FAR)
    answer = early.book(start="20260501093000", kind="SIU^S13")
    assert answer["reasons"][0]["text"].startswith("asked for on 2026-04-17,")
    assert at(early, 2026, 3, 27, 9) == []
    assert at(early, 2026, 4, 17, 9) == [("Rewrite", 2, "waiting")]


def test_what_waits_to_be_sent_is_held_when_the_visit_moves_away(early):
    early.book(start=NEAR)
    answer = early.book(start=FAR, kind="SIU^S13")
    assert (answer["decision"], [made.supersedes for made in early.changes]) == ("hold", [1])


def test_a_move_by_a_message_that_only_adds_is_followed_too(story):
    told = story(send_days_before=14, timezone=CHICAGO, decisions={"SIU^S13": "chart"})
    told.book(start=NEAR)
    told.book(start=FAR, kind="SIU^S13")
    assert told.states() == [("Rewrite", 1, "held")]


def test_a_cancelled_one_is_withdrawn_and_its_day_changes_nothing(early):
    early.book(start=FAR)
    assert early.book(start=FAR, kind="SIU^S15")["decision"] == "cancel"
    assert early.states() == [("Close", 1, "withdrawn")]
    assert at(early, 2026, 3, 27, 9) == []


def test_it_expires_when_nothing_ran_until_the_visit_was_past(early):
    early.book(start=FAR)
    assert at(early, 2026, 4, 11, 9) == [("Close", 1, "expired")]


def test_after_days_in_which_nothing_ran_it_goes_at_once(early):
    early.book(start=FAR)
    assert at(early, 2026, 4, 2, 1) == [("Rewrite", 1, "waiting")]


def test_it_follows_the_patient_into_a_merge(early):
    early.book(start=FAR, pid=PID.replace("T1001", "T2"))
    early.tell("ADT^A40", PID, "MRG|T2^^^LFC^MR")
    assert {change.state for change in early.changes} == {"held"}
    assert all(change.until for change in early.changes)
    assert at(early, 2026, 3, 27, 9) == [("Rewrite", 1, "waiting")]


def test_one_request_for_each_message_where_the_site_wants_that(story):
    told = story(send_days_before=14, timezone=CHICAGO, supersede=False)
    told.book(start=FAR)
    told.book(DG1, start=FAR, kind="SIU^S14")
    assert [made.supersedes for made in told.changes] == [None]
    assert at(told, 2026, 3, 27, 9) == [("Rewrite", 1, "waiting"), ("Rewrite", 2, "waiting")]


def test_what_lacks_something_needs_more_than_time(early):
    answer = early.book(start=FAR, pid=PID.replace("19700131", ""))
    assert codes(answer) == ["missing:patient.birthDate", "lead-time"]
    assert early.changes[0].until is None
    assert at(early, 2026, 3, 27, 9) == [("Rewrite", 1, "held")], "the time is no reason any more"
    early.tell("ADT^A08", PID)
    assert [(made.state, made.supersedes) for made in early.changes] == [("waiting", 1)]


def test_the_message_that_says_nothing_new_of_it_leaves_the_one_request(early):
    early.book(start=FAR)
    answer = early.book(start=FAR, kind="SIU^S14")
    assert (answer["decision"], early.changes) == ("hold", [])


# ---------------------------------------------------------------- what was let out is not taken back


def test_what_was_asked_for_is_not_held_again_by_another_setting(story):
    told = story(timezone=CHICAGO)
    told.book(start=FAR)
    told.engine = story(send_days_before=14, timezone=CHICAGO).engine
    assert at(told, 2026, 3, 3, 9) == []
    answer = told.book(start=FAR, kind="SIU^S14")
    assert (answer["decision"], codes(answer)) == ("chart", ["unchanged"])


def test_what_was_only_a_trial_in_another_environment_waits_for_its_day(story):
    told = story(timezone=CHICAGO, environment="production-test")
    told.book(start=FAR)
    told.engine = story(send_days_before=14, timezone=CHICAGO, environment="production").engine
    outcome = told.engine.ask_anew(told.chart, {1}, now=told.now, new_id=told.ids.__next__)
    (made,) = outcome.requests
    assert (made.state, [why.code for why in made.reasons]) == ("held", ["lead-time"])


def test_another_setting_moves_the_day_of_what_is_held(story):
    told = story(send_days_before=14, timezone=CHICAGO)
    told.book(start=FAR)
    told.engine = story(send_days_before=7, timezone=CHICAGO).engine
    assert at(told, 2026, 3, 27, 9) == [("Rewrite", 1, "held")]
    assert told.changes[0].reasons[0].text == "asked for on 2026-04-03, 7 days before the visit"
    told.engine = story(timezone=CHICAGO).engine
    assert at(told, 2026, 3, 27, 9) == [("Rewrite", 1, "waiting")]


def test_a_chart_of_before_this_setting_counts_as_asked(story):
    told = story(timezone=CHICAGO)
    told.book(start=FAR)
    (entry,) = told.chart.appointments.values()
    assert entry.asked.day == "2026-04-10@sandbox"
    told.chart.appointments[entry.key] = change(entry, asked=change(entry.asked, day=""))
    told.engine = story(send_days_before=14, timezone=CHICAGO).engine
    assert at(told, 2026, 3, 3, 9) == []


def test_what_a_person_gave_up_while_it_waited_for_its_day_is_not_asked_for_on_that_day(early):
    early.book(start=FAR)
    chart = early.chart
    settling = early.engine.settling(chart, now=early.now, trigger="", new_id=early.ids.__next__)
    (appointment,) = chart.appointments.values()
    give_up(settling, appointment, 1)
    early.now = datetime(2026, 3, 27, 20, tzinfo=UTC)
    answer = early.book(start=FAR, kind="SIU^S14")
    assert (answer["decision"], codes(answer)) == ("chart", ["discarded"])


# ---------------------------------------------------------------- a site's own days

DAYS = """
rules:
  days: {field: appointment.sendDaysBefore, type: fixed, value: 7}
  heart: {field: appointment.sendDaysBefore, type: fixed, value: 30, when: {clinic: Cardiology}}
  walk_in: {field: appointment.sendDaysBefore, type: fixed, value: 0, when: {appointment_type: WALKIN}}
"""


@pytest.fixture
def site(tmp_path):
    def make(files):
        folder = tmp_path / "site-mappings"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return load_rulebook(folder, shown="site-mappings")

    return make


def test_days_per_clinic_and_kind_of_appointment(site, story):
    files = {"days.yaml": DAYS, "locations.csv": "location,name,npi\nCARD,Cardiology,\n"}
    told = story(site(files), send_days_before=14)
    sch = "SCH||{}||||||{}|||^^^20260501093000"
    heart = told.tell("SIU^S12", sch.format("F1", ""), PID, AIP, "AIL|1||CARD")
    assert heart["reasons"][0]["text"] == (
        "asked for on 2026-04-01, 30 days before the visit (site-mappings/days.yaml#heart)"
    )
    other = told.tell("SIU^S12", sch.format("F2", ""), PID, AIP)
    assert other["reasons"][0]["text"].startswith("asked for on 2026-04-24, 7 days before the visit")
    assert told.tell("SIU^S12", sch.format("F3", "WALKIN"), PID, AIP)["decision"] == "post"


def test_without_a_rule_that_fits_the_setting_counts(site, story):
    only = (
        "rules:\n  heart: {field: appointment.sendDaysBefore, type: fixed, value: 30, when: {clinic: CARD}}\n"
    )
    answer = story(site({"days.yaml": only}), send_days_before=14).book(start=FAR)
    assert answer["reasons"][0]["text"] == "asked for on 2026-03-27, 14 days before the visit"


def test_it_is_no_field_of_the_request(site, story):
    answer = story(site({"days.yaml": DAYS})).book(start=FAR)
    assert not any("sendDays" in entry["field"] for entry in answer["fields"])


# ---------------------------------------------------------------- several holds

NOT_LIVE = Ruling((hold("not-live"),))


def test_holds_add_up_and_end_with_the_last_when_all_end():
    one, other = Ruling((hold("paced"),), 5.0), Ruling((hold("lead-time"),), 9.0)
    assert together(one, other) == Ruling((*one.holds, *other.holds), 9.0)
    assert together(other, one).until == 9.0
    assert together(one, NOT_LIVE).until is None
    assert together(NOT_LIVE, other).holds == (*NOT_LIVE.holds, *other.holds)
    assert together(one, FREE) == together(FREE, one) == one
    withheld = Ruling(withheld=("medications[2]",))
    assert together(withheld, other) == Ruling(other.holds, 9.0, withheld.withheld)
    assert together(Ruling(drop=hold("paced")), other).drop == hold("paced")


def test_an_environment_that_holds_it_holds_it_when_the_time_has_come(early):
    early.engine = replace(early.engine, guard=lambda case: NOT_LIVE)
    answer = early.book(start=FAR)
    assert (codes(answer), early.changes[0].until) == (["not-live", "lead-time"], None)
    assert at(early, 2026, 3, 27, 9) == [("Rewrite", 1, "held")]
    assert [why.code for why in early.changes[0].reasons] == ["not-live"]
