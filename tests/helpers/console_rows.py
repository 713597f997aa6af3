"""Rows for a console to show."""

from __future__ import annotations

import json

from console_browser import NOW

from interface.store.records.turn import NewRequestRow, PatientWrite, Turn
from interface.store.store import Store


def why(*codes: str) -> str:
    return json.dumps([{"code": code, "text": f"text of {code}"} for code in codes])


def put(
    store: Store, number: int, state: str, *codes: str, at: float = NOW, patient: int | None = None
) -> None:
    owner = patient or number
    row = NewRequestRow(number, owner, None, f"A{number}", state, b"{}", b"{}", None, reasons=why(*codes))
    known = [] if patient else [PatientWrite(number, b"{}", True, (f"K{number}",))]
    store.work.commit(Turn(at, patients=known, requests=[row]))
