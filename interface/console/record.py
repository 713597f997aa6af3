"""What the pages of one message and of one request share: both read, the message beside the request's provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from interface.chart.holds import release_of
from interface.chart.kept import kept_beside
from interface.chart.said_by import said_by
from interface.console.asked import Around, Viewer
from interface.console.listing import said_of
from interface.console.segments import Laid, apart, lay_out
from interface.console.whence import Beside, Whence, control_ids_in, excerpt, whence_of
from interface.hl7.errors import NotHL7
from interface.hl7.message import Message
from interface.rules.policy import is_history, reads_as
from interface.services.answered import NOT_KEPT, Answered, answered
from interface.services.charts_shown import chart_of, composed_by
from interface.services.deeds import Done, done_by_hand
from interface.settings import Settings
from interface.shown.stored import decoded
from interface.store.records.lists import (
    MessageDetail,
    NamedMessage,
    RequestDetail,
    RequestSummary,
    StoredMessage,
)
from interface.store.store import Store

MOST_EARLIER = 20
"""Earlier messages that are read for what must be masked."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message and the request it belongs to, read."""

    detail: MessageDetail | None
    message: Message | None
    """None: it can't be read as HL7, or is no longer kept."""
    answered: Answered = field(default_factory=Answered)
    with_others: int | None = None
    """A message that came at the same moment from the same sender just before: maybe in the same frame."""
    request: RequestDetail | None = None
    named: Mapping[str, Sequence[NamedMessage]] = field(default_factory=dict)
    """Earlier messages of the patient, by the control ids that the request's sources name."""
    in_chart: tuple[str, ...] | None = None
    """What of the message the patient's chart holds now, without values; None: it can't be told."""
    raws: tuple[bytes, ...] = ()
    """This message and earlier ones: whose data must not be seen in any text."""
    also: Sequence[RequestSummary] = ()
    """Other requests that the message composed."""
    by_hand: Sequence[Done] = ()
    """What persons did to the request."""
    work_ahead: float = 0.0
    """Seconds by which the clock of decisions and requests is ahead of that of messages and webhooks."""


def read_record(store: Store, around: Around, message_id: int | None, request_id: int | None) -> Record:
    """Both, whichever is known; the request of a message, the message of a request."""
    request = store.views.request(request_id) if request_id is not None else None
    if message_id is None and request is not None:
        message_id = request.summary.message_id
    detail = store.views.message(message_id) if message_id is not None else None
    if request is None and detail is not None and detail.summary.request_id is not None:
        request = store.views.request(detail.summary.request_id)
    named = _named(store, request)
    earlier = _earlier(store, named)
    raws = [detail.raw] if detail is not None and detail.raw else []
    raws += [stored.raw for stored in earlier if stored.raw]
    settings = around.settings
    return Record(
        detail,
        _message(settings, detail),
        _answered(settings, detail),
        _just_before(store, detail),
        request,
        named,
        _in_chart(store, detail),
        tuple(raws),
        composed_by(store, detail.summary) if detail is not None else (),
        done_by_hand(store, request.summary.id) if request is not None else (),
        around.work_ahead,
    )


def _just_before(store: Store, detail: MessageDetail | None) -> int | None:
    """Messages of one frame are stored one behind the other, and the answer names the first of them."""
    if detail is None:
        return None
    row = detail.summary
    before = next(iter(store.views.messages(before=row.id, limit=1)), None)
    if before is None or (before.listener, before.peer) != (row.listener, row.peer):
        return None
    return before.id if before.received_at == row.received_at and not is_history(row.listener) else None


def _in_chart(store: Store, detail: MessageDetail | None) -> tuple[str, ...] | None:
    """What of the message the chart holds that it went into; by its control id, as charts know messages."""
    number = detail.summary.patient_id if detail is not None else None
    if detail is None or number is None:
        return None
    row = store.patients.by_id((number,)).get(number)
    if row is not None and row.merged_into is not None:
        row = store.patients.by_id((row.merged_into,)).get(row.merged_into)
    chart = chart_of(row) if row is not None else None
    return said_by(chart, detail.summary.control_id) if chart is not None else None


