"""Pharmacy orders: drugs, products, doses, timing, and which of them are active."""

from __future__ import annotations

import pytest
from telling import DRUG, booked, medications, orc, rxe

NPI = "1234567893"
RXNORM, NDC = "2.16.840.1.113883.6.88", "2.16.840.1.113883.6.69"


def prescription(told, *segments):
    answer = medications(told, *segments)
    return answer[0]["medicationRequests"][0] if "medicationRequests" in answer[0] else {}


class TestDrug:
    @pytest.mark.parametrize(
        ("rxe2", "code"),
        [
            (DRUG, ("860975", "RxNorm", "metformin 500 MG")),
            ("860975^metformin^RXN", ("860975", "RxNorm", "metformin")),
            ("860975^metformin^2.16.840.1.113883.6.88", ("860975", "RxNorm", "metformin")),
            ("D1^Metformin^FDB^860975^metformin^RXNORM", ("860975", "RxNorm", "Metformin")),
            ("00093-1048-01^Metformin^NDC^860975^metformin^RXNORM", ("860975", "RxNorm", "Metformin")),
            ("00093-1048-01^Metformin^NDC^41^met^MEDCIN", ("41", "MEDCIN", "Metformin")),
            ("00093-1048-01^Metformin^NDC", ("00093-1048-01", "NDC", "Metformin")),
            ("41^Metformin^MEDCIN", ("41", "MEDCIN", "Metformin")),
            ("41^Metformin^NDDF", ("41", "NDDF", "Metformin")),
            ("41^Metformin^FDB", ("41", "NDDF", "Metformin")),
            ("41^Metformin^MULTUM", ("41", "Multum", "Metformin")),
            ("41^Metformin^GPI", ("41", "GPI", "Metformin")),
            ("41^Metformin^LOCALRX", ("41", "LOCALRX", "Metformin")),
            ("41^Metformin^LOCAL;RX", ("41", "LOCAL RX", "Metformin")),
            ("41^Metformin^@", ("41", None, "Metformin")),
            ("41^Metformin", ("41", None, "Metformin")),
            ("00093-1048-01^Metformin", ("00093-1048-01", "NDC", "Metformin")),
            ("00093104801^Metformin", ("00093104801", None, "Metformin")),
            ("93-1048-01^Metformin", ("93-1048-01", None, "Metformin")),
            ("^Metformin", (None, None, "Metformin")),
            ("860975^^RXNORM^^Glucophage", ("860975", "RxNorm", "Glucophage")),
            ("860975^^RXNORM^^^^^^As written", ("860975", "RxNorm", "As written")),
            ("860975^^RXNORM", ("860975", "RxNorm", "860975")),
            ("##RXCUI##^Metformin^RXNORM", (None, None, "Metformin")),
            ("860975^##NAME##^RXNORM^^Glucophage", ("860975", "RxNorm", "Glucophage")),
            ("86;0975^Metformin^RXNORM", (None, None, "Metformin")),
        ],
    )
    def test_the_name_is_rxnorm_from_either_coding_else_what_there_is(self, told, rxe2, code):
        (found,) = medications(told, orc(), rxe(f2=rxe2))
        name = found["nameCode"]
        assert (name.get("code"), name.get("codeSystemName"), name["displayName"]) == code
        assert ("codeSystem" in name) == (code[1] not in (None, "LOCALRX", "LOCAL RX"))

    def test_rxo_1_where_there_is_no_rxe_2(self, told):
        (found,) = medications(told, orc(), f"RXO|{DRUG}", "RXE|")
        assert found["nameCode"]["code"] == "860975"

    def test_an_order_that_names_no_drug_is_left_out(self, told):
        told.tell("RDE^O11", told.PID, orc(), rxe(f2="##A##^##B##"))
        answer = booked(told)
        assert "medications" not in answer["request"]
        assert "the order names no drug" in [entry["why"] for entry in answer["left_out"]]

    @pytest.mark.parametrize(
        ("sent", "eleven"),
        [
            ("00093-1048-01", "00093104801"),
            ("00093104801", "00093104801"),
            ("0093-1048-01", "00093104801"),
            ("00093-048-01", "00093004801"),
            ("00093-1048-1", "00093104801"),
            ("0093104801", None),
            ("0093-048-01", None),
            ("93104801", None),
        ],
    )
    @pytest.mark.parametrize("where", ["f2", "f2b", "f31"])
    def test_an_ndc_has_eleven_digits_or_is_left_out_and_said(self, told, sent, eleven, where):
        fields = {
            "f2": {"f2": f"{sent}^Met^NDC"},
            "f2b": {"f2": f"41^Met^FDB^{sent}^Met^NDC"},
            "f31": {"f2": "41^Met^FDB", "f31": f"{sent}^Met^NDC"},
        }
        told.tell("RDE^O11", told.PID, orc(), rxe(**fields[where]))
        said = told.changes
        answer = booked(told)
        (found,) = answer["request"]["medications"]
        code = found.get("medicationRequests", [{}])[0].get("code")
        assert (code or {}).get("code") == eleven
        assert eleven is None or (code["codeSystem"], code["displayName"]) == (NDC, "Met")
        assert said == []

    @pytest.mark.parametrize(
        ("sent", "eleven"),
        [
            ("00093-1048-01", "00093104801"),
            ("0093-1048-01", "00093104801"),
            ("00093104801", None),
            ("93-1048", None),
        ],
    )
    def test_without_a_coding_system_the_dashes_make_it_an_ndc(self, told, sent, eleven):
        code = prescription(told, orc(), rxe(f2=f"{sent}^Met")).get("code", {})
        assert (code.get("code"), code.get("codeSystem")) == (eleven, NDC if eleven else None)

    def test_the_ndc_that_cant_be_told_is_said_with_its_message(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(f31="0093104801^Met^NDC"))
        assert ("RXE-31", "0093104801") in [(e["source"][:6], e["value"]) for e in answer["left_out"]]

    def test_the_product_is_rxnorm_where_there_is_no_ndc(self, told):
        assert prescription(told, orc(), rxe())["code"] == {
            "code": "860975", "codeSystem": RXNORM, "codeSystemName": "RxNorm", "displayName": "metformin 500 MG"
        }  # fmt: skip


