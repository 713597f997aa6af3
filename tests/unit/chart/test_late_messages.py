"""A message that comes late changes nothing that is newer than it, and is not lost: the chart is the same in any order."""

from __future__ import annotations

import itertools

import pytest
from telling import AIP, PID, codes, left, number, orc, problems, rxe, segment

from interface.chart.model import change
from interface.chart.rebuild import Told, rebuild

ADDRESS = "12 Birch Ln^^Madison^WI^53703"
PART = "^^Madison^WI"
OTHER = "PID|1||T2002^^^LFC^MR||Else^Kim||19800101|M|||9 Oak^^Madison^WI^53703"
THIRD = "PID|1||T3003^^^LFC^MR||Third^Lou||19810101|M|||7 Elm^^Madison^WI^53703"
SNOMED = "44054006^Diabetes^SCT"
NDC = "00093-1048-01^metformin^NDC"
TOLD_OF_VISIT = f"PV1|1|O{'|' * 17}V1"


def at(minute):
    return f"2026030208{minute:02d}"


def in_order(story, messages, order):
    """A story in which the messages (type and segments), of one minute each, come in this order."""
    told = story(mrn_authority=("LFC",))
    for index in order:
        kind, *segments = messages[index]
        told.tell(kind, *segments, at=at(index))
    return told


def any_order(messages):
    return pytest.mark.parametrize("order", list(itertools.permutations(range(messages))))


def asked(told, pid="PID|1||T1001^^^LFC^MR"):
    """What a booking that says nothing but the number asks for."""
    return told.tell("SIU^S12", "SCH||LAST|||||||||^^^20260320093000", pid, AIP, at="202603021430")


@any_order(3)
def test_each_restriction_stands_until_it_is_deleted(story, order):
    told = story(mrn_authority=("LFC",))
    messages = [("ARV|1|A|ONE",), ("ARV|1|A|TWO",), ("ARV|1|D|TWO",)]
    for index in order:
        told.tell("ADT^A08", told.PID, *messages[index], at=at(index))
    assert codes(asked(told)) == ["protected"]
    told.tell("ADT^A08", told.PID, "ARV|1|D|ONE", at=at(10))
    assert told.tell("ADT^A08", told.PID, at=at(11))["decision"] != "hold"


def test_a_merge_loses_no_restriction(story):
    told = story(mrn_authority=("LFC",))
    told.tell("ADT^A08", told.PID, "ARV|1|A|ONE", at=at(1))
    told.tell("ADT^A08", OTHER, "ARV|1|D|TWO", at=at(2))
    told.tell("ADT^A40", OTHER, "MRG|T1001^^^LFC^MR", at=at(3))
    assert codes(asked(told, OTHER)) == ["protected"]


def test_restrictions_of_a_chart_of_before_stand_in_one_list_and_end_as_others_do(story):
    told = story(mrn_authority=("LFC",))
    told.tell("ADT^A08", told.PID, "ARV|1|A|ONE", at=at(1))
    known = told.chart.patient
    one = known.pop("patient.restricted:ONE")
    known["patient.restricted"] = change(one, value=["ONE", "TWO"])
    assert codes(asked(told)) == ["protected"]
    told.tell("ADT^A08", told.PID, "ARV|1|D|ONE", at=at(2))
    assert codes(asked(told)) == ["protected"]
    assert told.tell("ADT^A08", told.PID, "ARV|1|D|TWO", at=at(3))["decision"] == "post", "it completes"


def test_null_ends_older_restrictions_that_come_late_too(story):
    told = story(mrn_authority=("LFC",))
    told.tell("ADT^A08", told.PID, 'ARV|1||""', at=at(5))
    told.tell("ADT^A08", told.PID, "ARV|1|A|ONE", at=at(1))
    assert asked(told)["decision"] == "post"
    told.tell("ADT^A08", told.PID, "ARV|1|A|TWO", at=at(6))
    assert codes(asked(told)) == ["protected"]


@any_order(3)
@pytest.mark.parametrize(
    ("addresses", "zip_code"),
    [((ADDRESS, '""', PART), None), (('""', ADDRESS, PART), "53703")],
    ids=["deleted behind it", "deleted before it"],
)
def test_what_was_deleted_stays_deleted_and_what_was_said_behind_it_counts(story, addresses, zip_code, order):
    told = story(mrn_authority=("LFC",))
    for index in order:
        told.tell("ADT^A08", segment(told.PID, f11=addresses[index]), at=at(index))
    address = asked(told)["request"]["patient"].get("address", {})
    assert address.get("zip") == zip_code


