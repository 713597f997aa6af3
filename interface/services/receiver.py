"""The receiver of webhooks: takes them over HTTP, has them stored, and only then answers 2xx."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from interface.services.logs import event, where
from interface.services.metrics import WebhookCounts
from interface.services.receiving import ANSWERS, Answer, Rate, Rules, read_webhook
from interface.settings import Settings
from interface.settings.checks import is_loopback
from interface.store.records.webhooks import WebhookArrival, WebhookStored

log = logging.getLogger(__name__)


class _Anybody:
    """Webhooks have no order that one that failed would disturb."""

    broken = False
    seen = False

    def not_stored(self) -> None:
        """Nothing more to do: the answer says it."""


ANYBODY = _Anybody()


class Received:
    """One webhook, from its last byte to its answer."""

    __slots__ = ("arrivals", "gone", "lane", "request", "size", "stored")

    def __init__(self, arrival: WebhookArrival, request: Any) -> None:
        self.lane = ANYBODY
        self.arrivals: Sequence[WebhookArrival] = (arrival,)
        self.size = len(arrival.raw)
        self.stored: Sequence[WebhookStored] | None = None
        """Set by the thread that stores; None: not stored."""
        self.request = request
        self.gone = False
        """The sender has hung up: it will send it again."""


class Receiver:
    """Takes webhooks by the rules of the settings. Reactor thread only."""

    def __init__(
        self,
        rules: Rules,
        counts: WebhookCounts,
        submit: Callable[[Sequence[Received]], None],
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`submit` hands webhooks to the thread that stores them; it gives them back to `settled`."""
        self.rules = rules
        self.counts = counts
        self.stopping = False
        self._submit = submit
        self._clock = clock
        self._steady = steady
        self._rate = Rate()

    def page(self, segments: Sequence[bytes]) -> Resource | None:
        """The page at a path; None: this is not where webhooks go."""
        return _Page(self) if self.rules.leads_here(segments) else None

    def take(self, request: Any) -> None:
        """Answer a request, or have it stored first."""
        peer = getattr(request.getClientAddress(), "host", "") or ""
        refused = self._refusal(request, peer)
        if refused is None:
            received = read_webhook(request.content.read(), self._who(request, peer) or peer, self._clock())
            if isinstance(received, Answer):
                refused = received
            else:
                self._store(Received(received, request))
                return
        self.refused(refused.reason)
        _answer(request, refused)

    def _who(self, request: Any, peer: str) -> str | None:
        lines = request.requestHeaders.getRawHeaders(b"x-forwarded-for", ())
        return self.rules.client(peer, [line.decode("latin-1") for line in lines])

    def _refusal(self, request: Any, peer: str) -> Answer | None:
        """Why a request is not read; None: it is."""
        if request.method != b"POST":
            return ANSWERS["not-post"]
        client = self._who(request, peer)
        if not self.rules.permits(peer, client):
            return ANSWERS["not-allowed"]
        if self.stopping:
            return ANSWERS["stopping"]
        wait = self._rate.take(client or peer, self.rules.per_minute, self._steady())
        if wait:
            request.setHeader(b"retry-after", str(wait).encode())
            return ANSWERS["too-many"]
        # on the port of [web] the site takes as much as the console's forms may have
        if request.too_large or request.content.getbuffer().nbytes > self.rules.max_body_bytes:
            request.channel.persistent = False
            request.setHeader(b"connection", b"close")
            return ANSWERS["too-large"]
        return None

    def _store(self, received: Received) -> None:
        def hung_up(_: object) -> None:
            received.gone = True

        received.request.notifyFinish().addErrback(hung_up)
        self._submit((received,))

    def settled(self, batch: Sequence[Received]) -> None:
        """The thread gives webhooks back: answer them."""
        for received in batch:
            if received.stored is None:
                answer = ANSWERS["not-stored"]
                self.refused(answer.reason)
            else:
                answer = ANSWERS["repeated" if received.stored[0].repeated else "received"]
                self.counts.taken[answer.reason] += 1
            if not received.gone:
                _answer(received.request, answer)

    def refused(self, reason: str) -> None:
        """Counted always; logged when it is the first of its kind or a tenfold, so that nobody can fill the log."""
        self.counts.refused[reason] += 1
        count = self.counts.refused[reason]
        if str(count).strip("0") == "1":
            event(log, logging.WARNING, "webhook-refused", reason=reason, so_far=count)


class _Page(Resource):
    """Where webhooks go."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._receiver = receiver

    def render(self, request: Any) -> int:
        """Take it, whatever its method."""
        try:
            self._receiver.take(request)
        except Exception as error:  # a fault of ours: the sender sends it again, and nothing of it is shown
            event(log, logging.ERROR, "webhook-fault", fault=where(error))
            _answer(request, ANSWERS["not-stored"])
        return NOT_DONE_YET


class Alone(Resource):
    """The top of a site where nothing but webhooks is taken."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._receiver = receiver

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802
        """The page of webhooks, or none."""
        return self._receiver.page([*request.prepath, *request.postpath]) or Nothing(self._receiver)


class Nothing(Resource):
    """404 for whatever is asked, nothing of it repeated."""

    isLeaf = True  # noqa: N815

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._receiver = receiver

    def render(self, request: Any) -> int:
        """404."""
        self._receiver.refused("not-found")
        _answer(request, ANSWERS["not-found"])
        return NOT_DONE_YET


def _answer(request: Any, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"server", b"hl7-interface")
    if answer.retry_after is not None:
        request.setHeader(b"retry-after", str(answer.retry_after).encode())
    if answer.reason == "not-post":
        request.setHeader(b"allow", b"POST")
    if answer.text:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"content-length", str(len(answer.text)).encode())
        if request.method != b"HEAD":
            request.write(answer.text)
    request.finish()


def rules_of(settings: Settings) -> Rules:
    """Who may send webhooks where. Raises SettingsError: the secret is not there."""
    given = settings.webhooks
    secret = settings.webhook_secret()
    return Rules(
        tuple(segment.encode("ascii") for segment in given.path.strip("/").split("/")),
        None if secret is None else secret.encode("ascii"),
        given.allowed,
        given.trusted,
        proxied=not settings.webhooks_over_tls and not is_loopback(settings.webhooks_host),
        max_body_bytes=given.max_body_bytes,
        per_minute=given.per_minute,
    )