class TestDose:
    @pytest.mark.parametrize(
        ("segments", "dosage"),
        [
            ([rxe(f3="1", f5="TAB")], {"amountValue": 1, "amountUnit": "TAB"}),
            ([rxe(f3="1", f4="1", f5="TAB")], {"amountValue": 1, "amountUnit": "TAB"}),
            ([rxe(f3="0.5", f5="mL^milliliter")], {"amountValue": 0.5, "amountUnit": "mL"}),
            ([rxe(f3="1", f4="2", f5="TAB", f7="^1 to 2 tabs")], {"text": "1 to 2 tabs"}),
            ([rxe(f3="one", f5="TAB")], {}),
            ([rxe(f3="2", f5="%")], {"amountValue": 2, "amountUnit": "percent"}),
            ([rxe(f25="500", f26="MG")], {"strengthValue": 500, "strengthUnit": "MG"}),
            ([rxe(f25="5", f26="%^percent")], {"strengthValue": 5, "strengthUnit": "percent"}),
            ([rxe(f25="5", f26="mg;hr")], {"strengthValue": 5, "strengthUnit": "mg hr"}),
            (["RXO||500||MG"], {"amountValue": 500, "amountUnit": "MG"}),
            (["RXO||500|1000|MG"], {}),
            (["RXO" + "|" * 18 + "500|MG"], {"strengthValue": 500, "strengthUnit": "MG"}),
            # the amount of one segment never meets the unit of another
            (["RXO||500|1000|MG", rxe(f3="1")], {"amountValue": 1}),
            (["RXO||500||MG", rxe(f4="2", f5="TAB")], {}),
            (["RXO||500||MG", rxe(f4="MG")], {"amountValue": 500, "amountUnit": "MG"}),
            (["RXO||500||MG", rxe(f3="1", f5="TAB")], {"amountValue": 1, "amountUnit": "TAB"}),
            ([rxe(f7="^Take 1 daily")], {"text": "Take 1 daily"}),
            ([rxe(f7="Take 1 daily")], {"text": "Take 1 daily"}),
            ([rxe(f7="^Take 1~^with food")], {"text": "Take 1 with food"}),
            ([rxe(f7="^##SIG##")], {}),
            (["RXO|||||||^Take 2", rxe()], {"text": "Take 2"}),
            ([rxe(), "TQ1|1||||||||||Take 3"], {"text": "Take 3"}),
            ([rxe(f21="^Brand only")], {}),
            ([rxe(f3="0", f5="MG", f7="^As directed")], {"text": "As directed"}),
            ([rxe(f7="111"), "TQ1|1||||||||||Take 3"], {"text": "Take 3"}),
            ([rxe(f7="111^Take 1")], {"text": "Take 1"}),
            ([rxe(f3="0.0", f4="0", f5="MG")], {}),
            ([rxe(f25="0", f26="MG")], {}),
        ],
    )
    def test_amount_strength_and_text(self, told, segments, dosage):
        more = segments if any(entry.startswith("RXE") for entry in segments) else [*segments, rxe()]
        assert prescription(told, orc(), *more).get("dosageInstruction", {}) == dosage

    @pytest.mark.parametrize(
        ("dose", "why"),
        [
            ({"f3": "1", "f4": "2", "f5": "TAB"}, "RXE-3 and RXE-4 are a range: no single amount"),
            (
                {"f3": "500", "f4": "MG", "f5": "CAP"},
                "RXE-4 is not a number: whether the amount is a single one can't be told",
            ),
        ],
    )
    def test_why_there_is_no_amount(self, told, dose, why):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(**dose))
        assert [entry["why"] for entry in answer["left_out"]] == [why, why]
        assert "amountValue" not in prescription(told).get("dosageInstruction", {})

    def test_a_maximum_alone_is_said(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(f4="80", f5="MG"))
        why = "a maximum without a minimum is no single amount"
        assert [(e["source"], e["value"], e["why"]) for e in answer["left_out"]] == [("RXE-4", "80", why)]
        (found,) = booked(told)["request"]["medications"]
        assert "dosageInstruction" not in found.get("medicationRequests", [{}])[0]

    def test_an_amount_of_zero_is_said(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(f3="0", f5="MG"))
        assert [(e["value"], e["why"]) for e in answer["left_out"]] == [("0", "an amount of zero is none")]


