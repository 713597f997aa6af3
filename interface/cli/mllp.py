"""Sending messages over MLLP, each paired with its ACK: python-hl7's client, made to read whole frames."""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hl7.client import MLLPClient

from interface.cli.mllp_tls import ClientTLS, TLSRefusedError, in_words
from interface.errors import InterfaceError
from interface.hl7.errors import NotHL7
from interface.hl7.framing import Frame, FrameDecoder, frame
from interface.hl7.header import Header, read_header
from interface.hl7.message import Message

POSITIVE = frozenset({"AA", "CA"})
NO_ANSWER = "no answer"
NOT_ASKED = "not asked"
"""MSH-15 and MSH-16 both say NE: the receiver must not answer."""
UNREADABLE = "unreadable"
MISMATCH = "other id"
"""The ACK names another message (MSA-2)."""
NOT_SENT = "not sent"
READ_BYTES = 65536


@dataclass(frozen=True)
class Outgoing:
    """One message to send."""

    file: str
    number: int
    """1-based place in the file."""
    raw: bytes


@dataclass(frozen=True)
class Answer:
    """What came of one message."""

    outgoing: Outgoing
    control_id: str
    """MSH-10 as sent; '' when it has none."""
    code: str
    """MSA-1 (AA, AE, AR, CA, CE, CR), or one of this module's words."""
    text: str = ""
    """Why, in the receiver's words (ERR-8, ERR-3, MSA-3) or ours."""
    seconds: float = 0.0
    """From the first byte sent to the whole ACK."""

    @property
    def well(self) -> bool:
        """Whether the receiver has taken the message, or was told not to answer."""
        return self.code in POSITIVE or self.code == NOT_ASKED


@dataclass(frozen=True)
class Place:
    """Where to send."""

    host: str
    port: int
    tls: ClientTLS | None = None
    """None: plain MLLP."""


