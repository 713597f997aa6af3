"""A table of test patients: headings, a line for each patient, further lines or lists in a cell for further problems and
medications.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Collection, Iterator, Sequence

from interface.history.columns import DELIMITERS, IDENTITY, normal
from interface.staging.entries import Entry, Fault

_PATIENT = {
    **{name: IDENTITY[name] for name in IDENTITY if name not in ("mrn_authority", "sex", "as_of", "country")},
    "gender": "sex patient_sex patient_gender",
    "street": f"{IDENTITY['street']} lines address_lines",
    "phone": f"{IDENTITY['phone']} phones mobile mobile_phone cell cell_phone",
    "phone2": "phone_2 work_phone second_phone",
    "email": f"{IDENTITY['email']} emails",
    "provider_npi": "npi physician_npi doctor_npi",
    "provider_family": "provider_last_name physician_last_name provider_family_name",
    "provider_given": "provider_first_name physician_first_name provider_given_name",
    "appointment_date": "appointment visit_date upcoming_appointment_date appt_date",
}
_PROBLEM = {
    "system": "code_system coding_system",
    "code": "",
    "label": "name description display display_name",
    "date": "onset onset_date",
}
_MEDICATION = {
    "system": "code_system coding_system",
    "code": "",
    "label": "name description display display_name",
    "ndc": "ndc_code",
    "sig": "instructions directions",
    "dose": "dose_amount",
    "unit": "dose_unit",
    "strength": "",
    "strength_unit": "",
    "form": "dose_form",
    "route": "",
    "frequency": "timing schedule",
    "quantity": "qty",
    "refills": "",
    "start": "start_date",
    "end": "end_date stop stop_date",
    "prescribed": "prescribed_date order_date",
    "prescriber_npi": "",
    "prescriber_family": "prescriber_last_name",
    "prescriber_given": "prescriber_first_name",
}
_RXNORM = ("rxcui", "rxnorm", "rxnorm_code")
"""Headings of drugs' codes that name their system too."""
_SYSTEMS = {"icd10": "ICD10", "icd9": "ICD9", "snomed": "SNOMED"}
"""Headings of problems that name the codes' system: `icd10`, `icd10_code`."""

Column = tuple[str, str]
"""Of the patient (`""`), a problem, a medication or a list of them; and which field."""


def _headings() -> dict[str, Column]:
    found: dict[str, Column] = {}
    for name, others in _PATIENT.items():
        found.update(dict.fromkeys((name, *others.split()), ("", name)))
    kinds: tuple[tuple[str, tuple[str, ...], dict[str, str]], ...] = (
        ("problem", ("problem", "diagnosis"), _PROBLEM),
        ("medication", ("medication", "drug", "med"), _MEDICATION),
    )
    for kind, words, columns in kinds:
        for name, more in columns.items():
            for other in (name, *more.split()):
                found.update({f"{word}_{other}": (kind, name) for word in words})
        found.update(dict.fromkeys(words, (kind, "label")))
    found.update({name: ("medication", name) for name in _MEDICATION if name not in _PROBLEM})
    found.update(dict.fromkeys(_RXNORM, ("medication", "rxnorm")))
    for start in _SYSTEMS:
        found.update({f"{start}{end}": ("problem", start) for end in ("", "_code")})
    for kind, lists in (("problem", "problems diagnoses"), ("medication", "medications drugs meds")):
        found.update(dict.fromkeys(lists.split(), (kind, "list")))
    return found


HEADINGS = _headings()
_LIST = re.compile(r"[;\n]")
_ITEM = re.compile(
    r"\s*(?:([A-Za-z][\w .-]*|[\d.]+|urn:oid:[\d.]+)\s*:)?\s*([^=]*?)\s*(?:=\s*(.*?))?\s*", re.DOTALL
)


