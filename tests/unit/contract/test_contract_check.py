"""What the check says of a request, and how its body is written."""

import copy
import json
from datetime import date

import pytest
from pydantic import ValidationError

from interface.contract import common, v1
from interface.contract.checking import Checking
from interface.contract.files import contract_file

TODAY = date(2026, 3, 5)
EXAMPLES = {
    name: example["value"]
    for name, example in contract_file(1)["components"]["requestBodies"]["ScheduledAppointment"]["content"][
        "application/json"
    ]["examples"].items()
}
GONE = object()


@pytest.fixture
def request_():
    return copy.deepcopy(EXAMPLES["populated"])


def put(request, path, value):
    """Set or take away (`GONE`) the value at a path of keys and positions."""
    *before, last = path
    for step in before:
        request = request[step]
    if value is GONE:
        del request[last]
    else:
        request[last] = value


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_contract_may_be_sent(name):
    assert v1.check(EXAMPLES[name], TODAY) == ()
    assert json.loads(v1.body(EXAMPLES[name], TODAY)) == EXAMPLES[name]


PRESCRIPTION = ("medications", 0, "medicationRequests", 0)
REFUSED = [
    # path, value, field, problem, text after the field
    (("patient",), GONE, "patient", "missing", "is missing"),
    (("patient", "address", "zip"), GONE, "patient.address.zip", "missing", "is missing"),
    (("patient", "address", "zip"), None, "patient.address.zip", "missing", "is missing"),
    (("patient", "address", "zip"), "", "patient.address.zip", "missing", "is empty"),
    (("patient", "name", "given"), [], "patient.name.given", "missing", "is empty"),
    (("patient", "name", "given"), "Avery", "patient.name.given", "invalid", "is not a list"),
    (("patient", "name", "given"), ["A;"], "patient.name.given[0]", "invalid", 'holds one of < > " % ; + @'),
    (("patient", "name", "family"), "A@b", "patient.name.family", "invalid", 'holds one of < > " % ; + @'),
    (("patient", "name"), "x", "patient.name", "invalid", "is not an object"),
    (("patient", "mrn", "extension"), "1(2)", "patient.mrn.extension", "invalid",
     'holds one of ( ) < > " % ; + @'),
    (("patient", "address", "zip"), "12207-0001", "patient.address.zip", "invalid",
     "is not five digits, or is 00000"),
    (("patient", "address", "zip"), "00000", "patient.address.zip", "invalid",
     "is not five digits, or is 00000"),
    (("patient", "address", "zip"), "12207\n", "patient.address.zip", "invalid",
     "is not five digits, or is 00000"),
    (("patient", "address", "zip"), 12207, "patient.address.zip", "invalid", "is not text"),
    (("patient", "address", "state"), "New York", "patient.address.state", "invalid",
     "is neither two letters nor blank"),
    (("patient", "address", "state"), "\u00a0", "patient.address.state", "invalid",
     "is neither two letters nor blank"),
    (("patient", "address", "zip"), "١٢٣٤٥", "patient.address.zip", "invalid",
     "is not five digits, or is 00000"),
    (("patient", "gender"), "female", "patient.gender", "invalid",
     "is not one of MALE, FEMALE, OTHER or UNKNOWN"),
    (("patient", "birthDate"), "2026-03-06", "patient.birthDate", "invalid", "lies in the future"),
    (("patient", "birthDate"), "1901-03-04", "patient.birthDate", "invalid",
     "lies more than 125 years back"),
    (("patient", "birthDate"), "19700131", "patient.birthDate", "invalid", "is not a date as yyyy-MM-dd"),
    (("patient", "birthDate"), "1970-W05-6", "patient.birthDate", "invalid", "is not a date as yyyy-MM-dd"),
    (("patient", "birthDate"), "1970-02-30", "patient.birthDate", "invalid", "is not a date as yyyy-MM-dd"),
    (("upcomingAppointmentProvider", "npi"), "123456789", "upcomingAppointmentProvider.npi", "invalid",
     "does not have exactly 10 characters"),
    (("clinicNpi",), "12345678931", "clinicNpi", "invalid", "does not have exactly 10 characters"),
    (("clinicNpi",), "", "clinicNpi", "missing", "is empty"),
    (("responseDirectAddress",), "nobody", "responseDirectAddress", "invalid", "is not an e-mail address"),
    (("activeIcd10Diagnoses", 0, "code"), "", "activeIcd10Diagnoses[0].code", "missing", "is empty"),
    (("activeIcd10Diagnoses", 0, "date"), "2021", "activeIcd10Diagnoses[0].date", "invalid",
     "is not a date as yyyy-MM-dd"),
    (("medications", 0, "active"), "true", "medications[0].active", "invalid", "is neither true nor false"),
    ((*PRESCRIPTION, "numberOfRefillsAllowed"), 3.5, "medications[0].medicationRequests[0].numberOfRefillsAllowed",
     "invalid", "is not a whole number"),
    ((*PRESCRIPTION, "numberOfRefillsAllowed"), 2**31,
     "medications[0].medicationRequests[0].numberOfRefillsAllowed", "invalid", "is out of range"),
    ((*PRESCRIPTION, "frequencyValue"), "1", "medications[0].medicationRequests[0].frequencyValue",
     "invalid", "is not a number"),
    ((*PRESCRIPTION, "frequencyValue"), True, "medications[0].medicationRequests[0].frequencyValue",
     "invalid", "is not a number"),
    ((*PRESCRIPTION, "frequencyValue"), float("nan"),
     "medications[0].medicationRequests[0].frequencyValue", "invalid", "is not a number"),
    ((*PRESCRIPTION, "frequencyValue"), 10**400,
     "medications[0].medicationRequests[0].frequencyValue", "invalid", "is not a number"),
    ((*PRESCRIPTION, "dosageInstruction", "strengthUnit"), "%",
     "medications[0].medicationRequests[0].dosageInstruction.strengthUnit", "invalid",
     'holds one of < > " % ; + @'),
    (("clinicalNotes", 0, "lines"), ["\ud800"], "clinicalNotes[0].lines[0]", "invalid",
     "holds what is no Unicode character"),
    (("allergies",), [], "allergies", "invalid", "is not a field of the contract"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "field", "problem", "said"), REFUSED, ids=[f"{row[2]} {row[4]}" for row in REFUSED]
)
def test_a_broken_rule_is_told_by_field_and_rule(request_, path, value, field, problem, said):
    put(request_, path, value)
    assert v1.check(request_, TODAY) == (v1.Violation(field, problem, f"{field} {said}"),)
    assert v1.validated(request_, TODAY) == (None, v1.check(request_, TODAY))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("patient", "birthDate"), "2026-03-05"),
        (("patient", "birthDate"), "1901-03-05"),
        (("patient", "name", "given"), [""]),
        (("patient", "address", "state"), ""),
        (("patient", "address", "state"), "ny"),
        (("upcomingAppointmentProvider", "npi"), "not digits"),
        (("medications", 0, "nameCode", "displayName"), "50% <b>; +@"),
        (("activeIcd10Diagnoses",), []),
        (("upcomingAppointmentDate",), "1999-12-31"),
    ],
)
def test_what_the_contract_does_not_forbid_may_be_sent(request_, path, value):
    put(request_, path, value)
    assert v1.check(request_, TODAY) == ()


