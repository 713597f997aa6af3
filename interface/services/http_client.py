"""One POST to the API and what came of it, as a value: `requests` with all that costs or surprises turned
off.

Each courier thread has one `Poster` and so one connection. What a request costs here is the wall of the whole
way, so the prepared request is made once and only its body and length change; nothing is looked up in the
environment, no cookie is kept, no redirect followed (the body is patient data: it goes where the settings
say, or nowhere).
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from codecs import BOM_UTF8
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import orjson
import requests
import urllib3
from requests.adapters import HTTPAdapter

from interface.delivery.verdict import Failure, Reply
from interface.services.target import Target
from interface.services.timely import TimelyResponse

MAX_REPLY_BYTES = 1024 * 1024
"""The most of a reply that is read; a longer one is no reply of this API."""

EXCERPT_BYTES = 4096
"""How much of a reply's body is kept (sealed) with the attempt."""

CORRELATION_ID_LENGTH = 200

_READ_BYTES = 64 * 1024


MaySend = Callable[[float], bool]
"""Whether what was claimed at that time (seconds of the monotonic clock) may still be sent."""
_NOBODY_ELSES = float("inf")


class _LapsedError(Exception):
    """What was claimed may not be sent any more."""


class Poster:
    """Sends bodies to one target over one kept connection. For one thread."""

    def __init__(self, target: Target, may_send: MaySend = lambda _: True) -> None:
        """`may_send` is asked at the last moment before anything leaves."""
        self._target = target
        self._claimed_at = _NOBODY_ELSES
        self._adapter = _OneTarget(lambda: may_send(self._claimed_at))
        prepared: Any = requests.Request("POST", target.url, headers=_headers(target)).prepare()
        # copied for each POST: one in which case does not count takes 25 of 300 us more
        prepared.headers = dict(prepared.headers)
        self._prepared: requests.PreparedRequest = prepared
        self._timeouts = (target.connect_seconds, target.read_seconds)

    def post(self, body: bytes, claimed_at: float = _NOBODY_ELSES) -> Reply:
        """POST `body`; never raises for anything the network or the API does (`Reply.failure` says it).

        The time it takes is bounded by the connect limit, the read limit for the reply's head, and once more
        the read limit for its body. `claimed_at`: what `may_send` is asked of.
        """
        self._claimed_at = claimed_at
        self._prepared.body = body
        self._prepared.headers["Content-Length"] = str(len(body))
        try:
            with self._adapter.send(
                self._prepared, stream=True, timeout=self._timeouts, verify=self._target.verify
            ) as response:
                came_at = time.time()
                whole, received = self._read(response.raw)
                return _reply(response, whole, received, came_at)
        except _LapsedError:
            return Reply(failure="lapsed")
        except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError) as failed:
            return Reply(failure=failure_of(failed))
        finally:
            self._prepared.body = None

    def close(self) -> None:
        """Drop the connection."""
        self._adapter.close()

    def _read(self, raw: Any) -> tuple[bool, bytes]:
        """The body, at most `MAX_REPLY_BYTES` of it, and whether that is all; raises what the transport
        raises.
        """
        received = bytearray()
        deadline = time.monotonic() + self._target.read_seconds
        while chunk := raw.read1(_READ_BYTES, decode_content=True):
            received += chunk
            if len(received) > MAX_REPLY_BYTES:
                return False, bytes(received)
            if time.monotonic() > deadline:
                raise TimeoutError("the reply trickles")
        return True, bytes(received)


class Posters:
    """Makes posters for a target that may be given another key while they are in use."""

    def __init__(self, may_send: MaySend = lambda _: True) -> None:
        """`may_send`: see `Poster`."""
        self.may_send = may_send
        self.target = Target("", "")
        """What the next POST of each of them goes to."""

    def __call__(self) -> _Renewed:
        """One more, for one thread."""
        return _Renewed(self)


class _Renewed:
    """A poster that is made anew when the target is another."""

    def __init__(self, posters: Posters) -> None:
        self._posters = posters
        self._target = posters.target
        self._poster = Poster(self._target, posters.may_send)

    def post(self, body: bytes, claimed_at: float) -> Reply:
        """As `Poster.post`."""
        if self._target is not self._posters.target:
            self._poster.close()
            self._target = self._posters.target
            self._poster = Poster(self._target, self._posters.may_send)
        return self._poster.post(body, claimed_at)

    def close(self) -> None:
        """Drop the connection."""
        self._poster.close()


class _OneTarget(HTTPAdapter):
    """`requests` below its session: one connection to one target; no redirect, cookie, proxy or setting of the environment
    is looked for, none could be found. 310 us of a processor a POST with the session, 210 without.
    """

    def __init__(self, may_send: Callable[[], bool]) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self.poolmanager.pool_classes_by_scheme = _pools(may_send)
        self._pool: Any = None

    def get_connection_with_tls_context(self, *given: Any, **named: Any) -> Any:
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*given, **named)
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        return request.path_url

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.headers, response.raw, response.request = (
            resp.status,
            resp.headers,
            resp,
            req,
        )
        return response


