"""What `explain` says of each value: its source and its rule; what was left out and why; never a value in a reason."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from interface.rules import RequestDefaults, load_rulebook

ORDER = (
    "ORC|NW|P1|||||||||||||20260201||||||Lakeside|1 Lake^^Madison^WI^53703",
    "RXE|^BID|860975^metformin^RXNORM|1||TAB||^1 twice a day|||30||2" + "|" * 13 + "500|MG",
    "RXR|PO^Oral",
)
DG1 = "DG1|1||E119^Diabetes^I10||20240105"
SOURCES = {
    "patient.mrn.root": ("settings:site.mrn_root", "patient.yaml#mrn_root"),
    "patient.mrn.extension": ("PID-3.1", "patient.yaml#mrn"),
    "patient.name.family": ("PID-5.1", "patient.yaml#name"),
    "patient.name.given[0]": ("PID-5.2", "patient.yaml#name"),
    "patient.name.given[1]": ("PID-5.3", "patient.yaml#name"),
    "patient.gender": ("PID-8", "patient.yaml#gender"),
    "patient.birthDate": ("PID-7", "patient.yaml#birth_date"),
    "patient.address.lines[0]": ("PID-11.1", "patient.yaml#address"),
    "patient.address.city": ("PID-11.3", "patient.yaml#address"),
    "patient.address.state": ("PID-11.4", "patient.yaml#address"),
    "patient.address.zip": ("PID-11.5", "patient.yaml#address"),
    "patient.contactPoints[0].value": ("PID-13.1", "patient.yaml#home_contacts"),
    "patient.contactPoints[0].contactPointSystem": ("PID-13.3", "patient.yaml#home_contacts"),
    "patient.contactPoints[0].contactPointUse": ("PID-13.2", "patient.yaml#home_contacts"),
    "upcomingAppointmentDate": ("SCH-11.4", "appointment.yaml#date"),
    "upcomingAppointmentProvider.npi": ("AIP-3.1", "appointment.yaml#provider"),
    "upcomingAppointmentProvider.name.family": ("AIP-3.2", "appointment.yaml#provider"),
    "upcomingAppointmentProvider.name.given[0]": ("AIP-3.3", "appointment.yaml#provider"),
    "upcomingAppointmentProvider.name.prefix": ("AIP-3.6", "appointment.yaml#provider"),
    "clinicName": ("MSH-4.1", "appointment.yaml#clinic_name"),
    "activeIcd10Diagnoses[0].code": ("M1:DG1-3.1", "problems.yaml#diagnosis"),
    "activeIcd10Diagnoses[0].displayName": ("M1:DG1-3.2", "problems.yaml#diagnosis"),
    "activeIcd10Diagnoses[0].date": ("M1:DG1-5", "problems.yaml#diagnosis_date"),
    "medications[0].active": ("M1:ORC-1", "medications.yaml#control"),
    "medications[0].nameCode.code": ("M1:RXE-2.1", "medications.yaml#name_code"),
    "medications[0].nameCode.displayName": ("M1:RXE-2.2", "medications.yaml#name_code"),
    "medications[0].medicationRequests[0].code.code": ("M1:RXE-2.1", "medications.yaml#product"),
    "medications[0].medicationRequests[0].route.code": ("M1:RXR-1.1", "medications.yaml#route"),
    "medications[0].medicationRequests[0].route.displayName": ("M1:RXR-1.2", "medications.yaml#route"),
    "medications[0].medicationRequests[0].prescribedDate": ("M1:ORC-15", "medications.yaml#prescribed_date"),
    "medications[0].medicationRequests[0].facility.name": ("M1:ORC-21.1", "medications.yaml#facility"),
    "medications[0].medicationRequests[0].facility.address.zip": ("M1:ORC-22.5", "medications.yaml#facility"),
    "medications[0].medicationRequests[0].initialFillQuantity": ("M1:RXE-10", "medications.yaml#quantity"),
    "medications[0].medicationRequests[0].numberOfRefillsAllowed": ("M1:RXE-12", "medications.yaml#refills"),
    "medications[0].medicationRequests[0].timingEvent": ("M1:RXE-1.2.1", "medications.yaml#timing"),
    "medications[0].medicationRequests[0].dosageInstruction.text": ("M1:RXE-7.2", "medications.yaml#sig"),
    "medications[0].medicationRequests[0].dosageInstruction.amountValue": ("M1:RXE-3", "medications.yaml#dose"),
    "medications[0].medicationRequests[0].dosageInstruction.amountUnit": ("M1:RXE-5", "medications.yaml#dose"),
    "medications[0].medicationRequests[0].dosageInstruction.strengthValue": (
        "M1:RXE-25", "medications.yaml#strength"
    ),
    "medications[0].medicationRequests[0].dosageInstruction.strengthUnit": (
        "M1:RXE-26", "medications.yaml#strength"
    ),
}  # fmt: skip


def scalars(value, where=""):
    """Every scalar of a request by its path."""
    if isinstance(value, dict):
        return {
            k: v for key, part in value.items() for k, v in scalars(part, f"{where}.{key}".strip(".")).items()
        }
    if isinstance(value, list):
        return {k: v for n, part in enumerate(value) for k, v in scalars(part, f"{where}[{n}]").items()}
    return {where: value}


@pytest.fixture
def answer(story):
    told = story()
    told.tell("RDE^O11", told.PID, DG1, *ORDER)
    return told.book()


@pytest.mark.parametrize("field", SOURCES)
def test_a_value_names_its_source_and_its_rule(answer, field):
    (entry,) = [entry for entry in answer["fields"] if entry["field"] == field]
    assert (entry["source"], entry["rule"]) == SOURCES[field]


def test_every_value_has_its_source_and_no_other_does(answer):
    assert {entry["field"]: entry["value"] for entry in answer["fields"]} == scalars(answer["request"])
    assert len(answer["fields"]) == len(scalars(answer["request"]))


def test_every_rule_named_stands_in_its_file(answer):
    for entry in answer["fields"]:
        file, name = entry["rule"].split("#")
        assert re.search(rf"(?m)^  {name}:", (resources.files("mappings") / file).read_text()), entry


def test_the_second_of_a_kind_is_numbered(story):
    told = story()
    pid = told.pid(
        f3="9^^^^SS~T1^^^^MR", f5="Alias^Al^^^^^A~Legal^Lee^^^^^L", f13="608-555-0142~608-555-0143"
    )
    answer = told.book(DG1, DG1.replace("E119", "J45"), pid=pid)
    sources = {entry["field"]: entry["source"] for entry in answer["fields"]}
    assert sources["patient.mrn.extension"] == "PID-3[2].1"
    assert sources["patient.name.family"] == "PID-5[2].1"
    assert sources["patient.contactPoints[1].value"] == "PID-13[2].1"
    assert sources["activeIcd10Diagnoses[1].code"] == "DG1[2]-3.1"


def test_settings_name_themselves(story):
    request = RequestDefaults(batch_id="B1", diagnostic_categories=("cardiovascular",), summary_months=12)
    answer = story(request=request).book()
    told = {entry["field"]: (entry["source"], entry["rule"]) for entry in answer["fields"]}
    assert told["batchId"] == ("settings:request.batch_id", "request.yaml#batch_id")
    assert (
        told["directives.diagnosticCategories.cardiovascular"][0] == "settings:request.diagnostic_categories"
    )
    assert {entry["field"]: entry["value"] for entry in answer["fields"]} == scalars(answer["request"])


@pytest.mark.parametrize(
    ("segments", "pid", "source", "value"),
    [
        (["DG1|1||4711^Sugar^IMO"], {}, "DG1-3.1", "4711"),
        (["DG1|1||0DTJ4ZZ^Cut^I10P"], {}, "DG1-3.1", "0DTJ4ZZ"),
        (["DG1|1||E119^D^I10||2024"], {}, "DG1-5", "2024"),
        ([], {"f8": "Q7"}, "PID-8", "Q7"),
        ([], {"f11": "1 Way^^Madison^W1^53703"}, "PID-11.4", "W1"),
        ([], {"f13": "608-555-0142^PRN^FX"}, "PID-13.1", "608-555-0142"),
        ([], {"f7": "1970"}, "PID-7", "1970"),
    ],
)
def test_what_is_left_out_names_its_place_and_the_reason(story, segments, pid, source, value):
    told = story()
    answer = told.book(*segments, pid=told.pid(**pid))
    found = [entry for entry in answer["left_out"] if entry["source"] == source]
    assert [entry["value"] for entry in found] == [value]
    assert all(entry["why"] for entry in found)


SECRETS = (
    "Zyxwv",
    "Qponm",
    "19230517",
    "1923-05-17",
    "98765",
    "Elmhurst",
    "Lkjih",
    "XT77",
    "5550199",
    "K9Z 8Y7",
)


@pytest.mark.parametrize(
    "pid",
    [
        {"f3": "XT77;^^^LFC^MR"},
        {"f3": "XT77^^^A^MR~98765^^^B^MR"},
        {"f3": "XT77^^^LFC^SS"},
        {"f5": "Zyxwv"},
        {"f5": "Zyxwv^<>"},
        {"f5": "Zyxwv^Qponm^^^^^A"},
        {"f7": "19230517999"},
        {"f7": "Zyxwv"},
        {"f7": "21230517"},
        {"f11": "98765 Elmhurst^^Lkjih^ON^K9Z 8Y7^Lkjih^H"},
        {"f11": "98765 Elmhurst^^Lkjih^ON^K9Z 8Y7^CAN^H"},
        {"f11": "98765 Elmhurst^^Lkjih^WI^98765^^B"},
        {"f30": "Y"},
        {"f31": "Y"},
    ],
)
def test_no_reason_holds_a_value_of_the_message(story, pid):
    told = story()
    fields = {"f5": "Zyxwv^Qponm", "f7": "19230517", "f13": "6085550199", **pid}
    answer = told.book("AIP|2||98765^Lkjih", pid=told.pid(**fields))
    texts = [reason["code"] + reason["text"] for reason in answer["reasons"]]
    texts += [reason.text for change in told.changes for reason in change.reasons]
    texts += answer["said"]
    assert answer["decision"] in ("hold", "chart")
    assert not [text for text in texts for secret in SECRETS if secret in text]


def test_the_same_is_so_of_clinicians_and_dates(story):
    told = story()
    sch = "SCH||F1|||||||||^^^19230517"
    for segments in (
        (sch.replace("19230517", "Zyxwv"), told.PID),
        (sch, told.PID, "AIP|1||98765^Zyxwv^Qponm"),
    ):
        answer = told.tell("SIU^S12", *segments)
        texts = [reason["text"] for reason in answer["reasons"]] + answer["said"]
        assert texts
        assert not [text for text in texts for secret in SECRETS if secret in text]


def test_every_rule_of_the_mapping_is_a_field_of_a_known_kind():
    book = load_rulebook()
    names = [rule.name for rule in (*book.message, *book.problems["DG1"], *book.orders["order"])]
    assert len(names) == len(set(names))
    assert {rule.field for rule in book.settings.values()} >= {"batchId", "patient.mrn.root"}
