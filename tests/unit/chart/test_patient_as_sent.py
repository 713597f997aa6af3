"""Sex, addresses and numbers as real senders write them."""

from __future__ import annotations

import pytest
from telling import patient


@pytest.mark.parametrize(
    ("pid8", "gender", "source"),
    [
        ("^Female", "FEMALE", "PID-8.2"),
        ("7^Male^LOCAL", "MALE", "PID-8.2"),
        ("NON BINARY", "OTHER", "PID-8"),
        ("Non-Binary", "OTHER", "PID-8"),
        ("not specified", "UNKNOWN", "PID-8"),
    ],
)
def test_a_sex_in_words(story, pid8, gender, source):
    answer, found = patient(story, f8=pid8)
    assert (found["gender"], answer["left_out"], answer["said"]) == (gender, [], [])
    assert [f["source"] for f in answer["fields"] if f["field"] == "patient.gender"] == [source]


def test_a_doubt_about_the_sex_is_no_sex(story):
    answer, found = patient(story, f8="F?")
    assert (found["gender"], [e["value"] for e in answer["left_out"]]) == ("UNKNOWN", ["F?"])


def test_a_birth_date_of_zeros_is_held_as_what_it_is(story):
    answer, _ = patient(story, f7="00000000")
    assert "PID-7 is all zeros" in answer["reasons"][0]["text"]


class TestAddress:
    @pytest.mark.parametrize(
        ("state", "letters"),
        [
            *(("N.Y.", "NY"), ("n. y.", "NY"), ("Washington, D.C.", "DC"), ("District of Columbia", "DC")),
            *(("Wis.", "WI"), ("Mich.", "MI"), ("west virginia", "WV"), ("W. Va.", "WV"), ("guam", "GU")),
            *(("U.S. Virgin Islands", "VI"), ("Armed Forces Pacific", "AP"), ("AE", "AE"), ("Ontario", None)),
        ],
    )
    def test_a_state_in_whatever_spelling(self, story, state, letters):
        answer, found = patient(story, f11=f"1 Way^^Town^{state}^53703")
        assert found["address"].get("state") == letters
        assert bool(answer["left_out"]) == (letters is None)

    @pytest.mark.parametrize(
        ("xad5", "taken"),
        [
            *(("53703-1234", "53703"), ("537031234", "53703"), ("53703 1234", "53703"), ("53703-", "53703")),
            *(("53703-12", "53703"), ("53703–1234", "53703"), ("00501", "00501")),
            *(
                ("537031", None),
                ("5370", None),
                ("53703-12345", None),
                ("53703-1234-5", None),
                ("K1A 0B1", None),
            ),
        ],
    )
    def test_a_zip_is_the_first_five_digits_of_a_us_zip(self, story, xad5, taken):
        answer, found = patient(story, f11=f"1 Way^^Town^WI^{xad5}")
        assert (found["address"].get("zip"), answer["decision"]) == (taken, "post" if taken else "hold")

    @pytest.mark.parametrize(
        "country", ["US", "usa", "U.S.A.", "United States", "840", "PR", "PRI", "Guam", "FSM"]
    )
    def test_the_united_states_by_whatever_name(self, story, country):
        assert patient(story, f11=f"1 Way^^Town^WI^53703^{country}")[0]["decision"] == "post"

    @pytest.mark.parametrize(
        ("country", "named"),
        [
            *(
                ("CAN", "CAN (Canada)"),
                ("Canada", "is Canada"),
                ("mexico", "is Mexico"),
                ("DE", "DE (Germany)"),
            ),
            *(("England", "is United Kingdom"), ("Dane County", "a country that no table knows")),
        ],
    )
    def test_another_country_is_named(self, story, country, named):
        answer, found = patient(story, f11=f"1 Way^^Town^WI^53703^{country}")
        assert (answer["decision"], "zip" in found["address"]) == ("hold", False)
        assert named in answer["reasons"][0]["text"]
        assert "Dane" not in answer["reasons"][0]["text"]

    @pytest.mark.parametrize(
        ("xad1", "line", "left_out"),
        [
            ("12 Birch Ln&Birch Ln&12", "12 Birch Ln", []),
            ("&Birch Ln&12", "12 Birch Ln", []),
            ("12 Birch & Main", "12 Birch & Main", []),
            ("1000&Hospital Lane", "1000", ["PID-11.1.2"]),
        ],
    )
    def test_a_street_in_parts(self, story, xad1, line, left_out):
        answer, found = patient(story, f11=f"{xad1}^^Town^WI^53703")
        assert found["address"]["lines"] == [line]
        assert [entry["source"] for entry in answer["left_out"]] == left_out

    def test_a_bare_ampersand_in_a_city_is_text(self, story):
        _, found = patient(story, f11="1 Way^^Truth & Consequences^NM^87901")
        assert found["address"]["city"] == "Truth & Consequences"

    @pytest.mark.parametrize("kind", ["Home", "CURRENT", "mailing", "Permanent"])
    def test_a_type_in_words(self, story, kind):
        assert patient(story, f11=f"1 Way^^Town^WI^53703^^{kind}")[0]["decision"] == "post"

    @pytest.mark.parametrize(("kind", "known"), [("BILLING", True), ("TM", True), ("V", True), ("QQ", False)])
    def test_an_address_that_is_not_the_home_is_said(self, story, kind, known):
        answer, _ = patient(story, f11=f"1 Way^^Town^WI^53703^^{kind}")
        assert answer["decision"] == "hold"
        assert [e["source"] for e in answer["left_out"]] == (["PID-11"] if known else ["PID-11.7", "PID-11"])

    def test_one_without_a_us_zip_that_another_takes_the_place_of_is_said(self, story):
        answer, found = patient(story, f11="1 Weg^^Berlin^^10115^DE^H~2 Mail^^Town^WI^53704^^M")
        assert found["address"]["lines"] == ["2 Mail"]
        assert [(e["source"], "Germany" in e["why"]) for e in answer["left_out"]] == [("PID-11", True)]