@any_order(2)
def test_a_problem_deleted_by_its_number_goes_with_all_its_codes(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("PPR^PC1", pid, f"PRB|AD||E11.9^Diabetes^I10^{SNOMED}|P1"),
            ("PPR^PC2", pid, "PRB|DE||E11.9^Diabetes^I10|P1"),
        ],
        order,
    )
    assert problems(asked(told)) == []


@any_order(2)
@pytest.mark.parametrize(
    "end", ["PRB|DE||E11.9^Diabetes^I10|P1", "PRB|UC||E11.9^Diabetes^I10|P1" + "|" * 10 + "resolved"]
)
def test_an_end_counts_for_the_code_that_its_number_has_since(story, order, end):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    anew = "PRB|UC||I10^Hypertension^I10|P1"
    told = in_order(story, [("PPR^PC2", pid, end), ("PPR^PC2", pid, anew)], order)
    assert problems(asked(told)) == []


@any_order(3)
@pytest.mark.parametrize(
    ("first", "since"),
    [
        (
            "PRB|UC||E11.9^Diabetes^I10|P1" + "|" * 21 + "R",
            "DG1|1||E11.9^Diabetes^I10||20250101|||||||||||||N",
        ),
        ("DG1|1||E11.9^Diabetes^I10||20250101", "DG1|1||E11.9^Diabetes^I10||20250101"),
    ],
    ids=["confidential for a while", "of a visit"],
)
def test_what_the_problem_list_has_deleted_stays_so(story, order, first, since):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    visit = f"PV1|1|O{'|' * 17}V1"
    messages = [
        ("ADT^A08", pid, visit, first),
        ("ADT^A08", pid, visit, since),
        ("PPR^PC3", pid, "PRB|DE||E11.9^Diabetes^I10|P1"),
    ]
    assert problems(asked(in_order(story, messages, order))) == []


@any_order(3)
def test_a_deleted_problem_stays_deleted_when_its_number_is_anothers(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    messages = [
        ("ADT^A08", pid, f"PV1|1|O{'|' * 17}V1", "DG1|1||I10^Hypertension^I10"),
        ("PPR^PC3", pid, "PRB|DE||I10^Hypertension^I10|P1"),
        ("PPR^PC1", pid, "PRB|AD||E11.9^Diabetes^I10|P1"),
    ]
    assert problems(asked(in_order(story, messages, order))) == ["10:E11.9"]


@any_order(3)
def test_an_end_of_a_number_counts_not_for_what_was_added_since(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    messages = [
        ("PPR^PC1", pid, "PRB|AD||E11.9^Diabetes^I10|P1"),
        ("PPR^PC2", pid, "PRB|UC||E11.9^Diabetes^I10|P1" + "|" * 10 + "resolved"),
        ("PPR^PC1", pid, "PRB|AD||I10^Hypertension^I10|P1"),
    ]
    assert len(problems(asked(in_order(story, messages, order)))) == 1


@any_order(2)
def test_what_names_one_code_and_no_number_takes_no_other_code_away(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("PPR^PC1", pid, f"PRB|AD||E11.9^Diabetes^I10^{SNOMED}|P1"),
            ("PPR^PC2", pid, "PRB|UP||E11.9^Diabetes^I10"),
        ],
        order,
    )
    assert problems(asked(told)) == ["10:E11.9", "S:44054006"]


@any_order(3)
def test_a_corrected_date_stays_corrected(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("PPR^PC1", pid, "PRB|AD||E11.9^Diabetes^I10|P1||||||||||||20210101"),
            ("PPR^PC2", pid, "PRB|CO||E11.9^Diabetes^I10|P1||||||||||||20220202"),
            ("PPR^PC2", pid, "PRB|UP||E11.9^Diabetes^I10|P1"),
        ],
        order,
    )
    (found,) = asked(told)["request"]["activeIcd10Diagnoses"]
    assert found["date"] == "2022-02-02"


