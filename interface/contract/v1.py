"""Version 1 of the request, `POST /v1/scheduled-appointment`: models, the check, and the body that is sent."""

# ruff: noqa: N815 - the contract's names

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from interface.contract.checking import Checking, no_category_in
from interface.contract.common import (
    Address,
    ClinicalNote,
    Code,
    ContactPoint,
    DiagnosticCategories,
    Dosage,
    Facility,
    FullCode,
    Medication,
    MedicationRequest,
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
    "Address",
    "ClinicalNote",
    "Code",
    "ContactPoint",
    "ContractError",
    "Diagnosis",
    "DiagnosticCategories",
    "Directives",
    "Dosage",
    "Facility",
    "FullCode",
    "Medication",
    "MedicationRequest",
    "MrnIdentifier",
    "Patient",
    "Period",
    "PersonName",
    "Provider",
    "ScheduledAppointment",
    "Violation",
    "body",
    "check",
    "forget",
    "validated",
]

PATH = "/v1/scheduled-appointment"
"""Where the request is POSTed."""
TEST_PATH = "/v1/scheduled-appointment/test"
"""Where the vendor checks a request without processing it (production host only)."""


class Patient(Part):
    """Contract: Patient of version 1."""

    mrn: MrnIdentifier
    name: PersonName
    gender: Gender
    birthDate: BirthDay
    address: Address
    contactPoints: Annotated[tuple[ContactPoint, ...], Items] | None = None


class Diagnosis(Part):
    """Contract: Diagnosis of version 1; the list it stands in names the code system."""

    code: NonEmptyCleanText
    displayName: NonEmptyText
    date: Day | None = None


class Directives(Part):
    """Contract: Directives of version 1."""

    newPatient: bool | None = None
    diagnosticCategories: DiagnosticCategories | None = None
    medicationsOfInterest: Annotated[tuple[Medication, ...], Items] | None = None


class ScheduledAppointment(Part):
    """Contract: ScheduledAppointmentRequest, the whole body of the POST.

    `model_validate(request, context={"today": date})` also holds the birth date against that day.
    """

    patient: Patient
    upcomingAppointmentDate: Day
    upcomingAppointmentProvider: Provider
    clinicName: CleanText | None = None
    clinicNpi: TenCharacters | None = None
    responseDirectAddress: Email | None = None
    responseFaxNumber: TenCharacters | None = None
    responseFriendlyName: CleanText | None = None
    batchId: CleanText | None = None
    medicalSummaryPeriod: Period | None = None
    activeIcd10Diagnoses: Annotated[tuple[Diagnosis, ...], Items] | None = None
    activeIcd9Diagnoses: Annotated[tuple[Diagnosis, ...], Items] | None = None
    activeSnomedDiagnoses: Annotated[tuple[Diagnosis, ...], Items] | None = None
    medications: Annotated[tuple[Medication, ...], Items] | None = None
    clinicalNotes: Annotated[tuple[ClinicalNote, ...], Items] | None = None
    directives: Directives | None = None

    @model_validator(mode="after")
    def _summary_period_has_a_category(self) -> Self:
        """Contract: MedicalSummaryPeriodRule (since API 3.0.0)."""
        if self.medicalSummaryPeriod is not None:
            categories = self.directives.diagnosticCategories if self.directives else None
            if categories is None or not categories.any_on():
                raise PydanticCustomError("category", "has medicalSummaryPeriod without a category")
        return self


def _lacks_category(request: Mapping[str, Any]) -> bool:
    return request.get("medicalSummaryPeriod") is not None and no_category_in(request.get("directives"))


_CHECKING = Checking(ScheduledAppointment, _lacks_category)
validated, check, body = _CHECKING.validated, _CHECKING.check, _CHECKING.body
forget = _CHECKING.forget
