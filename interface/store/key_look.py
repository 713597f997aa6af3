"""How an open store learns of keys that another process has made or replaced: it reads its table of keys anew."""

from __future__ import annotations

import threading

from interface.store import key_rows
from interface.store.crypto import DataKey, HashKeys, Keyring, Master
from interface.store.database import Database, Part
from interface.store.errors import KeyringError, StoreError


class KeyLook:
    """Reads a store's keys, on a connection made for each look: from any thread, also within a transaction."""

    def __init__(self, database: Database, master: Master) -> None:
        self._database = database
        self._master = master
        self._looking = threading.Lock()

    def keyring(self) -> Keyring:
        """The keyring of the store, which looks by itself from time to time. Raises StoreError."""
        keys, hashes, clear = self._read()
        keyring = Keyring(keys, hashes, clear=self._master.off, opens_clear=clear)

        def look() -> StoreError | None:
            # what can't be read now stays as it is known: who needs a key that is not known says why
            try:
                with self._looking:
                    found, _, clear = self._read()
                    keyring.take(found, clear=self._master.off, opens_clear=clear)
            except StoreError as why:
                return why
            return None

        keyring.looking = look
        return keyring

    def _read(self) -> tuple[list[DataKey], HashKeys, bool]:
        rows = _Reader(self._database).rows()
        where = self._database.name
        try:
            return key_rows.unlock(rows, self._master, where)
        except KeyringError:
            if self._master.again is None:
                raise
            # a rotation may have replaced the key file
            master = self._master.again()
            found = key_rows.unlock(rows, master, where)
            self._master = master
            return found


class _Reader(Part):
    def rows(self) -> list[key_rows.KeyRow]:
        try:
            with self._reading() as connection:
                return key_rows.read(connection)
        finally:
            self.close()
