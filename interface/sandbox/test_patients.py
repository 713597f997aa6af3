"""The vendor's test patients: in staging the networks know nobody else."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from interface.errors import InterfaceError

COLUMNS = ("mrn", "family", "birth_date")


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
    """Read a CSV file with the columns `mrn`, `family`, `birth_date`, or a JSON list of objects with these names.

    Raises:
        TestPatientsError: it cannot be read, or some of it is no patient.

    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise TestPatientsError(f"--test-patients {path}: {why.lower()}") from None
    rows = _of_json(path, text) if text.lstrip()[:1] in ("[", "{") else _of_csv(path, text)
    bad = [f"{place}: {why}" for place, row in rows if (why := _fault(row))]
    if bad or not rows:
        told = "; ".join(bad[:10]) or "there is no patient in it"
        more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise TestPatientsError(f"--test-patients {path}: {told}{more}")
    return TestPatients(frozenset(_key(*(row[column] for column in COLUMNS)) for _, row in rows))


def _key(mrn: Any, family: Any, birth_date: Any) -> tuple[str, str, str]:
    return str(mrn).strip(), str(family).strip().casefold(), str(birth_date).strip()


_Rows = list[tuple[str, dict[str, Any]]]


def _of_json(path: Path, text: str) -> _Rows:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise TestPatientsError(f"--test-patients {path}{place}: it is not JSON") from None
    if not isinstance(listed, list):
        raise TestPatientsError(f"--test-patients {path}: write a list of objects")
    return [(f"entry {n}", row if isinstance(row, dict) else {}) for n, row in enumerate(listed, 1)]


def _of_csv(path: Path, text: str) -> _Rows:
    lines = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (lines.fieldnames or ())]
    if missing:
        raise TestPatientsError(f"--test-patients {path}, line 1: no column {', '.join(missing)}")
    try:
        return [(f"line {lines.line_num}", row) for row in lines]
    except csv.Error:
        raise TestPatientsError(f"--test-patients {path}, line {lines.line_num}: it is not CSV") from None


def _fault(row: dict[str, Any]) -> str | None:
    """Why a row is no patient."""
    empty = [column for column in COLUMNS if not str(row.get(column) or "").strip()]
    if empty:
        return f"no {', no '.join(empty)}"
    try:
        date.fromisoformat(str(row["birth_date"]).strip())
    except ValueError:
        return "birth_date is not yyyy-mm-dd"
    return None
