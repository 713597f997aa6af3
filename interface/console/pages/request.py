"""One request: its state and what to do, its body and the source of each value, what the API and its webhooks said."""

from __future__ import annotations

from typing import Any

from interface.chart.kept import kept_beside
from interface.console.asked import Around, Asked, Page, RefusedError, Shown
from interface.console.pages.message import patient_link
from interface.console.pages.requests import state_of
from interface.console.record import (
    Record,
    attempts_of,
    laid,
    outcome_of,
    provenance,
    read_record,
    reasons_of,
)
from interface.console.story import story
from interface.evidence.completeness import completeness
from interface.evidence.words import filled_line, shared_line
from interface.services.deeds import PROTECTED
from interface.shown.stored import decoded
from interface.store.records.lists import RequestDetail, RequestSummary
from interface.store.store import Store

TO_DO = {
    "waiting": "Nothing: it goes out by itself.",
    "sending": "Nothing: it is being sent.",
    "delivered": "Nothing: the API has taken it in.",
    "superseded": "Nothing: a newer request of the same appointment took its place.",
    "withdrawn": "Nothing: the appointment was called off before it was sent.",
    "expired": "Nothing: its appointment was over before it could be sent.",
    "dead": "Read what the API said, mend the cause, and have it sent again.",
    "discarded": "Nothing: a person gave it up. It can be sent all the same.",
}
COMMANDS = {
    "held": ("release",),
    "dead": ("retry", "discard"),
    "discarded": ("retry",),
}
"""Subcommands of `requests`, by state."""


def read(store: Store, asked: Asked, around: Around) -> Record:
    """The request of the path, and the message that asked for it."""
    return read_record(store, around, None, asked.ids[0])


def values(asked: Asked, what: Record) -> Shown:
    """What the template shows; patient data masked where the viewer does not see it."""
    request, viewer = what.request, asked.viewer
    if request is None:
        raise RefusedError(404, "There is no such request, or it is no longer kept.")
    row = request.summary
    found = laid(what, viewer, asked.query.whole("from") or 1)
    provenance_ = provenance(what, viewer, found.anchors)
    message = what.detail.summary if what.detail else None
    seen = [f"request {row.id}"] + ([f"message {message.id}"] if message and what.message else [])
    return Shown(
        f"Request {row.id}",
        {
            "number": row.id,
            "deeds_of": {"state": row.state, "codes": [reason.get("code") for reason in row.reasons]},
            "message": message,
            "state": state_of(row),
            "reasons": reasons_of(row.reasons, held=row.state == "held"),
            "to_do": _to_do(row),
            "commands": [f"hl7-interface requests {name} {row.id}" for name in _commands(row)],
            "holds": "/holds" if row.state in ("held", "dead") and asked.has("/holds") else "",
            "facts": _facts(asked, request),
            "patient": patient_link(asked, row.patient_id),
            "complete": _complete(request),
            "problem": request.problem or "",
            "laid": found,
            "whence": provenance_,
            "attempts": list(attempts_of(request, viewer)),
            "webhooks": _webhooks(request),
            "led": _led(what),
            "story": story(
                asked.now,
                message,
                what.answered.said,
                request,
                what.work_ahead,
                what.by_hand,
                shows=asked.viewer.shows,
            ),
        },
        seen=tuple(seen),
    )


def _commands(row: RequestSummary) -> tuple[str, ...]:
    """What the command line can do; it releases what is held for a protected patient, and nothing else."""
    if row.state == "held" and PROTECTED not in [reason.get("code") for reason in row.reasons]:
        return ()
    return COMMANDS.get(row.state, ())


def _to_do(row: RequestSummary) -> str:
    if row.state == "held":
        if row.wake_at is not None:
            return "Nothing: it goes out by itself when its time comes."
        return "What releases it stands beside each reason; then it goes out by itself."
    return TO_DO.get(row.state, "")


def _facts(asked: Asked, request: RequestDetail) -> list[tuple[str, Any]]:
    row = request.summary
    facts: list[tuple[str, Any]] = [
        ("made", {"at": row.created_at}),
        ("changed", {"at": row.changed_at}),
        ("made for", row.environment),
        (
            "appointment",
            asked.viewer.veil(row.appointment_date) if row.appointment_date else "without a date",
        ),
        ("attempts", row.attempts),
        ("correlation id", row.correlation_id),
        ("panel", row.panel_id),
        ("taken in", {"at": row.taken_at}),
        ("webhooks", outcome_of(row)),
        ("held until", {"at": row.wake_at}),
        ("next attempt", {"at": row.due_at if row.state == "waiting" else None}),
        (
            "supersedes",
            {"text": f"request {row.supersedes}", "href": f"/requests/{row.supersedes}"}
            if row.supersedes
            else None,
        ),
        ("possible duplicate", "yes: a reply was lost" if row.possible_duplicate else None),
    ]
    return [(name, value) for name, value in facts if value not in (None, "", {"at": None})]


def _complete(request: RequestDetail) -> list[tuple[str, str]]:
    """How much of the contract it fills, and whether all that was known went with it."""
    found = completeness(decoded(request.body), kept_beside(request.detail))
    return [] if found is None else [("fields", filled_line(found)), ("shares", shared_line(found))]


def _webhooks(request: RequestDetail) -> list[dict[str, Any]]:
    return [
        {
            "id": str(webhook.id),
            "received": {"at": webhook.received_at},
            "event": webhook.event,
            "at": {"at": webhook.event_at},
            "repeats": webhook.duplicates or "",
        }
        for webhook in request.webhooks
    ]


def _led(what: Record) -> list[dict[str, Any]]:
    """The messages whose values are in it, oldest first; the one that asked for it too."""
    found = {one.id: one for those in what.named.values() for one in those}
    rows = [
        {
            "id": {"text": f"message {one.id}", "href": f"/messages/{one.id}"},
            "received": {"at": one.received_at},
            "type": one.message_type,
            "control": one.control_id,
        }
        for one in sorted(found.values(), key=lambda one: one.id)
    ]
    if what.detail is not None and what.detail.summary.id not in found:
        row = what.detail.summary
        rows.append(
            {
                "id": {"text": f"message {row.id}", "href": f"/messages/{row.id}", "small": "composed it"},
                "received": {"at": row.received_at},
                "type": row.message_type,
                "control": row.control_id,
            }
        )
    return rows


PAGE = Page("/requests/{id}", "request.html", read, values, entry="Requests")
