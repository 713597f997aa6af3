"""A list of test patients as JSON: objects with the table's field names, or requests as the API has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from interface.history.columns import normal
from interface.staging.csv_file import HEADINGS, read_list
from interface.staging.entries import Entry, Fault
from interface.staging.imported import system_of

_LISTS = {
    "activeIcd10Diagnoses": "ICD10",
    "activeIcd9Diagnoses": "ICD9",
    "activeSnomedDiagnoses": "SNOMED",
    "diagnoses": "",
}
_TAKEN = {
    *_LISTS,
    "patient",
    "medications",
    "upcomingAppointmentDate",
    "upcomingAppointmentProvider",
    "requestingProvider",
}
_PANEL = "patientProcessingRequests"
_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"
DEEPEST = 50


def read_json(text: str) -> tuple[list[Entry], list[Fault], list[Fault]]:
    """The entries, faults and notes of a JSON text."""
    entries: list[Entry] = []
    faults: list[Fault] = []
    notes: list[Fault] = []
    try:
        for line, value in _objects(text):
            if not isinstance(value, dict):
                faults.append(Fault(line, "an entry is not an object"))
            elif isinstance(value.get("patient"), dict):
                entries.append(_request(line, value, faults, notes))
            else:
                entries.append(_own(line, value, faults))
    except json.JSONDecodeError as error:
        faults.append(Fault(error.lineno, f"no JSON at column {error.colno}"))
    except ValueError:
        faults.append(Fault(1, "it holds a number that is too long"))
    except RecursionError:
        faults.append(Fault(1, "nested too deep"))
    if not entries and not faults:
        faults.append(Fault(1, "there are no patients in it"))
    return entries, faults, notes


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Each entry with the line it begins on: of a list, of a panel of version 2, or the only one. Raises JSONDecodeError."""
    start = _skip(text, 0)
    if text[start : start + 1] != "[":
        whole = json.loads(text)
        if isinstance(whole, dict) and isinstance(whole.get(_PANEL), list):
            where = text.index("[", text.index(f'"{_PANEL}"'))
            yield from _of_list(text, where)
        else:
            yield text.count("\n", 0, start) + 1, whole
        return
    json.loads(text)  # a list that is broken at its end is no list
    yield from _of_list(text, start)


