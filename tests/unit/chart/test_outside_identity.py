"""What a check from outside found in the life of appointments and visits, in merges, protection and `[forward]`."""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from made_up import DG1
from telling import codes, diagnoses, number, orc, rxe

from interface.chart.outcome import Close, Rewrite

ABOUT = "PID|1||T1001^^^LFC^MR"
CLINICIAN = "1234567893^Quill^Avery^^^^^^NPI"


@pytest.fixture
def story(story):
    """At a site that says which numbers are its own."""
    return functools.partial(story, mrn_authority=("LFC",))


def pid(number):
    return f"PID|1||{number}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"


def mrg(number="", visit=""):
    return f"MRG|{number}^^^LFC^MR||||{visit}" if number else "MRG|"


def pv1(visit="V1", admitted=""):
    return f"PV1|1|O|||||{CLINICIAN}{'|' * 12}{visit}{'|' * 25}{admitted}"


def expected(day="20260310"):
    return f"PV2||||||||{day}"


def at(minute):
    return f"2026030208{minute:02d}"


# ---------------------------------------------------------------- visits and what cancels them


@pytest.mark.parametrize("event", ["A11", "A38", "A27", "A23"])
class TestCancelledVisits:
    @pytest.mark.parametrize(("known", "sent"), [("V1^^^LFC^VN", "V1"), ("V1", "V1^^^LFC^VN")])
    def test_an_authority_may_be_missing_on_one_side(self, story, event, known, sent):
        told = story()
        told.tell("ADT^A05", told.PID, pv1(known), expected())
        assert codes(told.tell(f"ADT^{event}", told.PID, pv1(sent)))[:2] == ["cancelled", "withdrawn"]

    def test_two_visits_that_a_number_may_be_are_left_alone(self, story, event):
        told = story()
        told.tell("ADT^A05", told.PID, pv1("V1^^^LFC"), expected())
        told.tell("ADT^A05", told.PID, pv1("V1^^^XYZ"), expected("20260311"))
        assert codes(told.tell(f"ADT^{event}", told.PID, pv1("V1"))) == ["cancelled", "not-known"]

    def test_a_cancel_older_than_the_booking_changes_nothing(self, story, event):
        told = story()
        told.tell("ADT^A05", told.PID, pv1(), expected(), at=at(20))
        late = told.tell(f"ADT^{event}", told.PID, pv1(), at=at(10))
        assert (late["decision"], codes(late), told.changes) == ("chart", ["older"], [])
        assert told.tell("ADT^A08", told.PID, pv1(), DG1, at=at(30))["decision"] == "post"

    def test_a_booking_older_than_the_cancel_books_nothing(self, story, event):
        told = story()
        told.tell(f"ADT^{event}", told.PID, pv1(), at=at(20))
        late = told.tell("ADT^A05", told.PID, pv1(), expected(), at=at(10))
        assert (late["decision"], codes(late)) == (
            "chart",
            ["older" if event == "A23" else "visit-cancelled"],
        )
        assert told.changes == []

    def test_news_of_the_visit_between_do_not_keep_a_late_cancel_out(self, story, event):
        told = story()
        told.tell("ADT^A05", told.PID, pv1(), expected(), at=at(10))
        told.tell("ADT^A08", told.PID, pv1(), DG1, at=at(30))
        assert told.tell(f"ADT^{event}", told.PID, pv1(), at=at(20))["decision"] == "cancel"

    def test_news_of_the_visit_do_not_open_it_again(self, story, event):
        told = story()
        told.tell("ADT^A05", told.PID, pv1(), expected())
        told.tell(f"ADT^{event}", told.PID, pv1())
        news = told.tell("ADT^A08", told.PID, pv1(), expected(), DG1)
        assert (news["decision"], codes(news)) == ("chart", ["visit-cancelled"])
        assert told.tell("ADT^A05", told.PID, pv1(), expected())["decision"] == "post"

    def test_a_cancel_of_a_visit_not_known_yet_holds_against_its_news(self, story, event):
        told = story()
        assert "not-known" in codes(told.tell(f"ADT^{event}", told.PID, pv1()))
        assert told.tell("ADT^A08", told.PID, pv1(), expected())["decision"] == "chart"

    def test_a_cancel_without_a_visit_number_holds_against_no_other_visit(self, story, event):
        told = story()
        told.tell(f"ADT^{event}", told.PID, pv1(""))
        assert told.tell("ADT^A08", told.PID, pv1(""), expected())["decision"] == "post"

    def test_without_dates_a_cancelled_visit_asks_for_nobody(self, story, event):
        told = story(api_version=2, without_date="post")
        assert told.tell("ADT^A04", told.PID, pv1())["decision"] == "post"
        assert "withdrawn" in codes(told.tell(f"ADT^{event}", told.PID, pv1()))
        assert told.tell("ADT^A08", told.PID, pv1())["decision"] == "chart"


