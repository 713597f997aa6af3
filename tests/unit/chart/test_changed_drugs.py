"""An order that is changed to another drug has nothing of the one before, in whatever order messages come."""

from __future__ import annotations

import itertools

import pytest
from telling import AIP, DRUG, PID, left, orc, rxe, segment

OTHER = "314076^lisinopril 10 MG^RXNORM"
OLD_NDC, NEW_NDC, NEWEST_NDC = "00093-1048-01", "68180-0513-01", "68180-0980-03"
EITHER = pytest.mark.parametrize("control", ["XO", "RO"])


def at(minute):
    return f"2026030208{minute:02d}"


def rxd(code, label, **fields):
    return segment("RXD|1", **{"f2": f"{code}^{label}^NDC", "f3": "20260301", **fields})


def dispensed(code, label, **fields):
    return ("RDS^O13", orc("RE"), rxd(code, label, **fields))


def of_any_order(story, messages):
    """The medications of the request, once, whatever the order in which the messages come; and of the last order what was
    left out.
    """
    found = []
    for order in itertools.permutations(range(len(messages))):
        told = story()
        said = []
        for index in order:
            kind, *segments = messages[index]
            said += left(told.tell(kind, PID, *segments, at=at(index), control_id=f"M{index}"))
        answer = told.tell("SIU^S12", "SCH||LAST|||||||||^^^20260320093000", PID, AIP, at=at(59))
        found.append(answer["request"].get("medications", []))
        assert found[0] == found[-1], order
    return found[0], said


@EITHER
@pytest.mark.parametrize("label", ["metformin 500 MG", "METFORMIN TAB 500"])
def test_what_was_dispensed_before_the_change_is_not_the_new_drugs(story, control, label):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe(f6="CAP")),
            dispensed(OLD_NDC, label, f6="CAP", f16="500", f17="mg"),
            ("RDE^O11", orc(control), rxe(OTHER)),
        ],
    )
    assert medication["nameCode"]["code"] == "314076"
    (request,) = medication["medicationRequests"]
    assert request == {"code": request["code"]}
    assert request["code"]["code"] == "314076"


def test_a_late_dispense_of_the_drug_of_before_is_said(story):
    told = story()
    told.tell("RDE^O11", PID, orc("NW"), rxe(), at=at(1))
    told.tell("RDE^O11", PID, orc("XO"), rxe(OTHER), at=at(3))
    answer = told.tell("RDS^O13", PID, orc("RE"), rxd(OLD_NDC, "metformin"), at=at(2))
    assert (
        "RXD-2.1",
        "00093104801",
        "the order names its drug otherwise now: it may be another product",
    ) in left(answer)


@pytest.mark.parametrize("label", ["lisinopril 10 MG", "PRINIVIL"])
def test_what_is_dispensed_after_the_change_is(story, label):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe()),
            dispensed(OLD_NDC, "metformin"),
            ("RDE^O11", orc("XO"), rxe(OTHER)),
            dispensed(NEW_NDC, label),
        ],
    )
    assert medication["medicationRequests"][0]["code"]["code"] == NEW_NDC.replace("-", "")


def test_of_two_dispenses_the_newer_says_the_product(story):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe(OTHER, f31=f"{OLD_NDC}^lisinopril^NDC")),
            dispensed(NEW_NDC, "lisinopril"),
            dispensed(NEWEST_NDC, "lisinopril"),
        ],
    )
    assert medication["medicationRequests"][0]["code"]["code"] == NEWEST_NDC.replace("-", "")


def test_a_newer_statement_of_the_product_goes_before_an_older_dispense(story):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe()),
            dispensed(OLD_NDC, "metformin"),
            ("RDE^O11", orc("XO"), rxe(f31=f"{NEW_NDC}^metformin^NDC")),
        ],
    )
    assert medication["medicationRequests"][0]["code"]["code"] == NEW_NDC.replace("-", "")


def test_the_product_stays_where_the_order_is_only_stated_anew(story):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe()),
            dispensed(OLD_NDC, "METFORMIN TAB 500"),
            ("RDE^O11", orc("XO"), rxe(DRUG, f6="CAP")),
        ],
    )
    assert medication["medicationRequests"][0]["code"]["code"] == OLD_NDC.replace("-", "")


@pytest.mark.parametrize(
    "between", [("RDE^O11", orc("OK"), rxe("", f6="CAP")), ("RDE^O11", orc("XO"), rxe("", f6="CAP"))]
)
def test_nor_is_what_else_was_said_of_it_without_a_name(story, between):
    (medication,), _ = of_any_order(
        story,
        [("RDE^O11", orc("NW"), rxe()), between, ("RDE^O11", orc("XO"), rxe(OTHER))],
    )
    assert "form" not in medication["medicationRequests"][0]


def test_a_change_that_is_told_again_later_is_as_old_as_it_first_was(story):
    (medication,), _ = of_any_order(
        story,
        [
            ("RDE^O11", orc("NW"), rxe()),
            ("RDE^O11", orc("XO"), rxe(OTHER)),
            dispensed(NEW_NDC, "PRINIVIL"),
            ("RDE^O11", orc("XO"), rxe(OTHER)),
        ],
    )
    assert medication["medicationRequests"][0]["code"]["code"] == NEW_NDC.replace("-", "")


@pytest.mark.parametrize("numbers", [("T1001", "T2"), ("T2", "T1001")])
def test_charts_that_are_merged_tell_the_drugs_apart_by_time(story, numbers):
    told = story()
    pids = [told.pid(f3=f"{number}^^^LFC^MR") for number in numbers]
    told.tell("RDE^O11", pids[0], orc("NW"), rxe(), at=at(1))
    told.tell("RDS^O13", pids[0], orc("RE"), rxd(OLD_NDC, "METFORMIN TAB 500"), at=at(2))
    told.tell("RDE^O11", pids[1], orc("XO"), rxe(OTHER), at=at(3))
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at=at(4))
    (order,) = told.chart.orders
    assert order.facts["prescription.code"].value["code"] == "314076"
    told.tell("RDS^O13", told.PID, orc("RE"), rxd(OLD_NDC, "METFORMIN TAB 500"), at=at(2), control_id="LATE")
    (order,) = told.chart.orders
    assert order.facts["prescription.code"].value["code"] == "314076"
