"""Who saw and did what in the console, newest first, and who may sign in. For admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Around, Asked, Page, Shown, as_id, day_of
from interface.store.records.console import AuditEntry, User
from interface.store.store import Store

ROWS = 50
SIGNED_IN = "signed in"
KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("any", ()),
    "seen": ("patient data seen", ("saw", "has patient data shown")),
    "done": ("done by hand", ("retry", "discard", "release", "reprocess", "rebuild")),
    "signing-in": ("signing in and out", (SIGNED_IN, "signed out", "was refused")),
}
"""What one asks for, and the actions that it stands for; every action is in `any`."""
COLUMNS = (
    {"key": "at", "label": "when", "tight": True},
    {"key": "who", "label": "who"},
    {"key": "action", "label": "what", "tight": True},
    {"key": "subject", "label": "record"},
    {"key": "why", "label": "reason given"},
)
USER_COLUMNS = (
    {"key": "name", "label": "name"},
    {"key": "role", "label": "role", "tight": True},
    {"key": "state", "label": "state", "tight": True},
    {"key": "last", "label": "last sign-in", "tight": True},
    {"key": "password", "label": "password set", "tight": True},
)
FILTERS = ("user", "kind", "subject", "since", "until")


@dataclass(frozen=True, slots=True)
class What:
    """The entries of a page, one more where there are more; the users and when each signed in last."""

    entries: list[AuditEntry]
    users: list[tuple[User, float | None]]


def read(store: Store, asked: Asked, around: Around) -> What:  # noqa: ARG001 - as every page's
    """One page."""
    query = asked.query
    first, end = (
        0 if at is None else store.overview.first_ids("audit", [at])[0]
        for at in (day_of(asked, "since"), day_of(asked, "until", more=1))
    )
    before = min((number for number in (query.whole("before"), end) if number), default=None)
    entries = store.audit.page(
        user_name=query.text("user") or None,
        subject=query.text("subject") or None,
        actions=KINDS[query.choice("kind", KINDS)][1],
        first=first,
        before=before,
        limit=ROWS + 1,
    )
    return What(entries, [(user, store.audit.last(user.name, SIGNED_IN)) for user in store.users.all()])


def values(asked: Asked, what: What) -> Shown:
    """The list, its filters, the addresses of the other pages, and the users."""
    entries = what.entries[:ROWS]
    more = len(what.entries) > ROWS
    return Shown(
        "Audit",
        {
            "columns": COLUMNS,
            "rows": [_row(asked, entry) for entry in entries],
            "fields": _fields(asked),
            "newer": _address(asked) if asked.query.whole("before") else "",
            "older": _address(asked, before=entries[-1].id) if more else "",
            "user_columns": USER_COLUMNS,
            "users": [_user(user, last) for user, last in what.users],
        },
        seen=("audit",) if any(entry.detail for entry in entries) else (),
    )


def _address(asked: Asked, **more: int) -> str:
    given = [(name, asked.query.text(name)) for name in FILTERS]
    query = urlencode([(name, value) for name, value in (*given, *more.items()) if value])
    return f"/audit?{query}" if query else "/audit"


def _fields(asked: Asked) -> list[dict[str, Any]]:
    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "value": asked.query.text(name), **more}

    return [
        field("user", "user"),
        field("kind", "what", choices=[(name, label) for name, (label, _) in KINDS.items()]),
        field("subject", "record", hint="message 12"),
        field("since", "from day", type="date"),
        field("until", "to day", type="date"),
    ]


def _row(asked: Asked, entry: AuditEntry) -> dict[str, Any]:
    return {
        "key": f"entry-{entry.id}",
        "at": {"at": entry.at, "small": f"number {entry.id}"},
        "who": {"text": entry.user_name, "small": entry.peer},
        "action": entry.action,
        "subject": {"text": entry.subject, "href": _page_of(asked, entry.subject)},
        # what somebody typed may name a patient
        "why": asked.viewer.veil(entry.detail) if entry.detail else "",
    }


def _page_of(asked: Asked, subject: str) -> str:
    """The page of a record, where there is one."""
    kind, _, number = subject.partition(" ")
    path = f"/{kind}s/{number}"
    return path if as_id(number) and asked.has(f"/{kind}s/{{id}}") else ""


def _user(user: User, last: float | None) -> dict[str, Any]:
    state = ("disabled", "warn") if user.disabled else ("may sign in", "good")
    return {
        "key": f"user-{user.name}",
        "name": {"text": user.name, "href": f"/audit?{urlencode({'user': user.name})}"},
        "role": user.role,
        "state": {"badge": state[0], "level": state[1]},
        "last": {"at": last} if last is not None else "never",
        "password": {"at": user.password_at},
    }


PAGE = Page("/audit", "audit.html", read, values, entry="Audit", role="admin")
