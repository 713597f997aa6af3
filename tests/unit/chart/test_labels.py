"""Labels of codes: one that is known is not lost to a message that has the code alone, in whatever order messages come."""

from __future__ import annotations

import itertools

import pytest
from telling import AIP, PID, left, orc, rxe, segment, visit

from interface.rules import load_rulebook

DIABETES, BARE = "E11.9^Type 2 diabetes^I10", "E11.9^^I10"
DRUG, DRUG_BARE = "861007^Metformin 500 MG^RXNORM", "861007^^RXNORM"
LISTS = """rules:
  ours: {each: ZPL, field: problem.codings, from: [ZPL-2]}
  whole: {each: ZPX, field: problem.codings, from: [ZPX-2], snapshot: true}
  drug: {each: ZMD, field: medication.nameCode, from: [ZMD-1]}
  drugs: {each: ZMX, field: medication.nameCode, from: [ZMX-1], snapshot: true}
"""


def at(minute):
    return f"2026030208{minute:02d}"


def dg1(code=DIABETES, **fields):
    return segment("DG1|1", **{"f3": code, **fields})


def prb(code=DIABETES, number="77^EHR", **fields):
    return segment("PRB|UP|20260301", **{"f3": code, "f4": number, **fields})


def told_in(story, messages, order, book=None):
    """The booking after the messages (type, then segments), of one minute each, came in this order: label and source."""
    told = story(book)
    for index in order:
        kind, *segments = messages[index]
        told.tell(kind, PID, *segments, at=at(index), control_id=f"M{index}")
    return told.tell("SIU^S12", "SCH||LAST|||||||||^^^20260320093000", PID, AIP, at=at(59))


def shown(answer, name):
    """The label of the first entry of a list of the request, and where it is from."""
    return next(
        ((entry["value"], entry["source"]) for entry in answer["fields"] if entry["field"] == name), None
    )


PROBLEM = "activeIcd10Diagnoses[0].displayName"
NAME = "medications[0].nameCode.displayName"
PRESCRIBED = "medications[0].medicationRequests[0]"
both = pytest.mark.parametrize("order", list(itertools.permutations(range(2))))


@both
@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        *(
            ((kind, visit(one), dg1()), (other, visit(two), dg1(BARE)), "M0:DG1-3.2")
            for kind, other in itertools.product(("ADT^A08", "SIU^S12"), repeat=2)
            for one, two in (("V1", "V1"), ("V1", "V2"), ("", ""))
        ),
        (("ADT^A08", visit("V1"), dg1(BARE, f4="Type 2 diabetes")), ("ADT^A08", visit("V1"), dg1(BARE)), "M0:DG1-4"),
        (("ADT^A08", visit("V1"), dg1("E119^^I10^^Type 2 diabetes")), ("ADT^A08", visit("V1"), dg1(BARE)), "M0:DG1-3.5"),
        (("PPR^PC1", prb()), ("PPR^PC1", prb(BARE)), "M0:PRB-3.2"),
        (("PPR^PC1", prb()), ("PPR^PC1", prb(BARE, number="")), "M0:PRB-3.2"),
        (("PPR^PC1", prb()), ("ADT^A08", visit("V1"), dg1(BARE)), "M0:PRB-3.2"),
        (("ADT^A08", visit("V1"), dg1()), ("PPR^PC1", prb(BARE)), "M0:DG1-3.2"),
        (("ADT^A08", "ZPL|1|E11.9^Type 2 diabetes^I10"), ("ADT^A08", "ZPL|1|E11.9^^I10"), "M0:ZPL-2.2"),
        (("ADT^A08", "ZPX|1|E11.9^Type 2 diabetes^I10"), ("ADT^A08", "ZPX|1|E11.9^^I10"), "M0:ZPX-2.2"),
    ],
)  # fmt: skip
def test_a_problems_label_stays_when_the_code_comes_alone(story, lists, first, second, label, order):
    messages = [fit(first, 0), fit(second, 1)]
    answer = told_in(story, messages, order, lists)
    assert shown(answer, PROBLEM) == ("Type 2 diabetes", label)
    assert [entry["code"] for entry in answer["request"]["activeIcd10Diagnoses"]] == ["E11.9"]


