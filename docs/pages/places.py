"""Where in the request each field of the rules stands, or what it decides: the headings of docs/mapping.md.

A test holds the places against the provenance of every sample: a rule's value stands where this says, or the page would lie.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """What a field of `interface/rules/fields.py` is for."""

    request: tuple[str, ...] = ()
    """Its places in the request of version 1, entries of lists as `[]`; what lies within belongs to them."""
    about: str = ""
    """What it decides, or a word on how it gets into the request."""


IN_VERSION_2 = (
    ("patient.address", "patient.addresses[]"),
    ("upcomingAppointmentProvider", "requestingProvider"),
    ("activeIcd10Diagnoses[]", "diagnoses[]"),
    ("activeIcd9Diagnoses[]", "diagnoses[]"),
    ("activeSnomedDiagnoses[]", "diagnoses[]"),
    ("medicalSummaryPeriod", "directives.medicalSummaryPeriod"),
)
"""Places of version 1 that have another name in version 2. `responseFaxNumber` has none, `batchId` is the panel's."""

_MEDICATION = "medications[]"
_PRESCRIPTION = "medications[].medicationRequests[]"
_DOSAGE = f"{_PRESCRIPTION}.dosageInstruction"
_LISTS = ("activeIcd10Diagnoses[]", "activeIcd9Diagnoses[]", "activeSnomedDiagnoses[]")
_POINTS = ("patient.contactPoints[]",)


def _prescription(*names: str, about: str = "") -> Place:
    return Place(tuple(f"{_PRESCRIPTION}.{name}" for name in names), about)


