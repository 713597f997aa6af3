"""Orders through every message that states them: ORM, OMP, RDE, RDS, RAS, PPR; by their numbers, in any order."""

from __future__ import annotations

import pytest
from hl7apy.v2_8_2.tables import TABLES
from telling import DRUG, booked, left, orc, rxe, segment

OTHER = "314076^lisinopril 10 MG^RXNORM"
NDC = "00093-1048-01^metformin 500^NDC"


def rxo(drug=DRUG, **fields):
    return segment("RXO", **{"f1": drug, **fields})


def rxd(drug=NDC, **fields):
    return segment("RXD|1", **{"f2": drug, "f3": "20260301", **fields})


def medications(told, **given):
    """`True metformin 500 MG` of the booking, asked for anew each time."""
    return [
        f"{'+' if entry['active'] else '-'}{entry['nameCode']['displayName'].split()[0]}"
        for entry in booked(told, **given)["request"].get("medications", ())
    ]


def prescription(told, **given):
    return booked(told, **given)["request"]["medications"][0].get("medicationRequests", [{}])[0]


class TestMessages:
    @pytest.mark.parametrize(
        ("kind", "details"),
        [
            *((kind, [rxe()]) for kind in ("RDE^O01", "RDE^O11", "RDE^O25", "ORM^O01", "OMP^O09")),
            *((kind, [rxo()]) for kind in ("RDE^O11", "ORM^O01", "OMP^O09", "PPR^PC1")),
            *((kind, [rxd(DRUG)]) for kind in ("RDS^O01", "RDS^O13")),
            *((kind, [rxe(), "RXA|0|1|20260301||1^x^L"]) for kind in ("RAS^O17", "RAS^O01")),
        ],
    )
    def test_an_order_comes_with_any_pharmacy_message(self, told, kind, details):
        answer = told.tell(kind, told.PID, orc("NW" if kind[:2] != "RD" else "RE"), *details)
        assert answer["decision"] == "chart"
        assert medications(told) == ["+metformin"]

    @pytest.mark.parametrize("segments", [["OBR|1|P1||CBC"], [], ["OBR|1|P1||CBC", "DG1|1||I10^H^I10"]])
    def test_another_services_order_is_ignored_with_all_it_says(self, told, segments):
        answer = told.tell("ORM^O01", told.PID, orc(), *segments)
        assert (answer["decision"], answer["reasons"][0]["code"]) == ("ignore", "not-used")
        assert "RXO, RXE" in answer["reasons"][0]["text"]
        assert told.charts.all() == []

    def test_of_orders_of_several_services_the_pharmacys_are_taken(self, told):
        told.tell("ORM^O01", told.PID, orc(placer="L1"), "OBR|1|L1||CBC", orc(), rxo())
        assert medications(told) == ["+metformin"]
        (order,) = told.chart.orders
        assert order.ids == ("P:P1",)

    def test_an_order_of_a_pathway_that_names_no_drug_is_no_medication(self, told):
        told.tell("PPR^PC1", told.PID, "PRB|AD|2026|I10^H^I10", orc(), "OBR|1|||555", orc(placer="9"), rxo())
        assert medications(told) == ["+metformin"]

    def test_several_orders_stand_in_one_message(self, told):
        told.tell("RDE^O11", told.PID, orc(), rxe(), "RXR|PO", orc(placer="P2"), rxe(OTHER), "RXR|IV")
        assert medications(told) == ["+metformin", "+lisinopril"]
        assert prescription(told)["route"]["displayName"] == "Oral"

    @pytest.mark.parametrize("head", [[], [orc()], [orc(placer="", filler="")]])
    @pytest.mark.parametrize("detail", [rxe, rxo])
    def test_details_of_two_drugs_are_two_orders_with_one_orc_or_none(self, told, head, detail):
        told.tell("RDE^O11", told.PID, *head, detail(), detail(OTHER))
        assert medications(told) == ["+metformin", "+lisinopril"]
        told.tell("RDE^O11", told.PID, *head, detail(), detail(OTHER))
        assert len(told.chart.orders) == 2

    @pytest.mark.parametrize("status", ["", "CM"])
    def test_a_dispense_taken_twice_adds_what_it_added_the_first_time(self, told, status):
        told.tell("RDS^O13", told.PID, orc("RE"), orc("", status=status), rxd(DRUG))
        (once,) = told.chart.orders
        told.tell("RDS^O13", told.PID, orc("RE"), orc("", status=status), rxd(DRUG))
        (twice,) = told.chart.orders
        assert {field: fact.value for field, fact in twice.facts.items()} == {
            field: fact.value for field, fact in once.facts.items()
        }

    def test_two_numbers_of_the_sender_are_two_orders_though_the_pharmacys_is_one(self, told):
        numbered = rxe(f15="PN15")
        told.tell("RDE^O11", told.PID, orc(placer="P1^E"), numbered, orc(placer="P2^E"), numbered)
        assert [order.ids for order in told.chart.orders] == [("P:P1^E", "R:PN15"), ("P:P2^E", "R:PN15")]
        told.tell("RDE^O11", told.PID, orc("DC", placer="P1^E"))
        assert medications(told) == ["+metformin"]


class TestProduct:
    """RXO is what was asked for: its code never goes with another drug that the pharmacy encoded."""

    def code(self, told):
        return prescription(told).get("code", {}).get("code")

    @pytest.mark.parametrize(
        "encoded", ["^lisinopril", "0143963401^lisinopril^NDC", "X1^lisinopril^L", "^^^^lisinopril"]
    )
    def test_a_drug_that_was_asked_for_under_another_name_gives_no_code(self, told, encoded):
        answer = told.tell("RDE^O11", told.PID, orc(), rxo(NDC), rxe(encoded))
        why = "asked for under another name than the pharmacy encoded: it may be another drug"
        assert ("RXO-1.1", "00093-1048-01", why) in left(answer)
        assert self.code(told) is None

    @pytest.mark.parametrize(
        "encoded", ["^Metformin 500", "1^METFORMIN 500^L", "##X##^##Y##", "^^^^metformin 500"]
    )
    def test_one_that_is_named_alike_or_alone_does(self, told, encoded):
        told.tell("RDE^O11", told.PID, orc(), rxo(NDC), rxe(encoded))
        assert self.code(told) == "00093104801"

    def test_what_the_pharmacy_encoded_goes_first(self, told):
        told.tell("RDE^O11", told.PID, orc(), rxo(NDC), rxe("00071015523^metformin 500^NDC"))
        assert self.code(told) == "00071015523"

    def test_a_change_to_another_name_leaves_the_code_behind_and_says_so(self, told):
        told.tell("OMP^O09", told.PID, orc(), rxo(NDC), control_id="ASKED")
        answer = told.tell("RDE^O11", told.PID, orc("XO"), rxe("^lisinopril"))
        assert [entry[:2] for entry in left(answer)] == [("ASKED:RXO-1.1", "00093104801")]
        assert self.code(told) is None

    def test_a_change_under_the_same_name_keeps_it(self, told):
        told.tell("OMP^O09", told.PID, orc(), rxo(NDC))
        told.tell("RDE^O11", told.PID, orc("XO"), rxe("^metformin 500", f3="2"))
        assert self.code(told) == "00093104801"


