"""A copy of a SQLite store while it is written, and whether such a copy is good.

Plan: one read transaction sees one state of the store; SQLite's backup copies it in steps, writers go on (the WAL grows
meanwhile). The copy gets its name only when it was opened again and found whole: until then it is `NAME.PID.part`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from interface.store import key_rows
from interface.store.crypto import Keyring, Master
from interface.store.database import Database, Part
from interface.store.errors import StoreError, Unreadable
from interface.store.migrations import ENVELOPE, MIGRATIONS, check_key, check_version, stored_version
from interface.store.schema import (
    charts,
    message_bodies,
    messages,
    metadata,
    patients,
    request_bodies,
    requests,
)
from interface.store.sqlite import cause_of

STEP_PAGES = 2000
STEP_REST_SECONDS = 0.005
COUNTED = (messages, patients, requests)
"""What is counted for people; compared are all tables."""
_SAMPLES = (
    ("message", message_bodies.c.body, message_bodies.c.message_id),
    ("request", request_bodies.c.body, request_bodies.c.request_id),
    ("chart", charts.c.chart, charts.c.patient_id),
)
"""Of each the newest must open."""

Progress = Callable[[int, int], None]
"""Pages copied, and all there are."""


class BadBackupError(StoreError):
    """A copy is not good; one line says why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A copy that was found whole."""

    path: Path
    version: int
    size: int
    counts: dict[str, int]
    """Rows by table."""
    newest_message_at: float | None


class Backup(Part):
    """Makes copies; used by one thread, beside a running daemon or without one."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    def make(self, target: Path, master: Master, progress: Progress = lambda _done, _all: None) -> Verified:
        """Copy the store to `target`, which is not there yet, and verify it. Raises StoreError: then nothing is left."""
        if target.exists():
            raise StoreError(f"{target} is there already: name another file, or a folder")
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            counts = self._copy(part, progress)
            found = verify(part, master, counts)
            _put(part, target)
        except OSError as error:
            raise StoreError(f"the backup {target} cannot be written: {error.strerror}") from None
        finally:
            for left in (part, part.with_name(f"{part.name}-journal"), part.with_name(f"{part.name}-wal")):
                left.unlink(missing_ok=True)
        return Verified(target, found.version, found.size, found.counts, found.newest_message_at)

    def _copy(self, part: Path, progress: Progress) -> dict[str, int]:
        """The copy as a single file; gives the rows of each table as they were in that state."""
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with self._reading() as connection, contextlib.closing(sqlite3.connect(part)) as copy:
            # read before the first step: the copy is of the state that this transaction sees
            counts = _count(connection)
            source = connection.connection.driver_connection
            if not isinstance(source, sqlite3.Connection):
                raise StoreError("only a SQLite store is copied so")
            try:
                source.backup(
                    copy,
                    pages=STEP_PAGES,
                    sleep=STEP_REST_SECONDS,
                    progress=lambda _status, left, pages: progress(pages - left, pages),
                )
                # what the production test takes from now on a store that is restored from it does not know
                copy.execute("UPDATE test_rounds SET copied = 1")
                copy.commit()
                # a WAL would be a second file; the daemon makes it a WAL database again
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"the backup cannot be written: {self._database.cause_of(error)}") from None
        return counts


def verify(path: Path, master: Master, expected: dict[str, int] | None = None) -> Verified:
    """Open a copy and look whether it is whole; changes nothing. Raises BadBackupError, StoreError for a wrong key.

    `expected`: rows that each table must have.
    """
    if not path.is_file():
        raise BadBackupError(f"there is no file {path}")
    engine = create_engine("sqlite://", poolclass=NullPool, hide_parameters=True, creator=lambda: _open(path))
    try:
        with engine.connect() as connection:
            return _verified(connection, path, master, expected)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise BadBackupError(f"{path}: {cause_of(error)}") from None


def _open(path: Path) -> sqlite3.Connection:
    # nothing is written beside it; a file with a WAL of its own is no backup of ours
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _verified(
    connection: Connection, path: Path, master: Master, expected: dict[str, int] | None
) -> Verified:
    told = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
    if told != ["ok"]:
        raise BadBackupError(f"{path} is damaged: {told[0]}")
    version = stored_version(connection, str(path))
    if not version:
        raise BadBackupError(f"{path} is empty: no store")
    check_version(version, str(path))
    check_key(connection, master, str(path), version)
    counts = _count(connection) if version == MIGRATIONS[-1].version else {}
    for name, rows in (expected or {}).items():
        if counts.get(name) != rows:
            raise BadBackupError(f"{path}: {name} has {counts.get(name)} rows, the store had {rows}")
    _open_samples(connection, _keyring(connection, master, path, version), path)
    newest = connection.execute(
        select(messages.c.received_at).order_by(messages.c.id.desc()).limit(1)
    ).scalar()
    return Verified(path, version, path.stat().st_size, counts, newest)


def _keyring(connection: Connection, master: Master, path: Path, version: int) -> Keyring:
    if version < ENVELOPE:
        return Keyring.alone(master.secret or b"")
    keys, hashes, clear = key_rows.unlock(key_rows.read(connection), master, str(path))
    return Keyring(keys, hashes, clear=master.off, opens_clear=clear)


def _open_samples(connection: Connection, keyring: Keyring, path: Path) -> None:
    for purpose, column, key in _SAMPLES:
        sealed = connection.execute(select(column).order_by(key.desc()).limit(1)).scalar()
        if sealed is None:
            continue
        try:
            keyring.open(purpose, sealed)
        except Unreadable as error:
            raise BadBackupError(f"{path}: the newest {purpose} does not open: {error}") from None


def _count(connection: Connection) -> dict[str, int]:
    return {
        table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in metadata.sorted_tables
    }


def _put(part: Path, target: Path) -> None:
    """On disk first, then under its name, without taking another's place."""
    handle = os.open(part, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise StoreError(f"{target} is there already: name another file, or a folder") from None
    except OSError:  # a file system without hard links
        part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def left_behind(folder: Path, stem: str) -> Iterator[Path]:
    """Halves of backups whose process is gone."""
    for path in folder.glob(f"{stem}*.part"):
        number = path.name.rpartition(".part")[0].rpartition(".")[2]
        if number.isdecimal() and not _lives(int(number)):
            yield path


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
