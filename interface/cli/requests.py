"""`requests`: what goes to the API, where each value came from, and what came of it."""

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from interface.cli.by_hand import add_by_hand
from interface.cli.chosen import add_request_filters, request_filter
from interface.cli.common import PROGRAM, local_text, settings_of, utc_text
from interface.cli.destined import Destined
from interface.cli.output import facts, heading, print_json, safe_lines, table, tell
from interface.cli.stored import (
    add_list_arguments,
    add_show,
    decoded,
    hint_more,
    open_store_of,
    open_views,
    pages,
    reasons_text,
    releases_text,
    show_provenance,
    wants_json,
)
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.store.records.lists import AttemptView, RequestSummary


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
    columns = (
        "id",
        "made",
        "message",
        "appointment",
        "state",
        "attempts",
        "last",
        "correlation id",
        "reasons",
    )
    table(columns, [_line(row) for row in rows], right=("id", "message", "attempts"))
    hint_more(f"{PROGRAM} requests", more)
    return 0


def _line(row: "RequestSummary") -> tuple[object, ...]:
    notes = [reasons_text(row.reasons)] if row.reasons else []
    notes += ["possible duplicate"] if row.possible_duplicate else []
    last = " ".join(str(part) for part in (row.last_status, row.last_verdict) if part)
    return (
        row.id,
        local_text(row.created_at),
        row.message_id,
        row.appointment_date,
        row.state,
        row.attempts,
        last,
        row.correlation_id,
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
        "created_at": utc_text(row.created_at),
        "changed_at": utc_text(row.changed_at),
        "last_verdict": row.last_verdict,
        "last_status": row.last_status,
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
    with open_views(args) as views:
        detail = views.request(args.id)
        destination = Destined.of(views.told())
    if detail is None:
        raise InterfaceError(f"there is no request {args.id}")
    from interface.evidence.completeness import completeness, one_as_json  # brings pydantic

    provenance, body = decoded(detail.detail), decoded(detail.body)
    whole = completeness(body, provenance)
    fields = provenance if isinstance(provenance, dict) else {}
    if wants_json(args):
        found = {"appointment": detail.appointment, "request": body}
        found |= {"fields": fields.get("fields", []), "left_out": fields.get("left_out", [])}
        found |= {"discarded": fields.get("discarded"), "completeness": one_as_json(whole)}
        tries = [_attempt_json(attempt) for attempt in detail.attempts]
        found |= {"tries": tries, "problem": detail.problem, "destination": destination.as_json()}
        print_json(as_json(detail.summary) | found)
        return 0
    from interface.evidence.words import filled_line, shared_line

    row = detail.summary
    given_up = fields.get("discarded") or {}
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
            "why": given_up.get("why"),
            "released by": releases_text(row.reasons) if row.state == "held" else "",
            "next attempt": local_text(row.due_at),
            "waits because": destination.text(time.time()) if row.state == "waiting" else "",
            "correlation id": row.correlation_id,
            "supersedes": row.supersedes,
            "completeness": filled_line(whole) if whole is not None else "",
            "shares": shared_line(whole) if whole is not None else "",
            "problem": detail.problem,
        }
    )
    if body is not None:
        heading("body:")
        print(safe_lines(json.dumps(body, ensure_ascii=False, indent=2)))
    show_provenance(provenance)
    if detail.attempts:
        heading("attempts:")
        columns = ("started", "seconds", "status", "verdict", "detail")
        table(columns, [_attempt(attempt) for attempt in detail.attempts], right=("seconds", "status"))
        last = detail.attempts[-1].reply
        if last:
            heading("what the API answered:")
            print(safe_lines(last.decode("utf-8", "replace")))
    return 0


def _attempt(attempt: "AttemptView") -> tuple[object, ...]:
    seconds = f"{attempt.finished_at - attempt.started_at:.3f}"
    return local_text(attempt.started_at), seconds, attempt.status, attempt.verdict, attempt.detail
