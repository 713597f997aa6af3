"""What persons ask of the work (console, command line): written here, carried out by the work's loop and by nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from interface.store import counters
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.key_rows import still_good
from interface.store.records.reading import Command
from interface.store.records.turn import CommandDone
from interface.store.schema import commands

UNREADABLE = "unreadable: it is damaged in the store"
_ADD = insert(commands)
_COLUMNS = (
    commands.c.id,
    commands.c.kind,
    commands.c.arguments,
    commands.c.state,
    commands.c.result,
    commands.c.created_at,
    commands.c.ended_at,
)
_ONE = select(*_COLUMNS).where(commands.c.id == bindparam("b_id"))
_BETWEEN = (
    select(*_COLUMNS)
    .where(commands.c.id >= bindparam("b_first"), commands.c.id <= bindparam("b_last"))
    .order_by(commands.c.id)
)
_DONE = (
    select(*_COLUMNS)
    .where(commands.c.state == "done", commands.c.kind.in_(bindparam("b_kinds", expanding=True)))
    .order_by(commands.c.id.desc())
    .limit(bindparam("b_most"))
)
_NEXT = select(*_COLUMNS).where(commands.c.state == "waiting").order_by(commands.c.id).limit(1)
_END = (
    update(commands)
    .where(commands.c.id == bindparam("b_id"), commands.c.state == "waiting")
    .values(state=bindparam("b_state"), result=bindparam("b_result"), ended_at=bindparam("b_now"))
)


class Commands(Part):
    """The side of who asks; used by one thread, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def add(self, kind: str, arguments: Mapping[str, Any]) -> int:
        """Ask for something; gives the command's id."""
        return self.add_all(kind, (arguments,))[0]

    def add_all(self, kind: str, portions: Sequence[Mapping[str, Any]]) -> range:
        """Ask for one thing in portions, carried out one after the other; gives the commands' ids. All or none."""
        sealed = [_sealed(self._keyring, arguments) for arguments in portions]
        with self._writing() as connection:
            first = counters.take(connection, "command", len(sealed))
            rows = [
                {
                    "id": first + place,
                    "kind": kind,
                    "arguments": arguments,
                    "state": "waiting",
                    "created_at": time.time(),
                }
                for place, arguments in enumerate(sealed)
            ]
            connection.execute(_ADD, rows)
            still_good(connection, self._keyring)
        return range(first, first + len(sealed))

    def between(self, first: int, last: int) -> list[Command]:
        """The commands from one id to another, in their order."""
        with self._reading() as connection:
            rows = connection.execute(_BETWEEN, {"b_first": first, "b_last": last}).all()
        return [_command(self._keyring, row) for row in rows]

    def done(self, kinds: Sequence[str], most: int) -> list[Command]:
        """The commands of these kinds that were carried out, oldest first: of many the newest."""
        with self._reading() as connection:
            rows = connection.execute(_DONE, {"b_kinds": list(kinds), "b_most": most}).all()
        return [_command(self._keyring, row) for row in reversed(rows)]

    def get(self, id: int) -> Command | None:
        """A command and what came of it."""
        with self._reading() as connection:
            row = connection.execute(_ONE, {"b_id": id}).one_or_none()
        return None if row is None else _command(self._keyring, row)


def next_command(connection: Connection, keyring: Keyring) -> Command | None:
    """The oldest command that is not carried out."""
    row = connection.execute(_NEXT).one_or_none()
    return None if row is None else _command(keyring, row)


def end_commands(connection: Connection, keyring: Keyring, done: Sequence[CommandDone], now: float) -> None:
    """Record what came of commands, in the caller's transaction."""
    if done:
        rows = [
            {"b_id": c.id, "b_state": c.state, "b_result": _sealed(keyring, c.result), "b_now": now}
            for c in done
        ]
        connection.execute(_END, rows)


def _sealed(keyring: Keyring, value: Mapping[str, Any]) -> bytes:
    return keyring.seal("command", json.dumps(value).encode())


def _command(keyring: Keyring, row: Any) -> Command:
    id_, kind, arguments, state, result, created_at, ended_at = row
    opened = _opened(keyring, arguments)
    told = None if result is None else _opened(keyring, result) or {"problem": UNREADABLE}
    return Command(id_, kind, opened or {}, state, told, created_at, ended_at, opened is not None)


def _opened(keyring: Keyring, sealed: bytes) -> dict[str, Any] | None:
    """A sealed value; None when it is damaged."""
    try:
        found: dict[str, Any] = json.loads(keyring.open("command", sealed))
    except (Unreadable, ValueError):
        return None
    return found