def test_a_merge_keeps_a_corrected_date(story):
    told = story(mrn_authority=("LFC",))
    told.tell("PPR^PC1", OTHER, "PRB|AD||E11.9^Diabetes^I10|||||||||||||20210101", at=at(1))
    told.tell("PPR^PC2", told.PID, "PRB|CO||E11.9^Diabetes^I10|||||||||||||20220202", at=at(2))
    told.tell("ADT^A40", told.PID, "MRG|T2002^^^LFC^MR", at=at(3))
    assert [found["date"] for found in asked(told)["request"]["activeIcd10Diagnoses"]] == ["2022-02-02"]


@any_order(2)
def test_the_product_of_the_order_counts_though_it_comes_behind_its_dispense(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("RDE^O11", pid, orc("NW"), rxe(f31=NDC)),
            ("RDS^O13", pid, orc("RE"), "RXD|1|860975^metformin 500 MG^RXNORM|20260301"),
        ],
        order,
    )
    (found,) = asked(told)["request"]["medications"]
    assert found["medicationRequests"][0]["code"]["code"] == "00093104801"


@pytest.mark.parametrize("control", ["OK", "HD", "DC"])
def test_what_only_adds_to_an_order_brings_no_product_under_another_name(story, control):
    told = story(mrn_authority=("LFC",))
    told.tell("RDE^O11", told.PID, orc("NW"), rxe("D1^Lisinopril^L"), at=at(1))
    answer = told.tell("RDE^O11", told.PID, orc(control), rxe(NDC), at=at(2))
    assert "the order names its drug otherwise now" in left(answer)[-1][2]
    (found,) = asked(told)["request"]["medications"]
    assert found["nameCode"]["displayName"] == "Lisinopril"
    assert all("code" not in entry for entry in found.get("medicationRequests", []))


@any_order(2)
def test_a_confidential_replacement_ends_what_it_replaces(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("RDE^O11", pid, orc("NW", "P1"), rxe()),
            ("RDE^O11", pid, orc("RO", "P2", f8="P1", f28="R"), rxe("314076^lisinopril^RXNORM")),
        ],
        order,
    )
    assert [found["active"] for found in asked(told)["request"]["medications"]] == [False]


@any_order(2)
def test_a_deleted_sig_takes_no_timing_of_an_older_order_along(story, order):
    pid = f"PID|1||T1001^^^LFC^MR||Sample^Robin||19700131|F|||{ADDRESS}"
    told = in_order(
        story,
        [
            ("RDE^O11", pid, orc("NW"), rxe(f1="^BID")),
            ("RDE^O11", pid, orc("XO"), rxe(f7='""')),
        ],
        order,
    )
    (found,) = asked(told)["request"]["medications"]
    assert found["medicationRequests"][0]["timingEvent"] == "BID"


@any_order(5)
def test_what_was_known_before_a_persons_deletion_goes_whenever_that_comes(story, order):
    added = "PID|1||T1001^^^LFC^MR||Anew^Ada||19700102|F|||1 New St^^Madison^WI^53704"
    messages = [
        ("ADT^A08", PID, "PV1|1|O", "DG1|1||E11.9^Diabetes^I10"),
        ("SIU^S12", FIRST, PID, AIP),
        ("ADT^A29", "PID|1||T1001^^^LFC^MR"),
        ("ADT^A28", added, "DG1|1||I10^Hypertension^I10"),
        ("SIU^S12", "SCH||F2|||||||||^^^20260311093000", added, AIP),
    ]
    told = in_order(story, messages, order)
    assert list(told.chart.appointments) == ["A:F2"]
    answer = asked(told)
    assert problems(answer) == ["10:I10"]
    assert answer["request"]["patient"]["address"]["zip"] == "53704"


@any_order(3)
def test_an_appointment_that_something_newer_tells_of_loses_what_was_said_before_the_deletion(story, order):
    messages = [
        ("SIU^S12", FIRST, PID, AIP),
        ("ADT^A29", "PID|1||T1001^^^LFC^MR"),
        ("SIU^S14", "SCH||F1|||||||||^^^20260312093000", PID),
    ]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].date == "2026-03-12"
    assert told.chart.appointments["A:F1"].asked.state == "held", "nobody has named its clinician since"


@pytest.mark.parametrize(
    "late",
    [("ADT^A40", "MRG|T2002^^^LFC^MR"), ("ADT^A45", "MRG|T2002^^^LFC^MR||||V1", f"PV1|1|O{'|' * 17}V1")],
    ids=["merge", "move"],
)
def test_a_merge_or_move_from_before_a_persons_deletion_brings_nothing_back(story, late):
    told = story(mrn_authority=("LFC",))
    told.tell("ADT^A08", told.PID, at=at(1))
    told.tell("ADT^A29", told.PID, at=at(5))
    kind, *rest = late
    told.tell(kind, told.PID, *rest, at=at(3))
    assert "name" not in asked(told)["request"]["patient"]


