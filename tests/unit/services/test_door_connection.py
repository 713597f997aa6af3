"""One connection over an in-memory transport: order of answers, back-pressure, time limits, closing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from interface.hl7.framing import frame
from interface.services.access import Network
from interface.services.connection import Limits, MLLPConnection
from interface.services.descriptors import Places
from interface.services.gate import Gate
from interface.services.listener import MLLPFactory
from interface.services.metrics import ListenerCounts
from interface.services.taken import MOST_MESSAGES, Answering, Taken
from interface.store.records.arrivals import Stored


class Wire(StringTransport):
    """A TCP transport in memory that can close one half."""

    half_closed = False
    aborted = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True


class Socket:
    """Takes so many bytes at each call, then no more: it is full, or gone."""

    def __init__(self, takes: Sequence[int], then: type[OSError]) -> None:
        self.takes = list(takes)
        self.then = then
        self.sent = b""

    def setsockopt(self, *_: int) -> None:
        pass

    def send(self, data: bytes) -> int:
        if not self.takes:
            raise self.then
        took = min(self.takes.pop(0), len(data))
        self.sent += data[:took]
        return took


@implementer(ITCPTransport)
class TCPWire(Wire):
    """One with a socket."""

    socket: Socket

    def getHandle(self) -> Socket:
        return self.socket

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass


class Bench:
    """A listener whose journal is the test."""

    def __init__(self, limits: Limits | None = None, gate_bytes: int = 1 << 30, **options: object) -> None:
        self.clock = Clock()
        self.queue: list[Taken] = []
        self.handed_over: list[int] = []
        self.turn: list[Callable[[], None]] | None = None
        """What waits for the end of the reactor's turn; None: each call is a turn of its own."""
        self.gate = Gate(self._take, gate_bytes, soon=self._soon)
        self.counts = ListenerCounts()
        numbers = count(1)
        self.factory = MLLPFactory(
            "main",
            self.gate,
            self.counts,
            self.clock,
            limits=limits,
            control_ids=lambda: f"A{next(numbers)}",
            now=lambda: datetime(2026, 3, 5, 12, 0, tzinfo=UTC),
            **options,  # type: ignore[arg-type]
        )

    def _take(self, batch: Sequence[Taken]) -> None:
        self.handed_over.append(len(batch))
        self.queue.extend(batch)

    def _soon(self, call: Callable[[], None]) -> None:
        if self.turn is None:
            call()
        else:
            self.turn.append(call)

    def end_turn(self) -> None:
        calls, self.turn = self.turn or [], None
        for call in calls:
            call()

    def connect(self, host: str = "127.0.0.1", wire: Wire | None = None) -> tuple[MLLPConnection, Wire]:
        connection = self.factory.buildProtocol(IPv4Address("TCP", host, 40000))
        assert connection is not None
        wire = wire or Wire()
        connection.makeConnection(wire)
        return connection, wire

    def settle(self, taken: Sequence[Taken], stored: bool = True, receipt: str | None = None) -> None:
        for item in taken:
            self.queue.remove(item)
            if stored:
                item.stored = [Stored(1, receipt or arrival.receipt) for arrival in item.arrivals]
        self.gate.settled(list(taken))


def message(control_id: str, padding: int = 0) -> bytes:
    return f"MSH|^~\\&|EHR|LFC|CH|CH|20260305||ADT^A08|{control_id}|P|2.3\rZZZ|{'x' * padding}\r".encode()


def answered(wire: Wire) -> list[tuple[str, str]]:
    """(MSA-1, MSA-2) of each ACK on the wire."""
    found = []
    for part in wire.value().split(b"\x0b")[1:]:
        assert part.endswith(b"\x1c\r")
        msa = next(line for line in part[:-2].split(b"\r") if line.startswith(b"MSA"))
        fields = [*msa.decode().split("|"), ""]
        found.append((fields[1], fields[2]))
    return found


def test_answers_go_out_in_the_order_the_messages_came_whatever_order_they_are_stored_in() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(b"".join(frame(message(name)) for name in ("M1", "M2", "M3")))
    first, second, third = bench.queue
    bench.settle([third])
    bench.settle([second])
    assert answered(wire) == []
    bench.settle([first])
    assert answered(wire) == [("AA", "M1"), ("AA", "M2"), ("AA", "M3")]


