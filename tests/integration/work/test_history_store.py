"""History beside a running daemon and without one: who charts it, how far it runs ahead, and that nothing doubles."""

import threading
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime

import pytest

from interface.chart.decide import Engine
from interface.rules import Policy, load_rulebook
from interface.services import history as module
from interface.services import offline
from interface.services.clock import Clock
from interface.services.history import HistoryStore
from interface.services.offline import work_off
from interface.services.taken import Source, arrival
from interface.store.errors import NotStored
from interface.store.lock import StoreLock
from interface.store.store import open_store

CLOCK = Clock(datetime(2026, 3, 2, 15, tzinfo=UTC), UTC)
ENGINE = Engine(load_rulebook(), Policy())


@pytest.fixture
def url(store_url, store):
    return store_url


def row(number, patient=None):
    raw = (
        f"MSH|^~\\&|APP|FAC|R|R|20260302||RDE^O11|M{number}|P|2.5.1\rPID|1||{patient or number}^^^LFC^MR\r"
        f"ORC|NW|P{number}\rRXE||{number}^drug {number}^RXNORM\r"
    ).encode()
    return arrival(raw, Source("load", "file:1"), time.time())[1]


def load(history, numbers):
    for number in numbers:
        history.add(row(number))
    history.flush()


@pytest.fixture
def daemon(url, child_module, store, some_daemon):
    """A door that shows itself, and a work that charts what comes, as a daemon has them."""

    @contextmanager
    def running(*, works=True):
        ending = threading.Event()

        def work():
            lock = StoreLock.beside(url, "work") if store.path else nullcontext()
            with open_store(url, child_module.KEYRING) as own, lock:
                while not ending.wait(0.01):
                    work_off(own, ENGINE, CLOCK)

        thread = threading.Thread(target=work)
        with some_daemon:
            if works:
                thread.start()
            try:
                yield
            finally:
                ending.set()
                if works:
                    thread.join()

    return running


def test_without_a_daemon_it_is_charted_here(store, url):
    history = HistoryStore(store, ENGINE, CLOCK)
    load(history, range(300))
    assert store.views.counts().messages == {"new": 300}, "nobody need keep up"
    history.chart()
    assert (history.came.stored, history.came.known) == (300, 0)
    assert history.decisions()[0] == {"chart": 300}
    assert store.views.counts().patients == 300
    assert store.path is None or not StoreLock.beside(url, "work").is_held()


def test_what_comes_into_no_chart_by_the_rules_of_who_charts_it_has_failed(store, url):
    others = Engine(load_rulebook(), Policy(mrn_authority=("OTHER",)))
    history = HistoryStore(store, others, CLOCK)
    load(history, [1])
    history.chart()
    decisions, failed = history.decisions()
    assert decisions == {"hold": 1}
    ((why, number),) = failed.items()
    assert (why.partition(":")[0], number) == ("whose message it is can't be told", 1)


def test_beside_a_daemon_the_daemon_charts_it(store, daemon, url, monkeypatch):
    monkeypatch.setattr(offline, "work_off", None)
    history = HistoryStore(store, ENGINE, CLOCK)
    with daemon():
        load(history, range(50))
        history.chart()
    assert history.decisions()[0] == {"chart": 50}


def test_it_does_not_run_far_ahead_of_a_daemon(store, daemon, url, monkeypatch):
    monkeypatch.setattr(module, "AHEAD", 200)
    seen = []
    history = HistoryStore(store, ENGINE, CLOCK, waiting=seen.append)
    with daemon():
        load(history, range(1000))
        assert seen[-1] <= 200
        history.chart()
    assert max(seen) <= 200 + module.MAX_ROWS


def test_a_daemon_that_charts_nothing_is_told_of(store, daemon, url, monkeypatch):
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.0)

    class EnoughError(Exception):
        pass

    def stalled():
        raise EnoughError

    monkeypatch.setattr(offline, "work_off", None)  # it is the daemon's to do
    history = HistoryStore(store, ENGINE, CLOCK, stalled=stalled)
    with daemon(works=False):
        load(history, range(5))
        with pytest.raises(EnoughError):
            history.chart()


def test_when_the_daemon_has_gone_the_rest_is_charted_here(store, daemon, url):
    history = HistoryStore(store, ENGINE, CLOCK)
    with daemon(works=False):
        load(history, range(5))
    history.chart()
    assert history.decisions()[0] == {"chart": 5}


def test_a_daemon_that_starts_meanwhile_takes_over(store, url, some_daemon, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.0)
    door = store.presence("door")
    started = []

    class EnoughError(Exception):
        pass

    def waiting(number):
        if number < 100 and not started:
            started.append(number)
            some_daemon.acquire()

    def stalled():
        if door.is_held():
            assert store.path is None or not StoreLock.beside(url, "work").is_held(), (
                "its work could not begin"
            )
            raise EnoughError

    history = HistoryStore(store, ENGINE, CLOCK, waiting=waiting, stalled=stalled)
    load(history, range(100))
    with pytest.raises(EnoughError):
        history.chart()
    assert 0 < store.views.waiting("load") < 100
    some_daemon.release()
    history.chart()
    assert history.decisions()[0] == {"chart": 100}


def test_what_was_loaded_before_is_counted_and_changes_nothing(store, url):
    keys = [f"LFC|{n}" for n in range(10)]
    first = HistoryStore(store, ENGINE, CLOCK)
    load(first, range(10))
    first.chart()
    charts = store.work.load_patients(keys)
    assert len(charts) == 10
    again = HistoryStore(store, ENGINE, CLOCK)
    load(again, range(12))
    again.chart()
    assert (again.came.stored, again.came.known) == (2, 10)
    assert store.views.counts().messages == {"done": 12}
    assert store.work.load_patients(keys) == charts


def test_a_store_that_is_busy_for_a_moment_is_tried_again(store, url, monkeypatch):
    append, failures = store.journal.append, [NotStored("locked"), NotStored("locked")]

    def failing(*args, **more):
        if failures:
            raise failures.pop()
        return append(*args, **more)

    monkeypatch.setattr(store.journal, "append", failing)
    history = HistoryStore(store, ENGINE, CLOCK, pause=lambda _: None)
    load(history, range(3))
    assert history.came.stored == 3


def test_a_store_that_takes_nothing_is_an_error(store, url, monkeypatch):
    def failing(*args, **more):
        raise NotStored("the store cannot be written: the disk is full")

    monkeypatch.setattr(store.journal, "append", failing)
    history = HistoryStore(store, ENGINE, CLOCK, pause=lambda _: None)
    with pytest.raises(NotStored):
        load(history, range(3))
