"""The console as a door has it at first: its modules are imported when somebody asks for a page.

Who only sends messages has no use for them: 16 MB and 0.3 s of a start. They are imported in a thread, and the first page
waits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from interface.services.door_state import Console, Surroundings
from interface.services.logs import event, where

log = logging.getLogger(__name__)

SITE = "interface.console.site"
"""Its `open_console` makes the console."""
NOT_HAD = b"The console could not be opened. The rest goes on.\n"
HEADERS = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class LaterConsole:
    """The console, for the door."""

    def __init__(self, around: Surroundings, site: str = SITE) -> None:
        self._around = around
        self._site = site
        self._console: Console | None = None
        self._waiting: list[Deferred[None]] = []
        self._stopped = False

    def page(self, segments: Sequence[bytes]) -> Resource:
        """The resource for a path that is none of the door's own."""
        if self._console is None:
            return _FirstPage(self, segments)
        page: Resource = self._console.page(segments)
        return page

    def stop(self) -> None:
        """Take no more requests."""
        self._stopped = True
        if self._console is not None:
            self._console.stop()

    def opened(self) -> Deferred[None]:
        """Fires when there is a console; fails with what keeps it away, and the next who asks tries anew."""
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if len(self._waiting) == 1:
            reactor = self._around.reactor
            deferToThreadPool(reactor, reactor.getThreadPool(), import_module, self._site).addCallback(
                self._open
            ).addErrback(self._failed)
        return done

    def _open(self, module: Any) -> None:
        if self._stopped:
            return
        self._console = module.open_console(self._around)
        self._told(None)

    def _failed(self, failure: Failure) -> None:
        event(log, logging.ERROR, "console-failed", error=where(failure.value or Exception()))
        self._told(failure)

    def _told(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(result)


class _FirstPage(Resource):
    """A page that is asked for before there is a console; that makes it, then."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, later: LaterConsole, segments: Sequence[bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._later = later
        self._segments = segments

    def render(self, request: Any) -> int:
        """Any request; answered by the console once it is there, or told that it can't be had."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(opened: Failure | None) -> None:
            if gone:
                return
            if opened is None:
                request.render(self._later.page(self._segments))
                return
            request.setResponseCode(500)
            for name, value in HEADERS:
                request.setHeader(name, value)
            request.write(b"" if request.method == b"HEAD" else NOT_HAD)
            request.finish()

        self._later.opened().addBoth(answer)
        return NOT_DONE_YET
