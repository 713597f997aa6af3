"""Signing in: a name and a password become a session. What is said of a failure tells nothing of who there is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interface.console import security
from interface.console.asked import Fields, Incoming, local_path
from interface.console.pauses import Pauses
from interface.console.rendering import render
from interface.console.replies import Reply, see
from interface.services.logs import event
from interface.services.passwords import is_right
from interface.store.records.console import AuditEntry
from interface.store.store import Store

log = logging.getLogger(__name__)

WRONG = "The name or the password is wrong."
MOST_SIGNING_IN = 4
"""Passwords that are looked at or wait for it: each costs 64 MiB for a moment."""
UNKNOWN = "(unknown)"
"""In the audit instead of a name that nobody has: it may be a password, typed in the wrong place."""

Frame = Callable[[None, str, str, float], dict[str, Any]]
"""Gives what every page has around it."""


class SigningIn:
    """The form to sign in, and who types wrong passwords. Any thread."""

    def __init__(self, frame: Frame, file: Path | None, now: Callable[[], float]) -> None:
        """`file`: the settings file, for who has to make the first user."""
        self._frame = frame
        self._file = file
        self._now = now
        self._pauses = Pauses()
        self._lock = threading.Lock()
        self._signing_in = threading.BoundedSemaphore(MOST_SIGNING_IN)

    def answer(self, store: Store, incoming: Incoming, *, signed_in: bool) -> Reply:
        """The form, or what comes of it; `signed_in`: somebody is already."""
        locked = security.is_locked(incoming)
        token = security.cookie_of(incoming, security.FORM)
        query, form = Fields(incoming.query), Fields(incoming.form)
        following = local_path(query.secret("next") or form.secret("next"))
        if incoming.method == "GET":
            if signed_in:
                return see(following)
            return self._page(store, following, token, locked=locked)
        name, password = form.secret("name").strip(), form.secret("password")
        if not (security.is_own(incoming) and token and security.is_csrf(form.secret("csrf"), token)):
            text = "This page was open for too long, or cookies are off. Please try again."
            return self._page(store, following, token, locked=locked, name=name, said=text, status=403)
        with self._lock:
            left = self._pauses.left(name, incoming.peer, self._now())
        if left > 0:
            text = f"Too many wrong passwords: please wait {int(left) + 1} s."
            return self._page(store, following, token, locked=locked, name=name, said=text, status=429)
        if not self._signing_in.acquire(blocking=False):
            text = "Many are signing in just now: please try again in a moment."
            return self._page(store, following, token, locked=locked, name=name, said=text, status=429)
        try:
            session = self._session_of(store, name, password, incoming.peer)
        finally:
            self._signing_in.release()
        if session is None:
            return self._page(store, following, token, locked=locked, name=name, said=WRONG, status=403)
        cookies = (
            security.set_cookie(security.SESSION, session, locked=locked),
            security.drop_cookie(security.FORM, locked=locked),
        )
        return see(following, cookies)

    def _session_of(self, store: Store, name: str, password: str, peer: str) -> str | None:
        """The token of a new session, noted; None: name or password is wrong."""
        user = store.users.get(name)
        right = is_right(password, None if user is None or user.disabled else user.password)
        now, token = self._now(), security.new_token()
        if user is not None and right:
            store.users.end_old(now - security.IDLE_SECONDS)
            right = store.users.begin(security.token_hash(token), user, now)
        known = UNKNOWN if user is None else user.name
        action = "signed in" if right else "was refused"
        store.audit.add([AuditEntry(now, known, peer, action, "console")])
        with self._lock:
            if right:
                self._pauses.succeeded(name)
                return token
            self._pauses.failed(name, peer, now)
        event(log, logging.WARNING, "console-sign-in-refused", user=known, peer=peer)
        return None

    def _page(
        self,
        store: Store,
        following: str,
        token: str,
        *,
        locked: bool,
        name: str = "",
        said: str = "",
        status: int = 200,
    ) -> Reply:
        cookies: tuple[tuple[str, str], ...] = ()
        if not token:
            token = security.new_token()
            cookies = (security.set_cookie(security.FORM, token, locked=locked),)
        values = self._frame(None, "", following, self._now()) | {
            "csrf": security.csrf_of(token),
            "following": following,
            "name": name[:64],
            "said": said,
            "nobody": not store.users.any(),
            "config": str(self._file or ""),
        }
        return Reply(status, render("sign_in.html", values).encode(), cookies)
