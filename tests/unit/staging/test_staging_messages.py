"""Messages of test patients: well-formed, always the same, and what was imported arrives in the request one by one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from interface.chart.decide import Engine
from interface.hl7.conformance import conformance
from interface.rules import Policy, load_rulebook
from interface.rules.fingerprint import identity_fingerprint
from interface.services.rehearsal import lacks, rehearse
from interface.staging.imported import Imported, Medication, Problem, Provider, Roster
from interface.staging.messages import Sending, messages_of

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
BOOK = load_rulebook()
SENDING = Sending(NOW.date(), NOW, "LFC", Provider("1234567893", "Quill", "Avery"))
ROBIN = Imported(
    "TP-1",
    "Sample",
    "1970-01-31",
    "Robin",
    "Lee",
    gender="F",
    lines=("12 Birch Ln", "Apt 4"),
    city="Madison",
    state="WI",
    zip="53703",
    phones=("608-555-0100",),
    emails=("r@example.org",),
    problems=(
        Problem("ICD10", "E11.9", "Type 2 diabetes", "2020-05-01"),
        Problem("SNOMED", "38341003", "Hypertension"),
    ),
    medications=(
        Medication({"system": "RXNORM", "code": "860975", "label": "Metformin", "sig": "twice a day"}),
        Medication({"ndc": "00093-1048-01", "label": "Lisinopril", "start": "20250101"}),
    ),
)


def engine(version=1):
    return Engine(BOOK, Policy(mrn_authority=("LFC",), mrn_root="2.999.5", api_version=version))


def test_his_messages_in_their_order_and_always_the_same():
    made = messages_of(ROBIN, SENDING)
    assert [one.kind for one in made] == ["RDE^O11", "ADT^A08", "SIU^S12"]
    assert made == messages_of(ROBIN, SENDING)
    assert all(len(one.control_id) == 20 and b"|T|2.5.1|" in one.raw for one in made)


def test_another_run_makes_other_ids_and_another_appointment():
    first, again = (
        messages_of(ROBIN, SENDING),
        messages_of(ROBIN, Sending(SENDING.today, NOW, "LFC", run="2")),
    )
    assert not {one.control_id for one in first} & {one.control_id for one in again}
    assert first[-1].raw.split(b"SCH|")[1][:25] != again[-1].raw.split(b"SCH|")[1][:25]


def test_they_are_well_formed_by_the_standard():
    drug = {
        "code": "860975",
        "label": "Metformin",
        "system": "RXNORM",
        "dose": "1",
        "unit": "TAB",
        "route": "PO",
    }
    drugs = (
        Medication({**drug, "frequency": "BID"}),
        Medication({**drug, "code": "314076", "start": "20250101"}),
    )
    for made in messages_of(replace(ROBIN, medications=drugs), SENDING):
        assert conformance(made.raw) == (), made.kind


def test_a_dose_that_the_file_lacks_is_not_made_up():
    raw = messages_of(ROBIN, SENDING)[0].raw.decode()
    assert "RXE||860975^Metformin^RXNORM|||||^twice a day\r" in raw
    assert "RXR" not in raw


@pytest.mark.parametrize("version", [1, 2])
def test_problems_and_medications_arrive_one_by_one(version):
    outcome = rehearse(engine(version), ROBIN, SENDING, NOW)
    assert outcome.decision == "post"
    request = outcome.request
    lists = ("activeIcd10Diagnoses", "activeSnomedDiagnoses") if version == 1 else ("diagnoses",)
    problems = [entry for name in lists for entry in request[name]]
    assert [(entry["code"], entry["displayName"], entry.get("date")) for entry in problems] == [
        ("E11.9", "Type 2 diabetes", "2020-05-01"),
        ("38341003", "Hypertension", None),
    ]
    assert [entry["nameCode"]["displayName"] for entry in request["medications"]] == [
        "Metformin",
        "Lisinopril",
    ]
    metformin, lisinopril = request["medications"]
    assert metformin["nameCode"]["code"] == "860975"
    assert metformin["medicationRequests"][0]["dosageInstruction"]["text"] == "twice a day"
    assert lisinopril["medicationRequests"][0]["code"]["code"] == "00093104801"
    assert list(lacks(engine(version), ROBIN, SENDING, NOW)) == []


@pytest.mark.parametrize(
    ("given_day", "days", "day"),
    [
        ("2026-04-01", 14, "20260401"),
        ("2026-03-05", 14, "20260305"),
        ("2026-03-04", 7, "20260312"),
        ("", 30, "20260404"),
    ],
)
def test_the_appointment_is_the_files_if_it_is_to_come(given_day, days, day):
    patient = Imported("TP-1", "Sample", "1970-01-31", "Robin", appointment=given_day)
    raw = messages_of(patient, Sending(date(2026, 3, 5), NOW, days=days))[-1].raw
    assert f"^^^{day}0900".encode() in raw


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        (Imported("TP-1", "Sample", "1970-01-31"), "missing:patient.name.given"),
        (Imported("TP-1", "Sample", "1970-01-31", "Robin"), "missing:patient.address"),
        (Imported("TP-1", "Sample, Ann", "1970-01-31", ""), "reads him as another than the file names"),
        (
            Imported(
                "TP-1", "Sample", "1970-01-31", "Robin", zip="53703", problems=(Problem("LOCAL", "7", "x"),)
            ),
            "problem 1 of 1 does not reach the request",
        ),
        (
            Imported("TP-1", "Sample", (NOW + timedelta(days=9)).date().isoformat(), "Robin"),
            "reads him as another",
        ),
    ],
)
def test_what_would_not_go_out_is_said_before(patient, said):
    assert any(said in text for text in lacks(engine(), patient, SENDING, NOW))


def test_importing_changes_nothing_that_charts_are_keyed_by():
    core = engine()
    apart = Engine(core.book, core.policy, apart=Roster([ROBIN]).apart)
    assert identity_fingerprint(apart.book, apart.policy) == identity_fingerprint(core.book, core.policy)


CODES = st.sampled_from(
    [("ICD10", "E11.9"), ("ICD10", "I10"), ("ICD9", "250.00"), ("SNOMED", "38341003"), ("SNOMED", "44054006")]
)
DRUGS = st.sampled_from(["860975", "314076", "197361", "617314"])
LABELS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "Zs"], include_characters="|^~\\&%"),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(CODES, LABELS), max_size=5, unique_by=lambda entry: entry[0]),
    st.lists(st.tuples(DRUGS, LABELS), max_size=4, unique_by=lambda entry: entry[0]),
    st.sampled_from([1, 2]),
)
def test_whatever_is_imported_arrives(problems, drugs, version):
    patient = Imported(
        "TP-1",
        "Sample",
        "1970-01-31",
        "Robin",
        zip="53703",
        problems=tuple(Problem(system, code, label.strip() or "x") for (system, code), label in problems),
        medications=tuple(
            Medication({"system": "RXNORM", "code": code, "label": label.strip() or "x"})
            for code, label in drugs
        ),
    )
    assert list(lacks(engine(version), patient, SENDING, NOW)) == []
