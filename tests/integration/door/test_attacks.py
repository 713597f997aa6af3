"""Scanners and attackers at a listener, with and without TLS, while a real feed goes on: every message of the feed is
acknowledged and stored in order, and the door stays as it was.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from attackers import ATTACKS, END, MSH, VT
from authority import Authority
from patience import PATIENCE, until
from running_door import Door, Sender, message

Start = Callable[..., Door]

LIMITS = "frame_seconds = 0.5\nmax_message_bytes = 65536\nmax_connections_per_address = 100\n"
TLS = 'tls_certificate = "server.pem"\ntls_key = "server.key"\n'
HOST = "interface.hospital.example"
MEMORY_GROWTH = 48 * 1024 * 1024
"""What attacks may leave behind: the first of a kind loads code and makes buffers, which stay."""


class Feed:
    """A sender on an address of its own, one message in flight, until it is stopped; a new connection now and then."""

    def __init__(self, door: Door, context: ssl.SSLContext | None, each: int = 100) -> None:
        """`each`: messages on one connection."""
        self._door, self._context, self._each = door, context, each
        self.acknowledged = 0
        self.sent: list[str] = []
        self.wrong: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _connect(self) -> Sender:
        address = ("127.0.0.1", self._door.ports["main"])
        sock = socket.create_connection(address, timeout=PATIENCE, source_address=("127.0.0.2", 0))
        if self._context is not None:
            sock = self._context.wrap_socket(sock, server_hostname=HOST)
        return Sender(sock)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and not self.wrong:
                sender = self._connect()
                try:
                    self._send(sender)
                finally:
                    sender.close()
        except OSError as error:
            self.wrong.append(error)

    def _send(self, sender: Sender) -> None:
        for _ in range(self._each):
            name = f"F{len(self.sent)}"
            self.sent.append(name)
            sender.send(message(name))
            if (answer := sender.answer()) != ("AA", name):
                self.wrong.append((name, answer))
                return
            self.acknowledged += 1
            if self._stop.is_set():
                return

    def more(self, number: int) -> None:
        """Wait until so many more are acknowledged."""
        goal = self.acknowledged + number
        until(f"{number} more", lambda: self.acknowledged >= goal or self.wrong)
        assert self.wrong == []

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)


def memory(door: Door) -> int:
    """The door's share of memory (PSS), in bytes."""
    found = re.search(
        r"^Pss:\s+(\d+) kB", Path(f"/proc/{door.process.pid}/smaps_rollup").read_text(), re.MULTILINE
    )
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.timeout(400)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_feed_goes_on_unharmed_whatever_else_comes_by(start: Start, tmp_path: Path, secure: bool) -> None:
    authority = Authority(tmp_path)
    authority.issue(HOST, into="server")
    door = start((TLS if secure else "") + LIMITS)
    feed = Feed(door, authority.trusting() if secure else None)
    try:
        feed.more(200)
        before = memory(door)
        for attack in ATTACKS:
            attacker = threading.Thread(target=attack, args=(door.ports["main"],))
            attacker.start()
            while attacker.is_alive():
                feed.more(20)  # however long it takes: the feed is not held up by it
            attacker.join()
            assert door.health()["alive"], attack.__name__
        feed.more(50)
        until(
            "the attackers' places are free again",
            lambda: door.health()["listeners"]["main"]["connections"] <= 1,
        )
        growth = memory(door) - before
    finally:
        feed.stop()
    assert feed.wrong == []
    rows = [row.control_id for row in door.rows() if row.control_id.startswith("F")]
    assert rows == feed.sent
    assert growth < MEMORY_GROWTH
    assert (
        door.metric('hl7_interface_connections_refused_total{listener="main",reason="too-many-of-address"}')
        > 0
    )
    expected = "not-tls" if secure else "tls-on-plain-port"
    assert door.metric(f'hl7_interface_connections_refused_total{{listener="main",reason="{expected}"}}') > 0
    door.stop()
    assert door.process.stderr is not None
    log = door.log + door.process.stderr.read().decode()
    assert "Traceback" not in log
    assert "event=fault" not in log
    assert log.count("event=refused") < 100


SMUGGLED = {
    "a start block within": (MSH % b"A1" + VT + MSH % b"A2", ["A2"]),
    "two MSH": (MSH % b"B1" + b"PID|1||1\r" + MSH % b"B2", ["B1", "B2"]),
    "MSH in the middle of a line": (MSH % b"C1" + b"NTE|1||x " + MSH % b"C2", ["C1", "C2"]),
    "NUL bytes": (MSH % b"D1" + b"PID|1||\x00\x00\x00\r", ["D1"]),
    "NUL bytes before": (b"\x00" + MSH % b"E1", None),
    "a byte order mark": (b"\xef\xbb\xbf" + MSH % b"F1", None),
    "nothing but line ends": (b"\r\r\r\n", None),
    "a very long line": (MSH % b"G1" + b"OBX|" + b"|" * 50_000 + b"\r", ["G1"]),
    "a very long MSH": (b"MSH|^~\\&|" + b"A" * 40_000 + b"||||||ADT^A08|H1|P|2.5.1\r", ["H1"]),
}


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_frames_within_frames_make_no_message_of_two_and_hold_up_nobody(
    start: Start, tmp_path: Path, secure: bool
) -> None:
    authority = Authority(tmp_path)
    authority.issue(HOST, into="server")
    door = start((TLS if secure else "") + LIMITS)
    for what, (payload, expected) in SMUGGLED.items():
        sender = door.connect()
        if secure:
            sender = Sender(authority.trusting().wrap_socket(sender.socket, server_hostname=HOST))
        count = len(door.rows())
        for between, end in ((b"", END), (b"junk", b"\x1c")):  # the second: junk before, and no CR behind FS
            sender.socket.sendall(between + VT + payload + end)
            if end == END:
                assert sender.raw_answer() is not None, what
        sender.send(message("AFTER"))
        until(what, lambda sender=sender: "AFTER" in str(sender.raw_answer()))  # type: ignore[misc]
        names = [row.control_id for row in door.rows()[count:] if row.control_id != "AFTER"]
        if expected is not None:
            assert names == expected, what  # the second time they are repetitions
        sender.close()
    assert "Traceback" not in door.log


def test_without_files_for_all_of_them_the_feed_the_journal_and_the_web_doors_go_on(start: Start) -> None:
    door = start("max_connections = 5000\nmax_connections_per_address = 5000\n", files=320)
    assert "event=few-files limit=320" in door.log
    feed = Feed(door, None, each=1_000_000)  # a connection that is there stays; a new one would have no place
    crowd = []
    try:
        feed.more(20)
        crowd += [door.connect().socket for _ in range(500)]
        refused = 'hl7_interface_connections_refused_total{listener="main",reason="too-many-files"}'
        until("some are refused", lambda: door.metric(refused) > 300)
        feed.more(50)
        assert door.health()["alive"]
        until("ready", lambda: door.get("/readyz")[0] == 200)
    finally:
        for sock in crowd:
            sock.close()
        feed.stop()
    assert feed.wrong == []
    assert [row.control_id for row in door.rows()] == feed.sent
