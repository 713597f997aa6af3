"""What the store remembers of the settings that it was filled by: a text by name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, insert, select

from interface.store.schema import settings_seen

_READ = select(settings_seen.c.value).where(settings_seen.c.name == bindparam("b_name"))
_DELETE = delete(settings_seen).where(settings_seen.c.name == bindparam("b_name"))
_INSERT = insert(settings_seen)


def read(connection: Connection, name: str) -> str | None:
    """The text under a name; None: nothing was ever noted."""
    value: str | None = connection.execute(_READ, {"b_name": name}).scalar()
    return value


def write(connection: Connection, values: Mapping[str, str], now: float) -> None:
    """Note texts in the place of those before, in the caller's transaction."""
    for name, value in values.items():
        connection.execute(_DELETE, {"b_name": name})
        connection.execute(_INSERT, {"name": name, "value": value, "seen_at": now})