def test_every_broken_rule_is_told_at_once(request_):
    request_["patient"]["birthDate"] = "2030-01-01"
    del request_["patient"]["address"]["zip"]
    del request_["directives"]
    assert [violation.field for violation in v1.check(request_, TODAY)] == [
        "patient.birthDate",
        "patient.address.zip",
        "directives.diagnosticCategories",
    ]


@pytest.mark.parametrize("value", [[], "text", None, 3])
def test_what_is_no_object_is_refused_whole(value):
    ((field, text),) = [(each.field, each.text) for each in v1.check(value, TODAY)]
    assert field == ""
    assert text.startswith("the request ")


@pytest.mark.parametrize(
    "directives",
    [
        GONE,
        None,
        {},
        {"diagnosticCategories": {}},
        {"diagnosticCategories": None},
        {"diagnosticCategories": {"dental": False}},
    ],
)
def test_a_summary_period_needs_a_category(request_, directives):
    put(request_, ("directives",), directives)
    (violation,) = v1.check(request_, TODAY)
    assert (violation.field, violation.problem) == ("directives.diagnosticCategories", "missing")
    with pytest.raises(ValidationError):
        v1.ScheduledAppointment.model_validate(request_)
    del request_["medicalSummaryPeriod"]
    assert v1.check(request_, TODAY) == ()


def test_no_text_repeats_a_value(request_):
    marks = {
        ("patient", "name", "family"): "Zzyzx;",
        ("patient", "gender"): "Zzyzx",
        ("patient", "birthDate"): "Zzyzx",
        ("patient", "address", "zip"): "Zzyzx",
        ("patient", "mrn", "extension"): "Zzyzx()",
        ("clinicNpi",): "Zzyzx",
        ("responseDirectAddress",): "Zzyzx",
        ("medications", 0, "active"): "Zzyzx",
        (*PRESCRIPTION, "frequencyValue"): "Zzyzx",
    }
    for path, value in marks.items():
        put(request_, path, value)
    with pytest.raises(v1.ContractError) as caught:
        v1.body(request_, TODAY)
    assert len(caught.value.violations) == len(marks)
    assert "Zzyzx" not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValidationError) as raw:
        v1.ScheduledAppointment.model_validate(request_)
    assert "Zzyzx" not in str(raw.value)


