"""Diagnoses: their code systems, codes, labels and dates, and which of them are active."""

from __future__ import annotations

from datetime import timedelta

import pytest
from telling import left, problems, visit

from interface.chart.shown import shown


def dg1(code="E11.9^Diabetes^I10", f2="", f4="", date="", f6="", f18="", f20="", action=""):
    return f"DG1|1|{f2}|{code}|{f4}|{date}|{f6}{'|' * 12}{f18}||{f20}|{action}"


TWO_CODES = "E11.9^Diabetes^I10^44054006^Diabetes^SCT"


ICD10 = [
    "I10",
    "I10C",
    "ICD10",
    "ICD-10-CM",
    "ICD10_CM",
    "I10-CM",
    "icd10cm",
    "2.16.840.1.113883.6.90",
    "urn:oid:2.16.840.1.113883.6.90",
]
ICD9 = [
    "I9",
    "I9C",
    "I9CDX",
    "ICD9",
    "ICD-9-CM",
    "2.16.840.1.113883.6.103",
    "urn:oid:2.16.840.1.113883.6.103",
]
SNOMED = ["SCT", "SNM", "SNOMED", "SNOMED-CT", "SNOMED CT", "SNOMEDCT_US", "SCTID", "2.16.840.1.113883.6.96"]


@pytest.mark.parametrize(
    ("code", "f2", "found"),
    [
        *((f"E11.9^Diabetes^{system}", "", ["10:E11.9"]) for system in ICD10),
        *((f"401.1^Hypertension^{system}", "", ["9:401.1"]) for system in ICD9),
        *((f"44054006^Diabetes^{system}", "", ["S:44054006"]) for system in SNOMED),
        # DG1-2 where DG1-3 is silent; DG1-3.3 goes before it
        ("E11.9^Diabetes", "I10", ["10:E11.9"]),
        ("401.1^Hypertension", "I9", ["9:401.1"]),
        ("401.1^Hypertension^I9C", "I10", ["9:401.1"]),
        # both codings go to the lists of their systems
        ("E11.9^Diabetes^I10C^44054006^Diabetes^SCT", "", ["10:E11.9", "S:44054006"]),
        ("E11.9^Diabetes^I10^44054006^Diabetes", "I10", ["10:E11.9"]),
        ("^^^E11.9^Diabetes^I10", "", ["10:E11.9"]),
        # declared but unknown: the other coding, else left out
        ("4711^Sugar^IMO^E11.9^Diabetes^I10", "", ["10:E11.9"]),
        ("E11.9^Diabetes^IMO", "", []),
        ("E11.9^Diabetes^L", "I10", []),
        # procedure systems are no diagnoses
        ("0DTJ4ZZ^Appendectomy^I10P", "", []),
        ("47.01^Appendectomy^I9CP", "", []),
        ("99213^Visit^C4", "", []),
        # undeclared: by shape, only where no other system could have the code
        ("E11.9^Diabetes", "", ["10:E11.9"]),
        ("J45^Asthma", "", ["10:J45"]),
        ("401.1^Hypertension", "", ["9:401.1"]),
        ("V72.0^Check", "", []),
        ("E849.0^At home", "", []),
        ("4011^Hypertension", "", []),
        ("DIABETES^Diabetes", "", []),
        # a label alone that ends with a code in brackets
        ("^Low back pain [M54.50]", "", ["10:M54.50"]),
        ("^Hypertension [I10]^I10", "", ["10:I10"]),
        ("^Flu [H1N1]", "", []),
        ("^Check [V70.0]", "", []),
        ("4711^Low back pain [M54.50]", "", []),
        # dots where ICD needs them, upper case
        ("E6601^Obesity^I10", "", ["10:E66.01"]),
        ("e66.01^Obesity^I10", "", ["10:E66.01"]),
        ("I10^Hypertension^I10", "", ["10:I10"]),
        ("S72001A^Fracture^I10", "", ["10:S72.001A"]),
        ("4011^Hypertension^I9", "", ["9:401.1"]),
        ("25000^Diabetes^I9", "", ["9:250.00"]),
        ("E8490^At home^I9", "", ["9:E849.0"]),
        ("V5867^Insulin^I9", "", ["9:V58.67"]),
        ("401^Hypertension^I9", "", ["9:401"]),
        ("ASTHMA^Asthma^I10", "", []),
        ("Back pain^Back pain^I10", "", []),
        ("44054006^Diabetes^I10", "", []),
        ("E11.9^Diabetes^SCT", "", []),
        # a code of no use
        ("E11;9^Diabetes^I10", "", []),
        (".^Diabetes^I10", "", []),
    ],
)
def test_a_code_goes_to_the_list_of_its_system(story, code, f2, found):
    answer = story().book(dg1(code, f2))
    assert (problems(answer), answer["decision"]) == (found, "post")
    assert found or any(entry["source"].startswith("DG1-3") and entry["why"] for entry in answer["left_out"])