ASKED = {
    "f2": "500",
    "f4": "MG",
    "f5": "TAB^Tablet",
    "f7": "^Take one",
    "f11": "60",
    "f13": "2",
    "f18": "5",
    "f19": "MG",
}


class TestAskedFor:
    """What RXO says of another drug than the pharmacy encoded is not that drug's."""

    OF_IT = ("form", "text", "amountValue", "strengthValue", "initialFillQuantity", "numberOfRefillsAllowed")

    def told_of(self, told, asked, encoded):
        answer = told.tell("RDE^O11", told.PID, orc(), rxo(asked, **ASKED), rxe(encoded))
        (drug,) = booked(told)["request"]["medications"]
        (once,) = drug.get("medicationRequests", [{}])
        told_of = drug.keys() | once.keys() | once.get("dosageInstruction", {}).keys()
        return told_of & set(self.OF_IT), left(answer)

    @pytest.mark.parametrize(
        ("asked", "encoded"),
        [
            ("860975^metformin 500 MG Oral Tablet^RXNORM", "314076^lisinopril 10 MG Oral Tablet^RXNORM"),
            ("Metformin", "X1^Lisinopril^L"),
            ("M1^^L^^Glucophage", "^^^^PRINIVIL"),
        ],
    )
    def test_of_another_drug_nothing_stands_in(self, told, asked, encoded):
        found, out = self.told_of(told, asked, encoded)
        assert found == set()
        why = "asked for another drug than RXE-2 names: its dose, form, directions and quantity are not that drug's"
        assert [entry[0] for entry in out if entry[2] == why] == ["RXO-1.1"]

    @pytest.mark.parametrize(
        ("asked", "encoded"),
        [
            ("^metformin", "860975^METFORMIN HCL 500 MG^RXNORM"),
            ("860975^Glucophage^RXNORM", "860975^metformin^RXNORM"),
            ("METFORM500^^L", "^Metformin"),
            ("", "^lisinopril"),
            ("^metformin", "1048"),
            ("^ASA", "^lisinopril"),
        ],
    )
    def test_where_it_may_be_the_same_all_does(self, told, asked, encoded):
        found, out = self.told_of(told, asked, encoded)
        assert found == set(self.OF_IT)
        assert not any("another drug than RXE-2" in entry[2] for entry in out)


ENDS = ("CA", "DC", "OC", "OD", "CR", "DR", "RP", "RQ", "RU")
OPENS = (
    *("NW", "RE", "RO", "XO", "XX", "XR", "SN", "AF", "RL"),
    *("OE", "OR", "CH", "PA", "PR", "OP", "PY", "FU", "OF"),
)


class TestControl:
    @pytest.mark.parametrize("control", TABLES["HL70119"][1])
    def test_every_code_of_table_0119_opens_ends_or_changes_nothing(self, story, control):
        told = story()
        told.tell("RDE^O11", told.PID, orc(control), rxe())
        assert medications(told) == (
            ["-metformin"] if control in ENDS else ["+metformin"] if control in OPENS else []
        )
        for before, known in (("NW", "+metformin"), ("DC", "-metformin")):
            told = story()
            told.tell("RDE^O11", told.PID, orc(before), rxe())
            told.tell("RDE^O11", told.PID, orc(control))
            assert medications(told) == [
                "-metformin" if control in ENDS else "+metformin" if control in OPENS else known
            ]

    def test_an_unknown_code_is_said_and_opens_nothing(self, told):
        answer = told.tell("RDE^O11", told.PID, orc("ZZ"), rxe())
        assert ("ORC-1", "ZZ", "table order_control has no such code") in left(answer)
        assert medications(told) == []

    @pytest.mark.parametrize(
        ("status", "active"),
        [*((code, "-") for code in ("CA", "CM", "DC", "RP", "Discontinued", "completed"))]
        + [(code, "+") for code in ("A", "ER", "HD", "IP", "SC", "Active", "")],
    )
    @pytest.mark.parametrize("kind", ["RDE^O11", "OMP^O09"])
    def test_every_code_of_table_0038_in_order_messages(self, told, kind, status, active):
        told.tell(kind, told.PID, orc(), rxo())
        told.tell(kind, told.PID, orc("SC", f5=status))
        assert medications(told) == [f"{active}metformin"]

    @pytest.mark.parametrize("detail", [rxe(f7="^two daily", f1="^BID"), rxe(OTHER, f31=NDC)])
    @pytest.mark.parametrize("control", ["UX", "RF", "SC", "DC", "UA"])
    def test_only_what_opens_or_changes_an_order_states_it_anew(self, told, control, detail):
        told.tell("RDE^O11", told.PID, orc(), rxe(f7="^one daily", f1="^QD", f31="00093-1048-02^met^NDC"))
        before = prescription(told)
        told.tell("RDE^O11", told.PID, orc(control), detail)
        assert prescription(told) == before
        assert medications(told)[0][1:] == "metformin"

    def test_another_drug_leaves_nothing_of_the_one_before(self, told):
        told.tell(
            "RDE^O11", told.PID, orc(), rxe(f31=NDC, f25="500", f26="MG", f7="^one", f1="^QD", f6="TAB")
        )
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(OTHER))
        assert medications(told) == ["+lisinopril"]
        assert prescription(told) == {
            "code": {
                "code": "314076",
                "codeSystem": "2.16.840.1.113883.6.88",
                "codeSystemName": "RxNorm",
                "displayName": "lisinopril 10 MG",
            }
        }

    def test_what_is_encoded_goes_before_what_was_asked_for(self, told):
        asked, encoded = ["TQ1|1||TID|||D3", "RXR|IV"], ["TQ1|1||BID", "RXR|PO"]
        told.tell("RDE^O11", told.PID, orc(), asked[0], rxo(), asked[1], rxe(), *encoded)
        found = prescription(told)
        assert (found["timingEvent"], found["route"]["displayName"]) == ("BID", "Oral")
        told.tell("RDE^O11", told.PID, orc("XO"), asked[0], rxo(), asked[1], rxe())
        found = prescription(told)
        assert (found["timingEvent"], found["route"]["displayName"]) == ("TID", "Intravenous")