TIMINGS = [
    *((code, {"timingEvent": code}) for code in ("BID", "TID", "QID", "QD", "QOD", "Q4H", "Q6H", "Q8H")),
    *(("QHS", {"timingEvent": "BED"}), ("DAILY", {"timingEvent": "QD"}), ("QAM", {"timingEvent": "AM"})),
    *(("twice daily", {"timingEvent": "BID"}), ("every 6 hours", {"timingEvent": "Q6H"})),
    *(("Q 6 H", {"timingEvent": "Q6H"}), ("Q24H", {"timingEvent": "QD"}), ("Q1W", {"timingEvent": "WK"})),
    ("Q12H", {"frequencyValue": 12, "frequencyUnit": "h"}),
    ("q 12 hours", {"frequencyValue": 12, "frequencyUnit": "h"}),
    ("Q72H", {"frequencyValue": 72, "frequencyUnit": "h"}),
    ("every 2 weeks", {"frequencyValue": 2, "frequencyUnit": "wk"}),
    ("Q2W", {"frequencyValue": 2, "frequencyUnit": "wk"}),
    ("Q3D", {"frequencyValue": 3, "frequencyUnit": "d"}),
    ("Q30M", {"frequencyValue": 30, "frequencyUnit": "min"}),
    ("Q3L", {"frequencyValue": 3, "frequencyUnit": "mo"}),
    *((code, {}) for code in ("3 times a week", "PRN", "BID PRN", "Q4-6H", "Q0H", "AS DIRECTED", "")),
]


PATTERNS = [
    *((sent, {"timingEvent": "BID"}) for sent in ("B.I.D.", "2 times a day", "twice per day", "2X/DAY")),
    *((sent, {"timingEvent": "QD"}) for sent in ("q.d.", "once a day", "Every Day", "Q24H", "1 time daily")),
    *((sent, {"timingEvent": "BED"}) for sent in ("QHS", "nightly", "at bedtime", "every night at bedtime")),
    *((sent, {"timingEvent": "WK"}) for sent in ("weekly", "Q7D", "once a week", "Q1W", "every 7 days")),
    *((sent, {"timingEvent": "Q6H"}) for sent in ("Q6H", "q 6 hrs", "every six hours", "Every 6 Hours")),
    *((sent, {"timingEvent": "QOD"}) for sent in ("QOD", "every other day", "Q2D")),
    ("every twelve hours", {"frequencyValue": 12, "frequencyUnit": "h"}),
    ("Q5H", {"frequencyValue": 5, "frequencyUnit": "h"}),
    ("Q3MO", {"frequencyValue": 3, "frequencyUnit": "mo"}),
    ("every 2 years", {"frequencyValue": 2, "frequencyUnit": "a"}),
    *(
        (sent, {})
        for sent in ("C", "Once", "QSHIFT", "5ID", "PRNQ6H", "Q6HPRN", "Q1J2", "U 0 8", "AC", "PCM")
    ),
    *((sent, {}) for sent in ("3 times a week", "2X/WEEK", "twice weekly", "as needed", "Q1.5H", "biweekly")),
]


def timed(found):
    keys = ("timingEvent", "frequencyValue", "frequencyUnit")
    return {key: found[key] for key in keys if key in found}


@pytest.mark.parametrize(("sent", "found"), PATTERNS)
def test_a_pattern_in_the_senders_words(told, sent, found):
    asked = prescription(told, orc(), f"TQ1|1||{sent}", rxe())
    assert timed(asked) == found
    assert ("dosageInstruction" in asked) == (not found)
    assert found or asked["dosageInstruction"]["text"] == sent


@pytest.mark.parametrize("sent", ["0", "1", "12"])
def test_a_bare_number_is_no_timing(told, sent):
    answer = told.tell("RDE^O11", told.PID, orc(), f"TQ1|1||{sent}", rxe())
    assert [(e["source"], e["value"]) for e in answer["left_out"]] == [("TQ1-3.1", sent)]
    (found,) = booked(told)["request"]["medications"]
    assert "dosageInstruction" not in found["medicationRequests"][0]


def test_times_of_day_stay_in_the_text(told):
    assert prescription(told, orc(), "TQ1|1||0900,2100", rxe())["dosageInstruction"] == {"text": "0900,2100"}