def test_a_merge_from_before_a_persons_deletion_protects_all_the_same(story):
    told = story(mrn_authority=("LFC",))
    told.tell("ADT^A08", told.PID, at=at(1))
    told.tell("ADT^A29", told.PID, at=at(5))
    told.tell("ADT^A40", told.PID, "PD1" + "|" * 12 + "Y", "MRG|T2002^^^LFC^MR", at=at(3))
    assert codes(told.book(at=at(6))) == ["protected"]


@pytest.mark.parametrize(
    "gone",
    [
        ("ADT^A23", TOLD_OF_VISIT),
        ("ADT^A45", TOLD_OF_VISIT, "MRG|T1001^^^LFC^MR||||V1"),
        ("ADT^A44", "PID|1||T2002^^^LFC^MR|||||||||||||||ACC1", "MRG|T1001^^^LFC^MR||ACC1"),
    ],
    ids=["A23", "A45", "A44"],
)
def test_what_is_confidential_of_a_visit_that_went_stays_so_though_it_comes_late(story, gone):
    """As it does where it came in time."""
    told = story(mrn_authority=("LFC",))
    pid = segment(told.PID, f18="ACC1")
    kind, *segments = gone
    if not segments[0].startswith("PID"):
        segments.insert(0, pid if kind == "ADT^A23" else OTHER)
    told.tell("ADT^A08", pid, TOLD_OF_VISIT, at=at(1))
    told.tell(kind, *segments, at=at(5))
    late = ("ADT^A08", pid, TOLD_OF_VISIT, f"DG1|1||E11.9^Diabetes^I10{'|' * 15}Y")
    told.tell(*late, at=at(3))
    told.tell("ADT^A08", told.PID, "DG1|1||E11.9^Diabetes^I10", at=at(6))
    assert problems(told.book(at=at(7))) == []


def test_what_was_deleted_does_not_come_back_under_a_number_that_a_merge_has_retired_since(story):
    told = story(mrn_authority=("LFC",))
    told.book(at=at(1))
    told.tell("ADT^A29", told.PID, at=at(2))
    told.tell("ADT^A40", OTHER, "MRG|T1001^^^LFC^MR", at=at(3))
    assert codes(told.book(at=at(1), control_id="AGAIN")) == ["older"]
    assert not told.chart.appointments
    assert told.book(at=at(4))["decision"] == "post", "what is newer is the survivor's"


def test_a_merge_from_before_a_persons_deletion_changes_no_number(story):
    told = story(mrn_authority=("LFC",))
    first = ("ADT^A40", OTHER, "MRG|T1001^^^LFC^MR")
    told.tell(*first, at=at(1))
    told.tell("ADT^A40", told.PID, "MRG|T2002^^^LFC^MR", at=at(2))
    told.tell("ADT^A29", told.PID, at=at(5))
    told.tell(*first, at=at(1), control_id="AGAIN")
    assert told.chart.keys[0] == "|T1001"


def test_what_was_booked_on_an_account_before_it_moved_is_not_taken_again(story):
    told = story(mrn_authority=("LFC",))
    pid = segment(told.PID, f18="ACC1")
    told.book(pid=pid, at=at(1))
    told.tell("RDS^O13", pid, orc("RE"), "RXD|1|860975^metformin 500 MG^RXNORM|20260301", at=at(1))
    told.tell("ADT^A44", segment(OTHER, f18="ACC1"), "MRG|T1001^^^LFC^MR||ACC1", at=at(5))
    again = told.book(pid=pid, at=at(1), control_id="AGAIN")
    told.tell(
        "RDS^O13",
        pid,
        orc("RE"),
        "RXD|1|860975^metformin 500 MG^RXNORM|20260301",
        at=at(1),
        control_id="AGAIN2",
    )
    assert codes(again) == ["older"]
    assert not told.chart_of("T1001").appointments
    assert not told.chart_of("T1001").orders
    assert told.book(pid=pid, key="F2", at=at(6))["decision"] == "post", "what is newer is this person's"


