"""The vendor's file: what is taken of a table and of JSON, and that each bad line is named without what it holds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interface.staging.dates import DateError, day_of
from interface.staging.file import read_file
from interface.staging.imported import Imported, Medication, Problem, Provider

TABLE = (
    "MRN,Last Name,First Name,DOB,Sex,Address,City,State,Zip,Phone,E-Mail,Problems,Medications,"
    "Provider NPI,Provider Last Name,Appointment Date\n"
    "TP-1,Sample,Robin,1970-01-31,F,12 Birch Ln,Madison,WI,53703,608-555-0100,r@example.org,"
    "ICD10:E11.9=Type 2 diabetes; SNOMED:38341003=Hypertension,RXNORM:860975=Metformin 500 MG; Aspirin 81 MG,"
    "1234567893,Quill,2026-04-01\n"
    "TP-2,Marsh,Lee,4-Mar-1955,male,,,,53703,,,,,,,\n"
)


def taken(text, **more):
    found = read_file(text.encode() if isinstance(text, str) else text, **more)
    assert found.faults == ()
    return found.patients


def faults(text, **more):
    found = read_file(text.encode() if isinstance(text, str) else text, **more)
    assert found.patients == () or found.faults
    return [(fault.line, fault.text) for fault in found.faults]


def test_a_spreadsheet_as_a_vendor_has_it():
    robin, lee = taken(TABLE)
    assert robin == Imported(
        "TP-1",
        "Sample",
        "1970-01-31",
        "Robin",
        gender="F",
        lines=("12 Birch Ln",),
        city="Madison",
        state="WI",
        zip="53703",
        phones=("608-555-0100",),
        emails=("r@example.org",),
        problems=(
            Problem("ICD10", "E11.9", "Type 2 diabetes"),
            Problem("SNOMED", "38341003", "Hypertension"),
        ),
        medications=(
            Medication({"system": "RXNORM", "code": "860975", "label": "Metformin 500 MG"}),
            Medication({"label": "Aspirin 81 MG"}),
        ),
        provider=Provider("1234567893", "Quill"),
        appointment="2026-04-01",
    )
    assert (lee.mrn, lee.birth_date, lee.gender) == ("TP-2", "1955-03-04", "M")


def test_further_lines_of_a_patient_bring_further_problems_and_medications():
    text = (
        "mrn;family;given;birth_date;icd10_code;problem_label;problem_date;rxcui;medication;sig;start\n"
        "TP-1;Sample;Robin;1970-01-31;E11.9;Type 2 diabetes;2020-05-01;860975;Metformin;twice a day;2021-01-02\n"
        "TP-1;sample;;;I10;Hypertension;;;;;\n"
        "TP-1;;;;;;;314076;Lisinopril 10 MG;;\n"
    )
    (robin,) = taken(text)
    assert robin.problems == (
        Problem("ICD10", "E11.9", "Type 2 diabetes", "2020-05-01"),
        Problem("ICD10", "I10", "Hypertension"),
    )
    assert [entry.cells for entry in robin.medications] == [
        {
            "system": "RXNORM",
            "code": "860975",
            "label": "Metformin",
            "sig": "twice a day",
            "start": "20210102",
        },
        {"system": "RXNORM", "code": "314076", "label": "Lisinopril 10 MG"},
    ]


def test_json_with_the_tables_names():
    entries = [
        {
            "mrn": "TP-1",
            "family": "Sample",
            "given": "Robin",
            "birth_date": "1970-01-31",
            "address": {"lines": ["12 Birch Ln", "Apt 4"], "zip": 53703},
            "phones": ["608-555-0100", "608-555-0101"],
            "problems": [{"system": "ICD10", "code": "E11.9", "label": "Type 2 diabetes"}],
            "medications": [{"ndc": "00093-1048-01", "label": "Metformin", "refills": 3}],
            "provider": {"npi": "1234567893", "family": "Quill"},
        }
    ]
    (robin,) = taken(json.dumps(entries))
    assert (robin.lines, robin.zip, robin.phones) == (
        ("12 Birch Ln", "Apt 4"),
        "53703",
        ("608-555-0100", "608-555-0101"),
    )
    assert robin.problems == (Problem("ICD10", "E11.9", "Type 2 diabetes"),)
    assert robin.medications == (Medication({"ndc": "00093-1048-01", "label": "Metformin", "refills": "3"}),)
    assert robin.provider == Provider("1234567893", "Quill")


REQUEST = {
    "patient": {
        "mrn": {"root": "2.999.5", "extension": "TP-1"},
        "name": {"family": "Sample", "given": ["Robin", "Lee"]},
        "gender": "FEMALE",
        "birthDate": "1970-01-31",
        "address": {"lines": ["12 Birch Ln"], "city": "Madison", "state": "WI", "zip": "53703"},
        "contactPoints": [
            {"value": "6085550100", "contactPointSystem": "PHONE", "contactPointUse": "HOME"},
            {"value": "r@example.org", "contactPointSystem": "EMAIL", "contactPointUse": "HOME"},
        ],
    },
    "upcomingAppointmentDate": "2026-04-01",
    "upcomingAppointmentProvider": {"npi": "1234567893", "name": {"family": "Quill", "given": ["Avery"]}},
    "activeIcd10Diagnoses": [{"code": "E11.9", "displayName": "Type 2 diabetes", "date": "2020-05-01"}],
    "medications": [
        {
            "active": True,
            "nameCode": {
                "code": "860975",
                "codeSystem": "2.16.840.1.113883.6.88",
                "displayName": "Metformin",
            },
            "medicationRequests": [
                {
                    "code": {
                        "code": "00093104801",
                        "codeSystem": "2.16.840.1.113883.6.69",
                        "displayName": "Metformin",
                    },
                    "dosageInstruction": {"text": "twice a day", "amountValue": 1, "amountUnit": "tablet"},
                    "numberOfRefillsAllowed": 3,
                }
            ],
        },
        {"active": False, "nameCode": {"displayName": "Aspirin"}},
    ],
    "clinicName": "Lakeside",
}


@pytest.mark.parametrize("panel", [False, True])
def test_requests_as_the_api_has_them(panel):
    document = {"patientProcessingRequests": [REQUEST]} if panel else [REQUEST]
    found = read_file(json.dumps(document, indent=1).encode())
    assert found.faults == ()
    (robin,) = found.patients
    assert (robin.mrn, robin.middle, robin.gender, robin.emails) == ("TP-1", "Lee", "F", ("r@example.org",))
    assert robin.problems == (Problem("ICD10", "E11.9", "Type 2 diabetes", "2020-05-01"),)
    assert robin.medications[0].cells["ndc"] == "00093104801"
    assert robin.medications[0].cells["sig"] == "twice a day"
    assert (robin.provider, robin.appointment) == (Provider("1234567893", "Quill", "Avery"), "2026-04-01")
    assert len(robin.medications) == 1
    assert [note.text.partition(" ")[0] for note in found.notes] == ["medications:", "clinicName"]


HEAD = "mrn,family,birth_date,gender,problems,provider_npi\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",Sample,1970-01-31,,,", "mrn is empty"),
        ("TP-1,,1970-01-31,,,", "family is empty"),
        ("TP-1,Sample,,,,", "birth_date is empty"),
        ("TP-1,Sample,1970-02-31,,,", "birth_date is no date; write 1950-03-04"),
        ("TP-1,Sample,3/4/1970,,,", "birth_date can be read in two ways"),
        ("TP-1,Sample,31/1/70,,,", "birth_date is no date"),
        ("1.2E+05,Sample,1970-01-31,,,", "mrn is in the form that spreadsheets give"),
        ("TP-1,Sample,1970-01-31,perhaps,,", "gender is not known"),
        ("TP-1,Sample,1970-01-31,,E11.9,", "problems: entry 1 is not SYSTEM:CODE=label"),
        ("TP-1,Sample,1970-01-31,,ICD10:E11.9=x; y,", "problems: entry 2 is not SYSTEM:CODE=label"),
        ("TP-1,Sample,1970-01-31,,,12345", "provider_npi is not ten digits"),
        ("TP-1,Sample,1970-01-31", "3 cells where the headings are 6"),
        ('TP-1,"Sample,1970-01-31,,,', "a quotation mark is not closed"),
    ],
)
def test_each_bad_line_is_named(line, said):
    ((number, text),) = faults(f"{HEAD}TP-9,Fine,1970-01-31,,,\n{line}")
    assert number == 3
    assert text.startswith(said)


def test_all_bad_lines_are_named_and_none_with_what_it_holds():
    found = faults(f"{HEAD}TP-1,,1970-01-31,,,\nTP-2,Sample,Quux,Fnord,,\nTP-2,Sample,,,ICD10:,\n")
    assert [number for number, _ in found] == [2, 3, 3, 4]
    assert not any(word in str(found) for word in ("TP-", "Sample", "Quux", "Fnord"))


def test_one_number_with_two_names_is_refused():
    assert faults(f"{HEAD}TP-1,Sample,1970-01-31,,,\nTP-1,Marsh,1970-01-31,,,\n") == [
        (3, "family is another than on line 2, and the mrn is the same")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("Sample,Robin\n", "the first line names no column"),
        ("mrn,family\n", "there is no heading birth_date"),
        ("mrn,famly,birth_date\n", "unknown heading 'famly'; did you mean family?"),
        ("mrn,family,last_name,birth_date\n", "family is there twice (family, last_name)"),
        (HEAD, "there are headings and no patients"),
        ("[]", "there are no patients in it"),
        ('[{"mrn": "1",', "no JSON at column"),
        ("[1]", "an entry is not an object"),
        ('[{"mrn": "1", "family": "S", "birth_date": "1970-01-31", "dog": 1}]', "unknown field 'dog'"),
        ('[{"patient": {"mrn": 7}}]', "mrn is not an object"),
        (b"\x00\x01\x02", "it is no text"),
        ("[" * 100_000, "nested too deep"),
        (f"[{'9' * 5000}]", "it holds a number that is too long"),
        (f'"{"x" * 200_000}",mrn\n', "the first line can't be read"),
    ],
)
def test_a_file_that_is_none(text, said):
    assert faults(text)[0][1].startswith(said)


def test_a_heading_that_is_not_needed_is_passed_over_when_asked():
    assert taken("mrn,family,birth_date,shoe size\nTP-1,Sample,1970-01-31,42\n", ignore=["Shoe Size"])


def test_json_faults_bear_the_line_of_their_entry():
    text = '[\n  {"mrn": "1", "family": "S", "birth_date": "1970-01-31"},\n\n  {"mrn": "2", "family": "T"}\n]'
    assert faults(text) == [(4, "birth_date is empty")]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1950-03-04", "1950-03-04"),
        ("19500304", "1950-03-04"),
        ("1950/03/04", "1950-03-04"),
        ("1950-03-04T00:00:00Z", "1950-03-04"),
        ("4-Mar-1950", "1950-03-04"),
        ("Mar 4, 1950", "1950-03-04"),
        ("4 March 1950", "1950-03-04"),
        ("12/25/1950", "1950-12-25"),
        ("25.12.1950", "1950-12-25"),
        ("5/5/1950", "1950-05-05"),
    ],
)
def test_days_that_can_be_read_in_one_way(text, day):
    assert day_of(text) == day


def test_which_number_is_the_month_is_said_or_asked():
    assert day_of("3/4/1950", "month-first") == "1950-03-04"
    assert day_of("3/4/1950", "day-first") == "1950-04-03"
    for text in ("3/4/1950", "13/13/1950", "3/4/50", "yesterday", "4 Foo 1950"):
        with pytest.raises(DateError):
            day_of(text)
    with pytest.raises(DateError):
        day_of("25/12/1950", "month-first")


_MARKS = ["mrn", "\n", '"', ",", ";", "[", "{", "}", "]", "null", "\x00", "\x85"]
PIECES = st.sampled_from([*TABLE.split(","), *json.dumps([REQUEST]).split(" "), *_MARKS])


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=60).map(lambda parts: ",".join(parts).encode()) | st.binary(max_size=200))
def test_whatever_the_file_is_it_is_taken_or_its_faults_are_named(data):
    found = read_file(data)
    assert found.patients or found.faults
    assert all(fault.line >= 1 and fault.text for fault in found.faults)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [*REQUEST, "mrn", "family", "birth_date", "problems", "address", "provider", "diagnoses"]
)


@settings(max_examples=200)
@given(
    st.lists(st.dictionaries(KEYS, VALUES | st.just(REQUEST["patient"]), max_size=5), min_size=1, max_size=3)
)
def test_whatever_json_says_it_is_taken_or_its_faults_are_named(entries):
    found = read_file(json.dumps(entries).encode())
    assert found.patients or found.faults
