"""Orders through their life: what is one order, what is one medication, and which are active."""

from __future__ import annotations

from datetime import timedelta

import pytest
from telling import booked, medications, orc, rxe


class TestOrders:
    def test_several_orders_in_a_message_are_several_medications(self, told):
        found = medications(
            told,
            orc(),
            rxe(f10="1"),
            "RXR|PO",
            orc(placer="P2"),
            rxe(f2="83367^atorvastatin^RXNORM", f10="2"),
            "RXR|IV",
        )
        assert [(m["nameCode"]["displayName"], m["medicationRequests"][0]["initialFillQuantity"],
                 m["medicationRequests"][0]["route"]["displayName"]) for m in found] == [
            ("metformin 500 MG", 1, "Oral"), ("atorvastatin", 2, "Intravenous")
        ]  # fmt: skip

    def test_the_same_drug_of_several_orders_is_one_medication(self, told):
        (found,) = medications(told, orc(), rxe(f10="1"), orc(placer="P2"), rxe(f10="2"))
        assert [entry["initialFillQuantity"] for entry in found["medicationRequests"]] == [1, 2]

    def test_active_if_one_order_is_with_the_requests_of_the_active_ones(self, told):
        medications(told, orc(), rxe(f10="1"), orc(placer="P2"), rxe(f10="2"))
        (found,) = medications(told, orc("DC"), rxe(f10="1"))
        assert (found["active"], [e["initialFillQuantity"] for e in found["medicationRequests"]]) == (
            True,
            [2],
        )

    def test_all_ended_is_the_last_one(self, told):
        medications(told, orc(), rxe(f10="1"), orc(placer="P2"), rxe(f10="2"))
        medications(told, orc("DC", "P2"), rxe(f10="2"))
        (found,) = medications(told, orc("DC"), rxe(f10="1"))
        assert (found["active"], [e["initialFillQuantity"] for e in found["medicationRequests"]]) == (
            False,
            [1],
        )

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            (orc(), orc("DC"), True),
            (orc(filler="F1"), orc("DC", "", "F1"), True),
            (orc(filler="F1"), orc("DC", "", "F2"), False),
            (orc(placer="P1^A"), orc("DC", "P1^B"), False),
        ],
    )
    def test_an_order_is_known_by_placer_or_filler(self, told, one, other, same):
        medications(told, one, rxe())
        (found,) = medications(told, other, rxe())
        assert found["active"] is not same

    def test_or_by_its_prescription_number(self, told):
        medications(told, orc(placer=""), rxe(f15="RX7"))
        assert medications(told, orc("DC", ""), rxe(f15="RX7"))[0]["active"] is False

    def test_a_discontinuation_without_the_drug_ends_the_order(self, told):
        medications(told, orc(), rxe())
        told.tell("RDE^O11", told.PID, orc("DC"))
        assert booked(told)["request"]["medications"][0]["active"] is False

    def test_a_confidential_order_is_left_out_also_when_it_was_known(self, told):
        assert medications(told, orc(f28="R"), rxe()) == []
        medications(told, orc(), rxe())
        assert medications(told, orc("XO", f28="V"), rxe()) == []


