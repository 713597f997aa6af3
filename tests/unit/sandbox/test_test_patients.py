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
    "text",
    [
        "",
        "mrn,family\n1,a\n",
        "mrn,family,birth_date\n",
        "mrn,family,birth_date\n1,,1980-02-30\n",
        "[{]",
        "{}",
        "[3]",
    ],
)
def test_a_bad_file_is_refused_in_one_line_as_the_import_refuses_it(tmp_path, text):
    with pytest.raises(
        TestPatientsError, match=r"^--test-patients .*: (line 1|line 2|there is no patient)"
    ) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


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
