"""The door's thread that brings commits from SQLite's write-ahead log into the file.

Why a thread: left to SQLite, the commit that fills a thousand pages does it, and all who wait for their ACK wait for those
pages and two flushes more. That is 5 % of all messages at 64 connections, so the slowest hundredth was made of them: with
everything running its p99 was 141 ms in place of 200, and 92 in place of 141 (medians, alternately, a busy machine).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

PAGES = 1000
"""Pages after which it is done, about; the work's are not counted."""
PAGES_OF_COMMIT = 5
"""Pages that a commit writes whatever it holds; a message is about one more."""
STOP_SECONDS = 5.0


class Checkpointing:
    """Counts what the journal commits, and has it brought over from time to time."""

    def __init__(self, bring_over: Callable[[], None]) -> None:
        self._bring_over = bring_over
        self._pages = 0
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def committed(self, rows: int) -> None:
        """So many messages were committed together (journal thread)."""
        self._pages += PAGES_OF_COMMIT + rows
        if self._pages >= PAGES:
            self._pages = 0
            self._wanted.put(True)

    def stop(self) -> None:
        """Let what is under way come to its end."""
        self._wanted.put(False)
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while self._wanted.get():
            self._bring_over()
