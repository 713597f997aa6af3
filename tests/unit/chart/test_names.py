"""Which of a patient's names is sent, and how names in one text are read."""

from __future__ import annotations

import pytest


def named(story, pid5):
    told = story()
    answer = told.book(pid=told.pid(f5=pid5))
    return answer, answer["request"]["patient"].get("name")


@pytest.mark.parametrize(
    ("pid5", "family", "given"),
    [
        # HL7 table 0465: alphabetic, none, ideographic, phonetic; the type (XPN.7) counts before it
        ("山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P~Yamada^Taro^^^^^L^A", "Yamada", "Taro"),
        ("ヤマダ^タロウ^^^^^L^P~山田^太郎^^^^^L^I", "山田", "太郎"),
        ("山田^太郎^^^^^L^I~Yamada^Taro^^^^^L", "Yamada", "Taro"),
        ("Yamada^Taro^^^^^D^A~山田^太郎^^^^^L^I", "山田", "太郎"),
        ("ヤマダ^タロウ^^^^^^P", "ヤマダ", "タロウ"),
        # types in words
        ("Doe^Jane^^^^^PREVIOUS~Roe^Jane^^^^^CURRENT", "Roe", "Jane"),
        ("Doe^Jane^^^^^Maiden~Roe^Jane^^^^^Legal", "Roe", "Jane"),
        # the first that has a family and a given name
        ("Josh^^Stanley^^^^L~Everyman^Adam^^^^^D", "Everyman", "Adam"),
        ("^^^^^^L~Sample^Robin", "Sample", "Robin"),
    ],
)
def test_the_name_that_is_sent(story, pid5, family, given):
    answer, name = named(story, pid5)
    assert answer["decision"] == "post"
    assert (name["family"], name["given"][0]) == (family, given)


@pytest.mark.parametrize(
    "kind", ["A", "M", "N", "BAD", "F", "K", "MSK", "NAV", "NOUSE", "P", "R", "REL", "S"]
)
def test_a_name_of_another_or_of_nobody_is_never_sent(story, kind):
    answer, name = named(story, f"Other^Olga^^^^^{kind}")
    assert (answer["decision"], name) == ("hold", None)
    assert [entry["source"] for entry in answer["left_out"]] == ["PID-5"]
    assert "Other" not in answer["reasons"][0]["text"]


@pytest.mark.parametrize("kind", ["L", "", "B", "C", "D", "I", "NB", "T", "TEMP", "U"])
def test_all_other_types_are_sent_where_there_is_no_better(story, kind):
    assert named(story, f"Sample^Robin^^^^^{kind}")[0]["decision"] == "post"


def test_a_type_that_no_table_knows_is_said(story):
    answer, name = named(story, "Sample^Robin^^^^^QQ")
    assert name["family"] == "Sample"
    assert [(e["source"], e["value"]) for e in answer["left_out"]] == [("PID-5.7", "QQ")]


def test_names_that_are_not_sent_are_said(story):
    answer, _ = named(story, "Sample^Robin^^^^^L~Sample^Bobby^^^^^D~Roe^Robin^^^^^M")
    assert [entry["source"] for entry in answer["left_out"]] == ["PID-5[3]", "PID-5[2]"]


@pytest.mark.parametrize(
    ("pid5", "name"),
    [
        ("ANDERSON,CARL", {"family": "ANDERSON", "given": ["CARL"]}),
        ("ANDERSON, CARL^^JAMES", {"family": "ANDERSON", "given": ["CARL", "JAMES"]}),
        ("ANDERSON,CARL,JR", {"family": "ANDERSON", "given": ["CARL"], "suffix": "JR"}),
        ("ANDERSON,CARL JAMES III", {"family": "ANDERSON", "given": ["CARL JAMES"], "suffix": "III"}),
        ("ANDERSON JR.,CARL", {"family": "ANDERSON", "given": ["CARL"], "suffix": "JR."}),
        ("Smith, Jr^John", {"family": "Smith", "given": ["John"], "suffix": "Jr"}),
        ("ALI,MD", {"family": "ALI", "given": ["MD"]}),
        ("SMITH,JOHN,MD", {"family": "SMITH", "given": ["JOHN"]}),
        ("SMITH,JOHN,JR,M.D.", {"family": "SMITH", "given": ["JOHN"], "suffix": "JR"}),
        ("SMITH,JOHN,III,PhD", {"family": "SMITH", "given": ["JOHN"], "suffix": "III"}),
        ("LE,VAN,DO", {"family": "LE", "given": ["VAN DO"]}),
        ("Smith, Jones^John", {"family": "Smith, Jones", "given": ["John"]}),
        ("SMITH,JR,JOHN", {"family": "SMITH", "given": ["JOHN"], "suffix": "JR"}),
        ("ANDERSON,CARL^J", {"family": "ANDERSON", "given": ["CARL", "J"]}),
        ("ANDERSON,CARL^J.^LEE", {"family": "ANDERSON", "given": ["CARL", "J.", "LEE"]}),
        ("ANDERSON,CARL^Carl^J", {"family": "ANDERSON", "given": ["Carl", "J"]}),
    ],
)
def test_a_name_in_one_component_is_split_at_its_comma(story, pid5, name):
    assert named(story, pid5)[1] == name


@pytest.mark.parametrize("pid5", ["ANDERSON,", "Sample^^Lee", "Sample^<>^Lee"])
def test_a_middle_name_never_takes_the_place_of_the_given_name(story, pid5):
    answer, name = named(story, pid5)
    assert (answer["decision"], "given" in name) == ("hold", False)
    assert "PID-5.2 is empty" in answer["reasons"][0]["text"]


@pytest.mark.parametrize(
    ("later", "decision"), [("Sample", "post"), ("Sample^^Lee", "post"), ('Sample^""', "hold")]
)
def test_half_a_name_takes_the_place_of_a_whole_one_only_where_the_rest_is_deleted(story, later, decision):
    told = story()
    told.tell("ADT^A28", told.PID)
    assert told.book(pid=told.pid(f5=later))["decision"] == decision


def test_two_given_names_that_are_equal_keep_their_sources(story):
    answer, _ = named(story, "Sample^A^A")
    sources = {entry["field"]: entry["source"] for entry in answer["fields"]}
    assert (sources["patient.name.given[0]"], sources["patient.name.given[1]"]) == ("PID-5.2", "PID-5.3")


@pytest.mark.parametrize(("pid5", "said"), [("Sample^Mary  Jo", []), ("Sample^Mary;Jo", ["PID-5.2"])])
def test_a_repair_is_said_but_not_that_blanks_were_many(story, pid5, said):
    answer, name = named(story, pid5)
    assert name["given"] == ["Mary Jo"]
    assert [text.split(":")[0] for text in answer["said"]] == said