def test_what_several_connections_bring_in_a_turn_of_the_reactor_goes_to_the_journal_together() -> None:
    bench = Bench()
    connections = [bench.connect()[0] for _ in range(3)]
    bench.turn = []
    for connection in connections:
        connection.dataReceived(frame(message("M1")) + frame(message("M2")))
    assert bench.queue == []
    bench.end_turn()
    assert bench.handed_over == [6]
    connections[0].dataReceived(frame(message("M3")))
    assert bench.handed_over == [6, 1]


def test_a_connection_that_is_alone_waits_for_nobody() -> None:
    bench = Bench()
    connection, _ = bench.connect()
    bench.turn = []
    connection.dataReceived(frame(message("M1")))
    assert bench.handed_over == [1]


def test_what_was_taken_is_stored_also_when_its_connection_is_gone_by_the_end_of_the_turn() -> None:
    bench = Bench()
    (connection, _), (other, _) = bench.connect(), bench.connect()
    bench.turn = []
    connection.dataReceived(frame(message("M1")))
    connection.connectionLost()
    other.connectionLost()
    bench.gate.hand_over()
    assert [taken.arrivals[0].control_id for taken in bench.queue] == ["M1"]
    bench.end_turn()
    assert bench.handed_over == [1]


@pytest.mark.parametrize("takes", [(1000, 1000, 1000), (1000, 7, 1000), (1000,), (0, 1000), ()], ids=str)
@pytest.mark.parametrize("then", [BlockingIOError, BrokenPipeError])
def test_what_a_socket_does_not_take_at_once_is_the_transports_in_order(
    takes: tuple[int, ...], then: type[OSError]
) -> None:
    bench = Bench()
    wire = TCPWire()
    wire.socket = Socket(takes, then)
    connection, _ = bench.connect(wire=wire)
    for name in ("M1", "M2", "M3"):
        connection.dataReceived(frame(message(name)))
        bench.settle(list(bench.queue))
    straight, rest = wire.socket.sent, wire.value()
    wire.clear()
    wire.write(straight + rest)
    assert answered(wire) == [("AA", "M1"), ("AA", "M2"), ("AA", "M3")]
    assert bool(straight) == (sum(takes[:1]) > 0)


def test_nothing_is_answered_before_it_is_stored() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1")))
    assert wire.value() == b""
    assert bench.gate.waiting_frames == 1


def test_a_frame_may_come_byte_by_byte() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    for byte in frame(message("M1")) + frame(message("M2")):
        connection.dataReceived(bytes([byte]))
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M1"), ("AA", "M2")]


def test_several_messages_in_a_frame_are_one_group_with_one_answer_for_the_first() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1") + message("M2")))
    (taken,) = bench.queue
    assert [arrival.control_id for arrival in taken.arrivals] == ["M1", "M2"]
    bench.settle([taken])
    assert answered(wire) == [("AA", "M1")]


def test_when_a_message_is_not_stored_nothing_behind_it_is_answered_and_the_connection_closes() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(b"".join(frame(message(name)) for name in ("M1", "M2", "M3")))
    first, second, third = bench.queue
    connection.not_stored()
    assert connection.broken
    bench.settle([first, third])
    bench.settle([second], stored=False)
    assert answered(wire) == [("AA", "M1")]
    assert wire.half_closed
    connection.dataReceived(frame(message("M4")))
    assert bench.queue == []


def test_not_stored_can_be_answered_with_an_error_and_the_connection_stays() -> None:
    bench = Bench(answering=Answering("auto", "AE"))
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1")))
    connection.not_stored()
    assert not connection.broken
    bench.settle(list(bench.queue), stored=False)
    assert answered(wire) == [("AE", "M1")]
    assert not wire.half_closed


def test_a_stored_message_whose_sender_wants_no_answer_keeps_its_connection() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    silent = b"MSH|^~\\&|EHR|LFC|CH|CH|20260305||ADT^A08|M1|P|2.3|||NE|NE\r"
    connection.dataReceived(frame(silent) + frame(message("M2")))
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M2")]
    assert bench.counts.answered == {"none": 1, "AA": 1}


