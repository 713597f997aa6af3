"""HTTP that nobody can make wait: a bound on the body, on the time a request may take to come, and on connections.

Twisted's own idle time begins anew with every byte, and it keeps whatever is sent: one byte each half minute would hold
a connection for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from interface.services.descriptors import MOST_CONNECTIONS
from interface.services.timing import Timer, cancel

REQUEST_SECONDS = 30.0
"""From the connection, or the answer before, until the whole request is there."""
DRAIN_BYTES = 1024 * 1024
"""So much beyond the limit is still read, and thrown away: a client that writes first reads the answer then."""
LINGER_SECONDS = 2.0
"""How long a client that is refused in the middle of its body may take to read why."""
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class BoundedRequest(Request):
    """A request whose body is in memory, up to the site's limit; `too_large` when there was more."""

    channel: Any
    content: Any
    too_large = False
    _room = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """The headers are there."""
        self.content = BytesIO()
        self._room = self.channel.site.max_body_bytes
        waits = self.requestHeaders.hasHeader(b"expect")
        if length is not None and length > self._room:
            self.too_large = True
            if waits or length > self._room + DRAIN_BYTES:
                self.channel.refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """A part of the body."""
        self._room -= len(data)
        if self._room >= 0 and not self.too_large:
            self.content.write(data)
            return
        self.too_large = True
        if self._room < -DRAIN_BYTES:
            self.channel.refuse()

    def process(self) -> None:
        """The whole request is there."""
        if not self.channel.refused:
            super().process()  # type: ignore[no-untyped-call]


class BoundedChannel(HTTPChannel):
    """A connection; `refused` once its request was too large and it is only waited for the client to hang up."""

    site: Any
    transport: Any
    refused = False
    _timer: Timer | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """It begins."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.site.connections.add(self)
        self._wait(REQUEST_SECONDS)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Bytes; none of one who is refused are looked at."""
        if not self.refused:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:  # noqa: N802
        """A request is whole: its answer may take its time."""
        self._wait(None)
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """An answer is written. Who does not read it is hung up on, too."""
        self._wait(REQUEST_SECONDS)
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # noqa: N802
        """It ends."""
        self._wait(None)
        self.site.connections.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def refuse(self) -> None:
        """The request is far too large: say so without reading it, and hang up when the client had time to see it."""
        if not self.refused:
            self.refused = True
            self.site.refused("too-large")
            self.transport.write(TOO_LARGE)
            self._wait(LINGER_SECONDS)

    def _wait(self, seconds: float | None) -> None:
        cancel(self._timer)
        self._timer = None if seconds is None else self.site.reactor.callLater(seconds, self._over)

    def _over(self) -> None:
        self._timer = None
        if not self.refused and self.requests:
            self.site.refused("timeout")
        self.transport.abortConnection()


class BoundedSite(Site):
    """A web site with such connections."""

    protocol: Any = BoundedChannel
    noisy = False
    displayTracebacks = False  # noqa: N815 - Twisted's name

    def __init__(
        self,
        root: Any,
        reactor: Any,
        *,
        max_body_bytes: int = 0,
        may_connect: Callable[[str], bool] = lambda _host: True,
        refused: Callable[[str], None] = lambda _reason: None,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        """`refused` is told why a request or a connection was: too-large, timeout, not-allowed, connections."""
        super().__init__(  # type: ignore[no-untyped-call]
            root, BoundedRequest, timeout=None, reactor=reactor, parsePOSTFormSubmission=False
        )
        self.max_body_bytes = max_body_bytes
        self.may_connect = may_connect
        self.refused = refused
        self.connections: set[BoundedChannel] = set()
        self._most = most

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Take a connection, or close it before a byte is read (None)."""
        if not self.may_connect(getattr(addr, "host", "")):
            self.refused("not-allowed")
            return None
        if len(self.connections) >= self._most:
            self.refused("connections")
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: Any) -> None:
        """Nothing: paths may hold a secret."""