def fit(message, number):
    """An SIU^S12 books something."""
    kind, *segments = message
    return message if kind[:3] != "SIU" else (kind, f"SCH||S{number}|||||||||^^^20260318093000", *segments)


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site-mappings")
    (folder / "lists.yaml").write_text(LISTS)
    return load_rulebook(folder, shown="site-mappings")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize(
    ("kind", "told", "source"),
    [
        ("ADT^A08", lambda label: (visit("V1"), dg1(f"E11.9^{label}^I10")), "M2:DG1-3.2"),
        ("PPR^PC1", lambda label: (prb(f"E11.9^{label}^I10"),), "M2:PRB-3.2"),
        ("RDE^O11", lambda label: ("ORC|XO|P1", rxe(f"861007^{label}^RXNORM")), "M2:RXE-2.2"),
    ],
)
def test_the_newest_label_counts(story, kind, told, source, order):
    messages = [(kind, *told(label)) for label in ("First", "", "Second", "")]
    answer = told_in(story, messages, order)
    assert shown(answer, NAME if kind == "RDE^O11" else PROBLEM) == ("Second", source)


def test_another_list_of_the_visit_without_the_code_forgets_its_label(story):
    messages = [("ADT^A08", visit("V1"), dg1(code)) for code in (DIABETES, "I10^Hypertension^I10", BARE)]
    assert shown(told_in(story, messages, range(3)), PROBLEM) == ("E11.9", "M2:DG1-3.1")


def test_a_label_that_was_deleted_does_not_come_back(story):
    messages = [("ADT^A08", visit("V1"), dg1(f21=action)) for action in ("A", "D")]
    messages.append(("ADT^A08", visit("V1"), dg1(BARE, f21="A")))
    assert shown(told_in(story, messages, range(3)), PROBLEM) == ("E11.9", "M2:DG1-3.1")


def test_a_late_list_adds_label_and_date_and_nothing_else(story):
    messages = [
        ("ADT^A08", visit("V1"), dg1(f5="20200101"), "DG1|2||I10^Hypertension^I10"),
        ("ADT^A08", visit("V1"), dg1(BARE)),
    ]
    answers = [
        told_in(story, messages, order)["request"]["activeIcd10Diagnoses"] for order in ((0, 1), (1, 0))
    ]
    assert answers == [[{"code": "E11.9", "displayName": "Type 2 diabetes", "date": "2020-01-01"}]] * 2


def test_a_problem_named_by_its_number_alone_keeps_its_label_and_takes_a_later_one(story):
    messages = [("PPR^PC1", prb(code)) for code in (DIABETES, "E11.9^Diabetes mellitus^I10", "^see notes")]
    for order in itertools.permutations(range(3)):
        if order.index(2) == 0:
            continue  # of a number that is not known yet nothing is kept
        assert shown(told_in(story, messages, order), PROBLEM)[0] == "Diabetes mellitus"


@both
@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        (("RDE^O11", "ORC|NW|P1", rxe(DRUG)), ("RDE^O11", "ORC|XO|P1", rxe(DRUG_BARE)), "M0:RXE-2.2"),
        (("RDE^O11", "ORC|NW|P1", rxe(DRUG_BARE)), ("RDE^O11", "ORC|XO|P1", rxe(DRUG)), "M1:RXE-2.2"),
        (("RDE^O11", "ORC|NW|P1", rxe(DRUG)), ("RDE^O11", "ORC|NW|P2", rxe(DRUG_BARE)), "M0:RXE-2.2"),
        (("RDE^O11", rxe(DRUG)), ("RDE^O11", rxe(DRUG_BARE)), "M0:RXE-2.2"),
        (("RDE^O11", "ORC|NW|P1", rxe(DRUG_BARE)), ("RDS^O13", "ORC|RE|P1", f"RXD|1|{DRUG}"), "M1:RXD-2.2"),
        (("RDS^O13", "ORC|RE|P1", f"RXD|1|{DRUG}"), ("RDE^O11", "ORC|XO|P1", rxe(DRUG_BARE)), "M0:RXD-2.2"),
        (("RDE^O11", "ORC|NW|P1", rxe(DRUG)), ("RDE^O11", "ORC|DC|P1", rxe(DRUG_BARE)), "M0:RXE-2.2"),
        (("ADT^A08", f"ZMD|{DRUG}"), ("ADT^A08", f"ZMD|{DRUG_BARE}"), "M0:ZMD-1.2"),
    ],
)  # fmt: skip
def test_a_drugs_label_stays_when_the_code_comes_alone(story, lists, first, second, label, order):
    answer = told_in(story, [first, second], order, lists)
    assert shown(answer, NAME) == ("Metformin 500 MG", label)
    assert len(answer["request"]["medications"]) == 1


