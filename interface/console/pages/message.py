"""One message: its segments with their names, what was decided and why, the request with the source of each value, and
all that came of it as one time line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interface.console.asked import Around, Asked, Page, RefusedError, Shown
from interface.console.pages.messages import decided, sender_of
from interface.console.pages.requests import state_of
from interface.console.record import (
    Record,
    attempts_of,
    laid,
    laid_ack,
    noted,
    outcome_of,
    provenance,
    read_record,
    reasons_of,
)
from interface.console.segments import MOST_MASKED, veiled, whole
from interface.console.story import story
from interface.console.whence import Whence
from interface.services.answered import Answered
from interface.services.what_changed import is_link
from interface.shown.fields import name_of
from interface.store.records.lists import MessageDetail, RequestDetail
from interface.store.store import Store


def read(store: Store, asked: Asked, around: Around) -> Record:
    """The message of the path, and the request that it led to."""
    return read_record(store, around, asked.ids[0], None)


def values(asked: Asked, what: Record) -> Shown:
    """What the template shows; patient data masked where the viewer does not see it."""
    detail, viewer = what.detail, asked.viewer
    if detail is None:
        raise RefusedError(404, "There is no such message, or it is no longer kept.")
    summary = detail.summary
    title = f"Message {summary.id}"
    if place := asked.query.text("whole"):
        return _whole(asked, what, place, title)
    found = laid(what, viewer, asked.query.whole("from") or 1)
    whence = provenance(what, viewer, found.anchors)
    text, level = decided(summary)
    raw = detail.raw.decode("utf-8", "backslashreplace") if detail.raw and what.message is None else ""
    seen = [f"message {summary.id}"]
    seen += [f"request {what.request.summary.id}"] if what.request is not None else []
    return Shown(
        title,
        {
            "number": summary.id,
            "message_state": summary.state,
            "whole": None,
            "facts": _facts(detail, what.answered),
            "patient": patient_link(asked, summary.patient_id),
            "decision": {"badge": text, "level": level},
            "reasons": reasons_of(summary.reasons, held=summary.decision == "hold"),
            "changed": _changed(detail),
            "kept": None if what.in_chart is None else list(dict.fromkeys(map(name_of, what.in_chart))),
            "in_chart": summary.decision in _TAKEN
            and summary.patient_id is not None
            and not summary.set_aside,
            "laid": found,
            "notes": [*what.message.charset_notes, *what.message.notes] if what.message else [],
            "raw": veiled(viewer, raw) if raw else None,
            "problem": detail.problem or "",
            "request": request_facts(what.request) if what.request is not None else None,
            "also": [{"id": row.id, "state": state_of(row)} for row in what.also],
            "own": what.request is None or what.request.summary.message_id == summary.id,
            "whence": whence,
            "noted": worth_showing(noted(what, viewer, found.anchors), whence),
            "answer": what.answered,
            "ack": laid_ack(what, viewer),
            "with_others": what.with_others,
            "attempts": list(attempts_of(what.request, viewer)) if what.request is not None else [],
            "story": story(
                asked.now,
                summary,
                what.answered.said,
                what.request,
                what.work_ahead,
                what.by_hand,
                shows=viewer.shows,
            ),
        },
        seen=tuple(seen),
    )


def worth_showing(own: Whence | None, request: Whence | None) -> Whence | None:
    """What a message's own note says beyond what its request does; None: nothing."""
    if own is None:
        return None
    known = [(row["source"], row["why"]) for row in request.left_out] if request is not None else []
    left_out = [row for row in own.left_out if (row["source"], row["why"]) not in known]
    said = [line for line in own.said if request is None or line not in request.said]
    return replace(own, left_out=left_out, said=said) if left_out or said else None


def _whole(asked: Asked, what: Record, place: str, title: str) -> Shown:
    """One field as it was sent, however long."""
    text = whole(what.message, place) if what.message is not None else None
    if text is None or what.detail is None:
        raise RefusedError(404, "The message has no such field.")
    most = len(text) if asked.viewer.shows else MOST_MASKED
    number = what.detail.summary.id
    shown = veiled(asked.viewer, text, clear=place.startswith("MSH-"), most=most)
    return Shown(
        f"{title}: {place}",
        {"number": number, "whole": {"path": place, "count": len(text), **shown}},
        seen=(f"message {number}",),
    )


def _facts(detail: MessageDetail, answer: Answered) -> list[tuple[str, Any]]:
    summary = detail.summary
    facts: list[tuple[str, Any]] = [
        ("received", {"at": summary.received_at}),
        ("from", {"text": sender_of(summary), "small": summary.peer}),
        ("listener", summary.listener),
        ("type", summary.message_type or "not HL7"),
        ("control id", summary.control_id),
        ("bytes", summary.size),
        (
            "receipt",
            {
                "text": summary.receipt.replace("-", " "),
                "small": answer.said or "what was answered can't be told",
            },
        ),
    ]
    if summary.processed_at is not None:
        facts.append(("decided", {"at": summary.processed_at}))
    if summary.duplicates:
        facts.append(("came again", {"text": f"{summary.duplicates} times"}))
    if summary.conflict:
        facts.append(("conflict", "other content under a known control id"))
    if summary.set_aside:
        facts.append(("left out", "of the chart, by a person"))
    return facts


def patient_link(asked: Asked, number: int | None) -> dict[str, str] | None:
    """The patient, with the page of the chart where there is one."""
    if number is None:
        return None
    href = f"/patients/{number}" if asked.has("/patients/{id}") else f"/messages?patient={number}"
    return {"text": f"patient {number}", "href": href}


_TAKEN = ("post", "chart", "cancel", "hold")
"""Decisions of messages that are in the chart, where it can be told whose they are."""
_KEPT = {
    "post": "It was taken into the chart, and a request was made.",
    "chart": "It was taken into the chart; nothing is asked for because of it.",
    "cancel": "It was taken into the chart, and what it calls off is no longer asked for.",
    "hold": "It was taken into the chart; what it asks for is held.",
    "ignore": "It changed nothing in the chart: it is not for us, and nothing of it is taken.",
    "reject": "It changed nothing in the chart: it could not be taken.",
}


def _changed(detail: MessageDetail) -> str:
    """What can be told of what it changed: the chart keeps where each value is from, not what stood there before."""
    summary = detail.summary
    if summary.set_aside:
        return "It changed nothing in the chart: a person left it out."
    if summary.patient_id is None and summary.decision in _TAKEN:
        why = "a link is noted, and no more" if is_link(summary) else "whose it is could not be told"
        return f"It changed nothing in the chart: {why}."
    return _KEPT.get(summary.decision or "", "")


def request_facts(request: RequestDetail) -> dict[str, Any]:
    """A request in a line."""
    row = request.summary
    last = " ".join(str(part) for part in (row.last_status, row.last_verdict) if part)
    return {
        "id": row.id,
        "state": state_of(row),
        "outcome": outcome_of(row),
        "last": last,
        "reasons": reasons_of(row.reasons, held=row.state == "held"),
        "problem": request.problem or "",
    }


PAGE = Page("/messages/{id}", "message.html", read, values, entry="Messages")