def _named(store: Store, request: RequestDetail | None) -> dict[str, list[NamedMessage]]:
    """Earlier messages of this patient, or of charts that are one with his, by control id."""
    if request is None:
        return {}
    found = store.views.named(control_ids_in(kept_beside(request.detail)))
    if not found:
        return {}
    family = store.patients.family([request.summary.patient_id])
    own = {name: [one for one in those if one.patient_id in family] for name, those in found.items()}
    return {name: those for name, those in own.items() if those}


def _earlier(store: Store, named: Mapping[str, Sequence[NamedMessage]]) -> list[StoredMessage]:
    newest = sorted((one.id for those in named.values() for one in those), reverse=True)
    return store.views.bodies(newest[:MOST_EARLIER]) if newest else []


def _message(settings: Settings, detail: MessageDetail | None) -> Message | None:
    if detail is None or detail.raw is None:
        return None
    charsets = {entry.name: entry.charset for entry in settings.listeners}
    try:
        return Message(detail.raw, charsets.get(reads_as(detail.summary.listener)))
    except NotHL7:
        return None


def _answered(settings: Settings, detail: MessageDetail | None) -> Answered:
    if detail is None:
        return Answered()
    return answered(settings, detail.summary.listener, detail.raw, detail.summary.receipt)


def laid_ack(record: Record, viewer: Viewer) -> Laid | None:
    """The acknowledgment for the page; None: there was none, or it can't be told.

    It is in the clear: what it has of the message is MSH and the control id.
    """
    if record.answered.ack is None:
        return None
    try:
        message = Message(record.answered.ack)
    except NotHL7:
        return None
    found = lay_out(message, replace(viewer, shows=True))
    return apart(found, "ack-", dict.fromkeys(NOT_KEPT, "not kept"))


def laid(record: Record, viewer: Viewer, first: int) -> Laid:
    """The message for the page."""
    return lay_out(record.message, viewer, first) if record.message else Laid([], 0, 1, frozenset())


def provenance(record: Record, viewer: Viewer, anchors: frozenset[str]) -> Whence | None:
    """The request's provenance, or that of what a message alone would have asked for; None: there is none."""
    summary = record.detail.summary if record.detail else None
    number = summary.id if summary else None
    request = record.request
    if request is not None:
        decided = request.summary.message_id
        beside = Beside(
            number,
            summary.control_id if summary else "",
            number is not None and decided == number,
            anchors,
            decided,
            record.named,
        )
        return whence_of(viewer, decoded(request.body), kept_beside(request.detail), beside, record.raws)
    note = decoded(record.detail.note) if record.detail else None
    if not isinstance(note, dict):
        return None
    beside = Beside(number, summary.control_id if summary else "", own=True, anchors=anchors, decided=number)
    return whence_of(viewer, note.get("request"), note, beside, record.raws)


def noted(record: Record, viewer: Viewer, anchors: frozenset[str]) -> Whence | None:
    """What a message's own note says beside its request: what was left out of it, and said."""
    note = decoded(record.detail.note) if record.detail else None
    if record.request is None or record.detail is None or not isinstance(note, dict):
        return None
    summary = record.detail.summary
    beside = Beside(summary.id, summary.control_id, own=True, anchors=anchors, decided=summary.id)
    return whence_of(viewer, None, note, beside, record.raws)


def reasons_of(reasons: Sequence[Mapping[str, Any]], *, held: bool) -> list[dict[str, str]]:
    """Reasons, and what releases each where something is held."""
    found = []
    for reason in reasons:
        code = str(reason.get("code") or "")
        release = release_of(code, str(reason.get("text") or "")) if held else ""
        found.append({"text": said_of(reason), "code": code, "release": release})
    return found


def attempts_of(request: RequestDetail, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """The attempts, oldest first, with the beginning of what the API answered."""
    for number, attempt in enumerate(request.attempts, 1):
        yield {
            "number": number,
            "at": attempt.started_at,
            "seconds": f"{attempt.finished_at - attempt.started_at:.2f}",
            "status": attempt.status or "",
            "verdict": attempt.verdict,
            "detail": attempt.detail,
            "duplicate": attempt.possible_duplicate,
            "reply": excerpt(viewer, decoded(attempt.reply)),
        }


def outcome_of(row: RequestSummary) -> str:
    """What webhooks said, for people."""
    return row.outcome.text or ("no webhook yet" if row.awaited_since is not None else "")