class TestNumbers:
    @pytest.mark.parametrize(
        ("known", "named"),
        [
            ({"placer": "123^EPIC"}, {"placer": "123"}),
            ({"placer": "123"}, {"placer": "123^EPIC"}),
            ({"placer": "123^EPIC^1.2.3^ISO"}, {"placer": "123^EPIC"}),
            ({"placer": "123^EPIC^1.2.3^ISO"}, {"placer": "123^^1.2.3^ISO"}),
            ({"placer": "1", "filler": "F1"}, {"placer": "1"}),
            ({"placer": "1", "filler": "F1"}, {"placer": "", "filler": "F1"}),
            ({"placer": "1"}, {"placer": "1", "filler": "F1"}),
            ({"placer": "1", "filler": "F1"}, {"placer": "1", "filler": "F2"}),
        ],
    )
    def test_a_cancel_finds_its_order(self, told, known, named):
        told.tell("RDE^O11", told.PID, orc(**known), rxe())
        told.tell("RDE^O11", told.PID, orc("CA", **named))
        assert medications(told) == ["-metformin"]

    @pytest.mark.parametrize(
        ("known", "named"),
        [
            ({"placer": "123^EPIC"}, {"placer": "123^CERNER"}),
            ({"placer": "1"}, {"placer": "2"}),
            ({"placer": "1", "f4": "G1"}, {"placer": "2", "f4": "G1"}),
            ({"placer": "1"}, {"placer": "", "filler": "1"}),
        ],
    )
    def test_and_never_another(self, told, known, named):
        told.tell("RDE^O11", told.PID, orc(**known), rxe())
        told.tell("RDE^O11", told.PID, orc("CA", **named))
        assert medications(told) == ["+metformin"]

    @pytest.mark.parametrize("end", [[orc("DC")], [orc("DC"), rxe()], [orc("DC", filler="C"), rxe()]])
    def test_a_cancel_ends_all_orders_of_its_number_and_drug(self, told, end):
        told.tell("RDE^O11", told.PID, orc(filler="A"), rxe(), orc(filler="B"), rxe())
        answer = told.tell("RDE^O11", told.PID, *end)
        assert (medications(told), left(answer)) == (["-metformin"], [])

    def test_and_none_of_another_drug(self, told):
        told.tell("RDE^O11", told.PID, orc(filler="A"), rxe(), orc(filler="B"), rxe(), orc(), rxe(OTHER))
        told.tell("RDE^O11", told.PID, orc("DC"), rxe())
        assert medications(told) == ["-metformin", "+lisinopril"]

    @pytest.mark.parametrize("kind", ["RDE^O11", "RDS^O13"])
    @pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (2, 1, 0)])
    @pytest.mark.parametrize("end", ["", "P1", "F1"])
    def test_what_was_known_by_each_number_alone_is_one_order_when_a_message_names_both(
        self, told, kind, order, end
    ):
        said = [
            ("OMP^O09", orc(), rxo()),
            (kind, orc("RE", placer="", filler="F1"), rxd(DRUG) if kind == "RDS^O13" else rxe()),
            ("RDE^O11", orc("XO", filler="F1"), rxe(f3="1", f5="TAB")),
        ]
        for place in order:
            told.tell(said[place][0], told.PID, *said[place][1:], at=f"2026022809{place}000")
        if end:
            numbers = {"placer": "", "filler": end} if end == "F1" else {"placer": end}
            told.tell("RDE^O11", told.PID, orc("DC", **numbers), rxe(), at="20260228100000")
        entry = booked(told)["request"]["medications"]
        assert [(drug["active"], len(drug["medicationRequests"])) for drug in entry] == [(not end, 1)]
        assert entry[0]["medicationRequests"][0]["dosageInstruction"]["amountValue"] == 1

    @pytest.mark.parametrize(
        ("one", "other", "named"),
        [
            ({"filler": "F2"}, {"placer": "", "filler": "F1"}, {"filler": "F1"}),
            ({"filler": "F1"}, {"filler": "F2"}, {}),
        ],
    )
    def test_but_not_where_one_has_another_number_or_both_have_one_in_common(self, told, one, other, named):
        told.tell("RDE^O11", told.PID, orc(**one), rxe(), orc(**other), rxe())
        told.tell("RDE^O11", told.PID, orc("SC", **named))
        (entry,) = booked(told)["request"]["medications"]
        assert len(entry["medicationRequests"]) == 2

    def test_nor_where_they_are_of_two_drugs(self, told):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        told.tell("RDE^O11", told.PID, orc(placer="", filler="F1"), rxe(OTHER))
        told.tell("RDE^O11", told.PID, orc("SC", filler="F1"))
        assert medications(told) == ["+metformin", "+lisinopril"]

    def test_a_number_that_could_be_two_orders_ends_none_and_is_said(self, told):
        told.tell("RDE^O11", told.PID, orc(placer="1^A"), rxe(), orc(placer="1^B"), rxe(OTHER))
        answer = told.tell("RDE^O11", told.PID, orc("CA", placer="1"))
        assert "several orders have this number" in left(answer)[0][2]
        assert medications(told) == ["+metformin", "+lisinopril"]
        told.tell("RDE^O11", told.PID, orc("CA", placer="1"), rxe(OTHER))
        assert medications(told) == ["+metformin", "-lisinopril"]

    def test_an_unfilled_macro_is_no_number(self, told):
        told.tell("RDE^O11", told.PID, orc(placer="##ORDER##"), rxe(f15="##RX##"))
        told.tell("RDE^O11", told.PID, orc(placer="##ORDER##"), rxe(OTHER))
        assert medications(told) == ["+metformin", "+lisinopril"]
        told.tell("RDE^O11", told.PID, orc("DC", placer="##ORDER##"), rxe(OTHER))
        assert medications(told) == ["+metformin", "-lisinopril"]

    def test_a_filler_number_is_learned(self, told):
        told.tell("RDE^O11", told.PID, orc(placer="1"), rxe())
        told.tell("RDE^O11", told.PID, orc("SC", placer="1", filler="F9"))
        told.tell("RDE^O11", told.PID, orc("DC", placer="", filler="F9"))
        assert medications(told) == ["-metformin"]

    def test_the_prescription_number_is_one_too(self, told):
        told.tell("RDE^O11", told.PID, rxe(f15="RX7"))
        told.tell("RDE^O11", told.PID, orc("DC", placer=""), rxe(f15="RX7"))
        assert medications(told) == ["-metformin"]

    def test_orders_under_one_placer_number_end_with_it(self, told):
        told.tell("RDE^O11", told.PID, orc(filler="A"), rxe(), orc(filler="B"), rxe(OTHER))
        told.tell("RDE^O11", told.PID, orc("DC", filler="B"))
        assert medications(told) == ["+metformin", "-lisinopril"]
        told.tell("RDE^O11", told.PID, orc("DC"))
        assert medications(told) == ["-metformin", "-lisinopril"]

    def test_a_replacement_ends_one_order_and_opens_the_other(self, told):
        told.tell("RDE^O11", told.PID, orc(placer="A"), rxe())
        told.tell(
            "RDE^O11", told.PID, orc("RP", placer="A"), rxe(), orc("RO", placer="B", f8="A"), rxe(OTHER)
        )
        assert medications(told) == ["-metformin", "+lisinopril"]

    @pytest.mark.parametrize(
        ("parent", "active"),
        [("A&EPIC", "-"), ("A", "-"), ("^F1&RX", "-"), ("Z", "+"), ("B", "+"), ("", "+")],
    )
    def test_a_replacement_alone_ends_the_order_it_names(self, told, parent, active):
        told.tell("RDE^O11", told.PID, orc(placer="A^EPIC", filler="F1^RX"), rxe())
        told.tell("RDE^O11", told.PID, orc("RO", placer="B", f8=parent), rxe(OTHER))
        answer = told.book()
        assert [m["active"] for m in answer["request"]["medications"]] == [active == "+", True]
        source = next(e for e in answer["fields"] if e["field"] == "medications[0].active")
        assert (source["source"] == "M2:ORC-8") == (active == "-")


