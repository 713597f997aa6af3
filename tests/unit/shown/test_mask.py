"""`explain --mask`: nothing that tells who somebody is leaves, whatever was sent; what helps stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from corpus import FILES, needs_corpus
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interface.chart.decide import Engine
from interface.cli.samples import load_samples
from interface.hl7.batch import messages_in_file
from interface.rules import Policy, load_rulebook
from interface.rules.policy import RequestDefaults
from interface.services.explaining import as_json, departures, explain
from interface.shown.mask import Mask, shape

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

# PID fields that say who somebody is, and those of their components that are codes or somebody else's
IDENTIFYING = (2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 18, 19, 20, 21, 40)
NOT_HIS = {
    2: (4, 5),
    3: (4, 5, 6),
    4: (4, 5),
    5: (5, 6, 7),
    11: (4, 6, 7),
    13: (2, 3),
    14: (2, 3),
    18: (4, 5),
    40: (2, 3),
}
OURS = ("field", "rule", "release", "code", "decision", "type", "where")
"""Keys of an answer with words of the program alone."""


def masked(
    messages: list[bytes], policy: Policy | None = None, *, strict: bool = False
) -> list[dict[str, Any]]:
    explained = explain(Engine(load_rulebook(), policy or Policy()), messages, NOW)
    answers = [
        as_json(*entry, departures(raw) if strict else None)
        for entry, raw in zip(explained, messages, strict=True)
    ]
    return Mask(messages).answers(answers)


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Every text of an answer that a message could have a part in."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from texts(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part, key)
    elif key == "source":
        yield str(value).rpartition(":")[0]
    elif key not in OURS and value is not None and not isinstance(value, bool):
        yield str(value)


def identities(raw: bytes) -> set[str]:
    """What PID says of the person, read by the simplest means: the standard's delimiters, no escapes."""
    found: set[str] = set()
    for line in re.split(r"[\r\n]+", raw.decode("utf-8", "replace")):
        parts = line.strip().split("|")
        if parts[0] != "PID":
            continue
        for number in IDENTIFYING:
            for repetition in parts[number].split("~") if number < len(parts) else ():
                for place, component in enumerate(repetition.split("^"), 1):
                    if place not in NOT_HIS.get(number, ()):
                        found.update(part.strip() for part in component.split("&"))
    return {text for text in found if len(text) >= 3 and shape(text) != text and "\\" not in text}


def leaks(answers: list[dict[str, Any]], persons: set[str]) -> list[str]:
    said = "\n".join(texts(answers))
    return [text for text in persons if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said)]


def test_the_samples_keep_nothing_of_anybody() -> None:
    messages = [sample.message for sample in load_samples()]
    persons = set().union(*map(identities, messages))
    plain = [as_json(*entry) for entry in explain(Engine(load_rulebook(), Policy()), messages, NOW)]
    assert len(leaks(plain, persons)) > 20  # what is looked for is there without the mask
    assert leaks(masked(messages, strict=True), persons) == []


@needs_corpus
def test_the_corpus_keeps_nothing_of_anybody() -> None:
    for file in FILES:
        data = file.read_bytes()
        messages = messages_in_file(data) or [data]
        persons = set().union(*map(identities, messages))
        assert leaks(masked(messages), persons) == [], file.name


WORDS = (
    st.text(
        st.sampled_from("abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWYZ0123456789 -'éüł山"), min_size=3
    )
    .map(str.strip)
    .filter(lambda text: len(text) > 5 and shape(text) != text and "  " not in text)
)


@settings(max_examples=60)
@given(family=WORDS, given_name=WORDS, number=WORDS, street=WORDS, phone=WORDS, place=st.integers(0, 9))
@example("Quillfeather", "Avery", "I10777", "E66.01", "197806", 3)
def test_whatever_somebody_is_called_it_is_hidden_wherever_it_stands(
    family: str, given_name: str, number: str, street: str, phone: str, place: int
) -> None:
    """The name turns up as a coding system, a drug, a unit, a clinic, a message type … as well."""
    values = [""] * 10
    values[place] = family
    raw = "\r".join(
        (
            f"MSH|^~\\&|{values[0]}|{values[1]}|R|R|20260302||SIU^S12|C77{number}|P|2.5.1",
            "SCH||F1|||||||||^^^20260310",
            f"PID|1||{number}^^^LFC^MR||{family}^{given_name}||19700131|F|||{street}^^Madison^WI^53703||{phone}^PRN^PH",
            f"DG1|1||E66.01^{values[2]}^{values[3]}|{values[4]}",
            f"AIP|1||1234567893^{family}^{given_name}^^^^^^^^^^NPI|ATND",
            f"AIL|1||{values[5]}",
            "ORC|NW|O1",
            f"RXE|{values[6]}|{number}^{values[7]}^RXNORM|1||{values[8]}|{values[9]}",
        )
    ).encode()
    answers = masked([raw])
    assert leaks(answers, {family, given_name, number, street, phone, f"C77{number}"}) == []
    assert "2026-03-10" not in json.dumps(answers)