class TestSeveralTimings:
    @pytest.mark.parametrize(
        ("segments", "found", "text"),
        [
            (["TQ1|1||QAM", "TQ1|2||QHS"], {}, "QAM; QHS"),
            (["TQ1|1||QAM~QHS"], {}, "QAM; QHS"),
            (["TQ1|1||BID", "TQ1|2||twice daily"], {"timingEvent": "BID"}, None),
            (["TQ1|1||&every 12 hours"], {"frequencyValue": 12, "frequencyUnit": "h"}, None),
            (["TQ1|1||BID&twice a day&HL70335^^^^1^d"], {"timingEvent": "BID"}, None),
            (["TQ1|1||Q6H||||||PRN"], {}, "Q6H PRN"),
            (["TQ1|1||Q6H||||||R"], {"timingEvent": "Q6H"}, None),
            (["TQ1|1||Q6H|||||||PRN pain"], {}, "Q6H PRN pain"),
            (["TQ1|1||Q6H||||||PRN|as needed for pain"], {}, "Q6H as needed for pain"),
            (["TQ1|1||Q6H|||||||with food"], {"timingEvent": "Q6H"}, None),
        ],
    )
    def test_timings_that_differ_or_are_as_needed_stay_in_the_text(self, told, segments, found, text):
        asked = prescription(told, orc(), *segments, rxe())
        assert timed(asked) == found
        assert asked.get("dosageInstruction", {}).get("text") == text

    @pytest.mark.parametrize(
        ("first", "second", "found"),
        [
            ("FOO", "BID", {"timingEvent": "BID"}),
            ("PRN", "BID", {}),
            ("3 times a week", "BID", {}),
            ("", "BID", {"timingEvent": "BID"}),
        ],
    )
    def test_a_timing_that_says_something_is_not_passed_over(self, told, first, second, found):
        answer = told.tell("RDE^O11", told.PID, orc(f7=f"^{second}"), rxe(f1=f"^{first}"))
        asked = booked(told)["request"]["medications"][0]["medicationRequests"][0]
        assert timed(asked) == found
        assert bool(first) == (
            ("RXE-1.2.1", first) in [(e["source"], e["value"]) for e in answer["left_out"]]
        )

    @pytest.mark.parametrize("where", ["rxe", "orc"])
    def test_a_condition_that_says_as_needed_counts_before_tq1_too(self, told, where):
        pattern = "^Q6H^^^^R^If needed"
        asked = prescription(
            told, *([orc(f7=pattern), rxe()] if where == "orc" else [orc(), rxe(f1=pattern)])
        )
        assert timed(asked) == {}
        assert asked["dosageInstruction"]["text"] == "Q6H If needed"

    def test_a_timing_where_the_priority_belongs_is_said(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(f1="1^^^20260419^^BID"))
        assert ("RXE-1.6", "BID") in [(e["source"], e["value"]) for e in answer["left_out"]]
        assert timed(booked(told)["request"]["medications"][0]["medicationRequests"][0]) == {}


class TestHowLong:
    @pytest.mark.parametrize(
        ("segments", "active"),
        [
            (["TQ1|1||QD||||20260101|20260201", "TQ1|2||QD||||20260202|20260210"], False),
            (["TQ1|1||QD||||20260101|20260201", "TQ1|2||QD||||20260202|20260310"], True),
            (["TQ1|1||QD||||20260101|20260201", "TQ1|2||QD||||20260202"], True),
            (["TQ1|1||QD|||3^D&day&ISO+|20260201"], False),
            (["TQ1|1||QD|||30^d|20260201"], True),
            (["TQ1|1||QD|||10 days|20260201"], False),
            (["TQ1|1||QD|||2^parsec|20260201"], True),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD|||30^d|20260215"], True),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD|||5^d|20260215"], False),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD||||20260215"], True),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD|||INDEF|20260215"], True),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD|||2^parsec|20260215"], True),
            (["TQ1|1||BID|||5^d|20260210", "TQ1|2||QD||||20260215|20260401"], True),
            (["TQ1|1||BID|||90^d|20260210", "TQ1|2||QD||||20260215|20260220"], True),
        ],
    )
    def test_of_several_timings_the_last_end_counts(self, told, segments, active):
        assert medications(told, orc(), *segments, rxe())[0]["active"] is active

    @pytest.mark.parametrize(
        ("pattern", "active"),
        [
            ("^QAM^^20260101^20260201~^QHS^^20260101", True),
            ("^QAM^^20260101~^QHS^^20260101^20260201", True),
            ("^QAM^^20260101^20260201~^QHS^^20260101^20260401", True),
            ("^QAM^^20260101^20260201~^QHS^^20260101^20260210", False),
            ("^BID^D5^20260210~^QD^D30^20260215", True),
            ("^BID^D5^20260210~^QD^D5^20260215", False),
            ("^BID^D5^20260210~^QD^^20260215", True),
        ],
    )
    def test_so_it_does_of_several_in_one_field(self, told, pattern, active):
        assert medications(told, orc(), rxe(f1=pattern))[0]["active"] is active
        assert medications(told, orc(placer="P2", f7=pattern), "RXO|1^b^RXNORM")[1]["active"] is active

    def test_a_duration_in_rxe_1_goes_before_those_of_several_tq1(self, told):
        several = ("TQ1|1||QD|||5^d|20260101", "TQ1|2||QD|||5^d|20260106")
        assert medications(told, orc(), *several, rxe(f1="^QD^D90^20260201"))[0]["active"] is True

    def test_an_unreadable_duration_of_several_is_said(self, told):
        several = ("TQ1|1||QD|||5^d|20260201", "TQ1|2||QD|||2^parsec|20260206")
        answer = told.tell("RDE^O11", told.PID, orc(), *several, rxe())
        why = "TQ1[2]-6 is a duration of a unit table duration_units has not"
        assert ("TQ1[2]-6", why) in [(entry["source"], entry["why"]) for entry in answer["left_out"]]

    @pytest.mark.parametrize(
        ("length", "active"), [("H24", False), ("H240", True), ("M90", False), ("X10", True)]
    )
    def test_parts_of_days_and_what_is_no_duration(self, told, length, active):
        assert medications(told, orc(), rxe(f1=f"^QD^{length}^20260221"))[0]["active"] is active

    @pytest.mark.parametrize(
        ("orc7", "active"), [("^QD^^20260201^20260301", False), ("^QD^D10^20260201", False)]
    )
    def test_orc_7_says_it_where_rxe_1_and_tq1_do_not(self, told, orc7, active):
        assert medications(told, orc(f7=orc7), "RXO|" + DRUG)[0]["active"] is active