def test_an_account_that_moved_back_is_this_persons_again(story):
    told = story(mrn_authority=("LFC",))
    pid = segment(told.PID, f18="ACC1")
    told.tell("ADT^A08", pid, at=at(0))
    told.tell("ADT^A44", segment(OTHER, f18="ACC1"), "MRG|T1001^^^LFC^MR||ACC1", at=at(2))
    told.tell("ADT^A44", pid, "MRG|T2002^^^LFC^MR||ACC1", at=at(4))
    assert told.book(pid=pid, at=at(1))["decision"] == "post"


@pytest.mark.parametrize("event", ["ADT^A40", "ADT^A34", "ADT^A44"])
def test_a_merge_from_before_its_number_moved_on_touches_nobody(story, event):
    told = story(mrn_authority=("LFC",))
    for pid in (told.PID, OTHER, THIRD):
        told.tell("ADT^A08", pid, "DG1|1||E11.9^x^I10", at=at(1))
    told.tell("ADT^A43", THIRD, "MRG|T2002^^^LFC^MR", at=at(5))
    answer = told.tell(event, segment(told.PID, f18="ACC1"), "MRG|T2002^^^LFC^MR||ACC1", at=at(3))
    assert codes(answer)[0] == "older"
    assert told.chart_of("T1001").keys == ["|T1001"]
    assert number(asked(told, THIRD)) == "T3003"


def test_rebuilding_leaves_each_patient_the_request_of_his_own_visit_without_a_number(story):
    told = story(mrn_authority=("LFC",))
    visit = f"PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI{'|' * 37}20260312"
    messages = [
        ("ADT^A08", segment(told.PID, f30="Y"), visit),
        ("ADT^A08", OTHER, visit),
    ]
    entries = []
    for kind, *segments in messages:
        answer = told.tell(kind, *segments)
        raw = (
            f"MSH|^~\\&|APP|FAC|R|R|2026030208{told.number:02d}||{kind}|M{told.number}|P|2.5.1\r"
            + "\r".join(segments)
        )
        reading = told.engine.read(raw.encode(), received_at=told.now)
        entries.append(Told(told.number, reading, told.now, None))
    assert answer["decision"] == "post"
    old = dict(enumerate(told.charts.all(), 1))
    found = rebuild(told.engine, entries, old, now=told.now, new_id=itertools.count(1000).__next__)
    assert {
        patient.chart.keys[0]: [entry.asked is not None for entry in patient.chart.appointments.values()]
        for patient in found.patients
    } == {"|T1001": [False], "|T2002": [True]}
    assert not found.closed


# ---------------------------------------------------------------- appointments and visits, value by value

FIRST = "SCH||F1|||||||||^^^20260310093000"
NEWS = "SCH||F1"


def _is_booked(told):
    return told.chart.appointments["A:F1"].status == "booked"


@any_order(3)
@pytest.mark.parametrize(
    ("last", "booked"),
    [
        (("SIU^S19", NEWS), False),
        (("SIU^S27", NEWS), False),
        (("SIU^S19", NEWS + "|" * 23 + "Booked"), True),
        (("SIU^S14", NEWS), True),
    ],
)
def test_a_cancellation_counts_unless_something_newer_books(story, order, last, booked):
    news, sch = last
    messages = [("SIU^S12", FIRST, PID, AIP), ("SIU^S15", NEWS, PID), (news, sch, PID, AIP)]
    told = in_order(story, messages, order)
    assert _is_booked(told) == booked
    asked = told.chart.appointments["A:F1"].asked
    assert (asked is not None and asked.state == "waiting") == booked


def test_a_late_cancellation_behind_news_of_resources_withdraws(told):
    told.book(at=at(1))
    told.tell("SIU^S19", NEWS, PID, AIP, at=at(3))
    answer = told.tell("SIU^S15", NEWS, PID, at=at(2))
    assert (answer["decision"], codes(answer)) == ("cancel", ["cancelled", "withdrawn"])
    again = told.tell("SIU^S15", NEWS, PID, at=at(0))
    assert (again["decision"], codes(again)) == ("chart", ["older"])


def test_a_late_cancellation_of_a_chart_of_before_leaves_what_is_newer(told):
    told.book(at=at(1))
    told.tell("SIU^S19", NEWS, PID, AIP, at=at(3))
    (chart,) = told.charts.all()
    chart.appointments["A:F1"] = change(chart.appointments["A:F1"], status_at="")
    assert codes(told.tell("SIU^S15", NEWS, PID, at=at(2))) == ["older"]


