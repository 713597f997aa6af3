"""The code tables cover the standard's, and what their rows say is of use to the contract."""

from __future__ import annotations

from typing import get_args

import hl7apy
import pytest
from hl7apy.v2_8_2.tables import TABLES

from interface.contract import texts
from interface.rules import load_rulebook
from interface.rules.types.base import loose
from interface.rules.types.patient import other_kind
from interface.rules.types.timing import pattern_row

VERSIONS = ("2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1")

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
        ("segment_actions", "HL70206"),
        ("problem_actions", "HL70287"),
        ("confidentiality", "HL70177"),
        ("problem_sensitivity", "HL70177"),
        ("inpatient", "HL70482"),
        ("routes", "HL70162"),
        ("schedules", "HL70477"),
    ],
)
def test_a_table_knows_every_code_of_the_standards(table, standard):
    _, codes = TABLES[standard]
    assert len(codes) > 1
    assert [code for code in codes if code not in BOOK.tables[table]] == []


def codes_of(standard: str) -> set[str]:
    """The codes of a table in every version; hl7apy holds a few descriptions in their place."""
    found = {
        code.strip()
        for version in VERSIONS
        for code in hl7apy.load_library(version).TABLES.get(standard, ("", ()))[1]
    }
    return {code for code in found if " " not in code}


@pytest.mark.parametrize(
    ("table", "standard"),
    [
        ("sex", "HL70001"),
        ("address_types", "HL70190"),
        ("name_types", "HL70200"),
        ("telecommunication_use", "HL70201"),
        ("telecommunication_equipment", "HL70202"),
        ("identifier_types", "HL70203"),
        ("appointment_status", "HL70278"),
        ("provider_roles", "HL70443"),
    ],
)
def test_a_table_knows_every_code_of_every_version(table, standard):
    codes = codes_of(standard)
    assert len(codes) > 3
    assert sorted(code for code in codes if code not in BOOK.tables[table]) == []


@pytest.mark.parametrize(
    "table",
    [
        *("sex", "address_types", "name_types", "telecommunication_use", "telecommunication_equipment"),
        *("appointment_status", "name_affixes", "us_states", "us_countries", "countries", "provider_roles"),
    ],
)
def test_words_that_differ_in_punctuation_alone_mean_the_same(table):
    meant: dict[str, object] = {}
    for code, value in ROWS[table].items():
        if loose(code):
            assert meant.setdefault(loose(code), value) == value


def test_no_country_is_both_with_us_zips_and_without():
    ours = {loose(code) for code in ROWS["us_countries"]}
    assert ours.isdisjoint(loose(code) for code in ROWS["countries"])


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        *(("MR", False), ("PI", False), ("PT", False), ("U", False), ("LOCAL", False)),
        *(("SS", True), ("MRT", True), ("PE", True), ("NPI", True), ("NNUSA", True), ("NNxxx", True)),
    ],
)
def test_an_identifier_type_is_a_medical_record_number_or_another_kind(kind, other):
    assert other_kind(BOOK.tables["identifier_types"], kind.upper()) is other


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("identifier_types", {"patient", "other"}),
        ("name_types", {"legal", "sent", "never"}),
        ("address_types", {0, 1, 3, 4, 5, 6, 7}),
        ("name_affixes", {"prefix", "suffix", "degree"}),
        ("sex", set(get_args(texts.Gender))),
        ("order_control", {"open", "replaces", "end", "none"}),
        ("order_status", {"end", "completed", "none"}),
        ("confidentiality", {"withhold", "usual"}),
        ("problem_sensitivity", {"withhold", "usual"}),
        ("inpatient", {"inpatient", "outpatient"}),
        ("problem_status", {"active", "inactive", "removed"}),
        ("problem_actions", {"add", "update", "correct", "delete", "keep"}),
        ("appointment_status", {"booked", "cancelled", "chart", "blocked"}),
        ("diagnosis_systems", {"ICD10", "ICD9", "SNOMED", "procedure", "other"}),
        ("segment_actions", {"add", "update", "delete", "keep"}),
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
    assert all(set(row) <= {"timingEvent"} for row in ROWS["timing"].values())
    events = {row["timingEvent"] for row in ROWS["timing"].values() if row}
    assert events == set(get_args(texts.TimingEvent))


def test_timing_knows_every_pattern_of_the_standards():
    _, codes = TABLES["HL70335"]
    formed = {code.replace("<integer>", "2").replace("<day#>", "3") for code in codes}
    formed = {
        code.replace("xID", "5ID").replace("PRNxxx", "PRNQ6H").replace("U <spec>", "U 0 8") for code in formed
    }
    unknown = {code for code in formed if pattern_row(code, BOOK.tables["timing"]) is None}
    assert len(formed) > 20
    assert unknown == {"Meal Related Timings"}  # a heading of the standard's table: AC, PCM … are rows


DIAGNOSES = """
    I9 I9C I9CDX I10 SNM SCT SCT2 I9CP I10P C4 CPTM HCPCS HPC CD2 ICS NIC ICD10AM ICD10CA ICDO ICDO2 ICDO3 ICSD IC2
    SNM3 SNT SDM RC NDA OHA HHC CCC HI UML MEDR FDDX MDDX MEDX ACR E AS4E ART CST CDS L
    ALPHAID2006 ALPHAID2011 I10G2004 I10G2006 ICD10GM2007 ICD10GM2011 GMDC2004 GMDC2009 O301 O3012006 OPS2007 OPS2011
"""
DRUGS = "NDC RXNORM MGPI FDDC MEDC W1 W2 W4 WC CAS CVX NDFRT FDAUNII UPC HCPCS HPC HOT SCT"


@pytest.mark.parametrize(("table", "systems"), [("diagnosis_systems", DIAGNOSES), ("drug_systems", DRUGS)])
def test_of_the_coding_systems_each_that_codes_diagnoses_or_drugs_is_known(table, systems):
    _, standard = TABLES["HL70396"]
    assert [code for code in systems.split() if code not in standard] == []
    assert [code for code in systems.split() if code not in BOOK.tables[table]] == []


@pytest.mark.parametrize("table", ["drug_systems", "code_systems"])
def test_an_oid_stands_for_its_system_too(table):
    oids = {row["oid"] for row in ROWS[table].values() if "oid" in row}
    assert {oid: BOOK.tables[table].get(oid)["oid"] for oid in oids if oid in BOOK.tables[table]}.items() <= {
        (oid, oid) for oid in oids
    }
    assert len(oids) > 3


@pytest.mark.parametrize("table", ["routes", "dose_forms"])
def test_concepts_are_ncit_codes_with_a_name(table):
    assert all(row["name"] for row in ROWS[table].values())
    known = [row for row in ROWS[table].values() if "code" in row]
    assert all(row["code"][0] == "C" and row["code"][1:].isdigit() for row in known)
    names = {}
    for row in known:
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