class TestCodes:
    @pytest.mark.parametrize(
        ("sent", "code", "label"),
        [
            ("PO^By mouth^HL70162", "C38288", "By mouth"),
            ("^^^C38276^Intravenous^NCIT", "C38276", "Intravenous"),
            ("IVP^IV push", "C38274", "IV push"),
            ("26643006^Oral^SCT", "C38288", "Oral"),
            ("GTT", "GTT", "Gastrostomy tube"),
            ("ZZ^Odd way^L", "ZZ", "Odd way"),
        ],
    )
    def test_a_route_is_an_ncit_concept_where_there_is_one(self, told, sent, code, label):
        route = prescription(told, orc(), rxe(), f"RXR|{sent}")["route"]
        assert (route["code"], route["displayName"]) == (code, label)
        assert (route.get("codeSystem") == "2.16.840.1.113883.3.26.1.1") == (code[0] == "C")

    @pytest.mark.parametrize("sent", ["II", "CII", "C-II^Schedule 2", "2", "X^Schedule II^L"])
    def test_a_schedule_is_of_table_0477(self, told, sent):
        schedule = medications(told, orc(), rxe(f35=sent))[0]["scheduleCode"]
        assert (schedule["code"], schedule["codeSystem"]) == ("II", "2.16.840.1.113883.12.477")

    @pytest.mark.parametrize("code", ["86;0", "86@0", "86\\X07\\0", "86\\X00\\0"])
    @pytest.mark.parametrize(
        ("fields", "source", "there"),
        [
            ({"f2": "{}^Metformin^RXNORM"}, "RXE-2.1", "nameCode"),
            ({"f2": "{}^Metformin^LOCAL"}, "RXE-2.1", "nameCode"),
            ({"f31": "{}^Metformin^RXNORM"}, "RXE-31.1", ""),
            ({"f6": "{}^Tablet of ours"}, "RXE-6.1", "form"),
            ({"f35": "{}^Schedule of ours"}, "RXE-35.1", "scheduleCode"),
        ],
    )
    def test_a_code_with_what_is_forbidden_or_nobody_sees_is_left_out_and_said(
        self, told, code, fields, source, there
    ):
        sent = {"f2": "^Metformin"} | {name: text.format(code) for name, text in fields.items()}
        answer = told.tell("RDE^O11", told.PID, orc(), rxe(**sent))
        (found,) = booked(told)["request"]["medications"]
        prescription = found.get("medicationRequests", [{}])[0]
        assert "code" not in {**found, **prescription}.get(there, {})
        assert (source, "holds a character") in {
            (entry["source"], entry["why"].removeprefix("the code ")[:17]) for entry in answer["left_out"]
        }

    def test_a_system_whose_name_is_not_sent_as_it_is_is_said(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(), rxe("41^Metformin^LOCAL;RX"))
        assert [(entry["source"], entry["value"]) for entry in answer["left_out"]] == [
            ("RXE-2.1", "LOCAL;RX")
        ]

    @pytest.mark.parametrize(
        ("null", "gone"),
        [
            ({"f3": '""'}, {"amountValue", "amountUnit"}),
            ({"f25": '""'}, {"strengthValue", "strengthUnit"}),
            ({"f7": '""'}, {"text"}),
            ({"f1": '""'}, {"timingEvent"}),
            ({}, set()),
        ],
    )
    def test_null_deletes_that_thing_alone(self, told, null, gone):
        told.tell("RDE^O11", told.PID, orc(), rxe(f1="^BID", f3="1", f5="TAB", f7="^one", f25="5", f26="mg"))
        told.tell("RDE^O11", told.PID, orc("XO"), rxe(**null))
        (found,) = booked(told)["request"]["medications"]
        request = found["medicationRequests"][0]
        there = {*request, *request["dosageInstruction"]} - {"code", "dosageInstruction"}
        every = {"amountValue", "amountUnit", "strengthValue", "strengthUnit", "text", "timingEvent"}
        assert there == every - gone

    @pytest.mark.parametrize(
        ("given", "asked", "dose"),
        [
            ("as told", "1", {"amountValue": 1, "amountUnit": "tablet"}),
            ("", "1", {"amountValue": 1, "amountUnit": "tablet"}),
            ("2", "1", {"amountValue": 2, "amountUnit": "TAB"}),
            ("1-2", "1", None),
            ("1/2", "1", None),
            ("-1", "1", None),
            ("as told", "as told", None),
        ],
    )
    def test_the_first_amount_that_can_be_read_counts(self, told, given, asked, dose):
        rxo = f"RXO|{DRUG}|{asked}||tablet"
        found = prescription(told, orc(), rxo, rxe(f3=given, f5="TAB"))
        assert found.get("dosageInstruction") == dose

    @pytest.mark.parametrize(
        ("unit", "sent"),
        [
            ("43^mg/hr", "mg/hr"),
            ("CD:14^mL", "mL"),
            ("mL^milliliter", "mL"),
            ("43", "43"),
            ("x%y", "x percent y"),
        ],
    )
    def test_a_key_of_the_senders_file_is_no_unit(self, told, unit, sent):
        assert prescription(told, orc(), rxe(f3="5", f5=unit))["dosageInstruction"]["amountUnit"] == sent

    def test_each_repetition_of_the_sig_counts(self, told):
        asked = prescription(told, orc(), rxe(f7="^Take 1~with food~K^After meals"))
        assert asked["dosageInstruction"]["text"] == "Take 1 with food After meals"

    @pytest.mark.parametrize("ndc", ["00000000000", "00000-0000-00"])
    def test_zeros_are_no_product(self, told, ndc):
        assert "code" not in prescription(told, orc(), rxe(f2=f"1^Met^FDB^{ndc}^Met^NDC"))

    def test_the_same_ndc_in_two_forms_is_one_drug(self, told):
        found = medications(
            told, orc(), rxe(f2="00093-1048-01^Met^NDC"), orc(placer="P2"), rxe(f2="00093104801^Met^NDC")
        )
        assert [len(entry["medicationRequests"]) for entry in found] == [2]

    def test_an_address_goes_with_its_own_facility(self, told):
        answer = told.tell("RDE^O11", told.PID, orc(f17="LK^Lakeside", f22="1 Lake^^Madison^WI^53703"), rxe())
        assert ("ORC-22", "1 Lake^^Madison^WI^53703") in [
            (e["source"], e["value"]) for e in answer["left_out"]
        ]


