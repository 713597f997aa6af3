"""The journal's thread: groups, order, failure and recovery, driven by the test's journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from interface.services import journal as module
from interface.services.journal import (
    FEW_ROWS,
    LATEST,
    LONG_REST_SECONDS,
    MANY,
    MAX_ROWS,
    REST_SECONDS,
    JournalThread,
)
from interface.services.taken import Taken
from interface.store.errors import NotStored
from interface.store.records.arrivals import Arrival, Stored

PATIENCE = 20.0


@dataclass
class FakeLane:
    broken: bool = False
    seen: bool = False
    breaks: bool = True

    def not_stored(self) -> None:
        self.broken = self.breaks


def taken(name: str, lane: FakeLane | None = None, rows: int = 1, size: int = 10) -> Taken:
    arrivals = [
        Arrival("main", "EHR", "LFC", f"{name}.{n}", "ADT^A08", "P", "127.0.0.1:1", b"raw", "stored", 0.0)
        for n in range(rows)
    ]
    return Taken(lane or FakeLane(), None, arrivals, size)


@dataclass
class FakeJournal:
    """Notes each batch; waits for `open` before each, so that a test can let frames pile up."""

    batches: list[list[str]] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)
    open: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1_000_000))
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    poison: str = ""

    def append(self, arrivals: Sequence[Arrival], now: float) -> list[Stored]:
        self.entered.release()
        assert self.open.acquire(timeout=PATIENCE)
        names = [arrival.control_id for arrival in arrivals]
        self.batches.append(names)
        if self.poison and any(name.startswith(self.poison) for name in names):
            raise ValueError("row quotes a patient")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return [Stored(n, "stored") for n, _ in enumerate(arrivals)]


class Rig:
    def __init__(self, fake: FakeJournal) -> None:
        self.fake = fake
        self.delivered: list[list[Taken]] = []
        self.rests: list[float] = []
        self.commits: list[int] = []
        self.delivered_at_commit: list[int] = []
        self.probe_failures: list[Exception] = []
        self.stopped = threading.Event()
        self.changed = threading.Condition()
        self.thread = JournalThread(
            fake,
            self._deliver,
            lambda call, *args: call(*args),
            on_commit=self._committed,
            probe=self._probe,
            rest=self.rests.append,
        )

    def _deliver(self, batch: list[Taken]) -> None:
        with self.changed:
            self.delivered.append(batch)
            self.changed.notify_all()

    def _committed(self, rows: int, _seconds: float) -> None:
        self.commits.append(rows)
        self.delivered_at_commit.append(len(self.delivered))

    def _probe(self) -> None:
        if self.probe_failures:
            raise self.probe_failures.pop()
        with self.changed:
            self.changed.notify_all()

    def wait(self, frames: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: sum(map(len, self.delivered)) >= frames, PATIENCE)

    def stop(self) -> None:
        self.thread.stop(self.stopped.set)
        assert self.stopped.wait(PATIENCE)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(FakeJournal())
    made.thread.start()
    yield made
    if not made.stopped.is_set():
        made.fake.open.release(1_000_000)
        made.stop()


def hold(rig: Rig) -> None:
    """Let the thread wait inside its first transaction while more is submitted."""
    rig.fake.open = threading.Semaphore(0)
    rig.thread.submit([taken("first")])
    assert rig.fake.entered.acquire(timeout=PATIENCE)


def test_what_waits_is_stored_in_one_transaction_and_handed_back_at_once(rig: Rig) -> None:
    hold(rig)
    rig.thread.submit([taken("A"), taken("B")])
    rig.thread.submit([taken("C")])
    rig.fake.open.release(10)
    rig.wait(4)
    rig.stop()
    assert rig.fake.batches == [["first.0"], ["A.0", "B.0", "C.0"]]
    assert [len(batch) for batch in rig.delivered] == [1, 3]
    assert rig.commits == [1, 3]
    assert rig.delivered_at_commit == [1, 2]


def test_one_sender_that_awaits_each_answer_never_waits_for_a_rest(rig: Rig) -> None:
    lane = FakeLane()
    for number in range(3):
        rig.thread.submit([taken(f"M{number}", lane)])
        rig.wait(number + 1)
    rig.thread.submit([taken("M3", lane), taken("M4", lane)])
    rig.wait(5)
    rig.stop()
    assert rig.rests == [REST_SECONDS]  # after the two


def one_by_one(rig: Rig, lanes: Sequence[FakeLane]) -> None:
    for lane in lanes:
        before = sum(map(len, rig.delivered))
        rig.thread.submit([taken(f"M{before}", lane)])
        rig.wait(before + 1)


def test_after_few_rows_of_many_senders_it_rests_for_longer_than_after_many(rig: Rig) -> None:
    senders = [FakeLane() for _ in range(MANY)]
    one_by_one(rig, senders * 2)
    assert rig.rests == [LONG_REST_SECONDS]  # by now each has sent again
    rig.thread.submit([taken(f"N{number}", FakeLane()) for number in range(FEW_ROWS)])
    rig.wait(2 * MANY + FEW_ROWS)
    rig.stop()
    assert rig.rests == [LONG_REST_SECONDS, REST_SECONDS]


def test_one_that_sends_as_fast_as_it_is_answered_does_not_wait_for_those_that_send_now_and_then(
    rig: Rig,
) -> None:
    fast, others = FakeLane(), [FakeLane() for _ in range(2 * MANY)]
    one_by_one(rig, [fast, *others])  # a connection's first
    one_by_one(rig, [lane for other in others for lane in (fast, fast, other)])
    few = [FakeLane() for _ in range(3)]
    one_by_one(rig, few * LATEST)
    rig.stop()
    assert rig.rests == []


def test_who_connects_anew_for_each_message_never_waits_for_a_rest(rig: Rig) -> None:
    one_by_one(rig, [FakeLane() for _ in range(3 * LATEST)])
    rig.stop()
    assert rig.rests == []


def test_after_rows_of_all_who_send_it_does_not_rest_for_longer_for_they_wait_for_their_answers(
    rig: Rig,
) -> None:
    senders = FakeLane(), FakeLane(), FakeLane()
    for number in range(4):
        rig.thread.submit([taken(f"M{number}", lane) for lane in senders])
        rig.wait(3 * (number + 1))
    rig.stop()
    assert rig.rests == [REST_SECONDS] * 4


def test_a_transaction_has_a_bound_but_a_frames_own_rows_are_never_parted(rig: Rig) -> None:
    hold(rig)
    rig.thread.submit([taken("A", rows=100), taken("B", rows=100), taken("C", rows=MAX_ROWS + 50)])
    rig.fake.open.release(10)
    rig.wait(4)
    assert [len(batch) for batch in rig.fake.batches] == [1, 100, 100, MAX_ROWS + 50]


def test_a_transaction_has_a_bound_in_bytes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 25)
    hold(rig)
    rig.thread.submit([taken(name) for name in "ABC"] + [taken("D", size=100)])
    rig.fake.open.release(10)
    rig.wait(5)
    assert rig.fake.batches[1:] == [["A.0", "B.0"], ["C.0"], ["D.0"]]


def test_what_is_not_stored_comes_back_so_and_its_lane_learns_it(rig: Rig) -> None:
    rig.fake.failures = [NotStored("the disk is full")]
    lane = FakeLane()
    frame = taken("A", lane)
    rig.thread.submit([frame])
    rig.wait(1)
    assert frame.stored is None
    assert lane.broken
    assert rig.thread.failing == "the disk is full"
    assert rig.commits == []


def test_behind_a_message_that_is_not_stored_nothing_of_its_lane_is_stored(rig: Rig) -> None:
    rig.fake.failures = [NotStored("the disk is full")]
    lane, other = FakeLane(), FakeLane()
    rig.fake.open = threading.Semaphore(0)
    rig.thread.submit([taken("A", lane)])
    assert rig.fake.entered.acquire(timeout=PATIENCE)
    behind, beside = taken("B", lane), taken("C", other)
    rig.thread.submit([behind, beside])
    rig.fake.open.release(10)
    rig.wait(3)
    assert rig.fake.batches == [["A.0"], ["C.0"]]
    assert behind.stored is None
    assert beside.stored is not None


def test_failing_is_logged_when_it_begins_and_when_it_ends(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    caplog.set_level(logging.INFO)
    rig.fake.failures = [NotStored("the disk is full"), NotStored("the disk is full")]
    for number, name in enumerate("ABC", 1):
        rig.thread.submit([taken(name)])
        rig.wait(number)
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ['event=journal-failing error="the disk is full"', "event=journal-works-again"]
    assert rig.thread.failing is None


def test_while_nobody_sends_it_finds_out_by_itself_that_the_store_works_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    rig.probe_failures = [NotStored("the disk is full")]
    rig.fake.failures = [NotStored("the disk is full")]
    rig.thread.submit([taken("A")])
    rig.wait(1)
    with rig.changed:
        assert rig.changed.wait_for(lambda: not rig.probe_failures, PATIENCE)
    rig.stop()
    assert rig.thread.failing is None or rig.fake.failures == []


def test_one_frame_that_breaks_the_journal_does_not_keep_the_others_out(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    rig.fake.poison = "B"
    hold(rig)
    frames = [taken("A"), taken("B"), taken("C")]
    rig.thread.submit(frames)
    rig.fake.open.release(10)
    rig.wait(4)
    assert [frame.stored is not None for frame in frames] == [True, False, True]
    assert "quotes a patient" not in caplog.text
    assert "ValueError at test_door_journal.py" in caplog.text


def test_stopping_stores_what_waits_first(rig: Rig) -> None:
    hold(rig)
    rig.thread.submit([taken("A")])
    rig.thread.stop(rig.stopped.set)
    rig.fake.open.release(10)
    assert rig.stopped.wait(PATIENCE)
    assert rig.fake.batches == [["first.0"], ["A.0"]]
    assert sum(map(len, rig.delivered)) == 2


def test_while_it_is_told_to_refuse_nothing_is_stored_and_it_is_said_once(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    rig.thread.refuse("too many messages wait")
    frames = [taken(name) for name in "AB"]
    for number, frame in enumerate(frames, 1):
        rig.thread.submit([frame])
        rig.wait(number)
    assert [frame.stored for frame in frames] == [None, None]
    assert rig.fake.batches == []
    assert rig.thread.failing == "too many messages wait"
    rig.thread.refuse(None)
    with rig.changed:
        assert rig.changed.wait_for(lambda: rig.thread.failing is None, PATIENCE)
    rig.thread.submit([taken("C")])
    rig.wait(3)
    assert rig.fake.batches == [["C.0"]]
    assert [line.split()[0] for line in caplog.messages] == [
        "event=journal-failing",
        "event=journal-works-again",
    ]


def test_refusing_shows_before_anybody_sends(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    told = threading.Event()
    monkeypatch.setattr(module, "event", lambda *_args, **_fields: told.set())
    rig.thread.refuse("too many messages wait")
    assert told.wait(PATIENCE)
    assert rig.thread.failing == "too many messages wait"


def test_a_damaged_file_counts_as_failing_though_something_could_be_stored_in_between(
    rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.01)
    damaged = NotStored("the file is damaged")
    damaged.damaged = True
    rig.fake.failures = [damaged, None, damaged]
    for number, name in enumerate("ABC", 1):
        rig.thread.submit([taken(name)])
        rig.wait(number)
    assert rig.thread.failing == "the file is damaged"
    assert [record.getMessage().split()[0] for record in caplog.records] == ["event=journal-failing"]
