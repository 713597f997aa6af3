"""Version 2 of the request, `POST /v2/patient-data/process`: one patient's entry, and the panel it travels in."""

# ruff: noqa: N815 - the contract's names

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import orjson
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from interface.contract.checking import Checking, no_category_in
from interface.contract.common import (
    Address,
    ClinicalNote,
    ContactPoint,
    DiagnosticCategories,
    Medication,
    MrnIdentifier,
    Part,
    Period,
    PersonName,
    Provider,
)
from interface.contract.texts import (
    BirthDay,
    CleanText,
    Day,
    Email,
    Gender,
    Items,
    NonEmptyCleanText,
    NonEmptyText,
    TenCharacters,
)
from interface.contract.violations import ContractError, Violation

__all__ = [
    "CHECK_PATH",
    "MOST_ADDRESSES",
    "MOST_PATIENTS",
    "PATH",
    "ContractError",
    "Diagnosis",
    "Directives",
    "KaidConfiguration",
    "PanelDirectives",
    "Patient",
    "PatientProcessingPanel",
    "PatientProcessingRequest",
    "Violation",
    "body",
    "check",
    "forget",
    "panel",
    "validated",
]

PATH = "/v2/patient-data/process"
"""Where a panel is POSTed."""
CHECK_PATH = "/v2/patient-data/validate"
"""Where the vendor checks a panel without processing it."""
MOST_PATIENTS = 2500
"""Patients in one panel, at most."""
MOST_ADDRESSES = 3
"""Addresses of one patient, at most."""


class Patient(Part):
    """Contract: Patient of version 2."""

    mrn: MrnIdentifier
    name: PersonName
    gender: Gender
    birthDate: BirthDay
    addresses: Annotated[tuple[Address, ...], Items, Field(min_length=1, max_length=MOST_ADDRESSES)]
    contactPoints: Annotated[tuple[ContactPoint, ...], Items] | None = None


class Diagnosis(Part):
    """Contract: Diagnosis of version 2. `codeSystem` is an OID, of any code system.

    `diseaseManagement` is left out: it stands in one sample only, and its rules are not published.
    """

    code: NonEmptyCleanText
    codeSystem: NonEmptyCleanText
    displayName: NonEmptyText
    active: bool
    date: Day | None = None


class Directives(Part):
    """Contract: Directives of version 2, options for one patient."""

    newPatient: bool | None = None
    diagnosticCategories: DiagnosticCategories | None = None
    medicationsOfInterest: Annotated[tuple[Medication, ...], Items] | None = None
    medicalSummaryPeriod: Period | None = None


class PatientProcessingRequest(Part):
    """Contract: PatientProcessingRequest, one patient's entry of a panel.

    `model_validate(request, context={"today": date})` also holds the birth date against that day.
    """

    patient: Patient
    upcomingAppointmentDate: Day | None = None
    requestingProvider: Provider
    clinicName: CleanText | None = None
    clinicNpi: TenCharacters | None = None
    responseDirectAddress: Email | None = None
    responseFriendlyName: CleanText | None = None
    diagnoses: Annotated[tuple[Diagnosis, ...], Items] | None = None
    medications: Annotated[tuple[Medication, ...], Items] | None = None
    clinicalNotes: Annotated[tuple[ClinicalNote, ...], Items] | None = None
    directives: Directives | None = None

    @model_validator(mode="after")
    def _summary_period_has_a_category(self) -> Self:
        """Contract: MedicalSummaryPeriodRule (since API 3.0.0)."""
        given = self.directives
        if given is not None and given.medicalSummaryPeriod is not None:
            categories = given.diagnosticCategories
            if categories is None or not categories.any_on():
                raise PydanticCustomError("category", "has medicalSummaryPeriod without a category")
        return self


class KaidConfiguration(Part):
    """Contract: PanelDirectives.kaidConfiguration."""

    tenantId: str | None = None


class PanelDirectives(Part):
    """Contract: PanelDirectives, options for a whole panel. None of them is sent."""

    requestMedicationHistory: bool | None = None
    kaidConfiguration: KaidConfiguration | None = None


class PatientProcessingPanel(Part):
    """Contract: PatientProcessingPanel, the whole body of the POST."""

    patientProcessingRequests: Annotated[
        tuple[PatientProcessingRequest, ...], Items, Field(min_length=1, max_length=MOST_PATIENTS)
    ]
    batchId: CleanText | None = None
    patientPanelDirectives: PanelDirectives | None = None


def panel(entries: Sequence[bytes], batch_id: str = "") -> bytes:
    """The body to POST: patients' entries as `validated` wrote them, in one panel. `batch_id` empty: none."""
    last = b',"batchId":' + orjson.dumps(batch_id) if batch_id else b""
    return b'{"patientProcessingRequests":[' + b",".join(entries) + b"]" + last + b"}"


def _lacks_category(request: Mapping[str, Any]) -> bool:
    directives = request.get("directives")
    asked = isinstance(directives, Mapping) and directives.get("medicalSummaryPeriod") is not None
    return asked and no_category_in(directives)


_CHECKING = Checking(PatientProcessingRequest, _lacks_category)
validated, check, body = _CHECKING.validated, _CHECKING.check, _CHECKING.body
forget = _CHECKING.forget