class TestOutOfOrder:
    @pytest.mark.parametrize("since", [("RDS^O13", orc("RE"), rxd()), ("RDE^O11", orc("HD"))])
    def test_what_is_only_reported_keeps_no_change_from_its_visit(self, told, since):
        kind, *segments = since
        told.tell("RDE^O11", told.PID, pv1("O", "V1"), orc(), rxe(), at="202603020800")
        told.tell(kind, told.PID, *segments, at="202603020900")
        told.tell("RDE^O11", told.PID, pv1("I", "V2"), orc("XO"), rxe(), at="202603020830")
        assert told.chart.orders[0].visit == "V2"
        told.tell("RDE^O11", told.PID, pv1("I", "V3"), orc("XO"), rxe(), at="202603020820")
        assert told.chart.orders[0].visit == "V2"

    def test_an_order_placed_before_its_end_but_told_after_it_has_ended(self, told):
        told.tell("RDE^O11", told.PID, orc("DC"), at="202603020900")
        assert medications(told, at="202603020901") == []
        told.tell("RDE^O11", told.PID, orc(f9="20260202"), rxe(f1="^QD"), at="202603020800")
        assert medications(told, at="202603021000") == ["-metformin"]
        assert prescription(told, at="202603021001")["prescribedDate"] == "2026-02-02"

    @pytest.mark.parametrize(
        ("parent", "placed", "active"),
        [
            ("A&EPIC", "202603020800", "-"),
            ("A", "202603020800", "-"),
            ("^F1&RX", "202603020800", "-"),
            ("A&EPIC", "202603020930", "+"),
            ("A&OTHER", "202603020800", "+"),
            ("Z", "202603020800", "+"),
        ],
    )
    def test_an_order_told_after_its_replacement_has_ended(self, told, parent, placed, active):
        told.tell("RDE^O11", told.PID, orc("RO", placer="B", f8=parent), rxe(OTHER), at="202603020900")
        told.tell("RDE^O11", told.PID, orc(placer="A^EPIC", filler="F1^RX"), rxe(), at=placed)
        answer = booked(told, at="202603021000")
        assert [m["active"] for m in answer["request"]["medications"]] == [True, active == "+"]
        source = next(e for e in answer["fields"] if e["field"] == "medications[1].active")
        assert (source["source"], source["rule"]) == (
            ("M1:ORC-8", "medications.yaml#parent")
            if active == "-"
            else ("M2:ORC-1", "medications.yaml#control")
        )

    @pytest.mark.parametrize(
        ("before", "since", "found"),
        [
            (None, "", []),
            ("U", "", []),
            ("", "", []),
            (None, "U", ["+metformin"]),
            ("", "U", ["+metformin"]),
        ],
    )
    def test_a_confidential_order_is_so_though_something_newer_came_before(self, told, before, since, found):
        if before is not None:
            told.tell("RDE^O11", told.PID, orc(f28=before), rxe(), at="202603020700")
        told.tell("RDE^O11", told.PID, orc("XO", f28=since), rxe(), at="202603020900")
        answer = told.tell("RDE^O11", told.PID, orc("XO", f28="R"), rxe(), at="202603020800")
        assert medications(told, at="202603021000") == found
        said = [("RXE-2.2", "metformin 500 MG", "confidential: ORC-28")]
        assert left(answer) == ([] if found else said)

    @pytest.mark.parametrize(
        "adds",
        [
            ("RDS^O13", orc("RE"), rxd("00093-1048-01^METFORMIN TAB^NDC", f6="TAB", f7="RX7")),
            ("RDE^O11", orc("DC"), rxe("^Metformin 500", f3="5", f5="ML", f7="^stopped", f6="SOL")),
        ],
    )
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_what_states_an_order_goes_before_what_only_adds_in_either_order(self, told, adds, order):
        """A pharmacy's messages come on a port of their own, and may be there first."""
        stated = (
            "RDE^O11",
            pv1("O", "V1"),
            orc(f9="20260202"),
            rxe(f1="^BID", f7="^one twice a day", f6="CAP", f10="60"),
        )
        for place in order:
            kind, *segments = (stated, adds)[place]
            told.tell(kind, told.PID, *segments, at=f"2026022809{place}000")
        (found,) = booked(told)["request"]["medications"]
        assert found["nameCode"] == {
            "code": "860975",
            "codeSystem": "2.16.840.1.113883.6.88",
            "codeSystemName": "RxNorm",
            "displayName": "metformin 500 MG",
        }
        (request,) = found["medicationRequests"]
        assert request["code"]["code"] == ("00093104801" if adds[0] == "RDS^O13" else "860975")
        assert (request["form"]["displayName"], request["timingEvent"]) == ("Capsule", "BID")
        assert request["dosageInstruction"] == {"text": "one twice a day"}
        assert (request["initialFillQuantity"], request["prescribedDate"]) == (60, "2026-02-02")
        assert found["active"] == (adds[0] == "RDS^O13")

    @pytest.mark.parametrize("control", ["DC", "NW"])
    def test_an_order_without_number_and_drug_is_said(self, told, control):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        answer = told.tell("RDE^O11", told.PID, orc(control, placer=""), rxe(""))
        why = "the order has no number and names no drug: which is meant can't be told"
        assert left(answer) == [("ORC-1", "", why)]
        assert medications(told) == ["+metformin"]

    def test_an_older_timing_never_joins_newer_words(self, told):
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(f7="^as directed"), at="202603020900")
        told.tell("RDE^O11", told.PID, orc(), rxe(f1="^QD", f7="^one", f3="1", f10="30"), at="202603020800")
        found = prescription(told, at="202603021000")
        assert (found["dosageInstruction"], found["initialFillQuantity"]) == ({"text": "as directed"}, 30)
        assert "timingEvent" not in found

    @pytest.mark.parametrize("control", ["SC", "DC", "UX"])
    def test_what_adds_brings_no_dose_beside_a_range(self, told, control):
        told.tell("RDE^O11", told.PID, orc(), rxe(f3="1", f4="2", f5="TAB", f7="^one or two"))
        told.tell("RDE^O11", told.PID, orc(control), rxe(f3="5", f5="TAB"))
        assert prescription(told)["dosageInstruction"] == {"text": "one or two"}

    def test_the_end_of_an_order_nobody_told_of_is_no_noise(self, told):
        told.tell("RDE^O11", told.PID, orc("DC", placer="77"))
        assert told.book()["left_out"] == []


