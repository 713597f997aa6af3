"""The console's own threads, each with a store of its own: the reactor never waits for a page, nor for its store.

Few threads, few requests waiting, and a time limit: what takes longer is answered by somebody else, and its statement is
interrupted. A page that never ends costs a thread, and when all are gone the console; the door goes on.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from interface.services.logs import event, where
from interface.services.timing import cancel
from interface.store.store import Store

log = logging.getLogger(__name__)

THREADS = 2
MOST_WAITING = 32
"""Requests that wait for a thread; one more is refused at once."""
LIMIT_SECONDS = 10.0
"""From the moment a request is there until it is answered, by its page or by the limit."""
STOP_SECONDS = 2.0
_Result = TypeVar("_Result")


class BusyError(Exception):
    """Too many requests wait."""


class TooSlowError(Exception):
    """The limit has passed."""


class _Job:
    """One request on its way."""

    def __init__(self, work: Callable[[Store], Any]) -> None:
        self.work = work
        self.done: Deferred[Any] = Deferred()
        self.timer: Any = None
        self.given_up = False
        self.store: Store | None = None
        """Of the thread that is busy with it."""


class Readers:
    """Runs work on a store off the reactor."""

    def __init__(
        self,
        another: Callable[[], Store],
        reactor: Any,
        *,
        threads: int = THREADS,
        limit: float = LIMIT_SECONDS,
    ) -> None:
        """`another` opens a store; called in the thread that uses it."""
        self._another = another
        self._reactor = reactor
        self._limit = limit
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING + threads)
        self._busy: set[_Job] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, name=f"console-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, work: Callable[[Store], _Result]) -> Deferred[_Result]:
        """What `work` gives, in a thread; fails with BusyError, TooSlowError, or what it raises."""
        job = _Job(work)
        if self._stopped or self._jobs.qsize() >= MOST_WAITING:
            job.done.errback(BusyError())
            return job.done
        job.timer = self._reactor.callLater(self._limit, self._give_up, job)
        self._jobs.put_nowait(job)
        return job.done

    def _give_up(self, job: _Job) -> None:
        job.timer = None
        with self._lock:
            job.given_up = True
            if job.store is not None:
                job.store.interrupt()
        job.done.errback(TooSlowError())

    def _run(self) -> None:
        store: Store | None = None
        while (job := self._jobs.get()) is not None:
            if job.given_up:
                continue
            try:
                store = store or self._another()
                with self._lock:
                    job.store = store
                    self._busy.add(job)
                result: Any = job.work(store)
            except BaseException as error:  # a thread that ends would be missed by all who come after
                result = error
            with self._lock:
                job.store = None
                self._busy.discard(job)
            if not self._stopped:
                self._reactor.callFromThread(self._finish, job, result)
        if store is not None:
            try:
                store.close()
            except Exception as error:
                event(log, logging.DEBUG, "console-store-not-closed", error=where(error))

    def _finish(self, job: _Job, result: Any) -> None:
        if job.given_up:
            return
        cancel(job.timer)
        if isinstance(result, BaseException):
            job.done.errback(result if isinstance(result, Exception) else BusyError())
        else:
            job.done.callback(result)

    def stop(self) -> None:
        """Take nothing more, interrupt what runs, and wait a moment for the threads to end."""
        self._stopped = True
        while not self._jobs.empty():
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                break
        for _ in self._threads:
            self._jobs.put_nowait(None)
        with self._lock:
            for job in self._busy:
                if job.store is not None:
                    job.store.interrupt()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
