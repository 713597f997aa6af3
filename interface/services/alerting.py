"""Alerts in the door: each look becomes facts, facts become what there is to say, and that is said by all channels.

The state is kept in the store, so that a restart neither says again what is on nor forgets what is not told. While the store
fails it is kept in memory, and said all the same. In the reactor's thread but for what `Looks` and channels do.
"""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.alerting.book import Book
from interface.alerting.conditions import Condition, conditions, of
from interface.alerting.facts import Certificate, Destination, Facts, Heard, worst
from interface.alerting.kinds import BY_CODE
from interface.alerting.on import On, on_of
from interface.alerting.telling import Notice, Sender
from interface.delivery.destination import WHY
from interface.services.alert_channels import Channel, channels_of, sender_of
from interface.services.alert_looks import Looked, Looks
from interface.services.alert_tellers import Teller, give_up, say
from interface.services.logs import event, where
from interface.services.timing import cancel
from interface.services.watch import STUCK
from interface.settings import Settings
from interface.store.alerts import SHARED
from interface.store.store import Store

log = logging.getLogger(__name__)

HEARD_SECONDS = 60.0
"""How often it is stored when feeds spoke last, where nothing else is to be stored."""
STORED_SECONDS = 5.0
"""How long what there is to say waits until it is stored: after that it is told all the same."""
UNREAD_SECONDS = 60.0
"""How long it is waited for what is stored at the start: after that what the door knows is said without it."""
MOST_DEATHS = 20
FULL = ("too-many-waiting", "too-many-webhooks-waiting")
"""At which nothing more is taken, whatever anybody wants to hear."""


