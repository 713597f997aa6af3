"""MLLP framing without I/O: bytes in, frames out (HL7 v2 transport specification, MLLP release 1).

A frame is VT, payload, FS and mostly CR. Neither VT nor FS can stand in a payload, so either is always
framing: a second VT means that the sender has begun anew, and what came before it is no message. A payload is
passed on only when its FS has come; half of one never is. (Some characters of UTF-16 hold such bytes: MLLP
can't carry those.)
"""

from dataclasses import dataclass
from typing import NamedTuple

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
_END = FS + CR
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
HEAD_BYTES = 4096  # of a frame that is too large: enough for its MSH
_SILENT = b"\r\n\t "  # between frames: the CR of a frame, and what senders put behind it


class Frame(NamedTuple):
    """A whole frame: the bytes between VT and FS, untouched."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Oversized:
    """A frame over the limit: its first 4096 bytes at most, for the ACK, and the size when it was given up.

    `size` is the limit and one, however the bytes came in: the rest is not waited for.
    """

    head: bytes
    size: int


class FrameDecoder:
    """Takes bytes as they come, in any portions, and gives the frames they hold.

    Cost: each byte is looked at once for each of the two marks, and copied twice (into the buffer, out as
    payload), or once when a frame comes whole in one portion. Only the new portion is ever searched, never
    the buffer again, so a large message in small portions costs what it costs in one.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES):
        self.max_message_bytes = max_message_bytes
        self.discarded_frames = 0
        self.junk_bytes = 0
        self.closed = False
        self._buffer = bytearray()
        self._inside = False

    @property
    def unfinished(self) -> bool:
        """Whether a VT was seen whose FS has not come yet."""
        return self._inside

    @property
    def buffered(self) -> int:
        """Bytes held of the unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame | Oversized]:
        """The frames that `data` completes. After an Oversized the decoder is closed: more is ignored."""
        if self._is_one_frame(data):
            return [Frame(data[1:-2])]
        events: list[Frame | Oversized] = []
        position, end = 0, len(data)
        next_vt = next_fs = -2  # -2: not looked for yet; `end`: none in this portion
        while position < end and not self.closed:
            if next_vt < position:
                next_vt = _find(data, VT, position)
            if not self._inside:
                self._junk(data[position:next_vt])
                position = next_vt + 1
                self._inside = next_vt < end
                continue
            if next_fs < position:
                next_fs = _find(data, FS, position)
            mark = min(next_vt, next_fs)
            if len(self._buffer) + mark - position > self.max_message_bytes:
                events.append(self._give_up(data, position))
            elif mark == end:
                self._buffer += data[position:]
            elif mark == next_fs:
                events.append(Frame(self._take(data, position, mark)))
            else:
                self._buffer.clear()
                self.discarded_frames += 1
            position = mark + 1
        return events

    def _is_one_frame(self, data: bytes) -> bool:
        """Whether it is a frame and nothing else, as from an engine that awaits each ACK: 1 us in place of 2.4."""
        return (
            data[:1] == VT
            and data[-2:] == _END
            and data.find(FS) == len(data) - 2
            and data.find(VT, 1) < 0
            and not self._inside
            and not self.closed
            and len(data) - 3 <= self.max_message_bytes
        )

    def _take(self, data: bytes, start: int, stop: int) -> bytes:
        self._inside = False
        if not self._buffer:
            return data[start:stop]
        self._buffer += data[start:stop]
        payload = bytes(self._buffer)
        self._buffer = bytearray()  # a new one: clear() would keep the room of the largest message
        return payload

    def _give_up(self, data: bytes, start: int) -> Oversized:
        missing = max(0, HEAD_BYTES - len(self._buffer))
        limit = self.max_message_bytes + 1
        head = (bytes(self._buffer[:HEAD_BYTES]) + data[start : start + missing])[: min(HEAD_BYTES, limit)]
        self._buffer = bytearray()
        self._inside = False
        self.closed = True
        return Oversized(head, limit)

    def _junk(self, between: bytes) -> None:
        if between:
            self.junk_bytes += len(between) - sum(between.count(byte) for byte in _SILENT)


def _find(data: bytes, mark: bytes, start: int) -> int:
    found = data.find(mark, start)
    return len(data) if found < 0 else found


def frame(payload: bytes) -> bytes:
    """VT, payload, FS, CR."""
    return b"\x0b" + payload + b"\x1c\r"
