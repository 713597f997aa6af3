"""A code that has not the form of its system's codes is none: the other coding counts, or the label."""

from __future__ import annotations

import pytest
from telling import PID, left, medications, orc, rxe


def no(name):
    return f"no code of {name} has this form"


NO_NDC = "an NDC of this form can't be told apart: neither 11 digits nor dashes in place"


@pytest.mark.parametrize(
    ("sent", "name", "said"),
    [
        ("MET500^Metformin^RXNORM", (None, "Metformin"), [("RXE-2.1", "MET500", no("RxNorm"))]),
        ("MET500^Metformin^RXNORM^41^met^MEDCIN", ("41", "Metformin"), [("RXE-2.1", "MET500", no("RxNorm"))]),
        ("860975.^Metformin^RXNORM", (None, "Metformin"), [("RXE-2.1", "860975.", no("RxNorm"))]),
        ("000^Metformin^RXNORM", (None, "Metformin"), [("RXE-2.1", "000", no("RxNorm"))]),
        ("00093104801^Metformin^RXNORM", (None, "Metformin"), [("RXE-2.1", "00093104801", no("RxNorm"))]),
        (
            "\u0661\u0662\u0663^Metformin^RXNORM",
            (None, "Metformin"),
            [("RXE-2.1", "\u0661\u0662\u0663", no("RxNorm"))],
        ),
        ("METFORMIN^Metformin^SCT", (None, "Metformin"), [("RXE-2.1", "METFORMIN", no("SNOMED CT"))]),
        ("12345^Metformin^SCT", (None, "Metformin"), [("RXE-2.1", "12345", no("SNOMED CT"))]),
        ("MET^Metformin^NDC", (None, "Metformin"), [("RXE-2.1", "MET", NO_NDC)]),
        ("109081006^Metformin^SCT", ("109081006", "Metformin"), []),
        ("MET500^Metformin^LOCAL", ("MET500", "Metformin"), None),
    ],
)
def test_of_a_drug(told, sent, name, said):
    answer = told.tell("RDE^O11", PID, orc(), rxe(sent))
    assert said is None or left(answer) == said
    (found,) = medications(told)
    assert (found["nameCode"].get("code"), found["nameCode"]["displayName"]) == name
    products = [entry.get("code") for entry in found.get("medicationRequests", ())]
    assert all(code is None for code in products)


def test_of_a_product(told):
    answer = told.tell("RDE^O11", PID, orc(), rxe("41^Metformin^MEDCIN", f31="MET500^Metformin^RXNORM"))
    assert left(answer) == [("RXE-31.1", "MET500", no("RxNorm"))]
    (found,) = medications(told)
    assert "medicationRequests" not in found


def test_of_a_form_and_a_route(told):
    answer = told.tell(
        "RDE^O11", PID, orc(), rxe(f6="TAB5^Tablet of mine^NCIT^77^x^SCT"), "RXR|by mouth^By mouth^SCT^X1^y^L"
    )
    assert ("RXE-6.1", "TAB5", no("NCI Thesaurus")) in left(answer)
    assert ("RXE-6.4", "77", no("SNOMED CT")) in left(answer)
    assert ("RXR-1.1", "by mouth", no("SNOMED CT")) not in left(answer)  # our table has it by its words
    (found,) = medications(told)
    (request,) = found["medicationRequests"]
    assert request["form"] == {"displayName": "Tablet of mine"}
    assert request["route"]["code"] == "C38288"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Diabetes^x^I10", "ICD-10"),
        ("250.00^x^I10", "ICD-10"),
        ("E1\u0661.9^x^I10", "ICD-10"),
        ("E11.9^x^I9", "ICD-9"),
        ("25\u0660.0^x^I9", "ICD-9"),
        ("44054^x^SCT", "SNOMED CT"),
        ("4405400\u0666^x^SCT", "SNOMED CT"),
        ("1234567890123456789^x^SCT", "SNOMED CT"),
        ("012345678^x^SCT", "SNOMED CT"),
    ],
)
def test_of_a_problem(told, sent, name):
    answer = told.tell("PPR^PC1", PID, f"PRB|AD|20260301|{sent}")
    assert left(answer) == [("PRB-3.1", sent.partition("^")[0], no(name))]
    assert told.chart.problems == []
