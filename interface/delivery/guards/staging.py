"""Staging: nobody but the vendor's test patients leaves the house, and of them nothing clinical but what was imported.

Elsewhere nothing of theirs leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interface.chart.apart import is_apart
from interface.chart.guarding import Case, Guard, Ruling
from interface.chart.holds import hold
from interface.staging.imported import NOTHING, Coding, Imported, Roster, coding, same

_STRANGER = Ruling((hold("not-test-patient"),))
_ELSEWHERE = Ruling((hold("test-patient"),))

_DIAGNOSES = {
    "activeIcd10Diagnoses": "ICD10",
    "activeIcd9Diagnoses": "ICD9",
    "activeSnomedDiagnoses": "SNOMED",
    "diagnoses": "",
}
"""Lists of problems, and the system of their codes; empty: each entry says its own."""


@dataclass(frozen=True, slots=True)
class StagingGuard:
    """The guard of staging."""

    patients: Roster

    def __call__(self, case: Case) -> Ruling:
        """What it says to a request."""
        patient = self.patients.of(case.request.get("patient"))
        if patient is None or not is_apart(case.chart) or _asks_of_drugs(case.request):
            return _STRANGER
        return Ruling(withheld=tuple(_not_his(case.request, patient)))


@dataclass(frozen=True, slots=True)
class ElsewhereGuard:
    """Any other environment's guard, which lets no test patient out."""

    inner: Guard

    def __call__(self, case: Case) -> Ruling:
        """What it says to a request."""
        return _ELSEWHERE if is_apart(case.chart) else self.inner(case)


def _asks_of_drugs(request: Mapping[str, Any]) -> bool:
    """Whether it names drugs where no entry can be withheld. Nothing composes that today."""
    directives = request.get("directives")
    return isinstance(directives, Mapping) and bool(directives.get("medicationsOfInterest"))


def _not_his(request: Mapping[str, Any], patient: Imported) -> list[str]:
    """The entries of the request's lists that were not imported for the patient."""
    problems = [problem.coding for problem in patient.problems]
    drugs = [entry for medication in patient.medications for entry in medication.codings]
    found = []
    for name, entries in request.items():
        if not isinstance(entries, list):
            continue
        for place, entry in enumerate(entries):
            if name in _DIAGNOSES:
                known, said = problems, _diagnosis(entry, _DIAGNOSES[name])
            elif name == "medications":
                known, said = drugs, drug_of(entry)
            else:
                known, said = [], NOTHING
            if not any(same(said, one) for one in known):
                found.append(f"{name}[{place}]")
    return found


def problems_of(request: Mapping[str, Any]) -> Iterator[Coding]:
    """The problems of a request, ready to compare."""
    for name, system in _DIAGNOSES.items():
        yield from (_diagnosis(entry, system) for entry in request.get(name, ()))


def _diagnosis(entry: Mapping[str, Any], system: str) -> Coding:
    get = entry.get
    return coding(system or str(get("codeSystem", "")), str(get("code", "")), str(get("displayName", "")))


def drug_of(entry: Mapping[str, Any]) -> Coding:
    """A medication of a request, ready to compare."""
    name = entry.get("nameCode") or {}
    system = name.get("codeSystem") or name.get("codeSystemName") or ""
    return coding(str(system), str(name.get("code", "")), str(name.get("displayName", "")))
