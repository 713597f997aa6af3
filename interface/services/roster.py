"""The vendor's test patients: as they are stored, as they are imported by a person's command, and as the last look before
a POST finds them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from interface.services.by_hand import CannotError
from interface.services.plan import Plan
from interface.staging.imported import Imported, Roster, decode, encode, named_by
from interface.store.records.reading import Command
from interface.store.records.roster import RosterRow, RosterWrite
from interface.store.records.turn import Claimed, CommandDone
from interface.store.store import Store

log = logging.getLogger("interface.services.work")

ADD, REPLACE, REMOVE, FORGET = "add", "replace", "remove", "forget"
MODES = (ADD, REPLACE, REMOVE, FORGET)
KIND = "import-test-patients"
"""The command's kind."""


def roster_of(store: Store) -> Roster:
    """The test patients that a store knows. Raises StoreError."""
    return of_rows(store.roster.all())


def of_rows(rows: Iterable[RosterRow]) -> Roster:
    """The test patients of these rows; one that can't be read any more is none."""
    now: list[Imported] = []
    before: list[Imported] = []
    for row in rows:
        found = read(row)
        if found is not None:
            (now if row.removed_at is None else before).append(found)
    return Roster(now, before)


def read(row: RosterRow) -> Imported | None:
    """One of them; None when his document can't be read any more."""
    try:
        return decode(row.document)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


# ---------------------------------------------------------------- the command


def arguments(patients: Iterable[Imported], mode: str, source: str) -> dict[str, Any]:
    """As the command takes them. `source`: digest of the file."""
    return {"mode": mode, "source": source, "patients": [encode(patient).decode() for patient in patients]}


def plan_import(command: Command, stored: Iterable[RosterRow]) -> Plan:
    """What the command changes. Raises CannotError."""
    try:
        mode = str(command.arguments["mode"])
        source = str(command.arguments["source"])
        given = [decode(text.encode()) for text in command.arguments["patients"]]
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError, msgspec.DecodeError):
        raise CannotError(
            "what was to be imported can't be read: was it written by a newer program?"
        ) from None
    if mode not in MODES:
        raise CannotError("this program does not know that way of importing: was it written by a newer one?")
    writes, counts = changes(given, mode, source, stored)
    plan = Plan(roster=writes, guards_changed=True)
    plan.commands.append(CommandDone(command.id, "done", counts))
    return plan


def changes(
    given: Sequence[Imported], mode: str, source: str, stored: Iterable[RosterRow]
) -> tuple[list[RosterWrite], dict[str, int]]:
    """What an import would write, and how many of each kind: added, changed, unchanged, removed, and patients then."""
    there: dict[str, RosterRow] = {}
    for row in stored:
        known = read(row)
        if known is not None:
            there[known.mrn] = row
    counts = dict.fromkeys(("added", "changed", "unchanged", "removed"), 0)
    writes: list[RosterWrite] = []
    if mode in (REMOVE, FORGET):
        for patient in given:
            stands = there.get(patient.mrn)
            if stands is not None and (mode == FORGET or stands.removed_at is None):
                writes.append(RosterWrite(patient.mrn, forget=mode == FORGET))
    else:
        for patient in given:
            document, known_as = encode(patient), there.get(patient.mrn)
            is_there = known_as is not None and known_as.removed_at is None
            if known_as is not None and is_there and known_as.document == document:
                counts["unchanged"] += 1
                continue
            counts["changed" if is_there else "added"] += 1
            writes.append(RosterWrite(patient.mrn, document, source))
        if mode == REPLACE:
            kept = {patient.mrn for patient in given}
            gone = [mrn for mrn, row in there.items() if row.removed_at is None and mrn not in kept]
            writes += [RosterWrite(mrn) for mrn in gone]
    ended = {write.mrn for write in writes if write.document is None}
    counts["removed"] = len(ended)
    live = {mrn for mrn, row in there.items() if row.removed_at is None} - ended
    counts["patients"] = len(live | {write.mrn for write in writes if write.document is not None})
    return writes, counts


# ---------------------------------------------------------------- the last look


class LastLook:
    """Whether what is about to be POSTed names a test patient who is imported at this moment: in staging nothing else is
    sent, whatever was decided before, by whomever.
    """

    def __init__(self, find: Callable[[Iterable[str]], list[RosterRow]]) -> None:
        """`find`: the rows of these numbers, read anew."""
        self._find = find

    def strangers(self, claimed: Sequence[Claimed]) -> set[int]:
        """The requests that must not go out. Raises StoreError: it can't be told."""
        patients = {one.request_id: _patient(one.body) for one in claimed}
        named = {id_: found for id_, patient in patients.items() if (found := named_by(patient)) is not None}
        roster = of_rows(self._find({found.mrn for found in named.values()})) if named else Roster()
        return {id_ for id_, patient in patients.items() if roster.of(patient) is None}


def _patient(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    patient = found.get("patient") if isinstance(found, dict) else None
    return patient if isinstance(patient, dict) else None


def last_look(store: Store, environment: str) -> Callable[[Sequence[Claimed]], set[int]]:
    """What the environment of this process asks of each request before it is sent: which of them must not be."""
    if environment != "staging":
        return lambda _: set()
    return LastLook(lambda mrns: store.roster.of_numbers(mrns)).strangers
