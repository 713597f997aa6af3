"""One message: what was decided and why, and its segments field by field as they were sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from interface.console.asked import Around, Asked, Page, RefusedError, Shown, Veiled, Viewer
from interface.console.pages.messages import decided, sender_of
from interface.hl7.errors import NotHL7
from interface.hl7.message import Message, Segment
from interface.store.database import Store
from interface.store.records.lists import MessageDetail

MOST_SEGMENTS = 500
MOST_TEXT = 2_000
"""Characters of a field that are shown; a document within a message may have millions."""
IN_THE_CLEAR = ("MSH",)
"""Segments that hold nothing of the patient: who sends what to whom."""


@dataclass(frozen=True, slots=True)
class What:
    """The message, read; None: it can't be read as HL7."""

    detail: MessageDetail | None
    message: Message | None


def read(store: Store, asked: Asked, around: Around) -> What:
    """The message of the path."""
    detail = store.views.message(asked.ids[0])
    if detail is None or detail.raw is None:
        return What(detail, None)
    charsets = {entry.name: entry.charset for entry in around.settings.listeners}
    try:
        return What(detail, Message(detail.raw, charsets.get(detail.summary.listener)))
    except NotHL7:
        return What(detail, None)


def values(asked: Asked, what: What) -> Shown:
    """What the template shows; the message's fields masked where the viewer does not see patient data."""
    detail, message, viewer = what.detail, what.message, asked.viewer
    if detail is None:
        raise RefusedError(404, "There is no such message, or it is no longer kept.")
    summary = detail.summary
    text, level = decided(summary)
    segments = list(islice(message.segments, MOST_SEGMENTS)) if message else []
    raw = detail.raw.decode("utf-8", "backslashreplace") if detail.raw and message is None else ""
    return Shown(
        f"Message {summary.id}",
        {
            "facts": _facts(detail),
            "decision": {"badge": text, "level": level},
            "reasons": [str(reason.get("text") or reason.get("code") or "") for reason in summary.reasons],
            "segments": [
                {"path": segment.path, "fields": list(_fields(segment, viewer))} for segment in segments
            ],
            "more": len(message.segments) - len(segments) if message else 0,
            "notes": [*message.charset_notes, *message.notes] if message else [],
            "raw": viewer.veil(_cut(raw)) if raw else None,
            "problem": detail.problem or "",
        },
        seen=(f"message {summary.id}",),
    )


def _facts(detail: MessageDetail) -> list[tuple[str, Any]]:
    summary = detail.summary
    facts: list[tuple[str, Any]] = [
        ("received", {"at": summary.received_at}),
        ("from", {"text": sender_of(summary), "small": summary.peer}),
        ("listener", summary.listener),
        ("type", summary.message_type or "not HL7"),
        ("control id", summary.control_id),
        ("bytes", summary.size),
        ("decided", {"at": summary.processed_at}),
    ]
    if summary.duplicates:
        facts.append(("came again", {"text": f"{summary.duplicates} times"}))
    if detail.request is not None:
        facts.append(("request", {"text": f"{detail.request.id}, {detail.request.state}"}))
    return facts


def _fields(segment: Segment, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """The fields that were sent, by their numbers."""
    first = 3 if segment.name == "MSH" else 1
    for number in range(first, segment.field_count + 1):
        text = segment.raw(number)
        if text:
            shown: Veiled | str = _cut(text) if segment.name in IN_THE_CLEAR else viewer.veil(_cut(text))
            yield {"path": f"{segment.path}-{number}", "value": shown}


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]} … ({len(text):,} characters)"


PAGE = Page("/messages/{id}", "message.html", read, values, entry="Messages")
