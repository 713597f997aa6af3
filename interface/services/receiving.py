"""What becomes of a webhook that somebody sends: values in, values out; no socket, no clock, no store.

Contract (Webhooks): nothing authenticates a webhook, any 2xx says that it was received, whatever else has it sent again.
So what could be the vendor's is taken, even where it is odd, and what can't be is refused at once.
"""

from __future__ import annotations

import hmac
from codecs import BOM_UTF8
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR
from math import ceil
from typing import Any

import orjson

from interface.contract.webhooks import EVENT_TYPES, read_timestamp
from interface.services.access import LOOPBACK, Network, is_address, permits
from interface.store.records.webhooks import WebhookArrival

OTHER = "other"
"""What a type that is not published is called: its own text could be anything."""
LONGEST_ID = 200
"""Characters of a correlation id; the published ones are UUIDs."""
PERMITTED_HOPS = 32
"""Entries of X-Forwarded-For that are looked at."""
KNOWN_CLIENTS = 10_000
"""Senders whose number of webhooks is remembered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to answer."""

    reason: str
    """What it is counted as."""
    status: int
    text: bytes
    what: str
    """What happened, for the docs."""
    stored: str
    then: str
    """What the sender does."""
    retry_after: int | None = None


ANSWERS = {
    answer.reason: answer
    for answer in (
        Answer("received", 204, b"", "a JSON object with a correlationId", "yes", "go on"),
        Answer(
            "repeated",
            204,
            b"",
            "the same again (type, correlationId, batchId, timestamp and data equal)",
            "counted",
            "go on",
        ),
        Answer(
            "not-json",
            400,
            b"This is no JSON object.\n",
            "no JSON, or no object",
            "no",
            "it is not the vendor's",
        ),
        Answer(
            "no-correlation-id",
            400,
            b"There is no correlationId.\n",
            "a JSON object without a correlationId (a text that is not empty)",
            "no",
            "it is not the vendor's",
        ),
        Answer(
            "not-allowed",
            403,
            b"Not allowed.\n",
            "sender not in `allow`",
            "no",
            "correct `allow`, or `proxies`",
        ),
        Answer(
            "not-found", 404, b"Not found.\n", "wrong path, wrong or missing secret", "no", "correct the URL"
        ),
        Answer("not-post", 405, b"POST only.\n", "another method than POST", "no", "POST"),
        Answer(
            "too-large",
            413,
            b"Too large.\n",
            "body over `max_body_bytes`; the connection is closed",
            "no",
            "raise the limit, if it was the vendor's",
        ),
        Answer(
            "too-many",
            429,
            b"Too many.\n",
            "more than `per_minute` of one sender",
            "no",
            "send it again, not before Retry-After",
        ),
        Answer(
            "not-stored",
            503,
            b"Could not be stored.\n",
            "could not be stored (disk full, database away)",
            "no",
            "send it again",
            30,
        ),
        Answer("stopping", 503, b"Stopping.\n", "the daemon is about to stop", "no", "send it again", 10),
    )
}
"""Every answer, by what it is counted as; docs/webhooks.md is made from it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may send where: what the settings say."""

    path: tuple[bytes, ...]
    """The segments of the path."""
    secret: bytes | None = None
    """One more segment; None: none is needed."""
    allow: tuple[Network, ...] = ()
    """(): anyone."""
    proxies: tuple[Network, ...] = ()
    proxied: bool = False
    """Plain http that others than this machine can reach: whoever is no proxy is refused."""
    max_body_bytes: int = 256 * 1024
    per_minute: int = 600

    def leads_here(self, segments: Sequence[bytes]) -> bool:
        """Whether a path is that of webhooks. The secret is compared in constant time."""
        own = len(self.path)
        if tuple(segments[:own]) != self.path:
            return False
        rest = segments[own:]
        if self.secret is None:
            return not rest
        return len(rest) == 1 and hmac.compare_digest(rest[0], self.secret)

    def permits(self, peer: str, client: str | None) -> bool:
        """Whether a sender may; `client` None: nobody knows who it is."""
        if self.proxied and not permits((*LOOPBACK, *self.proxies), peer):
            return False
        return not self.allow or (client is not None and permits(self.allow, client))

    def may_connect(self, host: str) -> bool:
        """Whether a peer may connect at all: as a sender, or as a proxy for one."""
        if self.proxied:
            return permits((*LOOPBACK, *self.proxies), host)
        return not self.allow or permits((*self.allow, *self.proxies), host)

    def client(self, peer: str, forwarded: Sequence[str]) -> str | None:
        """Who sends: the peer; behind a proxy that is trusted, the last hop of X-Forwarded-For that is not one itself.

        None: a proxy names nobody. What stands further left was written by whoever is sending.
        """
        if not self.proxies or not permits(self.proxies, peer):
            return peer
        hops = [hop.strip() for line in forwarded for hop in line.split(",")]
        for hop in reversed(hops[-PERMITTED_HOPS:]):
            host = _without_port(hop)
            if not permits(self.proxies, host):
                return host if is_address(host) else None
        return None


def _without_port(hop: str) -> str:
    """An address as proxies write it: `10.0.0.7:4711`, `[2001:db8::7]:4711` or bare."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Rate:
    """How many webhooks each sender may still send: so many in a minute, at once or one after the other."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By sender what is left, and when that was so; who was heard last is last."""

    def take(self, client: str, per_minute: int, now: float) -> int:
        """Take one; 0: it may. Else the seconds after which it may again. `now`: any steady clock."""
        left, since = self._left.pop(client, (float(per_minute), now))
        left = min(float(per_minute), left + max(0.0, now - since) * per_minute / 60)
        may = left >= 1
        self._left[client] = (left - 1 if may else left, now)
        if len(self._left) > KNOWN_CLIENTS:
            self._left.popitem(last=False)
        return 0 if may else max(1, ceil((1 - left) * 60 / per_minute))


def read_webhook(raw: bytes, peer: str, received_at: float) -> WebhookArrival | Answer:
    """The row of a webhook, or why it is none."""
    try:
        found = orjson.loads(raw.removeprefix(BOM_UTF8))
    except (orjson.JSONDecodeError, RecursionError):
        return ANSWERS["not-json"]
    if not isinstance(found, dict):
        return ANSWERS["not-json"]
    named = found.get("correlationId")
    if not isinstance(named, str) or not named.strip():
        return ANSWERS["no-correlation-id"]
    kind = found.get("type")
    return WebhookArrival(
        raw=raw,
        event=kind if isinstance(kind, str) and kind in EVENT_TYPES else OTHER,
        content=_content(found),
        peer=peer,
        received_at=received_at,
        correlation_id=_as_id(named.strip()),
        event_at=_as_time(found.get("timestamp")),
    )


def _content(found: dict[str, Any]) -> bytes:
    said = [found.get(name) for name in ("type", "correlationId", "batchId", "timestamp", "data")]
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def _as_id(text: str) -> str | None:
    """A correlation id that may stand in the clear and could be one that we got (`http_client` takes no others)."""
    return text if len(text) <= LONGEST_ID and text.isprintable() else None


def _as_time(value: object) -> float | None:
    """The time it bears; None: none, or one that is none in some time zone, which no list could show."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = read_timestamp(value)
    except (ValueError, OverflowError):
        return None
    return found.timestamp() if MINYEAR < found.year < MAXYEAR else None
