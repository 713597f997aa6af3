"""Opening a store: the database, its version, its key; and the parts that each get a connection of their own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy import bindparam, make_url, update
from sqlalchemy.exc import ArgumentError

from interface.store.crypto import Keyring, Master
from interface.store.database import Database, Part
from interface.store.errors import StoreError
from interface.store.key_look import KeyLook
from interface.store.lock import Role
from interface.store.migrations import MIGRATIONS
from interface.store.opening import Opening, said_of_none
from interface.store.presence import Presence, presence
from interface.store.records.figures import StoreStats
from interface.store.schema import liveness
from interface.store.sqlite import SQLite, sqlite_path

if TYPE_CHECKING:
    from interface.store.alert_facts import AlertFacts
    from interface.store.alerts import AlertBooks
    from interface.store.audit import Audit
    from interface.store.backup import Backup
    from interface.store.checkpoints import Checkpoints
    from interface.store.commands import Commands
    from interface.store.confirmations import Confirmations
    from interface.store.environments import Environments
    from interface.store.inbox import Inbox
    from interface.store.journal import Journal
    from interface.store.nodes import Nodes
    from interface.store.onboarding_views import OnboardingViews
    from interface.store.overview import Overview
    from interface.store.patient_views import PatientViews
    from interface.store.resealing import Resealing
    from interface.store.retention import Retention
    from interface.store.roster import RosterRows
    from interface.store.rotation import Rotation
    from interface.store.rounds import Rounds
    from interface.store.unsettled import Unsettled
    from interface.store.users import Users
    from interface.store.views import Views
    from interface.store.webhook_views import WebhookViews
    from interface.store.work import Work

_PartT = TypeVar("_PartT", bound=Part)

_ALIVE = update(liveness).where(liveness.c.id == 1).values(checked_at=bindparam("checked_at_now"))


def database_at(url: str) -> Database:
    """The database that a URL names; nothing is opened yet. StoreError in one line when it names none."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(
            "[store] url is not a database URL: write sqlite:///path/of/the/file.db or "
            "postgresql+psycopg://USER@HOST/DATABASE"
        ) from None
    if parsed.drivername != "postgresql+psycopg":
        return SQLite(sqlite_path(url))
    try:
        # imported here: with SQLite nobody needs the driver
        from interface.store.postgresql import PostgreSQL

        return PostgreSQL(parsed)
    except (ImportError, ArgumentError, TypeError, ValueError) as error:
        raise StoreError(f"[store] url: PostgreSQL cannot be used by it: {type(error).__name__}") from None


def open_store(url: str, master: Master, *, create: bool = True) -> Store:
    """Open the store at a URL, `sqlite:///relative`, `sqlite:////absolute` or `postgresql+psycopg://…`, bringing it up
    to date.

    With `create` a missing file (mode 0600) or the tables are made. Raises StoreError in one line: no such database,
    a store newer than the program, another at-rest key than the store's. Without it nothing is made or brought up
    to date (for programs that only look).
    """
    database = database_at(url)
    if not database.prepare(create=create):
        raise StoreError(said_of_none(database))
    version = Opening(database.changing() if create else database).prepare(master, MIGRATIONS, change=create)
    return Store(database, KeyLook(database, master).keyring(), version)


def store_exists(url: str) -> bool:
    """Whether there is a store at a URL, whoever's and however old. Raises StoreError where that can't be found out."""
    database = database_at(url)
    if database.path is not None:
        return database.path.is_file() and database.path.stat().st_size > 0
    return Opening(database).exists()


def may_make_key(url: str) -> bool:
    """Whether a key may be made for the store at `url`: there is no store yet, or no key opens it (all is in the clear)."""
    return not store_exists(url) or Opening(database_at(url)).is_bare()


def presence_at(url: str, role: Role) -> Presence:
    """The door or the work of the store at a URL, as others see it; for use before it is opened."""
    return presence(database_at(url), role)


