"""Which arrivals the journal has already: one statement for a batch.

The name of a message is listener, MSH-3, MSH-4 and MSH-10, hashed as its dedupe key; a row that bears it is a
namesake. With the same content it is the first of a duplicate, with other content the two are in conflict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    LargeBinary,
    Select,
    Text,
    bindparam,
    column,
    literal_column,
    select,
    values,
)
from sqlalchemy.sql.functions import min as sql_min

from interface.store.prepared import Prepared
from interface.store.schema import messages


class Name(NamedTuple):
    """What an arrival is called, and its content. A tuple: one is made for each message."""

    control_id: str
    """As the clear column holds it."""
    key: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Namesakes:
    """What the journal holds of such names within the window."""

    first: dict[tuple[bytes, bytes], int]
    """(key, digest) → the oldest row with that name and content."""
    keys: set[bytes]
    """Keys that any row bears."""


def _statement(size: int) -> Select[Any]:
    """For each of `size` names: the oldest row with that content, and any row at all.

    Asked for are pairs of control id and digest, as the index has them: a sender who gives every message
    the same control id does not make us read all of them.
    """
    listed = values(
        column("place", Integer),
        column("control_id", Text),
        column("dedupe_key", LargeBinary),
        column("digest", LargeBinary),
    ).data(
        [
            (
                literal_column(str(place), Integer),
                bindparam(f"c{place}", type_=Text),
                bindparam(f"k{place}", type_=LargeBinary),
                bindparam(f"d{place}", type_=LargeBinary),
            )
            for place in range(size)
        ]
    )
    wanted = listed.cte("wanted")
    namesake = (
        messages.c.control_id == wanted.c.control_id,
        messages.c.dedupe_key == wanted.c.dedupe_key,
        messages.c.received_at >= bindparam("since"),
    )
    first = select(sql_min(messages.c.id)).where(*namesake, messages.c.content_digest == wanted.c.digest)
    other = select(messages.c.id).where(*namesake).limit(1)
    return select(wanted.c.place, first.scalar_subquery(), other.scalar_subquery())


_STATEMENTS = {2**n: Prepared(_statement(2**n)) for n in range(8)}
"""Statements are made for these numbers of names, so that they are compiled once; a last name fills up the
rest.
"""
LARGEST = max(_STATEMENTS)


def find_namesakes(connection: Connection, names: Iterable[Name], since: float) -> Namesakes:
    """Look up names among the rows received at or after `since` (POSIX seconds)."""
    found = Namesakes({}, set())
    wanted = list(names)
    for start in range(0, len(wanted), LARGEST):
        _look_up(connection, wanted[start : start + LARGEST], since, found)
    return found


def _look_up(connection: Connection, names: list[Name], since: float, found: Namesakes) -> None:
    size = 1 << (len(names) - 1).bit_length()
    parameters: dict[str, Any] = {"since": since}
    for place in range(size):
        name = names[min(place, len(names) - 1)]
        parameters[f"c{place}"] = name.control_id
        parameters[f"k{place}"] = name.key
        parameters[f"d{place}"] = name.digest
    rows = _STATEMENTS[size].execute(connection, parameters).fetchall()
    for place, first, other in rows:
        if other is not None and place < len(names):
            found.keys.add(names[place].key)
            if first is not None:
                found.first[names[place].key, names[place].digest] = first
