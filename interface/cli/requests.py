"""`requests`: what goes to the API, where each value came from, and what came of it."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interface.cli.by_hand import add_by_hand
from interface.cli.chosen import add_request_filters, request_filter
from interface.cli.common import local_text, settings_of, span_text, utc_text
from interface.cli.destined import Destined
from interface.cli.output import facts, heading, print_json, safe_lines, table, tell
from interface.cli.stored import (
    add_list_arguments,
    add_show,
    hint_more,
    open_store_of,
    pages,
    reasons_text,
    releases_text,
    show_provenance,
    wants_json,
)
from interface.cli.webhooks import as_json as webhook_json
from interface.errors import InterfaceError
from interface.services.deeds import Done, done_by_hand
from interface.shown.stored import decoded

if TYPE_CHECKING:
    from interface.evidence.completeness import Completeness
    from interface.store.records.lists import AttemptView, RequestDetail, RequestSummary
    from interface.store.records.webhooks import WebhookSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_request_filters(parser)
    add_list_arguments(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    add_show(commands, "request")
    add_by_hand(commands)


def run(args: argparse.Namespace) -> int:
    """List requests, show one, or do something with some."""
    if action := getattr(args, "action", None):
        return int(action(args))
    return show(args) if hasattr(args, "id") else list_requests(args)


def list_requests(args: argparse.Namespace) -> int:
    """Print the newest requests that the filters take."""
    settings = settings_of(args)
    with open_store_of(settings) as store:
        where = request_filter(args, settings, store)
        rows, more = pages(
            lambda before, limit: store.views.requests(where, before=before, limit=limit),
            args.before,
            args.limit,
        )
        destination = Destined.of(store.views.told())
    if wants_json(args):
        listed = [as_json(row) for row in rows]
        print_json({"requests": listed, "next_before": more, "destination": destination.as_json()})
        return 0
    if not rows:
        tell("no requests")
        return 0
    if any(row.state == "waiting" for row in rows) and (why := destination.text(time.time())):
        print(why)
    timed = any(row.wake_at for row in rows)
    columns = (
        "id",
        "made",
        "message",
        "appointment",
        "state",
        *(("until",) if timed else ()),
        "attempts",
        "last",
        "correlation id",
        "outcome",
        "reasons",
    )
    lines = [_line(row, timed=timed) for row in rows]
    table(columns, lines, right=("id", "message", "attempts"))
    hint_more(args, more)
    return 0


def _line(row: "RequestSummary", *, timed: bool) -> tuple[object, ...]:
    notes = [reasons_text(row.reasons)] if row.reasons else []
    notes += ["possible duplicate"] if row.possible_duplicate else []
    last = " ".join(str(part) for part in (row.last_status, row.last_verdict) if part)
    return (
        row.id,
        local_text(row.created_at),
        row.message_id,
        row.appointment_date,
        row.state,
        *((local_text(row.wake_at),) if timed else ()),
        row.attempts,
        last,
        row.correlation_id,
        row.outcome.text,
        "; ".join(notes),
    )


def as_json(row: "RequestSummary") -> dict[str, Any]:
    """A request as lists and details have it."""
    return {
        "id": row.id,
        "message_id": row.message_id,
        "patient_id": row.patient_id,
        "state": row.state,
        "appointment_date": row.appointment_date.isoformat() if row.appointment_date else None,
        "reasons": row.reasons,
        "attempts": row.attempts,
        "possible_duplicate": row.possible_duplicate,
        "correlation_id": row.correlation_id,
        "supersedes": row.supersedes,
        "due_at": utc_text(row.due_at),
        "held_until": utc_text(row.wake_at),
        "created_at": utc_text(row.created_at),
        "changed_at": utc_text(row.changed_at),
        "last_verdict": row.last_verdict,
        "last_status": row.last_status,
        "panel_id": row.panel_id,
        "taken_at": utc_text(row.taken_at),
        "awaited_since": utc_text(row.awaited_since),
        "outcome": row.outcome.name,
        "contradicting": row.outcome.contradicting,
        "found_at": utc_text(row.found_at),
        "insufficient_at": utc_text(row.insufficient_at),
        "delivered_at": utc_text(row.delivered_at),
        "documents": row.documents,
        "events": row.events,
    }


def _attempt_json(attempt: "AttemptView") -> dict[str, Any]:
    return {
        "started_at": utc_text(attempt.started_at),
        "finished_at": utc_text(attempt.finished_at),
        "status": attempt.status,
        "verdict": attempt.verdict,
        "detail": attempt.detail,
        "possible_duplicate": attempt.possible_duplicate,
        "body": decoded(attempt.body),
        "reply": decoded(attempt.reply),
    }


def show(args: argparse.Namespace) -> int:
    """Print one request: its state, its body, where each field came from, and every attempt.

    Raises:
        InterfaceError: there is no such request.

    """
    settings = settings_of(args)
    with open_store_of(settings) as store:
        detail = store.views.request(args.id)
        destination = Destined.of(store.views.told())
        by_hand = done_by_hand(store, args.id)
    if detail is None:
        raise InterfaceError(f"there is no request {args.id}")
    from interface.chart.kept import kept_beside
    from interface.evidence.completeness import completeness  # brings pydantic

    fields, body = kept_beside(detail.detail), decoded(detail.body)
    shown = _Shown(detail, fields, body, completeness(body, fields), destination, by_hand)
    if wants_json(args):
        print_json(_detail_json(shown))
    else:
        _print_detail(shown, settings.webhooks.expected_hours)
    return 0


@dataclass(frozen=True)
class _Shown:
    """All there is to show of a request."""

    detail: "RequestDetail"
    fields: dict[str, Any]
    """What is kept beside it: where each value came from, what was left out, who gave it up."""
    body: Any
    whole: "Completeness | None"
    destination: Destined
    by_hand: Sequence[Done]


def _detail_json(shown: _Shown) -> dict[str, Any]:
    from interface.evidence.completeness import one_as_json
    from interface.evidence.production_test import repaired_in

    detail, fields = shown.detail, shown.fields
    found = {"appointment": detail.appointment, "request": shown.body}
    found |= {"fields": fields.get("fields", []), "left_out": fields.get("left_out", [])}
    found |= {"repaired": [{"field": name, "what": what} for name, what in repaired_in(fields)]}
    found |= {"discarded": fields.get("discarded"), "completeness": one_as_json(shown.whole)}
    tries = [_attempt_json(attempt) for attempt in detail.attempts]
    found |= {"webhooks": [webhook_json(webhook) for webhook in detail.webhooks]}
    found |= {"tries": tries, "problem": detail.problem, "destination": shown.destination.as_json()}
    found |= {
        "by_hand": [
            {"at": utc_text(done.at), "what": done.deed.done, "who": done.who} for done in shown.by_hand
        ]
    }
    return as_json(detail.summary) | found


def _print_detail(shown: _Shown, expected_hours: float) -> None:
    detail, body = shown.detail, shown.body
    _print_facts(shown, expected_hours)
    if shown.by_hand:
        heading("done by hand:")
        rows = [(local_text(done.at), done.deed.done, done.who) for done in shown.by_hand]
        table(("when", "what", "who"), rows)
    if body is not None:
        heading("body:")
        print(safe_lines(json.dumps(body, ensure_ascii=False, indent=2)))
    show_provenance(shown.fields)
    if detail.attempts:
        heading("attempts:")
        columns = ("started", "seconds", "status", "verdict", "detail")
        table(columns, [_attempt(attempt) for attempt in detail.attempts], right=("seconds", "status"))
        last = detail.attempts[-1].reply
        if last:
            heading("what the API answered:")
            print(safe_lines(last.decode("utf-8", "replace")))
    if detail.webhooks:
        heading("webhooks:")
        heads = ("id", "received", "after", "type", "says it was at", "correlation id", "repeats")
        table(heads, [_webhook(said, detail.summary) for said in detail.webhooks], right=("id", "repeats"))


def _print_facts(shown: _Shown, expected_hours: float) -> None:
    from interface.evidence.words import filled_line, shared_line

    detail, whole, row = shown.detail, shown.whole, shown.detail.summary
    given_up = shown.fields.get("discarded") or {}
    facts(
        {
            "request": row.id,
            "made": local_text(row.created_at),
            "changed": local_text(row.changed_at),
            "message": row.message_id,
            "patient": row.patient_id,
            "appointment": detail.appointment,
            "date": row.appointment_date,
            "state": row.state + (", possible duplicate" if row.possible_duplicate else ""),
            "reasons": reasons_text(row.reasons),
            "held until": local_text(row.wake_at),
            "why": given_up.get("why"),
            "released by": releases_text(row.reasons) if row.state == "held" else "",
            "next attempt": local_text(row.due_at),
            "waits because": shown.destination.text(time.time()) if row.state == "waiting" else "",
            "correlation id": row.correlation_id,
            "panel": row.panel_id,
            "taken in": local_text(row.taken_at),
            "outcome": row.outcome.text,
            **{said: _when(at, row.taken_at) for said, at in _said(row)},
            "webhook awaited for": _awaited(row, expected_hours),
            "supersedes": row.supersedes,
            "completeness": filled_line(whole) if whole is not None else "",
            "shares": shared_line(whole) if whole is not None else "",
            "problem": detail.problem,
        }
    )


def _said(row: "RequestSummary") -> tuple[tuple[str, float | None], ...]:
    return (
        ("found", row.found_at),
        ("insufficient data", row.insufficient_at),
        ("first document", row.delivered_at),
    )


def _when(at: float | None, taken_at: float | None) -> str:
    """When a webhook came, and how long after the request was taken in."""
    if at is None:
        return ""
    return f"{local_text(at)}{_after(at, taken_at)}"


def _after(at: float, taken_at: float | None) -> str:
    if taken_at is None:
        return ""
    took = at - taken_at
    return f", {span_text(took)} after" if took >= 0 else f", {span_text(-took)} before the API's reply came"


def _awaited(row: "RequestSummary", expected_hours: float) -> str:
    if row.awaited_since is None:
        return ""
    waited = max(0.0, time.time() - row.awaited_since)
    late = f", longer than the {expected_hours:g} h of [webhooks] expected_hours"
    return span_text(waited) + (late if waited > expected_hours * 3600 else "")


def _webhook(said: "WebhookSummary", row: "RequestSummary") -> tuple[object, ...]:
    return (
        said.id,
        local_text(said.received_at),
        _after(said.received_at, row.taken_at).removeprefix(", ").removesuffix(" after"),
        said.event,
        local_text(said.event_at),
        said.correlation_id,
        said.duplicates or None,
    )


def _attempt(attempt: "AttemptView") -> tuple[object, ...]:
    seconds = f"{attempt.finished_at - attempt.started_at:.3f}"
    return local_text(attempt.started_at), seconds, attempt.status, attempt.verdict, attempt.detail
