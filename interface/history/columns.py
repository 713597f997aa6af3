"""The columns a table of history may have, and how a table's first line is read."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from interface.errors import InterfaceError

KINDS = ("problems", "medications")
DELIMITERS = (",", ";", "\t", "|")

IDENTITY = {
    "mrn": "medical_record_number patient_mrn mrn_number",
    "mrn_authority": "authority assigning_authority",
    "family": "last_name lastname family_name surname patient_family patient_last_name",
    "given": "first_name firstname given_name patient_given patient_first_name",
    "middle": "middle_name",
    "suffix": "name_suffix",
    "birth_date": "dob date_of_birth birthdate birthday patient_dob",
    "sex": "gender patient_sex",
    "street": "address address1 address_1 address_line_1 street1",
    "street2": "address2 address_2 address_line_2",
    "city": "town",
    "state": "",
    "zip": "zip_code zipcode postal_code postcode",
    "country": "",
    "phone": "telephone phone_number home_phone",
    "email": "e_mail email_address",
    "as_of": "recorded recorded_date recorded_on updated updated_date last_updated as_of_date",
}
"""Columns that say whom a row is about, each with its other headings. Rows that agree in these go into one message."""
_CODE = {
    "code": "{}_code",
    "system": "code_system coding_system codesystem code_system_name",
    "label": "{} description display display_name displayname {}_name {}_description name text",
    "status": "{}_status state_of_{}",
}
_OWN = {
    "problems": {
        "code": "{}_code icd_code dx_code dx icd10 icd10_code icd9_code snomed snomed_code",
        "date": "onset onset_date date_of_onset start_date diagnosis_date problem_date",
        "resolved": "resolved_date resolution_date end_date abatement abatement_date",
    },
    "medications": {
        "code": "{}_code rxcui rxnorm rxnorm_code rxnorm_cui",
        "ndc": "ndc_code ndc11",
        "dose": "dose_amount amount",
        "unit": "dose_unit units dose_units",
        "strength": "",
        "strength_unit": "strength_units",
        "form": "dose_form dosage_form",
        "route": "route_of_administration",
        "sig": "instructions directions dosage_instructions patient_instructions",
        "frequency": "timing schedule freq",
        "start": "start_date started from_date",
        "end": "end_date stop stop_date stopped to_date",
        "prescribed": "prescribed_date ordered order_date date_prescribed written_date",
        "prescriber_npi": "provider_npi npi ordering_npi",
        "prescriber_family": "prescriber_last_name provider_family provider_last_name",
        "prescriber_given": "prescriber_first_name provider_given provider_first_name",
        "quantity": "qty dispense_quantity quantity_dispensed",
        "refills": "number_of_refills refills_allowed",
        "order_id": "order_number placer_order_number order",
        "order_authority": "order_namespace placer",
        "prescription_number": "rx_number rx_no prescription",
    },
}
_WORDS = {"problems": ("problem", "diagnosis"), "medications": ("medication", "drug")}


_SYSTEMS = {"icd10": "ICD10", "icd9": "ICD9", "snomed": "SNOMED", "rx": "RXNORM"}
"""How a heading of the codes begins that names their system too, where the table has no column for it."""


def normal(name: str) -> str:
    """How headings and words of state are compared: lower case, all but letters and digits one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _names(kind: str) -> dict[str, str]:
    """Every heading a table of this kind may have, to its column."""
    found: dict[str, str] = {}
    for column, others in {**IDENTITY, **_CODE, **_OWN[kind]}.items():
        for other in (column, *others.split()):
            for word in _WORDS[kind] if "{}" in other else ("",):
                found[other.replace("{}", word)] = column
    return found


NAMES = {kind: _names(kind) for kind in KINDS}
"""Kind of table to its headings, each with its column."""


class HeadingError(InterfaceError):
    """A table's first line cannot be taken; the text says what to do."""


@dataclass(frozen=True)
class Layout:
    """What a table's first line says."""

    kind: str
    delimiter: str
    columns: tuple[str, ...]
    """The column of each cell; empty for one that is passed over."""
    system: str = ""
    """The codes' system, where the heading of the codes names it."""


def read_layout(line: str, kind: str | None = None, ignore: Collection[str] = ()) -> Layout:
    """The layout of a table from its first line. `kind` None: told by the headings; `ignore`: headings to pass over.

    Raises HeadingError: a heading that is not known (with the nearest one), one that is there twice, no number of
    the patient, nothing that names the problem or drug, or a kind that can't be told.
    """
    passed = {normal(name) for name in ignore}
    kinds = KINDS if kind is None else (kind,)
    try:
        found = [
            (delimiter, tuple(normal(cell) for cell in cells))
            for delimiter in DELIMITERS
            for cells in csv.reader([line], delimiter=delimiter)
        ]
    except csv.Error:
        raise HeadingError("its first line can't be read as headings") from None
    delimiter, headings = max(found, key=lambda entry: max(_known(entry[1], NAMES[name]) for name in kinds))
    wanted = tuple("" if heading in passed else heading for heading in headings)
    fitting = [name for name in kinds if all(not heading or heading in NAMES[name] for heading in wanted)]
    if len(fitting) > 1:
        raise HeadingError(
            "its headings fit problems and medications alike; say --kind problems or medications"
        )
    chosen = fitting[0] if fitting else max(kinds, key=lambda name: _known(wanted, NAMES[name]))
    _check(wanted, chosen, [name for known in kinds for name in NAMES[known]])
    columns = tuple(NAMES[chosen].get(heading, "") for heading in wanted)
    return Layout(chosen, delimiter, columns, _system(wanted, columns))


def _system(headings: Sequence[str], columns: Sequence[str]) -> str:
    """What the heading of the codes says of their system: `icd10_code`, `rxcui`."""
    if "system" in columns or "code" not in columns:
        return ""
    heading = headings[columns.index("code")]
    return next((system for start, system in _SYSTEMS.items() if heading.startswith(start)), "")


def _known(headings: Sequence[str], names: dict[str, str]) -> int:
    return sum(heading in names for heading in headings)


def _check(headings: Sequence[str], kind: str, possible: Sequence[str]) -> None:
    """Raise HeadingError when they can't be taken; `possible`: the names that a heading may have been meant to be."""
    names = NAMES[kind]
    unknown = [heading for heading in headings if heading and heading not in names]
    if len(unknown) == len([heading for heading in headings if heading]):
        raise HeadingError(f"its first line names no column of {kind}; the first line must be the headings")
    if unknown:
        near = difflib.get_close_matches(unknown[0], possible, n=1)
        hint = f"did you mean {near[0]!r}? Else" if near else "if it is not needed"
        raise HeadingError(f"unknown heading {unknown[0]!r}; {hint} pass it over: --ignore {unknown[0]}")
    columns = [names[heading] for heading in headings if heading]
    for column in columns:
        if columns.count(column) > 1:
            same = [heading for heading in headings if names.get(heading) == column]
            raise HeadingError(
                f"{column} is there twice ({', '.join(same)}); pass one over: --ignore {same[-1]}"
            )
    if "mrn" not in columns:
        raise HeadingError("there is no heading mrn: whose problems or drugs they are can't be told")
    naming = ("code",) if kind == "problems" else ("code", "ndc", "label")
    if not set(naming) & set(columns):
        raise HeadingError(f"there is no heading {' or '.join(naming)}: a row of {kind} must have one")