@any_order(3)
def test_the_newest_day_counts_though_something_newer_names_none(story, order):
    messages = [
        ("SIU^S12", FIRST, PID, AIP),
        ("SIU^S13", "SCH||F1|||||||||^^^20260312093000", PID, AIP),
        ("SIU^S18", NEWS, PID),
    ]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].date == "2026-03-12"
    assert told.chart.appointments["A:F1"].asked.state == "waiting"


def test_a_late_booking_completes_what_is_held_and_moves_nothing_back(told):
    held = told.tell("SIU^S14", "SCH||F1|||||||||^^^20260312093000", PID, at=at(2))
    assert held["decision"] == "hold"
    answer = told.tell("SIU^S12", FIRST, PID, AIP, at=at(1))
    assert (answer["decision"], codes(answer)) == ("post", ["completes-held"])
    assert answer["request"]["upcomingAppointmentDate"] == "2026-03-12"


def test_a_clinicians_npi_that_comes_late_is_his(told):
    told.tell("SIU^S14", FIRST, PID, "AIP|1||D42^Quill^Avery^^^Dr|ATND", at=at(2))
    answer = told.book(at=at(1))
    assert answer["decision"] == "post"
    assert answer["request"]["upcomingAppointmentProvider"]["npi"] == "1234567893"


@any_order(3)
@pytest.mark.parametrize("event", ["S14", "S22"])
def test_a_clinician_who_was_taken_out_stays_out(story, event, order):
    nurse = "AIP|2||77^Help^Kim|RN"
    messages = [
        ("SIU^S12", FIRST, PID, AIP, nurse),
        (f"SIU^{event}", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"), nurse),
        ("SIU^S14", NEWS, PID, "AIS|1||VISIT^Visit"),
    ]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].asked.state == "held"


@any_order(3)
def test_so_does_one_whom_a_newer_list_does_not_have(story, order):
    room, out = "AIL|1||ROOM1", AIP.replace("AIP|1|", "AIP|1|D")
    messages = [
        ("SIU^S12", FIRST, PID, AIP, room),
        ("SIU^S22", NEWS, PID, out),
        ("SIU^S14", NEWS, PID, room),
    ]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].asked.state == "held"


@any_order(4)
@pytest.mark.parametrize("event", ["S14", "S22"])
def test_one_who_was_put_in_again_is_in_though_another_was_taken_out_since(story, event, order):
    nurse = "AIP|2|{}|77^Help^Kim|RN"
    messages = [
        ("SIU^S12", FIRST, PID, AIP, nurse.format("")),
        (f"SIU^{event}", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"), nurse.format("")),
        ("SIU^S14", NEWS, PID, AIP, nurse.format("")),
        (f"SIU^{event}", NEWS, PID, AIP, nurse.format("D")),
    ]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].asked.state == "waiting"


@any_order(3)
def test_news_behind_a_status_that_books_nothing_outlives_no_cancellation(story, order):
    pending = NEWS + "|" * 23 + "Pending"
    messages = [("SIU^S14", pending, PID, AIP), ("SIU^S15", NEWS, PID), ("SIU^S18", NEWS, PID, AIP)]
    assert not _is_booked(in_order(story, messages, order))


