"""The connection to SQLite: how it is opened, how a transaction begins, and what its failures are called.

SQLAlchemy's errors carry statements and parameters, and PostgreSQL's own carry values of rows: neither ever
leaves this package. What goes on is a text from the table below.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from interface.store.errors import StoreError

BUSY_MS = 5000
"""How long a statement waits for another writer, in ms."""

_READING = "reading"

_INCREMENTAL = 2
_PRAGMAS = (
    "synchronous=FULL",  # a commit is on disk when it returns: what is acknowledged is safe
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",  # no temporary files
    "cache_size=-8192",  # KiB
    "journal_size_limit=67108864",  # a WAL that grew behind a long reader is cut again
)

_SQLITE_CAUSES = {
    "SQLITE_READONLY_DBMOVED": "the file was moved or replaced",
    "SQLITE_IOERR_SHMSIZE": "the disk is full, or no memory can be shared there",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file is read-only",
    "SQLITE_BUSY": "another program holds it locked",
    "SQLITE_LOCKED": "another program holds it locked",
    "SQLITE_IOERR": "the disk gives read or write errors",
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_NOTADB": "the file is not a SQLite database, or is damaged",
    "SQLITE_PERM": "permission denied",
    "SQLITE_AUTH": "permission denied",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_TOOBIG": "a value is too big",
}


_Inode = tuple[int, int]


def _inode(path: str) -> _Inode | None:
    """What tells a file from another of the same name; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - once in each commit: 1 µs
    except OSError:
        return None
    return found.st_dev, found.st_ino


def cause_of(error: BaseException) -> str:
    """What went wrong in words: never a statement, never a value."""
    origin: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(origin, "sqlite_errorname", None)
    if not isinstance(name, str):
        return type(origin).__name__
    # extended names (SQLITE_IOERR_WRITE) begin with the plain one
    plain = "_".join(name.split("_")[:2])
    return _SQLITE_CAUSES.get(name) or _SQLITE_CAUSES.get(plain, plain)


def _failed(failure: type[StoreError], what: str, error: BaseException) -> StoreError:
    """What is told of an error of the database."""
    cause = cause_of(error)
    told = failure(f"{what}: {cause}")
    told.disk_full = cause.startswith("the disk is full")
    told.damaged = "damaged" in cause
    return told


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///…` URL names; StoreError for every URL that is not one."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("[store] url is not a database URL: write sqlite:///path/of/the/file.db") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        raise StoreError("[store] url: postgresql is not available yet: use sqlite:///path/of/the/file.db")
    if backend != "sqlite":
        raise StoreError(f"[store] url: there is no store on {backend}: use sqlite:///path/of/the/file.db")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise StoreError("[store] url names no file: write sqlite:///path/of/the/file.db")
    return Path(parsed.database)


def make_file(path: Path) -> None:
    """An empty file that only we can read, for SQLite to fill (its -wal and -shm take the same mode). StoreError where
    the file of before was taken away, but not its WAL, which belongs to it.
    """
    left = path.with_name(f"{path.name}-wal")
    try:
        if left.exists() and left.stat().st_size and not (path.exists() and path.stat().st_size):
            raise StoreError(
                f"{left} is there, but the store {path} that it belongs to is not: bring that file back, "
                "or move both away"
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be made: {error.strerror}") from None


def make_engine(path: Path, *, busy_ms: int = BUSY_MS) -> Engine:
    """An engine whose connections are each their own (no pool) and may change threads, one user at a time."""
    # never a new file: beside the WAL of one that was moved away, SQLite would take an empty one for the
    # database, and delete the WAL with all that is not in the other yet
    address = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, check_same_thread=False, cached_statements=256)

    engine = create_engine(f"sqlite:///{path}", creator=connect, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: the event below does
        connection.execute(f"PRAGMA busy_timeout={busy_ms}")
        if connection.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
            # works while the file is empty, before WAL; set again it would wait for the lock of writers
            connection.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
        _set_wal(connection, busy_ms / 1000)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a writer takes the lock at once: one that began by reading could not wait for it
        connection.exec_driver_sql("BEGIN" if connection.info.get(_READING) else "BEGIN IMMEDIATE")

    return engine


def _set_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Make the file a WAL database; SQLite does not wait by itself when others are opening it just now."""
    ends = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not str(error.sqlite_errorname).startswith("SQLITE_BUSY") or time.monotonic() > ends:
                raise
            time.sleep(0.01)


class Part:
    """What the journal, the work and the views have in common: a connection of their own, used by one
    thread.
    """

    def __init__(self, engine: Engine) -> None:
        try:
            self._connection = engine.connect()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _failed(StoreError, f"the store {engine.url.database} cannot be opened", error) from None
        self._path = engine.url.database or ""
        self._inode = _inode(self._path)
        self._wal: _Inode | None = None  # known with the first commit: before it the file may not be there

    def close(self) -> None:
        """Give the connection back; what was not committed is undone."""
        self._connection.close()

    def _writing(
        self, failure: type[StoreError] = StoreError
    ) -> contextlib.AbstractContextManager[Connection]:
        """A transaction that is committed at the end of the block, or undone whole and told as `failure`."""
        return self._transaction(failure, "the store cannot be written", reading=False)

    def _reading(self) -> contextlib.AbstractContextManager[Connection]:
        """A transaction that sees one state of the store and takes no lock that a writer waits for."""
        return self._transaction(StoreError, "the store cannot be read", reading=True)

    @contextlib.contextmanager
    def _transaction(self, failure: type[StoreError], what: str, *, reading: bool) -> Iterator[Connection]:
        connection = self._connection
        connection.info[_READING] = reading
        try:
            with connection.begin():
                yield connection
                if not reading and self._is_gone():
                    # a file that was deleted or moved takes commits to the end, and keeps none of them
                    raise failure(
                        f"the store file {self._path} or its -wal was moved, deleted or replaced: "
                        "bring it back"
                    )
        except (SQLAlchemyError, sqlite3.Error, OverflowError) as error:
            raise _failed(failure, what, error) from None

    def _is_gone(self) -> bool:
        """Whether the database, or the WAL that commits go to first, is not the file any more that was opened."""
        wal = _inode(f"{self._path}-wal")
        self._wal = self._wal or wal
        return _inode(self._path) != self._inode or wal != self._wal