def test_a_sender_that_wants_no_answer_is_closed_when_its_message_is_not_stored() -> None:
    bench = Bench(answering=Answering("auto", "AE"))
    connection, wire = bench.connect()
    connection.dataReceived(frame(b"MSH|^~\\&|EHR|LFC|CH|CH|20260305||ADT^A08|M1|P|2.3|||NE|NE\r"))
    bench.settle(list(bench.queue), stored=False)
    assert wire.half_closed


def test_a_frame_over_the_limit_is_answered_in_its_turn_and_the_connection_closes() -> None:
    bench = Bench(Limits(max_message_bytes=2000))
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1")) + frame(message("BIG", padding=3000)))
    assert answered(wire) == []
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M1"), ("AR", "BIG")]
    assert wire.half_closed
    assert bench.counts.received == {"stored": 1, "too-large": 1}


def test_a_frame_of_more_messages_than_are_stored_at_once_is_over_the_limit() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(
        frame(message("M1")) + frame(message("N") * (MOST_MESSAGES + 1)) + frame(message("M2"))
    )
    assert [len(taken.arrivals) for taken in bench.queue] == [1]
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M1"), ("AR", "N")]
    assert wire.half_closed
    assert bench.counts.received == {"stored": 1, "too-large": 1}


def test_after_the_last_answer_the_rest_is_read_away_until_the_sender_closes_or_time_is_up() -> None:
    bench = Bench(Limits(max_message_bytes=2000, linger_seconds=2.0))
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("BIG", padding=3000)))
    assert wire.producerState == "producing"
    connection.dataReceived(b"x" * 1000)
    bench.clock.advance(1.9)
    assert not wire.aborted
    bench.clock.advance(0.2)
    assert wire.aborted


def test_a_sender_that_closes_its_half_still_gets_its_answers() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1")))
    connection.readConnectionLost()
    assert not wire.disconnecting
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M1")]
    assert wire.disconnecting


def test_an_unfinished_frame_has_its_time_limit_counted_from_its_start() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    connection.dataReceived(b"\x0bMSH|")
    bench.clock.advance(20)
    connection.dataReceived(b"^~\\&|")
    bench.clock.advance(9.9)
    assert not wire.half_closed
    bench.clock.advance(0.2)
    assert wire.half_closed
    assert wire.value() == b""
    assert bench.counts.discarded == {"timeout": 1}


def test_each_frame_has_the_whole_time_and_a_finished_one_needs_none() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    whole = frame(message("M1"))
    connection.dataReceived(whole[:10])
    bench.clock.advance(25)
    connection.dataReceived(whole[10:] + whole[:10])
    bench.settle(list(bench.queue))
    bench.clock.advance(25)
    assert not wire.half_closed
    connection.dataReceived(whole[10:])
    bench.settle(list(bench.queue))
    bench.clock.advance(10_000)
    assert not wire.half_closed
    assert bench.counts.discarded == {}
    assert bench.clock.getDelayedCalls() == []


def test_a_silent_connection_stays() -> None:
    bench = Bench()
    _, wire = bench.connect()
    bench.clock.advance(7 * 86400)
    assert not wire.half_closed
    assert not wire.aborted


def test_a_second_start_block_begins_the_time_anew_and_is_counted() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    connection.dataReceived(b"\x0bMSH|half")
    bench.clock.advance(25)
    connection.dataReceived(b"\x0bMSH|again")
    bench.clock.advance(25)
    assert not wire.half_closed
    assert bench.counts.discarded == {"restarted": 1}


def test_who_begins_a_frame_again_and_again_is_hung_up_on() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    for _ in range(3):  # a whole frame in between: begun anew is then as before
        for _ in range(10):
            connection.dataReceived(b"\x0bMSH")
            bench.clock.advance(20)
        connection.dataReceived(frame(message("M1")))
        bench.settle(list(bench.queue))
    assert not wire.half_closed
    for _ in range(13):
        connection.dataReceived(b"\x0bMSH")
        bench.clock.advance(20)
    assert wire.half_closed
    assert bench.counts.discarded["timeout"] == 1