def _of_list(text: str, start: int) -> Iterator[tuple[int, Any]]:
    at = _skip(text, start + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        yield text.count("\n", 0, at) + 1, value
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


# ---------------------------------------------------------------- objects with the table's names


def _own(line: int, value: Mapping[str, Any], faults: list[Fault]) -> Entry:
    entry = Entry(line)
    flat = dict(value)
    for name, parts in (
        ("address", ("lines", "street", "city", "state", "zip")),
        ("provider", ("npi", "family", "given")),
    ):
        inside = value.get(name)
        if isinstance(inside, dict):
            del flat[name]
            before = "provider_" if name == "provider" else ""
            for part, content in inside.items():
                if normal(part) not in parts:
                    faults.append(Fault(line, f"unknown field {name}.{normal(part)!r}"))
                    continue
                flat[f"{before}{part}"] = content
    for name, content in flat.items():
        kind, column = HEADINGS.get(normal(name), (None, ""))
        if kind is None:
            faults.append(Fault(line, f"unknown field {normal(name)!r}"))
        elif column == "list" and isinstance(content, list):
            _entries(entry, kind, content, faults)
        elif column == "list" and isinstance(content, str):
            read_list(entry, kind, content, faults)
        elif not kind:
            entry.patient[column] = _text(content, line, name, faults)
        else:
            faults.append(Fault(line, f"{normal(name)} stands in a list: {kind}s"))
    entry.patient = {name: text for name, text in entry.patient.items() if text}
    return entry


def _entries(entry: Entry, kind: str, content: list[Any], faults: list[Fault]) -> None:
    """Problems or medications as objects, each with the table's names without `problem_` and `medication_`."""
    for place, said in enumerate(content, start=1):
        where = f"{kind}s, entry {place}"
        if not isinstance(said, dict):
            faults.append(Fault(entry.line, f"{where} is not an object"))
            continue
        cells: dict[str, str] = {}
        for name, value in said.items():
            plain = normal(name)
            known = HEADINGS.get(f"{kind}_{plain}") or HEADINGS.get(plain)
            if known is None or known[0] != kind or known[1] in ("list", "rxnorm"):
                faults.append(Fault(entry.line, f"{where}: unknown field {plain!r}"))
            else:
                cells[known[1]] = _text(value, entry.line, f"{where}: {plain}", faults)
        (entry.problems if kind == "problem" else entry.medications).append(
            {name: text for name, text in cells.items() if text}
        )


def _text(value: Any, line: int, name: str, faults: list[Fault]) -> str:
    """A text, a number as text, a list of texts as lines."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(part.strip() for part in value)
    faults.append(Fault(line, f"{normal(name)} is not a text"))
    return ""


# ---------------------------------------------------------------- requests as the API has them


def _request(line: int, value: Mapping[str, Any], faults: list[Fault], notes: list[Fault]) -> Entry:
    look = _Look(line, faults)
    patient = value["patient"]
    entry = Entry(line, look.patient(patient))
    provider = look.part(value, "upcomingAppointmentProvider") or look.part(value, "requestingProvider")
    name = look.part(provider, "name")
    entry.patient |= {
        "provider_npi": look.text(provider, "npi"),
        "provider_family": look.text(name, "family"),
        "provider_given": look.text(name, "given").split("\n")[0],
        "appointment_date": look.text(value, "upcomingAppointmentDate"),
    }
    entry.patient = {key: text for key, text in entry.patient.items() if text}
    for key, system in _LISTS.items():
        for said in look.list(value, key):
            if said.get("active") is False:
                notes.append(Fault(line, f"{key}: one that is not active is passed over"))
                continue
            entry.problems.append(
                {
                    "system": system or look.text(said, "codeSystem"),
                    "code": look.text(said, "code"),
                    "label": look.text(said, "displayName"),
                    "date": look.text(said, "date"),
                }
            )
    for said in look.list(value, "medications"):
        if said.get("active") is False:
            notes.append(Fault(line, "medications: one that is not active is passed over"))
            continue
        entry.medications.append(look.medication(said))
    notes += [
        Fault(line, f"{key} is passed over: it comes from the site's settings or is not sent")
        for key in value
        if key not in _TAKEN
    ]
    return entry


class _Look:
    """Takes a request's parts as they should be; what is of another kind is a fault."""

    def __init__(self, line: int, faults: list[Fault]) -> None:
        self._line, self._faults = line, faults

    def part(self, value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        found = value.get(name)
        if found is not None and not isinstance(found, dict):
            self._faults.append(Fault(self._line, f"{name} is not an object"))
        return found if isinstance(found, dict) else {}

    def list(self, value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        found = value.get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            self._faults.append(Fault(self._line, f"{name} is not a list of objects"))
            return []
        return found

    def text(self, value: Mapping[str, Any], name: str) -> str:
        return _text(value.get(name), self._line, name, self._faults)

    def patient(self, value: Mapping[str, Any]) -> dict[str, str]:
        mrn, name = self.part(value, "mrn"), self.part(value, "name")
        addresses = self.list(value, "addresses")
        address = self.part(value, "address") or (addresses[0] if addresses else {})
        given = self.text(name, "given").split("\n")
        points = self.list(value, "contactPoints")
        mail = [p for p in points if str(p.get("contactPointSystem", "")).upper() == "EMAIL"]
        phones = [p for p in points if p not in mail]
        return {
            "mrn": self.text(mrn, "extension"),
            "family": self.text(name, "family"),
            "given": given[0],
            "middle": " ".join(given[1:]),
            "suffix": self.text(name, "suffix"),
            "birth_date": self.text(value, "birthDate"),
            "gender": self.text(value, "gender"),
            "street": self.text(address, "lines"),
            "city": self.text(address, "city"),
            "state": self.text(address, "state"),
            "zip": self.text(address, "zip"),
            "phone": "\n".join(self.text(point, "value") for point in phones),
            "email": "\n".join(self.text(point, "value") for point in mail),
        }

    def medication(self, value: Mapping[str, Any]) -> dict[str, str]:
        """A medication with the first of its prescriptions."""
        name = self.part(value, "nameCode")
        asked = (self.list(value, "medicationRequests") or [{}])[0]
        code, dosage = self.part(asked, "code"), self.part(asked, "dosageInstruction")
        prescriber = self.part(asked, "prescriber")
        who = self.part(prescriber, "name")
        systems = self.text(code, "codeSystem"), self.text(code, "codeSystemName")
        ndc = self.text(code, "code") if "NDC" in map(system_of, systems) else ""
        cells = {
            "system": self.text(name, "codeSystem") or self.text(name, "codeSystemName"),
            "code": self.text(name, "code"),
            "label": self.text(name, "displayName"),
            "ndc": ndc,
            "sig": self.text(dosage, "text"),
            "dose": self.text(dosage, "amountValue"),
            "unit": self.text(dosage, "amountUnit"),
            "strength": self.text(dosage, "strengthValue"),
            "strength_unit": self.text(dosage, "strengthUnit"),
            "form": self.text(self.part(asked, "form"), "displayName"),
            "route": self.text(self.part(asked, "route"), "displayName"),
            "frequency": self.text(asked, "timingEvent"),
            "quantity": self.text(asked, "initialFillQuantity"),
            "refills": self.text(asked, "numberOfRefillsAllowed"),
            "prescribed": self.text(asked, "prescribedDate"),
            "prescriber_npi": self.text(prescriber, "npi"),
            "prescriber_family": self.text(who, "family"),
            "prescriber_given": self.text(who, "given").split("\n")[0],
        }
        return {key: text for key, text in cells.items() if text}
