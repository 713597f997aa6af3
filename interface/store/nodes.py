"""The nodes of one database: each process that decides or sends, and until when it counts as alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, literal, select, true, update

from interface.store import intake_turn
from interface.store.clock import DatabaseNow
from interface.store.database import Part
from interface.store.errors import TurnLost
from interface.store.leases import NODE_SECONDS, Hold
from interface.store.prepared import Prepared
from interface.store.schema import nodes

FORGOTTEN_SECONDS = 86400.0
"""After so long a dead node's row goes."""

_UNTIL = DatabaseNow() + literal(NODE_SECONDS)
_ALIVE = nodes.c.alive_until >= DatabaseNow()
_ADD = insert(nodes).values(
    id=bindparam("b_id"),
    name=bindparam("b_name"),
    daemon=bindparam("b_daemon"),
    started_at=DatabaseNow(),
    alive_until=_UNTIL,
    commits=0,
)
_REVIVE = update(nodes).where(nodes.c.id == bindparam("b_id")).values(alive_until=_UNTIL)
_PULSE = _REVIVE.where(_ALIVE)
_REMOVE = delete(nodes).where(nodes.c.id == bindparam("b_id"))
_FORGET = delete(nodes).where(nodes.c.alive_until < DatabaseNow() - literal(FORGOTTEN_SECONDS))
_LIVING = (
    select(nodes.c.id, nodes.c.name).where(_ALIVE, nodes.c.daemon == true()).order_by(nodes.c.started_at)
)
_NOW = select(DatabaseNow())
_COMMITTED = Prepared(
    update(nodes).where(nodes.c.id == bindparam("b_id")).values(commits=bindparam("b_commits"))
)
_COMMITS = select(nodes.c.commits).where(nodes.c.id == bindparam("b_id")).with_for_update()

living = select(nodes.c.id).where(_ALIVE)
"""Ids of all that are alive."""


@dataclass(frozen=True, slots=True)
class Node:
    """A daemon that is alive."""

    id: str
    name: str


class Nodes(Part):
    """Signs of life; used by one thread."""

    by_index = True

    def pulse(self, node: str, name: str, *, daemon: bool) -> bool:
        """A node's sign of life; the first one makes it known. Whether it has counted as alive since the one before."""
        with self._writing() as connection:
            if connection.execute(_PULSE, {"b_id": node}).rowcount:
                return True
            if not connection.execute(_REVIVE, {"b_id": node}).rowcount:
                connection.execute(_ADD, {"b_id": node, "b_name": name, "b_daemon": daemon})
                connection.execute(_FORGET)
            return False

    def renew(self, hold: Hold) -> bool:
        """Keep a turn that is being worked on; False: it is lost."""
        try:
            with self._writing() as connection:
                intake_turn.renew(connection, hold)
        except TurnLost:
            return False
        return True

    def leave(self, node: str) -> None:
        """A node ends, with nothing under way."""
        with self._writing() as connection:
            connection.execute(_REMOVE, {"b_id": node})

    def daemons(self) -> Sequence[Node]:
        """The daemons that are alive, the oldest first."""
        with self._reading() as connection:
            return [Node(*row) for row in connection.execute(_LIVING)]

    def now(self) -> float:
        """The database's clock, POSIX seconds."""
        with self._reading() as connection:
            return float(connection.execute(_NOW).scalar_one())


def mark_commit(connection: Connection, node: str, number: int) -> None:
    """Note, within a transaction, which commit of a node it is."""
    _COMMITTED.execute(connection, {"b_id": node, "b_commits": number})


def last_commit(connection: Connection, node: str) -> int | None:
    """The number of the node's last commit, once any that is still under way has come to its end."""
    found: int | None = connection.execute(_COMMITS, {"b_id": node}).scalar_one_or_none()
    return found
