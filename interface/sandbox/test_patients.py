"""The vendor's test patients: in staging the networks know nobody else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interface.errors import InterfaceError

_FORBIDDEN = dict.fromkeys(map(ord, '<>"%;+@'), " ")
"""Contract: CleanText."""
_TOLD = 10
"""So many bad lines are named."""


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
    """Read the file that the vendor hands out, as `onboarding import-patients` does.

    Raises:
        TestPatientsError: it cannot be read, or some of it is no patient.

    """
    from interface.staging.file import read_file  # 0.3 s, for those who have such a file

    try:
        data = path.read_bytes()
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise TestPatientsError(f"--test-patients {path}: {why}") from None
    found = read_file(data)
    if found.faults:
        told = "; ".join(f"line {fault.line}: {fault.text}" for fault in found.faults[:_TOLD])
        more = f"; and {len(found.faults) - _TOLD} more" if len(found.faults) > _TOLD else ""
        raise TestPatientsError(f"--test-patients {path}: {told}{more}")
    return TestPatients(
        frozenset(_key(patient.mrn, patient.family, patient.birth_date) for patient in found.patients)
    )


def _key(mrn: Any, family: Any, birth_date: Any) -> tuple[str, str, str]:
    """Ready to compare. A request's name lacks the characters that it may not hold; the file's may have them."""
    name = str(family).translate(_FORBIDDEN).casefold()
    return str(mrn).strip(), " ".join(name.split()), str(birth_date).strip()
