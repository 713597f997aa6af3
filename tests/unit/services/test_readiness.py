"""Whoever asks whether the store can be written gets an answer, also from a disk that gives none."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from interface.services import readiness
from interface.services.readiness import FRESH_SECONDS, PATIENCE_SECONDS, TOO_SLOW, StoreCheck
from interface.store.errors import StoreError


class Rig(Clock):
    """A clock whose thread pool does what it is told when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: list[Deferred[None]] = []

    def getThreadPool(self) -> None: ...

    def later(self, _reactor: Any, _pool: Any, _call: Any) -> Deferred[None]:
        self.trials.append(Deferred())
        return self.trials[-1]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig()
    monkeypatch.setattr(readiness, "deferToThreadPool", made.later)
    return made


def asked(check: StoreCheck) -> list[str | None]:
    answers: list[str | None] = []
    check.fault().addCallback(answers.append)
    return answers


def test_those_who_ask_meanwhile_share_one_trial(rig: Rig) -> None:
    check = StoreCheck(lambda: None, rig)
    first, second = asked(check), asked(check)
    assert len(rig.trials) == 1
    rig.trials[0].callback(None)
    assert first == second == [None]
    assert asked(check) == [None]
    assert len(rig.trials) == 1
    rig.advance(FRESH_SECONDS)
    asked(check)
    assert len(rig.trials) == 2


def test_what_the_store_says_is_the_answer(rig: Rig) -> None:
    check = StoreCheck(lambda: None, rig)
    answer = asked(check)
    rig.trials[0].errback(StoreError("the disk is full"))
    assert answer == ["the disk is full"]


def test_a_disk_that_does_not_answer_is_an_answer(rig: Rig) -> None:
    check = StoreCheck(lambda: None, rig)
    first = asked(check)
    rig.advance(PATIENCE_SECONDS)
    assert first == [TOO_SLOW]
    rig.advance(60)
    assert asked(check) == [TOO_SLOW]
    assert len(rig.trials) == 1, "a second thread must not be hung up too"
    rig.trials[0].callback(None)
    assert asked(check) == [None]
    assert rig.getDelayedCalls() == []
