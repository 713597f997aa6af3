"""Replacing the master key: two short transactions, between which the store opens with either of the two."""

from __future__ import annotations

import time
from dataclasses import dataclass

from interface.store import key_rows
from interface.store.crypto import CLEAR_ID, Master
from interface.store.database import Database, Part


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """What a store's keys are, without any secret."""

    rows: tuple[key_rows.KeyRow, ...]

    @property
    def masters(self) -> tuple[bytes, ...]:
        """The ids of the master keys that open the store, the newest last."""
        # each master key wraps the secret of the hashes once, and data keys as long as there are any
        wrapped = sorted(
            (row.wrapped_at, row.master_id)
            for row in self.rows
            if row.kind == "hash" and row.master_id != CLEAR_ID
        )
        return tuple(master for _, master in wrapped)

    @property
    def data_keys(self) -> tuple[key_rows.KeyRow, ...]:
        """The data keys, oldest first, each once."""
        return tuple({row.key_id: row for row in self.rows if row.kind == "data"}.values())

    @property
    def clear(self) -> key_rows.KeyRow | None:
        """What stands for values in the clear; None: there are none."""
        return next((row for row in self.rows if row.kind == "clear"), None)


class Rotation(Part):
    """Used by who replaces the key, beside a running daemon or without one."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    def keys(self) -> StoreKeys:
        """The keys as they are now."""
        with self._reading() as connection:
            return StoreKeys(tuple(key_rows.read(connection)))

    def begin(self, old: Master, new: Master) -> None:
        """From now on both master keys open the store, and a new data key seals. Done already: nothing."""
        with self._writing() as connection:
            key_rows.wrap_again(connection, old, new, time.time())

    def finish(self, master: Master) -> int:
        """From now on this master key alone opens the store, which must have been seen to; gives how many wraps went."""
        with self._writing() as connection:
            key_rows.unlock(key_rows.read(connection), master, self._database.name)
            return key_rows.forget_others(connection, master)