def test_reading_pauses_at_too_many_pending_and_goes_on_at_half() -> None:
    bench = Bench(Limits(max_pending=4))
    connection, wire = bench.connect()
    connection.dataReceived(b"".join(frame(message(f"M{n}")) for n in range(4)))
    assert wire.producerState == "paused"
    bench.settle([bench.queue[0]])
    assert wire.producerState == "paused"
    bench.settle([bench.queue[0]])
    assert wire.producerState == "producing"


def test_reading_pauses_at_too_many_pending_bytes() -> None:
    bench = Bench(Limits(max_pending_bytes=5000))
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1", padding=6000)))
    assert wire.producerState == "paused"
    bench.settle(list(bench.queue))
    assert wire.producerState == "producing"


def test_a_sender_that_does_not_read_its_answers_is_read_no_further() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    assert wire.producer is connection
    assert wire.streaming
    connection.pauseProducing()
    assert wire.producerState == "paused"
    connection.resumeProducing()
    assert wire.producerState == "producing"


def test_all_reading_stops_while_too_much_waits_for_the_journal() -> None:
    bench = Bench(gate_bytes=4000)
    sender, wire = bench.connect()
    _, other = bench.connect()
    sender.dataReceived(frame(message("M1", padding=5000)))
    assert (wire.producerState, other.producerState) == ("paused", "paused")
    _, late = bench.connect()
    assert late.producerState == "paused"
    bench.settle(list(bench.queue))
    assert [w.producerState for w in (wire, other, late)] == ["producing"] * 3
    assert bench.gate.waiting_bytes == 0


def test_time_during_which_we_do_not_read_is_not_the_senders() -> None:
    bench = Bench(Limits(frame_seconds=30, max_pending=1))
    connection, wire = bench.connect()
    whole = frame(message("M1"))
    connection.dataReceived(whole + whole[:10])
    bench.clock.advance(100)
    assert not wire.half_closed
    bench.settle(list(bench.queue))
    bench.clock.advance(29)
    assert not wire.half_closed
    bench.clock.advance(2)
    assert wire.half_closed


def test_several_reasons_to_pause_must_all_end() -> None:
    bench = Bench(Limits(max_pending=1), gate_bytes=4000)
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1", padding=5000)))
    connection.pauseProducing()
    bench.settle(list(bench.queue))
    assert wire.producerState == "paused"
    connection.resumeProducing()
    assert wire.producerState == "producing"


def test_finishing_takes_nothing_more_answers_what_was_taken_and_closes() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    emptied: list[bool] = []
    connection.dataReceived(frame(message("M1")))
    bench.factory.finish(lambda: emptied.append(True))
    connection.dataReceived(frame(message("M2")))
    assert len(bench.queue) == 1
    assert not wire.half_closed
    bench.settle(list(bench.queue))
    assert answered(wire) == [("AA", "M1")]
    assert wire.half_closed
    assert emptied == []
    connection.connectionLost()
    assert emptied == [True]
    assert bench.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)) is None
    assert bench.counts.refused == {"stopping": 1}


def test_an_answer_for_a_connection_that_is_gone_goes_nowhere() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    connection.dataReceived(frame(message("M1")))
    connection.connectionLost()
    bench.settle(list(bench.queue))
    assert wire.value() == b""
    assert bench.gate.waiting_frames == 0
    assert bench.counts.connections == 0


def test_a_frame_cut_off_by_the_end_of_its_connection_is_no_message() -> None:
    bench = Bench()
    connection, _ = bench.connect()
    connection.dataReceived(frame(message("M1"))[:-2])
    connection.connectionLost()
    assert bench.queue == []
    assert bench.counts.discarded == {"unfinished": 1}


def network(text: str) -> Network:
    import ipaddress

    return ipaddress.ip_network(text)


