"""One field that leads to what is typed: a control id, a number of ours, a correlation id, a patient's number.

It is posted: what is typed may be a patient's number, and must not stand in an address, which browsers and proxies keep.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from interface.console.asked import Action, Around, Asked, Go, RefusedError, as_id
from interface.store.records.lists import MessageFilter, RequestFilter
from interface.store.store import Store

_OURS = re.compile(r"(message|request|msg|req|m|r)\s*#?\s*(\d+)", re.IGNORECASE)
_NOTHING = (
    "Nothing has that as its control id, correlation id, number in this console or MRN. Whole ones are looked for: "
    "message 12, request 12; a patient's number of another authority as 778899^^^AUTHORITY (PID-3)."
)


def act(store: Store, asked: Asked, around: Around) -> Go:
    """Where it leads. RefusedError (404) when to nothing; it does not repeat what was typed."""
    text = asked.form.sent("q")
    if not text:
        return Go(
            "/requests" if asked.form.choice("from", ("messages", "requests")) == "requests" else "/messages"
        )
    found = _ours(store, text) or _by_control_id(store, text) or _by_correlation_id(store, text)
    found = found or _of_patient(store, asked, around, text) or _ours(store, f"message {text}")
    if found is None:
        raise RefusedError(404, _NOTHING)
    return Go(found)


def _ours(store: Store, text: str) -> str | None:
    match = _OURS.fullmatch(text)
    number = as_id(match[2]) if match else None
    if match is None or number is None:
        return None
    if match[1][0].lower() == "m":
        return f"/messages/{number}" if store.views.bodies([number]) else None
    return f"/requests/{number}" if store.views.requests(RequestFilter(id=number)) else None


def _by_control_id(store: Store, text: str) -> str | None:
    found = store.views.messages(MessageFilter(control_id=text), limit=2)
    if len(found) == 1:
        return f"/messages/{found[0].id}"
    return f"/messages?{urlencode({'control_id': text})}" if found else None


def _by_correlation_id(store: Store, text: str) -> str | None:
    found = store.views.requests(RequestFilter(correlation_id=text), limit=2)
    if len(found) == 1:
        return f"/requests/{found[0].id}"
    return f"/requests?{urlencode({'correlation_id': text})}" if found else None


def _of_patient(store: Store, asked: Asked, around: Around, text: str) -> str | None:
    """The list of a patient's messages or requests, by our number of him."""
    number, _, rest = text.partition("^")
    authority = rest.split("^")[2] if rest.count("^") >= 2 else ""
    key = around.kept.key(number, authority)
    patient = store.patients.owners((key,)).get(key)
    if patient is None:
        return None
    wanted = asked.form.choice("from", ("messages", "requests"), "messages")
    return f"/{wanted}?patient={patient}"


ACTION = Action("/find", act, role="viewer")