def _pools(may_send: Callable[[], bool]) -> dict[str, Any]:
    """Connections that ask before a request leaves: between a claim and its POST this process may have stood still.
    They send head and body together, and wait for the reply's head as long as the limit says, and no longer.
    """

    def asked(kind: Any) -> Any:
        class Asked(kind):  # type: ignore[misc]
            response_class = TimelyResponse
            _head: bytes | None = None

            def endheaders(self, *given: Any, **named: Any) -> None:
                if not may_send():
                    raise _LapsedError
                self._head = b""
                super().endheaders(*given, **named)

            def send(self, data: Any) -> None:
                if self._head == b"":
                    self._head = data  # of a body that follows; each has one
                    return
                head, self._head = self._head, None
                super().send(data if head is None else head + data)

        return Asked

    class Plain(urllib3.HTTPConnectionPool):
        ConnectionCls = asked(urllib3.connection.HTTPConnection)

    class Secure(urllib3.HTTPSConnectionPool):
        ConnectionCls = asked(urllib3.connection.HTTPSConnection)

    return {"http": Plain, "https": Secure}


def _headers(target: Target) -> dict[str, str]:
    return {
        "apiKey": target.key,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "hl7-interface",
        "Content-Length": "0",
    }


def _reply(response: requests.Response, whole: bool, received: bytes, came_at: float) -> Reply:
    parsed = _json_object(received) if whole else None
    return Reply(
        status=response.status_code,
        is_json_object=parsed is not None,
        is_empty=whole and not received,
        correlation_id=_correlation_id(parsed or {}),
        responses=_responses(parsed or {}),
        retry_after=response.headers.get("Retry-After", "")[:64],
        date=response.headers.get("Date", "")[:64],
        content_type=response.headers.get("Content-Type", "")[:100],
        excerpt=received[:EXCERPT_BYTES],
        came_at=came_at,
    )


def _json_object(received: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(received.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _correlation_id(parsed: dict[str, Any]) -> str:
    """`correlationId` of a ProcessingResponse; '' when absent or unfit for a log line (no format is
    published).
    """
    found = parsed.get("correlationId")
    if not isinstance(found, str) or len(found) > CORRELATION_ID_LENGTH or not found.isprintable():
        return ""
    return found.strip()


def _responses(parsed: dict[str, Any]) -> tuple[tuple[int | None, str], ...]:
    """The entries of a PanelResponse: `sequenceNumber` (None: there is none) and `correlationId`."""
    entries = parsed.get("responses")
    if not isinstance(entries, list):
        return ()
    return tuple(
        (_sequence_number(entry), _correlation_id(entry)) for entry in entries if isinstance(entry, dict)
    )


_NO_PLACE = -1


def _sequence_number(entry: dict[str, Any]) -> int | None:
    """One that is there and can't be read is no place: nothing may be told by the order then."""
    found = entry.get("sequenceNumber")
    if found is None:
        return None
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else _NO_PLACE


_FAILURES: tuple[tuple[type[BaseException], Failure], ...] = (
    # the first class that any link of the chain is of decides: the narrow ones before the wide ones
    (urllib3.exceptions.NameResolutionError, "dns"),
    (socket.gaierror, "dns"),
    (ssl.SSLEOFError, "reset"),
    (ssl.SSLZeroReturnError, "reset"),
    (ssl.SSLError, "tls"),
    (requests.exceptions.SSLError, "tls"),
    (urllib3.exceptions.SSLError, "tls"),
    (urllib3.exceptions.NewConnectionError, "refused"),  # is a ConnectTimeoutError too
    (urllib3.exceptions.ConnectTimeoutError, "timeout-connect"),
    (requests.exceptions.ConnectTimeout, "timeout-connect"),
    (ConnectionRefusedError, "refused"),
    (urllib3.exceptions.ReadTimeoutError, "timeout-read"),
    (requests.exceptions.ReadTimeout, "timeout-read"),
    (TimeoutError, "timeout-read"),
    # the built-in one: reset, aborted, broken pipe, http.client.RemoteDisconnected
    (ConnectionError, "reset"),
    (urllib3.exceptions.ProtocolError, "reset"),
    (HTTPException, "reset"),
)

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL}


def failure_of(failed: BaseException) -> Failure:
    """What kind of failure an exception of `requests` stands for, by its whole chain, never by its text."""
    chain = _chain(failed)
    for kind, failure in _FAILURES:
        if any(isinstance(link, kind) for link in chain):
            return failure
    if any(isinstance(link, OSError) and link.errno in _UNREACHABLE for link in chain):
        return "refused"
    return "other"


def _chain(failed: BaseException) -> list[BaseException]:
    """The exception and what it carries: its arguments, `reason`, cause and context."""
    found: list[BaseException] = []
    waiting: list[object] = [failed]
    while waiting and len(found) < 20:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            waiting += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]
    return found
