"""What versions 1 and 2 of the request share: the building blocks as models, and which texts are clean.

The models carry the contract's names and its order of fields, refuse unknown fields, convert nothing and
cannot be changed. A field that is None is left out of the JSON: the request has no nullable field.
"""

# ruff: noqa: N815 - the contract's names

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from interface.contract.texts import (
    CLEAN_TEXT_FORBIDDEN,
    MRN_FORBIDDEN,
    CleanText,
    ContactSystem,
    ContactUse,
    Count,
    Day,
    Items,
    MrnText,
    NonEmptyCleanText,
    NonEmptyText,
    Number,
    State,
    TenCharacters,
    TimingEvent,
    Zip,
    is_clean,
    is_clean_mrn,
)

__all__ = [
    "CLEAN_TEXT_FIELDS",
    "CLEAN_TEXT_FORBIDDEN",
    "MRN_FORBIDDEN",
    "is_clean",
    "is_clean_field",
    "is_clean_mrn",
]


class Part(BaseModel):
    """The base of every object of the request."""

    # hidden: a validation error's text must never show a patient's data
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class PersonName(Part):
    """Contract: PersonName. `given` is the first name, then any middle names."""

    family: NonEmptyCleanText
    given: Annotated[tuple[CleanText, ...], Items, Field(min_length=1)]
    prefix: CleanText | None = None
    suffix: CleanText | None = None


class Provider(Part):
    """Contract: Provider, a clinician. Of the NPI only the length is published: no rule on its digits."""

    npi: TenCharacters
    name: PersonName


class MrnIdentifier(Part):
    """Contract: MrnIdentifier, a medical record number with the OID of its assigning authority."""

    root: NonEmptyText
    extension: MrnText


class Address(Part):
    """Contract: Address. Only the five-digit ZIP is mandatory."""

    lines: Annotated[tuple[CleanText, ...], Items] | None = None
    city: CleanText | None = None
    state: State | None = None
    zip: Zip


class ContactPoint(Part):
    """Contract: ContactPoint, a phone number or an e-mail address."""

    value: NonEmptyText
    contactPointSystem: ContactSystem
    contactPointUse: ContactUse


class Period(Part):
    """Contract: Period; both end days belong to it."""

    startDate: Day
    endDate: Day | None = None


class Code(Part):
    """Contract: Code. Only the label is mandatory."""

    code: CleanText | None = None
    codeSystem: CleanText | None = None
    codeSystemName: CleanText | None = None
    displayName: NonEmptyText


class FullCode(Part):
    """Contract: FullCode, a coded value whose four parts are mandatory."""

    code: NonEmptyCleanText
    codeSystem: NonEmptyCleanText
    codeSystemName: NonEmptyCleanText
    displayName: NonEmptyText


class Facility(Part):
    """Contract: Facility."""

    name: NonEmptyText
    address: Address | None = None


class ClinicalNote(Part):
    """Contract: ClinicalNote; each entry of `lines` stays a line of its own."""

    author: Provider | None = None
    date: Day | None = None
    code: FullCode | None = None
    lines: Annotated[tuple[NonEmptyText, ...], Items, Field(min_length=1)]


class Dosage(Part):
    """Contract: Dosage. `text` is the sig as the prescriber wrote it, without a character rule."""

    text: str | None = None
    strengthUnit: CleanText | None = None
    strengthValue: Number | None = None
    amountUnit: CleanText | None = None
    amountValue: Number | None = None


class MedicationRequest(Part):
    """Contract: MedicationRequest, one prescription; every part is optional."""

    code: Code | None = None
    form: Code | None = None
    route: Code | None = None
    prescribedDate: Day | None = None
    prescriber: Provider | None = None
    facility: Facility | None = None
    initialFillQuantity: Number | None = None
    numberOfRefillsAllowed: Count | None = None
    timingEvent: TimingEvent | None = None
    frequencyUnit: CleanText | None = None
    frequencyValue: Number | None = None
    dosageInstruction: Dosage | None = None


class Medication(Part):
    """Contract: Medication."""

    active: bool
    nameCode: Code
    classCode: Code | None = None
    scheduleCode: Code | None = None
    medicationRequests: Annotated[tuple[MedicationRequest, ...], Items] | None = None


class DiagnosticCategories(Part):
    """Contract: DiagnosticCategories, a flag for each area; one left out is false."""

    autoimmune: bool | None = None
    bariatric: bool | None = None
    behavioral: bool | None = None
    cardiovascular: bool | None = None
    dental: bool | None = None
    dermatological: bool | None = None
    endocrinological: bool | None = None
    gastroenterological: bool | None = None
    generalSurgery: bool | None = None
    hematological: bool | None = None
    infectious: bool | None = None
    lymphatic: bool | None = None
    mens: bool | None = None
    metabolic: bool | None = None
    musculoskeletal: bool | None = None
    neonatological: bool | None = None
    neurological: bool | None = None
    nutritional: bool | None = None
    oncological: bool | None = None
    ophthalmic: bool | None = None
    otolaryngological: bool | None = None
    pain: bool | None = None
    pulmonary: bool | None = None
    renal: bool | None = None
    spinal: bool | None = None
    stroke: bool | None = None
    toxicological: bool | None = None
    urological: bool | None = None
    womens: bool | None = None

    def any_on(self) -> bool:
        """Whether a category is true (contract: AtLeastOneCategory)."""
        return any(getattr(self, name) for name in self.model_fields_set)


CATEGORIES = tuple(DiagnosticCategories.model_fields)
"""The 29 names of diagnostic categories."""


def _within(place: str, fields: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{place}.{field}" for field in fields)


_NAME = frozenset({"family", "given[]", "prefix", "suffix"})
_ADDRESS = frozenset({"lines[]", "city"})
_CODE = frozenset({"code", "codeSystem", "codeSystemName"})
_MEDICATION_REQUEST = (
    _within("code", _CODE)
    | _within("form", _CODE)
    | _within("route", _CODE)
    | _within("prescriber.name", _NAME)
    | _within("facility.address", _ADDRESS)
    | _within("dosageInstruction", ("strengthUnit", "amountUnit"))
    | {"frequencyUnit"}
)
_MEDICATION = (
    _within("nameCode", _CODE)
    | _within("classCode", _CODE)
    | _within("scheduleCode", _CODE)
    | _within("medicationRequests[]", _MEDICATION_REQUEST)
)

CLEAN_TEXT_FIELDS = (
    _within("patient.name", _NAME)
    | _within("patient.address", _ADDRESS)
    | _within("upcomingAppointmentProvider.name", _NAME)
    | _within("medications[]", _MEDICATION)
    | _within("clinicalNotes[]", _within("author.name", _NAME) | _within("code", _CODE))
    | _within("directives.medicationsOfInterest[]", _MEDICATION)
    | {f"active{system}Diagnoses[].code" for system in ("Icd10", "Icd9", "Snomed")}
    | {"clinicName", "responseFriendlyName", "batchId"}
)
"""The fields of the version 1 request that are of the clean-text kind, entries of lists as `[]`."""

_INDEX = str.maketrans("", "", "0123456789")


def is_clean_field(field: str) -> bool:
    """Whether a field of the version 1 request, `patient.name.given[0]`, is of the clean-text kind."""
    if field in CLEAN_TEXT_FIELDS:
        return True
    before, *parts = field.split("[")
    return "[".join([before, *(part.translate(_INDEX) for part in parts)]) in CLEAN_TEXT_FIELDS
