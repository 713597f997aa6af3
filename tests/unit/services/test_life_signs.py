"""When a restart would help, and what is told of it; what systemd hands over."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from patience import until
from plays_systemd import Systemd
from twisted.internet.task import Clock

from interface.services.daemon import _opened
from interface.services.door_state import DoorState, ListenerState
from interface.services.journal import JournalThread
from interface.services.life_signs import STUCK_SECONDS, LifeSigns, line_of, stuck, waits_for_disk
from interface.services.systemd import Given, OpenPort, Teller, take
from interface.store.errors import StoreError


@dataclass
class Thread:
    name: str = "journal"
    ended: bool = False
    busy_since: float | None = None
    thread_id: int | None = 1


LONG = STUCK_SECONDS + 1
CASES = [
    ("it waits for something to do", Thread(), False, None),
    ("it has just begun", Thread(busy_since=LONG - 1), False, None),
    ("it hangs", Thread(busy_since=0.0), False, "journal: has come to no end for 60 s"),
    ("it waits for a disk", Thread(busy_since=0.0), True, None),
    ("it has ended", Thread(ended=True), False, "journal: its thread has ended"),
]


@pytest.mark.parametrize(("what", "thread", "on_disk", "said"), CASES, ids=[case[0] for case in CASES])
def test_what_a_restart_would_cure(what: str, thread: Thread, on_disk: bool, said: str | None) -> None:
    assert stuck([Thread(), thread], LONG, lambda _: on_disk) == said


class Hangs:
    """A store that comes to no end until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()

    def append(self, arrivals: Any, now: float) -> Any:
        self.entered.set()
        self.go.wait()
        return [1] * len(arrivals)


@dataclass
class Frame:
    lane: Any
    arrivals: tuple[int, ...] = (1,)
    size: int = 1
    stored: Any = None


@dataclass
class Lane:
    broken: bool = False
    seen: bool = False

    def not_stored(self) -> None: ...


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_journals_thread_tells_since_when_it_is_busy_and_that_it_has_ended() -> None:
    store, died = Hangs(), threading.Event()

    def deliver(call: Any, *rest: Any) -> None:
        died.set()
        raise SystemExit  # ends the thread, unasked

    thread = JournalThread(
        store, lambda batch: None, deliver, on_commit=lambda *_: None, probe=lambda: None, rest=lambda _: None
    )
    assert (thread.ended, thread.busy_since) == (False, None)
    thread.start()
    thread.submit([Frame(Lane())])
    store.entered.wait()
    assert thread.busy_since is not None
    assert stuck([thread], thread.busy_since + LONG, lambda _: False) is not None
    assert stuck([thread], time.monotonic(), lambda _: False) is None
    assert not waits_for_disk(thread.thread_id)
    store.go.set()
    died.wait()
    assert until("the thread has ended", lambda: thread.ended)
    assert thread.busy_since is None
    assert stuck([thread], 0.0) == "journal: its thread has ended"


@pytest.fixture
def systemd(tmp_path: Path) -> Any:
    made = Systemd(tmp_path)
    yield made
    made.close()


STATE = DoorState(listeners=(ListenerState("main", "127.0.0.1", 2575, 0),))


def test_no_ping_while_a_restart_would_help(systemd: Systemd) -> None:
    clock, thread, now = Clock(), Thread(), [0.0]
    given = Given(systemd.environment["NOTIFY_SOCKET"], watchdog_seconds=30.0)
    life = LifeSigns(given, clock, [thread], lambda: STATE, lambda: now[0])
    life.ready()
    systemd.hears("READY")
    clock.advance(5)
    assert systemd.hears("WATCHDOG") == {"WATCHDOG": "1"}
    thread.busy_since, now[0] = 0.0, LONG
    thread.thread_id = os.getpid()
    clock.advance(5)
    assert systemd.hears("STATUS") == {"STATUS": "stuck: journal: has come to no end for 60 s"}
    clock.advance(5)
    assert systemd.silent_for(0)
    thread.busy_since = None
    clock.advance(5)
    assert systemd.hears("WATCHDOG") == {"WATCHDOG": "1", "STATUS": "takes messages on 1 port"}


def test_at_least_two_pings_in_the_time_that_systemd_waits(systemd: Systemd) -> None:
    clock = Clock()
    given = Given(systemd.environment["NOTIFY_SOCKET"], watchdog_seconds=1.0)
    life = LifeSigns(given, clock, [], lambda: STATE)
    life.ready()
    systemd.hears("READY")
    clock.pump([0.1] * 10)
    systemd.hears("WATCHDOG", patience=0)
    systemd.hears("WATCHDOG", patience=0)
    life.end()
    assert not clock.getDelayedCalls()


def test_nobody_who_listens_is_no_fault(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "gone"), "@nobody-is-here", "vsock:2:1234"):
        Teller(address).tell("READY=1")


def test_a_line_of_status_can_forge_no_other(systemd: Systemd) -> None:
    Teller(systemd.environment["NOTIFY_SOCKET"]).tell("STATUS=one\nREADY=1")
    assert systemd.hears("STATUS") == {"STATUS": "one READY=1"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "takes messages on 1 port"),
        ({"work_alive": False}, "takes messages on 1 port; the work is down, and is started again"),
        ({"trouble": "locked"}, "takes messages on 1 port; the work can't go on: locked"),
        ({"destination": {"state": "paused"}}, "takes messages on 1 port; sending: paused"),
        ({"journal_failing": "no room", "work_alive": False}, "stores no messages: no room"),
        ({"stopping": True}, "stopping: answers what was taken, requests under way come to their end"),
    ],
)
def test_the_line_for_systemctl_status(change: dict[str, Any], line: str) -> None:
    state = {"listeners": STATE.listeners} | change
    assert line_of(DoorState(**state)) == line


def test_what_is_meant_for_this_process_is_taken_away_from_its_children() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7", "HOME": "/"}
    assert take(environment, 7) == Given("@x", 30.0, ())
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"},
        {"LISTEN_PID": "8", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "7", "LISTEN_FDS": "many"},
        {"LISTEN_FDS": "1"},
    ],
)
def test_what_is_not_for_us_is_nothing(environment: dict[str, str]) -> None:
    assert take(environment, 7) == Given()


@pytest.mark.parametrize(
    ("host", "port", "fits"),
    [
        ("127.0.0.1", 2575, True),
        ("localhost", 2575, True),
        ("127.0.0.1", 0, True),
        ("127.0.0.1", 2576, False),
        ("0.0.0.0", 2575, False),
        ("::1", 2575, False),
    ],
)
def test_a_port_fits_where_the_settings_say(host: str, port: int, fits: bool) -> None:
    assert OpenPort(3, "main", "127.0.0.1", 2575, 2).fits(host, port) is fits
    assert not OpenPort(3, "main", "", 0, 0).fits(host, port)


class NoRoomError(StoreError):
    disk_full = True


def test_a_start_that_waits_for_room_asks_systemd_for_patience() -> None:
    """Else it would be taken for a start that failed, and ended again and again."""
    told: list[tuple[str, ...]] = []
    paused: list[float] = []

    def attempt() -> Any:
        if len(paused) < 2:
            raise NoRoomError("no room left on the disk")
        return "the store"

    assert _opened(attempt, lambda *lines: told.append(lines), paused.append) == "the store"
    assert (
        told == [("EXTEND_TIMEOUT_USEC=60000000", "STATUS=waits for the store: no room left on the disk")] * 2
    )
