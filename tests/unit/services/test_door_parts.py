"""Log lines, the wake pipe, the work's supervision on a test's clock, and what a frame becomes."""

from __future__ import annotations

import io
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from interface.hl7.ack import Receipt
from interface.services import taken as taken_module
from interface.services.ids import control_ids
from interface.services.logs import event, twisted_failures, where
from interface.services.reported import WorkStats
from interface.services.supervision import Supervisor, WakePipe, work_command
from interface.services.taken import ROW_BYTES, Answering, Source, take
from interface.services.timing import WholeSeconds
from interface.store.records.arrivals import Stored

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
BATCH = b"BHS|^~\\&\rMSH|^~\\&|E||||||ADT|M1|P|2.3\rPID|\rMSH|^~\\&|E||||||ADT||P|2.3\rBTS|2\r"
SOURCE = Source("main", "127.0.0.1:1")


class FakeLane:
    broken = False
    seen = False

    def not_stored(self) -> None: ...


def test_the_time_of_an_ack_is_that_of_its_second_in_the_sites_zone() -> None:
    times = iter([1_772_712_000.0, 1_772_712_000.9, 1_772_712_001.0, 1_772_712_000.5])
    now = WholeSeconds(ZoneInfo("America/Chicago"), lambda: next(times))
    told = [now().isoformat() for _ in range(4)]
    assert told == [f"2026-03-05T06:00:0{second}-06:00" for second in (0, 0, 1, 0)]


# ---- log lines ----


def logged(**fields: object) -> str:
    log = logging.Logger("test", logging.INFO)
    stream = io.StringIO()
    log.addHandler(logging.StreamHandler(stream))
    event(log, logging.INFO, "happened", **fields)
    return stream.getvalue()


def test_a_log_line_is_one_line_of_keys_and_values() -> None:
    assert logged(listener="main", rows=3) == "event=happened listener=main rows=3\n"


def test_a_senders_text_can_forge_neither_a_line_nor_a_key() -> None:
    line = logged(control_id='M1" event=ready\r\nlevel=ERROR\u2028x')
    assert line.count("\n") == 1
    assert line == 'event=happened control_id="M1\\" event=ready\\x0d\\x0alevel=ERROR\\x2028x"\n'


@pytest.mark.parametrize("key", ["log_failure", "failure"])
def test_faults_are_logged_by_kind_and_place_without_their_text(
    key: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    try:
        raise KeyError("DOE^JANE")
    except KeyError as error:
        twisted_failures({key: Failure()})
        assert where(error).startswith("KeyError at test_door_parts.py:")
    assert "DOE" not in caplog.text
    assert "KeyError at test_door_parts.py" in caplog.text


# ---- what a frame becomes ----


@pytest.mark.parametrize(
    ("raw", "receipts", "control_id", "message_type"),
    [
        (b"MSH|^~\\&|EHR|LFC|||1||SIU^S12^SIU_S12|M1|P|2.5\r", ["stored"], "M1", "SIU^S12"),
        (b"MSH|^~\\&|EHR|LFC|||1|||M1|P|2.5\r", ["missing-type"], "M1", ""),
        (b"MSH|^~\\&|EHR|LFC|||1||ADT^A08||P|2.5\r", ["missing-control-id"], "", "ADT^A08"),
        (b"hello", ["no-msh"], "", ""),
        (b"", ["no-msh"], "", ""),
        (BATCH, ["stored", "missing-control-id"], "M1", "ADT"),
    ],
)
def test_a_frame_becomes_a_row_for_each_msh_and_one_for_what_has_none(
    raw: bytes, receipts: list[str], control_id: str, message_type: str
) -> None:
    found = take(raw, SOURCE, FakeLane(), 1.0)
    assert [arrival.receipt for arrival in found.arrivals] == receipts
    assert found.arrivals[0].control_id == control_id
    assert found.arrivals[0].message_type == message_type
    assert found.size == len(raw) + ROW_BYTES * (len(receipts) - 1)


def test_msh_is_read_in_the_listeners_character_set_where_msh_18_names_none() -> None:
    # the second byte of the name's first character is that of a vertical bar
    named = "MSH|^~\\&|億院|LFC|||||ADT^A08|M1|P|2.3\r".encode("gb18030")
    got = take(named, Source("main", "127.0.0.1:1", "GB 18030-2000"), FakeLane(), 5.0)
    assert [(row.sender_application, row.control_id, row.receipt) for row in got.arrivals] == [
        ("億院", "M1", "stored")
    ]
    assert got.header is not None
    assert got.header.type == "ADT^A08"


def test_a_fault_of_ours_in_reading_msh_stores_the_frame_and_the_feed_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(raw: bytes) -> None:
        raise IndexError("DOE^JANE")

    monkeypatch.setattr(taken_module, "read_header", broken)
    raw = b"MSH|^~\\&|E||||||ADT|M1|P|2.3\r"
    found = take(raw, SOURCE, FakeLane(), 1.0)
    assert [(arrival.receipt, arrival.raw) for arrival in found.arrivals] == [("undecodable", raw)]


def test_a_fault_of_ours_in_writing_an_ack_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    real = taken_module.write_ack

    def broken(header: Any, *args: Any, **options: Any) -> bytes | None:
        if header is not None:
            raise IndexError
        return real(header, *args, **options)

    monkeypatch.setattr(taken_module, "write_ack", broken)
    found = take(b"MSH|^~\\&|E||||||ADT|M1|P|2.3\r", SOURCE, FakeLane(), 1.0)
    found.stored = [Stored(1, "stored")]
    Answering().settle(found, NOW, "A1")
    assert found.answer is not None
    assert b"MSA|AA" in found.answer


def test_a_frame_is_answered_for_its_first_message() -> None:
    raw = b"MSH|^~\\&|E||||||ADT|M1|P|2.3\rMSH|^~\\&|E||||||ADT||P|2.3\r"
    found = take(raw, SOURCE, FakeLane(), 1.0)
    found.stored = [Stored(1, "duplicate", 1), Stored(2, "missing-control-id")]
    Answering().settle(found, NOW, "A1")
    assert found.receipt is Receipt.DUPLICATE
    assert found.code == "AA"


def test_our_control_ids_fit_msh_10_and_never_repeat() -> None:
    make, after_restart = control_ids(), control_ids()
    made = {make() for _ in range(2000)} | {after_restart() for _ in range(2000)}
    assert len(made) == 4000
    assert max(map(len, made)) <= 20


# ---- the wake pipe ----


def test_wake_ups_are_coalesced_until_they_are_read() -> None:
    pipe = WakePipe()
    for _ in range(100):
        pipe.wake()
    assert os.read(pipe.read_end, 100) == b"\n"
    pipe.wake()
    assert os.read(pipe.read_end, 100) == b"\n"
    pipe.close()


def test_waking_nobody_does_no_harm() -> None:
    pipe = WakePipe()
    pipe.forget_read_end()
    pipe.wake()
    pipe.close()
    pipe.wake()


# ---- supervision ----


class FakeProcess:
    pid = 4711

    def __init__(self) -> None:
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)


class FakeReactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Any, list[str], FakeProcess]] = []
        self.refuses = False

    def spawnProcess(self, protocol: Any, executable: str, args: list[str], **options: Any) -> FakeProcess:
        if self.refuses:
            raise FileNotFoundError(2, "No such file or directory")
        process = FakeProcess()
        self.started.append((protocol, args, process))
        return process

    def die(self, code: int = 1) -> None:
        self.started[-1][0].processEnded(Failure(ProcessTerminated(code)))


def supervisor(reactor: FakeReactor, stats: WorkStats | None = None) -> tuple[Supervisor, list[int]]:
    restarts: list[int] = []
    made = Supervisor(
        reactor, lambda: ["work"], stats or WorkStats(), lambda: restarts.append(1), drain_seconds=10
    )
    return made, restarts


def test_a_work_that_dies_is_started_again_later_and_later() -> None:
    reactor = FakeReactor()
    watched, restarts = supervisor(reactor)
    watched.start()
    for delay in (1, 2, 4, 8, 16, 30, 30):
        reactor.die()
        assert not watched.alive
        reactor.advance(delay - 0.1)
        assert not watched.alive
        reactor.advance(0.2)
        assert watched.alive
    assert len(restarts) == 7


def test_a_work_that_lived_long_is_started_again_at_once() -> None:
    reactor = FakeReactor()
    watched, _ = supervisor(reactor)
    watched.start()
    for _ in range(4):
        reactor.die()
        reactor.advance(30)
    reactor.advance(60)
    reactor.die()
    reactor.advance(1.1)
    assert watched.alive


def test_a_work_that_cannot_be_started_is_tried_again() -> None:
    reactor = FakeReactor()
    watched, _ = supervisor(reactor)
    reactor.refuses = True
    watched.start()
    assert not watched.alive
    reactor.refuses = False
    reactor.advance(1.1)
    assert watched.alive


def test_the_works_numbers_are_read_by_line_and_forgotten_when_it_dies() -> None:
    reactor, stats = FakeReactor(), WorkStats()
    watched, _ = supervisor(reactor, stats)
    watched.start()
    protocol = reactor.started[-1][0]
    protocol.childDataReceived(1, b'{"gauges": {"messages_new": 1}}\n{"gauges": {"mess')
    protocol.childDataReceived(1, b'ages_new": 2}}\nnoise\n')
    assert stats.gauges == {"messages_new": 2.0}
    reactor.die()
    assert stats.gauges == {}


def test_stopping_waits_for_the_work_then_insists() -> None:
    reactor = FakeReactor()
    watched, _ = supervisor(reactor)
    watched.start()
    stopped: list[bool] = []
    watched.stop(lambda: stopped.append(True))
    process = reactor.started[-1][2]
    reactor.advance(9.9)
    assert process.signals == []
    reactor.advance(0.2)
    reactor.advance(5.1)
    assert process.signals == ["TERM", "KILL"]
    assert stopped == []
    reactor.die()
    assert stopped == [True]
    assert reactor.getDelayedCalls() == []


def test_a_work_that_ends_while_the_door_stops_is_not_started_again() -> None:
    reactor = FakeReactor()
    watched, _ = supervisor(reactor)
    watched.start()
    watched.start_no_more()
    reactor.die()
    reactor.advance(100)
    assert not watched.alive
    stopped: list[bool] = []
    watched.stop(lambda: stopped.append(True))
    assert stopped == [True]


def test_the_work_runs_with_the_same_python() -> None:
    assert work_command("a.toml")() == [sys.executable, "-P", "-m", "interface.services.work", "a.toml"]


def test_a_clock_that_was_set_goes_on_over_a_restart() -> None:
    command = work_command("a.toml", NOW, iter([100.0, 100.0, 160.0]).__next__)
    assert command()[-2:] == ["--now", "2026-03-05T12:00:00+00:00"]
    assert command()[-2:] == ["--now", "2026-03-05T12:01:00+00:00"]
