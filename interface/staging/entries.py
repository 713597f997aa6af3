"""What a line or an entry of the file says, as texts, becomes a test patient; what is wrong is named without values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from interface.chart.apart import who
from interface.staging.dates import DateError, Order, day_of
from interface.staging.imported import Imported, Medication, Problem, Provider

_SPREADSHEET = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_NPI = re.compile(r"[0-9]{10}")
_GENDERS = {
    word: letter
    for letter, words in {
        "M": "m male man",
        "F": "f female woman",
        "O": "o other x a",
        "U": "u unknown unk n",
    }.items()
    for word in words.split()
}
_MEDICATION_DATES = ("start", "end", "prescribed")

Cells = Mapping[str, str]


@dataclass(frozen=True)
class Fault:
    """Something of the file that can't be taken."""

    line: int
    """1-based number of the line it begins on."""
    text: str
    """Fields and forms, never what one holds."""


@dataclass
class Entry:
    """One line of a table or one object of a list, as texts."""

    line: int
    patient: dict[str, str] = field(default_factory=dict)
    """By field; `street`, `phone`, `email` may stand for several, parted by line breaks."""
    problems: list[dict[str, str]] = field(default_factory=list)
    medications: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """What a file holds."""

    patients: tuple[Imported, ...]
    lines: tuple[int, ...]
    """The line on which each begins."""
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...] = ()
    """What is passed over, and does no harm."""


def assemble(
    entries: Iterable[Entry],
    order: Order | None = None,
    faults: Iterable[Fault] = (),
    notes: Iterable[Fault] = (),
) -> Found:
    """The patients of these entries, those of one number together. `faults`, `notes`: of the reading before."""
    together: dict[str, list[Entry]] = {}
    found = list(faults)
    for entry in entries:
        mrn = entry.patient.get("mrn", "")
        if not mrn:
            found.append(Fault(entry.line, "mrn is empty"))
        elif _SPREADSHEET.fullmatch(mrn):
            found.append(
                Fault(entry.line, "mrn is in the form that spreadsheets give long numbers; export it as text")
            )
        else:
            together.setdefault(mrn, []).append(entry)
    patients, lines = [], []
    for same in together.values():
        patient = _patient(same, order, found)
        if patient is not None:
            patients.append(patient)
            lines.append(same[0].line)
    return Found(tuple(patients), tuple(lines), tuple(sorted(found, key=lambda f: f.line)), tuple(notes))


def _patient(entries: list[Entry], order: Order | None, faults: list[Fault]) -> Imported | None:
    """All lines of one number; None when something of him can't be taken."""
    before = len(faults)
    first = entries[0]
    cells: dict[str, str] = {}
    for entry in entries:
        for name, text in entry.patient.items():
            if name.endswith("date"):
                text = _date(entry.line, name, text, order, faults)
            known = cells.setdefault(name, text)
            if known != text and known.casefold() != text.casefold():
                faults.append(
                    Fault(entry.line, f"{name} is another than on line {first.line}, and the mrn is the same")
                )
    said = {name for entry in entries for name, text in entry.patient.items() if text}
    faults += [Fault(first.line, f"{name} is empty") for name in ("family", "birth_date") if name not in said]
    problems = [_problem(entry.line, one, order, faults) for entry in entries for one in entry.problems]
    medications = [
        _medication(entry.line, one, order, faults) for entry in entries for one in entry.medications
    ]
    gender = _GENDERS.get(cells.get("gender", "").casefold(), "")
    if cells.get("gender") and not gender:
        faults.append(Fault(first.line, "gender is not known; write male, female, other or unknown"))
    if cells.get("provider_npi") and not _NPI.fullmatch(cells["provider_npi"]):
        faults.append(Fault(first.line, "provider_npi is not ten digits"))
    if cells.get("family") and who("1", cells["family"], "1") is None:
        faults.append(Fault(first.line, "family holds nothing that a request may hold"))
    if len(faults) > before:
        return None
    get = cells.get
    return Imported(
        mrn=cells["mrn"],
        family=cells["family"],
        birth_date=cells["birth_date"],
        given=get("given", ""),
        middle=get("middle", ""),
        suffix=get("suffix", ""),
        gender=gender,
        lines=_several(get("street", ""), get("street2", "")),
        city=get("city", ""),
        state=get("state", ""),
        zip=get("zip", ""),
        phones=_several(get("phone", ""), get("phone2", "")),
        emails=_several(get("email", "")),
        problems=tuple(dict.fromkeys(problem for problem in problems if problem is not None)),
        medications=tuple(medication for medication in medications if medication is not None),
        provider=Provider(get("provider_npi", ""), get("provider_family", ""), get("provider_given", "")),
        appointment=get("appointment_date", ""),
    )


def _several(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for text in texts for line in text.split("\n") if line.strip()))


def _date(line: int, name: str, text: str, order: Order | None, faults: list[Fault]) -> str:
    try:
        return day_of(text, order)
    except DateError as error:
        faults.append(Fault(line, f"{name} {error}"))
        return ""


def _problem(line: int, said: Cells, order: Order | None, faults: list[Fault]) -> Problem | None:
    if not said.get("code") and not said.get("label"):
        faults.append(Fault(line, "a problem has neither code nor label"))
        return None
    day = _date(line, "problem_date", said["date"], order, faults) if said.get("date") else ""
    return Problem(said.get("system", ""), said.get("code", ""), said.get("label", ""), day)


def _medication(line: int, said: Cells, order: Order | None, faults: list[Fault]) -> Medication | None:
    if not any(said.get(name) for name in ("code", "ndc", "label")):
        faults.append(Fault(line, "a medication has neither code nor ndc nor label"))
        return None
    cells = {name: text for name, text in said.items() if text}
    for name in _MEDICATION_DATES:
        if name in cells:
            cells[name] = _date(line, f"medication {name}", cells[name], order, faults).replace("-", "")
    npi = cells.get("prescriber_npi")
    if npi and not _NPI.fullmatch(npi):
        faults.append(Fault(line, "prescriber_npi is not ten digits"))
    return Medication(cells)
