"""HL7 data types as values."""

import pytest

from interface.hl7.datatypes import CWE, CX, EI, HD, PL, TQ, XAD, XCN, XPN, XTN
from interface.hl7.message import Repetition


def rep(text: str) -> Repetition:
    return Repetition.of_text(text)


def test_cx():
    value = CX.of(rep(" 00123 ^7^M11^LFC&2.999.5&ISO^MR^HOSP&2.999.6&ISO"))
    assert value == CX("00123", "7", HD("LFC", "2.999.5", "ISO"), "MR", HD("HOSP", "2.999.6", "ISO"))
    assert CX.of(rep("1^^^LFC")).authority == HD("LFC")
    assert not CX.of(rep("1")).authority
    assert CX.of(rep('1^^^""^MR')).authority == HD()


def test_hd():
    assert HD.of(rep("APP^2.999^ISO")) == HD("APP", "2.999", "ISO")
    authority = HD("LFC", "2.999.5", "ISO")
    assert authority.is_named("lfc")
    assert authority.is_named("urn:oid:2.999.5")
    assert not authority.is_named("")
    assert not HD().is_named("")
    assert not authority.is_named("2.999")


def test_ei():
    assert EI.of(rep("A1^SCHED^2.999.8^ISO")) == EI("A1", "SCHED", "2.999.8", "ISO")


def test_xpn():
    value = XPN.of(rep("van der Doe&van der&Doe^Ann^B C^Jr^Dr^MD^L"))
    assert value == XPN("van der Doe", "van der", "Doe", "Ann", "B C", "Jr", "Dr", "MD", "L")
    assert XPN.of(rep("Doe")) == XPN(family="Doe")
    assert XPN.of(rep("&van&Doe^Ann")) == XPN("", "van", "Doe", "Ann")
    assert XPN.of(rep('Doe^""^B')).given == ""


def test_xcn():
    value = XCN.of(rep("1234567893^Doe&van&D^Ann^B^Jr^Dr^MD^T^NPI&2.16.840.1.113883.4.6&ISO^L^3^NPICHK^NPI"))
    assert (value.id, value.family, value.own_family_prefix, value.own_family) == (
        "1234567893",
        "Doe",
        "van",
        "D",
    )
    assert (value.given, value.further, value.suffix, value.prefix, value.degree) == (
        "Ann",
        "B",
        "Jr",
        "Dr",
        "MD",
    )
    assert (value.source_table, value.name_type) == ("T", "L")
    assert value.authority == HD("NPI", "2.16.840.1.113883.4.6", "ISO")
    assert (value.check_digit, value.check_scheme, value.id_type) == ("3", "NPICHK", "NPI")


@pytest.mark.parametrize(
    ("sent", "street"),
    [
        ("1 Main St^Apt 2", "1 Main St"),
        ("1 Main St&Main St&1^Apt 2", "1 Main St"),
        ("&Main St&1^Apt 2", "1 Main St"),
        ("&Main St^Apt 2", "Main St"),
        ("^Apt 2", ""),
    ],
)
def test_the_street_of_an_address_whole_or_split(sent: str, street: str):
    value = XAD.of(rep(sent))
    assert (value.street, value.other) == (street, "Apt 2")


def test_xad():
    assert XAD.of(rep("1 Main^^Town^IL^60601-1234^USA^H")) == XAD(
        "1 Main", "", "Town", "IL", "60601-1234", "USA", "H"
    )


def test_xtn():
    value = XTN.of(rep("(312)555-0123X4^PRN^PH^a@b.example^1^312^5550123^4^after 5^^^3125550123"))
    assert value == XTN(
        "(312)555-0123X4", "PRN", "PH", "a@b.example", "1", "312", "5550123", "4", "after 5", "3125550123"
    )
    assert XTN.of(rep("312-555-0123")) == XTN("312-555-0123")


def test_cwe():
    value = CWE.of(rep("E66.01^Obesity \\T\\ more^I10^238136002^Morbid^SCT^1^2^as typed"))
    assert value == CWE("E66.01", "Obesity & more", "I10", "238136002", "Morbid", "SCT", "as typed")


def test_pl():
    value = PL.of(rep("CLINIC^R1^B1^LFC&2.999&ISO^A^C^BLD^2^Lakeside"))
    assert value == PL("CLINIC", "R1", "B1", HD("LFC", "2.999", "ISO"), "A", "C", "BLD", "2", "Lakeside")


def test_tq():
    value = TQ.of(rep("1&TAB^Q6H&0600,1200^D10^202603050800^20260315^R^PRN pain^after meals"))
    assert value == TQ(
        "1", "Q6H", "0600,1200", "D10", "202603050800", "20260315", "R", "PRN pain", "after meals"
    )
