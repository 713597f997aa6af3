"""Who saw and did what in the console: written before it is shown or done, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.key_rows import still_good
from interface.store.records.console import AuditEntry
from interface.store.schema import audit

_ADD = insert(audit)
_COLUMNS = tuple(audit.c[name] for name in AuditEntry.__slots__)
_PAGE = (
    select(*_COLUMNS)
    .where(audit.c.id < bindparam("before"))
    .order_by(audit.c.id.desc())
    .limit(bindparam("count"))
)
_LAST = (
    select(audit.c.at)
    .where(audit.c.user_name == bindparam("b_name"), audit.c.action == bindparam("b_action"))
    .order_by(audit.c.id.desc())
    .limit(1)
)
_ABOVE_ALL = 2**62
_DETAIL = AuditEntry.__slots__.index("detail")
_UNREADABLE = "unreadable: it is damaged in the store"


class Audit(Part):
    """Used by one thread, beside a running daemon or without one."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Note them, in one transaction."""
        rows = [
            {
                "at": entry.at,
                "user_name": entry.user_name,
                "peer": entry.peer,
                "action": entry.action,
                "subject": entry.subject,
                "detail": None
                if entry.detail is None
                else self._keyring.seal("audit", entry.detail.encode()),
            }
            for entry in entries
        ]
        if rows:
            with self._writing() as connection:
                connection.execute(_ADD, rows)
                still_good(connection, self._keyring)

    def page(
        self,
        *,
        user_name: str | None = None,
        subject: str | None = None,
        actions: Sequence[str] = (),
        first: int = 0,
        before: int | None = None,
        limit: int = 50,
    ) -> list[AuditEntry]:
        """The newest entries, newest first; the next page is `before=` the last one's id. `actions`: one of these, or
        any where there is none; `first`: the least id.
        """
        statement, parameters = _PAGE, {"before": _ABOVE_ALL if before is None else before, "count": limit}
        wanted: dict[str, Any] = {}
        for column, value in ((audit.c.user_name, user_name), (audit.c.subject, subject)):
            if value is not None:
                statement = statement.where(column == bindparam(f"b_{column.name}"))
                wanted[f"b_{column.name}"] = value
        if actions:
            statement = statement.where(audit.c.action.in_(bindparam("b_actions", expanding=True)))
            wanted["b_actions"] = list(actions)
        if first:
            statement = statement.where(audit.c.id >= bindparam("b_first"))
            wanted["b_first"] = first
        with self._reading() as connection:
            rows = connection.execute(statement, parameters | wanted).all()
        return [self._entry(row) for row in rows]

    def last(self, user_name: str, action: str) -> float | None:
        """When a user did this last (POSIX seconds); None: never."""
        with self._reading() as connection:
            at: float | None = connection.execute(
                _LAST, {"b_name": user_name, "b_action": action}
            ).scalar_one_or_none()
            return at

    def _entry(self, row: Any) -> AuditEntry:
        values = list(row)
        if values[_DETAIL] is not None:
            try:
                values[_DETAIL] = self._keyring.open("audit", values[_DETAIL]).decode()
            except Unreadable:
                values[_DETAIL] = _UNREADABLE
        return AuditEntry(*values)
