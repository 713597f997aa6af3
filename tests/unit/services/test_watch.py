"""Looks are made one after the other; one that fails is left out, one that does not come to its end is told of."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from interface.services import watch as module
from interface.services.watch import LOOK_SECONDS, STUCK_SECONDS, Watch
from interface.store.errors import StoreError


class Reactor(Clock):
    def getThreadPool(self) -> None:
        return None


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "deferToThreadPool", lambda _reactor, _pool, call: execute(call))


class Watching:
    """A watch over looks that a test gives; the last of them is seen again and again."""

    def __init__(self, *looks: Any) -> None:
        self.looks = list(looks)
        self.reactor = Reactor()
        self.told: list[Any] = []
        self.watch: Watch[Any] = Watch(self.look, self.reactor, self.told.append, self.failed)

    def look(self) -> Any:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found

    def failed(self, stuck: bool) -> None:
        self.told.append("stuck" if stuck else "failed")


@pytest.mark.usefixtures("at_once")
def test_one_look_after_the_other() -> None:
    watching = Watching(1, 2)
    watching.watch.start()
    watching.reactor.advance(LOOK_SECONDS)
    watching.reactor.advance(LOOK_SECONDS)
    assert watching.told == [1, 2, 2]


@pytest.mark.usefixtures("at_once")
def test_a_look_that_fails_is_told_of_and_the_next_one_made() -> None:
    watching = Watching(StoreError("the store cannot be read"), 2)
    watching.watch.start()
    watching.reactor.advance(LOOK_SECONDS)
    assert watching.told == ["failed", 2]


@pytest.mark.usefixtures("at_once")
def test_a_fault_of_who_is_told_ends_nothing() -> None:
    watching = Watching(1)

    def broken(_look: Any) -> None:
        watching.told.append("x")
        raise ValueError

    watch: Watch[Any] = Watch(watching.look, watching.reactor, broken)
    watch.start()
    watching.reactor.advance(LOOK_SECONDS)
    assert watching.told == ["x", "x"]


@pytest.mark.usefixtures("at_once")
def test_after_stopping_nothing_is_looked_at() -> None:
    watching = Watching(1)
    watching.watch.start()
    watching.watch.stop()
    watching.reactor.advance(10 * LOOK_SECONDS)
    assert watching.told == [1]
    assert watching.reactor.getDelayedCalls() == []


def test_a_look_that_does_not_come_to_its_end_is_told_of_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging: Deferred[Any] = Deferred()
    monkeypatch.setattr(module, "deferToThreadPool", lambda *_: hanging)
    watching = Watching(1)
    watching.watch.start()
    watching.reactor.advance(STUCK_SECONDS)
    watching.reactor.advance(LOOK_SECONDS)
    assert watching.told == ["stuck", "stuck"]
    hanging.callback("seen at last")
    assert watching.told[2:] == ["seen at last"]
    assert len(watching.reactor.getDelayedCalls()) == 1, "the next look"
