"""`webhooks`: what Connective Health reported back, and which requests it was about."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from interface.cli.common import local_text, settings_of, utc_text
from interface.cli.output import facts, heading, print_json, safe_lines, table, tell
from interface.cli.stored import (
    add_list_arguments,
    add_show,
    hint_more,
    open_store_of,
    pages,
    wants_json,
)
from interface.delivery.outcomes import DELIVERED, FOUND, INSUFFICIENT
from interface.errors import InterfaceError
from interface.shown.mask import shape
from interface.shown.stored import decoded

if TYPE_CHECKING:
    from interface.store.records.webhooks import WebhookSummary

EVENT_TYPES = (FOUND, INSUFFICIENT, DELIVERED)
_CLEAR = ("type", "correlationId", "batchId", "timestamp")
"""What is shown as it came, where it has the form that is published; all else may be patient data."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    _add_filters(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    listing = commands.add_parser("list", help="list them; the same as without a subcommand")
    _add_filters(listing)
    for action in listing._actions:  # given before `list` they mean the same
        action.default = argparse.SUPPRESS
    show = add_show(commands, "webhook")
    show.add_argument("--body", action="store_true", help="the body as it came: may hold patient data")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unmatched", action="store_true", help="those for ids that nobody knows")
    parser.add_argument("--type", choices=(*EVENT_TYPES, "other"), help="the type of the event")
    parser.add_argument("--correlation-id", metavar="ID", help="only those about it")
    add_list_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """List webhooks or show one."""
    return show(args) if hasattr(args, "id") else list_webhooks(args)


def list_webhooks(args: argparse.Namespace) -> int:
    """Print the newest webhooks that the filters take."""
    from interface.store.records.webhooks import WebhookFilter

    settings = settings_of(args)
    where = WebhookFilter(
        state="unmatched" if args.unmatched else None,
        event=args.type,
        correlation_id=args.correlation_id,
        since=args.since,
        until=args.until,
    )
    with open_store_of(settings) as store:
        rows, more = pages(
            lambda before, limit: store.webhooks.webhooks(where, before=before, limit=limit),
            args.before,
            args.limit,
        )
    if wants_json(args):
        print_json({"webhooks": [as_json(row) for row in rows], "next_before": more})
        return 0
    if not rows:
        tell("no webhooks")
        return 0
    columns = ("id", "received", "type", "says it was at", "correlation id", "state", "requests", "repeats")
    table(columns, [_line(row) for row in rows], right=("id", "repeats"))
    hint_more(args, more)
    return 0


def _line(row: WebhookSummary) -> tuple[object, ...]:
    return (
        row.id,
        local_text(row.received_at),
        row.event,
        local_text(row.event_at),
        row.correlation_id,
        row.state,
        ", ".join(map(str, row.requests)),
        row.duplicates or None,
    )


def as_json(row: WebhookSummary) -> dict[str, Any]:
    """A webhook as lists and details have it."""
    return {
        "id": row.id,
        "received_at": utc_text(row.received_at),
        "type": row.event,
        "event_at": utc_text(row.event_at),
        "correlation_id": row.correlation_id,
        "state": row.state,
        "requests": list(row.requests),
        "duplicates": row.duplicates,
        "last_duplicate_at": utc_text(row.last_duplicate_at),
        "size": row.size,
        "peer": row.peer,
    }


def show(args: argparse.Namespace) -> int:
    """Print one webhook: what it is about, and what it says, masked unless the body is asked for.

    Raises:
        InterfaceError: there is no such webhook.

    """
    settings = settings_of(args)
    with open_store_of(settings) as store:
        detail = store.webhooks.one(args.id)
    if detail is None:
        raise InterfaceError(f"there is no webhook {args.id}")
    row = detail.summary
    said = decoded(detail.body)
    shown = said if args.body else masked(said, row)
    if wants_json(args):
        print_json(as_json(row) | {"masked": not args.body, "body": shown, "problem": detail.problem})
        return 0
    facts(
        {
            "webhook": row.id,
            "received": local_text(row.received_at),
            "from": row.peer,
            "type": row.event,
            "says it was at": local_text(row.event_at),
            "correlation id": row.correlation_id,
            "state": row.state,
            "requests": ", ".join(map(str, row.requests)),
            "repeats": row.duplicates or None,
            "last repeat": local_text(row.last_duplicate_at),
            "problem": detail.problem,
        }
    )
    if shown is not None:
        heading("body:" if args.body else "body, masked (--body shows it as it came):")
        print(
            safe_lines(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=2))
        )
    return 0


def masked(said: Any, row: WebhookSummary) -> Any:
    """A webhook's body with the shape of each value alone, but for what is known to tell nothing of a person."""
    if not isinstance(said, dict):
        return _shapes(said)
    clear = {
        "type": row.event in EVENT_TYPES,
        "correlationId": bool(row.requests),
        "timestamp": row.event_at is not None,
    }
    return {
        name if name in (*_CLEAR, "data") else shape(name): value if clear.get(name) else _shapes(value)
        for name, value in said.items()
    }


def _shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {shape(name): _shapes(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shapes(part) for part in value]
    return value if value is None or isinstance(value, bool) else shape(value)
