"""The keys of a store, as its table `store_keys` holds them: made, wrapped, unwrapped, retired.

Sealed by one data key is what was stored while it was the newest. A key goes in two steps: it is retired, from which
moment on no transaction that sealed by it is committed (`still_good`), and deleted once nothing is sealed by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, LargeBinary, bindparam, column, delete, insert, select, table, update

from interface.store.crypto import CLEAR_ID, DataKey, HashKeys, Keyring, Master, new_master_key
from interface.store.errors import KeyringError, StoreError, Unreadable
from interface.store.prepared import Asked, Prepared
from interface.store.schema import store_keys

_PROOF = b"this store was made with this key"
_HASH_ID = b"hash"

_ROWS = select(store_keys).order_by(store_keys.c.number, store_keys.c.key_id)
_ADD = insert(store_keys)
_GOOD = Prepared(
    select(store_keys.c.number)
    .where(store_keys.c.key_id == bindparam("key_id", type_=LargeBinary), store_keys.c.retired_at.is_(None))
    .limit(1)
    .with_for_update(read=True)
)
_FORGET_OTHERS = delete(store_keys).where(
    store_keys.c.master_id != bindparam("b_master"), store_keys.c.kind != "clear"
)
_RETIRE = (
    update(store_keys).where(store_keys.c.key_id == bindparam("b_key")).values(retired_at=bindparam("b_now"))
)
_DELETE = delete(store_keys).where(store_keys.c.key_id == bindparam("b_key"))

_old_keys = table("store_keys", column("key_id"), column("proof"))
"""The table of before version 5: by a proof the master key was told to be the right one."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One wrapped key."""

    key_id: bytes
    master_id: bytes
    kind: str
    """data, hash, or clear: it stands for values in the clear."""
    number: int
    wrapped: bytes
    made_at: float
    wrapped_at: float
    retired_at: float | None


def read(connection: Connection) -> list[KeyRow]:
    """All keys, the data keys oldest first."""
    return [KeyRow(*row) for row in connection.execute(_ROWS)]


def unlock(rows: Sequence[KeyRow], master: Master, where: str) -> tuple[list[DataKey], HashKeys, bool]:
    """The data keys, oldest first, the keys of the hashes, and whether values in the clear are there.

    Raises KeyringError when the master key is not the one that wraps them.
    """
    ours = [row for row in rows if row.master_id == master.id and row.kind != "clear"]
    clear = any(row.kind == "clear" for row in rows)
    wrapped = [row for row in rows if row.master_id != CLEAR_ID]
    if wrapped and not any(row.master_id != CLEAR_ID for row in ours):
        raise _wrong_key(master, where)
    try:
        data = [DataKey(_plain(row, master)) for row in ours if row.kind == "data"]
        bare = [row for row in rows if row.kind == "hash" and row.master_id == CLEAR_ID]
        hashes = [row for row in (*ours, *bare) if row.kind == "hash"]
        return data, HashKeys.parse(_plain(hashes[0], master)), clear
    except (Unreadable, IndexError):
        raise _wrong_key(master, where) from None


def _plain(row: KeyRow, master: Master) -> bytes:
    return row.wrapped if row.master_id == CLEAR_ID else master.unwrap(row.kind, row.key_id, row.wrapped)


def _wrong_key(master: Master, where: str) -> KeyringError:
    if master.secret is None:
        return KeyringError(
            f"the store holds sealed values ({where}): [store] key must still name their at-rest key, "
            'also with encryption = "off"'
        )
    return KeyringError(
        f"the at-rest key {master.source} is not the one this store was made with ({where}): "
        "bring that key back, or name it in [store] key"
    )


def is_bare(connection: Connection) -> bool:
    """Whether no master key wraps anything."""
    return all(row.master_id == CLEAR_ID for row in read(connection))


# ------------------------------------------------------------------------------------------------ opening


def prove_old(connection: Connection, master: Master, where: str) -> None:
    """The same for a store of before version 5, whose values the master key itself has sealed."""
    if master.secret is None:
        raise _wrong_key(master, where)
    old = Keyring.alone(master.secret)
    for proof in connection.execute(select(_old_keys.c.proof)).scalars():
        with contextlib.suppress(Unreadable):
            old.open("proof", proof)
            return
    raise _wrong_key(master, where)


def of_old(connection: Connection, master: Master, now: float) -> None:
    """The step of such a store to version 5: the master key's bytes become the first data key, wrapped by itself.

    So no value is touched, and hashes stay what they are. `keys rotate` makes another master key.
    """
    if master.secret is None:
        raise KeyringError("the at-rest key is missing")
    store_keys.drop(connection)
    store_keys.create(connection)
    first, hashes = DataKey(master.secret), HashKeys.of_master(master.secret)
    add(connection, master, [("data", 1, first.id, first.secret), ("hash", 0, _HASH_ID, hashes.plain)], now)


