"""What the work and the process that POSTs for it say to each other: values over a socket between parent and child,
pickled (both are this program, and nobody else has the socket), each behind its length.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, NamedTuple

from interface.delivery.verdict import Reply
from interface.services.target import Target

_LENGTH = struct.Struct("!Q")


class ToPost(NamedTuple):
    """A body to POST, and the number under which it comes back."""

    number: int
    body: bytes
    claimed_at: float = float("inf")
    """When its requests were about to be claimed (seconds of the monotonic clock); for ever: they are nobody else's."""


class Posted(NamedTuple):
    """What came of it: when it began and ended (seconds of the monotonic clock, which all processes share) and the reply.

    `reply` None: it was not sent and is given back. `error` is '' unless our own code failed: then where.
    """

    number: int
    started: float
    ended: float
    reply: Reply | None
    error: str = ""


class SendUntil(NamedTuple):
    """Nothing may leave after this time (seconds of the monotonic clock) unless a later one is told, nor what was claimed
    before the time since which we have been alive to others without a break: they may have taken it back in between.
    """

    until: float
    since: float


Order = Target | SendUntil | list[ToPost]
"""What the work says: where to POST from now on; until when; bodies. The other side says lists of `Posted`."""


def packed(value: Order | list[Posted]) -> bytes:
    """As it goes over the socket."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Unpacker:
    """Whole values out of what the socket gives in any portions."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The values that are complete with this, in order."""
        rest, values, at = self._rest, [], 0
        rest += data
        while len(rest) - at >= _LENGTH.size:
            ends = at + _LENGTH.size + _LENGTH.unpack_from(rest, at)[0]
            if len(rest) < ends:
                break
            with memoryview(rest) as seen:
                values.append(pickle.loads(seen[at + _LENGTH.size : ends]))  # noqa: S301 - our own child, our own socket
            at = ends
        del rest[:at]
        return values