@pytest.mark.parametrize(
    ("default", "code", "found"),
    [("ICD9", "4011", "9:401.1"), ("ICD10", "E6601", "10:E66.01"), ("SNOMED", "44054006", "S:44054006")],
)
def test_the_site_may_say_what_an_undeclared_code_is(story, default, code, found):
    answer = story(default_problem_system=default).book(dg1(f"{code}^Hypertension"))
    assert problems(answer) == [found]


@pytest.mark.parametrize(
    ("code", "f4", "label"),
    [
        ("E11.9^Diabetes \\T\\ more <50%^I10", "Other", "Diabetes & more <50%"),
        ("E11.9^^I10^44054006^Sugar^IMO", "Other", "Sugar"),
        ("E11.9^^I10", "Sugar diabetes", "Sugar diabetes"),
        ("E11.9^^I10", "", "E11.9"),
    ],
)
def test_a_label_is_as_sent(story, code, f4, label):
    (entry,) = story().book(dg1(code, f4=f4))["request"]["activeIcd10Diagnoses"]
    assert entry == {"code": "E11.9", "displayName": label}


@pytest.mark.parametrize(
    ("code", "source"), [("E11.9^^I10^^Sugar^", "DG1-3.5"), ("^Sugar^^E11.9^^I10", "DG1-3.2")]
)
def test_a_text_that_is_the_label_of_the_other_coding_is_not_left_out(story, code, source):
    answer = story().book(dg1(code))
    (field,) = [entry for entry in answer["fields"] if entry["field"].endswith("displayName")]
    assert (field["value"], field["source"]) == ("Sugar", source)
    assert answer["left_out"] == []


def test_the_code_in_brackets_is_not_part_of_the_label(story):
    answer = story().book(dg1("^Low back pain [M54.50]"))
    assert answer["request"]["activeIcd10Diagnoses"] == [{"code": "M54.50", "displayName": "Low back pain"}]
    assert {f["source"] for f in answer["fields"] if "Diagnoses" in f["field"]} == {"DG1-3.2"}
    assert answer["left_out"] == []


def test_a_diagnosis_without_a_code_is_left_out_and_said(story):
    answer = story().book(dg1("", f4="Sugar diabetes"))
    assert problems(answer) == []
    assert any("no code" in entry["why"] for entry in answer["left_out"])


def test_a_code_in_the_place_of_the_label_is_said_to_be_in_the_wrong_field(story):
    answer = story().book(dg1("", f4="R63.4^Loss of weight^I10"))
    assert problems(answer) == []
    said = [(entry["source"], entry["value"], entry["why"]) for entry in answer["left_out"]]
    assert ("DG1-4", "R63.4", "DG1-3 has no code, and a label alone is no diagnosis") in said


@pytest.mark.parametrize("segment", [dg1("Sugar diabetes"), "PRB|AD|20260301|Sugar diabetes"])
def test_text_in_the_place_of_a_code_is_called_text(story, segment):
    told = story()
    answer = told.tell("PPR^PC1", told.PID, segment)
    assert [entry["why"] for entry in answer["left_out"]] == ["text where a code belongs"]
    assert problems(told.book()) == []