def no_store(url: str) -> str:
    """What to say of a store that is not there: not yet, or not any more."""
    return said_of_none(database_at(url))


class _Probe(Part):
    """Tries whether the store takes a write, on a connection that does not wait long."""

    def write(self, now: float) -> None:
        with self._writing() as connection:
            connection.execute(_ALIVE, {"checked_at_now": now})


class Store:
    """An open store. Each part is made on first use, has its own connection and is used by one thread at a
    time. It is imported then, too: no process and no command needs more than a few (a sixth of a command's time).
    """

    def __init__(self, database: Database, keyring: Keyring, version: int, *, whole: bool = True) -> None:
        """`whole`: closing it closes the database, too."""
        self.schema_version = version
        self._whole = whole
        self._database = database
        self._keyring = keyring
        self._parts = contextlib.ExitStack()
        self._making = threading.Lock()
        self._probing = threading.Lock()
        self._probe: _Probe | None = None
        self._made: dict[type[Part], Part] = {}

    @property
    def keyring(self) -> Keyring:
        """The keys that seal and open its values."""
        return self._keyring

    @property
    def path(self) -> Path | None:
        """The file; None: it is a server's."""
        return self._database.path

    @property
    def journal(self) -> Journal:
        """The door's writer."""
        from interface.store.journal import Journal

        return self._part(Journal, lambda: Journal(self._database, self._keyring))

    @property
    def work(self) -> Work:
        """What the work's loop reads and commits."""
        from interface.store.work import Work

        return self._part(Work, lambda: Work(self._database, self._keyring))

    @property
    def views(self) -> Views:
        """Lists, details and counts; reads only."""
        from interface.store.views import Views

        return self._part(Views, lambda: Views(self._database, self._keyring))

    @property
    def patients(self) -> PatientViews:
        """Patients and what is theirs; reads only."""
        from interface.store.patient_views import PatientViews

        return self._part(PatientViews, lambda: PatientViews(self._database, self._keyring))

    @property
    def commands(self) -> Commands:
        """What persons ask of the work."""
        from interface.store.commands import Commands

        return self._part(Commands, lambda: Commands(self._database, self._keyring))

    @property
    def inbox(self) -> Inbox:
        """The door's writer for webhooks."""
        from interface.store.inbox import Inbox

        return self._part(Inbox, lambda: Inbox(self._database, self._keyring))

    @property
    def webhooks(self) -> WebhookViews:
        """Webhooks, and requests that none has answered; reads only."""
        from interface.store.webhook_views import WebhookViews

        return self._part(WebhookViews, lambda: WebhookViews(self._database, self._keyring))

    @property
    def rotation(self) -> Rotation:
        """What replaces the master key."""
        from interface.store.rotation import Rotation

        return self._part(Rotation, lambda: Rotation(self._database))

    @property
    def resealing(self) -> Resealing:
        """What seals values of older keys anew."""
        from interface.store.resealing import Resealing

        return self._part(Resealing, lambda: Resealing(self._database, self._keyring))

    @property
    def backup(self) -> Backup:
        """What copies it."""
        from interface.store.backup import Backup

        return self._part(Backup, lambda: Backup(self._database))

    @property
    def checkpoints(self) -> Checkpoints:
        """What brings commits into a SQLite file from its log."""
        from interface.store.checkpoints import Checkpoints

        return self._part(Checkpoints, lambda: Checkpoints(self._database))

    @property
    def environments(self) -> Environments:
        """Where the store lives, and what going live finds there."""
        from interface.store.environments import Environments

        return self._part(Environments, lambda: Environments(self._database))

    @property
    def onboarding(self) -> OnboardingViews:
        """Evidence of the steps to production; reads only."""
        from interface.store.onboarding_views import OnboardingViews

        return self._part(OnboardingViews, lambda: OnboardingViews(self._database, self._keyring))

    @property
    def confirmations(self) -> Confirmations:
        """What persons have seen done."""
        from interface.store.confirmations import Confirmations

        return self._part(Confirmations, lambda: Confirmations(self._database, self._keyring))

    @property
    def roster(self) -> RosterRows:
        """The vendor's test patients."""
        from interface.store.roster import RosterRows

        return self._part(RosterRows, lambda: RosterRows(self._database, self._keyring))

    @property
    def rounds(self) -> Rounds:
        """How the production test stands."""
        from interface.store.rounds import Rounds

        return self._part(Rounds, lambda: Rounds(self._database, self._keyring))

    @property
    def retention(self) -> Retention:
        """What finds and deletes rows that are kept no longer."""
        from interface.store.retention import Retention

        return self._part(Retention, lambda: Retention(self._database, self._keyring))

    @property
    def users(self) -> Users:
        """Who may use the console, and who is signed in."""
        from interface.store.users import Users

        return self._part(Users, lambda: Users(self._database))

    @property
    def audit(self) -> Audit:
        """Who saw and did what in the console."""
        from interface.store.audit import Audit

        return self._part(Audit, lambda: Audit(self._database, self._keyring))

    @property
    def overview(self) -> Overview:
        """Counts for people, at a glance; reads only."""
        from interface.store.overview import Overview

        return self._part(Overview, lambda: Overview(self._database))

    @property
    def unsettled(self) -> Unsettled:
        """What waits for a person, by reason; reads only."""
        from interface.store.unsettled import Unsettled

        return self._part(Unsettled, lambda: Unsettled(self._database))

    @property
    def alert_books(self) -> AlertBooks:
        """What alerts are on; the daemon's, and for who lists them."""
        from interface.store.alerts import AlertBooks

        return self._part(AlertBooks, lambda: AlertBooks(self._database))

    @property
    def alert_facts(self) -> AlertFacts:
        """What alerts are judged by; reads only."""
        from interface.store.alert_facts import AlertFacts

        return self._part(AlertFacts, lambda: AlertFacts(self._database))

    @property
    def shared(self) -> bool:
        """Whether daemons of several hosts may use it at once."""
        return self._database.shared

    @property
    def nodes(self) -> Nodes:
        """Which processes use the store; the pulse's."""
        from interface.store.nodes import Nodes

        return self._part(Nodes, lambda: Nodes(self._database))

    def presence(self, role: Role) -> Presence:
        """The store's door or work, as others see it. One thread's; ends with the store."""
        made = presence(self._database, role)
        self._parts.callback(made.release)
        return made

    def _part(self, kind: type[_PartT], make: Callable[[], _PartT]) -> _PartT:
        with self._making:
            found = self._made.get(kind)
            if not isinstance(found, kind):
                found = self._made[kind] = self._keep(make())
            return found

    def _keep(self, part: _PartT) -> _PartT:
        self._parts.callback(part.close)
        return part

    def check_writable(self) -> None:
        """Write a row and commit it; StoreError says why that failed. From any thread; waits about a second
        at most.
        """
        with self._probing:
            if self._probe is None:
                self._probe = self._keep(_Probe(self._database.probing()))
            self._probe.write(time.time())

    def stats(self) -> StoreStats:
        """What the store is called, and its sizes in bytes. From any thread, one at a time."""
        return self.views.stats(self.schema_version)

    def close(self) -> None:
        """Close every part; what was not committed is undone."""
        self._parts.close()
        self._probe = None
        self._made.clear()
        if self._whole:
            self._database.engine.dispose()

    def another(self) -> Store:
        """One of the same database with the same keys, for another thread; to be closed before this one."""
        return Store(self._database, self._keyring, self.schema_version, whole=False)

    def interrupt(self) -> None:
        """Have what its parts are reading or writing just now fail with StoreError. From any thread."""
        with self._making:
            made = [part for part in (self._probe, *self._made.values()) if part is not None]
        for part in made:
            part.interrupt()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