class TestContactPoints:
    @pytest.mark.parametrize(
        ("sent", "value", "use"),
        [
            # extensions and remarks as people write them
            ("608-555-0142 Ext: 12", "6085550142", "HOME"),
            ("608-555-0142, 12", "6085550142", "HOME"),
            ("608-555-0142 call after 5", "6085550142", "HOME"),
            ("Cell: 608-555-0142", "6085550142", "HOME"),
            ("tel:+1-608-555-0142", "6085550142", "HOME"),
            # the first of XTN.12, XTN.6+7 and XTN.1 that is a number
            ("(608)555-0142^PRN^PH^^^^^^^^^unknown", "6085550142", "HOME"),
            ("(608)555-0142^PRN^PH^^^^0100", "6085550142", "HOME"),
            ("^PRN^PH^^USA^608^5550142", "6085550142", "HOME"),
            # another country's keeps its code
            ("+44 20 7946 0958", "+442079460958", "HOME"),
            ("011 44 20 7946 0958", "+442079460958", "HOME"),
            ("^PRN^PH^^44^20^79460958", "+442079460958", "HOME"),
            ("^PRN^PH^^0044^20^79460958", "+442079460958", "HOME"),
            ("^PRN^PH^^0^608^5550142", "6085550142", "HOME"),
            ("^PRN^PH^^001^608^5550142", "6085550142", "HOME"),
            # codes in words
            ("6085550142^HOME", "6085550142", "HOME"),
            ("6085550142^Work Phone", "6085550142", "WORK"),
            ("6085550142^CELL", "6085550142", "MOBILE"),
            ("6085550142^^Mobile", "6085550142", "MOBILE"),
            ("6085550142^PRN^SAT", "6085550142", "HOME"),
            ("mailto:robin@example.org^NET^Internet", "robin@example.org", "HOME"),
            ("^WPN^E-Mail^robin@example.org", "robin@example.org", "WORK"),
        ],
    )
    def test_one_point(self, story, sent, value, use):
        answer, found = patient(story, f13=sent)
        assert [(p["value"], p["contactPointUse"]) for p in found["contactPoints"]] == [(value, use)]
        assert answer["left_out"] == []

    @pytest.mark.parametrize(
        ("sent", "source", "why"),
        [
            ("555-0142", "PID-13.1", "area code"),
            ("1-800-FLOWERS", "PID-13.1", "not a telephone number"),
            ("999-999-9999", "PID-13.1", "one digit throughout"),
            ("60855501421", "PID-13.1", "not ten digits"),
            ("6085550142^PRN^TTY", "PID-13.1", "teletypewriter"),
            ("6085550142^FAX", "PID-13.1", "fax"),
            ("6085550142^^Pager", "PID-13.1", "beeper"),
            ("^NET^X.400^robin@example.org", "PID-13.4", "X.400"),
            ("^EMR^PH^^^608^5550142", "PID-13.7", "emergency"),
        ],
    )
    def test_what_is_left_out_says_why(self, story, sent, source, why):
        answer, found = patient(story, f13=sent)
        assert "contactPoints" not in found
        assert [(entry["source"], why in entry["why"]) for entry in answer["left_out"]] == [(source, True)]

    def test_codes_that_no_table_knows_are_said_and_the_number_is_sent(self, story):
        answer, found = patient(story, f13="6085550142^QQ^RR")
        assert found["contactPoints"][0]["contactPointUse"] == "HOME"
        assert [entry["source"] for entry in answer["left_out"]] == ["PID-13.2", "PID-13.3"]

    def test_nothing_stands_twice_over_all_fields(self, story):
        _, found = patient(
            story,
            f13="(608)555-0142^PRN^CP~^NET^Internet^Robin@example.org~robin@EXAMPLE.org",
            f14="(608)555-0143",
            f40="^PRS^CP^^1^608^5550142~^WPN^PH^^1^608^5550143~Robin@example.org^NET^Internet",
        )
        assert [p["value"].casefold() for p in found["contactPoints"]] == [
            "6085550142", "robin@example.org", "6085550143"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "sent", "gone"),
    [
        ("f5", '""^""', "name"),
        ("f11", '""^""^""^""^""', "address"),
        ("f13", '""^PRN^PH', "contactPoints"),
        # nothing in it says nothing
        ("f5", "^^^^^^L", ""),
        ("f5", "^", ""),
        ("f11", "^^^^^^H", ""),
        ("f13", "^PRN^PH", ""),
    ],
)
def test_null_in_every_part_deletes_and_emptiness_does_not(story, field, sent, gone):
    told = story()
    told.tell("ADT^A28", told.PID)
    found = told.book(pid=told.pid(**{field: sent}))["request"]["patient"]
    assert {"name", "address", "contactPoints"} - set(found) == ({gone} if gone else set())


def test_a_null_number_beside_an_address_deletes_nothing(story):
    _, found = patient(story, f13='""^NET^Internet^robin@example.org')
    assert [point["value"] for point in found["contactPoints"]] == ["robin@example.org"]


def test_a_country_that_no_table_knows_is_said(story):
    answer, _ = patient(story, f11="1 Way^^Town^WI^53703^Dane County")
    assert [entry["source"] for entry in answer["left_out"]] == ["PID-11.5", "PID-11.6"]