@pytest.mark.parametrize(
    ("sent", "date"),
    [("20240105", "2024-01-05"), ("202401050930-0600", "2024-01-05"), ("2024", None), ("", None)],
)
def test_the_date_is_dg1_5(story, sent, date):
    answer = story().book(dg1(date=sent))
    assert answer["request"]["activeIcd10Diagnoses"][0].get("date") == date
    assert any(entry["source"] == "DG1-5" for entry in answer["left_out"]) == (sent == "2024")


@pytest.mark.parametrize("kind", ["A", "W", "F", ""])
def test_a_type_is_no_status(story, kind):
    assert problems(story().book(dg1(f6=kind))) == ["10:E11.9"]


class TestSnapshot:
    @pytest.fixture
    def told(self, story):
        told = story()
        told.tell("ADT^A01", told.PID, visit("V1"), dg1("E11.9^D^I10"), dg1("J45.909^A^I10"))
        told.tell("ADT^A01", told.PID, visit("V2"), dg1("I10^H^I10"))
        return told

    @pytest.mark.parametrize(
        ("kind", "number", "codes", "found"),
        [
            ("ADT^A08", "V1", ["J45.909"], {"I10", "J45.909"}),
            ("ADT^A08", "V1", ["K21.9"], {"I10", "K21.9"}),
            ("ADT^A08", "V2", ["K21.9"], {"E11.9", "J45.909", "K21.9"}),
            ("ADT^A08", "V3", ["K21.9"], {"E11.9", "J45.909", "I10", "K21.9"}),
            ("ADT^A08", "", ["K21.9"], {"E11.9", "J45.909", "I10", "K21.9"}),
            ("ADT^A08", "V1", [], {"E11.9", "J45.909", "I10"}),
            ("SIU^S14", "V1", ["K21.9"], {"E11.9", "J45.909", "I10", "K21.9"}),
            ("ADT^A03", "V1", ["J45.909"], {"I10", "J45.909"}),
        ],
    )
    def test_an_admissions_list_replaces_what_its_visit_said(self, told, kind, number, codes, found):
        told.tell(kind, "SCH||F9", told.PID, visit(number), *(dg1(f"{code}^X^I10") for code in codes))
        assert {code.split(":")[1] for code in problems(told.book())} == found

    @pytest.mark.parametrize(
        ("action", "found"),
        [("A", {"E11.9", "J45.909", "I10"}), ("U", {"E11.9", "J45.909", "I10"}), ("D", {"J45.909", "I10"})],
    )
    def test_with_action_codes_it_changes_one_by_one(self, told, action, found):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("E11.9^D^I10", action=action))
        assert {code.split(":")[1] for code in problems(told.book())} == found

    def test_what_another_visit_says_too_stays(self, told):
        told.tell("ADT^A08", told.PID, visit("V2"), dg1("I10^H^I10"), dg1("E11.9^D^I10"))
        told.tell("ADT^A08", told.PID, visit("V2"), dg1("I10^H^I10"))
        assert {code.split(":")[1] for code in problems(told.book())} == {"E11.9", "J45.909", "I10"}

    def test_an_older_list_replaces_nothing(self, told):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("K21.9^X^I10"), at="202603020700")
        assert {code.split(":")[1] for code in problems(told.book())} == {"E11.9", "J45.909", "I10"}


@pytest.mark.parametrize(
    ("dates", "earliest"),
    [
        (("20240105", "20230101"), "2023-01-01"),
        (("20230101", "20240105"), "2023-01-01"),
        (("20230101", ""), "2023-01-01"),
    ],
)
@pytest.mark.parametrize("number", ["", "V1"])
def test_the_same_code_is_sent_once_with_its_earliest_date(story, dates, earliest, number):
    told = story()
    told.tell("SIU^S12", "SCH||F9", told.PID, dg1("E119^D^I10", date=dates[0]))
    answer = told.book(visit(number), dg1("e11.9^D^I10C", date=dates[1]))
    assert [(e["code"], e["date"]) for e in answer["request"]["activeIcd10Diagnoses"]] == [
        ("E11.9", earliest)
    ]


