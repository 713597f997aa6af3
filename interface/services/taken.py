"""One frame as the door takes it: the rows it becomes, and the answer it gets.

Values in, values out: no socket, no clock, no store. The door reads nothing beyond MSH.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from interface.hl7.ack import Receipt, ack_code, write_ack
from interface.hl7.batch import split_messages
from interface.hl7.errors import TooManyMessagesError
from interface.hl7.framing import HEAD_BYTES, Oversized, frame
from interface.hl7.header import Header, HeaderError, read_header
from interface.services.logs import event, where
from interface.store.records.arrivals import Arrival, Stored

log = logging.getLogger(__name__)

AckMode = Literal["auto", "original", "enhanced"]
NotStoredAnswer = Literal["close", "AE", "AR"]

STORED = "stored"
MOST_MESSAGES = 10_000
"""Messages in one frame: they are rows of one transaction, for which every sender waits (1.5 s for so many)."""
ROW_BYTES = 1500
"""Bytes that a row takes besides its message."""
_RECEIPTS = {receipt.value: receipt for receipt in Receipt}


class Lane(Protocol):
    """One connection as the journal's thread sees it: its messages are stored in the order they came."""

    broken: bool
    """A message of this lane could not be stored and its connection closes: what came behind it must not be
    stored either, or the sender's second attempt would put the two in the wrong order."""
    seen: bool
    """Whether the journal's thread has had a frame of it: who connects anew for each message is never seen twice."""

    def not_stored(self) -> None:
        """Told by the journal's thread that a message of this lane could not be stored."""


class Taken:
    """One frame taken off a connection, from its last byte to its answer."""

    __slots__ = ("answer", "arrivals", "code", "header", "lane", "receipt", "settled", "size", "stored")

    def __init__(self, lane: Lane, header: Header | None, arrivals: Sequence[Arrival], size: int) -> None:
        self.lane = lane
        self.header = header
        """MSH of the frame's first message; None when it cannot be read."""
        self.arrivals = arrivals
        """The rows of the frame, stored in one transaction; () for a frame that is not stored at all."""
        self.size = size
        """Bytes held for this frame until it is answered."""
        self.stored: Sequence[Stored] | None = None
        """What the journal said of each row, set by its thread; None: not stored."""
        self.receipt: Receipt | None = None
        """The row of the ACK table that answers the frame, once known."""
        self.code = ""
        """MSA-1 of the answer; '': nothing is sent."""
        self.answer: bytes | None = None
        """The framed ACK; None: nothing is sent."""
        self.settled = False
        """True when receipt and answer are final and the frame only waits for its turn."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a frame came from."""

    listener: str
    """Name of the listener in the settings."""
    peer: str
    """Address and port of the sender."""
    charset: str | None = None
    """What a message without MSH-18 is read as; None: UTF-8, then cp1252."""

    @property
    def host(self) -> str:
        """Its address alone."""
        return self.peer.rpartition(":")[0].strip("[]")


def take(payload: bytes, source: Source, lane: Lane, received_at: float) -> Taken:
    """The rows of one frame's payload (bytes between VT and FS); `received_at`: seconds since 1970.

    A frame that holds several MSH becomes several rows; the first one's MSH-10 is answered. What has no
    readable MSH is a row too, marked with why. A frame that holds more than MOST_MESSAGES is over the limit.
    """
    try:
        read = [arrival(raw, source, received_at) for raw in split_messages(payload, MOST_MESSAGES)]
    except TooManyMessagesError:
        return take_oversized(Oversized(payload[:HEAD_BYTES], len(payload)), lane)
    except Exception as error:
        # A fault of ours. Closing the connection would bring the same message again, for ever: it is stored
        # as undecodable, and the feed goes on.
        event(log, logging.ERROR, "header-fault", listener=source.listener, fault=where(error))
        read = [(None, _reject(payload, source, received_at, "undecodable"))]
    size = len(payload) + ROW_BYTES * (len(read) - 1)
    return Taken(lane, read[0][0], [arrival for _, arrival in read], size)


def take_oversized(oversized: Oversized, lane: Lane) -> Taken:
    """A frame over the limit: nothing is stored, its head says whom to answer."""
    try:
        header: Header | None = read_header(oversized.head)
    except HeaderError:
        header = None
    taken = Taken(lane, header, (), len(oversized.head))
    taken.receipt = Receipt.TOO_LARGE
    return taken


def _reject(raw: bytes, source: Source, received_at: float, kind: str) -> Arrival:
    return Arrival(
        listener=source.listener,
        sender_application="",
        sender_facility="",
        control_id="",
        message_type="",
        processing_id="",
        peer=source.peer,
        raw=raw,
        receipt=kind,
        received_at=received_at,
    )


def arrival(raw: bytes, source: Source, received_at: float) -> tuple[Header | None, Arrival]:
    """The row of one message, and its MSH; without a readable one the row is marked with why."""
    try:
        header = read_header(raw, source.charset)
    except HeaderError as error:
        return None, _reject(raw, source, received_at, error.kind)
    return header, Arrival(
        listener=source.listener,
        sender_application=header.sending_application,
        sender_facility=header.sending_facility,
        control_id=header.control_id,
        message_type=header.type,
        processing_id=header.processing_id,
        peer=source.peer,
        raw=raw,
        receipt=_kind(header),
        received_at=received_at,
    )


def _kind(header: Header) -> str:
    """MSH-9 and MSH-10 are what a message cannot be answered or told from others without (chapter 2)."""
    if not header.message_code.strip():
        return "missing-type"
    if not header.control_id.strip():
        return "missing-control-id"
    return STORED


@dataclass(frozen=True, slots=True)
class Answering:
    """How a listener answers: its `ack` and `not_stored` settings."""

    mode: AckMode = "auto"
    not_stored: NotStoredAnswer = "close"

    def settle(self, taken: Taken, now: datetime, control_id: str) -> None:
        """Give `taken` its receipt and answer. `now` (aware) is MSH-7 of the ACK, `control_id` its MSH-10."""
        receipt = taken.receipt
        if receipt is None:
            receipt = Receipt.NOT_STORED if taken.stored is None else _RECEIPTS[taken.stored[0].receipt]
            taken.receipt = receipt
        code = ack_code(taken.header, receipt, mode=self.mode, not_stored=self.not_stored)
        taken.code = code
        taken.answer = frame(_written(taken.header, receipt, code, now, control_id)) if code else None
        taken.settled = True


def _written(header: Header | None, receipt: Receipt, code: str, now: datetime, control_id: str) -> bytes:
    try:
        return write_ack(header, receipt, code, now=now, control_id=control_id)
    except Exception as error:
        # A fault of ours: an ACK without the sender's header says less, but the sender is answered.
        event(log, logging.ERROR, "ack-fault", control_id=control_id, fault=where(error))
        return write_ack(None, receipt, code, now=now, control_id=control_id)