class Connection(MLLPClient):  # type: ignore[misc] # python-hl7 has no types
    """python-hl7's client with a time limit, IPv6 and TLS, which sends everything and reads whole frames."""

    def __init__(self, place: "Place", timeout: float):
        """Connect. `timeout` (seconds) holds for connecting and for each ACK. Raises OSError."""
        plain = socket.create_connection((place.host, place.port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain if place.tls is None else place.tls.secure(plain, place.host)
        self.answered = False
        """Whether anything has ever come back: with TLS 1.3 we hear only then that we are let in."""
        self.encoding = "utf-8"
        self.timeout = timeout
        self._decoder = FrameDecoder()
        self._frames: list[bytes] = []

    def send(self, data: bytes) -> bytes | None:
        """Send framed bytes; the next frame's payload, None when the peer closes first. Raises OSError."""
        self.transmit(data)
        deadline = time.monotonic() + self.timeout
        while not self._frames:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            received = self.socket.recv(READ_BYTES)
            if not received:
                return None
            self.answered = True
            self._frames += [item.payload for item in self._decoder.feed(received) if isinstance(item, Frame)]
        return self._frames.pop(0)

    def transmit(self, data: bytes) -> None:
        """Send framed bytes without waiting for an answer. Raises OSError."""
        self.socket.settimeout(self.timeout)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            if not self.answered:
                self.socket.recv(1)  # why we were hung up on, if it was said
            raise


def exchange(connection: Connection, outgoing: Outgoing) -> Answer:
    """Send one message and read its ACK. Raises OSError when the connection is no more."""
    header = _header(outgoing.raw)
    control_id = header.control_id if header else ""
    began = time.monotonic()
    if header and header.accept_ack == header.application_ack == "NE":
        connection.transmit(frame(outgoing.raw))
        return Answer(outgoing, control_id, NOT_ASKED, seconds=time.monotonic() - began)
    payload = connection.send_message(outgoing.raw)
    seconds = time.monotonic() - began
    if payload is None:
        raise ConnectionResetError("closed without an answer")
    code, text = read_ack(payload, control_id)
    return Answer(outgoing, control_id, code, text, seconds)


def read_ack(payload: bytes, control_id: str) -> tuple[str, str]:
    """MSA-1 of an ACK and the reason it gives (ERR-8, ERR-3, MSA-3; HL7 2.x chapter 2).

    An ACK that names another control id than `control_id` is a `MISMATCH`; an empty MSA-2 fits every message.
    """
    try:
        ack = Message(payload)
    except NotHL7:
        return UNREADABLE, "the answer is not HL7"
    msa, err = ack.first("MSA"), ack.first("ERR")
    if msa is None or not msa.text(1):
        return UNREADABLE, "the answer has no MSA-1"
    echoed = msa.rep(2)
    if (
        control_id.strip()
        and echoed
        and control_id.strip() not in {echoed.raw.strip(), echoed.text().strip()}
    ):
        return MISMATCH, f"the answer is for {echoed.text()}"
    said = [err.text(8), err.text(3, 2) or err.text(3), err.text(1, 4, 2)] if err else []
    return msa.text(1), next((text for text in [*said, msa.text(3)] if text), "")


def _header(raw: bytes) -> Header | None:
    try:
        return read_header(raw)
    except NotHL7:
        return None


def send_all(
    messages: Iterable[Outgoing],
    place: Place,
    *,
    connections: int,
    timeout: float,
    report: Callable[[Answer], None],
) -> None:
    """Send `messages`, each connection taking the next one when it has its ACK; one keeps the order.

    A connection that breaks is made anew for the next message; the message it broke on counts as `NO_ANSWER`
    and is not sent again, since the receiver may have it.

    Args:
        messages: what to send; read as it is needed.
        place: the receiver.
        connections: how many at once.
        timeout: seconds, for connecting and for each ACK.
        report: told of each answer, from one thread at a time.

    Raises:
        InterfaceError: not even the first connection could be made, or the receiver's TLS does not let us in.

    """
    first = _connect(place, timeout)
    source, lock = iter(messages), threading.Lock()
    answers: queue.SimpleQueue[Answer | BaseException | None] = queue.SimpleQueue()

    def work(connection: Connection | None) -> None:
        try:
            while True:
                with lock:
                    outgoing = next(source, None)
                if outgoing is None:
                    break
                connection = _one(connection, outgoing, place, timeout, answers.put)
        except BaseException as error:
            answers.put(error)
        finally:
            if connection is not None:
                connection.close()
            answers.put(None)

    # daemon threads: an interrupt ends the program without waiting for an ACK
    threads = [
        threading.Thread(target=work, args=(first if number == 0 else None,), daemon=True)
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    while running:
        answer = answers.get()
        if answer is None:
            running -= 1
        elif isinstance(answer, Answer):
            report(answer)
        else:
            raise answer
    for thread in threads:
        thread.join()


def _connect(place: Place, timeout: float) -> Connection:
    host, port = place.host, place.port
    try:
        return Connection(place, timeout)
    except ssl.SSLError as error:
        raise TLSRefusedError(f"cannot connect to {host}:{port} by TLS: {in_words(error)}") from None
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
        raise InterfaceError(f"cannot connect to {host}:{port}: {why}; is the receiver running?") from None


def _one(
    connection: Connection | None,
    outgoing: Outgoing,
    place: Place,
    timeout: float,
    put: Callable[[Answer], None],
) -> Connection | None:
    """Send one message on `connection`, or on a new one; returns the connection if it is still good."""
    header = _header(outgoing.raw)
    control_id = header.control_id if header else ""
    if connection is None:
        try:
            connection = _connect(place, timeout)
        except InterfaceError as error:
            put(Answer(outgoing, control_id, NOT_SENT, str(error)))
            return None
    try:
        put(exchange(connection, outgoing))
        return connection
    except OSError as error:
        why = f"none within {timeout:g} s" if isinstance(error, TimeoutError) else in_words(error)
        if (
            isinstance(error, ssl.SSLError)
            and not isinstance(error, TimeoutError)
            and not connection.answered
        ):
            connection.close()
            raise TLSRefusedError(f"{place.host}:{place.port} does not let us in: {why}") from None
        put(Answer(outgoing, control_id, NO_ANSWER, why))
        connection.close()
        return None