def test_a_whole_list_of_drugs_keeps_the_labels_it_no_longer_has(story, lists):
    messages = [("ADT^A08", f"ZMX|{DRUG}"), ("ADT^A08", f"ZMX|{DRUG_BARE}")]
    assert shown(told_in(story, messages, (0, 1), lists), NAME) == ("Metformin 500 MG", "M0:ZMX-1.2")


@both
def test_another_drug_has_no_label_of_the_one_before(story, order):
    messages = [("RDE^O11", "ORC|NW|P1", rxe(DRUG)), ("RDE^O11", "ORC|XO|P1", rxe("314076^^RXNORM"))]
    assert shown(told_in(story, messages, order), NAME) == ("314076", "M1:RXE-2.1")


@both
def test_a_name_alone_does_not_take_the_code_of_the_drug(story, order):
    messages = [("RDE^O11", "ORC|NW|P1", rxe(DRUG)), ("RDE^O11", "ORC|XO|P1", rxe("^METFORMIN 500 mg"))]
    answer = told_in(story, messages, order)
    assert answer["request"]["medications"][0]["nameCode"]["code"] == "861007"
    assert shown(answer, "medications[0].nameCode.code") == ("861007", "M0:RXE-2.1")


@both
@pytest.mark.parametrize(
    ("named", "bare", "field", "label"),
    [
        (rxe(f6="X9^Special tablet^L"), rxe(f6="X9^^L"), "form", "Special tablet"),
        (rxe(f6="TAB^Tablet, chewable"), rxe(f6="TAB"), "form", "Tablet, chewable"),
        (f"{rxe()}\rRXR|Z1^Sprayed^L", f"{rxe()}\rRXR|Z1^^L", "route", "Sprayed"),
        (rxe(f31="00093-1048-01^Metformin TEVA^NDC"), rxe(f31="00093104801^^NDC"), "code", "Metformin TEVA"),
    ],
)
def test_texts_of_a_prescription_stay(story, named, bare, field, label, order):
    messages = [("RDE^O11", "ORC|XO|P1", named), ("RDE^O11", "ORC|XO|P1", bare)]
    value, source = shown(told_in(story, messages, order), f"{PRESCRIBED}.{field}.displayName")
    assert (value, source[:3]) == (label, "M0:")


def test_the_same_with_the_code_alone_is_no_news(story):
    told = story()
    booking = ("SCH||F1|||||||||^^^20260310093000", PID, AIP)
    told.tell("SIU^S12", *booking, dg1())
    answer = told.tell("SIU^S14", *booking, dg1(BARE))
    assert [reason["code"] for reason in answer["reasons"]] == ["unchanged"]
    assert "DG1-3.1 has no label: the code stands for it where no other message gives one" in answer.get(
        "said", []
    )


def test_charts_are_shown_with_the_message_a_label_came_from(story):
    told = story()
    told.tell("PPR^PC1", PID, prb(), control_id="FIRST")
    told.tell("PPR^PC1", PID, prb(BARE), control_id="THEN")
    (problem,) = told.chart.problems
    assert (problem.message, problem.named.message, problem.label) == ("THEN", "FIRST", "Type 2 diabetes")


@both
@pytest.mark.parametrize("numbers", [("V1", "V2"), ("", "V1"), ("V2", "")])
def test_of_the_labels_of_several_visits_the_newest_counts(story, numbers, order):
    told = [dg1(f"E11.9^{label}^I10") for label in ("First", "Second")]
    messages = [("ADT^A08", visit(number), entry) for number, entry in zip(numbers, told, strict=True)]
    assert shown(told_in(story, messages, order), PROBLEM) == ("Second", "M1:DG1-3.2")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("last", [DRUG_BARE, "861007^As stated^RXNORM"])
