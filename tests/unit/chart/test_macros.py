"""An unfilled macro of a sender's template (`##NAME##`) is no value, wherever it stands."""

from __future__ import annotations

import pytest
from telling import AIP, DRUG, PID, SCH, codes, left, medications, orc, rxe, segment

from interface.hl7.message import Message

SAID = "unfilled macros (##…##): read as empty"
NPI = "1234567893"


def asked(told, *segments, pid=PID, aip=AIP):
    return told.tell("SIU^S12", SCH, pid, aip, *segments)


def test_the_label_of_a_problem_is_not(told):
    answer = asked(
        told, "DG1|1||E11.9^##DXNAME##^I10", "DG1|2||I10^##DX##^I10|Hypertension", "DG1|3||##DXCODE##^x^I10"
    )
    assert answer["request"]["activeIcd10Diagnoses"] == [
        {"code": "E11.9", "displayName": "E11.9"},
        {"code": "I10", "displayName": "Hypertension"},
    ]
    assert SAID in answer["said"]


def test_nor_is_that_of_the_problem_list(told):
    told.tell("PPR^PC1", PID, "PRB|AD|20260301|E11.9^##DXNAME##^I10^^Diabetes")
    assert asked(told)["request"]["activeIcd10Diagnoses"][0]["displayName"] == "Diabetes"


def test_a_number_of_a_template_is_no_patients_chart(told):
    answer = asked(told, pid=segment(PID, f3="##MRN##^^^LFC^MR"))
    assert (answer["decision"], codes(answer)[0]) == ("hold", "no-mrn")
    assert told.charts.all() == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("##LAST##^Robin", "patient.name.family"), ("Sample^##FIRST##", "patient.name.given[0]")],
)
def test_a_name_is_held(told, name, code):
    answer = asked(told, pid=segment(PID, f5=name))
    assert answer["decision"] == "hold"
    assert "##" not in str(answer["request"])


def test_names_of_clinics_and_clinicians_are_passed_over(told):
    answer = asked(
        told,
        "AIL|1||##ROOM##^^^##CLINIC##",
        "PV1|1|O|##UNIT##^^^Lakeside",
        aip=f"AIP|1||{NPI}^Quill^Avery^##MIDDLE##^##SUFFIX##^##PREFIX##^^^NPI&2.16.840.1.113883.4.6&ISO|ATND",
    )
    assert answer["request"]["clinicName"] == "Lakeside"
    assert answer["request"]["upcomingAppointmentProvider"]["name"] == {"family": "Quill", "given": ["Avery"]}


def test_nor_does_the_senders_own_name_stand_in(told):
    head = "MSH|^~\\&|APP|##FACILITY##|R|R|20260302080100||SIU^S12|##ID##|P|2.5.1"
    answer = told.raw("\r".join((head, SCH, PID, AIP)).encode())
    assert (answer["control_id"], answer["decision"]) == ("##ID##", "post")
    assert "clinicName" not in answer["request"]


def test_texts_of_an_order_are_passed_over(told):
    (found,) = medications(
        told,
        orc(),
        rxe(
            DRUG,
            f1="^##FREQ##",
            f3="1",
            f5="##UNIT##^tablet",
            f6="##FORM##^Capsule",
            f7="##CODE##^Take one",
            f21="##NOTE##",
        ),
        "RXR|##ROUTE##",
    )
    (request,) = found["medicationRequests"]
    assert request["dosageInstruction"] == {"text": "Take one", "amountValue": 1, "amountUnit": "tablet"}
    assert request["form"]["displayName"] == "Capsule"
    assert {"route", "timingEvent"}.isdisjoint(request)


def test_an_appointment_is_not_named_by_one(told):
    answer = told.tell("SIU^S12", "SCH||##APPT##|||||||||^^^20260310093000", PID, AIP)
    assert (answer["decision"], codes(answer)[0]) == ("hold", "no-appointment-id")


def test_one_mark_alone_is_text_and_so_is_it_where_it_separates(told):
    answer = asked(told, "DG1|1||E11.9^Diabetes ## type 2^I10")
    assert answer["request"]["activeIcd10Diagnoses"][0]["displayName"] == "Diabetes ## type 2"
    message = Message(b"MSH|^~\\#|A|F|R|R|20260302||ADT^A08|1|P|2.5.1\rPID|1||A##B##C")
    assert [message.first("PID").text(3, 1, n) for n in (1, 3, 5)] == ["A", "B", "C"]
    assert message.notes == ()


def test_only_the_part_that_holds_it_is_empty():
    message = Message(
        b"MSH|^~\\&|A|F|R|R|20260302||ADT^A08|1|P|2.5.1\rPID|1||A^##x & y##^B~##C##^D|##~##\nPV1|1|##W##"
    )
    pid, pv1 = message.segments[1:]
    assert [pid.reps(3)[0].component(n) for n in (1, 2, 3)] == ["A", "##x & y##", "B"]
    assert [pid.reps(3)[1].component(n) for n in (1, 2)] == ["", "D"]
    assert [entry.raw for entry in pid.reps(4)] == ["##", "##"]
    assert pv1.field_count == 2
    assert pv1.raw(2) == ""


def test_it_is_said_once_and_left_out_nowhere(told):
    answer = asked(told, "DG1|1||E11.9^##A##^I10", "DG1|2||I10^##B##^I10")
    assert answer["said"].count(SAID) == 1
    assert left(answer) == []
