"""What became of a message and its request, as one time line: received, acknowledged, decided, made, sent, answered, told
of by webhooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from interface.console.listing import reason_of
from interface.console.rendering import duration
from interface.services.deeds import DISCARD, Done
from interface.services.taken import STORED
from interface.shown.mask import shape
from interface.store.records.lists import AttemptView, MessageSummary, RequestDetail, RequestSummary

_ENDS = {
    "superseded": "Superseded by a newer request",
    "withdrawn": "Withdrawn, unsent",
    "expired": "Expired with its date, unsent",
    "discarded": "Given up by a person",
    "dead": "Given up by the program",
}
_DEEDS = {"retry": "Retried by {}", "discard": "Given up by {}", "release": "Released by {}"}
_EVENTS = {
    "patient.found": ("The patient was found", "good"),
    "patient.insufficientData": ("Insufficient data to find the patient", "warn"),
    "document.deliveryComplete": ("A document was delivered", "good"),
}
_VERDICTS = {"delivered": "good", "dead": "bad", "refused-by-api": "bad", "not-authorised": "bad"}


def story(
    now: float,
    message: MessageSummary | None,
    ack: str,
    request: RequestDetail | None,
    work_ahead: float = 0.0,
    by_hand: Sequence[Done] = (),
    *,
    shows: bool = False,
) -> list[dict[str, Any]]:
    """The entries of the time line, oldest first, all by the clock that messages and webhooks are received by; that of
    decisions and requests is ahead of it by `work_ahead` seconds (`run --now`). Unless it `shows` patient data, the
    appointment's day is masked.
    """
    entries = [
        *(_of_message(message, ack) if message else ()),
        *(_told(request, work_ahead) if request else ()),
        *(_by_hand(request, by_hand) if request else ()),
    ]
    decided = list(_of_decision(message)) if message else []
    if message and message.receipt != STORED and message.decision == "reject":
        entries += decided  # by the door, when it was received
        decided = []
    done = [*decided, *(_of_request(request, now + work_ahead, shows=shows) if request else ())]
    if work_ahead:
        # the clock was set a moment after the door's start: nothing is done before the message is there
        first = message.received_at if message else float("-inf")
        done = [entry | {"at": max(first, entry["at"] - work_ahead)} for entry in done]
    return sorted([*entries, *done], key=lambda entry: entry["at"])


def _entry(at: float, title: str, text: str = "", level: str = "calm", href: str = "") -> dict[str, Any]:
    return {"at": at, "title": title, "text": text, "level": level, "href": href}


def _of_message(row: MessageSummary, ack: str) -> Iterator[dict[str, Any]]:
    yield _entry(
        row.received_at, f"Message {row.id} received", f"on {row.listener}, {row.message_type or 'not HL7'}"
    )
    if ack:
        yield _entry(row.received_at, ack, level="good" if " AA" in ack or " CA" in ack else "warn")
    if row.last_duplicate_at is not None:
        yield _entry(
            row.last_duplicate_at, f"Came again, {row.duplicates + 1} times in all", "answered as before"
        )


def _of_decision(row: MessageSummary) -> Iterator[dict[str, Any]]:
    if row.processed_at is not None:
        level = {"hold": "warn", "reject": "bad", "post": "good"}.get(row.decision or "", "calm")
        title = f"Decided: {row.decision}" if row.decision else f"Could not be decided ({row.state})"
        yield _entry(row.processed_at, title, reason_of(row.reasons), level if row.decision else "bad")


def _of_request(detail: RequestDetail, now: float, *, shows: bool) -> Iterator[dict[str, Any]]:
    row = detail.summary
    yield _entry(
        row.created_at, f"Request {row.id} composed", _for_what(row, shows=shows), href=f"/requests/{row.id}"
    )
    for number, attempt in enumerate(detail.attempts, 1):
        yield from _of_attempt(number, attempt)
    if row.taken_at is not None:
        yield _entry(row.taken_at, "Taken in by the API", row.correlation_id or "", "good")
    if row.state in _ENDS:
        yield _entry(
            row.changed_at, _ENDS[row.state], reason_of(row.reasons), "bad" if row.state == "dead" else "calm"
        )
    if row.state == "held":
        yield _entry(row.changed_at, "Held", reason_of(row.reasons), "warn")
    if row.state == "held" and row.wake_at is not None:
        yield _entry(row.wake_at, "Its hold ends by itself", "" if row.wake_at < now else "to come")
    if row.state == "waiting" and row.due_at is not None and row.due_at > now:
        yield _entry(row.due_at, "Next attempt", "to come")


def _told(detail: RequestDetail, work_ahead: float) -> Iterator[dict[str, Any]]:
    """What webhooks told of it."""
    taken_at = detail.summary.taken_at
    for webhook in detail.webhooks:
        title, level = _EVENTS.get(webhook.event, (f"Webhook {webhook.event}", "calm"))
        after = None if taken_at is None else webhook.received_at + work_ahead - taken_at
        said = [f"webhook {webhook.id}"]
        said += [f"{duration(after)} after it was taken in"] if after is not None and after >= 0 else []
        said += [f"came {webhook.duplicates + 1} times"] if webhook.duplicates else []
        yield _entry(webhook.received_at, title, ", ".join(said), level)


def _by_hand(detail: RequestDetail, by_hand: Sequence[Done]) -> Iterator[dict[str, Any]]:
    """What persons did to it; that it is given up now is told as its end."""
    ended = detail.summary.state == "discarded"
    for done in by_hand[:-1] if ended and by_hand and by_hand[-1].deed is DISCARD else by_hand:
        yield _entry(done.at, _DEEDS[done.deed.kind].format(done.who))


def _for_what(row: RequestSummary, *, shows: bool) -> str:
    said = [f"for {row.environment}"] if row.environment else []
    day = row.appointment_date.isoformat() if row.appointment_date else ""
    said += [f"for the appointment of {day if shows else shape(day)}"] if day else []
    said += [f"in place of request {row.supersedes}"] if row.supersedes else []
    return ", ".join(said)


def _of_attempt(number: int, attempt: AttemptView) -> Iterator[dict[str, Any]]:
    yield _entry(
        attempt.started_at,
        f"Sent, attempt {number}",
        "possible duplicate" if attempt.possible_duplicate else "",
    )
    status = f"{attempt.status} " if attempt.status else ""
    took = f"after {attempt.finished_at - attempt.started_at:.1f} s"
    yield _entry(
        attempt.finished_at,
        f"Answered: {status}{attempt.verdict}",
        ", ".join(filter(None, (attempt.detail, took))),
        _VERDICTS.get(attempt.verdict, "good" if attempt.verdict.startswith("delivered") else "warn"),
    )
