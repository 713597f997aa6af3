"""Names of fields, of requests and of charts, as people call them: `patient.birthDate` is the date of birth."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADS: Mapping[str, str] = {
    "patient": "patient",
    "patient.mrn": "medical record number",
    "patient.mrn.extension": "medical record number",
    "patient.mrn.root": "authority of the record number",
    "patient.name": "name",
    "patient.name.family": "family name",
    "patient.name.given": "given name",
    "patient.name.prefix": "prefix of the name",
    "patient.name.suffix": "suffix of the name",
    "patient.birthDate": "date of birth",
    "patient.gender": "sex",
    "patient.address": "address",
    "patient.addresses": "address",
    "patient.otherAddresses": "other address",
    "patient.contactPoints": "contact",
    "patient.contactPoints.home": "home contact",
    "patient.contactPoints.work": "work contact",
    "patient.contactPoints.other": "other contact",
    "patient.deceased": "deceased",
    "patient.identityUnknown": "identity unknown",
    "patient.protected": "protected",
    "patient.protectedVisit": "protected by a visit",
    "patient.restricted": "access restriction",
    "numbers": "number",
    "upcomingAppointmentDate": "day of the appointment",
    "upcomingAppointmentProvider": "clinician",
    "requestingProvider": "clinician",
    "clinicName": "clinic",
    "clinicNpi": "clinic's NPI",
    "appointment": "appointment",
    "appointment.id": "appointment's number",
    "appointment.placer": "placer's number",
    "appointment.type": "type of the appointment",
    "appointment.status": "status",
    "appointments": "appointment",
    "responseDirectAddress": "Direct address for answers",
    "responseFaxNumber": "fax number for answers",
    "responseFriendlyName": "name for answers",
    "batchId": "batch",
    "medicalSummaryPeriod": "period of the summary",
    "directives": "options",
    "directives.newPatient": "new patient",
    "directives.diagnosticCategories": "diagnostic categories",
    "directives.medicationsOfInterest": "medications of interest",
    "directives.medicalSummaryPeriod": "period of the summary",
    "activeIcd10Diagnoses": "ICD-10 diagnosis",
    "activeIcd9Diagnoses": "ICD-9 diagnosis",
    "activeSnomedDiagnoses": "SNOMED diagnosis",
    "diagnoses": "diagnosis",
    "problem": "problem",
    "problems": "problem",
    "medication": "medication",
    "medications": "medication",
    "medications.nameCode": "medication",
    "medication.nameCode": "medication",
    "medications.classCode": "class of the medication",
    "medications.scheduleCode": "schedule of the medication",
    "medication.scheduleCode": "schedule of the medication",
    "medications.medicationRequests": "prescription",
    "medications.medicationRequests.code": "prescribed product",
    "medications.medicationRequests.dosageInstruction": "dosage",
    "medications.medicationRequests.facility": "pharmacy or clinic",
    "medications.medicationRequests.form": "form",
    "medications.medicationRequests.prescriber": "prescriber",
    "medications.medicationRequests.route": "route",
    "order": "order",
    "order.duration": "days it runs",
    "order.filler": "filler's number",
    "order.placer": "placer's number",
    "order.prescription": "prescription number",
    "order.parent": "order it takes the place of",
    "order.start": "from",
    "order.stop": "to",
    "prescription": "prescription",
    "prescription.code": "prescribed product",
    "prescription.dose": "dose",
    "prescription.facility": "pharmacy or clinic",
    "prescription.form": "form",
    "prescription.prescriber": "prescriber",
    "prescription.route": "route",
    "prescription.strength": "strength",
    "prescription.text": "directions",
    "prescription.timing": "how often",
    "clinicalNotes": "clinical note",
    "visit": "visit",
    "visit.number": "visit number",
}
"""Of what a field is a part, by the longest beginning that is known."""

_PARTS: Mapping[str, str] = {
    "active": "active",
    "address": "address",
    "amountUnit": "unit of the dose",
    "amountValue": "dose",
    "author": "author",
    "city": "city",
    "clinic": "clinic",
    "clinician": "clinician",
    "code": "code",
    "codeSystem": "coding system",
    "codeSystemName": "name of the coding system",
    "contactPointSystem": "kind",
    "contactPointUse": "use",
    "date": "date",
    "displayName": "name",
    "drug": "name",
    "endDate": "end",
    "family": "family name",
    "frequencyUnit": "unit of the interval",
    "frequencyValue": "interval",
    "given": "given name",
    "initialFillQuantity": "quantity",
    "key": "number",
    "kind": "kind",
    "label": "name",
    "lines": "street",
    "name": "name",
    "npi": "NPI",
    "number": "number",
    "numberOfRefillsAllowed": "refills",
    "prefix": "prefix",
    "prescribedDate": "prescribed on",
    "start": "from",
    "startDate": "begin",
    "state": "state",
    "status": "status",
    "stop": "to",
    "strengthUnit": "unit of the strength",
    "strengthValue": "strength",
    "suffix": "suffix",
    "system": "coding system",
    "text": "directions",
    "timingEvent": "at which time",
    "type": "type",
    "value": "value",
    "visit": "visit",
    "zip": "ZIP",
}
"""The names behind it; of `name.family` the last says enough."""

_INDEX = re.compile(r"\[\d+\]|:.*$")
_OF_A_FIELD = ("missing", "invalid", "incomplete")
"""How codes of reasons begin that are about a field."""


def name_of(field: str) -> str:
    """What people call a field; an unknown one by its own name."""
    plain = _INDEX.sub("", field)
    head = plain
    while head and head not in _HEADS:
        head = head.rpartition(".")[0]
    rest = plain[len(head) :].strip(".")
    if not head:
        return field
    if not rest:
        return _HEADS[head]
    last = rest.rpartition(".")[2]
    return f"{_HEADS[head]}: {_PARTS.get(last, last)}"


def knows(field: str) -> bool:
    """Whether a field has a name here."""
    plain = _INDEX.sub("", field)
    return plain in _HEADS or (plain.rpartition(".")[2] in _PARTS and name_of(plain) != plain)


def reason_text(code: str, text: str) -> str:
    """A reason with the human name before the field that it is about: `Date of birth (patient.birthDate) is missing`."""
    problem, colon, field = code.partition(":")
    if not (colon and problem in _OF_A_FIELD and text.startswith(field) and knows(field)):
        return text or code
    name = name_of(field)
    return f"{name[0].upper()}{name[1:]} ({field}){text[len(field) :]}"