PLACES = {
    # the patient
    "patient.mrn.root": Place(("patient.mrn.root",)),
    "patient.mrn.extension": Place(
        ("patient.mrn.extension",), "with its authority it also finds the patient's chart"
    ),
    "patient.name": Place(("patient.name",)),
    "patient.gender": Place(("patient.gender",)),
    "patient.birthDate": Place(("patient.birthDate",)),
    "patient.address": Place(("patient.address",)),
    "patient.otherAddresses": Place(about="version 2: `patient.addresses[]` behind the first"),
    "patient.contactPoints.home": Place(_POINTS),
    "patient.contactPoints.work": Place(_POINTS),
    "patient.contactPoints.other": Place(_POINTS),
    "patient.deceased": Place(about="a deceased patient: nothing is requested, waiting requests are held"),
    "patient.identityUnknown": Place(about="the sender does not know who the patient is: held"),
    "patient.protected": Place(about="a protected patient: held"),
    "patient.protectedVisit": Place(about="a protected patient: held"),
    "patient.restricted": Place(about="a protected patient: held"),
    # the appointment or visit
    "appointment.id": Place(about="which appointment it is, with SCH-3 when valued"),
    "appointment.placer": Place(about="finds the appointment of a message that has no filler number"),
    "appointment.status": Place(
        about="cancelled, deleted, no-show: cancel; complete, pending: chart; blocked: ignore"
    ),
    "appointment.type": Place(about="whether [request] new_patient_types makes `directives.newPatient` true"),
    "upcomingAppointmentDate": Place(("upcomingAppointmentDate",)),
    "upcomingAppointmentProvider": Place(("upcomingAppointmentProvider",)),
    "clinicName": Place(("clinicName",)),
    "clinicNpi": Place(("clinicNpi",)),
    "visit.number": Place(about="which visit an ADT is about, and whose diagnoses its DG1s replace"),
    "visit.account": Place(about="which account the visit belongs to, for messages that move or renumber it"),
    "merge.prior": Place(about="the number the person was known by before: what is merged, moved or retired"),
    "merge.account": Place(about="the account's number before"),
    "merge.visit": Place(about="the visit's number before"),
    "appointment.replaces": Place(
        about="the appointment that an S13 under another number ends, where a site's rule says so"
    ),
    "appointment.resources": Place(about="whether anything is left of the appointment after S20, S21, S22"),
    "visit.class": Place(about="the patient class of the visit"),
    "visit.expected": Place(("upcomingAppointmentDate",), "of a visit that no SIU booked"),
    "visit.admitted": Place(
        ("upcomingAppointmentDate",), "of a visit that no SIU booked, without PV2-8, from today on"
    ),
    "visit.provider": Place(
        ("upcomingAppointmentProvider",),
        "of a visit that no SIU booked, or of an appointment that names nobody",
    ),
    "visit.primaryCare": Place(
        about="version 2: `requestingProvider` without an appointment, where the visit names nobody"
    ),
    # problems
    "problem.codings": Place(_LISTS),
    "problem.date": Place(tuple(f"{name}.date" for name in _LISTS), "of several, the earliest"),
    "problem.action": Place(about="add, update or delete the problem"),
    "problem.instance": Place(about="which problem of the list it is, also under another code"),
    "problem.confidential": Place(about="a confidential problem is left out"),
    "problem.resolved": Place(about="past: the problem is no longer active"),
    "problem.confirmation": Place(about="refuted or ruled out: the problem is not active"),
    "problem.lifeCycle": Place(about="resolved or inactive: the problem is not active"),
    # medications
    "medication.nameCode": Place((f"{_MEDICATION}.nameCode",)),
    "medication.scheduleCode": Place((f"{_MEDICATION}.scheduleCode",)),
    "order.control": Place((f"{_MEDICATION}.active",), "opens or ends the order"),
    "order.status": Place((f"{_MEDICATION}.active",), "ends the order"),
    "order.stop": Place((f"{_MEDICATION}.active",), "past: the order has ended"),
    "order.start": Place(about="with the duration: when the order ends"),
    "order.duration": Place((f"{_MEDICATION}.active",), "start plus duration past: the order has ended"),
    "order.inpatient": Place(about="an inpatient order ends with the visit's A03"),
    "order.confidential": Place(about="a confidential order is left out"),
    "order.placer": Place(about="which order it is"),
    "order.filler": Place(about="which order it is"),
    "order.prescription": Place(about="which order it is"),
    "order.parent": Place((f"{_MEDICATION}.active",), "a replacement order ends the one it names"),
    "order.administered": Place(about="opens no order; what was given is only said to be left out"),
    "prescription.code": _prescription("code"),
    "prescription.form": _prescription("form"),
    "prescription.route": _prescription("route"),
    "prescription.prescribedDate": _prescription(
        "prescribedDate", about="RXE-32, else what the message said that opened the order"
    ),
    "prescription.prescriber": _prescription("prescriber"),
    "prescription.facility": _prescription("facility"),
    "prescription.initialFillQuantity": _prescription("initialFillQuantity"),
    "prescription.numberOfRefillsAllowed": _prescription("numberOfRefillsAllowed"),
    "prescription.timing": _prescription(
        *("timingEvent", "frequencyValue", "frequencyUnit", "dosageInstruction.text"),
        about="the text only where the sender wrote no instructions",
    ),
    "prescription.text": Place((f"{_DOSAGE}.text",)),
    "prescription.strength": Place((f"{_DOSAGE}.strengthValue", f"{_DOSAGE}.strengthUnit")),
    "prescription.dose": Place((f"{_DOSAGE}.amountValue", f"{_DOSAGE}.amountUnit")),
    # from the settings alone
    "responseDirectAddress": Place(("responseDirectAddress",)),
    "responseFaxNumber": Place(("responseFaxNumber",)),
    "responseFriendlyName": Place(("responseFriendlyName",)),
    "batchId": Place(("batchId",)),
    "medicalSummaryPeriod": Place(
        ("medicalSummaryPeriod",), "so many months back from the appointment's day; only with a category on"
    ),
    "directives.newPatient": Place(("directives.newPatient",), "by the appointment's type (SCH-8, AIS-3)"),
    "directives.diagnosticCategories": Place(("directives.diagnosticCategories",)),
}
"""By field. A field without a row is shown by its own name; a test asks for the row."""