class TestConfidentialOrders:
    """ORC-28 withholds an order until the sender says U, whatever numbers it is known by and whatever comes when."""

    @pytest.mark.parametrize("linked", [orc("SC", filler="F1"), orc("XO", filler="F1")])
    def test_it_stays_so_by_a_number_that_comes_later(self, told, linked):
        told.tell("RDE^O11", told.PID, orc(f28="V"), rxe())
        told.tell("RDE^O11", told.PID, linked, rxe())
        told.tell("RDE^O11", told.PID, orc("XO", placer="", filler="F1"), rxe())
        told.tell("RDE^O11", told.PID, orc("XO"), rxe())
        assert medications(told) == []

    @pytest.mark.parametrize(
        "marks",
        [
            ("RDE^O11", orc("SC", f28="V"), rxe()),
            ("RDE^O11", orc("DC", f28="V"), rxe()),
            ("RAS^O17", orc("RE", f28="V"), f"RXA|0|1|20260301||{DRUG}|1"),
            ("RDS^O13", orc("CA", f28="R"), rxd(DRUG)),
        ],
    )
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_what_opens_no_order_marks_it_too(self, told, marks, order):
        said = [("RDE^O11", orc(), rxe()), marks]
        for place in order:
            kind, *segments = said[place]
            told.tell(kind, told.PID, *segments, at=f"2026022809{place}000")
        assert medications(told) == []

    @pytest.mark.parametrize("control", ["XO", ""])
    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 0, 2)])
    def test_a_release_after_the_mark_counts_in_any_order(self, told, control, order):
        said = [orc(f28="V"), orc(control, f28="U"), orc(control)]
        for place in order:
            told.tell("RDE^O11", told.PID, said[place], rxe(), at=f"2026022809{place}000")
        told.tell("RDE^O11", told.PID, orc(control), rxe(), at="20260228100000")
        assert medications(told) == ["+metformin"]

    @pytest.mark.parametrize("release", [orc("DC", f28="U"), orc("XO", status="DC", f28="U")])
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_what_ends_an_order_releases_it_too(self, told, release, order):
        said = [orc("XO", f28="V"), release]
        for place in order:
            told.tell("RDE^O11", told.PID, said[place], rxe(), at=f"2026022809{place}000")
        assert medications(told) == ["-metformin"]
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(), at="20260228100000")
        assert medications(told) == ["+metformin"]

    def test_a_report_releases_but_opens_nothing(self, told):
        """Nothing was kept of the order, and so it is not known."""
        told.tell("RDE^O11", told.PID, orc(f28="V"), rxe())
        answer = told.tell("RDE^O11", told.PID, orc("SC", f28="U"), rxe())
        assert left(answer) == [
            ("ORC-1", "metformin 500 MG", "ORC-1 opens nothing, and the order is not known")
        ]
        assert medications(told) == []
        told.tell("RDE^O11", told.PID, orc("XO"), rxe())
        assert medications(told) == ["+metformin"]

    def test_a_dispense_behind_that_report_shows_that_it_is_taken(self, told):
        told.tell("RDE^O11", told.PID, orc(f28="V"), rxe())
        told.tell("RDE^O11", told.PID, orc("SC", f28="U"))
        told.tell("RDE^O11", told.PID, orc("SC"), rxe())
        assert medications(told) == []
        told.tell("RDS^O13", told.PID, orc("RE"), rxd(DRUG))
        assert medications(told) == ["+metformin"]

    def test_a_dispense_releases_and_shows_that_it_is_taken(self, told):
        told.tell("RDE^O11", told.PID, orc(f28="V"), rxe())
        told.tell("RDS^O13", told.PID, orc("RE", f28="U"), rxd(DRUG))
        assert medications(told) == ["+metformin"]


class TestAnotherDrug:
    """An order that is changed to another drug keeps nothing of the one before but date, prescriber and facility."""

    FIRST = (
        orc(f9="20260101", f12="1234567893^Quill^Avery^^^^^^NPI", f21="Lakeside"),
        rxe(
            OTHER,
            f1="^BID^D30^20260220",
            f3="1",
            f5="TAB",
            f6="TAB",
            f7="^one",
            f10="30",
            f12="3",
            f25="5",
            f26="mg",
            f31="00093-1048-01^lisinopril^NDC",
            f35="C2",
        ),
        "RXR|PO",
    )

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_whichever_of_the_two_comes_first(self, told, order):
        said = [("20260228090000", self.FIRST), ("20260228100000", (orc("XO"), rxe()))]
        for place in order:
            told.tell("RDE^O11", told.PID, *said[place][1], at=said[place][0])
        (found,) = booked(told)["request"]["medications"]
        assert found["nameCode"]["displayName"] == "metformin 500 MG"
        assert set(found) == {"active", "nameCode", "medicationRequests"}
        (request,) = found["medicationRequests"]
        assert request.pop("code")["code"] == "860975"
        assert set(request) == {"prescribedDate", "prescriber", "facility"}

    def test_a_name_that_may_be_another_drugs_gives_no_product_when_it_is_told_late(self, told):
        told.tell("RDE^O11", told.PID, orc("XO"), rxe("^Sugar pills"), at="20260228100000")
        answer = told.tell("RDE^O11", told.PID, *self.FIRST, at="20260228090000")
        assert "code" not in prescription(told)
        assert ("RXE-31.1", "00093104801") in {entry[:2] for entry in left(answer)}

    @pytest.mark.parametrize("control", ["HD", "UX", "SC", "DC"])
    def test_what_only_names_another_drug_under_the_number_adds_nothing_of_it(self, told, control):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        told.tell("RDE^O11", told.PID, orc(control, filler=""), *self.FIRST[1:])
        (found,) = booked(told)["request"]["medications"]
        assert [set(request) for request in found["medicationRequests"]] == [{"code"}]

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 2, 0)])
    def test_of_one_drug_the_newest_statement_of_each_thing_counts_in_any_order(self, told, order):
        said = [
            (orc(), rxe(f1="^BID", f3="1", f5="TAB", f7="^one", f10="30"), "RXR|PO"),
            (orc("XO"), rxe(f1="^TID", f3="2", f5="TAB"), "RXR|IV"),
            (orc("XO"), rxe(f12="4")),
        ]
        for place in order:
            told.tell("RDE^O11", told.PID, *said[place], at=f"2026022809{place}000")
        found = prescription(told)
        assert found["route"]["displayName"] == "Intravenous"
        assert found["dosageInstruction"] == {"amountValue": 2, "amountUnit": "TAB"}
        assert found["timingEvent"] == "TID"
        assert (found["initialFillQuantity"], found["numberOfRefillsAllowed"]) == (30, 4)


