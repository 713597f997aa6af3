"""Rows become messages: which go together, what stands where, and that the same rows make the same bytes."""

from collections.abc import Sequence

from interface.history.columns import Layout, read_layout
from interface.history.messages import MOST_ROWS, Built, build, build_messages
from interface.history.rows import Row, read_rows

AS_OF = "20260301120000+0000"
MEDICATIONS = (
    "mrn,authority,family,given,dob,sex,street,city,state,zip,phone,email,rxcui,label,ndc,dose,unit,strength,"
    "strength_unit,form,route,sig,frequency,start,end,prescribed,status,prescriber_npi,prescriber_family,"
    "prescriber_given,quantity,refills,order_id,order_authority,prescription_number"
)


def built(headings: str, *lines: str) -> tuple[list[Built], Layout]:
    layout = read_layout(headings)
    rows = [row for row in read_rows([f"{line}\n" for line in lines], layout) if isinstance(row, Row)]
    assert len(rows) == len(lines)
    return list(build_messages(rows, layout, AS_OF)), layout


def text(message: Built) -> list[str]:
    return message.raw.decode().rstrip("\r").split("\r")


def test_problems_of_a_patient_are_one_message() -> None:
    (message,), _ = built(
        "mrn,system,code,label,date,status,resolved",
        "7,ICD10,E11.65,Diabetes | type 2,2019-03-04,active,",
        "7,SNOMED,38341003,Hypertension,,resolved,2020",
    )
    head, pid, one, two = text(message)
    assert head.startswith(f"MSH|^~\\&|HL7-INTERFACE||||{AS_OF}||PPR^PC1^PPR_PC1|LOAD-")
    assert len(head.split("|")[9]) == 20
    assert pid == "PID|1||7^^^^MR"
    first, second = one.split("|"), two.split("|")
    assert (first[1], first[3], first[14], first[16]) == (
        "AD",
        r"E11.65^Diabetes \F\ type 2^ICD10",
        "active",
        "20190304",
    )
    assert (second[3], second[9], second[14]) == ("38341003^Hypertension^SNOMED", "2020", "resolved")
    assert (first[4], second[4]) == ("", "")  # under a number it would be another problem than the feed's


def test_a_problem_entered_in_error_is_deleted() -> None:
    (message,), _ = built("mrn,icd10_code,status", "7,I10,entered-in-error")
    assert text(message)[2] == "PRB|DE||I10^^ICD10"


def test_a_medication_with_everything() -> None:
    line = (
        "7,LFC,Sample,Robin,1/31/1970,F,12 Birch Ln,Madison,WI,53703,608-555-0142,r@example.com,860975,metformin,"
        "00093-1048-01,1,tablet,500,mg,TAB,Oral,Take 1 tablet,BID,2024-01-05,2024-12-31,2024-01-04,active,"
        "1234567893,Quill,Avery,60,3,O1,EPIC,RX9"
    )
    (message,), _ = built(MEDICATIONS, line)
    _, pid, orc, tq1, rxe, rxr = text(message)
    assert pid == (
        "PID|1||7^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703||"
        "608-555-0142^PRN^PH~^NET^Internet^r@example.com"
    )
    assert orc == "ORC|NW|O1^EPIC||||||||||1234567893^Quill^Avery^^^^^^NPI^^^^NPI"
    assert tq1 == "TQ1|1||BID||||20240105|20241231"
    assert rxe == (
        "RXE||860975^metformin^RXNORM^00093-1048-01^metformin^NDC|1||tablet|TAB|^Take 1 tablet|||60||3|||RX9"
        "||||||||||500|mg||||||20240104"
    )
    assert rxr == "RXR|^Oral"


def test_states_of_a_medication() -> None:
    words = ("", "active", "on hold", "completed", "stopped", "cancelled")
    (message,), _ = built("mrn,label,sig,status", *(f"7,drug {n},,{word}" for n, word in enumerate(words)))
    orders = [line.split("|") for line in text(message) if line.startswith("ORC")]
    assert [(order[1], order[5] if len(order) > 5 else "") for order in orders] == [
        ("NW", ""),
        ("NW", ""),
        ("NW", "HD"),
        ("SC", "CM"),
        ("DC", "DC"),
        ("CA", "CA"),
    ]


def test_what_is_active_has_the_last_word_unless_the_order_has_a_number() -> None:
    (problems,), _ = built(
        "mrn,icd10,status,resolved", "7,I10,active,", "7,I10,resolved,", "7,I10,,2020", "7,I10,error,"
    )
    assert [line.split("|")[1] for line in text(problems)[2:]] == ["AD", "DE", "AD", "AD"]
    assert [row.line for row in problems.rows] == [3, 5, 4, 2]
    (orders,), _ = built(
        "mrn,label,status,order_id", "7,a,active,", "7,a,stopped,", "7,b,active,1", "7,b,stopped,1"
    )
    assert [row.line for row in orders.rows] == [3, 2, 4, 5]


def test_orders_without_a_number_get_one_that_a_change_of_status_keeps() -> None:
    def number(line: str) -> str:
        (message,), _ = built("mrn,label,start,end,status,sig", line)
        return text(message)[2].split("|")[2]

    first = number("7,metformin,2024-01-05,,active,a")
    assert number("7,metformin,2024-01-05,2024-06-01,stopped,b") == first
    assert number("7,metformin,2025-01-05,,active,a") != first
    assert number("8,metformin,2024-01-05,,active,a") != first


def test_rows_that_differ_in_the_person_or_the_time_stand_apart() -> None:
    messages, _ = built(
        "mrn,family,icd10_code,as_of",
        "7,Sample,I10,",
        "7,Sample,I11.9,",
        "7,Samples,I12.9,",
        "7,Sample,I13.0,",
        "8,Sample,I10,",
        "8,Sample,I10,2025-01-05",
    )
    assert [len(message.rows) for message in messages] == [2, 1, 1, 1, 1]
    assert text(messages[-1])[0].split("|")[6] == "20250105"


def test_many_rows_of_a_patient_are_several_messages() -> None:
    messages, _ = built("mrn,icd10_code", *["7,I10"] * (MOST_ROWS + 1))
    assert [len(message.rows) for message in messages] == [MOST_ROWS, 1]


def test_the_same_rows_make_the_same_bytes_and_others_another_control_id() -> None:
    def control_ids(*lines: str) -> Sequence[str]:
        return [text(message)[0].split("|")[9] for message in built("mrn,icd10_code,date", *lines)[0]]

    assert control_ids("7,I10,", "8,I10,") == control_ids("7,I10,", "8,I10,")
    assert len({*control_ids("7,I10,"), *control_ids("8,I10,"), *control_ids("7,I10,2020")}) == 3


def test_a_message_can_be_built_again_without_a_row() -> None:
    (message,), layout = built("mrn,icd10_code", "7,I10", "7,IMO1")
    again = build(message.rows[:1], layout, AS_OF)
    assert text(again)[:2] != text(message)[:2]
    assert [line[:3] for line in text(again)] == ["MSH", "PID", "PRB"]
