"""A sender that does what a Mirth Connect (Open Integration Engine) channel file says: its destination's queue, its TCP
Sender and its HL7 v2 response validator, as far as they decide what is sent again.

As the engine's sources have it (TcpDispatcher, DestinationConnector, HL7v2ResponseValidator of 3.x and 4.x):
- one queue thread sends the oldest message until it is SENT or ERROR, then the next; QUEUED waits the retry interval;
- a connection that is refused or breaks, and a response timeout (Queue on Response Timeout), leave QUEUED;
- a connection that is closed without an answer counts as SENT, unless responses are validated: an empty one leaves QUEUED;
- an answer with an error or rejected code, or of another control id, is ERROR: it stays with the engine, for a person.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

SENT, QUEUED, ERROR = "SENT", "QUEUED", "ERROR"


@dataclass(frozen=True)
class Settings:
    """What the file says of its destination."""

    address: str
    port: int
    queued_always: bool
    in_order: bool
    retry_seconds: float
    keep_open: bool
    check_remote: bool
    response_seconds: float
    ignore_response: bool
    queue_on_timeout: bool
    validate: bool
    accepted: tuple[str, ...]
    refused: tuple[str, ...]
    check_control_id: bool
    start: bytes
    end: bytes


def settings_of(file: Path) -> Settings:
    """Read the first destination of a channel."""
    connector = ElementTree.parse(file).getroot().find("./destinationConnectors/connector")
    assert connector is not None

    def text(path: str) -> str:
        found = connector.find(path)
        assert found is not None, path
        return found.text or ""

    def yes(path: str) -> bool:
        return {"true": True, "false": False}[text(path)]

    def codes(name: str) -> tuple[str, ...]:
        return tuple(text(f"{validation}/{name}").split(","))

    queue = "./properties/destinationConnectorProperties"
    validation = "./transformer/outboundProperties/responseValidationProperties"
    frame = "./properties/transmissionModeProperties"
    return Settings(
        address=text("./properties/remoteAddress"),
        port=int(text("./properties/remotePort")),
        queued_always=yes(f"{queue}/queueEnabled") and not yes(f"{queue}/sendFirst"),
        in_order=int(text(f"{queue}/threadCount")) == 1 and not yes(f"{queue}/rotate"),
        retry_seconds=int(text(f"{queue}/retryIntervalMillis")) / 1000,
        keep_open=yes("./properties/keepConnectionOpen"),
        check_remote=yes("./properties/checkRemoteHost"),
        response_seconds=int(text("./properties/responseTimeout")) / 1000,
        ignore_response=yes("./properties/ignoreResponse"),
        queue_on_timeout=yes("./properties/queueOnResponseTimeout"),
        validate=yes(f"{queue}/validateResponse"),
        accepted=codes("successfulACKCode"),
        refused=(*codes("errorACKCode"), *codes("rejectedACKCode")),
        check_control_id=yes(f"{validation}/validateMessageControlId"),
        start=bytes.fromhex(text(f"{frame}/startOfMessageBytes")),
        end=bytes.fromhex(text(f"{frame}/endOfMessageBytes")),
    )


@dataclass
class Channel:
    """A destination with its queue, which a thread of its own sends."""

    settings: Settings
    sent: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    again: int = 0
    """How often something was sent once more."""

    def __post_init__(self) -> None:
        self._queue: list[bytes] = []
        self._condition = threading.Condition()
        self._undeployed = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        assert self.settings.queued_always and self.settings.in_order, "only this is played"

    def deploy(self) -> None:
        self._thread.start()

    def take(self, *messages: bytes) -> None:
        """What comes from the channel's source."""
        with self._condition:
            self._queue.extend(messages)
            self._condition.notify()

    @property
    def done(self) -> int:
        """So many have left the queue."""
        return len(self.sent) + len(self.errors)

    def undeploy(self) -> None:
        self._undeployed.set()
        with self._condition:
            self._condition.notify()
        self._thread.join()
        self._close()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._queue or self._undeployed.is_set())
            if self._undeployed.is_set():
                return
            message = self._queue[0]
            while (status := self._send(message)) == QUEUED:
                self.again += 1
                if self._undeployed.wait(self.settings.retry_seconds):
                    return
            self._queue.pop(0)
            (self.sent if status == SENT else self.errors).append(message)

    def _send(self, message: bytes) -> str:
        known = self.settings
        try:
            if (
                self._socket is None
                or not known.keep_open
                or (known.check_remote and self._remote_has_closed())
            ):
                self._close()
                self._socket = socket.create_connection((known.address, known.port))
                self._socket.settimeout(known.response_seconds)
            self._socket.sendall(known.start + message + known.end)
            if known.ignore_response:
                return SENT
            answer = self._read()
        except TimeoutError:
            self._close()
            return QUEUED if known.queue_on_timeout else ERROR
        except OSError:
            self._close()
            return QUEUED
        return self._judge(message, answer) if known.validate else SENT

    def _read(self) -> bytes:
        assert self._socket is not None
        answer = b""
        while not answer.endswith(self.settings.end):
            chunk = self._socket.recv(65536)
            if not chunk:
                return b""  # the engine's reader gives what there is, here nothing
            answer += chunk
        return answer.removeprefix(self.settings.start).removesuffix(self.settings.end)

    def _judge(self, message: bytes, answer: bytes) -> str:
        if not answer.strip():
            return QUEUED
        found = [line for line in answer.split(b"\r") if line.startswith(b"MSA")]
        if not found:
            return QUEUED
        code, control_id = [*found[0].decode().split("|"), "", ""][1:3]
        if code in self.settings.refused:
            return ERROR
        if code not in self.settings.accepted:
            return QUEUED
        own = message.split(b"\r")[0].decode("utf-8", "replace").split("|")[9]
        return SENT if control_id == own or not self.settings.check_control_id else ERROR

    def _remote_has_closed(self) -> bool:
        assert self._socket is not None
        self._socket.settimeout(0.001)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            self._socket.settimeout(self.settings.response_seconds)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
