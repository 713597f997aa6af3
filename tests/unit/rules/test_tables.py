"""The code tables cover the standard's, and what their rows say is of use to the contract."""

from __future__ import annotations

from typing import get_args

import pytest
from hl7apy.v2_8_2.tables import TABLES

from interface.contract import texts
from interface.rules import load_rulebook

BOOK = load_rulebook()
ROWS = {name: table.rows for name, table in BOOK.tables.items()}


@pytest.mark.parametrize(
    ("table", "standard"),
    [
        ("order_control", "HL70119"),
        ("order_status", "HL70038"),
        ("sex", "HL70001"),
        ("telecommunication_use", "HL70201"),
        ("telecommunication_equipment", "HL70202"),
        ("diagnosis_actions", "HL70206"),
    ],
)
def test_a_table_knows_every_code_of_the_standards(table, standard):
    _, codes = TABLES[standard]
    assert len(codes) > 3
    assert [code for code in codes if code not in BOOK.tables[table]] == []


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("sex", set(get_args(texts.Gender))),
        ("order_control", {"open", "end", "none"}),
        ("order_status", {"end", "none"}),
        ("appointment_status", {"booked", "cancelled", "chart", "blocked"}),
        ("diagnosis_systems", {"ICD10", "ICD9", "SNOMED", "procedure", "other"}),
        ("diagnosis_actions", {"add", "update", "delete", "none"}),
    ],
)
def test_a_table_says_only_what_the_program_knows(table, values):
    assert set(ROWS[table].values()) == values


def test_every_system_with_an_oid_is_one_of_diagnoses():
    systems = BOOK.tables["diagnosis_systems"]
    kinds = {name: systems.get(name) for name in ROWS["diagnosis_oids"]}
    assert {name: kind for name, kind in kinds.items() if kind != "other"} == {
        "ICD10": "ICD10",
        "ICD9": "ICD9",
        "SNOMED": "SNOMED",
    }


def test_timing_rows_are_events_of_the_contract():
    events = {row["timingEvent"] for row in ROWS["timing"].values()}
    assert events == set(get_args(texts.TimingEvent))


@pytest.mark.parametrize("table", ["routes", "dose_forms"])
def test_concepts_are_ncit_codes_with_a_name(table):
    assert all(
        row["code"][0] == "C" and row["code"][1:].isdigit() and row["name"] for row in ROWS[table].values()
    )
    names = {}
    for row in ROWS[table].values():
        assert names.setdefault(row["code"], row["name"]) == row["name"]


def test_states_are_two_letters_each_by_itself_and_by_name():
    states = ROWS["us_states"]
    assert all(len(code) == 2 and code.isupper() for code in states.values())
    assert all(states[code] == code for code in states.values())
    assert len(set(states.values())) == 50 + 1 + 8 + 3  # states, DC, territories and associated, armed forces


def test_units_hold_no_character_the_contract_forbids():
    assert all(texts.is_clean(unit) for unit in ROWS["units"].values())
    assert all(not texts.is_clean(sent) for sent in ROWS["units"])


@pytest.mark.parametrize("sent", ["icd-10-cm", "  ICD-10-CM ", "ICD 10"])
def test_codes_are_compared_without_case_and_outer_blanks(sent):
    assert BOOK.tables["diagnosis_systems"].get(sent) == "ICD10"


def test_every_table_is_named_by_a_rule():
    from importlib import resources

    folder = resources.files("mappings")
    rules = "".join(entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    assert [name for name in ROWS if f": {name}" not in rules] == []