def test_a_known_visit_without_a_number_is_taken_out_for_good(story):
    told = story()
    told.tell("ADT^A05", told.PID, pv1(""), expected())
    told.tell("ADT^A23", told.PID, pv1(""))
    assert told.tell("ADT^A08", told.PID, pv1(""), expected(), DG1)["decision"] == "chart"


def test_news_of_the_person_count_for_the_visit_to_come(story):
    told = story()
    told.tell("ADT^A05", told.PID, pv1("V1"), expected("20260320"))
    told.tell("ADT^A05", told.PID, pv1("V2"), expected("20260310"))
    answer = told.tell("ADT^A31", told.PID, DG1)
    assert answer["decision"] == "post"
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-10"


def test_a_trace_of_a_cancelled_visit_does_not_stay_for_ever(story):
    told = story()
    told.tell("ADT^A11", told.PID, pv1(), at="202512010800")
    told.book()
    assert list(told.chart.appointments) == ["A:F1"]


# ---------------------------------------------------------------- visits with new numbers, visits that move

RENUMBERS = ("A35", "A41", "A42", "A49", "A50", "A51")


@pytest.mark.parametrize("event", RENUMBERS)
def test_a_cancel_under_the_old_number_of_a_visit_is_its_cancel(story, event):
    told = story()
    told.tell("ADT^A05", told.PID, pv1("V1"), expected())
    told.tell(f"ADT^{event}", told.PID, mrg("T1001", visit="V1"), pv1("V2"))
    assert "withdrawn" in codes(told.tell("ADT^A38", told.PID, pv1("V1")))


@pytest.mark.parametrize("event", RENUMBERS)
def test_a_new_visit_number_may_come_before_the_visit(story, event):
    told = story()
    told.tell(f"ADT^{event}", told.PID, mrg("T1001", visit="V1"), pv1("V2"))
    told.tell("ADT^A05", told.PID, pv1("V1"), expected())
    assert "withdrawn" in codes(told.tell("ADT^A38", told.PID, pv1("V2")))


def test_visit_numbers_in_a_chain_and_back_again(story):
    told = story()
    told.tell("ADT^A50", told.PID, mrg("T1001", visit="V2"), pv1("V3"))
    told.tell("ADT^A50", told.PID, mrg("T1001", visit="V1"), pv1("V2"))
    told.tell("ADT^A05", told.PID, pv1("V1"), expected())
    assert list(told.chart.appointments) == ["V:V3"]
    told.tell("ADT^A50", told.PID, mrg("T1001", visit="V3"), pv1("V1"))
    assert list(told.chart.appointments) == ["V:V1"]
    told.tell("ADT^A08", told.PID, pv1("V2"), expected("20260312"))
    assert list(told.chart.appointments) == ["V:V1"]


@pytest.mark.parametrize("event", RENUMBERS)
@pytest.mark.parametrize("order", [("V1", "V2"), ("V2", "V1")])
def test_of_two_visits_that_become_one_the_newer_word_counts_whichever_was_known_first(story, event, order):
    told = story()
    days, minutes = {"V1": "20260312", "V2": "20260310"}, {"V1": 20, "V2": 10}
    for visit in order:
        told.tell("ADT^A05", told.PID, pv1(visit), expected(days[visit]), at=at(minutes[visit]))
    told.tell(f"ADT^{event}", told.PID, mrg("T1001", visit="V1"), pv1("V2"), at=at(30))
    assert [entry.date for entry in told.chart.appointments.values()] == ["2026-03-12"]
    assert [change.state for change in told.changes if isinstance(change, Close)] == ["superseded"]
    told.tell("ADT^A38", told.PID, pv1("V2"), at=at(40))
    assert [change.state for change in told.changes if isinstance(change, Close)] == ["withdrawn"]


def test_late_news_of_a_visit_that_moved_are_not_charted_for_the_person_of_before(story):
    told = story()
    told.tell("ADT^A01", pid("T2002"), pv1(), DG1, at=at(10))
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1(), at=at(30))
    late = told.tell("ADT^A08", pid("T2002"), pv1(), "DG1|1||I10^Hypertension^I10", at=at(20))
    assert (late["decision"], codes(late)) == ("chart", ["older"])
    assert diagnoses(told.book(pid=pid("T2002"), at=at(40))) == []
    assert diagnoses(told.book(key="F2", at=at(41))) == ["E11.9"]