class TestTiming:
    @pytest.mark.parametrize(("sent", "found"), TIMINGS)
    @pytest.mark.parametrize("where", ["RXE-1", "ORC-7", "TQ1-3"])
    def test_a_pattern_is_an_event_or_an_interval_or_stays_in_the_text(self, told, sent, found, where):
        order = {
            "RXE-1": [orc(), rxe(f1=f"^{sent}&0600", f7="^sig")],
            "ORC-7": [orc(f7=f"^{sent}"), rxe(f7="^sig")],
            "TQ1-3": [orc(), "TQ1|1||" + (f"{sent}&&HL70335" if sent else ""), rxe(f7="^sig")],
        }
        asked = prescription(told, *order[where])
        keys = ("timingEvent", "frequencyValue", "frequencyUnit")
        assert {key: asked[key] for key in keys if key in asked} == found
        assert asked["dosageInstruction"]["text"] == "sig"

    def test_a_change_of_the_text_leaves_no_old_timing_and_dose_to_contradict_it(self, told):
        medications(told, orc(), rxe(f1="^QD", f3="1", f5="TAB", f7="^1 daily", f25="500", f26="MG"))
        asked = prescription(
            told, orc("XO"), rxe(f1="^BID PRN", f3="1", f4="2", f7="^1-2 twice a day if needed")
        )
        assert "timingEvent" not in asked
        assert asked["dosageInstruction"] == {
            "text": "1-2 twice a day if needed", "strengthValue": 500, "strengthUnit": "MG"
        }  # fmt: skip

    def test_what_ends_an_order_takes_nothing_from_it(self, told):
        medications(told, orc(), rxe(f1="^QD", f3="1", f5="TAB", f7="^1 daily"))
        asked = prescription(told, orc("DC"), rxe(f7="^stop"))
        assert (asked["timingEvent"], asked["dosageInstruction"]["amountValue"]) == ("QD", 1)


