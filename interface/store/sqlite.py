"""SQLite: how a file is made and opened, how a transaction begins, and what its failures are called."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from interface.store.database import Database
from interface.store.errors import StoreError
from interface.store.records.figures import StoreStats

BUSY_MS = 5000
"""How long a statement waits for another writer, in ms."""
PROBE_BUSY_MS = 1000
LOCK_POLL_SECONDS = 0.0005
"""How often a writer asks for the lock. SQLite itself would ask after 1, 2, 5, 10, 15, 20, 25 ms more: a journal whose
answers wait, and a work whose turns do, find it free for milliseconds and sleep."""

_READING = "reading"

_READ_VERSION = 19
"""Which byte of a file says how it is to be read."""
_WITHOUT_WAL = b"\x01"

_INCREMENTAL = 2
_PRAGMAS = (
    "synchronous=FULL",  # a commit is on disk when it returns: what is acknowledged is safe
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",  # no temporary files
    # KiB of each connection, of which a door and a work have a dozen. With 8 MB the work took 6 MB more, and as long
    "cache_size=-2048",
    # pages of the WAL at which who commits must bring them into the file: the door's thread does it before
    "wal_autocheckpoint=4000",
    "journal_size_limit=67108864",  # a WAL that grew behind a long reader is cut again
)

_UNOPENED = "the file cannot be opened"
_CAUSES = {
    "SQLITE_READONLY_DBMOVED": "the file was moved or replaced",
    "SQLITE_IOERR_SHMSIZE": "the disk is full, or no memory can be shared there",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file is read-only",
    "SQLITE_BUSY": "another program holds it locked",
    "SQLITE_LOCKED": "another program holds it locked",
    "SQLITE_IOERR": "the disk gives read or write errors",
    "SQLITE_CANTOPEN": _UNOPENED,
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_NOTADB": "the file is not a SQLite database, or is damaged",
    "SQLITE_PERM": "permission denied",
    "SQLITE_AUTH": "permission denied",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_INTERRUPT": "it took too long",
    "SQLITE_TOOBIG": "a value is too big",
}


def cause_of(error: BaseException | None) -> str:
    """What went wrong in words: never a statement, never a value. Extended names (SQLITE_IOERR_WRITE) begin with the
    plain one.
    """
    origin = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(origin, "sqlite_errorname", None)
    if not isinstance(name, str):
        return type(origin).__name__
    plain = "_".join(name.split("_")[:2])
    return _CAUSES.get(name) or _CAUSES.get(plain, plain)


_Inode = tuple[int, int]


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Mark:
    """The files that a connection has open."""

    file: _Inode | None
    wal: _Inode | None
    """None until the first commit where there was none yet."""

    def check(self, name: str) -> None:
        """StoreError when others bear the names now."""
        wal = _inode(f"{name}-wal")
        self.wal = self.wal or wal
        if _inode(name) != self.file or wal != self.wal:
            raise StoreError(
                f"the store file {name} or its -wal was moved, deleted or replaced: bring it back"
            )


class SQLite(Database):
    """A file of this host."""

    shared = False
    failures = (SQLAlchemyError, sqlite3.Error, OverflowError)
    refusals = (
        IntegrityError,
        DataError,
        sqlite3.IntegrityError,
        sqlite3.DataError,
        OverflowError,
        ValueError,
    )

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS, marks: WeakSet[_Mark] | None = None) -> None:
        """`marks`: of the connections that this process has to the file already."""
        self.path: Path = path
        self.name = str(path)
        self._marks: WeakSet[_Mark] = WeakSet() if marks is None else marks
        self.engine = make_engine(path, busy_ms=busy_ms, before=self._check_marks)

    def prepare(self, *, create: bool) -> bool:
        """Make the file, with `create`."""
        if create:
            make_file(self.path)
        return self.path.is_file()

    def probing(self) -> SQLite:
        """The same file, without much patience for its lock."""
        return SQLite(self.path, busy_ms=PROBE_BUSY_MS, marks=self._marks)

    def changing(self) -> SQLite:
        """The same file: who changes its tables waits no longer than others."""
        return self

    def mark(self) -> _Mark:
        """What tells the files from others of the same names."""
        mark = _Mark(_inode(self.name), _inode(f"{self.name}-wal"))
        self._marks.add(mark)
        return mark

    def _check_marks(self) -> None:
        """A connection that is opened while the WAL is away would make a new one, and what it commits be lost, or worse,
        when the old one is brought back.
        """
        for mark in tuple(self._marks):
            mark.check(self.name)

    def begin(self, connection: Connection, *, reading: bool, alone: bool = False) -> None:  # noqa: ARG002
        """A writer takes the lock at once: one that began by reading could not wait for it."""
        connection.info[_READING] = reading

    def fresh(self, connection: Connection) -> bool:  # noqa: ARG002
        """A connection to a file does not break."""
        return True

    def about_to_commit(self, connection: Connection, mark: Any) -> None:  # noqa: ARG002
        """A file that was deleted or moved takes commits to the end, and keeps none of them; so does its WAL, to which
        commits go first.
        """
        mark.check(self.name)

    def committed(self, connection: Connection) -> bool:  # noqa: ARG002
        """A commit that returns is on disk."""
        return True

    def may_have_committed(self, error: BaseException | None) -> bool:  # noqa: ARG002
        """A commit that fails is undone."""
        return False

    def interrupt(self, connection: Connection) -> None:
        """By SQLite's own means, which are for other threads."""
        driver: Any = connection.connection.driver_connection
        driver.interrupt()

    def lock_schema(self, connection: Connection) -> None:
        """Who writes has the only lock there is."""

    def cause(self, error: BaseException | None) -> str:
        """By the error's name."""
        found = cause_of(error)
        return _why_unopened(self.path) if found == _UNOPENED else found

    def stats(self, connection: Connection, schema_version: int) -> StoreStats:  # noqa: ARG002
        """Sizes of the files, and of the room that is left."""
        return StoreStats(
            path=self.name,
            schema_version=schema_version,
            size_bytes=_size(self.path),
            wal_bytes=_size(Path(f"{self.path}-wal")),
            free_bytes=_free(self.path),
        )


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///…` URL names, where it is a link that which it leads to: locks and the WAL stand beside
    the file itself, whatever it is called. StoreError for every URL that is not one.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("[store] url is not a database URL: write sqlite:///path/of/the/file.db") from None
    backend = parsed.drivername
    if backend.partition("+")[0] != "sqlite":
        raise StoreError(
            f"[store] url: there is no store on {backend}: use sqlite:///path/of/the/file.db or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise StoreError("[store] url names no file: write sqlite:///path/of/the/file.db")
    path = Path(parsed.database)
    return path.resolve() if path.is_symlink() else path


def _why_unopened(path: Path) -> str:
    """Why SQLite could not open the file, its `-wal` or `-shm`. Looked at from without: whoever opens and closes one of them
    gives up the locks that this process holds on it.
    """
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return "the disk is read-only"
        for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if file.exists() and not os.access(file, os.R_OK):
                return f"permission denied: {file} belongs to {_owner(file)}"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return f"permission denied: nothing may be made in {path.parent}, which belongs to {_owner(path.parent)}"
    except OSError:
        pass
    return _UNOPENED


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:  # no user has this number
        return f"user {path.stat().st_uid}"


def _inode(path: str) -> _Inode | None:
    """What tells a file from another of the same name; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - once in each commit: 1 µs
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_place(path: Path) -> None:
    """Raise StoreError where no store may be made: what is there is no file, or the file of before was taken away, but not
    its WAL, which belongs to it.
    """
    left = path.with_name(f"{path.name}-wal")
    if left.exists() and left.stat().st_size and not (path.exists() and path.stat().st_size):
        raise StoreError(
            f"{left} is there, but the store {path} that it belongs to is not: bring that file back, or move both away"
        )
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        raise StoreError(f"the store {path} cannot be made: what is there is no file")


def _check_restored(path: Path) -> None:
    """Raise StoreError where a backup was copied to the place of a store whose WAL is still there: SQLite would write that
    into the backup, which it knows nothing of, and damage it. A store says in its header that it has a WAL, a backup that
    it has none. For a connection that is open, and has read nothing yet.
    """
    left = path.with_name(f"{path.name}-wal")
    # looked at first: who has one has said so in the header before
    if _size(left) and _header(path)[_READ_VERSION:] == _WITHOUT_WAL:
        raise StoreError(
            f"{path} is a backup, and {left.name} beside it belongs to the store that was there before, which SQLite "
            f"would write into it: move {left.name} and {path.name}-shm away, and keep them"
        )


def _header(path: Path) -> bytes:
    """The beginning of a file that SQLite has open here, read by its own number: to open and close it beside would give up
    all locks that SQLite has on it in this process. Empty where the system does not tell the numbers.
    """
    with contextlib.suppress(OSError):
        inode = _inode(str(path))
        for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - names are all that is wanted
            with contextlib.suppress(OSError):
                found = os.fstat(number)
                if (found.st_dev, found.st_ino) == inode:
                    return os.pread(number, _READ_VERSION + 1, 0)
    return b""


def make_file(path: Path) -> None:
    """An empty file that only we can read, for SQLite to fill (its -wal and -shm take the same mode). Raises StoreError."""
    try:
        check_place(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be made: {error.strerror}") from None


def make_engine(path: Path, *, busy_ms: int = BUSY_MS, before: Callable[[], None] = lambda: None) -> Engine:
    """An engine whose connections are each their own (no pool) and may change threads, one user at a time. `before` is
    called before one is opened, and may raise.
    """
    # never a new file: beside the WAL of one that was moved away, SQLite would take an empty one for the
    # database, and delete the WAL with all that is not in the other yet
    address = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        before()
        opened = sqlite3.connect(address, uri=True, check_same_thread=False, cached_statements=256)
        try:
            _check_restored(path)
        except StoreError:
            opened.close()
            raise
        return opened

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
        # past SQLAlchemy, which takes 12 us for it; three times a turn
        driver: Any = connection.connection.dbapi_connection
        if connection.info.get(_READING):
            driver.execute("BEGIN")
        else:
            _take_lock(driver, busy_ms)

    return engine


def _take_lock(connection: sqlite3.Connection, busy_ms: int) -> None:
    """Begin a transaction as the only writer. Raises sqlite3.OperationalError when another stays it for so long."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        ends = 0.0
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                ends = ends or time.monotonic() + busy_ms / 1000
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                    raise
                time.sleep(LOCK_POLL_SECONDS)
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout={busy_ms}")


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return 0