def test_so_they_are_when_nobody_knew_of_the_visit(story):
    told = story()
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1(), at=at(30))
    told.tell("ADT^A01", pid("T2002"), pv1(), DG1, at=at(20))
    assert diagnoses(told.book(pid=pid("T2002"), at=at(40))) == []


def test_a_move_that_comes_again_takes_nothing_newer(story):
    told = story()
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1(), at=at(10))
    told.tell("ADT^A01", pid("T2002"), pv1(), DG1, at=at(20))
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1(), at=at(10))
    assert diagnoses(told.book(pid=pid("T2002"), at=at(40))) == ["E11.9"]


def test_older_news_under_a_number_that_moved_here_are_perhaps_anothers(story):
    told = story()
    told.tell("ADT^A43", told.PID, mrg("T2002"), at=at(30))
    late = told.tell("ADT^A08", pid("T2002"), DG1, at=at(20))
    assert (late["decision"], codes(late)) == ("chart", ["older"])
    assert diagnoses(told.book(at=at(40))) == []
    assert number(told.book(pid=pid("T2002"), key="F2", at=at(41))) == "T1001"


def billed(number, account):
    return pid(number) + "|" * 7 + account


def mrg_account(number, account):
    return f"MRG|{number}^^^LFC^MR||{account}"


@pytest.mark.parametrize("dated", [(), (expected(),)], ids=["a visit that has been", "a visit to come"])
def test_with_an_account_goes_what_names_only_a_visit_of_it(story, dated):
    told = story()
    told.tell("ADT^A05", billed("T2002", "ACC1"), pv1("V1"), *dated, "DG1|1||I10^Hypertension^I10")
    told.tell("RDE^O11", pid("T2002"), pv1("V1"), orc(placer="P1"), rxe())
    told.tell("RDE^O11", billed("T2002", "ACC2"), pv1("V2"), orc(placer="P2"), rxe("6809^metformin^RXNORM"))
    told.tell("ADT^A44", billed("T1001", "ACC1"), mrg_account("T2002", "ACC1"))
    moved, stays = told.book(), told.book(pid=pid("T2002"), key="F2")
    assert (diagnoses(moved), len(moved["request"]["medications"])) == (["I10"], 1)
    assert [entry["nameCode"]["code"] for entry in stays["request"]["medications"]] == ["6809"]


def test_what_names_a_visit_of_two_accounts_stays(story):
    told = story()
    for account in ("ACC1", "ACC2"):
        told.tell("RDE^O11", billed("T2002", account), pv1("V1"), orc(placer=account), rxe())
    told.tell("RDE^O11", pid("T2002"), pv1("V1"), orc(placer="P3"), rxe("6809^metformin^RXNORM"))
    told.tell("ADT^A44", billed("T1001", "ACC1"), mrg_account("T2002", "ACC1"))
    assert len(told.book()["request"]["medications"]) == 1
    assert len(told.book(pid=pid("T2002"), key="F2")["request"]["medications"]) == 2


@pytest.mark.parametrize(
    ("move", "goes"),
    [
        (("ADT^A45", mrg("T2002", "V1"), pv1("V1")), True),
        (("ADT^A45", mrg("T2002", "V2"), pv1("V2")), False),
        (("ADT^A44", mrg_account("T2002", "ACC1")), True),
        (("ADT^A44", mrg_account("T2002", "ACC2")), False),
    ],
)
def test_a_booked_appointment_goes_with_the_visit_or_account_that_it_names(story, move, goes):
    told = story()
    told.book(pv1("V1"), pid=billed("T2002", "ACC1"))
    event, *segments = move
    told.tell(event, told.PID, *segments)
    rewritten = [change for change in told.changes if isinstance(change, Rewrite)]
    assert [b'"extension":"T1001"' in change.body for change in rewritten] == ([True] if goes else [])
    cancelled = told.tell("SIU^S15", "SCH||F1", told.PID if goes else pid("T2002"))
    assert codes(cancelled) == ["cancelled", "withdrawn"]


def test_a_booked_appointment_follows_the_new_number_of_its_visit(story):
    told = story()
    told.book(pv1("V1"), pid=pid("T2002"))
    told.tell("SIU^S14", sch("", "F1", start="20260311093000"), pid("T2002"), told.AIP)
    told.tell("ADT^A50", pid("T2002"), mrg("T2002", "V1"), pv1("V2"))
    told.tell("ADT^A45", told.PID, mrg("T2002", "V2"), pv1("V2"))
    assert codes(told.tell("SIU^S15", "SCH||F1", told.PID)) == ["cancelled", "withdrawn"]


# ---------------------------------------------------------------- merges