class TestPrescribedDate:
    @pytest.mark.parametrize(
        ("first", "second", "date"),
        [
            ([orc(f9="20260101"), rxe()], [orc("XO", f9="20260201"), rxe()], "2026-01-01"),
            ([orc(f9="20260101"), rxe()], [orc("XO", f9="20260201"), rxe(f32="20251201")], "2025-12-01"),
            ([orc(f15="20260105", f9="20260101"), rxe()], [orc("AF", f15="20260201")], "2026-01-05"),
            ([orc(), rxe()], [orc("XO", f9="20260201"), rxe()], None),
            ([orc(f9="20260101", f5="CM"), rxe()], [orc("SC", f9="20260201")], "2026-01-01"),
            ([orc("DC", f9="20260101"), rxe()], [], None),
        ],
    )
    def test_it_is_the_openings_and_never_a_later_actions(self, told, first, second, date):
        told.tell("RDE^O11", told.PID, *first)
        if second:
            told.tell("RDE^O11", told.PID, *second)
        assert prescription(told).get("prescribedDate") == date


class TestDispenses:
    @pytest.mark.parametrize("kind", ["RDS^O13", "RAS^O17"])
    @pytest.mark.parametrize(
        "orc_segment", [orc("RE", f5="CM"), orc("DC", f5="DC"), orc("CA"), orc("OD"), orc("SC", f5="CA")]
    )
    def test_they_never_end_an_order(self, told, kind, orc_segment):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        told.tell(kind, told.PID, orc_segment, rxd())
        assert medications(told) == ["+metformin"]

    @pytest.mark.parametrize("kind", ["RDS^O13", "RAS^O17"])
    @pytest.mark.parametrize("known", [(), (orc(placer="P2"), rxe(OTHER))])
    @pytest.mark.parametrize("late", [False, True])
    def test_nor_one_that_they_name_as_replaced(self, told, kind, known, late):
        said = [
            ("RDE^O11", orc(), rxe(), *known),
            (kind, orc("RO", placer="P2", f8="P1"), rxd(OTHER)),
        ]
        for place in (1, 0) if late else (0, 1):
            told.tell(said[place][0], told.PID, *said[place][1:], at=f"2026022809{place}000")
        assert "+metformin" in medications(told)

    @pytest.mark.parametrize("kind", ["RDS^O13", "RAS^O17"])
    def test_nor_open_one_that_has_ended(self, told, kind):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        told.tell("RDE^O11", told.PID, orc("DC"))
        told.tell(kind, told.PID, orc("RE"), rxd())
        assert medications(told) == ["-metformin"]

    @pytest.mark.parametrize(
        ("orc_segment", "found"),
        [
            (orc("RE", f5="CM"), ["+metformin"]),
            (orc("NW"), ["+metformin"]),
            (orc(""), ["+metformin"]),
            (orc("RE", f5="DC"), []),
            (orc("CA"), []),
            (orc("UA"), []),
        ],
    )
    def test_a_dispense_opens_an_order_that_is_not_known_unless_orc_says_otherwise(
        self, told, orc_segment, found
    ):
        answer = told.tell("RDS^O13", told.PID, orc_segment, rxd())
        assert medications(told) == found
        assert bool(left(answer)) == (not found)

    @pytest.mark.parametrize("end", [orc("DC"), orc("", f5="CA"), orc("OC", placer="")])
    @pytest.mark.parametrize("opened", [[orc("NW"), rxe()], []])
    def test_what_ended_the_order_before_the_dispense_counts_though_it_comes_late(self, told, opened, end):
        end = [segment(end, f3="F1"), rxe()]
        told.tell("RDS^O13", told.PID, orc("RE", filler="F1"), rxd(DRUG), at="20260228110000")
        if opened:
            told.tell("RDE^O11", told.PID, *opened, at="20260228090000")
        told.tell("RDE^O11", told.PID, *end, at="20260228100000")
        assert medications(told) == ["-metformin"]

    def test_so_does_the_replacement_of_it(self, told):
        told.tell("RDS^O13", told.PID, orc("RE"), rxd(DRUG), at="20260228110000")
        told.tell("RDE^O11", told.PID, orc("RO", placer="P2", f8="P1"), rxe(OTHER), at="20260228100000")
        assert sorted(medications(told)) == ["+lisinopril", "-metformin"]

    def test_and_in_the_other_order_of_arrival(self, told):
        told.tell("RDE^O11", told.PID, orc("RO", placer="P2", f8="P1"), rxe(OTHER), at="20260228100000")
        told.tell("RDS^O13", told.PID, orc("RE"), rxd(DRUG), at="20260228110000")
        assert sorted(medications(told)) == ["+lisinopril", "-metformin"]

    @pytest.mark.parametrize(
        "since",
        [("RDE^O11", orc("XO", placer="P2"), rxe(OTHER)), ("RDS^O13", orc("RE", placer="P2"), rxd(OTHER))],
    )
    @pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
    def test_a_replacement_ends_what_is_told_late_whatever_was_said_of_it_since(self, told, since, order):
        said = [
            ("RDE^O11", orc(), rxe()),
            ("RDE^O11", orc("RO", placer="P2", f8="P1"), rxe(OTHER)),
            since,
        ]
        for place in order:
            kind, *segments = said[place]
            told.tell(kind, told.PID, *segments, at=f"2026022809{place}000")
        assert sorted(medications(told)) == ["+lisinopril", "-metformin"]

    @pytest.mark.parametrize("names", [orc("SC", filler="F1"), orc("XO", filler="F1")])
    @pytest.mark.parametrize("at", ["20260228091500", "20260228100000"])
    def test_it_ends_an_order_that_is_known_by_the_number_it_names_only_later(self, told, names, at):
        told.tell("RDE^O11", told.PID, orc(placer="", filler="F1"), rxe(), at="20260228090000")
        told.tell("RDE^O11", told.PID, orc("RO", placer="P2", f8="P1"), rxe(OTHER), at="20260228093000")
        told.tell("RDE^O11", told.PID, names, rxe(), at=at)
        opened = "XO" in names and at > "20260228093000"
        assert sorted(medications(told)) == sorted(["+lisinopril", "+metformin" if opened else "-metformin"])

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
    def test_a_change_before_the_replacement_opens_nothing_again(self, told, order):
        said = [orc("RP"), orc("XO"), orc("RO", placer="P2", f8="P1")]
        for place in order:
            drug = OTHER if place == 2 else DRUG
            told.tell("RDE^O11", told.PID, said[place], rxe(drug), at=f"2026022809{place}000")
        assert sorted(medications(told)) == ["+lisinopril", "-metformin"]

    def test_what_opens_it_after_that_counts_in_any_order(self, told):
        for control, at in (("XO", "20260228120000"), ("DC", "20260228100000")):
            told.tell("RDS^O13", told.PID, orc("RE"), rxd(DRUG), at="20260228110000")
            told.tell("RDE^O11", told.PID, orc(control), rxe(), at=at)
        assert medications(told) == ["+metformin"]

    def test_it_brings_the_ndc_and_changes_nothing_else(self, told):
        told.tell("RDE^O11", told.PID, orc(f9="20260101"), rxe(f7="^one", f1="^QD", f15="RX7", f6="CAP"))
        told.tell(
            "RDS^O13",
            told.PID,
            orc("RE", placer="", f9="20260301"),
            rxd(f6="TAB", f7="RX7", f16="5", f17="mg"),
        )
        found = prescription(told)
        assert (found["code"]["code"], found["prescribedDate"]) == ("00093104801", "2026-01-01")
        assert (found["form"]["displayName"], found["dosageInstruction"]["text"]) == ("Capsule", "one")
        assert medications(told) == ["+metformin"]

    def test_its_ndc_stays_until_the_drug_is_another(self, told):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        told.tell("RDS^O13", told.PID, orc("RE"), rxd())
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(f7="^two"))
        assert prescription(told)["code"]["code"] == "00093104801"
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(OTHER))
        assert prescription(told)["code"]["code"] == "314076"

    def test_no_date_of_a_dispense_is_the_day_it_was_prescribed(self, told):
        told.tell("RDS^O13", told.PID, orc("RE", f9="20260301", f15="20260301"), rxd())
        assert "prescribedDate" not in prescription(told)

    def test_an_administration_of_an_order_that_is_not_known_is_said(self, told):
        answer = told.tell("RAS^O17", told.PID, orc("RE"), "RXA|0|1|20260301||20^DTaP^CVX|1")
        assert ("RXA-5.2", "DTaP", "the order is not known, and this message opens none") in left(answer)
        assert medications(told) == []


