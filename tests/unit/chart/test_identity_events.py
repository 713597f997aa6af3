"""Merges, moves, new numbers, links and deletions: whose chart things are in, and what becomes of what waits."""

import functools
import itertools

import pytest
from made_up import DG1
from telling import codes, diagnoses, number

from interface.chart.outcome import Close, Rewrite

MERGES = ("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47")
OLD = "PID|1||T2002^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
RXE = ("ORC|NW|P7", "RXE||860975^metformin^RXNORM|1||TAB")


def mrg(number="T2002^^^LFC^MR", account="", visit="", external=""):
    return f"MRG|{number}||{account}|{external}|{visit}"


@pytest.fixture
def story(story):
    """At a site that says which numbers are its own."""
    return functools.partial(story, mrn_authority=("LFC",))


@pytest.mark.parametrize("event", MERGES)
def test_a_merge_brings_what_is_known_under_the_retired_number_to_the_survivor(story, event):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("RDE^O11", OLD, *RXE)
    answer = told.tell(f"ADT^{event}", told.PID, mrg())
    assert (answer["decision"], codes(answer)) == ("chart", ["merged"])
    booked = told.book()
    assert diagnoses(booked) == ["E11.9"]
    assert booked["request"]["medications"][0]["nameCode"]["code"] == "860975"
    assert number(booked) == "T1001"
    sources = {field["field"]: field["source"] for field in booked["fields"]}
    assert sources["activeIcd10Diagnoses[0].code"] == "M1:DG1-3.1"


def test_later_messages_under_the_retired_number_are_the_survivors_and_keep_his_number(story):
    told = story()
    told.tell("ADT^A08", OLD)
    told.tell("ADT^A08", told.PID)
    told.tell("ADT^A40", told.PID, mrg())
    told.tell("ADT^A08", OLD, DG1)
    booked = told.book(pid=OLD)
    assert booked["decision"] == "post"
    assert (number(booked), diagnoses(booked)) == ("T1001", ["E11.9"])
    assert told.chart.keys == ["|T1001", "|T2002"]


def test_a_merge_before_the_messages_of_either(story):
    told = story()
    answer = told.tell("ADT^A40", told.PID, mrg())
    assert codes(answer) == ["number-retired"]
    told.tell("ADT^A08", OLD, DG1)
    booked = told.book()
    assert (number(booked), diagnoses(booked)) == ("T1001", ["E11.9"])


def test_a_merge_into_an_unknown_survivor_renames_the_patient(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A47", told.PID, mrg())
    assert told.outcome.key == "|T2002"
    booked = told.book()
    assert (number(booked), diagnoses(booked)) == ("T1001", ["E11.9"])


METFORMIN, ASPIRIN = "RXE||860975^metformin^RXNORM", "RXE||1191^aspirin^RXNORM"
TWO = ("ORC|NW|P1|A", METFORMIN, "ORC|NW|P1|B", ASPIRIN)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (TWO[:2], TWO[2:], ["+metformin", "+aspirin"]),
        (TWO, ("ORC|XO|P1|B", ASPIRIN), ["+metformin", "+aspirin"]),
        (TWO, ("ORC|DC|P1", ASPIRIN), ["+metformin", "-aspirin"]),
        (TWO, ("ORC|DC|P1",), ["-metformin", "-aspirin"]),
        (("ORC|NW|P1^EPIC", METFORMIN), ("ORC|XO|P1", METFORMIN), ["+metformin"]),
        (("ORC|NW|P1^EPIC", METFORMIN), ("ORC|DC|P1",), ["-metformin"]),
        (TWO[:2], ("ORC|RO|P2||||||P1", ASPIRIN), ["-metformin", "+aspirin"]),
        (TWO[:2], ("ORC|RO|P2||||||P7", ASPIRIN), ["+metformin", "+aspirin"]),
    ],
)
def test_the_orders_of_two_charts_become_one_persons_as_messages_of_one_would_have_made_them(
    story, one, other, found, swapped
):
    first, second = (OLD, story.func.PID) if swapped else (story.func.PID, OLD)
    for numbers in ((first, second), (first, first)):
        told = story()
        told.tell("RDE^O11", numbers[0], *one)
        told.tell("RDE^O11", numbers[1], *other)
        told.tell("ADT^A40", told.PID, mrg())
        medications = told.book()["request"]["medications"]
        assert sorted(
            f"{'+' if entry['active'] else '-'}{entry['nameCode']['displayName']}" for entry in medications
        ) == sorted(found)
        assert [len(entry.get("medicationRequests", ())) for entry in medications] == [1] * len(found)