@dataclass(frozen=True, slots=True)
class DoorFacts:
    """What the door knows by itself at a moment."""

    journal: str = ""
    inbox: str = ""
    trouble: str = ""
    destination: Mapping[str, Any] | None = None
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Of the work, as it told them last."""
    certificates: Mapping[str, float] = field(default_factory=dict)
    """When those end that are served, by the sections that name them."""
    closed: Mapping[str, str] = field(default_factory=dict)
    """Why a listener takes nobody, by the sections of those that do not."""


class Alerting:
    """The daemon's."""

    def __init__(
        self,
        looks: Looks,
        reactor: Any,
        door: Callable[[], DoorFacts],
        channels: Mapping[str, Channel],
        sender: Sender,
        *,
        work_ahead: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`door` tells what the door knows; `work_ahead`: seconds by which the work's clock is ahead of `now`."""
        self._looks = looks
        self._reactor = reactor
        self._door = door
        self._limits = looks.settings.alert_limits()
        self._sender = sender
        self._work_ahead = work_ahead
        self._now = now
        self._started = now()
        self._mark = f"{int(self._started):x}-"
        self._books: dict[str, Book] = {}
        self._shared_elsewhere = Book()
        self._unread: set[str] = set()
        """Books that were begun in memory, for the store could not be read since the start."""
        self._dirty: set[str] = set()
        self._saving: Deferred[None] | None = None
        self._saved_at = self._started
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._full: dict[str, str] = {}
        self._tellers = {name: Teller(name, channel) for name, channel in channels.items()}
        self._stopping = False

    # ---- what others ask and tell ----

    @property
    def on(self) -> tuple[On, ...]:
        """All that is on here, and what all nodes share; the worst first."""
        books = self._books if SHARED in self._books else {**self._books, SHARED: self._shared_elsewhere}
        return on_of(books.values())

    @property
    def full(self) -> Mapping[str, str]:
        """Why nothing more is taken, by code of `FULL`."""
        return self._full

    def died(self) -> None:
        """The work has ended although nobody asked it to."""
        self._deaths.append(self._now())

    def use(self, settings: Settings, channels: Mapping[str, Channel]) -> None:
        """Go by newer settings from now on."""
        self._looks.use(settings)
        self._limits = settings.alert_limits()
        tellers = {}
        for name, channel in channels.items():
            tellers[name] = self._tellers.get(name) or Teller(name, channel)
            tellers[name].channel = channel
        self._tellers = tellers

    # ---- looks ----

    @property
    def look(self) -> Callable[[], Looked]:
        """What is called in a thread, for each look."""
        return self._looks

    def took(self, looked: Looked) -> None:
        """One more look."""
        for name, text in looked.books.items():
            stored = Book.of_text(text)
            self._books[name] = self._books[name].joined(stored) if name in self._unread else stored
        self._dirty |= self._unread & set(looked.books)
        self._unread -= set(looked.books)
        if not looked.keeps_shared:
            self._books.pop(SHARED, None)
            self._dirty.discard(SHARED)
            if looked.shared is not None:
                self._shared_elsewhere = looked.shared
        self._hear(looked)
        facts = self._seen(looked, self._known())
        self._tell_others(facts.destination)
        if looked.elsewhere:
            views = [*looked.elsewhere, facts.destination]
            facts = replace(facts, destination=worst(view for view in views if view is not None))
        self._fill(facts)
        self._judge(facts)

    def blind(self, stuck: bool) -> None:
        """The store could not be looked at, or (`stuck`) does not answer: what the door knows is judged all the same."""
        if not self._books and self._now() - self._started > UNREAD_SECONDS:
            self._unread = {self._looks.node}
            self._books[self._looks.node] = Book()
        facts = self._known()
        self._judge(replace(facts, journal=facts.journal or STUCK) if stuck else facts)

    def _hear(self, looked: Looked) -> None:
        book = self._books.get(SHARED)
        if book is None or (looked.looked == book.looked and not looked.heard):
            return
        names = {feed.name for feed in self._limits.feeds}
        heard = {name: at for name, at in {**book.heard, **looked.heard}.items() if name in names}
        self._books[SHARED] = replace(book, heard=heard, looked=looked.looked)
        if self._now() - self._saved_at >= HEARD_SECONDS:
            self._dirty.add(SHARED)

    def _tell_others(self, view: Destination | None) -> None:
        """Other nodes are told how we see where requests go, when that has changed."""
        own = self._books.get(self._looks.node)
        if self._looks.node and own is not None and own.destination != view:
            self._books[self._looks.node] = replace(own, destination=view)
            self._dirty.add(self._looks.node)

    def _known(self) -> Facts:
        """What is known without looking at the store."""
        door = self._door()
        return Facts(
            now=self._now(),
            started=self._started,
            oldest=door.gauges.get("oldest_waiting_seconds"),
            journal=door.journal,
            inbox=door.inbox,
            trouble=door.trouble,
            deaths=tuple(self._deaths),
            destination=self._destination(door.destination),
            skews=_skews(door.gauges),
            certificates=tuple(Certificate(*item) for item in door.certificates.items()),
            closed=door.closed,
        )

    def _seen(self, looked: Looked, known: Facts) -> Facts:
        """The same with what was seen."""
        seen, seldom, book = looked.seen, looked.seldom, self._books.get(SHARED)
        ahead = seldom.database_ahead
        heard = None
        if book is not None:
            heard = tuple(Heard(feed.name, book.heard.get(feed.name)) for feed in self._limits.feeds)
        return replace(
            known,
            free_bytes=seen.free_bytes,
            wal_bytes=seen.wal_bytes,
            waiting=seen.waiting,
            late=float(seen.late_seconds),
            webhooks=seen.webhooks,
            dead=seldom.dead,
            failed=seldom.failed,
            held=seldom.held,
            refused=seldom.refused,
            webhook_due=seldom.webhook_due,
            webhook_last=seldom.webhook_last,
            api_key=seldom.api_key,
            skews=known.skews if ahead is None else {**known.skews, "database": ahead},
            heard=heard,
        )

    def _destination(self, told: Mapping[str, Any] | None) -> Destination | None:
        if told is None:
            return None

        def ours(text: str | None) -> float | None:
            return None if text is None else datetime.fromisoformat(text).timestamp() - self._work_ahead

        why, away = WHY.get(told["reason"], ""), ours(told.get("away_since"))
        return Destination(told["state"], why, ours(told["since"]), self._looks.node, away)

    def _fill(self, facts: Facts) -> None:
        """What is too much to take more: with levels of begin and end, and nobody can turn it off."""
        for condition in (one for code in FULL for one in of(code, facts, self._limits)):
            if condition.case == "bad" or (condition.case == "between" and condition.code in self._full):
                self._full[condition.code] = condition.text
            else:
                self._full.pop(condition.code, None)

    # ---- what there is to say ----

    def _judge(self, facts: Facts) -> None:
        if self._stopping:
            return
        found = conditions(facts, self._limits)
        said: list[Notice] = []
        for name, book in tuple(self._books.items()):
            own = [one for one in found if self._belongs(name, one)]
            elsewhere = {
                code
                for other, kept in self._books.items()
                if other != name
                for code, _ in kept.alerts.standing
            }
            mark = f"{self._mark}{name and name + '-'}"
            after, notices = book.after(own, self._limits, facts.now, tuple(self._tellers), mark, elsewhere)
            if after.alerts != book.alerts:
                self._dirty.add(name)
            self._books[name] = after
            said += notices
        for notice in said:
            say(notice.edge)
        self._store_then_tell()

    def _belongs(self, name: str, one: Condition) -> bool:
        """Whether a condition belongs into the book of that name."""
        return not self._looks.node or (name == self._looks.node) == BY_CODE[one.code].of_node

    def _store_then_tell(self) -> None:
        """What is told was stored before; where the store does not answer it is told all the same."""
        if not self._dirty:
            self._tell()
            return
        patience = self._reactor.callLater(STORED_SECONDS, self._tell)

        def stored(_: object) -> None:
            if patience.active():
                cancel(patience)
                self._tell()

        self._save().addBoth(stored)

    def _save(self) -> Deferred[None]:
        """Write what has changed, in a thread; what can't be written stays to be written."""
        if self._saving is not None:
            return _after(self._saving).addCallback(lambda _: self._save())
        names = sorted(self._dirty & set(self._books))
        if not names:
            return succeed(None)
        texts = {name: self._books[name].text() for name in names}
        self._dirty.difference_update(names)
        self._saved_at = self._now()
        saving: Deferred[None] = deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), self._write, texts
        )
        self._saving = saving

        def failed(failure: Failure) -> None:
            self._dirty.update(names)
            event(log, logging.DEBUG, "alerts-not-stored", error=where(failure.value or Exception()))

        def ended(_: object) -> None:
            self._saving = None

        saving.addErrback(failed)
        saving.addBoth(ended)
        return _after(saving) if self._saving is saving else succeed(None)

    def _write(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self._looks.write(name, text)

    def stop(self) -> Deferred[None]:
        """Judge no more; fires when what is known is stored, or can't be."""
        self._stopping = True
        self._dirty.update(self._books)
        stored: Deferred[None] = Deferred()
        patience = self._reactor.callLater(STORED_SECONDS, stored.callback, None)

        def saved(_: object) -> None:
            if patience.active():
                cancel(patience)
                stored.callback(None)

        self._save().addBoth(saved)
        return stored

    # ---- channels ----

    def _tell(self) -> None:
        """Have each channel that is free tell the next that is due."""
        for teller in self._tellers.values():
            self._tell_next(teller)

    def _tell_next(self, teller: Teller) -> None:
        now = self._now()
        teller.look(now)
        if teller.busy or self._stopping:
            return
        for name in tuple(self._books):
            notice = self._next_of(name, teller.name, now)
            if notice is not None:
                ended = self._telling(teller, name, notice)
                teller.start(notice, self._sender, now, self._reactor, ended)
                return

    def _next_of(self, name: str, channel: str, now: float) -> Notice | None:
        """What a book has for a channel now."""
        queue = self._books[name].queues.get(channel)
        if queue is None:
            return None
        fresh = queue.fresh(now)
        if fresh.lost:
            give_up(channel, fresh.lost)
            fresh = replace(fresh, lost=0)
        if fresh != queue:
            self._books[name] = self._books[name].with_queue(channel, fresh)
            self._dirty.add(name)
        return fresh.next(now)

    def _telling(self, teller: Teller, name: str, notice: Notice) -> Callable[[str], None]:
        """What is called when a channel has come to its end with a notice, with '' or why it was not told."""

        def ended(problem: str) -> None:
            book = self._books.get(name)
            queue = None if book is None else book.queues.get(teller.name)
            if book is None or queue is None:
                return
            after = queue.missed(self._now()) if problem else queue.told(notice.id)
            self._books[name] = book.with_queue(teller.name, after)
            if not problem:
                self._dirty.add(name)
                self._save()
                self._tell_next(teller)

        return ended


def alerting_of(
    settings: Settings, store: Store, reactor: Any, door: Callable[[], DoorFacts], work_ahead: float
) -> Alerting:
    """The daemon's alerts. Raises SettingsError: a secret of a channel is not there."""
    host = socket.gethostname()
    node = f"{host}:{settings.web.port}" if store.shared else ""
    looks = Looks(store, settings, node, secrets.token_hex(8), work_ahead=work_ahead)
    channels, sender = channels_of(settings), sender_of(settings, host)
    return Alerting(looks, reactor, door, channels, sender, work_ahead=work_ahead)


def _skews(gauges: Mapping[str, float]) -> dict[str, float]:
    """By how much our clock is ahead of the API's, as the work has seen it."""
    ahead = gauges.get("api_clock_ahead_seconds")
    return {} if ahead is None else {"API": ahead}


def _after(one: Deferred[None]) -> Deferred[None]:
    """Fires when another one has, whose result stays its own."""
    waits: Deferred[None] = Deferred()

    def both(result: Any) -> Any:
        waits.callback(None)
        return result

    one.addBoth(both)
    return waits
