"""A browser's request becomes an answer: who asks, whether they may, the page; without sockets, in a thread of its own.

Nothing that goes wrong leaves here: it becomes a page with a number that the log has, too.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from interface.console import security
from interface.console.asked import (
    Action,
    Around,
    Ask,
    Asked,
    AskMany,
    Fields,
    File,
    Go,
    Incoming,
    Page,
    Present,
    RefusedError,
    Viewer,
    Write,
    as_id,
    local_path,
)
from interface.console.figures import Figures
from interface.console.kept import Kept
from interface.console.rendering import clock, render, zone_name
from interface.console.replies import PLAIN, SIGN_IN, Reply, here, see, to_sign_in
from interface.console.signing_in import SigningIn
from interface.services.door_state import DoorState, Surroundings
from interface.services.logs import event, where
from interface.store.errors import StoreError
from interface.store.records.console import AuditEntry, Session
from interface.store.store import Store

log = logging.getLogger(__name__)

SIGN_OUT, SHOW, MASK = "/sign-out", "/show", "/mask"
NAVIGATION = (
    ("Today", "/"),
    ("Messages", "/messages"),
    ("Requests", "/requests"),
    ("Patients", "/patients"),
    ("Holds", "/holds"),
    ("Onboarding", "/onboarding"),
    ("Feed", "/feed"),
    ("Settings", "/settings"),
    ("Audit", "/audit"),
)
"""Entries in their order; those without a page, or whose page is for another role, are not shown."""
MOST_FORM_BYTES = 64 * 1024
"""Of a form, unless its action takes more."""
MOST_SENT = 500
"""Forms that are remembered to have been sent."""
TITLES = {
    400: "That was not understood",
    403: "Not allowed",
    404: "Not found",
    405: "Not here",
    409: "It has changed meanwhile",
    413: "Too large",
    429: "Please wait",
    500: "Something went wrong",
    503: "Not just now",
}


class Answering:
    """Answers; any thread, each with a store of its own."""

    def __init__(
        self,
        around: Surroundings,
        pages: Sequence[Page],
        actions: Sequence[Action],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._around = around
        self._pages = {_pattern(page.path): page for page in pages}
        self._actions = {_pattern(action.path): action for action in actions}
        self._paths = frozenset(page.path for page in pages)
        self._now = now
        self._figures = Figures(expected_seconds=around.settings.webhooks.expected_hours * 3600)
        self._kept = Kept(around.settings, around.store.another, now)
        self._noted: dict[bytes, tuple[float, set[str]]] = {}
        """By session: until when patient data is shown, and the records that were noted since it is."""
        self._noted_lock = threading.Lock()
        self._sent: dict[tuple[bytes, str], range] = {}
        """The commands of forms that were sent, the newest last, by session and form."""
        self._sent_lock = threading.Lock()
        self._signing_in = SigningIn(self._frame, around.settings.file, now)

    def most_bytes(self, path: str) -> int:
        """How long the form of a path may be."""
        action = self._actions.get(_pattern(_numbered(path)[0]))
        return MOST_FORM_BYTES if action is None else action.most_bytes

    def stop(self) -> None:
        """Give up what is being made in the background."""
        self._kept.stop()

    def answer(self, store: Store, incoming: Incoming, state: DoorState) -> Reply:
        """The answer; raises nothing."""
        viewer: Viewer | None = None
        try:
            viewer = self._viewer(store, incoming)
            if incoming.path == SIGN_IN:
                return self._signing_in.answer(store, incoming, signed_in=viewer is not None)
            if viewer is None:
                if incoming.method == "POST" and not self._is_ours(incoming.path):
                    # a webhook that missed its path must not be sent on to a page that answers 200
                    raise RefusedError(404, "There is no such page.")
                return to_sign_in(incoming)
            return self._answer(store, incoming, state, viewer)
        except RefusedError as refused:
            return self.failed(refused.status, str(refused), viewer)
        except Exception as error:
            return self._broken(error, incoming, viewer)

    def _broken(self, error: Exception, incoming: Incoming, viewer: Viewer | None) -> Reply:
        number = secrets.token_hex(4)
        # the class and the place of an error that nobody foresaw; its text may quote a message
        said = str(error) if isinstance(error, StoreError) else where(error)
        event(
            log, logging.ERROR, "console-failed", id=number, page=self._known_path(incoming.path), error=said
        )
        if isinstance(error, StoreError | TimeoutError):
            text = "The store did not answer in time, or not at all. Messages are taken and acknowledged regardless."
            return self.failed(503, text, viewer, number)
        return self.failed(500, "This page could not be made. The rest goes on.", viewer, number)

    def failed(self, status: int, text: str, viewer: Viewer | None = None, number: str = "") -> Reply:
        """A page that says what went wrong; never raises."""
        title = TITLES.get(status, TITLES[500])
        try:
            values = self._frame(viewer, "", "/", self._now()) | {
                "title": title,
                "text": text,
                "number": number,
                "missed": status == 404,
            }
            body = render("error.html", values)
        except Exception as error:
            event(log, logging.ERROR, "console-failed", page="error", error=where(error))
            return Reply(status, f"{title}. {number}\n".encode(), kind=PLAIN)
        return Reply(status, body.encode())

    def _known_path(self, path: str) -> str:
        """The path as it may stand in the log: of a row of ours."""
        found = self._row(path)
        return found.path if found else "other"

    def _row(self, path: str) -> Page | Action | None:
        key = _pattern(_numbered(path)[0])
        return self._pages.get(key) or self._actions.get(key)

    def _is_ours(self, path: str) -> bool:
        """Whether something of the console is there, for whomever."""
        return path in (SIGN_OUT, SHOW, MASK) or self._row(path) is not None

    # ---- who ----

    def _viewer(self, store: Store, incoming: Incoming) -> Viewer | None:
        """Who is signed in; None: nobody (any more)."""
        token = security.cookie_of(incoming, security.SESSION)
        if not token:
            return None
        now, digest = self._now(), security.token_hash(token)
        session = store.users.session(digest)
        if session is None:
            return None
        if not _is_good(session, now):
            with contextlib.suppress(StoreError):  # it has ended in any case
                store.users.end(digest)
            return None
        # what a script asks for by itself does not keep a session open: nobody may be there
        if not incoming.live and now - session.used_at > security.TOUCH_SECONDS:
            # on a full disk the console is needed most: the session counts as it was
            with contextlib.suppress(StoreError):
                store.users.used(digest, now)
        return Viewer(
            session.user_name,
            session.role,
            digest,
            security.csrf_of(token),
            session.shows_until,
            shows=now < session.shows_until <= now + security.SHOW_SECONDS,
        )

    # ---- pages and actions ----

    def _answer(self, store: Store, incoming: Incoming, state: DoorState, viewer: Viewer) -> Reply:
        numbered, ids = _numbered(incoming.path)
        asked = Asked(
            viewer,
            self._now(),
            self._around.settings.site.zone,
            ids,
            Fields(incoming.query),
            Fields(incoming.form),
            dict(incoming.files),
            incoming.path,
            self._paths,
        )
        around = Around(self._around.settings, state, self._figures, self._kept, self._around.work_ahead)
        if incoming.method == "POST":
            return self._act(store, incoming, asked, around, _pattern(numbered))
        page = self._pages.get(_pattern(numbered))
        if page is None:
            raise RefusedError(404, "There is no such page.")
        _require(viewer, page.role)
        shown = page.values(asked, page.read(store, asked, around))
        if isinstance(shown, File):
            self._note(store, incoming, viewer, "took", (shown.subject,))
            kept = ("Content-Disposition", f'attachment; filename="{shown.name}"')
            return Reply(200, shown.body, (kept,), shown.kind)
        return self._show(store, incoming, asked, Present(shown, page.template, page.entry))

    def _show(self, store: Store, incoming: Incoming, asked: Asked, found: Present) -> Reply:
        viewer, shown = asked.viewer, found.shown
        if viewer.shows and shown.seen:  # noted first: what can't be noted is not shown
            self._note_seen(store, incoming, viewer, shown.seen)
        values = self._frame(viewer, shown.entry or found.entry, here(incoming), asked.now) | {
            "title": shown.title,
            "asked": asked,
            **shown.values,
        }
        return Reply(shown.status, render(found.template, values).encode())

    def _act(
        self, store: Store, incoming: Incoming, asked: Asked, around: Around, pattern: tuple[str, ...]
    ) -> Reply:
        viewer, token = asked.viewer, security.cookie_of(incoming, security.SESSION)
        if not (security.is_own(incoming) and security.is_csrf(asked.form.secret("csrf"), token)):
            raise RefusedError(
                403, "This form is not of this session. Go back, load the page anew, try again."
            )
        if incoming.path == SIGN_OUT:
            store.users.end(viewer.token_hash)
            self._note(store, incoming, viewer, "signed out", ("console",))
            gone = security.drop_cookie(security.SESSION, locked=security.is_locked(incoming))
            return see(SIGN_IN, (gone,))
        following = local_path(asked.form.secret("next"))
        if incoming.path == MASK:
            store.users.show(viewer.token_hash, 0.0)
            return see(following)
        if incoming.path == SHOW:
            _require(viewer, "analyst")
            why = asked.form.text("why")
            if not why:
                raise RefusedError(400, "Say why patient data is to be shown: it is noted with your name.")
            self._note(store, incoming, viewer, "has patient data shown", ("console",), why)
            store.users.show(viewer.token_hash, asked.now + security.SHOW_SECONDS)
            return see(following)
        action = self._actions.get(pattern)
        if action is None:
            raise RefusedError(404, "There is no such form.")
        _require(viewer, action.role)
        wanted = action.act(store, asked, around)
        if isinstance(wanted, Go):
            return see(local_path(wanted.to))
        if isinstance(wanted, Present):
            return self._show(store, incoming, asked, wanted)
        if isinstance(wanted, Write):
            self._note(store, incoming, viewer, wanted.action, wanted.subjects, wanted.why)
            wanted.write(store)
            return see(local_path(wanted.back))
        if isinstance(wanted, AskMany):
            return self._ask_many(store, incoming, viewer, wanted)
        return self._ask(store, incoming, viewer, wanted)

    def _ask(self, store: Store, incoming: Incoming, viewer: Viewer, wanted: Ask) -> Reply:
        """Hand a command to the work. It is noted before: what can't be noted is not done."""
        self._note(store, incoming, viewer, wanted.action, wanted.subjects, wanted.why)
        number = store.commands.add(wanted.kind, wanted.arguments)
        self._around.wake()
        return see(f"/commands/{number}?{urlencode({'back': local_path(wanted.back)})}")

    def _ask_many(self, store: Store, incoming: Incoming, viewer: Viewer, wanted: AskMany) -> Reply:
        """The same in portions. Of a form that was sent twice the second leads to what became of the first."""
        key = (viewer.token_hash, wanted.once)
        with self._sent_lock:
            numbers = self._sent.get(key)
            if numbers is None:
                self._note(store, incoming, viewer, wanted.action, wanted.subjects, wanted.why)
                numbers = self._sent[key] = store.commands.add_all(wanted.kind, wanted.portions)
                for old in list(self._sent)[:-MOST_SENT]:
                    del self._sent[old]
                self._around.wake()
        back = urlencode({"back": local_path(wanted.back)})
        return see(f"/commands/{numbers[0]}/{numbers[-1]}?{back}")

    def _note_seen(self, store: Store, incoming: Incoming, viewer: Viewer, seen: Sequence[str]) -> None:
        """Each record once for each time that patient data is shown; a page that keeps itself up to date asks often."""
        with self._noted_lock:
            noted = self._noted.get(viewer.token_hash)
            if noted is None or noted[0] != viewer.shows_until:
                over = [key for key, (until, _) in self._noted.items() if until < self._now()]
                for key in over:
                    del self._noted[key]
                noted = self._noted[viewer.token_hash] = (viewer.shows_until, set())
            new = [subject for subject in seen if subject not in noted[1]]
        self._note(store, incoming, viewer, "saw", new)
        with self._noted_lock:
            noted[1].update(new)

    def _note(
        self,
        store: Store,
        incoming: Incoming,
        viewer: Viewer,
        action: str,
        subjects: Sequence[str],
        why: str | None = None,
    ) -> None:
        now = self._now()
        store.audit.add(
            [AuditEntry(now, viewer.name, incoming.peer, action, subject, why) for subject in subjects]
        )

    def _frame(self, viewer: Viewer | None, entry: str, here: str, now: float) -> dict[str, Any]:
        """What every page has around it."""
        site, zone = self._around.settings.site, self._around.settings.site.zone
        return {
            "viewer": viewer,
            "entry": entry,
            "here": here,
            "navigation": [(name, path) for name, path in NAVIGATION if self._leads(viewer, path)],
            "site_name": site.name,
            "environment": site.environment,
            "now": now,
            "clock": lambda seconds: clock(seconds, now, zone),
            "work_time": clock(now + ahead, now, zone) if (ahead := self._around.work_ahead) else "",
            "zone": zone_name(now, zone),
        }

    def _leads(self, viewer: Viewer | None, path: str) -> bool:
        page = self._pages.get(_pattern(path))
        return page is not None and viewer is not None and viewer.may(page.role)


def _is_good(session: Session, now: float) -> bool:
    """Whether a session has not ended by itself; one that comes from the future was begun by another clock."""
    idle, age = now - session.used_at, now - session.began_at
    return -security.TOUCH_SECONDS <= idle < security.IDLE_SECONDS and -1.0 <= age < security.LONGEST_SECONDS


def _require(viewer: Viewer, role: Any) -> None:
    if not viewer.may(role):
        raise RefusedError(403, f"This is for the role {role}; {viewer.name} is {viewer.role}.")


def _pattern(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _numbered(path: str) -> tuple[str, tuple[int, ...]]:
    """A path with `{id}` where it has numbers, and these."""
    segments = path.strip("/").split("/")
    numbers = [as_id(segment) for segment in segments]
    plain = [
        "{id}" if number is not None else segment for segment, number in zip(segments, numbers, strict=True)
    ]
    return "/".join(plain), tuple(number for number in numbers if number is not None)