@pytest.mark.parametrize("again", [at(10), at(50)])
def test_the_first_merge_of_a_chain_again_does_not_bring_its_number_back(story, again):
    told = story()
    told.tell("ADT^A08", pid("T2002"), DG1, at=at(5))
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(10))
    told.tell("ADT^A40", pid("T3003"), mrg("T1001"), at=at(20))
    assert codes(told.tell("ADT^A40", told.PID, mrg("T2002"), at=again)) == ["already-merged"]
    booked = told.book(pid=pid("T2002"), at=at(55))
    assert (number(booked), diagnoses(booked)) == ("T3003", ["E11.9"])


@pytest.mark.parametrize("known", [True, False])
def test_the_merges_of_a_chain_in_the_other_order(story, known):
    told = story()
    if known:
        told.tell("ADT^A08", told.PID)
        told.tell("ADT^A08", pid("T2002"), DG1)
    told.tell("ADT^A40", pid("T3003"), mrg("T1001"))
    told.tell("ADT^A40", told.PID, mrg("T2002"))
    told.tell("ADT^A08", pid("T2002"), DG1)
    booked = told.book(pid=pid("T2002"))
    assert (number(booked), diagnoses(booked)) == ("T3003", ["E11.9"])


def test_an_older_merge_that_comes_again_is_not_the_newest_word_on_the_number(story):
    told = story()
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(10))
    told.tell("ADT^A08", told.PID, at=at(30))
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(5))
    told.tell("ADT^A40", pid("T2002"), mrg("T1001"), at=at(7))  # of a circle, and older than the newest merge
    assert number(told.book(at=at(40))) == "T1001"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_merges_that_retire_one_number_the_newer_says_which_is_sent(story, known, order):
    told = story()
    if known:
        for one in ("T1001", "T2002", "T3003"):
            told.tell("ADT^A08", pid(one), at=at(1))
    said = [(pid("T1001"), mrg("T2002")), (pid("T3003"), mrg("T2002"))]
    for place in order:
        told.tell("ADT^A40", *said[place], at=at((10, 20)[place]))
    booked = told.book(pid=pid("T2002"), at=at(30))
    assert (number(booked), told.chart.keys[0]) == ("T3003", "|T3003")


@pytest.mark.parametrize("news", ["T1001", "T2002"])
@pytest.mark.parametrize("between", [15, 30])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_number_of_a_circle_is_that_of_its_newest_merge_whatever_came_between(
    story, news, between, order
):
    """News under a number that is retired say nothing of which one is sent."""
    said = [
        ("ADT^A40", pid("T2002"), mrg("T1001")),
        ("ADT^A40", pid("T1001"), mrg("T2002")),
        ("ADT^A08", pid(news)),
        ("ADT^A08", pid("T1001")),
    ]
    told = story()
    for place in order:
        kind, *segments = said[place]
        told.tell(kind, *segments, at=at((10, 20, between, 40)[place]))
    assert number(told.book(pid=pid("T2002"), at=at(50))) == "T1001"


@pytest.mark.parametrize("both", ["T1001^^^LFC^MR~T2002^^^LFC^MR", "T2002^^^LFC^MR~T1001^^^LFC^MR"])
def test_a_merge_may_list_both_numbers_in_pid_3(story, both):
    told = story()
    told.tell("ADT^A08", pid("T2002"), DG1)
    assert codes(told.tell("ADT^A40", told.pid(f3=both), mrg("T2002"))) == ["merged"]
    booked = told.book()
    assert (number(booked), diagnoses(booked)) == ("T1001", ["E11.9"])


def test_of_several_own_numbers_the_first_counts_and_it_is_said(story):
    told = story()
    answer = told.book(pid=told.pid(f3="T1001^^^LFC^MR~T9^^^LFC^MR"))
    assert number(answer) == "T1001"
    assert any("the first of 2 numbers" in text for text in told.outcome.said)


def test_without_an_authority_setting_a_bare_number_in_mrg_is_of_the_one_in_pid(story):
    told = story(mrn_authority=())
    told.tell("ADT^A08", pid("T2002"), DG1)
    assert codes(told.tell("ADT^A40", told.PID, "MRG|T2002")) == ["merged"]
    assert diagnoses(told.book()) == ["E11.9"]


def test_deleting_a_retired_number_does_not_delete_the_survivor(story):
    told = story()
    told.tell("ADT^A08", told.PID, DG1)
    told.tell("ADT^A40", told.PID, mrg("T2002"))
    answer = told.tell("ADT^A29", pid("T2002"))
    assert (answer["decision"], codes(answer)) == ("chart", ["number-retired"])
    assert diagnoses(told.book()) == ["E11.9"]


# ---------------------------------------------------------------- appointments by their placer