@any_order(3)
def test_a_list_that_comes_behind_the_taking_out_of_an_older_one_loses_no_appointment(story, order):
    nurse, room = "AIP|2|{}|77^Help^Kim|RN", "AIL|1||ROOM1"
    messages = [
        ("SIU^S12", FIRST, PID, AIP, nurse.format("")),
        ("SIU^S13", NEWS, PID, AIP, room),
        ("SIU^S22", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"), nurse.format("D")),
    ]
    assert _is_booked(in_order(story, messages, order))


@any_order(4)
def test_nor_does_it_open_what_was_cancelled(story, order):
    nurse, room = "AIP|2|{}|77^Help^Kim|RN", "AIL|1||ROOM1"
    messages = [
        ("SIU^S12", FIRST, PID, AIP, nurse.format("")),
        ("SIU^S13", NEWS, PID, AIP, room),
        ("SIU^S15", NEWS, PID),
        ("SIU^S22", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"), nurse.format("D")),
    ]
    assert not _is_booked(in_order(story, messages, order))


def test_a_list_of_resources_that_is_newer_than_the_taking_out_stands(told):
    told.book(at=at(1))
    told.tell("SIU^S14", NEWS, PID, AIP, at=at(3))
    late = told.tell("SIU^S22", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"), at=at(2))
    assert late["decision"] == "chart"
    assert _is_booked(told)


@any_order(3)
def test_so_it_is_with_a_visit(story, order):
    pv1 = "PV1|1|O|||||{}" + "|" * 12 + "V1"
    messages = [
        ("ADT^A05", PID, pv1.format("1234567893^Quill^Avery^^^^^^NPI"), "PV2||||||||20260310"),
        ("ADT^A05", PID, pv1.format(""), "PV2||||||||20260312"),
        ("ADT^A08", PID, pv1.format(""), "PV2||||||||"),
    ]
    told = in_order(story, messages, order)
    visit = told.chart.appointments["V:V1"]
    assert (visit.date, visit.asked.state) == ("2026-03-12", "waiting")


def test_the_clinician_whom_a_late_booking_names_goes_before_the_visits(told):
    told.tell("SIU^S14", FIRST, PID, at=at(1))
    visit = "PV1|1|O|||||1122334455^Other^Kim^^^^^^NPI" + "|" * 12 + "V1"
    assert codes(told.tell("ADT^A08", PID, visit, at=at(3))) == ["completes-held"]
    answer = told.tell("SIU^S12", NEWS, PID, AIP, at=at(0))
    assert answer["request"]["upcomingAppointmentProvider"]["name"]["family"] == "Quill"


TAKES_OUT = ("SIU^S22", NEWS, PID, AIP.replace("AIP|1|", "AIP|1|D"))


@any_order(2)
def test_what_a_booking_lists_and_s22_does_not_take_out_is_left(story, order):
    told = in_order(story, [("SIU^S12", FIRST, PID, AIP, "AIS|1||VISIT^Visit"), TAKES_OUT], order)
    assert told.chart.appointments["A:F1"].status == "booked"
    assert told.chart.appointments["A:F1"].asked.state == "held"  # nobody is left whom it could be with


@pytest.mark.parametrize("listed", [(AIP,), ()])
@any_order(2)
def test_what_s22_leaves_nothing_of_is_cancelled(story, listed, order):
    told = in_order(story, [("SIU^S12", FIRST, PID, *listed), TAKES_OUT], order)
    assert told.chart.appointments["A:F1"].status == "cancelled"


def test_a_booking_that_comes_behind_an_s22_of_its_own_is_asked_for(told):
    nurse = "AIP|2|D|77^Help^Kim|RN"
    assert told.tell("SIU^S22", NEWS, PID, nurse, at=at(2))["decision"] == "cancel"
    answer = told.book(nurse.replace("|D|", "||"), at=at(1))
    assert (answer["decision"], codes(answer)) == ("post", ["request"])


@pytest.mark.parametrize("status", ["", "Cancelled"])
def test_what_says_that_it_is_cancelled_is_no_guess(told, status):
    kind = "SIU^S22" if status else "SIU^S15"
    told.tell(kind, NEWS + "|" * 23 + status, PID, at=at(2))
    assert codes(told.book(at=at(1))) == ["older"]


@any_order(3)
def test_the_last_list_before_an_s22_says_what_is_left(story, order):
    messages = [("SIU^S12", FIRST, PID, AIP, "AIS|1||VISIT^Visit"), ("SIU^S14", NEWS, PID, AIP), TAKES_OUT]
    told = in_order(story, messages, order)
    assert told.chart.appointments["A:F1"].status == "cancelled"
    assert (
        told.chart.appointments["A:F1"].asked is None
        or told.chart.appointments["A:F1"].asked.state == "closed"
    )


@any_order(4)
def test_a_clinician_who_is_back_since_stays(story, order):
    visit = "AIS|1||VISIT^Visit"
    messages = [
        ("SIU^S12", FIRST, PID, AIP, visit),
        ("SIU^S13", NEWS, PID, AIP, visit),
        TAKES_OUT,
        ("SIU^S14", NEWS, PID, "PV1|1|O|||||1234567893^Quill^Avery^^^^^^NPI"),
    ]
    told = in_order(story, messages, order)
    known = told.chart.appointments["A:F1"]
    assert (known.status, known.facts["upcomingAppointmentProvider"].value["npi"]) == ("booked", "1234567893")
