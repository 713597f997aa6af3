"""A reply whose head has to come within the time limit as a whole, however little at a time arrives."""

from __future__ import annotations

import io
import socket
import time
from http import HTTPStatus
from http.client import HTTPMessage, HTTPResponse
from typing import Any, cast


class TimelyResponse(HTTPResponse):
    """A response that ends with TimeoutError when its head takes longer than the socket's timeout allows.

    The socket's own timeout counts anew from each byte: a head that trickles would be waited for without end.
    """

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self._limited = _Limited(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._limited)

    def begin(self) -> None:
        """Read the head, behind those that only say that it will come (RFC 9110, 15.2): taken for the reply, one of them
        would have the request sent again that the API then took in.
        """
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = cast("HTTPMessage", None)  # else nothing is read any more
            super().begin()
        self._limited.lift()


class _Limited(io.RawIOBase):
    """A socket's bytes, for as long as its timeout says in all; without a limit once that is lifted."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._seconds = sock.gettimeout()
        self._until = None if self._seconds is None else time.monotonic() + self._seconds

    def lift(self) -> None:
        """From here on the socket's timeout counts for each read again."""
        if self._until is not None:
            self._until = None
            self._sock.settimeout(self._seconds)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the head of the reply trickles")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