def sch(placer="", filler="", start="20260310093000", occurrence=""):
    return f"SCH|{placer}|{filler}|{occurrence}||||||||^^^{start}"


def test_the_fillers_number_may_come_after_the_placers(story):
    told = story()
    told.tell("SIU^S12", sch("P1"), told.PID, told.AIP)
    assert codes(told.tell("SIU^S14", sch("P1", "F1"), told.PID, told.AIP)) == ["unchanged"]
    assert "withdrawn" in codes(told.tell("SIU^S15", sch("", "F1"), told.PID))


def test_a_cancel_with_both_numbers_ends_the_appointment_known_by_its_placer(story):
    told = story()
    told.tell("SIU^S12", sch("P1", occurrence="1"), told.PID, told.AIP)
    told.tell("SIU^S12", sch("P1", occurrence="2"), told.PID, told.AIP)
    second = told.changes[0].id
    told.tell("SIU^S15", sch("P1", "F1", occurrence="2"), told.PID)
    assert [change.id for change in told.changes if isinstance(change, Close)] == [second]


def test_a_filler_of_its_own_is_an_appointment_of_its_own(story):
    told = story()
    told.tell("SIU^S12", sch("P1", "F1"), told.PID, told.AIP)
    assert told.tell("SIU^S12", sch("P1", "F2"), told.PID, told.AIP)["decision"] == "post"


def test_a_placers_number_is_not_the_fillers_of_another_appointment(story):
    told = story()
    told.tell("SIU^S12", sch("P1", "77"), told.PID, told.AIP)
    assert codes(told.tell("SIU^S15", sch("77"), told.PID)) == ["cancelled", "not-known"]


# ---------------------------------------------------------------- protection


@pytest.mark.parametrize(
    ("protects", "denies"),
    [
        ("PD1||||||||||||Y", "PV2||||||||||||||||||||||N"),
        ("PV2||||||||||||||||||||||Y", "PD1||||||||||||N"),
        ("ARV|1|A|REST^x", "PD1||||||||||||N"),
        ("ARV|1|A|REST^x", "ARV|1|D|OTHER^x"),
    ],
)
def test_one_protection_is_not_lifted_by_another(story, protects, denies):
    told = story()
    told.tell("ADT^A08", told.PID, protects)
    assert codes(told.book(denies)) == ["protected"]


