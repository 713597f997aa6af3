"""The door's writer for webhooks: each becomes a durable row before it is answered with 2xx, a repeat is counted.

A webhook repeats another when type, correlationId, batchId, timestamp and data are the same (contract: at least once,
so repeats are normal); they are compared by a keyed hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from interface.store import counters
from interface.store.crypto import Keyring
from interface.store.database import Database, Part
from interface.store.errors import NotStored
from interface.store.in_lists import chunks
from interface.store.key_rows import still_good
from interface.store.records.webhooks import WebhookArrival, WebhookStored
from interface.store.schema import webhooks
from interface.store.texts import clear

_KNOWN = select(webhooks.c.content_digest, webhooks.c.id).where(
    webhooks.c.content_digest.in_(bindparam("digests", expanding=True))
)
_COUNT_AGAIN = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("b_id"))
    .values(duplicates=webhooks.c.duplicates + bindparam("b_more"), last_duplicate_at=bindparam("b_at"))
)
_INSERT = insert(webhooks)


class Inbox(Part):
    """Stores webhooks; used by one thread."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        super().__init__(database)
        self._keyring = keyring

    def append(self, arrivals: Sequence[WebhookArrival], now: float) -> list[WebhookStored]:  # noqa: ARG002
        """Store all arrivals in one commit, which is on disk when this returns; answers in the same order.

        Raises NotStored: then nothing of the batch is stored, and this can be used again.
        """
        if not arrivals:
            return []
        digests = [self._keyring.digest(arrival.content) for arrival in arrivals]
        sealed = [self._keyring.seal("webhook", arrival.raw) for arrival in arrivals]
        with self._writing(NotStored) as connection:
            if self._database.shared:
                counters.lock(connection, "webhook")  # what another door stores meanwhile would not be found
            ids: dict[bytes, int] = {}
            for part in chunks(sorted(set(digests))):
                ids.update((digest, id_) for digest, id_ in connection.execute(_KNOWN, {"digests": part}))
            rows, again, stored = _sort_out(arrivals, digests, sealed, ids)
            if rows:
                first = counters.take(connection, "webhook", len(rows))
                for id_, row in enumerate(rows, first):
                    row["id"] = ids[row["content_digest"]] = id_
                connection.execute(_INSERT, rows)
            if again:
                counts = sorted(again.items())  # in the order in which who joins them locks them
                connection.execute(
                    _COUNT_AGAIN,
                    [{"b_id": id_, "b_more": more, "b_at": at} for id_, (more, at) in counts],
                )
            still_good(connection, self._keyring, NotStored)
        return [WebhookStored(ids[digest], repeated) for digest, repeated in stored]


def _sort_out(
    arrivals: Sequence[WebhookArrival],
    digests: Sequence[bytes],
    sealed: Sequence[bytes],
    ids: dict[bytes, int],
) -> tuple[list[dict[str, Any]], dict[int, tuple[int, float]], list[tuple[bytes, bool]]]:
    """New rows, how often stored ones came again and when last, and of each arrival whether it repeats another."""
    rows: dict[bytes, dict[str, Any]] = {}
    again: dict[int, tuple[int, float]] = {}
    stored = []
    for arrival, digest, body in zip(arrivals, digests, sealed, strict=True):
        known, fresh = ids.get(digest), rows.get(digest)
        stored.append((digest, known is not None or fresh is not None))
        if known is not None:
            again[known] = (again.get(known, (0, 0.0))[0] + 1, arrival.received_at)
        elif fresh is not None:
            fresh["duplicates"] += 1
            fresh["last_duplicate_at"] = arrival.received_at
        else:
            rows[digest] = _columns(arrival, digest, body)
    return list(rows.values()), again, stored


def _columns(arrival: WebhookArrival, digest: bytes, body: bytes) -> dict[str, Any]:
    return {
        "received_at": arrival.received_at,
        "peer": arrival.peer,
        "event": arrival.event,
        "event_at": arrival.event_at,
        "correlation_id": None if arrival.correlation_id is None else clear(arrival.correlation_id),
        "content_digest": digest,
        "size": len(arrival.raw),
        "duplicates": 0,
        "last_duplicate_at": None,
        "state": "new",
        "body": body,
    }
