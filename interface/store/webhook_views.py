"""Webhooks as people look at them, and what is missing of them. Reads only, each call one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Double, bindparam, func, select, tuple_

from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import Unreadable
from interface.store.in_lists import among
from interface.store.records.webhooks import Overdue, WebhookDetail, WebhookFilter, WebhookSummary
from interface.store.schema import requests, webhook_requests, webhooks

ALL = WebhookFilter()
_ABOVE_ALL = 2**62
_COLUMNS = tuple(webhooks.c[name] for name in WebhookSummary.__slots__ if name != "requests")
_LIST = (
    select(*_COLUMNS)
    .where(webhooks.c.id < bindparam("before"))
    .order_by(webhooks.c.id.desc())
    .limit(bindparam("count"))
)
_CONDITIONS = {
    "state": webhooks.c.state == bindparam("state"),
    "event": webhooks.c.event == bindparam("event"),
    "correlation_id": webhooks.c.correlation_id == bindparam("correlation_id"),
    "since": webhooks.c.received_at >= bindparam("since"),
    "until": webhooks.c.received_at < bindparam("until"),
}
_ONE = select(*_COLUMNS, webhooks.c.body).where(webhooks.c.id == bindparam("b_id"))
_JOINED = (
    select(webhook_requests.c.webhook_id, webhook_requests.c.request_id)
    .where(webhook_requests.c.webhook_id.in_(bindparam("ids", expanding=True)))
    .order_by(webhook_requests.c.webhook_id, webhook_requests.c.request_id)
)
_OF_REQUEST = (
    select(*_COLUMNS)
    .join(webhook_requests, webhook_requests.c.webhook_id == webhooks.c.id)
    .where(webhook_requests.c.request_id == bindparam("b_request_id"))
    .order_by(webhooks.c.id)
)
_PLACE = tuple_(requests.c.awaited_since, requests.c.id)
_OVERDUE = (
    select(requests.c.awaited_since, requests.c.id)
    .where(
        requests.c.awaited_since < bindparam("before"),
        tuple_(bindparam("after_at", type_=Double), bindparam("after_id", type_=BigInteger)) < _PLACE,
    )
    .order_by(requests.c.awaited_since, requests.c.id)
    .limit(bindparam("count"))
)
_WAITING = select(func.count()).select_from(
    select(webhooks.c.id).where(webhooks.c.state == "new").limit(bindparam("most")).subquery()
)


class WebhookViews(Part):
    """Lists and details; used by one thread at a time."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def webhooks(
        self, where: WebhookFilter = ALL, *, before: int | None = None, limit: int = 50
    ) -> list[WebhookSummary]:
        """The newest webhooks that the filter takes, newest first; the next page is `before=` the last one's id."""
        given = {name: getattr(where, name) for name in _CONDITIONS if getattr(where, name) is not None}
        statement = _LIST.where(*(_CONDITIONS[name] for name in given))
        parameters = {**given, "before": _ABOVE_ALL if before is None else before, "count": limit}
        with self._reading() as connection:
            return _with_requests(connection, connection.execute(statement, parameters).all())

    def one(self, id: int) -> WebhookDetail | None:
        """One webhook with its body opened; None when there is none."""
        with self._reading() as connection:
            row = connection.execute(_ONE, {"b_id": id}).one_or_none()
            if row is None:
                return None
            *columns, sealed = row
            (summary,) = _with_requests(connection, [columns])
        try:
            return WebhookDetail(summary, self._keyring.open("webhook", sealed))
        except Unreadable as error:
            return WebhookDetail(summary, None, f"unreadable: {error}")

    def waiting_up_to(self, most: int) -> int:
        """How many webhooks wait to be joined, counted up to `most`."""
        with self._reading() as connection:
            number: int = connection.execute(_WAITING, {"most": most}).scalar_one()
            return number

    def overdue(self, before: float, after: tuple[float, int] = (0.0, 0), limit: int = 10_000) -> Overdue:
        """How many requests were taken in before then (POSIX seconds), await a webhook, and have had none: a portion
        of at most `limit`, behind `after`.
        """
        parameters = {"before": before, "after_at": after[0], "after_id": after[1], "count": limit}
        with self._reading() as connection:
            rows = connection.execute(_OVERDUE, parameters).all()
        return Overdue(len(rows), (rows[-1][0], rows[-1][1]) if len(rows) == limit else None)


def webhooks_of(connection: Connection, request_id: int) -> tuple[WebhookSummary, ...]:
    """The webhooks that were about a request, as they came; in the caller's transaction."""
    rows = connection.execute(_OF_REQUEST, {"b_request_id": request_id})
    return tuple(_summary(row, (request_id,)) for row in rows)


def _with_requests(connection: Connection, rows: Sequence[Any]) -> list[WebhookSummary]:
    joined: dict[int, list[int]] = {}
    for webhook, request in among(connection, _JOINED, [row[0] for row in rows]):
        joined.setdefault(webhook, []).append(request)
    return [_summary(row, joined.get(row[0], ())) for row in rows]


def _summary(row: Any, joined: Sequence[int]) -> WebhookSummary:
    values = (*row, tuple(joined))
    return WebhookSummary(*values)
