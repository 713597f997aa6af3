"""The simulated API on a socket: a Twisted web server that keeps connections open and asks `api` what to say.

It works below twisted.web's resource tree, which costs more for each request than all the rest. Nothing of a body
is ever logged.
"""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from interface.errors import InterfaceError
from interface.sandbox.api import (
    ENDPOINTS,
    KEY_HEADER,
    MAX_BODY_BYTES,
    Answer,
    Api,
    Environment,
    Incoming,
    Silence,
    TestPath,
    error_body,
)
from interface.sandbox.calls import CallLog
from interface.sandbox.doors import NOTHING_HERE, OWN, Doors, Visit
from interface.sandbox.faults import Dice, Faults
from interface.sandbox.judge import Judge
from interface.sandbox.playing import Play
from interface.sandbox.test_patients import TestPatients
from interface.sandbox.webhooks import Retries, WebhookLog, Webhooks

if TYPE_CHECKING:
    from interface.sandbox.poster import Poster

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8026
DEFAULT_KEY = "sandbox"
LOG_LIMIT = 10_000
IDLE_SECONDS = 120.0


class SandboxError(InterfaceError):
    """The simulated API cannot start; the text says why and what to do."""


def today_in_utc() -> date:
    """Today, as far as the sandbox is concerned; a birth date in the American zones never lies after it."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class WebhookOptions:
    """Where webhooks go, and how."""

    urls: tuple[str, ...] = ()
    play: Play = field(default_factory=Play)
    retries: Retries = field(default_factory=Retries)
    authorities: Path | None = None
    """Certificates in PEM that are trusted in place of the system's."""


