"""The messages that came in, newest first, by filters; a page is asked for by the id it comes before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Around, Asked, Page, Shown, day_of
from interface.store.database import Store
from interface.store.records.lists import MessageFilter, MessageSummary

ROWS = 50
STATES = {"": "any", "new": "to be decided", "done": "decided", "failed": "failed"}
DECISIONS = {
    "": ("any", ""),
    "post": ("post", "good"),
    "chart": ("chart", "calm"),
    "hold": ("hold", "warn"),
    "cancel": ("cancel", "calm"),
    "ignore": ("ignore", "calm"),
    "reject": ("reject", "bad"),
}
"""How each looks."""
COLUMNS = (
    {"key": "received", "label": "received", "tight": True},
    {"key": "sender", "label": "sender"},
    {"key": "type", "label": "type", "tight": True},
    {"key": "control", "label": "control id"},
    {"key": "decision", "label": "decision"},
    {"key": "why", "label": "why"},
)


@dataclass(frozen=True, slots=True)
class What:
    """The rows of a page, one more where there are more, and the listeners that there are."""

    rows: list[MessageSummary]
    listeners: tuple[str, ...]


def read(store: Store, asked: Asked, around: Around) -> What:
    """One page of the list."""
    listeners = tuple(listener.name for listener in around.settings.listeners)
    rows = store.views.messages(filter_of(asked), before=asked.query.whole("before"), limit=ROWS + 1)
    return What(rows, listeners)


def filter_of(asked: Asked) -> MessageFilter:
    """What the address asks for. RefusedError names what is wrong in it."""
    query = asked.query
    return MessageFilter(
        state=query.choice("state", STATES) or None,
        decision=query.choice("decision", DECISIONS) or None,
        message_type=query.text("type").upper() or None,
        control_id=query.text("control_id") or None,
        listener=query.text("listener") or None,
        sender=query.text("sender") or None,
        code=query.text("code") or None,
        since=day_of(asked, "since"),
        until=day_of(asked, "until", more=1),
    )


def values(asked: Asked, what: What) -> Shown:
    """The list, its filters, and the addresses of the other pages."""
    rows = what.rows[:ROWS]
    more = len(what.rows) > ROWS
    return Shown(
        "Messages",
        {
            "columns": COLUMNS,
            "rows": [_row(row) for row in rows],
            "fields": _fields(asked, what.listeners),
            "newer": _address(asked) if asked.query.whole("before") else "",
            "older": _address(asked, before=rows[-1].id) if more else "",
        },
    )


FILTERS = ("control_id", "decision", "state", "type", "sender", "listener", "code", "since", "until")


def _address(asked: Asked, **more: int) -> str:
    given = [(name, asked.query.text(name)) for name in FILTERS]
    query = urlencode([(name, value) for name, value in (*given, *more.items()) if value])
    return f"/messages?{query}" if query else "/messages"


def _fields(asked: Asked, listeners: Iterable[str]) -> list[dict[str, Any]]:
    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "value": asked.query.text(name), "type": "text"} | more

    return [
        field("control_id", "control id"),
        field("decision", "decision", choices=[(code, said) for code, (said, _) in DECISIONS.items()]),
        field("state", "state", choices=list(STATES.items())),
        field("type", "type, as SIU^S12"),
        field("sender", "sender"),
        field("listener", "listener", choices=[("", "any"), *((name, name) for name in listeners)]),
        field("code", "reason's code"),
        field("since", "from day", type="date"),
        field("until", "to day", type="date"),
    ]


def _row(row: MessageSummary) -> dict[str, Any]:
    decided, level = DECISIONS.get(row.decision or "", ("", "calm"))
    if not row.decision:
        decided, level = STATES.get(row.state, row.state), "bad" if row.state == "failed" else "calm"
    sender = " · ".join(filter(None, (row.sender_application, row.sender_facility)))
    return {
        "key": f"message-{row.id}",
        "received": {"at": row.received_at, "small": f"number {row.id}"},
        "sender": {"text": sender or "without a name", "small": row.listener},
        "type": row.message_type or "not HL7",
        "control": {"text": row.control_id, "small": _repeats(row)},
        "decision": {"badge": decided, "level": level},
        "why": "; ".join(str(reason.get("text") or reason.get("code") or "") for reason in row.reasons),
    }


def _repeats(row: MessageSummary) -> str:
    said = []
    if row.duplicates:
        said.append(f"came {row.duplicates + 1} times")
    if row.conflict:
        said.append("other content under a known control id")
    return ", ".join(said)


PAGE = Page("/messages", "messages.html", read, values, entry="Messages")