@pytest.mark.parametrize(
    ("allow", "address", "taken"),
    [
        ((), IPv4Address("TCP", "127.0.0.1", 1), True),
        ((), IPv4Address("TCP", "127.8.0.1", 1), True),
        ((), IPv6Address("TCP", "::1", 1), True),
        ((), IPv4Address("TCP", "10.20.0.7", 1), False),
        (("10.20.0.0/16",), IPv4Address("TCP", "10.20.255.7", 1), True),
        (("10.20.0.0/16",), IPv4Address("TCP", "10.21.0.7", 1), False),
        (("10.20.0.0/16",), IPv4Address("TCP", "127.0.0.1", 1), False),
        (("10.20.0.0/16",), IPv6Address("TCP", "::ffff:10.20.0.7", 1), True),
        (("10.20.0.0/16",), IPv6Address("TCP", "::ffff:10.21.0.7", 1), False),
        (("10.20.0.0/16", "fd00::/8"), IPv6Address("TCP", "fd00::7%eth0", 1), True),
        (("fd00::/8",), IPv6Address("TCP", "fe80::1", 1), False),
    ],
)
def test_who_may_connect_is_judged_by_address_alone(
    allow: tuple[str, ...], address: IPv4Address | IPv6Address, taken: bool
) -> None:
    bench = Bench(allow=[network(text) for text in allow])
    assert (bench.factory.buildProtocol(address) is not None) is taken
    assert bench.counts.refused == ({} if taken else {"not-allowed": 1})


def test_connections_over_the_limit_are_refused_until_one_ends() -> None:
    bench = Bench(Limits(max_connections=1))
    address = IPv4Address("TCP", "127.0.0.1", 1)
    connection, _ = bench.connect()
    assert bench.factory.buildProtocol(address) is None
    connection.connectionLost()
    assert bench.factory.buildProtocol(address) is not None
    assert bench.counts.refused == {"too-many": 1}


def test_one_address_cannot_take_all_places() -> None:
    bench = Bench(Limits(max_connections=4, max_connections_per_address=2))
    first, _ = bench.connect()
    bench.connect()
    assert bench.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)) is None
    assert bench.counts.refused["too-many-of-address"] == 1
    bench.connect("127.0.0.2")
    first.connectionLost()
    bench.connect()
    bench.connect("127.0.0.2")
    assert bench.factory.buildProtocol(IPv4Address("TCP", "127.0.0.3", 1)) is None
    assert bench.counts.refused["too-many"] == 1


def test_listeners_share_the_places_that_there_are_files_for() -> None:
    places = Places(3)
    left, right = Bench(places=places), Bench(places=places)
    first, _ = left.connect()
    right.connect()
    right.connect()
    assert left.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1)) is None
    assert left.counts.refused["too-many-files"] == 1
    first.connectionLost()
    right.connect()


def test_a_sender_that_is_too_fast_is_read_more_slowly_and_loses_nothing() -> None:
    bench = Bench(messages_per_second=2.0)
    connection, wire = bench.connect()
    connection.dataReceived(b"".join(frame(message(f"M{number}")) for number in range(6)))
    assert wire.producerState == "paused"
    assert len(bench.queue) == 6
    bench.settle(list(bench.queue))
    assert len(answered(wire)) == 6
    bench.clock.advance(1.9)
    assert wire.producerState == "paused"
    bench.clock.advance(0.2)
    assert wire.producerState == "producing"


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"SSH-2.0-x\r\n"])
def test_what_is_no_mllp_has_the_time_of_a_frame(sent: bytes) -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    connection.dataReceived(sent)
    bench.clock.advance(29)
    connection.dataReceived(b"more")
    assert not wire.half_closed
    bench.clock.advance(2)
    assert wire.half_closed
    assert bench.counts.refused["not-mllp"] == 1


def test_who_sends_a_frame_may_send_junk_before_and_behind_it() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    connection.dataReceived(b"junk")
    bench.clock.advance(29)
    connection.dataReceived(frame(message("M1")) + b"junk")
    bench.clock.advance(1000)
    connection.dataReceived(b"junk" * 100_000 + frame(message("M2")))
    assert not wire.half_closed
    assert [taken.arrivals[0].control_id for taken in bench.queue] == ["M1", "M2"]


def test_endless_bytes_without_a_frame_are_read_no_further() -> None:
    bench = Bench()
    connection, wire = bench.connect()
    for _ in range(20):
        connection.dataReceived(b"x" * 65536)
    assert wire.half_closed
    assert bench.counts.refused["not-mllp"] == 1
    assert bench.counts.bytes <= 3 * 65536


def test_blanks_before_the_first_frame_are_no_reason_to_hang_up() -> None:
    bench = Bench(Limits(frame_seconds=30))
    connection, wire = bench.connect()
    connection.dataReceived(b"\r\n")
    bench.clock.advance(1000)
    assert not wire.half_closed
    assert not wire.disconnecting