class Sandbox:
    """The simulated API; `listen` opens it, `stop` closes it with all its connections."""

    def __init__(
        self,
        key: str = DEFAULT_KEY,
        faults: Faults | None = None,
        reactor: Any = None,
        *,
        key_without_permission: str | None = None,
        judge: bool = True,
        seed: int | None = None,
        log_limit: int = LOG_LIMIT,
        today: Callable[[], date] = today_in_utc,
        access: Callable[[str], None] | None = None,
        environment: Environment = Environment.ALL,
        test_path: TestPath = TestPath.ID,
        test_patients: TestPatients | None = None,
        webhooks: WebhookOptions | None = None,
    ) -> None:
        """Make it ready without opening a port.

        Args:
            key: what the header `apiKey` must hold.
            faults: what goes wrong, and how often; None: nothing.
            reactor: Twisted's; None: the one that is installed.
            key_without_permission: a key that gets 403.
            judge: False: bodies are only parsed (for benchmarks).
            seed: repeats faults and correlation ids.
            log_limit: calls kept for `/_sandbox/requests`.
            today: the day that birth dates are held against.
            access: gets one line for each call, without bodies, keys or unknown paths.
            environment: whose paths there are.
            test_path: what version 1's path that only checks answers.
            test_patients: of them alone results come, and each call is marked whether it was about them.
            webhooks: where and how they are sent; None: nowhere, until the door `/_sandbox/webhooks` is told.

        Raises:
            InterfaceError: the file of certificate authorities holds none.

        """
        faults, webhooks = faults or Faults(), webhooks or WebhookOptions()
        self._reactor = reactor if reactor is not None else _installed_reactor()
        self._port: Any = None
        self._poster: Poster | None = None
        self._authorities = webhooks.authorities
        if webhooks.urls or webhooks.authorities is not None:
            self._poster = self._new_poster()
        self.log = CallLog(log_limit)
        self.webhooks = Webhooks(
            webhooks.play,
            webhooks.retries,
            self._post,
            self._reactor,
            WebhookLog(log_limit),
            now_ns=time.time_ns,
            test_patients=test_patients,
            say=access,
        )
        self.webhooks.send_to(webhooks.urls)
        self.api = Api(
            key,
            Dice(faults, seed),
            self.log,
            today,
            key_without_permission=key_without_permission,
            judge=Judge() if judge else None,
            retry_after_seconds=faults.retry_after_seconds,
            taken_in=self.webhooks.taken_in,
            environment=environment,
            test_path=test_path,
            test_patients=test_patients,
        )
        self._factory = _Factory(
            self.api, Doors(self.log, self.webhooks, self._reactor), access, self._reactor
        )

    def listen(self, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> int:
        """Open the port; 0 takes a free one. Returns the port's number.

        Raises:
            SandboxError: it cannot be opened.

        """
        try:
            self._port = self._reactor.listenTCP(port, self._factory, backlog=512, interface=host)
        except (CannotListenError, OSError) as error:
            why = getattr(getattr(error, "socketError", error), "strerror", None) or "not an address"
            raise SandboxError(
                f"cannot listen on {host}:{port}: {why.lower()}; choose another --host or --port"
            ) from None
        return self.port

    @property
    def port(self) -> int:
        """The port's number while it is open, else 0."""
        return int(self._port.getHost().port) if self._port is not None else 0

    @property
    def address(self) -> str:
        """Where it listens: `http://127.0.0.1:8026`."""
        host = self._port.getHost().host if self._port is not None else DEFAULT_HOST
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def stop(self) -> "Deferred[None]":
        """Close the port and every connection, also those that hang; webhooks that wait are dropped."""
        port, self._port = self._port, None
        self.webhooks.stop()
        self._factory.close_all()
        closing: list[Deferred[Any]] = [maybeDeferred(port.stopListening)] if port is not None else []
        if self._poster is not None:
            closing.append(self._poster.stop())
        return gatherResults(closing).addCallback(lambda _: None)

    def _post(self, url: str, body: bytes) -> "Deferred[int]":
        if self._poster is None:
            self._poster = self._new_poster()
        return self._poster.post(url, body)

    def _new_poster(self) -> "Poster":
        from interface.sandbox.poster import Poster  # costs 0.1 s, and most sandboxes send nothing

        return Poster(self._reactor, self._authorities)


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # importing it installs it

    return reactor


class _Request(http.Request):
    """One call. Its body is kept up to the limit and counted beyond it."""

    _parsePOSTFormSubmission = False  # noqa: N815 - Twisted's name
    _too_large = False
    _received = 0
    _gone = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._received += len(data)
        if self._received > MAX_BODY_BYTES:
            self._too_large = True
        else:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        factory = cast("_Factory", self.channel.factory)
        started = time.perf_counter()
        try:
            outcome = self._outcome(factory)
        except Exception:
            # whatever it was: its text may hold a body
            outcome = Answer(500, error_body("the sandbox itself failed", None))
        if isinstance(outcome, Deferred):
            self.notifyFinish().addErrback(self._left)
            outcome.addCallback(self._conclude, factory, started)
        else:
            self._conclude(outcome, factory, started)

    def _left(self, _: Failure) -> None:
        """The client has gone while its answer was held back."""
        self._gone = True

    def _conclude(self, outcome: Answer | Silence, factory: "_Factory", started: float) -> None:
        if not self._gone:
            self._send(outcome)
        if factory.access is not None and not self.path.startswith(OWN):
            factory.access(self._access_line(outcome, time.perf_counter() - started))

    def _outcome(self, factory: "_Factory") -> "Answer | Silence | Deferred[Answer]":
        if self.path.startswith(OWN):
            return self._own_page(factory)
        header = self.requestHeaders.getRawHeaders
        keys, kinds = header(KEY_HEADER), header(b"content-type")
        body = b"" if self._too_large or self.content is None else self.content.read()
        outcome = factory.api.answer(
            Incoming(
                self.method,
                self.path,
                keys[0] if keys else None,
                kinds[0] if kinds else None,
                body,
                self._too_large,
            )
        )
        if isinstance(outcome, Answer) and outcome.after is not None:
            held: Deferred[Answer] = outcome.after.addCallback(lambda _: outcome)
            return held
        return outcome

    def _own_page(self, factory: "_Factory") -> "Answer | Deferred[Answer]":
        """The doors for tests. They hold what was sent, so only this machine may look."""
        if self._too_large or not _is_loopback(self.getClientAddress()):  # type: ignore[no-untyped-call]
            return NOTHING_HERE
        kinds = self.requestHeaders.getRawHeaders(b"content-type")
        query = self.uri.partition(b"?")[2]
        body = b"" if self.content is None else self.content.read()
        return factory.doors.answer(Visit(self.method, self.path, query, kinds[0] if kinds else b"", body))

    def _send(self, outcome: Answer | Silence) -> None:
        if isinstance(outcome, Silence):
            if outcome.closes:
                self.channel.loseConnection()  # type: ignore[no-untyped-call]
            else:
                self.notifyFinish().addErrback(lambda _: None)
            return
        self.setResponseCode(outcome.status)
        headers = self.responseHeaders
        if outcome.content_type:
            headers.setRawHeaders(b"content-type", [outcome.content_type])
        if outcome.status != http.NO_CONTENT:
            headers.setRawHeaders(b"content-length", [str(len(outcome.body)).encode()])
        for name, value in outcome.headers:
            headers.setRawHeaders(name, [value])
        if self.method != b"HEAD" and outcome.body:
            self.write(outcome.body)  # type: ignore[no-untyped-call]
        self.finish()  # type: ignore[no-untyped-call]

    def _access_line(self, outcome: Answer | Silence, seconds: float) -> str:
        known = self.path in ENDPOINTS
        path = self.path.decode("ascii") if known else "(unknown path)"
        method = self.method.decode("ascii") if self.method in _METHODS else "(unknown method)"
        status = outcome.status if isinstance(outcome, Answer) else "dropped" if outcome.closes else "hangs"
        return f"{method} {path} {status} {seconds * 1000:.1f} ms"


_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})


class _Channel(http.HTTPChannel):
    """A connection that its factory knows of while it is open."""

    requestFactory = _Request  # noqa: N815 - Twisted's name

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.factory.open.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        self.factory.open.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class _Factory(http.HTTPFactory):
    """Makes the connections and knows those that are open."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]

    def __init__(self, api: Api, doors: Doors, access: Callable[[str], None] | None, reactor: Any) -> None:
        super().__init__(timeout=IDLE_SECONDS, reactor=reactor)
        self.api = api
        self.doors = doors
        self.access = access
        self.open: set[_Channel] = set()

    def log(self, request: Any) -> None:
        """Twisted's own access log has no use for anybody here, and a price."""

    def close_all(self) -> None:
        """Close every connection at once."""
        for channel in tuple(self.open):
            transport: Any = channel.transport
            transport.abortConnection()


def _is_loopback(address: Any) -> bool:
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        return ipaddress.ip_address(address.host).is_loopback
    return False
