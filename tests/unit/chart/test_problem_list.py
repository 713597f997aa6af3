"""The problem list (PRB of PPR, PGL, PPP, PTR): what is active, what ended it, and what never comes back."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from telling import booked, left, problems, segment, visit

from interface.chart.standing import standing

DIABETES, ASTHMA = "E119^Diabetes^I10", "J45.909^Asthma^I10"


def prb(action="AD", code=DIABETES, instance="", **fields):
    parts = ["PRB", action, "20260301", code, instance] + [""] * 24
    for name, text in fields.items():
        parts[int(name[1:])] = text
    return "|".join(parts).rstrip("|")


def dg1(code=DIABETES, date="", action=""):
    return f"DG1|1||{code}||{date}|{'|' * 14}|{action}"


@pytest.mark.parametrize(
    "kind",
    ["PPR^PC1", "PPR^PC2", "PGL^PC6", "PGL^PC7", "PPP^PCB", "PTR^PCF", "ADT^A08", "ADT^A31", "RDE^O11"],
)
def test_a_problem_list_comes_with_any_message_that_is_charted(told, kind):
    answer = told.tell(kind, told.PID, prb(f16="20200105"))
    assert answer["decision"] == "chart"
    answer = booked(told)
    assert answer["request"]["activeIcd10Diagnoses"] == [
        {"code": "E11.9", "displayName": "Diabetes", "date": "2020-01-05"}
    ]
    assert {(e["source"], e["rule"]) for e in answer["fields"] if e["field"].startswith("active")} == {
        ("M1:PRB-3.1", "problems.yaml#problem"),
        ("M1:PRB-3.2", "problems.yaml#problem"),
        ("M1:PRB-16", "problems.yaml#problem_date"),
    }


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"f16": "20190505", "f7": "20200101"}, "2019-05-05"),
        ({"f16": "20200101", "f7": "20190505"}, "2020-01-01"),
        ({"f7": "200603150625"}, "2006-03-15"),
        ({"f2": "20260101"}, None),
        ({"f16": "20990101"}, None),
        ({"f16": "20990101", "f7": "20200101"}, "2020-01-01"),
    ],
)
def test_the_date_is_prb_16_then_prb_7(told, fields, date):
    told.tell("PPR^PC1", told.PID, prb(**fields))
    assert booked(told)["request"]["activeIcd10Diagnoses"][0].get("date") == date


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        *(({"f13": text}, "PRB-13") for text in ("Refuted", "ruled out", "410516002^Absent^SCT")),
        *(
            ({"f14": text}, "PRB-14")
            for text in ("Resolved", "INACTIVE", "413322009^Resolved^SCT", "In Remission")
        ),
        *(({"f9": text}, "PRB-9") for text in ("20260301", "202602", "2025", "20260302120000")),
        ({"f13": "C1^Ruled Out"}, "PRB-13.2"),
        ({"f13": "Confirmed", "f14": "Resolved"}, "PRB-14"),
        ({"f13": "Refuted", "f14": "Active"}, "PRB-13"),
    ],
)
def test_a_problem_that_is_not_active_is_left_out_and_kept_with_what_said_so(told, fields, source):
    answer = told.tell("PPR^PC1", told.PID, prb(**fields))
    assert ("PRB-3.1", "E11.9", f"no longer active: {source} says so") in left(answer)
    answer = booked(told)
    assert problems(answer) == []
    assert ("M1:PRB-3.1", "E11.9", f"no longer active: {source} says so") in left(answer)
    (kept,) = told.chart.problems
    judged = standing(kept, told.now.date(), 730)
    assert (kept.active, judged.active, judged.source, judged.message) == (False, False, source, "M1")


@pytest.mark.parametrize(
    "fields",
    [
        *({"f13": text} for text in ("ACTIVE", "Confirmed", "Provisional", "Suspected")),
        *({"f14": text} for text in ("Active", "Chronic", "55561003^Active^SCT", "Recurrence")),
        {"f9": ""},
        {"f9": '""'},
        {"f8": "20200101"},
    ],
)
def test_all_else_is_active(told, fields):
    assert problems(told.tell("PPR^PC1", told.PID, prb(**fields)) and booked(told)) == ["10:E11.9"]


def test_an_unknown_status_is_said_and_ends_nothing(told):
    answer = told.tell("PPR^PC1", told.PID, prb(f14="Whatever"))
    assert ("PRB-14", "Whatever", "table problem_status has no such code") in left(answer)
    assert problems(booked(told)) == ["10:E11.9"]


def test_a_resolution_to_come_ends_the_problem_on_its_day(told):
    told.tell("PPR^PC1", told.PID, prb(f9="20260305"))
    assert problems(booked(told)) == ["10:E11.9"]
    told.now += timedelta(days=3)
    assert problems(booked(told)) == []


class TestLife:
    @pytest.mark.parametrize(
        ("action", "codes"),
        [
            *((action, []) for action in ("DE", "delete", "D")),
            *((action, ["10:E11.9"]) for action in ("AD", "UP", "CO", "UC", "LI", "UN", "", "A", "U")),
        ],
    )
    @pytest.mark.parametrize("instance", ["", "77^EHR"])
    def test_the_action_changes_a_known_problem(self, told, action, codes, instance):
        told.tell("PPR^PC1", told.PID, prb(instance=instance))
        answer = told.tell("PPR^PC2", told.PID, prb(action, instance=instance))
        assert problems(booked(told)) == codes
        assert (("PRB-3.1", "E11.9", "deleted: PRB-1 says so") in left(answer)) == (not codes)

    @pytest.mark.parametrize("action", ["UP", "CO", "UC", "LI", "UN", ""])
    def test_what_is_not_known_is_added_whatever_the_action(self, told, action):
        told.tell("PPR^PC2", told.PID, prb(action))
        assert problems(booked(told)) == ["10:E11.9"]

    def test_an_unknown_action_takes_nothing_and_is_said(self, told):
        answer = told.tell("PPR^PC1", told.PID, prb("CE"))
        assert ("PRB-1", "CE", "table problem_actions has no such code") in left(answer)
        assert problems(booked(told)) == []
        told.tell("PPR^PC1", told.PID, prb())
        told.tell("PPR^PC1", told.PID, prb("CE", f14="Resolved"))
        assert problems(booked(told)) == ["10:E11.9"]

    @pytest.mark.parametrize(
        ("second", "codes"),
        [
            (prb("UP", f14="Active"), ["10:E11.9"]),
            (prb("AD"), ["10:E11.9"]),
            (prb("UP"), []),
            (prb("UC"), []),
            (prb("UP", f13="Confirmed"), ["10:E11.9"]),
        ],
    )
    def test_an_ended_problem_stays_so_until_something_says_that_it_is_active(self, told, second, codes):
        told.tell("PPR^PC1", told.PID, prb(f14="Resolved", f16="20200101"))
        told.tell("PPR^PC2", told.PID, second)
        assert problems(booked(told)) == codes

    @pytest.mark.parametrize("end", [prb("DE"), prb("UP", f14="Resolved"), prb("UP", f13="Entered in error")])
    def test_nothing_older_brings_back_what_has_ended(self, told, end):
        told.tell("PPR^PC2", told.PID, end, at="202603020900")
        told.tell("PPR^PC1", told.PID, prb(), at="202603020800")
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(), at="202603020815")
        assert problems(booked(told, at="202603021000")) == []
        told.tell("ADT^A08", told.PID, visit("V2"), dg1(), at="202603021001")
        assert problems(booked(told, at="202603021002")) == ["10:E11.9"]

    @pytest.mark.parametrize("end", [prb("DE"), prb("UP", f14="Resolved"), prb("UP", f13="Refuted")])
    def test_the_list_speaks_for_what_visits_said_before(self, told, end):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1())
        told.tell("PPR^PC2", told.PID, end)
        assert problems(booked(told)) == []

    def test_an_older_end_ends_nothing_newer(self, told):
        told.tell("PPR^PC1", told.PID, prb(), at="202603020900")
        told.tell("PPR^PC3", told.PID, prb("DE"), at="202603020800")
        assert problems(booked(told, at="202603021000")) == ["10:E11.9"]

    @pytest.mark.parametrize(
        "end", [prb("UP", f14="Resolved"), prb("UP", f9="20260201"), prb("UP", f13="Refuted"), prb("DE")]
    )
    @pytest.mark.parametrize("action", ["UP", "CO", "UC", "LI", ""])
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_an_end_counts_in_any_order_where_the_newer_says_nothing_of_the_state(
        self, story, end, action, order
    ):
        told = story(api_version=2)
        said = [("202603020800", end), ("202603020900", prb(action))]
        for place in order:
            told.tell("PPR^PC1", told.PID, said[place][1], at=said[place][0])
        expected = [] if end == prb("DE") else [("E11.9", False)]
        diagnoses = booked(told, at="202603021000")["request"].get("diagnoses", [])
        assert [(entry["code"], entry["active"]) for entry in diagnoses] == expected

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (2, 0, 1), (1, 2, 0)])
    @pytest.mark.parametrize(
        "said",
        [
            (prb("UP", f14="Resolved"), prb("AD"), prb("UP")),
            (prb("DE"), prb("UP", f14="Active"), prb("LI")),
        ],
    )
    def test_so_does_what_makes_it_active_after_that(self, told, said, order):
        for place in order:
            told.tell("PPR^PC1", told.PID, said[place], at=f"20260302080{place}")
        assert problems(booked(told, at="202603021000")) == ["10:E11.9"]

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (2, 0, 1), (1, 2, 0)])
    def test_what_a_visit_says_after_the_end_is_active_whatever_the_list_repeats(self, told, order):
        told_of = [
            ("PPR^PC1", prb("UP", f14="Resolved")),
            ("ADT^A08", visit("V1"), dg1()),
            ("PPR^PC1", prb("UC")),
        ]
        for place in order:
            kind, *segments = told_of[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        assert problems(booked(told, at="202603021000")) == ["10:E11.9"]

    def test_a_problem_coded_anew_under_its_number_has_one_code(self, told):
        told.tell("PPR^PC1", told.PID, prb(code=ASTHMA, instance="5"), prb(instance="6"))
        told.tell("PPR^PC2", told.PID, prb("CO", code="J44.9^COPD^I10^13645005^COPD^SCT", instance="5"))
        assert problems(booked(told)) == ["10:E11.9", "10:J44.9", "S:13645005"]

    def test_an_older_recoding_takes_no_newer_code_out(self, told):
        told.tell("PPR^PC2", told.PID, prb("CO", code="J44.9^COPD^I10", instance="5"), at="202603020900")
        told.tell("PPR^PC1", told.PID, prb(code=ASTHMA, instance="5"), at="202603020800")
        assert "10:J44.9" in problems(booked(told, at="202603021000"))

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
    def test_what_ended_the_code_of_before_counts_for_visits_though_it_comes_late(self, told, order):
        said = [
            ("ADT^A08", dg1()),
            ("PPR^PC2", prb("UP", instance="5", f14="Resolved")),
            ("PPR^PC2", prb("UP", code=ASTHMA, instance="5", f14="Active")),
        ]
        for place in order:
            kind, *segments = said[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        assert problems(booked(told, at="202603020900")) == ["10:J45.909"]

    def test_the_code_of_before_does_not_come_back_late(self, told):
        recoded = prb("CO", code="J44.9^COPD^I10", instance="5")
        told.tell("PPR^PC2", told.PID, recoded, at="202603020900")
        late = told.tell("PPR^PC1", told.PID, prb(code=ASTHMA, instance="5"), at="202603020800")
        assert [why for _, _, why in left(late)] == ["a newer message has coded this problem otherwise"]
        assert problems(booked(told, at="202603021000")) == ["10:J44.9"]

    @pytest.mark.parametrize(
        "end", [prb("DE", instance="5"), prb("UP", instance="5", f13="Entered in error")]
    )
    @pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1), (0, 2, 1)])
    def test_deleted_under_one_code_it_is_gone_under_the_others_of_its_number(self, told, end, order):
        """Also as visits said it before; what a visit says since counts."""
        told_of = [
            ("ADT^A08", visit("V1"), dg1(ASTHMA)),
            ("PPR^PC1", prb(code=ASTHMA, instance="5")),
            ("PPR^PC2", end),
        ]
        for place in order:
            kind, *segments = told_of[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        assert problems(booked(told, at="202603021000")) == []
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(ASTHMA), at="202603021100")
        assert problems(booked(told, at="202603021200")) == ["10:J45.909"]

    @pytest.mark.parametrize("end", [prb("UP", instance="5", f14="Resolved"), prb("DE", instance="5")])
    @pytest.mark.parametrize(
        ("later", "found"),
        [
            (prb("UP", ASTHMA, "5"), []),
            (prb("UP", f"{DIABETES}^44054006^D^SCT", "5"), []),
            (prb("UP", ASTHMA, "5", f14="Active"), ["10:J45.909"]),
            (prb("AD", ASTHMA, "5"), ["10:J45.909"]),
            (prb("UP", ASTHMA, "6"), ["10:J45.909"]),
        ],
    )
    def test_a_problem_that_has_ended_keeps_its_end_under_another_code(self, told, end, later, found):
        told.tell("PPR^PC1", told.PID, prb(instance="5"))
        told.tell("PPR^PC2", told.PID, end)
        told.tell("PPR^PC2", told.PID, later)
        assert problems(booked(told)) == found

    @pytest.mark.parametrize(
        ("first", "end", "again"),
        [
            (
                ("PPR^PC1", prb(f16="20100101")),
                ("PPR^PC3", prb("DE", f16="20110101")),
                ("PPR^PC1", prb(f16="20200101")),
            ),
            (
                ("ADT^A08", visit("V1"), dg1(date="20100101", action="A")),
                ("ADT^A08", visit("V1"), dg1(date="20110101", action="D")),
                ("ADT^A08", visit("V1"), dg1(date="20200101", action="A")),
            ),
            (
                ("ADT^A08", visit("V1"), dg1(date="20100101", action="A")),
                ("ADT^A08", visit("V1"), dg1(date="20110101", action="D")),
                ("ADT^A08", visit("V1"), dg1(date="20200101")),
            ),
        ],
    )
    @pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
    def test_the_date_of_what_was_deleted_is_not_that_of_what_is_stated_anew(
        self, told, first, end, again, order
    ):
        for place in order:
            kind, *segments = (first, end, again)[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        (found,) = booked(told, at="202603021000")["request"]["activeIcd10Diagnoses"]
        assert found["date"] == "2020-01-01"

    def test_the_same_code_twice_in_the_list_is_active_while_one_is(self, told):
        told.tell("PPR^PC1", told.PID, prb(instance="5"), prb(instance="6"))
        told.tell("PPR^PC2", told.PID, prb("UP", instance="5", f14="Resolved"))
        assert problems(booked(told)) == ["10:E11.9"]
        told.tell("PPR^PC2", told.PID, prb("UP", instance="6", f14="Resolved"))
        assert problems(booked(told)) == []

    def test_a_number_without_a_code_still_ends_its_problem(self, told):
        told.tell("PPR^PC1", told.PID, prb(instance="5"))
        told.tell("PPR^PC2", told.PID, prb("UP", code="77^Sugar^IMO", instance="5", f14="Resolved"))
        assert problems(booked(told)) == []

    @pytest.mark.parametrize(("action", "date"), [("UP", "2020-01-01"), ("CO", "2021-01-01")])
    def test_the_earliest_date_stays_unless_it_is_corrected(self, told, action, date):
        told.tell("PPR^PC1", told.PID, prb(f16="20200101"))
        told.tell("PPR^PC2", told.PID, prb(action, f16="20210101"))
        assert booked(told)["request"]["activeIcd10Diagnoses"][0]["date"] == date


@pytest.mark.parametrize(
    ("second", "third", "codes"),
    [
        ({"f14": "Resolved"}, {"f9": "20270101"}, []),
        ({"f14": "Resolved"}, {"f9": '""'}, []),
        ({"action": "DE"}, {"f9": "20270101"}, []),
        ({"f9": "20260101"}, {"f9": "20270101"}, ["10:E11.9"]),
        ({"f9": "20260101"}, {"f9": '""'}, ["10:E11.9"]),
        ({"f9": "20270101"}, {"f14": "Resolved"}, []),
        ({"f14": "Resolved"}, {"action": "AD", "f9": "20270101"}, ["10:E11.9"]),
    ],
)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_day_on_which_it_ends_opens_no_problem_again_but_one_that_a_day_had_ended(
    told, second, third, codes, order
):
    said = [prb(), *(prb(**{"action": "UP", **fields}) for fields in (second, third))]
    for place in order:
        told.tell("PPR^PC2", told.PID, said[place], at=f"20260302080{place}")
    assert problems(booked(told, at="202603020900")) == codes


@pytest.mark.parametrize("action", ["LI", "UN", "UC"])
@pytest.mark.parametrize(
    "stated", [{"f14": "Resolved"}, {"f13": "Refuted"}, {"f9": "20260101"}, {"f25": "R"}]
)
def test_what_names_a_known_problem_counts_by_what_it_states_of_it(told, action, stated):
    told.tell("PPR^PC1", told.PID, prb())
    told.tell("PPR^PC2", told.PID, prb(action, **stated))
    assert problems(booked(told)) == []
    told.tell("PPR^PC2", told.PID, prb(action))
    assert problems(booked(told)) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_a_day_to_come_stays_though_newer_news_say_nothing_of_it(told, order):
    said = [prb(), prb("UP", f9="20260401"), prb("UP")]
    for place in order:
        told.tell("PPR^PC2", told.PID, said[place], at=f"20260302080{place}")
    (entry,) = told.chart.problems
    assert standing(entry, told.now.date(), 0).active
    assert not standing(entry, told.now.date() + timedelta(days=30), 0).active


class TestConfidential:
    @pytest.mark.parametrize("text", ["V", "R", "Sensitive", "HIV", "anything else"])
    def test_prb_25_withholds(self, told, text):
        told.tell("PPR^PC1", told.PID, prb(code=ASTHMA))
        answer = told.tell("PPR^PC1", told.PID, prb(f25=text), prb(code=ASTHMA, f25="U"))
        assert ("PRB-3.1", "E11.9", "confidential: PRB-25 says so") in left(answer)
        assert problems(booked(told)) == ["10:J45.909"]

    @pytest.mark.parametrize(
        ("newer", "codes"),
        [
            (("ADT^A08", visit("V1"), dg1()), []),
            (("ADT^A08", visit("V2"), dg1()), []),
            (("SIU^S14", "SCH||F7", dg1()), []),
            (("PPR^PC1", prb()), []),
            (("PPR^PC1", prb(instance="8")), []),
            (("PPR^PC1", prb(f25="U")), ["10:E11.9"]),
            (("ADT^A08", visit("V1"), segment(dg1(), f18="N")), ["10:E11.9"]),
        ],
    )
    @pytest.mark.parametrize(
        "withholds",
        [("ADT^A08", visit("V1"), segment(dg1(), f18="Y")), ("PPR^PC1", prb(instance="5", f25="R"))],
    )
    def test_nothing_newer_that_came_before_releases_it_but_the_word_of_the_sender(
        self, told, withholds, newer, codes
    ):
        told.tell(newer[0], told.PID, *newer[1:], at="202603020900")
        told.tell(withholds[0], told.PID, *withholds[1:], at="202603020800")
        assert problems(booked(told, at="202603021000")) == codes

    def test_a_release_counts_for_what_came_before_it_alone(self, told):
        told.tell("PPR^PC1", told.PID, prb(f25="U"), at="202603020700")
        told.tell("PPR^PC1", told.PID, prb(), at="202603020900")
        told.tell("PPR^PC1", told.PID, prb(f25="R"), at="202603020800")
        assert problems(booked(told, at="202603021000")) == []

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
    @pytest.mark.parametrize("end", [prb("DE"), prb("UP", f13="Entered in error"), dg1(action="D")])
    def test_taking_it_off_the_list_releases_nothing(self, told, end, order):
        told_of = [("PPR^PC1", prb(f25="R")), ("PPR^PC2", end), ("ADT^A08", visit("V1"), dg1())]
        for place in order:
            kind, *segments = told_of[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        assert problems(booked(told, at="202603021000")) == []

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    @pytest.mark.parametrize("marked", [0, 1])
    def test_a_problem_that_is_coded_anew_stays_confidential(self, told, marked, order):
        said = [prb(instance="5"), prb("UP", code="44054006^D^SCT", instance="5")]
        said[marked] = segment(said[marked], f25="R")
        for place in order:
            told.tell("PPR^PC1", told.PID, said[place], at=f"20260302080{place}")
        assert problems(booked(told, at="202603021000")) == []
        told.tell("PPR^PC2", told.PID, prb("UP", code=ASTHMA, instance="5", f25="U"), at="202603021100")
        assert problems(booked(told, at="202603021200")) == ["10:J45.909"]

    def test_another_problem_with_the_number_of_a_visits_diagnosis_is_not_confidential(self, told):
        told.tell("ADT^A08", told.PID, visit("V1"), segment(dg1(), f18="Y", f20="5", f21="A"))
        told.tell("PPR^PC1", told.PID, prb(code=ASTHMA, instance="5"))
        assert problems(booked(told)) == ["10:J45.909"]

    def test_it_stays_withheld_until_the_sender_releases_it(self, told):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1())
        told.tell("PPR^PC1", told.PID, prb(f25="R"))
        answer = told.tell("ADT^A08", told.PID, visit("V1"), dg1())
        assert any("withheld" in why for _, _, why in left(answer))
        assert problems(booked(told)) == []
        told.tell("PPR^PC1", told.PID, prb("UP", f25="U"))
        assert problems(booked(told)) == ["10:E11.9"]


class TestMerge:
    """What two charts of one person say becomes one: the newer statement counts."""

    @pytest.mark.parametrize(
        ("first", "second", "codes"),
        [
            (prb(), prb("UP", f14="Resolved"), []),
            (prb("UP", f14="Resolved"), prb(), ["10:E11.9"]),
            (prb(), prb("DE"), []),
            (dg1(), prb("UP", f14="Resolved"), []),
            (prb("UP", f14="Resolved"), dg1(), ["10:E11.9"]),
            (prb(f25="R"), dg1(), []),
            (dg1(), prb(f25="R"), []),
            (prb("UP", f14="Resolved"), prb("UP"), []),
            (prb("DE"), prb("LI"), []),
        ],
    )
    @pytest.mark.parametrize("swapped", [False, True])
    def test_ends_and_problems_of_both_charts(self, told, first, second, codes, swapped):
        own, other = told.PID, told.pid(f3="T2^^^LFC^MR")
        charts = (other, own) if swapped else (own, other)
        told.tell("ADT^A08", charts[0], first, at="202603020800")
        told.tell("ADT^A08", charts[1], second, at="202603020801")
        told.tell("ADT^A40", own, "MRG|T2^^^LFC^MR", at="202603020802")
        assert problems(booked(told, at="202603020803")) == codes

    @pytest.mark.parametrize(
        ("first", "second", "codes"),
        [
            ({}, {"action": "UP"}, ["10:J45.909"]),
            ({}, {"action": "DE"}, []),
            ({}, {"action": "UP", "f14": "Resolved"}, []),
            ({"f14": "Resolved"}, {"action": "UP"}, []),
            ({"f14": "Resolved"}, {"action": "AD"}, ["10:J45.909"]),
            ({"action": "DE"}, {"action": "UP"}, []),
            ({"f25": "R"}, {"action": "UP"}, []),
            ({}, {"action": "UP", "f25": "R"}, []),
            ({"f25": "R"}, {"action": "UP", "f25": "U"}, ["10:J45.909"]),
        ],
    )
    @pytest.mark.parametrize("under", ["TT", "TO", "OT"])
    def test_a_problem_that_was_coded_anew_under_the_other_number_is_one(
        self, told, first, second, codes, under
    ):
        """As it is where both were told under one number."""
        persons = {"T": told.PID, "O": told.pid(f3="T2^^^LFC^MR")}
        number = {"instance": "5^LIST"}
        told.tell("PPR^PC1", persons[under[0]], prb(**number, **first), at="202603020800")
        told.tell("PPR^PC2", persons[under[1]], prb(code=ASTHMA, **number, **second), at="202603020801")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
        assert problems(booked(told, at="202603020803")) == codes

    @pytest.mark.parametrize("newer", [prb("UP"), prb("LI", f9="20270101")])
    @pytest.mark.parametrize("swapped", [False, True])
    def test_an_end_counts_for_what_visits_said_under_the_other_number(self, told, newer, swapped):
        own, other = told.PID, told.pid(f3="T2^^^LFC^MR")
        charts = (other, own) if swapped else (own, other)
        told.tell("ADT^A08", charts[0], visit("V1"), dg1(), at="202603020800")
        told.tell("PPR^PC2", charts[1], prb("UP", f14="Resolved"), at="202603020801")
        told.tell("PPR^PC2", charts[0], newer, at="202603020802")
        told.tell("ADT^A40", own, "MRG|T2^^^LFC^MR", at="202603020803")
        assert problems(booked(told, at="202603020804")) == []

    @pytest.mark.parametrize("under", ["TT", "TO", "OT"])
    def test_what_was_deleted_under_the_other_number_is_so_in_a_second_code_that_came_since(
        self, told, under
    ):
        persons = {"T": told.PID, "O": told.pid(f3="T2^^^LFC^MR")}
        both = prb("UC", code="E119^Diabetes^I10^44054006^Diabetes^SCT", instance="5^LIST")
        told.tell("PPR^PC1", persons[under[0]], prb("DE", instance="5^LIST"), at="202603020801")
        told.tell("PPR^PC2", persons[under[1]], both, at="202603020802")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020803")
        assert problems(booked(told, at="202603020804")) == []

    @pytest.mark.parametrize("under", ["TT", "TO", "OT"])
    def test_a_day_to_come_takes_the_place_of_one_that_the_other_number_was_ended_by(self, told, under):
        persons = {"T": told.PID, "O": told.pid(f3="T2^^^LFC^MR")}
        told.tell("PPR^PC2", persons[under[0]], prb("UP", f9="20260101"), at="202603020801")
        told.tell("PPR^PC2", persons[under[1]], prb("UP", f9="20270101"), at="202603020802")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020803")
        assert problems(booked(told, at="202603020804")) == ["10:E11.9"]

    @pytest.mark.parametrize("under", ["TT", "TO", "OT"])
    def test_what_was_ended_under_the_other_number_is_so_in_a_second_code_that_came_since(self, told, under):
        persons = {"T": told.PID, "O": told.pid(f3="T2^^^LFC^MR")}
        both = prb("UP", code="E119^Diabetes^I10^44054006^Diabetes^SCT", instance="5^LIST")
        told.tell("PPR^PC1", persons[under[0]], prb(instance="5^LIST", f14="Resolved"), at="202603020801")
        told.tell("PPR^PC2", persons[under[1]], both, at="202603020802")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020803")
        assert problems(booked(told, at="202603020804")) == []

    def test_a_number_of_which_the_charts_withhold_all_from_each_other(self, told):
        for person, listed, confidential in (
            (told.PID, DIABETES, ASTHMA),
            (told.pid(f3="T2^^^LFC^MR"), ASTHMA, DIABETES),
        ):
            told.tell("PPR^PC1", person, prb(code=listed, instance="5^LIST"))
            told.tell("ADT^A08", person, segment(dg1(confidential), f18="Y"))
        answer = told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR")
        assert [reason["code"] for reason in answer["reasons"]] == ["merged"]
        assert problems(booked(told)) == []

    def test_a_number_that_does_not_say_whose_it_is_may_be_of_two_problems(self, told):
        """Each record may have been counted by itself: none of its problems is lost."""
        told.tell("PPR^PC1", told.PID, prb(instance="1"), at="202603020800")
        told.tell("PPR^PC1", told.pid(f3="T2^^^LFC^MR"), prb(code=ASTHMA, instance="1"), at="202603020801")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
        assert problems(booked(told, at="202603020803")) == ["10:E11.9", "10:J45.909"]

    @pytest.mark.parametrize("swapped", [False, True])
    def test_of_a_visit_that_both_know_the_newer_list_is_the_list(self, told, swapped):
        own, other = told.PID, told.pid(f3="T2^^^LFC^MR")
        charts = (other, own) if swapped else (own, other)
        told.tell("ADT^A01", charts[0], visit("V1"), dg1(), at="202603020800")
        told.tell("ADT^A01", charts[0], visit("V2"), dg1("I10^H^I10"), at="202603020800")
        told.tell("ADT^A08", charts[1], visit("V1"), dg1(ASTHMA), at="202603020801")
        told.tell("ADT^A40", own, "MRG|T2^^^LFC^MR", at="202603020802")
        assert set(problems(booked(told, at="202603020803"))) == {"10:J45.909", "10:I10"}

    @pytest.mark.parametrize("swapped", [False, True])
    def test_a_dispense_in_one_opens_nothing_that_has_ended_in_the_other(self, told, swapped):
        own, other = told.PID, told.pid(f3="T2^^^LFC^MR")
        charts = (other, own) if swapped else (own, other)
        drug = "860975^metformin^RXNORM"
        told.tell("RDE^O11", charts[0], "ORC|DC|P1", f"RXE||{drug}", at="202603020800")
        told.tell("RDS^O13", charts[1], "ORC|RE|P1", f"RXD|1|{drug}|20260301|1", at="202603020801")
        told.tell("ADT^A40", own, "MRG|T2^^^LFC^MR", at="202603020802")
        assert booked(told, at="202603020803")["request"]["medications"][0]["active"] is False

    @pytest.mark.parametrize(("mark", "found"), [("", [False]), ("V", [])])
    @pytest.mark.parametrize("swapped", [False, True])
    def test_an_order_keeps_the_numbers_of_both(self, told, mark, found, swapped):
        own, other = told.PID, told.pid(f3="T2^^^LFC^MR")
        charts = (other, own) if swapped else (own, other)
        drug = "860975^metformin^RXNORM"
        first = f"ORC|NW|P1{'|' * 26}{mark}".rstrip("|")
        told.tell("RDE^O11", charts[0], first, f"RXE||{drug}", at="202603020800")
        told.tell("RDE^O11", charts[1], "ORC|XO|P1|F1", f"RXE||{drug}", at="202603020759")
        told.tell("ADT^A40", own, "MRG|T2^^^LFC^MR", at="202603020802")
        told.tell("RDE^O11", own, "ORC|DC||F1", f"RXE||{drug}", at="202603020803")
        medications = booked(told, at="202603020804")["request"].get("medications", [])
        assert [entry["active"] for entry in medications] == found

    def test_a_discharge_comes_along(self, told):
        order = ["ORC|NW|P1" + "|" * 27 + "I", "RXE||860975^metformin^RXNORM"]
        told.tell("RDE^O11", told.PID, *order, at="202603020800")
        told.tell("ADT^A03", told.pid(f3="T2^^^LFC^MR"), "PV1|1|I", at="202603020801")
        told.tell("ADT^A40", told.PID, "MRG|T2^^^LFC^MR", at="202603020802")
        assert booked(told, at="202603020803")["request"]["medications"][0]["active"] is False


class TestAge:
    def test_a_problem_of_the_list_never_grows_old(self, told):
        told.tell("PPR^PC1", told.PID, prb())
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(ASTHMA))
        told.now += timedelta(days=4000)
        assert problems(booked(told, at=told.now.strftime("%Y%m%d%H%M%S"))) == ["10:E11.9"]


class TestDiagnoses:
    @pytest.mark.parametrize(("number", "codes"), [("V1", ["10:E11.9"]), ("", [])])
    def test_a_visit_deletes_what_it_said_itself(self, told, number, codes):
        told.tell("ADT^A01", told.PID, visit("V1"), dg1())
        told.tell("ADT^A01", told.PID, visit("V2"), dg1())
        told.tell("ADT^A08", told.PID, visit(number) if number else "", dg1(action="D"))
        assert problems(booked(told)) == codes
        told.tell("ADT^A08", told.PID, visit("V2"), dg1(action="D"))
        assert problems(booked(told)) == []

    @pytest.mark.parametrize(
        ("named", "codes"),
        [("5^E", ["10:J45.909"]), ("7^E", ["10:E11.9", "10:J45.909"]), ("", ["10:E11.9", "10:J45.909"])],
    )
    def test_it_deletes_by_the_diagnosis_number_alone(self, told, named, codes):
        first, second = (segment(dg1(), f20="5^E", f21="A"), segment(dg1(ASTHMA), f20="6^E", f21="A"))
        told.tell("ADT^A01", told.PID, visit("V1"), first, second)
        answer = told.tell("ADT^A08", told.PID, visit("V1"), segment("DG1|1", f20=named, f21="D"))
        assert problems(booked(told)) == codes
        said = [("M1:DG1-3.1", "E11.9", "deleted: DG1-21 says so")]
        assert left(answer) == (said if named == "5^E" else [])

    def test_a_diagnosis_number_is_one_of_its_visit(self, told):
        told.tell("ADT^A01", told.PID, visit("V1"), segment(dg1(), f20="5^E", f21="A"))
        told.tell("ADT^A01", told.PID, visit("V2"), segment(dg1(ASTHMA), f20="5^E", f21="A"))
        told.tell("PPR^PC1", told.PID, prb(code="K21.9^Reflux^I10", instance="5^E"))
        told.tell("ADT^A08", told.PID, visit("V1"), segment("DG1|1", f20="5^E", f21="D"))
        assert problems(booked(told)) == ["10:J45.909", "10:K21.9"]
        told.tell("PPR^PC3", told.PID, prb("DE", code="", instance="5^E"))
        assert problems(booked(told)) == ["10:J45.909"]

    def test_it_withholds_by_the_diagnosis_number_alone(self, told):
        told.tell("ADT^A01", told.PID, visit("V1"), segment(dg1(), f20="5^E", f21="A"))
        answer = told.tell("ADT^A08", told.PID, visit("V1"), segment("DG1|1", f18="Y", f20="5^E", f21="U"))
        assert problems(booked(told)) == []
        assert left(answer) == [("M1:DG1-3.1", "E11.9", "confidential: DG1-18 is Y")]

    def test_but_not_what_the_problem_list_says(self, told):
        told.tell("PPR^PC1", told.PID, prb())
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(action="D"))
        assert problems(booked(told)) == ["10:E11.9"]

    def test_a_list_replaces_diagnoses_of_its_visit_and_no_problems(self, told):
        told.tell("ADT^A01", told.PID, visit("V1"), dg1(), prb(code=ASTHMA))
        told.tell("ADT^A08", told.PID, visit("V1"), dg1("K21.9^Reflux^I10"))
        assert problems(booked(told)) == ["10:J45.909", "10:K21.9"]

    @pytest.mark.parametrize(("action", "codes"), [("D", ["10:J45.909"]), ("A", ["10:E11.9", "10:J45.909"])])
    def test_a_list_that_comes_late_takes_nothing_newer_out(self, told, action, codes):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(action=action), at="202603020900")
        listed = (dg1(), dg1(ASTHMA)) if action == "D" else (dg1(ASTHMA),)
        told.tell("ADT^A08", told.PID, visit("V1"), *listed, at="202603020800")
        assert problems(booked(told, at="202603021000")) == codes

    @pytest.mark.parametrize(
        "late",
        [
            ("ADT^A08", visit("V1"), dg1(ASTHMA, action="A")),
            ("ADT^A08", visit("V1"), dg1(ASTHMA, action="U")),
            ("SIU^S14", "SCH||F7", visit("V1"), dg1(ASTHMA)),
        ],
    )
    def test_nor_brings_back_what_the_whole_list_no_longer_has(self, told, late):
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(), at="202603020900")
        kind, *segments = late
        told.tell(kind, told.PID, *segments, at="202603020800")
        assert problems(booked(told, at="202603021000")) == ["10:E11.9"]

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_what_a_visit_deletes_of_no_visit_stays_deleted_whatever_list_of_the_visit_comes_when(
        self, told, order
    ):
        said = [
            ("ADT^A28", dg1()),
            ("ADT^A08", visit("V1"), dg1(action="D")),
            ("ADT^A31", visit("V1"), dg1(ASTHMA)),
        ]
        for place in order:
            kind, *segments = said[place]
            told.tell(kind, told.PID, *segments, at=f"20260302080{place}")
        assert problems(booked(told, at="202603020900")) == ["10:J45.909"]

    @pytest.mark.parametrize("second", ["20240201", ""])
    def test_what_is_listed_again_keeps_its_earliest_date(self, told, second):
        told.tell("ADT^A01", told.PID, visit("V1"), dg1(date="20240105"))
        told.tell("ADT^A08", told.PID, visit("V1"), dg1(date=second))
        assert booked(told)["request"]["activeIcd10Diagnoses"][0]["date"] == "2024-01-05"

    @pytest.mark.parametrize(("segment", "codes"), [("DG1|1", ["10:E11.9"]), ('DG1|1||""', [])])
    def test_an_empty_segment_is_no_list_and_null_is_an_empty_one(self, told, segment, codes):
        told.tell("ADT^A01", told.PID, visit("V1"), dg1())
        told.tell("ADT^A08", told.PID, visit("V1"), segment)
        assert problems(booked(told)) == codes

    @pytest.mark.parametrize(("action", "codes"), [("X", ["10:E11.9"]), ("Q", [])])
    def test_no_change_says_that_it_is_there_and_an_unknown_code_nothing(self, told, action, codes):
        answer = told.tell("ADT^A08", told.PID, visit("V1"), dg1(action=action))
        assert problems(booked(told)) == codes
        assert (("DG1-21", "Q", "table segment_actions has no such code") in left(answer)) == (not codes)

    @pytest.mark.parametrize(
        ("wanted", "codes"), [((), ["A", "F", ""]), (("F",), ["F", ""]), (("f", "W"), ["F", ""])]
    )
    def test_a_site_may_take_some_types_only(self, story, wanted, codes):
        told = story(diagnosis_types=wanted)
        kinds = {"A": "E11.9", "F": "J45", "": "K21.9"}
        answer = told.book(*(f"DG1|1||{code}^X^I10|||{kind}" for kind, code in kinds.items()))
        assert problems(answer) == [f"10:{kinds[kind]}" for kind in codes]
        assert any("diagnosis_types" in why for _, _, why in left(answer)) == bool(wanted)

    def test_a_third_coding_and_systems_by_oid(self, told):
        answer = told.book(
            "DG1|1||4^Sugar^IMO^^^^^^As written^E11.9^Diabetes^I10",
            "DG1|2||J45^Asthma^^^^^^^^^^^^2.16.840.1.113883.6.90",
            "DG1|3||401.1^HT^URN:OID:2.16.840.1.113883.6.103",
        )
        assert problems(answer) == ["10:E11.9", "10:J45", "9:401.1"]

    def test_the_original_text_is_the_label_where_there_is_no_other(self, told):
        (entry,) = told.book("DG1|1||E11.9^^I10^^^^^^Sugar")["request"]["activeIcd10Diagnoses"]
        assert entry["displayName"] == "Sugar"


def test_the_delete_event_deletes_a_problem_that_says_no_action_itself(told):
    told.tell("PPR^PC1", told.PID, prb(instance="P1"), prb(code=ASTHMA, instance="P2"))
    answer = told.tell("PPR^PC3", told.PID, prb("", instance="P1"), prb("UP", code=ASTHMA, instance="P2"))
    assert left(answer) == [("PRB-3.1", "E11.9", "deleted: MSH-9.2 says so")]
    assert problems(booked(told)) == ["10:J45.909"]


def test_a_problem_in_words_is_left_out_at_the_component_that_has_them(told):
    answer = told.tell("PPR^PC1", told.PID, prb(code="^Low back pain"))
    assert left(answer) == [("PRB-3.2", "Low back pain", "no code")]


def test_a_list_with_an_ended_problem_that_comes_again_leaves_the_order_as_it_was(told):
    """Else every booking after it would differ from the last one, and be posted again."""
    segments = (
        prb(),
        prb(f3="I10^Hypertension^I10", f4="2^L", f14="Resolved"),
        prb(f3="J45.40^Asthma^I10", f4="3^L"),
    )
    told.tell("PPR^PC1", told.PID, *segments, at="202603020801")
    before = [problem.code for problem in told.chart.problems]
    told.tell("PPR^PC1", told.PID, *segments, at="202603020802")
    assert [problem.code for problem in told.chart.problems] == before