def test_a_merge_twice_changes_nothing_more(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A40", told.PID, mrg())
    answer = told.tell("ADT^A40", told.PID, mrg())
    assert codes(answer) == ["already-merged"]
    assert told.chart.keys == ["|T1001", "|T2002"]


def test_merges_in_a_circle_leave_one_chart_with_the_number_of_the_last(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A40", told.PID, mrg())
    told.tell("ADT^A40", OLD, mrg("T1001^^^LFC^MR"))
    assert told.chart.keys == ["|T2002", "|T1001"]
    booked = told.book()
    assert (number(booked), diagnoses(booked)) == ("T2002", ["E11.9"])


def test_an_older_merge_of_a_circle_that_comes_late_does_not_turn_it_back(story):
    told = story()
    told.tell("ADT^A40", told.PID, mrg(), at="202603020830")
    told.tell("ADT^A40", OLD, mrg("T1001^^^LFC^MR"), at="202603020820")
    assert told.chart.keys == ["|T1001", "|T2002"]


def test_a_chain_of_merges_ends_at_the_last_survivor(story):
    told = story()
    last = "PID|1||T3003^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A40", told.PID, mrg())
    told.tell("ADT^A40", last, mrg("T1001^^^LFC^MR"))
    booked = told.book(pid=OLD)
    assert (number(booked), diagnoses(booked)) == ("T3003", ["E11.9"])


def test_a_merge_with_itself_does_nothing(story):
    told = story()
    told.tell("ADT^A08", told.PID, DG1)
    answer = told.tell("ADT^A40", told.PID, mrg("T1001^^^LFC^MR"))
    assert codes(answer) == ["same-number"]
    assert diagnoses(told.book()) == ["E11.9"]


def test_several_groups_in_one_message_are_each_merged(story):
    told = story()
    third = "PID|2||T3003^^^LFC^MR||Other^Person||19800101|M|||1 Elm^^Madison^WI^53703"
    fourth = "PID|1||T4004^^^LFC^MR||Other^Person||19800101|M"
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A08", fourth, "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A08", told.PID)
    told.tell("ADT^A08", third)
    answer = told.tell("ADT^A40", told.PID, mrg(), third, mrg("T4004^^^LFC^MR"))
    assert answer["decision"] == "chart"
    assert diagnoses(told.book()) == ["E11.9"]
    other = told.book(pid=third, key="F2")
    assert (diagnoses(other), number(other)) == (["I10"], "T3003")
    assert other["request"]["patient"]["name"]["family"] == "Other"


def test_several_retired_numbers_of_the_sites_authority_in_one_mrg(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A08", OLD.replace("T2002", "T3003"), "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A40", told.PID, mrg("T2002^^^LFC^MR~9^^^SSA^SS~T3003^^^LFC^MR"))
    assert sorted(diagnoses(told.book())) == ["E11.9", "I10"]


def test_mrg_4_counts_when_mrg_1_is_empty(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A40", told.PID, mrg("", external="T2002^^^LFC^MR"))
    assert diagnoses(told.book()) == ["E11.9"]


def test_the_number_of_another_authority_retires_nobody_here(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    answer = told.tell("ADT^A40", told.PID, mrg("T2002^^^OTHER^MR"))
    assert (answer["decision"], codes(answer)) == ("hold", ["no-prior-mrn"])
    assert diagnoses(told.book()) == []


@pytest.mark.parametrize("segments", [(), (mrg(""),), (mrg("1^^^A^MR~2^^^B^MR"),)])
def test_a_merge_that_does_not_say_which_number_is_retired_is_held(story, segments):
    answer = story(mrn_authority=()).tell("ADT^A40", OLD, *segments)
    assert (answer["decision"], codes(answer)) == ("hold", ["no-prior-mrn"])
    assert "MRG" in answer["reasons"][0]["text"]


def test_waiting_requests_follow_the_survivor_with_his_number(story):
    told = story()
    told.book(pid=OLD)
    made = told.changes[0].id
    told.tell("ADT^A08", told.PID)
    told.tell("ADT^A40", told.PID, mrg())
    (rewrite,) = told.changes
    assert isinstance(rewrite, Rewrite) and rewrite.id == made
    assert b'"extension":"T1001"' in rewrite.body
    assert told.outcome.absorbed == ("|T2002",)


def test_an_appointment_that_stood_under_both_numbers_keeps_the_newer_request(story):
    told = story()
    told.book(pid=OLD)
    first = told.changes[0].id
    told.book()
    second = told.changes[0].id
    told.tell("ADT^A40", told.PID, mrg())
    assert [change.id for change in told.changes if isinstance(change, Close)] == [first]
    assert told.chart.appointments["A:F1"].asked.id == second


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("known", [1, 2])
@pytest.mark.parametrize("cancelled", [False, True])
def test_an_appointment_that_one_chart_knows_by_its_placers_number_alone_is_the_others(
    story, swapped, known, cancelled
):
    told = story()
    one, other = (OLD, told.PID) if swapped else (told.PID, OLD)
    start = "|||||||||^^^20260310093000"
    for filler in range(known):
        told.tell("SIU^S12", f"SCH|P1|F{filler}{start}", one, told.AIP)
    told.tell("SIU^S15" if cancelled else "SIU^S14", f"SCH|P1|{start}", other, told.AIP)
    told.tell("ADT^A40", told.PID, mrg())
    found = {key: entry.status for key, entry in told.chart.appointments.items()}
    status = "cancelled" if cancelled else "booked"
    if known == 1:
        assert found == {"A:F0": status}
        assert [change.state for change in told.changes if isinstance(change, Close)] == [
            "withdrawn" if cancelled else "superseded"
        ]
    else:  # which of them it is can't be told
        assert found == {"A:F0": "booked", "A:F1": "booked", "A:P1": status}


def test_a_merge_that_completes_a_held_request_posts(story):
    told = story()
    held = told.book(pid=told.pid(f7="1970"))
    assert held["decision"] == "hold"
    told.tell("ADT^A08", OLD)
    answer = told.tell("ADT^A40", told.pid(f7=""), mrg())
    assert (answer["decision"], codes(answer)) == ("post", ["completes-held", "merged"])
    assert answer["request"]["patient"]["birthDate"] == "1970-01-31"


def test_the_newer_of_two_facts_counts_wherever_it_stood(story):
    told = story()
    told.tell("ADT^A08", told.PID, at="202603010800")
    told.tell("ADT^A08", OLD.replace("12 Birch Ln", "99 New St"), at="202603010900")
    told.tell("ADT^A40", "PID|1||T1001^^^LFC^MR", mrg())
    assert told.book(pid="PID|1||T1001^^^LFC^MR")["request"]["patient"]["address"]["lines"] == ["99 New St"]


@pytest.mark.parametrize("event", ["A24", "A37"])
def test_link_and_unlink_merge_nothing_and_take_nothing(story, event):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    answer = told.tell(f"ADT^{event}", told.PID, OLD.replace("PID|1", "PID|2"))
    assert (answer["decision"], codes(answer)) == ("chart", ["linked"])
    assert diagnoses(told.book()) == []


# ---------------------------------------------------------------- accounts and visits


@pytest.mark.parametrize("event", ["A35", "A41", "A42", "A49", "A50", "A51"])
def test_a_visit_gets_a_new_number_and_its_snapshot_goes_on_under_it(story, event):
    told = story()
    told.tell("ADT^A01", told.PID, "PV1|1|O" + "|" * 17 + "V1", DG1)
    renumbered = told.tell(
        f"ADT^{event}", told.PID, mrg("T1001^^^LFC^MR", visit="V1"), "PV1|1|O" + "|" * 17 + "V2"
    )
    assert (renumbered["decision"], codes(renumbered)) == ("chart", ["renumbered"])
    told.tell("ADT^A08", told.PID, "PV1|1|O" + "|" * 17 + "V2", "DG1|1||I10^Hypertension^I10")
    assert diagnoses(told.book()) == ["I10"]  # V2's list replaced what V1 said


def test_a_new_account_number_merges_no_person(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A35", told.pid(f18="ACC2"), mrg(account="ACC1"))
    assert diagnoses(told.book()) == []


def test_a_moved_visit_takes_its_diagnoses_along_and_nothing_else(story):
    told = story()
    told.tell("ADT^A08", OLD, "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A01", OLD, "PV1|1|O" + "|" * 17 + "V1", DG1)
    answer = told.tell("ADT^A45", told.PID, mrg(visit="V1"), "PV1|1|O" + "|" * 17 + "V1")
    assert (answer["decision"], codes(answer)) == ("chart", ["moved"])
    assert diagnoses(told.book()) == ["E11.9"]
    assert diagnoses(told.book(pid=OLD, key="F2")) == ["I10"]


def test_a_moved_visits_waiting_request_goes_out_for_the_right_person(story):
    told = story()
    pv1 = "PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI" + "|" * 12 + "V1"
    told.tell("ADT^A05", OLD, pv1, "PV2||||||||20260310")
    made = told.changes[0].id
    told.tell("ADT^A45", told.PID, mrg(visit="V1"), pv1)
    rewrites = [change for change in told.changes if isinstance(change, Rewrite)]
    assert [change.id for change in rewrites] == [made]
    assert b'"extension":"T1001"' in rewrites[0].body


def test_a_moved_account_takes_what_was_billed_to_it(story):
    told = story()
    told.tell("ADT^A01", OLD + "|" * 7 + "ACC1^^^LFC", "PV1|1|O" + "|" * 17 + "V1", DG1)
    answer = told.tell("ADT^A44", told.pid(f18="ACC1^^^LFC"), mrg(account="ACC1^^^LFC"))
    assert codes(answer) == ["moved"]
    assert diagnoses(told.book()) == ["E11.9"]
    assert diagnoses(told.book(pid=OLD, key="F2")) == []


def test_a_moved_number_brings_no_chart_along(story):
    told = story()
    told.tell("ADT^A08", OLD, DG1)
    told.tell("ADT^A08", told.PID)
    answer = told.tell("ADT^A43", told.PID, mrg())
    assert (answer["decision"], codes(answer)) == ("chart", ["number-moved"])
    booked = told.book(pid=OLD)
    assert (number(booked), diagnoses(booked)) == ("T1001", [])


def test_a_request_that_waits_under_a_number_that_moved_is_held(story):
    told = story()
    told.book(pid=OLD)
    told.tell("ADT^A43", told.PID, mrg())
    (rewrite,) = told.changes
    assert rewrite.state == "held"
    assert "moved to another person" in rewrite.reasons[0].text


# ---------------------------------------------------------------- deletions


def test_a29_takes_the_person_out_and_withdraws_what_waits(story):
    told = story()
    told.tell("ADT^A08", told.PID, DG1)
    told.book()
    answer = told.tell("ADT^A29", told.PID)
    assert (answer["decision"], codes(answer)) == ("cancel", ["cancelled", "withdrawn"])
    assert told.states() == [("Close", 1, "withdrawn")]
    assert diagnoses(told.book()) == []


def test_what_is_older_than_the_deletion_of_a_person_does_not_come_back(story):
    told = story()
    told.tell("ADT^A29", told.PID, at="202603020900")
    late = told.tell("ADT^A08", told.PID, DG1, at="202603020830")
    assert (late["decision"], codes(late)) == ("chart", ["older"])
    assert diagnoses(told.book(at="202603020930")) == []


def test_an_a29_older_than_what_is_known_leaves_that(story):
    told = story()
    told.tell("ADT^A28", told.PID, DG1, at="202603020900")
    late = told.tell("ADT^A29", told.PID, at="202603020830")
    assert (late["decision"], codes(late)) == ("chart", ["older"])
    assert diagnoses(told.book(at="202603020930")) == ["E11.9"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (1, 2, 0, 3), (1, 2, 3, 0)])
@pytest.mark.parametrize(
    ("marks", "said"),
    [
        (("ADT^A08", DG1 + "|" * 15 + "Y"), ("ADT^A28", DG1)),
        (
            ("ADT^A08", "DG1|1||E11.9^D^I10^44054006^D^SCT" + "|" * 15 + "Y"),
            ("ADT^A28", "DG1|1||44054006^D^SCT"),
        ),
        (("PPR^PC1", f"PRB|AD|2026|E11.9^D^I10|5{'|' * 21}R"), ("ADT^A28", DG1)),
        (
            ("RDE^O11", f"ORC|NW|1{'|' * 26}R", "RXE||1^metformin^L"),
            ("RDE^O11", "ORC|XO|1", "RXE||1^metformin^L"),
        ),
    ],
)
def test_deleting_a_person_releases_nothing_that_is_confidential(story, marks, said, order):
    """Who was deleted by mistake is added again, often by another system that knows nothing of it."""
    told = story()
    for place in order:
        kind, segments, at = (
            (marks[0], marks[1:], "202603020800"),
            ("ADT^A29", (), "202603020810"),
            ("ADT^A28", (), "202603020815"),
            (said[0], said[1:], "202603020820"),
        )[place]
        told.tell(kind, told.PID, *segments, at=at)
    answer = told.book(at="202603020830")
    assert not {"activeIcd10Diagnoses", "activeSnomedDiagnoses", "medications"} & set(answer["request"])


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
@pytest.mark.parametrize(
    "protects", ["PD1" + "|" * 12 + "Y", "ARV|1|A|PSY", f"PV1|1|O{'|' * 17}V1\rPV2{'|' * 22}Y"]
)
def test_nor_does_it_let_go_who_is_protected(story, protects, order):
    told = story()
    said = [("ADT^A08", protects.split("\r")), ("ADT^A29", []), ("ADT^A28", [])]
    for place in order:
        kind, segments = said[place]
        told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
    answer = told.book(at="202603020830")
    assert (answer["decision"], codes(answer)) == ("hold", ["protected"])


def test_a29_of_somebody_unknown(story):
    answer = story().tell("ADT^A29", OLD)
    assert (answer["decision"], codes(answer)) == ("cancel", ["cancelled", "not-known"])


def test_a23_takes_the_visit_out_of_the_chart_and_leaves_the_rest(story):
    told = story()
    told.tell("ADT^A08", told.PID, "DG1|1||I10^Hypertension^I10")
    told.tell("ADT^A01", told.PID, "PV1|1|O" + "|" * 17 + "V1", DG1)
    answer = told.tell("ADT^A23", told.PID, "PV1|1|O" + "|" * 17 + "V1")
    assert answer["decision"] == "cancel"
    late = told.tell("ADT^A08", told.PID, "PV1|1|O" + "|" * 17 + "V1", DG1, at="202603020801")
    assert late["decision"] == "chart"
    assert diagnoses(told.book()) == ["I10"]


def test_a23_feeds_the_chart_with_what_pid_says(story):
    told = story()
    told.tell("ADT^A23", told.pid(f8="M"), "PD1" + "|" * 12 + "Y", "PV1|1|O" + "|" * 17 + "V1")
    answer = told.book(pid=told.pid(f8=""))
    assert (answer["decision"], codes(answer)) == ("hold", ["protected"])
    assert answer["request"]["patient"]["gender"] == "MALE"


# ---------------------------------------------------------------- two people in one message


def test_a_message_that_names_two_patients_is_nobodys(story):
    told = story()
    answer = told.book(OLD.replace("PID|1", "PID|2"))
    assert (answer["decision"], codes(answer)) == ("hold", ["several-patients"])
    assert told.charts.all() == []
    swapped = told.tell("ADT^A17", told.PID, "PV1|1|I", OLD, "PV1|2|I", DG1)
    assert (swapped["decision"], codes(swapped)) == ("chart", ["several-patients"])


def test_a_cancellation_that_names_two_patients_cancels_nobodys(story):
    told = story()
    told.book()
    answer = told.tell("SIU^S15", "SCH||F1", told.PID, OLD.replace("PID|1", "PID|2"))
    assert (answer["decision"], codes(answer)) == ("hold", ["several-patients"])
    (appointment,) = told.chart.appointments.values()
    assert appointment.status == "booked"


def test_the_same_patient_twice_in_a_message_is_one(story):
    told = story()
    answer = told.book(told.pid(f1="2", f5="Else^Name"))
    assert answer["decision"] == "post"
    assert answer["request"]["patient"]["name"]["family"] == "Sample"


def test_whatever_the_order_of_merges_the_chart_holds_everything_once(story):
    """Three numbers of one person, merged in each order, before or after their messages."""
    numbers = ("T1", "T2", "T3")
    told = [
        (f"PID|1||{n}^^^LFC^MR||Sample^Robin||19700131|F", f"DG1|1||E11.{i}^D^I10")
        for i, n in enumerate(numbers)
    ]
    for order in itertools.permutations(range(3)):
        one = story()
        first, second, third = order
        one.tell("ADT^A08", *told[first])
        one.tell("ADT^A40", told[0][0], mrg(f"{numbers[1]}^^^LFC^MR"))
        one.tell("ADT^A08", *told[second])
        one.tell("ADT^A40", told[0][0], mrg(f"{numbers[2]}^^^LFC^MR"))
        one.tell("ADT^A08", *told[third])
        assert sorted(problem.code for problem in one.chart.problems) == ["E11.0", "E11.1", "E11.2"]
        assert one.chart.keys[0] == "|T1"
