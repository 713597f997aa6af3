"""Ids: one counter for each kind of row (schema.counters says why they are not the database's own)."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from interface.store.prepared import Cursor, Prepared
from interface.store.schema import counters

_TAKE = Prepared(
    update(counters)
    .where(counters.c.name == bindparam("counter"))
    .values(next=counters.c.next + bindparam("count"))
)
_SET = Prepared(
    update(counters)
    .where(counters.c.name == bindparam("counter"), counters.c.next < bindparam("value"))
    .values(next=bindparam("value"))
)
_COUNTER = select(counters.c.next).where(counters.c.name == bindparam("counter"))
_NEXT = Prepared(_COUNTER)
_LOCK = Prepared(_COUNTER.with_for_update())


def take(connection: Connection, name: str, count: int) -> int:
    """Take `count` ids and give the first; the counter is ours until the transaction ends."""
    _TAKE.execute(connection, {"counter": name, "count": count})
    return peek(connection, name) - count


def lock(connection: Connection, name: str) -> Cursor:
    """Keep the counter to ourselves until the transaction ends, whether we take ids or not; its row is the next id."""
    return _LOCK.execute(connection, {"counter": name})


def take_locked(connection: Connection, name: str, locked: Cursor, count: int) -> int:
    """The same as `take` of a counter that `lock` has locked, without asking again."""
    _TAKE.execute(connection, {"counter": name, "count": count})
    value: int = locked.fetchone()[0]
    return value


def peek(connection: Connection, name: str) -> int:
    """The next id, which stays free."""
    value: int = _NEXT.execute(connection, {"counter": name}).fetchone()[0]
    return value


def raise_to(connection: Connection, name: str, value: int) -> None:
    """Say that ids below `value` are given out; a counter never goes back."""
    _SET.execute(connection, {"counter": name, "value": value})