class TestAge:
    @pytest.mark.parametrize(
        ("days", "past", "sent"), [(730, 730, True), (730, 731, False), (0, 9000, True), (30, 31, False)]
    )
    def test_a_visits_diagnosis_stops_being_active(self, story, days, past, sent):
        told = story(visit_diagnosis_days=days)
        told.tell("ADT^A01", told.PID, visit("V1"), dg1())
        told.now += timedelta(days=past)
        stamp = told.now.strftime("%Y%m%d%H%M%S")
        answer = told.book(at=stamp, start=stamp)
        assert problems(answer) == (["10:E11.9"] if sent else [])
        assert any(f"not seen for {days} days" in entry["why"] for entry in answer["left_out"]) == (not sent)

    def test_unless_it_is_seen_again(self, story):
        told = story()
        told.tell("ADT^A01", told.PID, visit("V1"), dg1())
        told.now += timedelta(days=700)
        told.tell("ADT^A01", told.PID, visit("V2"), dg1(), at=told.now.strftime("%Y%m%d%H%M%S"))
        told.now += timedelta(days=700)
        stamp = told.now.strftime("%Y%m%d%H%M%S")
        assert problems(told.book(at=stamp, start=stamp)) == ["10:E11.9"]


class TestConfidential:
    def test_a_confidential_diagnosis_is_left_out_with_the_reason(self, story):
        answer = story().book(dg1(f18="Y"), dg1("J45^Asthma^I10", f18="N"))
        assert problems(answer) == ["10:J45"]
        assert [(e["value"], e["why"]) for e in answer["left_out"]] == [
            ("E11.9", "confidential: DG1-18 is Y")
        ]

    def test_also_when_it_was_known_before(self, story):
        told = story()
        told.book(dg1())
        assert problems(told.book(dg1(f18="Y"), kind="SIU^S14")) == []

    @pytest.mark.parametrize("confidential", [("Y", "N"), ("N", "Y"), ("", "Y"), ("Y", "")])
    def test_of_two_words_in_one_message_the_one_that_withholds_counts(self, story, confidential):
        assert problems(story().book(*[dg1(f18=word) for word in confidential])) == []

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_another_code_of_the_same_diagnosis_does_not_tell_it(self, story, order):
        """Whichever comes first, the two codes or the mark at one of them."""
        told = story()
        for place in order:
            told.tell("ADT^A08", told.PID, visit(f"V{place}"), (dg1(TWO_CODES), dg1(f18="Y"))[place])
        answer = told.book()
        assert problems(answer) == []
        assert [(e["value"], e["why"]) for e in answer["left_out"]] == [
            ("44054006", "confidential: it was coded together with what a message withheld")
        ]
        assert "44054006" not in str(shown(told.chart, told.engine.book, told.engine.policy, told.now.date()))

    @pytest.mark.parametrize(
        ("released", "left"),
        [
            ("E11.9^Diabetes^I10", ["10:E11.9", "S:44054006"]),
            ("44054006^Diabetes^SCT", ["S:44054006"]),
            ("44054006^Diabetes^SCT^E11.9^Diabetes^I10", ["10:E11.9", "S:44054006"]),
        ],
    )
    def test_a_release_counts_for_the_codes_it_names(self, story, released, left):
        told = story()
        told.tell("ADT^A08", told.PID, dg1(TWO_CODES))
        told.tell("ADT^A08", told.PID, dg1(f18="Y"))
        told.tell("ADT^A08", told.PID, dg1(released, f18="N"))
        assert problems(told.book()) == left

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
    def test_nor_does_a_code_of_that_code(self, story, order):
        """E11.9 was sent with 44054006, that with 250.00: all three are one diagnosis."""
        told = story()
        said = [dg1(TWO_CODES), dg1("44054006^D^SCT^250.00^D^I9"), dg1(f18="Y")]
        for place in order:
            told.tell("ADT^A08", told.PID, visit(f"V{place}"), said[place])
        answer = told.book()
        assert problems(answer) == []
        assert {e["value"] for e in answer["left_out"]} == {"44054006", "250.00"}

    @pytest.mark.parametrize("version", [1, 2])
    def test_nor_does_one_that_a_code_without_a_list_stands_beside(self, story, version):
        """The sender's own term (IMO) says that both are one diagnosis."""
        told = story(api_version=version)
        told.tell("ADT^A08", told.PID, dg1("8123^HTN^IMO^I10^HTN^I10", f18="Y"))
        told.tell("ADT^A08", told.PID, dg1("8123^HTN^IMO^401.1^HTN^I9"))
        answer = told.book(dg1())
        shared = answer["request"].get("diagnoses") or answer["request"]["activeIcd10Diagnoses"]
        assert [entry["code"] for entry in shared] == ["E11.9"]
        assert "activeIcd9Diagnoses" not in answer["request"]

    @pytest.mark.parametrize("version", [1, 2])
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_nor_does_one_whose_code_without_a_list_was_confidential_alone(self, story, version, order):
        told = story(api_version=version)
        said = [dg1("8123^HTN^IMO", f18="Y"), dg1("8123^HTN^IMO^I10^HTN^I10")]
        for place in order:
            told.tell("ADT^A08", told.PID, visit(f"V{place}"), said[place])

        def shared(answer):
            request = answer["request"]
            return {e["code"] for e in request.get("diagnoses") or request["activeIcd10Diagnoses"]} & {
                "I10",
                "E11.9",
            }

        assert shared(told.book(dg1())) == {"E11.9"}
        told.tell("ADT^A08", told.PID, visit("V3"), dg1("8123^HTN^IMO", f18="N"))
        assert shared(told.book(kind="SIU^S13", start="20260311093000")) == {"E11.9", "I10"}

    def test_a_code_that_was_released_tells_nothing_of_those_behind_it(self, story):
        told = story()
        for said in (dg1(TWO_CODES), dg1("44054006^D^SCT^250.00^D^I9"), dg1(f18="Y")):
            told.tell("ADT^A08", told.PID, said)
        told.tell("ADT^A08", told.PID, dg1("44054006^D^SCT", f18="N"))
        assert problems(told.book()) == ["9:250.00", "S:44054006"]

    def test_a_release_counts_for_all_that_names_the_code(self, story):
        told = story()
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(TWO_CODES, date="20190505"))
        told.tell("ADT^A08", told.PID, visit("V2"), dg1(f18="Y"))
        told.tell("ADT^A08", told.PID, visit("V3"), dg1("44054006^D^SCT", f18="N"))
        (found,) = told.book()["request"]["activeSnomedDiagnoses"]
        assert found["date"] == "2019-05-05"

    def test_a_visits_number_takes_it_under_its_other_code_too(self, story):
        told = story()
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(f20="D1", action="A"))
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("E11.65^D^I10", f18="Y", f20="D1", action="U"))
        assert problems(told.book()) == []
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("E13.9^D^I10", f20="D1", action="U"))
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("J45^Asthma^I10", f20="D2", action="A"))
        assert problems(told.book(key="F2")) == ["10:J45"]


