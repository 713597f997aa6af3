"""A store moves to another database: every row of it, in one transaction of the target, and looked at there.

Plan: nobody runs on the source (its locks are held), the target has no tables. Rows are read once and written in portions
of a bounded size; before the commit they are counted, and the oldest and newest sealed values of each table are opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, func, insert, inspect, literal_column, select

from interface.store import key_rows, schema
from interface.store.crypto import Keyring, Master
from interface.store.database import Database, Part
from interface.store.errors import StoreError, Unreadable
from interface.store.migrations import MIGRATIONS, THE_TURN, check_key, check_version, stored_version
from interface.store.texts import clear

PORTION_ROWS = 500
PORTION_BYTES = 8 * 1024 * 1024
LOOKED_AT = 200
"""How many sealed values of each table are opened, the oldest and the newest."""

_OF_ITS_OWN = ("nodes", "intake_turn")
"""What is of a database and of no store: it begins anew."""

Progress = Callable[[str, int, int], None]
"""Told the table, how many of its rows are there, and how many there are."""


@dataclass(frozen=True)
class Moved:
    """What is in the target now."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    opened: int = 0
    """How many sealed values were opened there."""


class _End(Part):
    """One of the two databases."""

    def reading(self) -> Any:
        """One state of it."""
        return self._reading()

    def writing(self) -> Any:
        """One transaction."""
        return self._writing()


def move(source: Database, target: Database, master: Master, progress: Progress = lambda *_: None) -> Moved:
    """Copy a store; the caller sees to it that nobody writes the source. Raises StoreError: the target is as it was."""
    there = _End(target.changing())
    try:
        here = _End(source)
        try:
            with here.reading() as old, there.writing() as new:
                target.lock_schema(new)
                _check(old, source.name, new, target.name, master)
                target.check_suited(new)
                return _copy(old, new, master, target.name, progress)
        finally:
            here.close()
    finally:
        there.close()


def _check(old: Connection, source: str, new: Connection, target: str, master: Master) -> None:
    version, newest = stored_version(old, source), MIGRATIONS[-1].version
    check_version(version, source)
    if version != newest:
        raise StoreError(
            f"the store {source} is of version {version} and must become {newest}: start the daemon on it once"
            if version
            else f"there is no store at {source}"
        )
    check_key(old, master, source, version)
    tables = inspect(new).get_table_names()
    if tables:
        raise StoreError(f"the database {target} is not empty ({tables[0]}): name one without tables")


def _copy(old: Connection, new: Connection, master: Master, where: str, progress: Progress) -> Moved:
    schema.metadata.create_all(new, checkfirst=False)
    new.execute(THE_TURN)
    rows = {}
    for table in schema.metadata.sorted_tables:
        if table.name not in _OF_ITS_OWN:
            rows[table.name] = _copy_table(old, new, table, progress)
    keys, hashes, in_clear = key_rows.unlock(key_rows.read(new), master, where)
    keyring = Keyring(keys, hashes, clear=master.off, opens_clear=in_clear)
    return Moved(rows, sum(_open(new, keyring, table) for table in schema.metadata.sorted_tables))


def _copy_table(old: Connection, new: Connection, table: Table, progress: Progress) -> int:
    total = _count(old, table)
    done = 0
    for portion in _portions(old, table):
        new.execute(insert(table), portion)
        done += len(portion)
        progress(table.name, done, total)
    found = _count(new, table)
    if not done == total == found:
        raise StoreError(f"{table.name}: {total} rows there, {done} copied, {found} in the target")
    counted = table.autoincrement_column
    if counted is not None and done:
        sequence = func.pg_get_serial_sequence(table.name, counted.name)
        new.execute(select(func.setval(sequence, select(func.max(counted)).scalar_subquery())))
    return done


def _portions(old: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table by its key, so many and so large that they are well held in memory."""
    portion: list[dict[str, Any]] = []
    size = 0
    result = old.execution_options(yield_per=PORTION_ROWS).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    for row in result:
        values = {name: _value(value) for name, value in row._mapping.items()}
        portion.append(values)
        size += sum(len(value) for value in values.values() if isinstance(value, bytes))
        if len(portion) >= PORTION_ROWS or size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _value(value: Any) -> Any:
    """As every database takes it: SQLite keeps texts that others do not."""
    return clear(value) if isinstance(value, str) else value


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count(literal_column("*"))).select_from(table)).scalar_one())


def _open(connection: Connection, keyring: Keyring, table: Table) -> int:
    """Open the first and last sealed values of a table; gives how many. Raises StoreError.

    What could not be opened before (a damaged row) is no fault of the copy; that nothing at all opens is one.
    """
    columns = [column for column in table.columns if "sealed" in column.info]
    opened, failed = 0, ""
    for column in columns:
        for values in _ends(connection, table, column):
            for value in values:
                try:
                    keyring.open(column.info["sealed"], value)
                    opened += 1
                except Unreadable as error:
                    failed = str(error)
    if failed and not opened:
        raise StoreError(f"{table.name}: {failed}")
    return opened


def _ends(connection: Connection, table: Table, column: Any) -> Iterator[Sequence[bytes]]:
    key = next(iter(table.primary_key.columns))
    there = select(column).where(column.is_not(None))
    for order in (key, key.desc()):
        yield connection.execute(there.order_by(order).limit(LOOKED_AT // 2)).scalars().all()