def test_what_helps_stays() -> None:
    stories = [sample for sample in load_samples() if sample.story == "cerner-medications"]
    answer = masked([sample.message for sample in stories])[2]
    shown = {row["field"]: (row["value"], row["source"]) for row in answer["fields"]}
    assert shown["patient.gender"] == ("MALE", "PID-8")
    assert shown["patient.address.state"] == ("IA", "PID-11.4")
    assert shown["patient.mrn.root"] == ("2.999.1.1", "settings:site.mrn_root")
    assert shown["medications[0].nameCode.code"] == ("197806", "#1:RXE-2.4")
    assert shown["medications[0].active"] == (True, "#1:ORC-1")
    assert shown["patient.birthDate"] == ("9999-99-99", "PID-7")
    assert shown["patient.address.zip"] == ("99999", "PID-11.5")
    assert answer["control_id"] == "#3"
    assert (answer["type"], answer["decision"]) == ("SIU^S12", "post")


def test_what_the_settings_say_is_shown_and_a_control_id_cannot_pretend_to_be_one() -> None:
    policy = Policy(
        request=RequestDefaults(clinic_name="Lakeside", diagnostic_categories=("renal",), summary_months=6)
    )
    first = (
        b"MSH|^~\\&|A|B|C|D|20260302||ADT^A28|settings|P|2.5.1\rPID|1||T1^^^L^MR||Sample^Robin||19700131|F"
    )
    second = b"MSH|^~\\&|A|B|C|D|20260303||SIU^S12|M2|P|2.5.1\rSCH||F1|||||||||^^^20260310\rPID|1||T1^^^L^MR"
    answer = masked([first, second], policy)[1]
    shown = {row["field"]: (row["value"], row["source"]) for row in answer["fields"]}
    assert shown["clinicName"] == ("Lakeside", "settings:request.clinic_name")
    assert shown["patient.name.family"] == ("Xxxxxx", "#1:PID-5.1")
    assert shown["medicalSummaryPeriod.endDate"][0] == "9999-99-99"
    assert shown["directives.diagnosticCategories.renal"][0] is True


def test_a_reason_that_quotes_a_coding_system_with_a_name_in_it_is_masked() -> None:
    raw = (
        b"MSH|^~\\&|A|B|C|D|20260302||ADT^A08|M1|P|2.5.1\rPID|1||T1^^^L^MR||Quillfeather^Robin||19700131|F\r"
        b"DG1|1||123^x^Quillfeather"
    )
    (answer,) = masked([raw])
    assert answer["left_out"][0]["why"].endswith("coding system Xxxxxxxxxxxx")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Smith-Jones", "Xxxxx-Xxxxx"),
        ("(608) 555-0142", "(999) 999-9999"),
        ("o'neil@example.com", "x'xxxx@xxxxxxx.xxx"),
        ("e\u0301", "x"),
        ("山田 Ł1", "xx X9"),
        ("☎\u202e²", "··9"),
        (12.5, "99.9"),
        ("", ""),
    ],
)
def test_a_value_keeps_its_shape(value: object, expected: str) -> None:
    assert shape(value) == expected


def test_a_row_of_a_sites_table_is_not_told() -> None:
    """The rows of a site's lists are found by ids and numbers: the file alone is shown."""
    raw = load_samples()[0].message
    answer = as_json(*next(explain(Engine(load_rulebook(), Policy()), [raw], NOW)))
    rows = [
        {"field": "a", "value": "v", "source": "PID-3.1", "rule": rule}
        for rule in (
            "patient.yaml#name",
            "site/providers.csv#D42",
            "site/roots.csv#Lake Side",
            "x.yaml#T1001",
        )
    ]
    (masked_answer,) = Mask([raw]).answers([{**answer, "fields": rows}])
    assert [row["rule"] for row in masked_answer["fields"]] == [
        "patient.yaml#name",
        "site/providers.csv#X99",
        "site/roots.csv#Xxxx Xxxx",
        "x.yaml#X9999",
    ]


def test_what_the_sites_list_keeps_back_is_not_told_by_the_row_that_does() -> None:
    raw = load_samples()[0].message
    answer = as_json(*next(explain(Engine(load_rulebook(), Policy()), [raw], NOW)))
    why = "withheld by site/withhold.csv#F10*: 42 CFR Part 2: it was coded together with that"
    left_out = [{"source": "DG1-3.1", "value": "F10.20", "why": why}]
    (found,) = Mask([raw]).answers([{**answer, "left_out": left_out}])
    (entry,) = found["left_out"]
    assert entry["value"] == "X99.99"
    assert entry["why"].startswith("withheld by site/withhold.csv#X99*: 99 XXX ")