def test_problems_of_earlier_messages_are_in_the_booking(story):
    told = story()
    told.tell("ADT^A28", told.PID, dg1())
    told.tell("RDE^O11", told.PID, dg1("401.1^H^I9"))
    assert problems(told.book(dg1("44054006^D^SCT"))) == ["10:E11.9", "9:401.1", "S:44054006"]


@pytest.mark.parametrize(
    ("sent", "date"),
    [
        ("20260302", "2026-03-02"),
        ("20260303235959", "2026-03-03"),
        ("20260304", None),
        ("20990101", None),
        ("99991231", None),
    ],
)
def test_a_day_to_come_is_no_onset(story, sent, date):
    answer = story().book(dg1(date=sent))
    assert answer["request"]["activeIcd10Diagnoses"][0].get("date") == date
    assert left(answer) == ([("DG1-5", sent, "DG1-5 lies in the future")] if date is None else [])


def test_nor_does_it_take_the_place_of_a_day_that_is_known(story):
    told = story()
    told.tell("ADT^A08", told.PID, visit("V1"), dg1(date="20200101"))
    told.tell("ADT^A08", told.PID, visit("V1"), dg1(date="20990101"))
    assert told.book()["request"]["activeIcd10Diagnoses"][0]["date"] == "2020-01-01"
