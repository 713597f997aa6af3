"""What the check of version 2 says of one patient's entry, and how entries become a panel."""

import copy
import json
from datetime import date

import pytest
from pydantic import ValidationError

from interface.contract import v2
from interface.contract.files import contract_file
from interface.sandbox.judge import Judge

TODAY = date(2026, 3, 5)
(ENTRY,) = contract_file(2)["components"]["requestBodies"]["Panel"]["content"]["application/json"][
    "examples"
]["minimal"]["value"]["patientProcessingRequests"]


@pytest.fixture
def entry():
    return copy.deepcopy(ENTRY)


def test_the_example_of_the_contract_may_be_sent():
    assert v2.check(ENTRY, TODAY) == ()
    assert json.loads(v2.body(ENTRY, TODAY)) == ENTRY


def test_an_entry_needs_no_appointment(entry):
    assert "upcomingAppointmentDate" not in entry
    entry["upcomingAppointmentDate"] = "2026-03-10"
    assert v2.check(entry, TODAY) == ()


@pytest.mark.parametrize(
    ("addresses", "field", "problem", "said"),
    [
        ([], "patient.addresses", "missing", "is empty"),
        ([{"zip": "12207"}] * 4, "patient.addresses", "invalid", "has more than 3 entries"),
        ([{"zip": "12207"}, {"city": "Albany"}], "patient.addresses[1].zip", "missing", "is missing"),
        ([None], "patient.addresses[0]", "missing", "is missing"),
    ],
)
def test_a_patient_has_one_to_three_addresses(entry, addresses, field, problem, said):
    entry["patient"]["addresses"] = addresses
    assert v2.check(entry, TODAY) == (v2.Violation(field, problem, f"{field} {said}"),)


@pytest.mark.parametrize("part", ["code", "codeSystem", "displayName", "active"])
def test_a_diagnosis_names_its_system_and_whether_it_is_active(entry, part):
    diagnosis = {"code": "I10", "codeSystem": "2.16.840.1.113883.6.90", "displayName": "x", "active": False}
    entry["diagnoses"] = [diagnosis]
    assert v2.check(entry, TODAY) == ()
    del diagnosis[part]
    assert [violation.field for violation in v2.check(entry, TODAY)] == [f"diagnoses[0].{part}"]


@pytest.mark.parametrize(
    "field", ["responseFaxNumber", "upcomingAppointmentProvider", "medicalSummaryPeriod", "batchId"]
)
def test_what_only_version_1_has_in_a_request_is_refused(entry, field):
    entry[field] = "3125550142"
    (violation,) = v2.check(entry, TODAY)
    assert violation.text == f"{field} is not a field of the contract"


@pytest.mark.parametrize("categories", [None, {}, {"dental": False}])
def test_a_summary_period_needs_a_category(entry, categories):
    entry["directives"] = {
        "medicalSummaryPeriod": {"startDate": "2024-03-10"},
        "diagnosticCategories": categories,
    }
    (violation,) = v2.check(entry, TODAY)
    assert (violation.field, violation.problem) == ("directives.diagnosticCategories", "missing")
    with pytest.raises(ValidationError):
        v2.PatientProcessingRequest.model_validate(entry)
    entry["directives"]["diagnosticCategories"] = {"dental": True}
    assert v2.check(entry, TODAY) == ()


def test_a_broken_entry_has_no_body_and_no_value_in_the_error(entry):
    entry["patient"]["name"]["family"] = "Zzyzx;"
    assert v2.validated(entry, TODAY)[0] is None
    with pytest.raises(v2.ContractError) as caught:
        v2.body(entry, TODAY)
    assert "Zzyzx" not in str(caught.value)


def test_entries_in_a_panel_are_the_bytes_that_were_stored(entry):
    first = v2.body(entry, TODAY)
    entry["patient"]["name"]["family"] = "Muñoz"
    second = v2.body(entry, TODAY)
    sent = v2.panel([first, second], "Lakeside ü")
    assert first in sent and second in sent
    document = json.loads(sent)
    assert list(document) == ["patientProcessingRequests", "batchId"]
    assert document["batchId"] == "Lakeside ü"
    assert Judge().judge(2, document, TODAY) == ()


def test_without_a_batch_id_a_panel_has_none(entry):
    assert json.loads(v2.panel([v2.body(entry, TODAY)])) == {"patientProcessingRequests": [entry]}
