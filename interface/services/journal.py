"""The journal's thread: stores what waits in one transaction and hands all answers back at once.

Why a thread: a slow disk must not stall the reactor. Why in groups: a commit costs an fsync however many rows
it holds, and each hand-over between threads costs more than a fast fsync; so both are few and large.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from interface.errors import InterfaceError
from interface.services.logs import event, where
from interface.store.errors import NotStored

MAX_ROWS = 128
"""Rows in one transaction at most (a frame's own rows are never parted)."""
MAX_BYTES = 32 * 1024 * 1024
"""Bytes in one transaction at most, unless a single frame is larger."""
REST_SECONDS = 0.0015
"""Rest after a commit when more than one row was waiting: SQLite's write lock is unfair, and without a rest a
busy journal starves the work (109 messages a second instead of 2,300)."""
FEW_ROWS, LONG_REST_SECONDS = 12, 0.01
"""After fewer rows, where many send, and at least twice as many of late, it rests for longer, so that the next commit has
more: 800 messages a second, one by one, cost the door 0.52 ms of a processor each, so 0.31."""
LATEST, MANY = 32, 8
"""Frames by which it is told who sends of late; many send when none of them sent more than an eighth of those. One who sends
all it can, beside others that send a little, is not to wait: with each rest it has one answer, and a backlog that went at
800 a second goes at 90."""
SETTLED_SECONDS = 3.0
"""A probe says that all is well only when no message has been refused for so long: a probe is small, and may find room
where a message does not."""
DAMAGED_SECONDS = 60.0
"""A damaged file counts as failing for so long after the damage was met: other pages of it can still be written, and what
takes turns with what fails is not well."""
PROBE_SECONDS = 1.0
"""How often the store is tried while it fails and nobody sends."""

log = logging.getLogger(__name__)


class Appends(Protocol):
    """What the thread needs of the store: its journal, or its inbox of webhooks."""

    def append(self, arrivals: Sequence[Any], now: float) -> Sequence[Any]:
        """Store all rows in one transaction or raise NotStored."""


class Storable(Protocol):
    """What it stores: a frame (`Taken`), or a webhook."""

    lane: Any
    """A `Lane`."""
    arrivals: Sequence[Any]
    """Its rows."""
    size: int
    """In bytes."""
    stored: Any
    """What the store said of each row; None: not stored."""


Item = TypeVar("Item", bound=Storable)


class JournalThread(Generic[Item]):
    """Takes frames from the reactor in order, stores them, and gives them back in batches. Webhooks have one of their
    own.
    """

    def __init__(
        self,
        journal: Appends,
        deliver: Callable[[list[Item]], None],
        call_from_thread: Callable[..., Any],
        *,
        on_commit: Callable[[int, float], None],
        probe: Callable[[], None],
        rest: Callable[[float], None] = time.sleep,
        name: str = "journal",
        said: tuple[str, str] = ("journal-failing", "journal-works-again"),
    ) -> None:
        """`deliver` gets each batch in the reactor through `call_from_thread`, frames in the order of
        `submit`.

        `on_commit(rows, seconds)` is called in this thread after each commit, behind the answers (it wakes the work
        and is measured); `probe` raises while the store cannot be written. `said`: the names of the log lines when
        that begins and ends.
        """
        self._journal = journal
        self._deliver = deliver
        self._call_from_thread = call_from_thread
        self._on_commit = on_commit
        self._probe = probe
        self._rest = rest
        self._fails, self._works_again = said
        # 5 us a hand-over less than by a condition
        self._submitted: SimpleQueue[Sequence[Item]] = SimpleQueue()
        self._waiting: deque[Item] = deque()
        self._committed: list[tuple[int, float]] = []
        self._lanes: list[int] = []
        """Whose the latest frames were; 0: the first of a connection, which may have no second."""
        self._stopping = False
        self.name = name
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._stopped: Callable[[], None] = lambda: None
        self.failing: str | None = None
        """Why the last attempt to store failed; None while all is well. Read by the reactor for /readyz."""
        self._refusing: str | None = None
        self._failed_at = float("-inf")
        """When something was refused last, monotonic."""
        self._damaged_at = float("-inf")
        """When the store was found damaged last, monotonic."""
        self.busy_since: float | None = None
        """Since when it has what it has in hand, monotonic; None: it waits for something to do."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, batch: Sequence[Item]) -> None:
        """Queue frames to be stored (reactor thread)."""
        self._submitted.put(batch)

    def refuse(self, why: str | None) -> None:
        """Store nothing from now on, as if the store failed for this reason; None: store again (reactor thread)."""
        if why != self._refusing:
            self._refusing = why
            self._submitted.put(())

    def stop(self, stopped: Callable[[], None]) -> None:
        """Store what waits, then end; `stopped` is called in the reactor when that is done."""
        self._stopped = stopped
        self._stopping = True
        self._submitted.put(())

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    @property
    def ended(self) -> bool:
        """True when it has ended though nobody asked it to."""
        return self._thread.ident is not None and not self._stopping and not self._thread.is_alive()

    @property
    def thread_id(self) -> int | None:
        """The kernel's number of the thread; None: it has not begun."""
        return self._thread.native_id

    def _run(self) -> None:
        while True:
            batch = self._next()
            if batch is None:
                break
            self.busy_since = time.monotonic()
            if not batch:
                self._try_probe()
                self.busy_since = None
                continue
            rows = self._store(batch)
            self.busy_since = None
            self._call_from_thread(self._deliver, batch)
            while self._committed:
                self._on_commit(*self._committed.pop())
            if rest := self._rest_after(batch, rows):
                self._rest(rest)
        self._call_from_thread(self._stopped)

    def _rest_after(self, batch: list[Item], rows: int) -> float:
        """Seconds, after a commit of so many rows."""
        for taken in batch:
            self._lanes.append(id(taken.lane) if taken.lane.seen else 0)
            taken.lane.seen = True
        self._lanes = self._lanes[-LATEST:]
        if 0 < rows < FEW_ROWS:
            senders = Counter(lane for lane in self._lanes if lane)
            if len(senders) >= max(MANY, 2 * rows) and max(senders.values()) <= LATEST // MANY:
                return LONG_REST_SECONDS
        return REST_SECONDS if rows > 1 else 0.0

    def _next(self) -> list[Item] | None:
        """The next frames to store together; [] when it is time to probe; None when all is done."""
        waiting, submitted = self._waiting, self._submitted
        while not waiting:
            if self._stopping and submitted.empty():
                return None
            try:
                waiting.extend(submitted.get(timeout=PROBE_SECONDS if self.failing is not None else None))
            except Empty:
                return []
            if not waiting and self._refusing and self.failing is None:
                return []
        for _ in range(submitted.qsize()):
            waiting.extend(submitted.get())
        batch = [waiting.popleft()]
        rows, size = len(batch[0].arrivals), batch[0].size
        while waiting:
            following = waiting[0]
            rows += len(following.arrivals)
            size += following.size
            if rows > MAX_ROWS or size > MAX_BYTES:
                break
            batch.append(waiting.popleft())
        return batch

    def _store(self, batch: list[Item]) -> int:
        """Store a batch; returns how many rows were waiting. Frames that failed keep `stored` None."""
        live = [taken for taken in batch if not taken.lane.broken]
        if not live:
            return 0
        try:
            if self._refusing is not None:
                raise NotStored(self._refusing)
            return self._append(live)
        except NotStored as error:
            self._damaged_at = time.monotonic() if error.damaged else self._damaged_at
            self._failed(str(error), live)
        except Exception as error:
            # Not the store's own refusal: one frame may be to blame, so the others are tried without it.
            # Its text is not logged: it may quote the row.
            if len(live) > 1:
                return sum(self._store([taken]) for taken in live)
            self._failed(where(error), live)
        return len(live)

    def _append(self, live: list[Item]) -> int:
        rows = [arrival for taken in live for arrival in taken.arrivals]
        begun = time.perf_counter()
        stored = self._journal.append(rows, time.time())
        seconds = time.perf_counter() - begun
        at = 0
        for taken in live:
            end = at + len(taken.arrivals)
            taken.stored = stored[at:end]
            at = end
        self._works()
        self._committed.append((len(rows), seconds))
        return len(rows)

    def _try_probe(self) -> None:
        try:
            if self._refusing is not None:
                raise NotStored(self._refusing)
            self._probe()
            if time.monotonic() - self._failed_at < SETTLED_SECONDS:
                return
        except NotStored as error:
            self._failed(str(error), [])
        except Exception as error:
            # A probe waits a second where an append waits five: what it alone finds is no failure of the journal.
            if self.failing is not None:
                self.failing = str(error) if isinstance(error, InterfaceError) else where(error)
        else:
            self._works()

    def _failed(self, why: str, live: list[Item]) -> None:
        """Log once, when it begins; each lane learns at once that what follows must not overtake."""
        for taken in live:
            self._failed_at = time.monotonic()
            taken.lane.not_stored()
        if self.failing is None:
            event(log, logging.ERROR, self._fails, error=why)
        self.failing = why

    def _works(self) -> None:
        if self.failing is not None and time.monotonic() - self._damaged_at > DAMAGED_SECONDS:
            self.failing = None
            event(log, logging.WARNING, self._works_again)
