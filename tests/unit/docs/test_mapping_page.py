"""docs/mapping.md cannot lie: what the engine does with messages is what the page says."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import corpus
import pytest

from interface.chart.decide import Engine
from interface.chart.holds import release_of
from interface.chart.outcome import Outcome
from interface.cli.samples import load_samples
from interface.contract.v2 import PatientProcessingRequest
from interface.rules import Policy, Reading, load_rulebook
from interface.rules.facts import Fact
from interface.rules.fields import SCOPES, SETTING
from interface.rules.policy import RequestDefaults
from interface.services.explaining import explain

ROOT = Path(__file__).parents[3]
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))

from pages.contract import fields, within  # noqa: E402  docs/generate.py has made the modules of the pages importable
from pages.places import IN_VERSION_2, PLACES  # noqa: E402
from pages.rules import read_rules  # noqa: E402
from pages.sentences import pattern_of  # noqa: E402

RULES = {rule.full_name: rule for rule in read_rules()}
ALL_SETTINGS = RequestDefaults(
    response_direct_address="a@example.com",
    response_fax_number="6085550100",
    response_friendly_name="Lakeside",
    batch_id="B1",
    diagnostic_categories=("renal",),
    summary_months=6,
    new_patient_types=("NEW",),
)
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HEAD = "MSH|^~\\&|A|B|C|D|20260302||{}|M{}|P|2.5.1\rPID|1||T1^^^L^MR||Sample^Robin||19700131|F|||1 A St^^Madison^WI^53703"
MORE = [
    HEAD.format("RDE^O11", 1) + "\rORC|CA|O1||||||||20260301|||1234567893^Quill^Avery^^^^^^^^^^NPI\r"
    "RXE|^^D5^20260201|1^aspirin^LOCAL|2||%|QQQ|^take it|||20||x||||||||||||10|%|||||||||CII",
    HEAD.format("RDE^O11", 2)
    + "\rORC|NW|O2\rRXE|^Q12H|2^iron^LOCAL\rORC|NW|O3||||||^3 times a week\rRXE||3^zinc^LOCAL",
    HEAD.format("SIU^S12", 3) + "\rSCH||F1||||||NEW|||^^^20260310093000\rAIG|1||D1^Quill, Avery^NPI|",
    HEAD.format("ADT^A08", 4)
    + "\rDG1|1|I9|250.00^Diabetes\rDG1|2||44054006^Diabetes^SCT||20260101\rDG1|3||E6601",
]
"""What no sample has: every place of the request is filled by one of these or of the samples."""


EVENTS = [
    HEAD.format(kind, number).replace("|P|", f"|{mode}|") + segments
    for number, (kind, mode, segments) in enumerate(
        [
            ("ADT^A24", "P", ""),
            ("ADT^A40", "P", "\rMRG|T2^^^L^MR"),
            ("ADT^A40", "P", "\rMRG|T2^^^L^MR"),
            ("ADT^A35", "P", "\rMRG|T1^^^L^MR||A1"),
            ("ADT^A43", "P", "\rMRG|T3^^^L^MR"),
            ("ADT^A29", "P", ""),
            ("SIU^S12", "T", "\rSCH||F1|||||||||^^^20260310"),
            ("RAS^O17", "P", ""),
        ],
        start=50,
    )
]
"""One for each kind of reason that no sample gives."""


@cache
def page() -> str:
    text: str = GENERATE["PAGES"]["mapping.md"]()
    return text


@cache
def told() -> list[tuple[Reading, Outcome]]:
    messages = [sample.message for sample in load_samples()]
    messages += [text.encode() for text in (*MORE, *EVENTS)] + [raw for _, raw in corpus.messages()]
    found = []
    for environment, wanted in (("sandbox", messages), ("production", [text.encode() for text in EVENTS])):
        engine = Engine(load_rulebook(), Policy(environment=environment, request=ALL_SETTINGS))
        found += list(explain(engine, wanted, NOW))
    return found


def facts(reading: Reading) -> Iterator[Fact]:
    yield from reading.facts.values()
    for item in (*reading.problems, *reading.orders):
        yield from item.values()


def test_every_field_of_the_rules_has_a_place_or_a_purpose() -> None:
    known = {field for scope in SCOPES.values() for field in scope} | set(SETTING)
    assert known - set(PLACES) == set(), "add a row to docs/pages/places.py"
    assert set(PLACES) - known == set(), "docs/pages/places.py names what is no field"


def test_what_has_another_name_in_version_2_has_these_names_in_the_contracts() -> None:
    first = {field for field, _ in fields()}
    second = {field for field, _ in fields(PatientProcessingRequest)}
    for one, two in IN_VERSION_2:
        assert any(within(field, one) for field in first) and not any(within(field, one) for field in second)
        assert any(within(field, two) for field in second) and not any(within(field, two) for field in first)
    assert [field for field, place in PLACES.items() if not place.request and not place.about] == []


def test_values_stand_where_the_page_says() -> None:
    wrong, seen = set(), set()
    for _, outcome in told():
        for row in outcome.fields:
            generic = re.sub(r"\[\d+\]", "[]", row.field)
            seen.add(row.rule)
            if row.rule not in RULES:
                wrong.add(f"{generic}: no rule {row.rule}")
            elif not any(within(generic, place) for place in RULES[row.rule].place.request):
                wrong.add(f"{generic}: not a place of {row.rule}")
    assert wrong == set()
    assert len(seen) > 30


def test_what_explain_says_is_on_the_page() -> None:
    """Every note and every reason for a value of a message, word for word but for what is found in it."""
    patterns = [pattern_of(line[2:]) for line in page().splitlines() if line.startswith("- ")]
    said: set[str] = set()
    for reading, outcome in told():
        for fact in facts(reading):
            said.update(filter(None, (*fact.said, fact.why)))
        said.update(entry.why for entry in (*reading.left_out, *outcome.left_out))
    assert len(said) > 30
    assert {text for text in said if not any(pattern.fullmatch(text) for pattern in patterns)} == set()


def test_every_reason_is_on_the_page_and_every_hold_has_a_release() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", page(), re.MULTILINE)
    shown = {
        code: [pattern_of(sentence) for sentence in cell.split(" | ")[0].split("<br>")] for code, cell in rows
    }
    for _, outcome in told():
        for reason in outcome.reasons:
            if outcome.decision == "hold":
                assert release_of(reason.code), reason.code
            else:
                assert any(pattern.fullmatch(reason.text) for pattern in shown[reason.code]), reason


def test_rules_sources_tables_and_events_are_all_there() -> None:
    book = load_rulebook()
    missing = [name for name in RULES if f"`{name}` |" not in page()]
    missing += [
        source
        for rule in RULES.values()
        for source in rule.sources
        if f"**{source}**" not in page() and f"`{source}`" not in page()
    ]
    missing += [name for name in book.tables if f"### Table {name}\n" not in page()]
    rows = [line for line in page().splitlines() if line.startswith("| ")]
    for kind, event in book.events.items():
        code, _, trigger = kind.partition("^")
        wanted = "*others*" if trigger == "*" else trigger
        line = next((r for r in rows if r.startswith(f"| {code}") and wanted in re.split(r"[|,] ?| ", r)), "")
        if f"| `{event.does}` |" not in line:
            missing.append(kind)
    assert missing == []


def test_a_rules_own_sentence_is_on_the_page() -> None:
    said = {str(rule.body["about"]) for rule in RULES.values() if "about" in rule.body}
    assert len(said) >= 3
    assert [sentence for sentence in said if sentence not in page()] == []


def test_links_within_the_page_lead_to_a_heading() -> None:
    from pages.markdown import anchor

    headings = {anchor(line.lstrip("# ")) for line in page().splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", page())) - headings == set()


def test_the_standards_names_and_versions_stand_beside_paths() -> None:
    assert "**PID-5** Patient Name" in page()
    assert "**SCH-11.4** Appointment Timing Quantity, Start Date Time (up to 2.6)" in page()
    assert "**RXE-31** Supplementary Code (from 2.4 on)" in page()


@pytest.mark.parametrize(
    ("sentence", "said", "fits"),
    [
        ("*field* is not a date", "PID-7 is not a date", True),
        ("*field* is not a date", "PID-7 is not a date at all", False),
        ("table *table* has no such code", "table sex has no such code", True),
    ],
)
def test_a_sentence_of_the_page_is_a_pattern_of_what_is_said(sentence: str, said: str, fits: bool) -> None:
    assert bool(pattern_of(sentence).fullmatch(said)) is fits


def test_a_sentence_is_a_note_where_the_value_is_taken_and_a_reason_where_it_is_not() -> None:
    from pages.sentences import said_by

    from interface.rules.types import TYPES

    drug, product = said_by(TYPES["drug"]), said_by(TYPES["product"])
    assert "*field* has no label: the code stands for it" in drug.notes
    assert "the code holds a character that is forbidden in codes" in drug.reasons
    assert "*field* written as eleven digits" in product.notes
    assert said_by(TYPES["code"]).notes[0] == "*field*: a code no table knows is *unknown*"
    assert not any("write it as" in text for make in TYPES.values() for text in said_by(make).reasons)


def test_the_pages_import_nothing_that_is_not_theirs() -> None:
    ours = [name for name in sys.modules if name.split(".")[0] == "pages"]
    assert all(sys.modules[name].__file__.startswith(str(ROOT / "docs")) for name in ours)
