"""`messages`: what came in, what was decided and why."""

import argparse
from typing import TYPE_CHECKING, Any

from interface.cli.changed import changed_json, show_changed, what_it_changed
from interface.cli.chosen import add_message_filters, message_filter
from interface.cli.common import local_text, settings_of, utc_text
from interface.cli.export import add_export
from interface.cli.output import facts, heading, print_json, safe_lines, table, tell
from interface.cli.rebuild import add_reprocess
from interface.cli.run import a_time
from interface.cli.stored import (
    add_list_arguments,
    add_show,
    hint_more,
    open_store_of,
    pages,
    reasons_text,
    show_provenance,
    wants_json,
)
from interface.errors import InterfaceError
from interface.shown.stored import decoded

if TYPE_CHECKING:
    from interface.store.records.lists import MessageDetail, MessageSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_message_filters(parser)
    add_list_arguments(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    shown = add_show(commands, "message")
    shown.add_argument(
        "--changed",
        action="store_true",
        help="what it changed in the charts, before and after: the patient's messages are replayed up to it",
    )
    shown.add_argument(
        "--now",
        metavar="TIME",
        type=a_time,
        help="with --changed: replay as if it were then; give what `run --now` was given",
    )
    add_reprocess(commands)
    add_export(commands)


def run(args: argparse.Namespace) -> int:
    """List messages, show one, decide some again, or write them to files."""
    if action := getattr(args, "action", None):
        return int(action(args))
    return show(args) if hasattr(args, "id") else list_messages(args)


def list_messages(args: argparse.Namespace) -> int:
    """Print the newest messages that the filters take."""
    settings = settings_of(args)
    with open_store_of(settings) as store:
        where = message_filter(args, settings, store)
        rows, more = pages(
            lambda before, limit: store.views.messages(where, before=before, limit=limit),
            args.before,
            args.limit,
        )
    if wants_json(args):
        print_json({"messages": [as_json(row) for row in rows], "next_before": more})
        return 0
    if not rows:
        tell("no messages")
        return 0
    columns = ("id", "received", "listener", "type", "control id", "state", "decision", "request", "reasons")
    table(columns, [_line(row) for row in rows], right=("id", "request"))
    hint_more(args, more)
    return 0


def _line(row: "MessageSummary") -> tuple[object, ...]:
    notes = [reasons_text(row.reasons)] if row.reasons else []
    notes += ["other content under a known control id"] if row.conflict else []
    notes += ["left out of the chart by a person"] if row.set_aside else []
    notes += [f"came {row.duplicates + 1} times"] if row.duplicates else []
    received = local_text(row.received_at)
    return (
        row.id,
        received,
        row.listener,
        row.message_type,
        row.control_id,
        row.state,
        row.decision,
        row.request_id,
        "; ".join(notes),
    )


def as_json(row: "MessageSummary") -> dict[str, Any]:
    """A message as lists and details have it."""
    return {
        "id": row.id,
        "received_at": utc_text(row.received_at),
        "listener": row.listener,
        "peer": row.peer,
        "sending_application": row.sender_application,
        "sending_facility": row.sender_facility,
        "type": row.message_type,
        "control_id": row.control_id,
        "processing_id": row.processing_id,
        "size": row.size,
        "receipt": row.receipt,
        "conflict": row.conflict,
        "duplicates": row.duplicates,
        "last_duplicate_at": utc_text(row.last_duplicate_at),
        "state": row.state,
        "decision": row.decision,
        "reasons": row.reasons,
        "processed_at": utc_text(row.processed_at),
        "attempts": row.attempts,
        "patient_id": row.patient_id,
        "request_id": row.request_id,
        "set_aside": row.set_aside,
    }


def show(args: argparse.Namespace) -> int:
    """Print one message: what is known of it, what was made of it, and the message itself.

    Raises:
        InterfaceError: there is no such message.

    """
    from interface.services.answered import answered
    from interface.services.charts_shown import composed_by

    settings = settings_of(args)
    with open_store_of(settings) as store:
        detail = store.views.message(args.id)
        changed = what_it_changed(args, settings, store) if detail is not None and args.changed else None
        also = composed_by(store, detail.summary) if detail is not None else []
    if detail is None:
        raise InterfaceError(f"there is no message {args.id}")
    note = decoded(detail.note)
    if note is None and detail.summary.decision is not None and detail.problem is None:
        note = {"left_out": [], "said": []}  # what has nothing to say has none
    text = _text(detail)
    answer = answered(settings, detail.summary.listener, detail.raw, detail.summary.receipt)
    if wants_json(args):
        told = as_json(detail.summary) | {"note": note, "raw": text, "problem": detail.problem}
        told |= {"request_state": detail.request.state if detail.request else None}
        told |= {"other_requests": [other.id for other in also]}
        told |= {"answered": answer.code or None, "not_answered": answer.why or None}
        print_json(told | ({"changed": changed_json(changed, detail.summary)} if changed else {}))
        return 0
    row = detail.summary
    state = detail.request.state if detail.request else "no longer kept"
    request = f"{row.request_id} ({state})" if row.request_id else None
    facts(
        {
            "message": row.id,
            "received": local_text(row.received_at),
            "listener": f"{row.listener}, from {row.peer}",
            "sender": " ".join(part for part in (row.sender_application, row.sender_facility) if part),
            "type": row.message_type,
            "control id": row.control_id,
            "receipt": row.receipt + (" (other content under a known control id)" if row.conflict else ""),
            "answered": answer.code or answer.why,
            "came again": f"{row.duplicates} times, last {local_text(row.last_duplicate_at)}"
            if row.duplicates
            else "",
            "state": row.state,
            "decision": row.decision,
            "reasons": reasons_text(row.reasons),
            "request": request,
            "other requests": ", ".join(f"{other.id} ({other.state})" for other in also),
            "patient": row.patient_id,
            "left out": "of the chart, by a person" if row.set_aside else "",
            "problem": detail.problem,
        }
    )
    show_provenance(note)
    if changed is not None:
        show_changed(changed, row)
    if text is not None:
        heading(f"as received ({row.size} bytes):")
        print(safe_lines(text))
    return 0


def _text(detail: "MessageDetail") -> str | None:
    """The message as text, read as the product reads it."""
    if detail.raw is None:
        return None
    from interface.hl7.charsets import cp1252_text
    from interface.hl7.errors import NotHL7
    from interface.hl7.message import Message

    try:
        return detail.raw.decode(Message(detail.raw).charset)
    except (NotHL7, UnicodeDecodeError, LookupError):
        return cp1252_text(detail.raw)