@pytest.mark.parametrize("protects", ["PD1||||||||||||{}", "PV2||||||||||||||||||||||{}"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_deleted_field_lifts_no_protection(story, protects, order):
    told = story()
    for place in order:
        word = ("Y", '""')[place]
        told.tell("ADT^A08", told.PID, pv1("V1"), protects.format(word), at=at(place))
    assert codes(told.book(at=at(10))) == ["protected"]
    lifted = told.tell("ADT^A08", told.PID, pv1("V1"), protects.format("N"), at=at(11))
    assert lifted["decision"] == "post"


@pytest.mark.parametrize("first", ["T1001", "T2002"])
@pytest.mark.parametrize(
    ("protects", "denies", "lifts"),
    [
        ("PD1||||||||||||Y", "PD1||||||||||||N", "PD1||||||||||||N"),
        ("ARV|1|A|REST^x", "ARV|1|D|OTHER^x", "ARV|1|D|REST^x"),
        ("ARV|1|A|REST^x", 'ARV|1|A|""', 'ARV|1|A|""'),
    ],
)
def test_a_merge_lifts_no_protection_of_either_number(story, first, protects, denies, lifts):
    told = story()
    other = {"T1001": "T2002", "T2002": "T1001"}[first]
    told.tell("ADT^A08", pid(first), protects, at=at(1))
    told.tell("ADT^A08", pid(other), denies, at=at(2))
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(3))
    assert codes(told.book(at=at(4))) == ["protected"]
    assert told.tell("ADT^A08", told.PID, lifts, at=at(5))["decision"] == "post"


def test_a_merge_keeps_the_restrictions_of_both_numbers(story):
    told = story()
    told.tell("ADT^A08", pid("T2002"), "ARV|1|A|ONE")
    told.tell("ADT^A08", told.PID, "ARV|1|A|TWO")
    told.tell("ADT^A40", told.PID, mrg("T2002"))
    told.tell("ADT^A08", told.PID, "ARV|1|D|TWO")
    assert told.book()["decision"] == "hold"
    assert told.tell("ADT^A08", told.PID, "ARV|1|D|ONE")["decision"] == "post"


def test_a_visits_protection_is_lifted_by_its_own_no_alone(story):
    told = story()
    told.tell("ADT^A08", told.PID, pv1("V1"), "PV2||||||||||||||||||||||Y")
    told.tell("ADT^A08", told.PID, pv1("V2"), "PV2||||||||||||||||||||||N")
    assert told.book()["decision"] == "hold"
    assert told.tell("ADT^A08", told.PID, pv1("V1"), "PV2||||||||||||||||||||||N")["decision"] == "post"


@pytest.mark.parametrize(
    "move", [("ADT^A45", mrg("T2002", "V1"), pv1("V1")), ("ADT^A44", mrg_account("T2002", "ACC1"))]
)
def test_a_confidential_order_stays_so_where_its_visit_goes(story, move):
    told = story()
    told.tell("RDE^O11", billed("T2002", "ACC1"), pv1("V1"), orc(f28="R"), rxe())
    event, *segments = move
    told.tell(event, told.PID, *segments)
    told.tell("RDE^O11", told.PID, pv1("V1"), orc("XO"), rxe())
    assert "medications" not in told.book()["request"]
    told.tell("RDE^O11", told.PID, pv1("V1"), orc("XO", f28="U"), rxe())
    assert "medications" in told.book(kind="SIU^S14")["request"]


@pytest.mark.parametrize(
    "move", [("ADT^A45", mrg("T2002", "V1"), pv1("V1")), ("ADT^A44", mrg_account("T2002", "ACC1"))]
)
def test_a_confidential_diagnosis_stays_so_where_its_visit_goes_and_where_it_was(story, move):
    told = story()
    told.tell("ADT^A08", billed("T2002", "ACC1"), pv1("V1"), f"{DG1}{'|' * 15}Y")
    event, *segments = move
    told.tell(event, told.PID, *segments)
    for about, key in ((told.PID, "F1"), (pid("T2002"), "F2")):
        told.tell("ADT^A08", about, pv1("V1"), DG1)
        assert "activeIcd10Diagnoses" not in told.book(pid=about, key=key)["request"]
    released = told.tell("ADT^A08", told.PID, pv1("V1"), f"{DG1}{'|' * 15}N")
    assert "activeIcd10Diagnoses" in released["request"]


def test_taking_a_visit_out_releases_no_confidential_order(story):
    told = story()
    told.tell("RDE^O11", told.PID, pv1("V1"), orc(f28="R"), rxe())
    told.tell("ADT^A23", told.PID, pv1("V1"))
    told.tell("RDE^O11", told.PID, pv1("V2"), orc("XO"), rxe())
    assert "medications" not in told.book()["request"]


PROTECTED_VISIT = f"{expected()}{'|' * 14}Y"


def test_a_visits_protection_moves_with_it(story):
    told = story()
    told.tell("ADT^A05", pid("T2002"), pv1("V1"), PROTECTED_VISIT)
    told.tell("ADT^A45", told.PID, mrg("T2002", "V1"), pv1("V1"))
    assert codes(told.tell("ADT^A08", told.PID, pv1("V1"), DG1)) == ["protected"]
    assert told.book(pid=pid("T2002"), key="F2")["decision"] == "post"
    lifted = told.tell("ADT^A08", told.PID, pv1("V1"), f"{expected()}{'|' * 14}N")
    assert lifted["decision"] == "post"


def test_a_visits_protection_moves_with_its_account(story):
    told = story()
    told.tell("ADT^A05", billed("T2002", "ACC1"), pv1("V1"), PROTECTED_VISIT)
    told.tell("ADT^A44", billed("T1001", "ACC1"), mrg_account("T2002", "ACC1"))
    assert codes(told.tell("ADT^A08", told.PID, pv1("V1"), DG1)) == ["protected"]
    assert told.book(pid=pid("T2002"), key="F2")["decision"] == "post"


def test_the_protection_of_a_visit_with_a_new_number_is_lifted_under_that(story):
    told = story()
    told.tell("ADT^A05", told.PID, pv1("V1"), PROTECTED_VISIT)
    told.tell("ADT^A50", told.PID, mrg("T1001", "V1"), pv1("V2"))
    assert codes(told.tell("ADT^A08", told.PID, pv1("V2"), DG1)) == ["protected"]
    assert told.tell("ADT^A08", told.PID, pv1("V2"), f"{expected()}{'|' * 14}N")["decision"] == "post"


@pytest.mark.parametrize(
    "move", [("ADT^A45", mrg("T2002", "V1"), pv1("V1")), ("ADT^A44", mrg_account("T2002", "ACC1"))]
)
def test_what_a_person_let_go_of_one_patient_lets_nothing_go_of_another(story, move):
    told = story()
    for person in (told.PID, pid("T2002")):
        told.tell("ADT^A08", person, "PD1||||||||||||Y")
    assert codes(told.book(pv1("V1"), pid=billed("T2002", "ACC1"))) == ["protected"]
    key = next(key for key, chart in told.kept.items() if chart.appointments)
    chart, request = told.kept[key], told.changes[0].id
    let_go = told.engine.release(chart, request, now=told.now, new_id=told.ids.__next__)
    assert [change.state for change in let_go.requests] == ["waiting"]
    told.kept.update({key: let_go.chart for key, kept in told.kept.items() if kept is chart})
    event, *segments = move
    assert codes(told.tell(event, told.PID, *segments)) == ["moved"]
    assert [(change.id, change.state) for change in told.changes] == [(request, "held")]
    assert codes(told.book(kind="SIU^S13", start="20260311093000")) == ["protected"]


def test_a_restriction_ends_when_it_is_deleted(story):
    told = story()
    told.tell("ADT^A08", told.PID, "ARV|1|A|ONE", "ARV|2|A|TWO")
    told.tell("ADT^A08", told.PID, "ARV|1|D|ONE")
    assert told.book()["decision"] == "hold"
    assert told.tell("ADT^A08", told.PID, "ARV|1|D|TWO")["decision"] == "post"


@pytest.mark.parametrize(
    "more",
    [("ADT^A31", "PID|1||T1001^^^LFC^MR||||||||||||||||||||||||||Y"), ("ADT^A43", "PID|1||T5^^^LFC^MR")],
)
def test_what_holds_one_of_an_appointments_requests_holds_all(story, more):
    told = story(supersede=False)
    told.book()
    told.book(DG1, kind="SIU^S14")
    event, who = more
    told.tell(event, who, mrg("T1001"))
    held = [change for change in told.changes if isinstance(change, Rewrite) and change.state == "held"]
    assert [change.id for change in held] == [1, 2]


def test_what_completes_one_of_an_appointments_requests_completes_all(story):
    told = story(supersede=False)
    told.book(pid=told.pid(f11=""))
    told.book()
    assert told.states() == [("NewRequest", 2, "waiting"), ("Rewrite", 1, "waiting")]


# ---------------------------------------------------------------- what a site and an environment say


@pytest.mark.parametrize("code", ["T", "t", "d", "D^A"])
def test_production_ignores_what_is_not_production_however_it_is_written(story, code):
    told = story(environment="production")
    assert codes(told.book(msh11=code)) == ["processing-id"]


@pytest.mark.parametrize(
    ("kind", "wanted"), [("SIU^S26", "ignore"), ("SIU^S26", "chart"), ("SIU^S15", "chart")]
)
def test_forward_changes_what_cancels_an_appointment(story, kind, wanted):
    told = story(decisions={kind: wanted})
    told.book()
    assert told.book(kind=kind)["decision"] == wanted
    assert told.changes == []


@pytest.mark.parametrize("event", ["A11", "A23", "A29"])
@pytest.mark.parametrize("wanted", ["chart", "ignore"])
def test_forward_changes_what_cancels_a_visit_or_a_person(story, event, wanted):
    told = story(decisions={f"ADT^{event}": wanted})
    told.tell("ADT^A05", told.PID, pv1(), expected(), DG1)
    assert told.tell(f"ADT^{event}", told.PID, pv1())["decision"] == wanted
    assert told.changes == []
    assert diagnoses(told.book()) == ["E11.9"]


def test_forward_takes_in_a_type_that_is_ignored_otherwise(story):
    told = story(decisions={"BAR^P01": "chart"})
    assert told.tell("BAR^P01", told.PID, DG1)["decision"] == "chart"
    assert diagnoses(told.book()) == ["E11.9"]


def test_forward_does_not_keep_a_status_from_cancelling(story):
    told = story(decisions={"SIU^S14": "chart"})
    told.book()
    assert "withdrawn" in codes(told.book(kind="SIU^S14", status="Cancelled"))


# ---------------------------------------------------------------- what a merge brings together


def test_a_cancel_under_the_retired_number_ends_the_survivors_request(story):
    told = story()
    told.book()
    told.book(pid=pid("T2002"))
    told.tell("SIU^S15", sch("", "F1"), pid("T2002"))
    told.tell("ADT^A40", told.PID, mrg("T2002"))
    assert [(change.id, change.state) for change in told.changes] == [(1, "withdrawn")]
    assert told.tell("ADT^A08", told.PID, DG1)["decision"] == "chart"


def test_a_visit_cancelled_under_the_retired_number_is_cancelled(story):
    told = story()
    told.tell("ADT^A05", told.PID, pv1(), expected(), at=at(10))
    told.tell("ADT^A11", pid("T2002"), pv1(), at=at(20))
    told.tell("ADT^A08", told.PID, pv1(), at=at(30))
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(40))
    assert [(change.id, change.state) for change in told.changes] == [(1, "withdrawn")]


