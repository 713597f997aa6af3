"""Opening a store: the file, its version, its key; and the parts that each get a connection of their own."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine, bindparam, update

from interface.store import key_rows
from interface.store.backup import Backup
from interface.store.commands import Commands
from interface.store.crypto import Keyring, Master
from interface.store.engine import Part, make_engine, make_file, sqlite_path
from interface.store.errors import StoreError
from interface.store.journal import Journal
from interface.store.key_look import KeyLook
from interface.store.migrations import (
    ENVELOPE,
    MIGRATIONS,
    Migration,
    check_key,
    check_version,
    migrate,
    stored_version,
)
from interface.store.patient_views import PatientViews
from interface.store.records import StoreStats
from interface.store.resealing import Resealing
from interface.store.retention import Retention
from interface.store.rotation import Rotation
from interface.store.schema import liveness
from interface.store.views import Views
from interface.store.work import Work

_PartT = TypeVar("_PartT", bound=Part)

PROBE_BUSY_MS = 1000
_ALIVE = update(liveness).where(liveness.c.id == 1).values(checked_at=bindparam("checked_at_now"))


def open_store(url: str, master: Master, *, create: bool = True) -> Store:
    """Open the store at a URL of the form `sqlite:///relative` or `sqlite:////absolute`, bringing it up to
    date.

    With `create` a missing file is made (mode 0600). Raises StoreError in one line: another database than
    SQLite, no such file, a store newer than the program, another at-rest key than the store's. Without it
    nothing is made or brought up to date (for programs that only look).
    """
    path = sqlite_path(url)
    if create:
        make_file(path)
    elif not path.is_file():
        raise StoreError(f"there is no store at {path}: start the daemon first, or correct [store] url")
    engine = make_engine(path)
    version = _Opening(engine).prepare(master, path, MIGRATIONS, change=create)
    return Store(path, engine, KeyLook(engine, master).keyring(), version)


def may_make_key(url: str) -> bool:
    """Whether a key may be made for the store at `url`: there is no store yet, or no key opens it (all is in the clear)."""
    path = sqlite_path(url)
    return not path.is_file() or not path.stat().st_size or _Opening(make_engine(path)).is_bare()


class _Opening(Part):
    """Checks a store and brings it up to date."""

    def is_bare(self) -> bool:
        """Whether no master key wraps its keys."""
        try:
            with self._reading() as connection:
                version = stored_version(connection)
                return version == 0 or (version >= ENVELOPE and key_rows.is_bare(connection))
        finally:
            self.close()

    def prepare(self, master: Master, path: Path, migrations: Sequence[Migration], *, change: bool) -> int:
        """Give the version that the store then has; each step is a transaction, so that two may open at
        once.
        """
        try:
            with self._reading() as connection:
                version = _checked_version(connection, master, path, migrations)
            while version < migrations[-1].version:
                if not change:
                    raise StoreError(
                        f"the store {path} is of version {version} and must become {migrations[-1].version}: "
                        "start the daemon once, it brings the store up to date"
                    )
                with self._writing() as connection:
                    # again, under the lock: another process may have been here first
                    version = _checked_version(connection, master, path, migrations)
                    if version < migrations[-1].version:
                        version = migrate(connection, master, version, migrations)
            if change:
                with self._writing() as connection:
                    key_rows.fit(connection, master, time.time())
            return version
        finally:
            self.close()


def _checked_version(
    connection: Connection, master: Master, path: Path, migrations: Sequence[Migration]
) -> int:
    version = stored_version(connection)
    check_version(version, str(path), migrations)
    if version:
        check_key(connection, master, str(path), version)
    return version


class _Probe(Part):
    """Tries whether the store takes a write, on a connection that does not wait long."""

    def __init__(self, path: Path) -> None:
        self._engine = make_engine(path, busy_ms=PROBE_BUSY_MS)
        super().__init__(self._engine)

    def write(self, now: float) -> None:
        with self._writing() as connection:
            connection.execute(_ALIVE, {"checked_at_now": now})


class Store:
    """An open store. Each part is made on first use, has its own connection and is used by one thread at a
    time.
    """

    def __init__(self, path: Path, engine: Engine, keyring: Keyring, version: int) -> None:
        self.path = path
        self.schema_version = version
        self._engine = engine
        self._keyring = keyring
        self._parts = contextlib.ExitStack()
        self._making = threading.Lock()
        self._probing = threading.Lock()
        self._journal: Journal | None = None
        self._work: Work | None = None
        self._views: Views | None = None
        self._patients: PatientViews | None = None
        self._commands: Commands | None = None
        self._probe: _Probe | None = None
        self._seldom: dict[type[Part], Part] = {}

    @property
    def keyring(self) -> Keyring:
        """The keys that seal and open its values."""
        return self._keyring

    @property
    def journal(self) -> Journal:
        """The door's writer."""
        with self._making:
            if self._journal is None:
                self._journal = self._keep(Journal(self._engine, self._keyring))
            return self._journal

    @property
    def work(self) -> Work:
        """What the work's loop reads and commits."""
        with self._making:
            if self._work is None:
                self._work = self._keep(Work(self._engine, self._keyring))
            return self._work

    @property
    def views(self) -> Views:
        """Lists, details and counts; reads only."""
        with self._making:
            if self._views is None:
                self._views = self._keep(Views(self._engine, self._keyring))
            return self._views

    @property
    def patients(self) -> PatientViews:
        """Patients and what is theirs; reads only."""
        with self._making:
            if self._patients is None:
                self._patients = self._keep(PatientViews(self._engine, self._keyring))
            return self._patients

    @property
    def commands(self) -> Commands:
        """What persons ask of the work."""
        with self._making:
            if self._commands is None:
                self._commands = self._keep(Commands(self._engine, self._keyring))
            return self._commands

    @property
    def rotation(self) -> Rotation:
        """What replaces the master key."""
        return self._seldom_used(Rotation, lambda: Rotation(self._engine))

    @property
    def resealing(self) -> Resealing:
        """What seals values of older keys anew."""
        return self._seldom_used(Resealing, lambda: Resealing(self._engine, self._keyring))

    @property
    def backup(self) -> Backup:
        """What copies it."""
        return self._seldom_used(Backup, lambda: Backup(self._engine))

    @property
    def retention(self) -> Retention:
        """What finds and deletes rows that are kept no longer."""
        return self._seldom_used(Retention, lambda: Retention(self._engine, self._keyring))

    def _seldom_used(self, kind: type[_PartT], make: Callable[[], _PartT]) -> _PartT:
        with self._making:
            found = self._seldom.get(kind)
            if not isinstance(found, kind):
                found = self._seldom[kind] = self._keep(make())
            return found

    def _keep(self, part: _PartT) -> _PartT:
        self._parts.callback(part.close)
        return part

    def check_writable(self) -> None:
        """Write a row and commit it; StoreError says why that failed. From any thread; waits about a second
        at most.
        """
        with self._probing:
            if self._probe is None:
                self._probe = self._keep(_Probe(self.path))
            self._probe.write(time.time())

    def stats(self) -> StoreStats:
        """Sizes in bytes of the store's files and of the room that is left."""
        return StoreStats(
            path=str(self.path),
            schema_version=self.schema_version,
            size_bytes=_size(self.path),
            wal_bytes=_size(Path(f"{self.path}-wal")),
            free_bytes=_free(self.path),
        )

    def close(self) -> None:
        """Close every part; what was not committed is undone."""
        self._parts.close()
        self._journal = self._work = self._views = self._patients = self._commands = self._probe = None
        self._seldom.clear()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
