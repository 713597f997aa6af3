"""The simulated API on a socket: a Twisted web server that keeps connections open and asks `api` what to say.

It works below twisted.web's resource tree, which costs more for each request than all the rest. Nothing of a body
is ever logged.
"""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import parse_qs

import orjson
from twisted.internet.defer import Deferred, maybeDeferred
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
    Incoming,
    Silence,
    error_body,
)
from interface.sandbox.calls import Call, CallLog
from interface.sandbox.faults import Dice, Faults
from interface.sandbox.judge import Judge

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8026
DEFAULT_KEY = "sandbox"
LOG_LIMIT = 10_000
IDLE_SECONDS = 120.0
_TEXT = b"text/plain; charset=utf-8"
_OWN = b"/_sandbox"


class SandboxError(InterfaceError):
    """The simulated API cannot start; the text says why and what to do."""


def today_in_utc() -> date:
    """Today, as far as the sandbox is concerned; a birth date in the American zones never lies after it."""
    return datetime.now(UTC).date()


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
        taken_in: Callable[[Call], None] = lambda _: None,
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
            taken_in: is told of each request that was accepted; webhooks will start here.

        """
        faults = faults or Faults()
        self._reactor = reactor if reactor is not None else _installed_reactor()
        self._port: Any = None
        self.log = CallLog(log_limit)
        self.api = Api(
            key,
            Dice(faults, seed),
            self.log,
            today,
            key_without_permission=key_without_permission,
            judge=Judge() if judge else None,
            retry_after_seconds=faults.retry_after_seconds,
            taken_in=taken_in,
        )
        self._factory = _Factory(self.api, self.log, access, self._reactor)

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
        """Close the port and every connection, also those that hang."""
        port, self._port = self._port, None
        self._factory.close_all()
        return maybeDeferred(port.stopListening) if port is not None else maybeDeferred(lambda: None)


def _installed_reactor() -> Any:
    from twisted.internet import reactor  # importing it installs it

    return reactor


class _Request(http.Request):
    """One call. Its body is kept up to the limit and counted beyond it."""

    _parsePOSTFormSubmission = False  # noqa: N815 - Twisted's name
    _too_large = False
    _received = 0

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
        self._send(outcome)
        if factory.access is not None and not self.path.startswith(_OWN):
            factory.access(self._access_line(outcome, time.perf_counter() - started))

    def _outcome(self, factory: "_Factory") -> Answer | Silence:
        if self.path.startswith(_OWN):
            return self._own_page(factory)
        header = self.requestHeaders.getRawHeaders
        keys, kinds = header(KEY_HEADER), header(b"content-type")
        body = b"" if self._too_large or self.content is None else self.content.read()
        return factory.api.answer(
            Incoming(
                self.method,
                self.path,
                keys[0] if keys else None,
                kinds[0] if kinds else None,
                body,
                self._too_large,
            )
        )

    def _own_page(self, factory: "_Factory") -> Answer:
        """The doors for tests. They hold what was sent, so only this machine may look."""
        if not _is_loopback(self.getClientAddress()):  # type: ignore[no-untyped-call]
            return Answer(404, error_body("there is nothing here", None))
        if self.method not in (b"GET", b"HEAD"):
            return Answer(405, error_body("only GET is allowed", None), ((b"allow", b"GET"),))
        if self.path in (_OWN, _OWN + b"/"):
            return Answer(200, factory.calls.summary().encode(), content_type=_TEXT)
        if self.path == _OWN + b"/requests":
            return Answer(200, _calls_page(factory.calls, self.uri.partition(b"?")[2]))
        return Answer(404, error_body("there is nothing here", None))

    def _send(self, outcome: Answer | Silence) -> None:
        if isinstance(outcome, Silence):
            if outcome.closes:
                self.channel.loseConnection()  # type: ignore[no-untyped-call]
            else:
                self.notifyFinish().addErrback(lambda _: None)
            return
        self.setResponseCode(outcome.status)
        headers = self.responseHeaders
        headers.setRawHeaders(b"content-type", [outcome.content_type])
        headers.setRawHeaders(b"content-length", [str(len(outcome.body)).encode()])
        for name, value in outcome.headers:
            headers.setRawHeaders(name, [value])
        if self.method != b"HEAD":
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

    def __init__(self, api: Api, calls: CallLog, access: Callable[[str], None] | None, reactor: Any) -> None:
        super().__init__(timeout=IDLE_SECONDS, reactor=reactor)
        self.api = api
        self.calls = calls
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


def _calls_page(log: CallLog, query: bytes) -> bytes:
    """The calls as JSON; `?after=N` leaves out those up to N, `accepted=true` those that were not taken in."""
    asked = parse_qs(query.decode("ascii", "replace"))
    after = asked.get("after", ["0"])[-1]
    calls = log.after(
        int(after) if after.isdecimal() else 0, accepted_only="true" in asked.get("accepted", ())
    )
    return orjson.dumps([call.as_json() for call in calls])