def make_first(connection: Connection, master: Master, now: float) -> None:
    """The keys of a new store."""
    hashes = HashKeys.new()
    if master.off:
        _add_bare_hashes(connection, hashes, now)
        _mark_clear(connection, now)
        return
    first = DataKey(new_master_key())
    add(connection, master, [("data", 1, first.id, first.secret), ("hash", 0, _HASH_ID, hashes.plain)], now)


def fit(connection: Connection, master: Master, now: float) -> bool:
    """Make the keys fit `[store] encryption`, which may have been changed; whether something was changed."""
    rows = read(connection)
    marks = [row for row in rows if row.kind == "clear"]
    if master.off:
        if marks and marks[0].retired_at is None:
            return False
        if marks:
            connection.execute(_DELETE, {"b_key": CLEAR_ID})
        _mark_clear(connection, now)
        return True
    if any(row.kind == "data" for row in rows):
        return False
    _, hashes, _ = unlock(rows, master, "")
    first = DataKey(new_master_key())
    add(connection, master, [("data", 1, first.id, first.secret), ("hash", 0, _HASH_ID, hashes.plain)], now)
    connection.execute(
        delete(store_keys).where(store_keys.c.kind == "hash", store_keys.c.master_id == CLEAR_ID)
    )
    return True


def _mark_clear(connection: Connection, now: float) -> None:
    row = KeyRow(CLEAR_ID, CLEAR_ID, "clear", 0, b"", now, now, None)
    connection.execute(_ADD, [_values(row)])


def _add_bare_hashes(connection: Connection, hashes: HashKeys, now: float) -> None:
    row = KeyRow(_HASH_ID, CLEAR_ID, "hash", 0, hashes.plain, now, now, None)
    connection.execute(_ADD, [_values(row)])


# ------------------------------------------------------------------------------------------------ changing


def add(
    connection: Connection, master: Master, keys: Iterable[tuple[str, int, bytes, bytes]], now: float
) -> None:
    """Store keys (kind, number, id, secret) wrapped by a master key."""
    rows = [
        KeyRow(id_, master.id, kind, number, master.wrap(kind, id_, secret), now, now, None)
        for kind, number, id_, secret in keys
    ]
    connection.execute(_ADD, [_values(row) for row in rows])


def wrap_again(connection: Connection, old: Master, new: Master, now: float) -> None:
    """Wrap every key by a second master key, too, and make a data key that seals from now on. Once only."""
    rows = [row for row in read(connection) if row.kind != "clear"]
    if any(row.master_id == new.id for row in rows):
        return
    ours = [row for row in rows if row.master_id == old.id]
    again = [
        KeyRow(
            row.key_id,
            new.id,
            row.kind,
            row.number,
            new.wrap(row.kind, row.key_id, _plain(row, old)),
            row.made_at,
            now,
            row.retired_at,
        )
        for row in ours
    ]
    connection.execute(_ADD, [_values(row) for row in again])
    made = DataKey(new_master_key())
    number = 1 + max(row.number for row in ours)
    for master in (old, new):
        add(connection, master, [("data", number, made.id, made.secret)], now)


def forget_others(connection: Connection, master: Master) -> int:
    """Only this master key opens the store from now on; gives how many wrapped keys went."""
    return connection.execute(_FORGET_OTHERS, {"b_master": master.id}).rowcount


def retire(connection: Connection, ids: Iterable[bytes], now: float) -> None:
    """No value may be sealed by these keys any more."""
    for id_ in ids:
        connection.execute(_RETIRE, {"b_key": id_, "b_now": now})


def drop(connection: Connection, ids: Iterable[bytes]) -> None:
    """Nothing is sealed by these keys any more: they are gone for ever."""
    for id_ in ids:
        connection.execute(_DELETE, {"b_key": id_})


def still_good(connection: Connection, keyring: Keyring, failure: type[StoreError] = StoreError) -> None:
    """Before a commit: the keys by which this thread has sealed may still be used. Raises `failure`; then seal anew."""
    ask_good(connection, keyring, failure)()


def ask_good(connection: Connection, keyring: Keyring, failure: type[StoreError] = StoreError) -> Asked:
    """The same, asked after all sealing."""
    asked = [_GOOD.execute(connection, {"key_id": id_}) for id_ in keyring.used()]

    def each_is_good() -> None:
        for good in asked:
            if good.fetchone() is None:
                keyring.look()
                raise failure(
                    "the store's keys were rotated meanwhile: "
                    + (str(keyring.blind or "") or "it is sealed by the new one at the next try")
                )

    return each_is_good


def _values(row: KeyRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in KeyRow.__slots__}
