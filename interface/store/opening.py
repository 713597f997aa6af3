"""Whether a store is there and the key opens it, and bringing it up to date."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection

from interface.store import key_rows
from interface.store.crypto import Master
from interface.store.database import Database, Part
from interface.store.errors import StoreError
from interface.store.migrations import ENVELOPE, Migration, check_key, check_version, migrate, stored_version
from interface.store.presence import presence


def said_of_none(database: Database) -> str:
    """What to say of a store that is not there: not yet, or not any more."""
    if database.path is not None and presence(database, "door").is_held():
        return (
            f"there is no store at {database.name}, and a daemon runs that had one there: bring the file back, with its "
            "-wal; do not restart the daemon, which would begin a new store"
        )
    return f"there is no store at {database.name}: start the daemon first, or correct [store] url"


class Opening(Part):
    """Checks a store and brings it up to date."""

    def exists(self) -> bool:
        """Whether it has tables."""
        try:
            with self._reading() as connection:
                return stored_version(connection, self._database.name) > 0
        finally:
            self.close()

    def is_bare(self) -> bool:
        """Whether no master key wraps its keys."""
        try:
            with self._reading() as connection:
                version = stored_version(connection, self._database.name)
                return version == 0 or (version >= ENVELOPE and key_rows.is_bare(connection))
        finally:
            self.close()

    def prepare(self, master: Master, migrations: Sequence[Migration], *, change: bool) -> int:
        """Give the version that the store then has; each step is a transaction, so that two may open at
        once.
        """
        name = self._database.name
        try:
            with self._reading() as connection:
                version = _checked_version(connection, master, name, migrations)
            while version < migrations[-1].version:
                if not change:
                    raise _to_be_changed(self._database, version, migrations[-1].version)
                with self._writing() as connection:
                    # again, under the lock: another process may have been here first
                    self._database.lock_schema(connection)
                    version = _checked_version(connection, master, name, migrations)
                    if not version:
                        self._database.check_suited(connection)
                    if version < migrations[-1].version:
                        version = migrate(connection, master, version, migrations)
            if change:
                with self._writing() as connection:
                    self._database.lock_schema(connection)
                    key_rows.fit(connection, master, time.time())
            return version
        finally:
            self.close()


def _to_be_changed(database: Database, version: int, newest: int) -> StoreError:
    if not version:
        return StoreError(said_of_none(database))
    failed = StoreError(
        f"the store {database.name} is of version {version} and must become {newest}: "
        "start the daemon once, it brings the store up to date"
    )
    failed.older = True
    return failed


def _checked_version(
    connection: Connection, master: Master, name: str, migrations: Sequence[Migration]
) -> int:
    version = stored_version(connection, name)
    check_version(version, name, migrations)
    if version:
        check_key(connection, master, name, version)
    return version