class TestConfidential:
    CODES = (*TABLES["HL70177"][1], "N", "odd")

    @pytest.mark.parametrize("code", CODES)
    def test_orc_28_withholds_all_but_usual_control(self, told, code):
        told.tell("RDE^O11", told.PID, orc(), rxe())
        answer = told.tell("RDE^O11", told.PID, orc("XO", f28=code), rxe())
        withheld = code not in ("U", "N")
        assert (("RXE-2.2", "metformin 500 MG", "confidential: ORC-28") in left(answer)) == withheld
        assert medications(told) == ([] if withheld else ["+metformin"])

    def test_it_stays_withheld_until_the_sender_releases_it(self, told):
        told.tell("RDE^O11", told.PID, orc(f28="R"), rxe(), at="202603020900")
        told.tell("RDE^O11", told.PID, orc(), rxe(), at="202603020800")
        assert medications(told, at="202603020901") == []
        answer = told.tell("RDE^O11", told.PID, orc("XO"), rxe(), at="202603020902")
        assert any("withheld" in why for _, _, why in left(answer))
        assert "metformin" not in str(told.chart.orders)
        told.tell("RDE^O11", told.PID, orc("XO", f28="U"), rxe(), at="202603020903")
        assert medications(told, at="202603020904") == ["+metformin"]


def pv1(kind, number):
    return f"PV1|1|{kind}{'|' * 17}{number}"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("dispensed", ["202602280900", "202602281100"])
def test_an_order_that_two_numbers_of_a_person_know_is_one_with_all_that_is_known_of_it(
    told, order, dispensed
):
    """The pharmacy has dispensed it under the number of before."""
    said = [
        ("RDE^O11", told.PID, "202602281000", (orc(f9="20260202"), rxe(f7="^one", f6="CAP", f10="60"))),
        ("RDS^O13", told.pid(f3="T2^^^LFC^MR"), dispensed, (orc("RE"), rxd(f6="TAB"))),
    ]
    for place in order:
        kind, pid, at, segments = said[place]
        told.tell(kind, pid, *segments, at=at)
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
    found = prescription(told)
    assert found["code"]["code"] == "00093104801"
    assert (found["form"]["displayName"], found["dosageInstruction"]["text"]) == ("Capsule", "one")
    assert (found["prescribedDate"], found["initialFillQuantity"]) == ("2026-02-02", 60)
    assert medications(told) == ["+metformin"]


@pytest.mark.parametrize("number", ["T1001", "T2"])
def test_of_two_numbers_the_one_that_stated_an_order_last_says_what_it_is(told, number):
    """Not the one under which something was only reported since."""
    other = "T2" if number == "T1001" else "T1001"
    pids = {name: told.pid(f3=f"{name}^^^LFC^MR") for name in (number, other)}
    told.tell("RDE^O11", pids[number], orc(), rxe(f1="^BID", f7="^one", f10="30"), at="202602280900")
    told.tell("RDE^O11", pids[other], orc("XO"), rxe(f1="^TID", f7="^two"), at="202602281000")
    told.tell("RDE^O11", pids[number], orc("HD"), at="202602281100")
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
    found = prescription(told)
    assert (found["timingEvent"], found["dosageInstruction"]["text"]) == ("TID", "two")
    assert found["initialFillQuantity"] == 30


