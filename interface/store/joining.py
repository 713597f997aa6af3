"""Which requests webhooks are about: found by the ids that the API gave, and counted once for each request.

A webhook may come before the reply that gives its id (then it is `unmatched` until that is stored, and `new` again), or
for ids that nobody knows. Whoever has the turn of intake joins, nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Connection,
    Text,
    bindparam,
    exists,
    insert,
    select,
    update,
)

from interface.delivery.outcomes import Outcome
from interface.store import counters
from interface.store.errors import Overtaken
from interface.store.prepared import Prepared
from interface.store.records.turn import AttemptDone, Joins
from interface.store.records.webhooks import NewWebhook, NewWebhooks
from interface.store.schema import request_ids, requests, webhook_requests, webhooks
from interface.store.texts import clear

_NEW = Prepared(
    select(webhooks.c.id, webhooks.c.event, webhooks.c.received_at)
    .where(webhooks.c.state == "new")
    .order_by(webhooks.c.id)
    .limit(bindparam("count"))
)
_IS_NEW = select(webhooks.c.id).where(webhooks.c.state == "new").limit(1)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_NAMED = Prepared(
    select(webhooks.c.id, request_ids.c.request_id)
    .join(request_ids, request_ids.c.correlation_id == webhooks.c.correlation_id)
    .where(webhooks.c.id.in_(_IDS))
)
_COUNTED = Prepared(
    select(webhook_requests.c.webhook_id, webhook_requests.c.request_id).where(
        webhook_requests.c.webhook_id.in_(_IDS)
    )
)
OUTCOME_COLUMNS = tuple(requests.c[name] for name in Outcome.__slots__)
_OUTCOMES = Prepared(select(requests.c.id, *OUTCOME_COLUMNS).where(requests.c.id.in_(_IDS)))
_STILL_NEW = Prepared(
    select(webhooks.c.id)
    .where(webhooks.c.id.in_(_IDS), webhooks.c.state == "new")
    .order_by(webhooks.c.id)
    .with_for_update()
)
_COUNT = Prepared(insert(webhook_requests), ("webhook_id", "request_id"))
_SET_OUTCOME = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("b_id"))
    .values(**{name: bindparam(f"b_{name}") for name in Outcome.__slots__}, awaited_since=None)
)
_SET_STATE = Prepared(update(webhooks).where(webhooks.c.id.in_(_IDS)).values(state=bindparam("b_state")))


def some_new(connection: Connection) -> bool:
    """Whether a webhook waits to be joined."""
    return connection.execute(_IS_NEW).first() is not None


def new_webhooks(connection: Connection, limit: int) -> NewWebhooks:
    """The oldest webhooks that wait, and how things stand with the requests they name."""
    rows = _NEW.execute(connection, {"count": limit}).fetchall()
    if not rows:
        return NewWebhooks()
    ids = [row[0] for row in rows]
    named, counted = _pairs(connection, _NAMED, ids), _pairs(connection, _COUNTED, ids)
    found = tuple(
        NewWebhook(id_, event, at, tuple(sorted(named.get(id_, ()))), frozenset(counted.get(id_, ())))
        for id_, event, at in rows
    )
    asked = {request for one in found for request in one.requests}
    outcomes = {row[0]: Outcome(*row[1:]) for row in _OUTCOMES.among(connection, asked)}
    return NewWebhooks(found, outcomes)


def _pairs(connection: Connection, statement: Prepared, ids: Iterable[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for webhook, request in statement.among(connection, ids):
        found.setdefault(webhook, set()).add(request)
    return found


def join(connection: Connection, joins: Joins) -> None:
    """Store what webhooks said; in the transaction of a turn that is ours.

    Raises Overtaken: meanwhile one of them became another's, or names other requests, for the reply to one was stored.
    """
    ids = sorted(joins.events)
    # the rows are locked before it is looked whom they name: a reply that is stored by another node meanwhile either is
    # seen here, or waits for us and makes them new again
    if [row[0] for row in _STILL_NEW.among(connection, ids)] != ids:
        raise Overtaken({})
    named = _pairs(connection, _NAMED, ids)
    if any(set(told) != named.get(id_, set()) for id_, told in joins.events.items()):
        raise Overtaken({})
    _COUNT.execute_many(connection, [{"webhook_id": one, "request_id": other} for one, other in joins.fresh])
    _SET_OUTCOME.execute_many(connection, [_outcome(id_, found) for id_, found in joins.outcomes.items()])
    _SET_STATE.change_among(connection, [id_ for id_ in ids if joins.events[id_]], b_state="joined")
    _SET_STATE.change_among(connection, [id_ for id_ in ids if not joins.events[id_]], b_state="unmatched")


def _outcome(id_: int, found: Outcome) -> dict[str, object]:
    return {"b_id": id_, **{f"b_{name}": getattr(found, name) for name in Outcome.__slots__}}


# ---------------------------------------------------------------------------------------------- ids of requests

_ID, _REQUEST = bindparam("b_correlation_id", type_=Text), bindparam("b_request_id", type_=requests.c.id.type)
_NAME = Prepared(
    insert(request_ids).from_select(
        ["correlation_id", "request_id", "whole_panel"],
        select(_ID, _REQUEST, bindparam("b_whole_panel", type_=Boolean)).where(
            ~exists().where(request_ids.c.correlation_id == _ID, request_ids.c.request_id == _REQUEST)
        ),
    )
)
_NEW_AGAIN = Prepared(update(webhooks).where(webhooks.c.correlation_id.in_(_IDS)).values(state="new"))
LATEST = 10_000
"""Webhooks among which is looked for those that were missed a moment ago."""
# of each that is nobody's, never of each id there is: no planner turns a scalar subquery round
_NAMED_AFTER_ALL = (
    update(webhooks)
    .where(
        webhooks.c.state == "unmatched",
        webhooks.c.id >= bindparam("b_from"),
        select(request_ids.c.request_id)
        .where(request_ids.c.correlation_id == webhooks.c.correlation_id)
        .limit(1)
        .scalar_subquery()
        .is_not(None),
    )
    .values(state="new")
)


def name_requests(connection: Connection, attempts: Iterable[AttemptDone]) -> None:
    """Keep the ids that replies gave; webhooks that bear them and came before are looked at again.

    All ids of a request count: when an attempt was lost on its way back, the API may know it by two.
    """
    rows: dict[tuple[str, int], dict[str, object]] = {}
    for attempt in attempts:
        for name, whole in (
            (attempt.panel_id, True),
            (attempt.named, False),
            (attempt.correlation_id, False),
        ):
            if name:
                text = clear(name)
                rows[text, attempt.request_id] = {
                    "b_correlation_id": text,
                    "b_request_id": attempt.request_id,
                    "b_whole_panel": whole,
                }
    _NAME.execute_many(connection, list(rows.values()))
    _NEW_AGAIN.change_among(connection, (text for text, _ in rows))


def look_again(connection: Connection) -> None:
    """Have those of late joined that were found to be nobody's while another node was storing the reply that names them.

    That node had looked for them before they came, and who joins did not see its reply yet.
    """
    connection.execute(_NAMED_AFTER_ALL, {"b_from": counters.peek(connection, "webhook") - LATEST})
