"""The console's modules are imported by the first page that is asked for; all who ask meanwhile wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from interface.console.later import LaterConsole
from interface.services.door_state import Surroundings
from interface.settings import Settings


class Reactor:
    """Keeps what is to be done in a thread until `work` does it."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def getThreadPool(self) -> Reactor:
        return self

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], None], call: Callable[..., Any], *args: Any
    ) -> None:
        def job() -> None:
            try:
                result = call(*args)
            except Exception:
                done(False, Failure())
            else:
                done(True, result)

        self.jobs.append(job)

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        call(*args)

    def work(self) -> int:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()
        return len(jobs)


class Request:
    """What a page is rendered for."""

    method = b"GET"

    def __init__(self) -> None:
        self.rendered: list[Resource] = []
        self.status = 200
        self.body = b""
        self.finished = False
        self._gone: Deferred[None] = Deferred()

    def notifyFinish(self) -> Deferred[None]:
        return self._gone

    def go_away(self) -> None:
        self._gone.errback(Failure(ConnectionError()))

    def render(self, page: Resource) -> None:
        self.rendered.append(page)

    def setResponseCode(self, status: int) -> None:
        self.status = status

    def setHeader(self, name: bytes, value: bytes) -> None:
        pass

    def write(self, body: bytes) -> None:
        self.body += body

    def finish(self) -> None:
        self.finished = True


class Site:
    """A console."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.stopped = False

    def page(self, segments: list[bytes]) -> Resource:
        self.asked.append(segments)
        return Resource()

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


@pytest.fixture
def sites() -> list[Site]:
    """The consoles that were made."""
    return []


@pytest.fixture
def later(reactor: Reactor, sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> LaterConsole:
    module = ModuleType("stand_in_site")
    module.open_console = lambda _around: sites.append(Site()) or sites[-1]  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "stand_in_site", module)
    around = Surroundings(Settings(), None, reactor, lambda: None, lambda: None)  # type: ignore[arg-type,return-value]
    return LaterConsole(around, "stand_in_site")


def asked(later: LaterConsole, *segments: bytes) -> Request:
    request = Request()
    later.page(list(segments)).render(request)
    return request


def test_all_who_ask_before_it_is_there_get_their_pages_of_one_console(later, reactor, sites) -> None:
    first, second = asked(later, b"messages"), asked(later, b"")
    assert first.rendered == second.rendered == [] and not sites
    assert reactor.work() == 1
    assert len(first.rendered) == len(second.rendered) == 1
    assert [site.asked for site in sites] == [[[b"messages"], [b""]]]


def test_once_it_is_there_it_answers_by_itself(later, reactor, sites) -> None:
    asked(later, b"")
    reactor.work()
    later.page([b"holds"])
    assert sites[0].asked == [[b""], [b"holds"]] and not reactor.jobs


def test_who_has_gone_gets_nothing(later, reactor) -> None:
    request = asked(later, b"")
    request.go_away()
    reactor.work()
    assert not request.rendered and not request.finished


def test_what_keeps_it_from_being_opened_is_said_and_the_next_tries_anew(
    later, reactor, sites, monkeypatch, caplog
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("interface.console.later.import_module", lambda name: 1 / 0)
        request = asked(later, b"")
        with caplog.at_level(logging.ERROR):
            reactor.work()
    assert (request.status, request.finished) == (500, True)
    assert b"could not be opened" in request.body
    assert "console-failed" in caplog.text and "ZeroDivisionError" in caplog.text
    again = asked(later, b"")
    reactor.work()
    assert len(again.rendered) == 1 and len(sites) == 1


def test_it_ends_with_the_door(later, reactor, sites) -> None:
    asked(later, b"")
    reactor.work()
    later.stop()
    assert sites[0].stopped


def test_a_door_that_has_stopped_opens_none(later, reactor, sites) -> None:
    asked(later, b"")
    later.stop()
    reactor.work()
    assert not sites
