"""What a reply of the API means for the request: the table of delivery verdicts, as data.

A reply is a value (`Reply`), so is what follows from it (`Verdict`); the first row of `VERDICTS` that fits
decides. Nothing here is patient data: a verdict holds a status, a code and words of ours. What the API said
in a body (a 400 may repeat the value it objects to) stays in `Reply.excerpt`, which the store seals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Literal

Failure = Literal["refused", "reset", "dns", "tls", "timeout-connect", "timeout-read", "lapsed", "other"]
"""How a request got no reply. `reset`, `timeout-read` and `other` may come after the request was sent; `lapsed`: it was not
sent, for another daemon may have it by now.
"""

Kind = Literal["delivered", "retry", "dead", "apart", "pause", "slow"]

NOT_AUTHORISED = "not-authorised"
"""The code of a reply that does not accept the key."""
PAUSE_SECONDS = 60.0
"""How long a request rests when the destination itself must be put right (401, 403, 404, ...)."""

SLOW_SECONDS = 60.0
"""How long a request rests after a 429 or 408 that names no time."""

LONGEST_WAIT = 3600.0
"""The longest `Retry-After` that is believed, in seconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one POST, as far as a verdict needs it.

    `status` is the HTTP status, None when no whole reply came; then `failure` says why. `retry_after`,
    `date` and `content_type` are the header texts. `excerpt` is the first bytes of the body as received: may hold PHI.

    Of a panel (version 2): `together` is how many patients it held, `panel_id` the correlation id of the whole,
    `correlation_id` this patient's own; `responses` are the pairs of sequence number and id before they are told apart
    (`interface.delivery.panel`).
    """

    status: int | None = None
    failure: Failure | None = None
    is_json_object: bool = False
    is_empty: bool = False
    """The whole reply came, and has no body."""
    correlation_id: str = ""
    retry_after: str = ""
    date: str = ""
    content_type: str = ""
    excerpt: bytes = field(default=b"", repr=False)
    together: int = 1
    panel_id: str = ""
    responses: tuple[tuple[int | None, str], ...] = field(default=(), repr=False)
    came_at: float | None = field(default=None, compare=False)
    """When its head had come, by this machine's clock (POSIX)."""

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's clock is ahead of the API's; None: the API does not tell the time. Its
        `Date` has whole seconds, and is as old as the way of the reply.
        """
        there = _posix(self.date)
        return None if there is None or self.came_at is None else self.came_at - there - 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the request. `code` and `text` are words of ours and may be logged and stored in clear.

    `wait`: seconds the API (or our rule) asks to wait; None: the retry schedule says. `suspect`: the fault
    lies with the destination rather than with this request. `possible_duplicate`: the API may have taken the
    request.
    """

    kind: Kind
    code: str
    text: str
    wait: float | None = None
    suspect: bool = False
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: which replies it fits, and the verdict. Empty `statuses` and `failures` fit
    nothing.
    """

    says: str
    verdict: Verdict
    statuses: tuple[range, ...] = ()
    failures: tuple[Failure, ...] = ()
    json_object: bool | None = None
    empty: bool | None = None
    correlated: bool | None = None
    in_panel: bool | None = None
    """Whether the whole panel has a correlation id."""
    shared: bool | None = None
    """Whether the POST was about several patients."""

    def fits(self, reply: Reply) -> bool:
        """Whether this row is about that reply."""
        if reply.failure is not None or reply.status is None:
            return (reply.failure or "other") in self.failures
        return (
            any(reply.status in statuses for statuses in self.statuses)
            and self.json_object in (None, reply.is_json_object)
            and self.empty in (None, reply.is_empty)
            and self.correlated in (None, bool(reply.correlation_id))
            and self.in_panel in (None, bool(reply.panel_id))
            and self.shared in (None, reply.together > 1)
        )


def _only(*statuses: int) -> tuple[range, ...]:
    return tuple(range(status, status + 1) for status in statuses)


VERDICTS: tuple[Row, ...] = (
    Row(
        "200 with a JSON object and a correlationId",
        Verdict("delivered", "delivered", "taken in"),
        statuses=_only(200),
        json_object=True,
        correlated=True,
    ),
    Row(
        "200 with a JSON object without a correlationId",
        Verdict("delivered", "delivered-no-correlation-id", "taken in, without a correlation id"),
        statuses=_only(200),
        json_object=True,
    ),
    Row(
        # not published, but an id of the vendor's is proof that it was taken; sending it again would cost a
        # second one
        "another 2xx with a correlationId",
        Verdict("delivered", "delivered", "taken in"),
        statuses=(range(201, 300),),
        json_object=True,
        correlated=True,
    ),
    Row(
        "another 2xx with the correlationId of a panel, without the patient's",
        Verdict("delivered", "delivered-no-correlation-id", "taken in, without a correlation id"),
        statuses=(range(201, 300),),
        json_object=True,
        in_panel=True,
    ),
    Row(
        "2xx with anything else (a proxy's page)",
        Verdict(
            "retry",
            "not-an-api-reply",
            "a success status without the API's reply: is a proxy in between?",
            suspect=True,
            possible_duplicate=True,
        ),
        statuses=(range(200, 300),),
    ),
    Row(
        # one patient's content, or all of them together too large: with fewer it comes out whose it was
        "400, 413, 422 to a panel of several patients",
        Verdict("apart", "refused-together", "the API refused a panel: each is tried again with fewer"),
        statuses=_only(400, 413, 422),
        shared=True,
    ),
    Row(
        "400, 422",
        Verdict("dead", "refused-by-api", "the API refused the content of the request"),
        statuses=_only(400, 422),
    ),
    Row(
        "401, 403",
        Verdict("pause", NOT_AUTHORISED, "the API key was not accepted", wait=PAUSE_SECONDS, suspect=True),
        statuses=_only(401, 403),
    ),
    Row(
        "404, 405, 407, 413, 415",
        Verdict(
            "pause",
            "wrong-destination",
            "the address, a proxy or a limit at the destination is wrong",
            wait=PAUSE_SECONDS,
            suspect=True,
        ),
        statuses=_only(404, 405, 407, 413, 415),
    ),
    Row(
        "429, 408",
        Verdict("slow", "slow-down", "the API asks to wait"),
        statuses=_only(408, 429),
    ),
    Row(
        # the gateway gave up waiting for, or lost, the API behind it: that may have taken the request
        "502, 504",
        Verdict(
            "retry",
            "gateway-error",
            "a gateway got no answer from the API",
            suspect=True,
            possible_duplicate=True,
        ),
        statuses=_only(502, 504),
    ),
    Row(
        "other 5xx",
        Verdict("retry", "server-error", "the API failed", suspect=True),
        statuses=(range(500, 600),),
    ),
    Row(
        # 101, 3xx (never followed: the body is patient data) and 4xx that nobody publishes
        "any other status",
        Verdict("retry", "unexpected-status", "a status nobody publishes", suspect=True),
        statuses=(range(1000),),
    ),
    Row(
        "refused",
        Verdict("retry", "refused", "no connection to the API", suspect=True),
        failures=("refused",),
    ),
    Row("DNS", Verdict("retry", "dns", "the API's name was not found", suspect=True), failures=("dns",)),
    Row(
        "TLS error",
        Verdict("retry", "tls", "no secure connection to the API", suspect=True),
        failures=("tls",),
    ),
    Row(
        "timeout before sending",
        Verdict("retry", "timeout-connect", "the API did not accept a connection in time", suspect=True),
        failures=("timeout-connect",),
    ),
    Row(
        "timeout after sending",
        Verdict("retry", "timeout-read", "sent, no reply in time", suspect=True, possible_duplicate=True),
        failures=("timeout-read",),
    ),
    Row(
        "reset",
        Verdict(
            "retry", "reset", "the connection broke before the reply", suspect=True, possible_duplicate=True
        ),
        failures=("reset",),
    ),
    Row(
        "none: not sent, for it was claimed too long ago (this daemon, or its database, stood still)",
        Verdict("retry", "lapsed", "not sent: another daemon may have it by now"),
        failures=("lapsed",),
    ),
    Row(
        "anything else",
        Verdict("retry", "failed", "the exchange failed", suspect=True, possible_duplicate=True),
        failures=("other",),
    ),
)


CHECKED: tuple[Row, ...] = (
    Row(
        # nobody publishes what the test path answers; there is nothing in such a reply to tell a proxy's from the API's
        "200 or 204 without a body, from a path that only checks",
        Verdict(
            "delivered", "checked-no-body", "accepted by the path that only checks, in a reply without a body"
        ),
        statuses=_only(200, 204),
        empty=True,
    ),
)
"""What counts before `VERDICTS` on the paths that check and do not process."""


def judge(reply: Reply, now: float | None = None, *, checks_only: bool = False) -> Verdict:
    """The verdict on one reply: the first row that fits. A `slow` verdict waits as Retry-After says.

    `checks_only`: it is of a path that does not process requests.
    `now`: our POSIX time, for a Retry-After that is a date in a reply without one of its own.
    """
    rows = (*CHECKED, *VERDICTS) if checks_only else VERDICTS
    verdict = next((row.verdict for row in rows if row.fits(reply)), VERDICTS[-1].verdict)
    if verdict.kind != "slow":
        return verdict
    return replace(verdict, wait=retry_after_seconds(reply.retry_after, _posix(reply.date) or now))


def retry_after_seconds(text: str, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 10.2.3), at most an hour; None for other text.

    `now`: the API's POSIX time, which a date is held against; None: dates are not understood.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    until = _posix(text)
    return None if until is None or now is None else min(max(0.0, until - now), LONGEST_WAIT)


def _posix(date: str) -> float | None:
    """POSIX seconds of an HTTP date; None when it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