def test_a_dispense_gives_a_label_only_where_none_is_stated(story, order, last):
    messages = [
        ("RDE^O11", "ORC|NW|P1", rxe(last)),
        ("RDS^O13", "ORC|RE|P1", "RXD|1|861007^As dispensed^RXNORM^00093-1048-01^Met^NDC"),
        ("RDE^O11", "ORC|XO|P1", rxe(DRUG_BARE)),
    ]
    named = ("As dispensed", "M1:RXD-2.2") if last == DRUG_BARE else ("As stated", "M0:RXE-2.2")
    assert shown(told_in(story, messages, order), NAME) == named


@both
def test_of_what_is_only_added_the_oldest_names_the_drug(story, order):
    messages = [
        ("RDS^O13", "ORC|RE|P1", "RXD|1|00093-1048-01^Met^NDC"),
        ("RDE^O11", "ORC|DC|P1", rxe("D1^Metformin^L", f6="TAB")),
    ]
    answer = told_in(story, messages, order)
    assert shown(answer, NAME) == ("Met", "M0:RXD-2.2")
    (medication,) = answer["request"]["medications"]
    assert (medication["active"], medication["medicationRequests"][0]["form"]["displayName"]) == (
        False,
        "Tablet",
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_drug_that_an_order_comes_back_to_has_no_label_of_before(story, order):
    messages = [("RDE^O11", "ORC|XO|P1", rxe(drug)) for drug in (DRUG, "314076^Lisinopril^RXNORM", DRUG_BARE)]
    assert shown(told_in(story, messages, order), NAME) == ("861007", "M2:RXE-2.1")


UNSEEN = pytest.mark.parametrize(
    "unseen",
    [
        *("\u200b", "\x07", "\\X07\\", "\xa0", "\xad", "\u2060\u200e", "\ufeff"),
        *("\u2028", "\u2800", "\u3164", "\u0301", "\ue000", " \u200b "),
    ],
)


@UNSEEN
def test_what_nobody_sees_is_no_label(story, unseen):
    told = story()
    encoded = {"f3": "1", "f5": f"{unseen}^tablet", "f6": f"X9^{unseen}^L", "f7": f"{unseen}^Take one"}
    encoded["f31"] = f"00093-1048-01^{unseen}^NDC"
    order = orc(f21=unseen, f17=f"{unseen}^Lakeside")
    told.tell("RDE^O11", PID, order, rxe(f"861007^{unseen}^RXNORM", **encoded))
    answer = told.book(dg1(f"E11.9^{unseen}^I10"), dg1(f"I10^{unseen}^I10^^{unseen}", f4="Hypertension"))
    request = answer["request"]
    assert [entry["displayName"] for entry in request["activeIcd10Diagnoses"]] == ["E11.9", "Hypertension"]
    (medication,) = request["medications"]
    (prescribed,) = medication["medicationRequests"]
    names = [medication["nameCode"], prescribed["code"], prescribed["form"]]
    assert [name["displayName"] for name in names] == ["861007", "00093104801", "X9"]
    assert prescribed["dosageInstruction"] == {"text": "Take one", "amountValue": 1, "amountUnit": "tablet"}
    assert prescribed["facility"]["name"] == "Lakeside"


@UNSEEN
def test_nor_is_it_a_drugs_or_clinics_name(story, unseen):
    told = story()
    told.tell("RDE^O11", PID, orc(), rxe(f"^{unseen}"))
    answer = told.book(f"AIL|1||{unseen}^^^{unseen}", f"PV1|1|O|{unseen}^^^Lakeside")
    assert "medications" not in answer["request"]
    assert "the order names no drug" in [why for _, _, why in left(answer)]
    assert answer["request"]["clinicName"] == "Lakeside"


@UNSEEN
def test_nor_is_it_a_persons(story, unseen):
    answer = story().book(pid=segment(PID, f5=f"{unseen}^Robin"))
    assert answer["decision"] == "hold"


def test_what_holds_it_beside_letters_is_as_sent(story):
    answer = story().book(dg1("E11.9^Dia\u200bbetes\xa0mellitus^I10"))
    assert answer["request"]["activeIcd10Diagnoses"][0]["displayName"] == "Dia\u200bbetes\xa0mellitus"
