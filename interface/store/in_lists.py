"""IN lists, in parts that every engine takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

_T = TypeVar("_T")
_ID = TypeVar("_ID", int, str)

MOST = 500
"""How many values one IN list holds at most."""


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The values in parts that fit an IN list; none at all for none."""
    return (values[start : start + MOST] for start in range(0, len(values), MOST))


def among(connection: Connection, statement: Select[Any], ids: Iterable[_ID], **more: Any) -> Iterator[Any]:
    """The rows of a statement whose IN list is `ids`, however many they are, each once, in order; `more` are its other
    parameters.
    """
    for part in chunks(sorted(set(ids))):
        yield from connection.execute(statement, {"ids": part, **more})