@pytest.mark.parametrize("number", ["T1001", "T2"])
@pytest.mark.parametrize(("kind", "since"), [("RDS^O13", (orc("RE"), rxd())), ("RDE^O11", (orc("DC"),))])
def test_what_is_only_reported_of_an_order_without_orc_1_is_no_newer_statement(told, number, kind, since):
    other = "T2" if number == "T1001" else "T1001"
    pids = {name: told.pid(f3=f"{name}^^^LFC^MR") for name in (number, other)}
    told.tell("RDE^O11", pids[number], orc(""), rxe(f7="^one"), at="202602280900")
    told.tell("RDE^O11", pids[other], orc("XO"), rxe(f7="^two"), at="202602281000")
    told.tell(kind, pids[number], *since, at="202602281100")
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
    (order,) = told.chart.orders
    assert order.facts["prescription.text"].value == "two"


@pytest.mark.parametrize("number", ["T1001", "T2"])
def test_what_one_number_ended_does_not_run_on_by_a_later_dispense_under_the_other(told, number):
    other = "T2" if number == "T1001" else "T1001"
    pids = {name: told.pid(f3=f"{name}^^^LFC^MR") for name in (number, other)}
    told.tell("RDE^O11", pids[number], orc(), rxe(), at="202602280900")
    told.tell("RDE^O11", pids[other], orc("DC"), at="202602281000")
    told.tell("RDS^O13", pids[number], orc("RE"), rxd(), at="202602281100")
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
    assert medications(told) == ["-metformin"]


def test_a_merge_shows_no_order_that_one_chart_withholds(told):
    told.tell("RDE^O11", told.PID, orc(f28="R"), rxe(), at="202603020800")
    told.tell("RDE^O11", told.pid(f3="T2^^^LFC^MR"), orc(), rxe(), at="202603020801")
    told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
    assert medications(told, at="202603020803") == []


class TestDischarge:
    @pytest.mark.parametrize(
        ("visit", "orc29", "a03", "active"),
        [
            (pv1("I", "V1"), "", pv1("I", "V1"), "-"),
            (pv1("I", "V1"), "", pv1("O", "V1"), "-"),
            (pv1("I", "V1"), "", pv1("I", "V2"), "+"),
            (pv1("I", "V1"), "", pv1("I", ""), "-"),
            (pv1("I", "V1"), "", pv1("O", ""), "+"),
            ("", "I", pv1("I", "V1"), "-"),
            ("", "I", pv1("O", "V1"), "+"),
            ("", "I", "", "-"),
            ("", "", pv1("I", "V1"), "+"),
            (pv1("O", "V1"), "", pv1("O", "V1"), "+"),
        ],
    )
    def test_a03_ends_the_inpatient_orders_of_its_visit(self, told, visit, orc29, a03, active):
        told.tell("RDE^O11", told.PID, visit, orc(f29=orc29), rxe())
        told.tell("ADT^A03", told.PID, a03)
        assert medications(told) == [f"{active}metformin"]

    def test_also_of_orders_told_after_it(self, told):
        told.tell("ADT^A03", told.PID, pv1("I", "V1"), at="202603020900")
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe(), at="202603020800")
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(placer="P2"), rxe(OTHER), at="202603020930")
        answer = told.book(at="202603021000")
        assert [m["active"] for m in answer["request"]["medications"]] == [False, True]
        (ended,) = [e for e in answer["fields"] if e["field"] == "medications[0].active"]
        assert (ended["source"], ended["rule"]) == ("M1:EVN-1", "messages.yaml#ADT^A03")

    def test_a_cancelled_discharge_has_them_run_on(self, told):
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", "V1"))
        told.tell("ADT^A13", told.PID, pv1("I", "V1"))
        assert medications(told) == ["+metformin"]

    def test_also_where_the_discharge_comes_behind_its_cancel(self, told):
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe(), at="202603020800")
        told.tell("ADT^A13", told.PID, pv1("I", "V1"), at="202603020930")
        told.tell("ADT^A03", told.PID, pv1("I", "V1"), at="202603020900")
        assert medications(told, at="202603021000") == ["+metformin"]
        told.tell("ADT^A03", told.PID, pv1("I", "V1"), at="202603021100")
        assert medications(told, at="202603021200") == ["-metformin"]

    @pytest.mark.parametrize("control", ["SC", "UA", "HD", "DE"])
    def test_what_only_reports_on_an_order_moves_it_to_no_other_visit(self, told, control):
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe())
        told.tell("RDE^O11", told.PID, pv1("O", "V2"), orc(control), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", "V1"))
        assert medications(told) == ["-metformin"]

    def test_a_dispense_neither_but_a_change_does(self, told):
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe())
        told.tell("RDS^O13", told.PID, pv1("O", "V3"), orc("RE"), rxd())
        told.tell("RDE^O11", told.PID, pv1("O", "V2"), orc("XO"), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", "V1"))
        assert medications(told) == ["+metformin"]

    def test_a_report_tells_the_visit_where_none_is_known(self, told):
        told.tell("RDE^O11", told.PID, orc(f29="I"), rxe())
        told.tell("RDE^O11", told.PID, pv1("O", "V2"), orc("SC"), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", "V1"))
        assert medications(told) == ["+metformin"]

    def test_a_status_or_dispense_after_it_does_not_open_them_again(self, told):
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc(), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", "V1"))
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc("SC"), rxe())
        told.tell("RDS^O13", told.PID, pv1("I", "V1"), orc("RE"), rxd())
        assert medications(told) == ["-metformin"]
        told.tell("RDE^O11", told.PID, pv1("I", "V1"), orc("RL"))
        assert medications(told) == ["+metformin"]


VERSIONS = [
    # before 2.4: no RXE-31; before 2.5: no RXE-32, -35, -39, no TQ1; the standard's ways of the time
    ("2.3", [orc(f9="20260101", f7="^BID"), rxe(NDC, f1="", f10="30", f7="^one")]),
    ("2.4", [orc(f9="20260101"), rxe(f1="^BID", f31=NDC, f10="30", f7="^one")]),
    ("2.5.1", [orc(), "TQ1|1||BID", rxe(f31=NDC, f32="20260101", f39="30", f10="90", f7="^one")]),
    # 2.7 withdrew RXE-1 and ORC-7
    ("2.8", [orc(f15="20260101"), "TQ1|1||BID^^^^^^^^^^", rxe(f31=NDC, f39="30", f7="^one")]),
]


@pytest.mark.parametrize(("version", "segments"), VERSIONS)
def test_each_version_says_the_same_in_its_own_fields(told, version, segments):
    header = f"MSH|^~\\&|A|F|R|R|202603020801||RDE^O11|M1|P|{version}"
    told.raw("\r".join((header, told.PID, *segments)).encode())
    found = prescription(told)
    assert (
        found["code"]["code"],
        found["prescribedDate"],
        found["initialFillQuantity"],
        found["timingEvent"],
    ) == (
        "00093104801",
        "2026-01-01",
        30,
        "BID",
    )