class TestPrescription:
    @pytest.mark.parametrize(
        ("segments", "field", "value"),
        [
            ([orc(), rxe(f39="30", f10="90")], "initialFillQuantity", 30),
            ([orc(), rxe(f10="90.0")], "initialFillQuantity", 90),
            ([orc(), "RXO" + "|" * 11 + "60", rxe()], "initialFillQuantity", 60),
            ([orc(), rxe(f10="lots")], "initialFillQuantity", None),
            ([orc(), rxe(f12="3")], "numberOfRefillsAllowed", 3),
            ([orc(), "RXO" + "|" * 13 + "2", rxe()], "numberOfRefillsAllowed", 2),
            ([orc(), rxe(f12="0")], "numberOfRefillsAllowed", 0),
            ([orc(), rxe(f12="1.5")], "numberOfRefillsAllowed", None),
            ([orc(), rxe(f12="99999999999")], "numberOfRefillsAllowed", None),
            ([orc(f15="20260202", f9="20260203"), rxe(f32="20260201")], "prescribedDate", "2026-02-01"),
            ([orc(f15="202602021200", f9="20260203"), rxe()], "prescribedDate", "2026-02-02"),
            ([orc(f9="20260203"), rxe()], "prescribedDate", "2026-02-03"),
            ([orc(), rxe(), "RXR|PO"], "route", "Oral"),
            ([orc(), rxe(), "RXR|^by mouth"], "route", "by mouth"),
            ([orc(), rxe(f6="TAB^Tablet")], "form", "Tablet"),
            ([orc(), "RXO|||||CAP^Capsule", rxe()], "form", "Capsule"),
        ],
    )
    def test_a_field(self, told, segments, field, value):
        found = prescription(told, *segments).get(field)
        assert (found["displayName"] if isinstance(found, dict) else found) == value

    def test_routes_and_forms_are_ncit_concepts_where_known(self, told):
        asked = prescription(told, orc(), rxe(f6="TAB^Tablet"), "RXR|PO^Oral")
        assert asked["route"]["code"] == "C38288"
        assert asked["form"]["codeSystemName"] == "NCI Thesaurus"
        assert (
            "code"
            in prescription(told, orc(placer="P2"), rxe(f2="1^Other^RXNORM"), "RXR|ZZ^By magic")["route"]
        )

    @pytest.mark.parametrize(
        ("orc12", "npi"),
        [
            (f"{NPI}^Quill^Avery^^^^^^NPI", NPI),
            (f"{NPI}^Quill^Avery", NPI),
            ("Q7^Quill^Avery", None),
            (f"{NPI}^Quill", None),
            (NPI, None),
        ],
    )
    def test_a_prescriber_needs_an_npi_and_a_name_and_holds_nothing(self, told, orc12, npi):
        asked = prescription(told, orc(f12=orc12), rxe(f13="AQ1234563^Quill^Avery"))
        assert asked.get("prescriber", {}).get("npi") == npi

    @pytest.mark.parametrize("field", ["ORC-12", "PV1-7", "PV1-8", "PV1-9", "PV1-17", "PD1-4"])
    def test_the_same_person_may_lend_the_npi_to_the_prescriber(self, told, field):
        quill, local = f"{NPI}^Quill^Avery^^^^^^NPI", "Q7^Quill^Avery"
        name, _, number = field.partition("-")
        lender = "|".join([name, *[""] * (int(number) - 1), quill]) if name != "ORC" else ""
        asked = prescription(told, lender, orc(f12=f"{local}~{quill}" if name == "ORC" else local), rxe())
        assert asked["prescriber"]["npi"] == NPI

    @pytest.mark.parametrize(
        ("segments", "field", "value"),
        [
            (["RXO|1^Requested^LOCAL", rxe()], None, "metformin 500 MG"),
            (["RXO|||||CAP^Capsule", rxe(f6="TAB^Tablet")], "form", "Tablet"),
            (["RXO" + "|" * 13 + "9", rxe(f12="1")], "numberOfRefillsAllowed", 1),
            (["RXO" + "|" * 18 + "9|G", rxe(f25="500", f26="MG")], "strength", "500 MG"),
            (["RXO|||||||Asked", rxe()], "text", "Asked"),
            ([rxe(f2="00093-1048-01^Met^NDC", f31="00093-1048-02^Met^NDC")], "code", "00093104801"),
        ],
    )
    def test_what_is_encoded_goes_before_what_was_requested(self, told, segments, field, value):
        (found,) = medications(told, orc(), *segments)
        asked = found["medicationRequests"][0]
        dosage = asked.get("dosageInstruction", {})
        if field in (None, "form"):
            taken = (asked["form"] if field else found["nameCode"])["displayName"]
        elif field == "strength":
            taken = f"{dosage['strengthValue']} {dosage['strengthUnit']}"
        else:
            taken = dosage["text"] if field == "text" else asked[field]
        assert (taken["code"] if field == "code" else taken) == value

    @pytest.mark.parametrize(
        ("fields", "facility"),
        [
            ({"f21": "Lakeside", "f22": "1 Lake^^Madison^WI^53703"}, {
                "name": "Lakeside",
                "address": {"lines": ["1 Lake"], "city": "Madison", "state": "WI", "zip": "53703"},
            }),
            ({"f21": "Lakeside", "f22": "1 Lake^^Toronto^ON^M4B^CAN"}, {"name": "Lakeside"}),
            ({"f17": "LK^Lakeside Dept"}, {"name": "Lakeside Dept"}),
            ({"f17": "LK"}, {"name": "LK"}),
            ({"f13": "P^R^B^Hillside&2.999.4&ISO"}, {"name": "Hillside"}),
        ],
    )  # fmt: skip
    def test_the_facility(self, told, fields, facility):
        assert prescription(told, orc(**fields), rxe())["facility"] == facility

    def test_the_schedule(self, told):
        (found,) = medications(told, orc(), rxe(f35="C2^Schedule II^DEA"))
        assert found["scheduleCode"]["displayName"] == "Schedule II"

    def test_the_schedule_is_that_of_the_newest_order_of_the_drug_that_says_one(self, told):
        medications(told, orc(placer="P1"), rxe(f35="III"))
        medications(told, orc(placer="P2"), rxe(f35="II"))
        (found,) = medications(told, orc(placer="P3"), rxe())
        assert found["scheduleCode"]["code"] == "II"

    @pytest.mark.parametrize(
        "later", [orc("XO", f9="20260225"), orc("DC", f15="20260225"), orc("SC", f9="20260225")]
    )
    @pytest.mark.parametrize(("opened", "date"), [({"f9": "20260203"}, "2026-02-03"), ({}, None)])
    def test_later_actions_do_not_move_the_prescribed_date(self, told, later, opened, date):
        medications(told, orc(**opened), rxe())
        assert prescription(told, later, rxe()).get("prescribedDate") == date

    @pytest.mark.parametrize(
        ("order", "source", "sent", "why"),
        [
            ((orc(f15="202602"), rxe()), "ORC-15", "202602", "ORC-15 has only a month: no full day"),
            ((orc(f9="today"), rxe()), "ORC-9", "today", "ORC-9 is not a date"),
            ((orc(f9="20260203"), rxe(f32="2026")), "RXE-32", "2026", "RXE-32 has only a year: no full day"),
        ],
    )
    def test_what_is_no_full_day_is_said(self, told, order, source, sent, why):
        answer = told.tell("RDE^O11", told.PID, *order)
        assert {"source": source, "value": sent, "why": why} in answer["left_out"]

    def test_an_order_known_by_its_end_has_the_original_date_only(self, told):
        assert prescription(told, orc("DC", f15="20260225"), rxe()).get("prescribedDate") is None
        asked = prescription(told, orc("DC", "P2", f15="20260225"), rxe(f2="1^Other^RXNORM", f32="20260201"))
        assert asked is not None

    def test_a_late_opening_message_gives_its_date(self, told):
        medications(told, orc("XO", f9="20260225"), rxe(), at="202603020900")
        told.tell("RDE^O11", told.PID, orc(f9="20260203"), rxe(), at="202603020800")
        asked = booked(told)["request"]["medications"][0]["medicationRequests"][0]
        assert asked["prescribedDate"] == "2026-02-03"


