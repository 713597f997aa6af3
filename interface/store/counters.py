"""Ids: one counter for each kind of row (schema.counters says why they are not the database's own)."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from interface.store.schema import counters

_TAKE = (
    update(counters)
    .where(counters.c.name == bindparam("counter"))
    .values(next=counters.c.next + bindparam("count"))
)
_SET = (
    update(counters)
    .where(counters.c.name == bindparam("counter"), counters.c.next < bindparam("value"))
    .values(next=bindparam("value"))
)
_NEXT = select(counters.c.next).where(counters.c.name == bindparam("counter"))

_LOCK = _NEXT.with_for_update()


def take(connection: Connection, name: str, count: int) -> int:
    """Take `count` ids and give the first; the counter is ours until the transaction ends."""
    connection.execute(_TAKE, {"counter": name, "count": count})
    return peek(connection, name) - count


def lock(connection: Connection, name: str) -> None:
    """Keep the counter to ourselves until the transaction ends, whether we take ids or not."""
    connection.execute(_LOCK, {"counter": name})


def peek(connection: Connection, name: str) -> int:
    """The next id, which stays free."""
    value: int = connection.execute(_NEXT, {"counter": name}).scalar_one()
    return value


def raise_to(connection: Connection, name: str, value: int) -> None:
    """Say that ids below `value` are given out; a counter never goes back."""
    connection.execute(_SET, {"counter": name, "value": value})
