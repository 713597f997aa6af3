"""What the work tells of itself, for its next start and for whoever looks: a few JSON texts by name, without patient
data.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, insert, select, update

from interface.store.prepared import Prepared
from interface.store.schema import work_state

DESTINATION = "destination"
CLOCK = "clock"
"""The names: what is known of where requests go, and how late it was."""

_ALL = select(work_state.c.name, work_state.c.value).where(work_state.c.name.in_((DESTINATION, CLOCK)))
_UPDATE = Prepared(
    update(work_state)
    .where(work_state.c.name == bindparam("b_name"))
    .values(value=bindparam("b_value"), changed_at=bindparam("b_now"))
)
_INSERT = Prepared(insert(work_state), ("name", "value", "changed_at"))


def told(connection: Connection) -> dict[str, str]:
    """All of it."""
    return {row.name: row.value for row in connection.execute(_ALL)}


def tell(connection: Connection, values: Mapping[str, str], now: float) -> None:
    """Put these in the place of what was told under their names; in the caller's transaction."""
    for name, value in values.items():
        row = {"b_name": name, "b_value": value, "b_now": now}
        if _UPDATE.count(connection, row) == 0:
            _INSERT.execute(connection, {"name": name, "value": value, "changed_at": now})
