"""Low disk, a large WAL and too many waiting messages are told once when they begin and once when they end."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from interface.services import watch as module
from interface.services.watch import LARGE_WAL_BYTES, LOOK_SECONDS, Seen, Watch, edges
from interface.store.errors import StoreError

LOW = 1000
WELL = Seen(free_bytes=10 * LOW, wal_bytes=0, waiting=0)


class InlinePool:
    """Does at once, in the same thread, what a thread pool would do later."""

    def callInThreadWithCallback(self, done: Any, call: Any) -> None:
        try:
            found = call()
        except Exception as error:
            from twisted.python.failure import Failure

            done(False, Failure(error))
        else:
            done(True, found)


class Reactor(Clock):
    def getThreadPool(self) -> InlinePool:
        return InlinePool()


def deferred_at_once(reactor: Any, pool: InlinePool, call: Any) -> Any:
    from twisted.internet.defer import execute

    return execute(call)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    monkeypatch.setattr(module, "deferToThreadPool", deferred_at_once)
    caplog.set_level(logging.INFO)
    return lambda: re.findall(r"event=([a-z-]+)", caplog.text)


def watching(looks: list[Any]) -> tuple[Watch, Reactor, list[dict[str, str]]]:
    reactor, told = Reactor(), []

    def look() -> Seen:
        found = looks.pop(0) if len(looks) > 1 else looks[0]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    watch = Watch(look, edges(LOW, 100), reactor, lambda _seen, bad: told.append(bad))
    watch.start()
    return watch, reactor, told


def seen(**changed: int) -> Seen:
    return replace(WELL, **changed)


@pytest.mark.parametrize(
    ("begins", "ends", "bad", "between"),
    [
        ("disk-low", "disk-ok", {"free_bytes": LOW}, {"free_bytes": LOW + 50}),
        ("wal-large", "wal-ok", {"wal_bytes": LARGE_WAL_BYTES}, {"wal_bytes": LARGE_WAL_BYTES - 1}),
        ("too-many-waiting", "few-enough-waiting", {"waiting": 100}, {"waiting": 95}),
        ("decisions-late", "decisions-in-time", {"late_seconds": 600}, {"late_seconds": 599}),
    ],
)
def test_what_sways_around_its_limit_is_told_once(
    said: Any, begins: str, ends: str, bad: dict[str, int], between: dict[str, int]
) -> None:
    looks = [WELL, seen(**between), seen(**bad), seen(**between), seen(**bad), seen(**between), WELL, WELL]
    _, reactor, told = watching(looks)
    for _ in range(8):
        reactor.advance(LOOK_SECONDS)
    assert said() == [begins, ends]
    assert [begins in bad for bad in told[:7]] == [False, False, True, True, True, True, False]


def test_a_look_that_fails_is_left_out_and_the_next_one_made(said: Any) -> None:
    _, reactor, told = watching([StoreError("the store cannot be read"), seen(free_bytes=0)])
    reactor.advance(LOOK_SECONDS)
    assert said() == ["disk-low"]
    assert len(told) == 1


def test_after_stopping_nothing_is_looked_at(said: Any) -> None:
    watch, reactor, told = watching([WELL])
    watch.stop()
    reactor.advance(10 * LOOK_SECONDS)
    assert len(told) == 1
    assert reactor.getDelayedCalls() == []


@given(values=st.lists(st.integers(0, 3 * LOW)), low=st.integers(0, LOW))
def test_begin_and_end_take_turns_whatever_comes(values: list[int], low: int) -> None:
    (edge, _, most, _, _) = edges(low, low + 1)
    held = crowded = False
    for value in values:
        before, held = held, edge.holds(seen(free_bytes=value), held)
        assert held or before or value > low
        assert not held or value <= low + low // 10 + 1
        crowded = most.holds(seen(waiting=value), crowded)
        assert crowded or value <= low + 1