def test_what_two_charts_know_of_an_appointment_comes_together(story):
    told = story()
    told.book(at=at(10))
    told.tell("SIU^S14", "SCH||F1|||||||||^^^20260311093000", pid("T2002"), at=at(20))
    told.tell("ADT^A40", told.PID, mrg("T2002"), at=at(30))
    answer = told.tell("ADT^A08", told.PID, DG1, at=at(40))
    assert answer["decision"] == "post"
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-11"
    assert answer["request"]["upcomingAppointmentProvider"]["npi"] == "1234567893"


def test_two_visits_that_become_one_ask_once(story):
    told = story()
    told.tell("ADT^A05", told.PID, pv1("V1"), expected())
    told.tell("ADT^A05", told.PID, pv1("V2"), expected())
    told.tell("ADT^A42", told.PID, mrg("T1001", visit="V1"), pv1("V2"))
    assert [(c.id, c.state) for c in told.changes if isinstance(c, Close)] == [(1, "superseded")]


def test_a_visit_that_moves_to_where_it_is_known_asks_once(story):
    told = story()
    told.tell("ADT^A05", pid("T2002"), pv1("V1"), expected())
    told.tell("ADT^A05", told.PID, pv1("V1"), expected())
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1("V1"))
    assert [(c.id, c.state) for c in told.changes if isinstance(c, Close)] == [(1, "superseded")]


