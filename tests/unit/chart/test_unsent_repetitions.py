"""What an order says twice where the request has room for one: the second is left out, and said."""

from __future__ import annotations

import pytest
from telling import DRUG, PID, left, orc, rxe

PEN, QUILL = "1234567893^Quill^Avery^^^^^^NPI", "1245319599^Pen^Kim^^^^^^NPI"
NDC, OTHER_NDC = "00093-1048-01^met^NDC", "68180-0513-01^lis^NDC"


def one(place):
    return f"the request has room for one: {place} is sent"


def code(place):
    return f"another code of the same: {place} is sent"


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([rxe(), "RXR|PO^Oral", "RXR|IV^Intravenous"], ("RXR[2]-1.2", "Intravenous", one("RXR-1"))),
        ([rxe(), "RXR|PO^Oral~SL"], ("RXR-1[2].1", "SL", one("RXR-1"))),
        ([rxe(f6="TAB^Tablet~CAP^Capsule")], ("RXE-6[2].2", "Capsule", one("RXE-6"))),
        ([rxe("860975^met^RXNORM^D1^met^MULTUM")], ("RXE-2.4", "D1", code("RXE-2.1"))),
        ([rxe("D1^met^FDB^860975^met^RXNORM")], ("RXE-2.1", "D1", code("RXE-2.4"))),
        ([rxe(f"{DRUG}~314076^lisinopril^RXNORM")], ("RXE-2[2].2", "lisinopril", one("RXE-2"))),
        ([rxe(f31=f"{NDC}~{OTHER_NDC}")], ("RXE-31[2].1", "68180-0513-01", code("RXE-31.1"))),
        ([rxe(f31=f"{NDC}~27250050^met^GPI")], ("RXE-31[2].1", "27250050", code("RXE-31.1"))),
        ([rxe(), f"RXD|1|{NDC}|20260301", f"RXD|2|{OTHER_NDC}|20260301"], ("RXD[2]-2.1", "68180-0513-01", code("RXD-2.1"))),
    ],
)  # fmt: skip
def test_it_is_said(told, segments, said):
    assert said in left(told.tell("RDE^O11", PID, orc(), *segments))


def test_so_is_a_second_prescriber_and_facility(told):
    said = left(told.tell("RDE^O11", PID, orc(f12=f"{QUILL}~{PEN}", f21="Lakeside~Hillside"), rxe()))
    assert ("ORC-12[2]", "1234567893", one("ORC-12")) in said
    assert ("ORC-21[2].1", "Hillside", one("ORC-21")) in said


@pytest.mark.parametrize(
    ("order", "segments"),
    [
        (orc(), [rxe(), "RXR|PO^Oral", "RXR|PO^Oral"]),
        (orc(), [rxe("860975^met^RXNORM^860975^met^RXNORM")]),
        (orc(), [rxe(f"{DRUG}^{NDC}", f31="00093104801^met^NDC")]),
        (orc(), [rxe(f6="TAB~"), "RXR|PO~"]),
        (orc(f12=f"{QUILL}~77^Pen^Kim^^^^^^LOCAL"), [rxe()]),
    ],
)
def test_the_same_once_more_is_not(told, order, segments):
    assert left(told.tell("RDE^O11", PID, order, *segments)) == []


def test_timings_and_instructions_are_all_used(told):
    told.tell(
        "RDE^O11",
        PID,
        orc(),
        "TQ1|1||QD|||D5|20260301||||take one",
        "TQ1|2||BID|||D5|20260306||||then two",
        rxe(),
    )
    answer = told.book()
    (request,) = answer["request"]["medications"][0]["medicationRequests"]
    assert request["dosageInstruction"]["text"] == "take one then two"
    assert left(answer) == []
