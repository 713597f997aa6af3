"""The messages that came in, newest first, by filters; a page is asked for by the id it comes before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from interface.console.asked import Around, Asked, Page, Shown, day_of
from interface.console.listing import ROWS, Listed, page_links, patient_of, reason_of
from interface.store.records.lists import MessageFilter, MessageSummary
from interface.store.store import Store

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
MEANINGS = (
    ("post", "it asks for the patient's records: a request was made, or one that was held goes out"),
    ("chart", "it was taken into the patient's chart; nothing is asked for because of it"),
    ("hold", "it asks for records, but something is missing or forbids it: why says what"),
    ("cancel", "it calls a visit or appointment off: what was not sent yet is withdrawn"),
    ("ignore", "it is not for us, by its kind, its patient or a filter: stored and answered, and no more"),
    ("reject", "it can't be read as HL7: stored as it came, and answered with an error"),
    ("failed", "deciding broke off: it is stored, and can be decided again"),
)
"""What is said of each decision, and of a message without one."""
COLUMNS = (
    {"key": "received", "label": "received", "tight": True},
    {"key": "sender", "label": "sender"},
    {"key": "type", "label": "type", "tight": True},
    {"key": "control", "label": "control id", "id": True},
    {"key": "decision", "label": "decision"},
    {"key": "why", "label": "why"},
)


def read(store: Store, asked: Asked, around: Around) -> Listed[MessageSummary]:
    """One page of the list."""
    listeners = tuple(listener.name for listener in around.settings.listeners)
    rows = store.views.messages(filter_of(asked), before=asked.query.whole("before"), limit=ROWS + 1)
    return Listed(rows, listeners)


def filter_of(asked: Asked) -> MessageFilter:
    """What the address asks for. RefusedError names what is wrong in it."""
    query = asked.query
    return MessageFilter(
        state=query.choice("state", STATES) or None,
        decision=query.choice("decision", DECISIONS) or None,
        message_type=query.sent("type").upper() or None,
        control_id=query.sent("control_id") or None,
        listener=query.text("listener") or None,
        sender=query.sent("sender") or None,
        code=query.text("code") or None,
        patient_id=query.whole("patient"),
        since=day_of(asked, "since"),
        until=day_of(asked, "until", more=1),
    )


def values(asked: Asked, what: Listed[MessageSummary]) -> Shown:
    """The list, its filters, and the addresses of the other pages."""
    return Shown(
        "Messages",
        {
            "columns": COLUMNS,
            "rows": [_row(row) for row in what.rows[:ROWS]],
            "meanings": [
                (word, said, DECISIONS.get(word, ("", "bad"))[1] or "calm") for word, said in MEANINGS
            ],
            "fields": _fields(asked, what.listeners),
            "of_patient": patient_of(asked, "/messages", FILTERS),
            **page_links(asked, "/messages", FILTERS, what.rows),
        },
    )


FILTERS = (
    "control_id",
    "decision",
    "state",
    "type",
    "sender",
    "listener",
    "code",
    "patient",
    "since",
    "until",
)


def _fields(asked: Asked, listeners: Iterable[str]) -> list[dict[str, Any]]:
    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "value": asked.query.sent(name), "type": "text"} | more

    return [
        field("control_id", "control id"),
        field("decision", "decision", choices=[(code, said) for code, (said, _) in DECISIONS.items()]),
        field("state", "state", choices=list(STATES.items())),
        field("type", "type", hint="SIU^S12"),
        field("sender", "sender"),
        field("listener", "listener", choices=[("", "any"), *((name, name) for name in listeners)]),
        field("code", "reason's code"),
        field("since", "from day", type="date"),
        field("until", "to day", type="date"),
    ]


def _row(row: MessageSummary) -> dict[str, Any]:
    text, level = decided(row)
    return {
        "key": f"message-{row.id}",
        "href": f"/messages/{row.id}",
        "received": {"at": row.received_at, "small": f"message {row.id}"},
        "sender": {"text": sender_of(row), "small": row.listener},
        "type": row.message_type or "not HL7",
        "control": {"text": row.control_id, "small": _repeats(row)},
        "decision": {"badge": text, "level": level},
        "why": reason_of(row.reasons),
    }


def decided(row: MessageSummary) -> tuple[str, str]:
    """What became of a message, in a word, and how that looks."""
    if row.decision:
        return DECISIONS.get(row.decision, (row.decision, "calm"))
    return STATES.get(row.state, row.state), "bad" if row.state == "failed" else "calm"


def sender_of(row: MessageSummary) -> str:
    """Who sent it, as it says itself."""
    return " · ".join(filter(None, (row.sender_application, row.sender_facility))) or "without a name"


def _repeats(row: MessageSummary) -> str:
    said = []
    if row.duplicates:
        said.append(f"came {row.duplicates + 1} times")
    if row.conflict:
        said.append("other content under a known control id")
    return ", ".join(said)


PAGE = Page("/messages", "messages.html", read, values, entry="Messages")