def test_every_request_of_a_visit_goes_with_it_under_its_new_number(story):
    told = story(supersede=False)
    told.tell("ADT^A05", pid("T2002"), pv1("V1"), expected())
    told.tell("ADT^A08", pid("T2002"), pv1("V1"), DG1)
    told.tell("ADT^A45", told.PID, mrg("T2002", visit="V1"), pv1("V2"))
    moved = [change for change in told.changes if isinstance(change, Rewrite)]
    assert [change.id for change in moved] == [1, 2]
    assert all(b'"extension":"T1001"' in change.body for change in moved)


# ---------------------------------------------------------------- the hour that clocks go through twice, and days taken back

FALL_BACK = datetime(2026, 11, 1, 7, 10, 30, tzinfo=UTC)
"""01:10:30 in Chicago for the second time."""


@pytest.mark.parametrize("ahead", [-60, 0, 60])
def test_a_cancel_in_the_hour_after_clocks_went_back_is_not_older_than_the_booking(story, ahead):
    told = story(timezone=ZoneInfo("America/Chicago"))
    told.now = datetime(2026, 11, 1, 6, 55, tzinfo=UTC)
    told.book(start="20261110090000", at="20261101015500")
    told.now = FALL_BACK - timedelta(seconds=ahead)
    cancelled = told.book(kind="SIU^S15", start="20261110090000", at="20261101011000")
    assert cancelled["decision"] == "cancel"


def test_in_the_first_of_two_equal_hours_the_first_counts(story):
    told = story(timezone=ZoneInfo("America/Chicago"))
    told.now = datetime(2026, 11, 1, 6, 55, tzinfo=UTC)
    told.book(start="20261110090000", at="20261101015500")
    told.now = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    cancelled = told.book(kind="SIU^S15", start="20261110090000", at="20261101013000-0600")
    assert cancelled["decision"] == "cancel"


def dated(day, admitted="", number="V1"):
    clinician = "1234567893^Quill^Avery^^^^^^NPI"
    return [f"PV1|1|O|||||{clinician}{'|' * 12}{number}{'|' * 25}{admitted}", f"PV2||||||||{day}"]


def test_a_visits_day_that_the_sender_deletes_is_not_asked_for(told):
    assert told.tell("ADT^A05", told.PID, *dated("20260315"))["decision"] == "post"
    told.tell("ADT^A08", told.PID, *dated('""'))
    answer = told.tell("ADT^A08", told.PID.replace("Birch", "Elm"), *dated(""))
    assert (answer["decision"], answer["reasons"][0]["code"]) == ("chart", "no-date")


def test_a_null_expected_day_leaves_the_day_of_admission(told):
    told.tell("ADT^A05", told.PID, *dated('""', "20260315"))
    answer = told.tell("ADT^A08", told.PID.replace("Birch", "Elm"), *dated('""'))
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-15"


def test_an_appointments_day_that_the_sender_deletes_is_not_asked_for(told):
    told.book()
    answer = told.tell("SIU^S14", 'SCH||F1|||||||||""', told.PID, told.AIP)
    assert answer["decision"] == "hold"
    assert "deleted" in answer["reasons"][0]["text"]
