"""The file of test patients as the vendor hands it out: a table (CSV) or JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from interface.staging.csv_file import read_csv
from interface.staging.dates import Order
from interface.staging.entries import Fault, Found, assemble
from interface.staging.json_file import read_json

MOST_BYTES = 16 * 1024 * 1024
MOST_PATIENTS = 5000


def read_file(data: bytes, order: Order | None = None, ignore: Collection[str] = ()) -> Found:
    """What the file holds. `order`: how 3/4/1950 is meant; `ignore`: headings of a table to pass over."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            return _only("it is no text: save it as CSV (UTF-8) or JSON")
    if "\x00" in text:
        return _only("it is no text: save it as CSV (UTF-8) or JSON")
    is_json = text.lstrip()[:1] in ("[", "{")
    entries, faults, notes = read_json(text) if is_json else read_csv(text, ignore)
    found = assemble(entries, order, faults, notes)
    if len(found.patients) > MOST_PATIENTS:
        return _only(f"more than {MOST_PATIENTS} patients: is it the vendor's file of test patients?")
    return found


def _only(text: str) -> Found:
    return Found((), (), (Fault(1, text),))


def source_of(data: bytes) -> str:
    """What the file is known by from then on: the first digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]