def test_the_body_never_holds_a_null(request_):
    request_["clinicName"] = None
    request_["patient"]["address"]["city"] = None
    request_["directives"]["newPatient"] = None
    written = v1.body(request_, TODAY)
    assert b"null" not in written
    assert b"clinicName" not in written


def test_the_body_has_the_order_of_the_contract_whatever_the_order_given(request_):
    def reverse(value):
        if isinstance(value, dict):
            return {key: reverse(inner) for key, inner in reversed(value.items())}
        return [reverse(inner) for inner in value] if isinstance(value, list) else value

    turned = reverse(request_)
    assert list(turned) != list(request_)
    assert v1.body(turned, TODAY) == v1.body(request_, TODAY)
    assert list(json.loads(v1.body(turned, TODAY))) == [
        name for name in v1.ScheduledAppointment.model_fields if name in request_
    ]


def test_numbers_are_written_as_given(request_):
    dosage = request_["medications"][0]["medicationRequests"][0]["dosageInstruction"]
    dosage["strengthValue"], dosage["amountValue"] = 10, 0.5
    written = v1.body(request_, TODAY)
    assert b'"strengthValue":10,' in written
    assert b'"amountValue":0.5' in written


def test_letters_beyond_ascii_are_written_as_utf8(request_):
    request_["patient"]["name"]["family"] = "Muñoz–李"
    assert "Muñoz–李".encode() in v1.body(request_, TODAY)


def test_the_request_given_is_left_alone(request_):
    before = copy.deepcopy(request_)
    v1.validated(request_, TODAY)
    assert request_ == before


def test_a_model_cannot_be_changed_or_built_wrong(request_):
    model = v1.ScheduledAppointment.model_validate(request_)
    with pytest.raises(ValidationError):
        model.clinicName = "other"
    with pytest.raises(ValidationError):
        v1.PersonName(family="A", given=())
    assert isinstance(model.patient.name.given, tuple)


@pytest.mark.parametrize(
    ("field", "clean"),
    [
        ("patient.name.given[0]", True),
        ("patient.name.given[]", True),
        ("activeIcd10Diagnoses[12].code", True),
        ("medications[3].medicationRequests[0].dosageInstruction.strengthUnit", True),
        ("medications[3].medicationRequests[0].dosageInstruction.text", False),
        ("activeIcd10Diagnoses[12].displayName", False),
        ("patient.mrn.extension", False),
    ],
)
def test_a_field_is_known_to_be_clean_text_or_not(field, clean):
    assert common.is_clean_field(field) is clean


def test_clean_text_holds_none_of_the_forbidden_characters():
    assert common.is_clean("O'Neil-Smith, Jr. (III) & Co.")
    assert not any(common.is_clean(f"a{character}b") for character in '<>"%;+@')
    assert common.is_clean_mrn("A-12") and not common.is_clean_mrn("A(12")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(True, 1), (1, 1.0), (1, True), (1.5, float("nan"))],
    ids=["flag", "count", "one", "nan"],
)
def test_a_value_that_only_equals_what_was_right_before_is_refused(request_, right, wrong):
    places = {
        bool: ("medications", 0, "active"),
        int: (*PRESCRIPTION, "numberOfRefillsAllowed"),
        float: (*PRESCRIPTION, "initialFillQuantity"),
    }
    put(request_, places[type(right)], right)
    assert v1.validated(request_, TODAY)[1] == ()
    put(request_, places[type(right)], wrong)
    body, violations = v1.validated(request_, TODAY)
    assert (body, len(violations)) == (None, 1)


def test_a_birth_date_is_held_against_each_day_anew(request_):
    put(request_, ("patient", "birthDate"), "2026-03-05")
    assert v1.validated(request_, TODAY)[1] == ()
    assert v1.validated(request_, date(2026, 3, 4))[0] is None
    assert v1.validated(request_, TODAY)[1] == ()


def test_what_json_does_not_have_is_refused(request_):
    put(request_, ("upcomingAppointmentDate",), date(2026, 3, 9))
    assert v1.validated(request_, TODAY)[0] is None


def test_no_more_is_kept_of_checked_values_than_the_limit(request_):
    checking = Checking(v1.ScheduledAppointment, lambda _: False)
    for number in range(1100):
        put(request_, ("clinicName",), f"Clinic {number}")
        assert checking.validated(request_, TODAY)[1] == ()
    fields = len([name for name in request_ if name in v1.ScheduledAppointment.model_fields])
    kept = checking.kept
    assert 512 <= kept - (fields - 1) <= 1024
    put(request_, ("clinicName",), "C" * 9000)
    assert checking.validated(request_, TODAY)[1] == ()
    assert checking.kept == kept
    checking.forget()
    assert checking.kept == 0