class TestActive:
    @pytest.mark.parametrize("control", ["NW", "RE", "RO", "XO", "SN", "AF", "RL", ""])
    def test_it_opens(self, told, control):
        (found,) = medications(told, orc(control), rxe())
        assert found["active"] is True

    @pytest.mark.parametrize("control", ["NW", "RO", "XO", "RL"])
    def test_it_opens_again(self, told, control):
        medications(told, orc("DC"), rxe())
        assert medications(told, orc(control), rxe())[0]["active"] is True

    @pytest.mark.parametrize("control", ["CA", "DC", "OC", "OD", "CR", "DR", "RP"])
    def test_it_ends(self, told, control):
        medications(told, orc(), rxe())
        assert medications(told, orc(control), rxe())[0]["active"] is False

    NOTHING = ("RF", "DF", "UA", "UC", "UD", "DE", "HD", "SC", "NA")

    @pytest.mark.parametrize("control", NOTHING)
    @pytest.mark.parametrize(("before", "active"), [("NW", True), ("DC", False)])
    def test_requests_and_answers_change_nothing(self, told, control, before, active):
        medications(told, orc(before), rxe())
        assert medications(told, orc(control), rxe())[0]["active"] is active

    @pytest.mark.parametrize("control", NOTHING)
    def test_nor_do_they_open_an_order_nobody_placed(self, told, control):
        answer = told.tell("RDE^O11", told.PID, orc(control), rxe())
        assert "medications" not in booked(told)["request"]
        assert any("ORC-1" in entry["why"] for entry in answer["left_out"])

    @pytest.mark.parametrize(
        ("status", "active"),
        [
            ("CA", False),
            ("DC", False),
            ("RP", False),
            ("CM", False),
            ("IP", True),
            ("SC", True),
            ("HD", True),
            ("A", True),
        ],
    )
    @pytest.mark.parametrize("control", ["NW", "SC"])
    def test_the_status_ends(self, told, control, status, active):
        medications(told, orc(), rxe())
        assert medications(told, orc(control, status=status), rxe())[0]["active"] is active

    @pytest.mark.parametrize(
        ("fields", "active"),
        [
            ({"f1": "^QD^^20260201^20260301"}, False),
            ({"f1": "^QD^^20260201^20260302"}, True),
            ({"f1": "^QD^^20260201^20260303"}, True),
            ({"f1": "^QD^D10^20260201"}, False),
            ({"f1": "^QD^D10^20260220"}, True),
            ({"f1": "^QD^W2^20260225"}, True),
            ({"f1": "^QD^L1^20260115"}, False),
            ({"f1": "^QD^D10"}, True),
            ({"f1": "^QD^INDEF^20250101"}, True),
            *(({"f1": f"^QD^^20250101^{end}"}, False) for end in ("202502", "2025", "2025-12", "202602")),
            *(
                ({"f1": f"^QD^^20250101^{end}"}, True)
                for end in ("202603", "2026", "2030", "1200", "UNTIL GONE")
            ),
        ],
    )
    def test_a_stop_or_a_duration_that_has_passed_ends_when_composed(self, told, fields, active):
        assert medications(told, orc(), rxe(**fields))[0]["active"] is active

    @pytest.mark.parametrize(
        ("tq1", "active"),
        [("TQ1|1||QD||||20260201|20260301", False), ("TQ1|1||QD||||20260201|20260401", True),
         ("TQ1|1||QD|||D10|20260201", False), ("TQ1|1||QD|||D90|20260201", True)],
    )  # fmt: skip
    def test_of_tq1_too(self, told, tq1, active):
        assert medications(told, orc(), tq1, rxe())[0]["active"] is active

    @pytest.mark.parametrize(
        ("pattern", "tq1", "active"),
        [
            ("^QD^^20260201^20260301", "TQ1|1||QD||||20260201|20260401", False),
            ("^QD^D10^20260201", "TQ1|1||QD|||D90|20260201", False),
            ("^QD^D10^20260225", "TQ1|1||QD|||D10|20260101", True),
        ],
    )
    def test_rxe_1_goes_before_tq1(self, told, pattern, tq1, active):
        assert medications(told, orc(), tq1, rxe(f1=pattern))[0]["active"] is active

    @pytest.mark.parametrize("segment", [orc(f28="U"), orc(f29="O"), "PV1|1|E"])
    def test_codes_that_only_matter_when_known_are_not_noted(self, told, segment):
        order = (segment, rxe()) if segment.startswith("ORC") else (segment, orc(), rxe())
        assert told.tell("RDE^O11", told.PID, *order)["left_out"] == []

    def test_a_renewal_leaves_no_old_stop_behind(self, told):
        medications(told, orc(), rxe(f1="^QD^^20260101^20260201"))
        assert medications(told, orc("XO"), rxe(f1="^QD^D90^20260225"))[0]["active"] is True

    def test_time_alone_ends_an_order(self, told):
        assert medications(told, orc(), rxe(f1="^QD^^20260201^20260305"))[0]["active"] is True
        told.now += timedelta(days=10)
        assert booked(told)["request"]["medications"][0]["active"] is False

    @pytest.mark.parametrize(
        ("order_visit", "orc29", "discharged", "active"),
        [
            ("I", "", "V1", False),
            ("O", "I", "V1", False),
            ("O", "", "V1", True),
            ("I", "", "V2", True),
            ("I", "O", "V1", True),
        ],
    )
    def test_inpatient_orders_end_with_the_discharge_of_their_visit(
        self, told, order_visit, orc29, discharged, active
    ):
        def pv1(kind, number):
            return f"PV1|1|{kind}{'|' * 17}{number}"

        medications(told, pv1(order_visit, "V1"), orc(f29=orc29), rxe())
        told.tell("ADT^A03", told.PID, pv1("I", discharged))
        answer = booked(told)
        (found,) = answer["request"]["medications"]
        assert found["active"] is active
        if not active:
            source = next(e["source"] for e in answer["fields"] if e["field"] == "medications[0].active")
            assert source.startswith("M3:")

    def test_an_older_message_does_not_end_a_newer_order(self, told):
        medications(told, orc(), rxe(), at="202603020900")
        assert medications(told, orc("DC"), rxe(), at="202603020800")[0]["active"] is True


def test_an_answer_before_the_order_it_is_about_adds_its_number_the_first_time_too(story):
    """What changes nothing by itself is taken last; so the message taken twice says no more than once."""
    segments = (
        "ORC|SC|8810^POE",
        "RXE||860975^metformin^RXNORM",
        "ORC|CA|8810",
        "RXE||860975^metformin^RXNORM",
    )
    once, twice = story(), story()
    for told, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            told.tell("RDE^O11", told.PID, *segments, at="202603020801", control_id="M1")
    assert once.chart.orders == twice.chart.orders
    assert once.chart.orders[0].ids == ("P:8810", "P:8810^POE")
