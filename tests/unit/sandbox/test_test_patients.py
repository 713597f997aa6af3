"""The file of test patients, and who is one of them."""

import json

import pytest

from interface.sandbox.test_patients import TestPatientsError, patients_of, read_test_patients

CSV = "mrn,family,birth_date,given\nT1,Okafor,1980-02-03,Ada\nT2, Lindqvist ,1951-12-31,Bo\n"
JSON = json.dumps(
    [
        {"mrn": "T1", "family": "Okafor", "birth_date": "1980-02-03", "given": ["Ada"]},
        {"mrn": "T2", "family": "Lindqvist", "birth_date": "1951-12-31"},
    ]
)


def read(tmp_path, text):
    path = tmp_path / "patients"
    path.write_text(text, "utf-8")
    return read_test_patients(path)


def a_patient(mrn="T1", family="Okafor", birth_date="1980-02-03"):
    return {"mrn": {"root": "1.2", "extension": mrn}, "name": {"family": family}, "birthDate": birth_date}


@pytest.mark.parametrize(
    "text", [CSV, "\ufeff" + CSV, CSV.replace("\n", "\r\n"), JSON], ids=["csv", "BOM", "CRLF", "json"]
)
def test_a_patient_is_known_by_number_name_and_birth_date_together(tmp_path, text):
    known = read(tmp_path, text)
    assert known.knows(a_patient())
    assert known.knows(a_patient(family="OKAFOR"))
    assert known.knows(a_patient("T2", "Lindqvist", "1951-12-31"))
    for other in ({"mrn": "T2"}, {"family": "Okafo"}, {"birth_date": "1980-02-04"}):
        assert not known.knows(a_patient(**other))


@pytest.mark.parametrize(
    "patient", [{}, {"mrn": None, "name": []}, {"mrn": {"extension": 1}, "birthDate": {}}]
)
def test_what_is_no_patient_is_not_known(tmp_path, patient):
    assert not read(tmp_path, CSV).knows(patient)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the file is empty"),
        ("mrn,family\n1,a\n", "line 1: there is no heading birth_date"),
        (
            "mrn,family,birth_date\n1,,1980-02-30\n2,b,1980-02-30\n",
            "line 2: birth_date is no date; write 1950-03-04; line 2: family is empty; "
            "line 3: birth_date is no date; write 1950-03-04",
        ),
        ("[{]", "line 1: no JSON at column 3"),
        ("mrn,family,birth_date\n" + "".join(f"{n},,\n" for n in range(8)), "; and 6 more"),
    ],
    ids=["empty", "no heading", "bad lines", "no JSON", "many"],
)
def test_a_bad_file_is_refused_with_the_lines_and_without_what_is_in_them(tmp_path, text, told):
    with pytest.raises(TestPatientsError) as error:
        read(tmp_path, text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert "1980" not in str(error.value)


def test_a_name_is_compared_without_what_a_request_may_not_hold(tmp_path):
    known = read(tmp_path, 'mrn,family,birth_date\nT1,"Okafor; ""Bo""",1980-02-03\n')
    assert known.knows(a_patient(family="Okafor Bo"))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(TestPatientsError, match="no such file"):
        read_test_patients(tmp_path / "none")


def test_the_patients_of_a_request_are_found_in_both_versions_and_in_garbage():
    assert patients_of({"patient": {"a": 1}}) == ({"a": 1},)
    assert patients_of({"patientProcessingRequests": [{"patient": {"a": 1}}, None, {"patient": 3}]}) == (
        {"a": 1},
        {},
        {},
    )
    assert patients_of({}) == ({},)
    assert patients_of([]) == patients_of(None) == ()