@pytest.mark.parametrize(
    ("version", "segments", "expected"),
    [
        ("2.2", [orc(f7="^BID^^20260201", f9="20260203"), rxe(f10="30")],
         {"timingEvent": "BID", "initialFillQuantity": 30, "prescribedDate": "2026-02-03"}),
        ("2.3", [orc(f15="20260204"), rxe(f1="^BID", f2="00093-1048-01^Met^NDC", f10="30")],
         {"timingEvent": "BID", "initialFillQuantity": 30, "prescribedDate": "2026-02-04"}),
        ("2.5.1", [orc(), rxe(f1="^BID", f31="00093-1048-01^Met^NDC", f32="20260205", f39="20", f10="30")],
         {"timingEvent": "BID", "initialFillQuantity": 20, "prescribedDate": "2026-02-05"}),
        ("2.7", [orc(), "TQ1|1||BID||||20260201", rxe(f39="20", f32="20260205")],
         {"timingEvent": "BID", "initialFillQuantity": 20, "prescribedDate": "2026-02-05"}),
    ],
)  # fmt: skip
def test_each_version_has_its_way(told, version, segments, expected):
    header = f"MSH|^~\\&|APP|FAC|R|R|202603020800||RDE^O11|V1|P|{version}"
    told.raw("\r".join((header, told.PID, *segments)).encode())
    asked = booked(told)["request"]["medications"][0]["medicationRequests"][0]
    assert {key: asked[key] for key in expected} == expected


class TestTimingThatOnlyWordsCanSay:
    @pytest.mark.parametrize("pattern", ["3 times a week", "Q6H PRN", "as directed"])
    def test_it_is_the_text_where_the_sender_wrote_none(self, told, pattern):
        found = prescription(told, orc(), rxe(f1=f"^{pattern}"))
        assert found["dosageInstruction"] == {"text": pattern}
        assert "timingEvent" not in found

    def test_it_leaves_the_senders_own_text_alone(self, told):
        found = prescription(told, orc(), rxe(f1="^3 times a week", f7="^Take with food"))
        assert found["dosageInstruction"] == {"text": "Take with food"}
