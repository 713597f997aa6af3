"""The vendor's test patients: in staging the networks know nobody else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interface.errors import InterfaceError
from interface.staging.file import read_file

_NAMED = 10
"""So many faults of a file are told."""


class TestPatientsError(InterfaceError):
    """The file cannot be used; the text says which lines and why, without what stands in them."""

    __test__ = False  # pytest takes it for tests otherwise
    exit_code = 2


@dataclass(frozen=True)
class TestPatients:
    """Known by number, family name and birth date together."""

    __test__ = False

    keys: frozenset[tuple[str, str, str]]

    def knows(self, patient: dict[str, Any]) -> bool:
        """Whether a `Patient` of a request is one of them."""
        mrn, name = patient.get("mrn"), patient.get("name")
        number = mrn.get("extension") if isinstance(mrn, dict) else None
        family = name.get("family") if isinstance(name, dict) else None
        return _key(number, family, patient.get("birthDate")) in self.keys


def patients_of(document: Any) -> tuple[dict[str, Any], ...]:
    """The patients of a request of either version, in its order; what is none is an empty one."""
    if not isinstance(document, dict):
        return ()
    panel = document.get("patientProcessingRequests")
    entries = panel if isinstance(panel, list) else [document]
    found = [entry.get("patient") if isinstance(entry, dict) else None for entry in entries]
    return tuple(patient if isinstance(patient, dict) else {} for patient in found)


def read_test_patients(path: Path) -> TestPatients:
    """Read the file that `onboarding import-patients` reads.

    Raises:
        TestPatientsError: it cannot be read, or some of it is no patient.

    """
    try:
        found = read_file(path.read_bytes())
    except OSError as error:
        raise TestPatientsError(
            f"--test-patients {path}: {(error.strerror or 'unreadable').lower()}"
        ) from None
    if found.faults or not found.patients:
        told = [f"line {fault.line}: {fault.text}" for fault in found.faults[:_NAMED]]
        more = [f"and {len(found.faults) - _NAMED} more"] if len(found.faults) > _NAMED else []
        said = "; ".join(told + more) or "there is no patient in it"
        raise TestPatientsError(f"--test-patients {path}: {said}")
    return TestPatients(frozenset(_key(one.mrn, one.family, one.birth_date) for one in found.patients))


def _key(mrn: Any, family: Any, birth_date: Any) -> tuple[str, str, str]:
    return str(mrn).strip(), str(family).strip().casefold(), str(birth_date).strip()
