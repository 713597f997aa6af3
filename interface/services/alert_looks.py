"""What the daemon looks at for its alerts in a thread: the store, the API key, the database's clock; and the books of
alerts there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from interface.alerting.book import Book
from interface.alerting.facts import Destination, FeedLimit, Held, Refused
from interface.chart.holds import EXPECTED
from interface.errors import InterfaceError
from interface.services.watch import Seen, look_at
from interface.settings import Settings
from interface.store.alert_facts import HEARD_ROWS
from interface.store.alerts import SHARED
from interface.store.store import Store

SELDOM_SECONDS = 30.0
"""How often what changes slowly, or costs more, is looked at."""
REFUSED_SECONDS = 3600.0
"""Of how long messages are counted for the share that was refused."""
SHARE = 20
"""And so many times as long as it took, at least."""
MOST_PAGES = 20
"""Of messages looked at for who sent them, in one look: 100,000 rows."""


@dataclass(frozen=True, slots=True)
class Seldom:
    """What is looked at now and then."""

    dead: int | None = None
    failed: int | None = None
    held: Held | None = None
    refused: Refused | None = None
    webhook_due: bool | None = None
    webhook_last: float | None = None
    api_key: str | None = None
    database_ahead: float | None = None
    """Seconds by which our clock is ahead of the database's; None: it has none of its own."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One look."""

    seen: Seen
    seldom: Seldom
    books: Mapping[str, str] = field(default_factory=dict)
    """Those that we begin to keep with this look: their texts by name."""
    keeps_shared: bool = True
    shared: Book | None = None
    """The shared book where another node keeps it."""
    elsewhere: tuple[Destination, ...] = ()
    """How other nodes see where requests go."""
    heard: Mapping[str, float] = field(default_factory=dict)
    """When feeds spoke, of messages that came since the last look."""
    looked: int = 0
    """The last message that was looked at."""


class Looks:
    """Called by one thread at a time; `write` by any."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        node: str,
        owner: str,
        *,
        work_ahead: float = 0.0,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`node`: the name of the book of what is this node's own; '': there is but one book. `work_ahead`: seconds by
        which the clock of requests is ahead of ours.
        """
        self._store = store
        self.settings = settings
        """The newest."""
        self.node = node
        self._owner = owner
        self._work_ahead = work_ahead
        self._now = now
        self._monotonic = monotonic
        self._books = threading.Lock()
        self._kept: set[str] = set()
        self._looked: int | None = None
        self._seldom = Seldom()
        self._others: dict[str, Book] = {}
        self._seldom_due = float("-inf")

    def __call__(self) -> Looked:
        """One look. Raises StoreError."""
        seen = look_at(self._store, self.settings.store.most_waiting)
        began = self._take_books()
        if SHARED in began:
            self._looked = Book.of_text(began[SHARED]).looked or None
        keeps = SHARED in self._kept
        heard = self._hear() if keeps else {}
        if self._monotonic() >= self._seldom_due:
            begun = self._monotonic()
            self._seldom = self._look_seldom()
            self._others = self._look_at_others()
            self._seldom_due = begun + max(SELDOM_SECONDS, SHARE * (self._monotonic() - begun))
        shared = None if keeps else self._others.get(SHARED, Book())
        views = (book.destination for name, book in self._others.items() if name not in (SHARED, self.node))
        elsewhere = tuple(view for view in views if view is not None)
        return Looked(seen, self._seldom, began, keeps, shared, elsewhere, heard, self._looked or 0)

    def use(self, settings: Settings) -> None:
        """Go by newer settings, and look at all with the next look."""
        self.settings = settings
        self._seldom_due = float("-inf")

    def write(self, name: str, text: str) -> bool:
        """Write a book that we keep; False: another node does. Raises StoreError."""
        with self._books:
            if self._store.alert_books.write(name, self._owner, text, self._now()):
                return True
            self._kept.discard(name)
            return False

    # ---- books ----

    def _take_books(self) -> dict[str, str]:
        """The books that we keep from now on; where there are several nodes each says again and again that it is there."""
        began: dict[str, str] = {}
        with self._books:
            for name in dict.fromkeys((SHARED, self.node)):
                if name in self._kept and not self._store.shared:
                    continue  # nobody else can want it
                by_force = name != SHARED or not self._store.shared
                text = self._store.alert_books.take(name, self._owner, by_force=by_force)
                if text is None:
                    self._kept.discard(name)
                elif name not in self._kept:
                    self._kept.add(name)
                    began[name] = text
        return began

    def _look_at_others(self) -> dict[str, Book]:
        """The books that somebody keeps, where there may be several nodes."""
        if not self._store.shared:
            return {}
        with self._books:
            return {book.name: Book.of_text(book.book) for book in self._store.alert_books.all() if book.kept}

    # ---- who was heard ----

    def _hear(self) -> dict[str, float]:
        """By feed, when it spoke last, of what came since the last look."""
        feeds, facts = self.settings.alert_limits().feeds, self._store.alert_facts
        newest = facts.newest_message()
        after = max(0, newest - HEARD_ROWS) if self._looked is None else min(self._looked, newest)
        heard: dict[str, float] = {}
        for _ in range(MOST_PAGES):
            if not feeds or after >= newest:
                after = newest
                break
            upto = min(newest, after + HEARD_ROWS)
            for row in facts.heard(after, upto):
                for feed in feeds:
                    if is_of(feed, row.listener, row.application, row.facility):
                        heard[feed.name] = max(heard.get(feed.name, 0.0), row.last)
            after = upto
        self._looked = after
        return heard

    # ---- what changes slowly ----

    def _look_seldom(self) -> Seldom:
        store, settings, now = self._store, self.settings, self._now()
        with self._books:
            seen = store.alert_books.seen()
        ours = now + self._work_ahead
        first = store.overview.first_ids("requests", [ours - settings.alerts.held_hours * 3600])[0]
        share = store.alert_facts.held(first, EXPECTED)
        came = store.overview.first_ids("messages", [now - REFUSED_SECONDS])[0]
        due = last = None
        if settings.takes_webhooks and settings.processes:
            before = ours - settings.webhooks.expected_hours * 3600
            due = store.webhooks.overdue(before, limit=1).count > 0
            last = store.alert_facts.last_webhook() or 0.0
        return Seldom(
            store.alert_facts.dead(seen.get("dead-letters", 0.0)),
            store.alert_facts.failed(seen.get("messages-failed", 0.0)),
            Held(share.asked, share.held),
            Refused(*store.alert_facts.refused(came)),
            False if due is None else due,
            0.0 if last is None else last,
            _missing_key(settings),
            self._database_ahead(),
        )

    def _database_ahead(self) -> float | None:
        if not self._store.shared:
            return None
        before = self._now()
        there = self._store.alert_facts.database_now()
        # what asking takes is no difference of clocks
        after = self._now()
        return before - there if there < before else after - there if there > after else 0.0


def is_of(feed: FeedLimit, listener: str, application: str, facility: str) -> bool:
    """Whether a message is of this feed."""
    return (
        feed.listener == listener
        and feed.application in ("", application)
        and feed.facility in ("", facility)
    )


def _missing_key(settings: Settings) -> str:
    try:
        settings.api_key()
    except InterfaceError as error:
        return str(error).splitlines()[0]
    return ""