def read_csv(text: str, ignore: Collection[str] = ()) -> tuple[list[Entry], list[Fault], list[Fault]]:
    """The entries, faults and notes of a table. `ignore`: headings to pass over."""
    lines = text.splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return [], [Fault(1, "the file is empty")], []
    passed = {normal(name) for name in ignore}
    try:
        delimiter, columns, fault = _layout(lines[first], passed)
    except (csv.Error, StopIteration):
        return [], [Fault(first + 1, "the first line can't be read: it must be the headings")], []
    if fault:
        return [], [Fault(first + 1, fault)], []
    entries, faults = [], []
    for line, cells in _rows(lines[first + 1 :], delimiter, first + 2):
        if isinstance(cells, str):
            faults.append(Fault(line, cells))
        elif len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            faults.append(
                Fault(
                    line,
                    f"{len(cells)} cells where the headings are {len(columns)}; quote cells that hold a delimiter",
                )
            )
        elif any(cell.strip() for cell in cells):
            entries.append(_entry(line, cells, columns, faults))
    if not entries and not faults:
        faults.append(Fault(first + 1, "there are headings and no patients"))
    return entries, faults, []


def _layout(line: str, passed: Collection[str]) -> tuple[str, list[Column | None], str]:
    found = [
        (delimiter, [normal(cell) for cell in next(csv.reader([line], delimiter=delimiter))])
        for delimiter in DELIMITERS
    ]
    delimiter, headings = max(found, key=lambda entry: sum(name in HEADINGS for name in entry[1]))
    wanted = [name if name not in passed else "" for name in headings]
    if not any(name in HEADINGS for name in wanted):
        return (
            delimiter,
            [],
            "the first line names no column: it must be the headings (mrn, family, birth_date …)",
        )
    for name in wanted:
        if name and name not in HEADINGS:
            near = difflib.get_close_matches(name, HEADINGS, n=1)
            hint = f"did you mean {near[0]}? Else" if near else "if it is not needed"
            return delimiter, [], f"unknown heading {name!r}; {hint} pass it over: --ignore {name}"
    columns = [HEADINGS[name] if name else None for name in wanted]
    for column in columns:
        if column is not None and columns.count(column) > 1:
            same = [name for name in wanted if name and HEADINGS[name] == column]
            return (
                delimiter,
                [],
                f"{same[0]} is there twice ({', '.join(same)}); pass one over: --ignore {same[-1]}",
            )
    for name in ("mrn", "family", "birth_date"):
        if ("", name) not in columns:
            return delimiter, [], f"there is no heading {name}"
    return delimiter, columns, ""


def _rows(lines: Sequence[str], delimiter: str, first: int) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line it begins on; a text: why it can't be read."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = first + reader.line_num
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield (
                line,
                "a quotation mark is not closed, or stands inside a cell; double it and quote the cell",
            )


def _entry(line: int, cells: Sequence[str], columns: Sequence[Column | None], faults: list[Fault]) -> Entry:
    entry = Entry(line)
    own: dict[str, dict[str, str]] = {"problem": {}, "medication": {}}
    for column, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if column is None or not text:
            continue
        kind, name = column
        if not kind:
            entry.patient[name] = text
        elif name == "list":
            read_list(entry, kind, text, faults)
        elif name in _SYSTEMS:
            own[kind] |= {"system": _SYSTEMS[name], "code": text}
        elif name == "rxnorm":
            own[kind] |= {"system": "RXNORM", "code": text}
        else:
            own[kind][name] = text
    if own["problem"]:
        entry.problems.append(own["problem"])
    if own["medication"]:
        entry.medications.append(own["medication"])
    return entry


def read_list(entry: Entry, kind: str, text: str, faults: list[Fault]) -> None:
    """`ICD10:E11.9=Type 2 diabetes; SNOMED:38341003=Hypertension`; of medications also a label alone."""
    for number, item in enumerate((part for part in _LIST.split(text) if part.strip()), start=1):
        found = _ITEM.fullmatch(item)
        system, code, label = found.groups() if found is not None else (None, "", None)
        if kind == "medication" and found is not None and system is None and label is None:
            entry.medications.append({"label": code})
        elif system is None or not code:
            faults.append(Fault(entry.line, f"{kind}s: entry {number} is not SYSTEM:CODE=label"))
        else:
            said = {"system": system.strip(), "code": code, "label": label or ""}
            (entry.problems if kind == "problem" else entry.medications).append(said)
