"""Which messages and requests a command is about: filters that lists and commands share."""

from __future__ import annotations

import argparse
import time
from datetime import date
from typing import TYPE_CHECKING, Any

from interface.cli.common import UsageError
from interface.cli.stored import add_times, whole
from interface.cli.whose import add_authority, key_asked_for, nobody
from interface.delivery.outcomes import NAMES
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.settings import Settings
    from interface.store.records.lists import MessageFilter, RequestFilter
    from interface.store.store import Store

MESSAGE_STATES = ("new", "done", "failed")
DECISIONS = ("post", "chart", "hold", "cancel", "ignore", "reject")
REQUEST_STATES = (
    "waiting",
    "sending",
    "delivered",
    "held",
    "superseded",
    "withdrawn",
    "expired",
    "dead",
    "discarded",
)


NEEDS = ("time", "somebody")
"""What something that is held needs: only that its time comes, or a message, a setting, a person."""


def a_day(text: str) -> date:
    """A day of the command line. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"cannot read the day {text!r}: write it as 2026-03-05") from None


def add_message_filters(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Declare the filters of messages, but for times."""
    parser.add_argument("--state", choices=MESSAGE_STATES, default=default, help="only those in this state")
    parser.add_argument("--decision", choices=DECISIONS, default=default, help="only those decided so")
    parser.add_argument("--control-id", metavar="ID", default=default, help="MSH-10")
    parser.add_argument("--listener", metavar="NAME", default=default, help="only those that came on it")
    _add_shared(parser, default)


def add_request_filters(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Declare the filters of requests, but for times."""
    parser.add_argument("--state", choices=REQUEST_STATES, default=default, help="only those in this state")
    parser.add_argument(
        "--date", metavar="DAY", type=a_day, default=default, help="of the appointment, as 2026-03-05"
    )
    parser.add_argument(
        "--status", metavar="N", type=whole, default=default, help="HTTP status of the last attempt"
    )
    parser.add_argument("--outcome", choices=NAMES, default=default, help="what webhooks said of it")
    parser.add_argument(
        "--unanswered",
        action="store_true",
        default=False if default is None else default,
        help="no webhook within [webhooks] expected_hours",
    )
    _add_shared(parser, default)


def _add_shared(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--needs",
        choices=NEEDS,
        default=default,
        help="of what is held: goes out by itself in time, or needs somebody",
    )
    parser.add_argument("--type", metavar="TYPE", default=default, help="of the message, as SIU^S12")
    parser.add_argument("--sender", metavar="NAME", default=default, help="MSH-3 or MSH-4 of the message")
    parser.add_argument(
        "--code",
        metavar="CODE",
        default=default,
        help="of a reason, as --json lists it: missing:patient.birthDate",
    )
    parser.add_argument("--mrn", metavar="MRN", default=default, help="the patient's number")
    add_authority(parser, default="" if default is None else default)


def add_message_filters_again(parser: argparse.ArgumentParser) -> None:
    """The filters of messages behind a subcommand; given before it they mean the same."""
    add_message_filters(parser, argparse.SUPPRESS)
    add_times(parser, argparse.SUPPRESS)


def add_request_filters_again(parser: argparse.ArgumentParser) -> None:
    """The filters of requests behind a subcommand; given before it they mean the same."""
    add_request_filters(parser, argparse.SUPPRESS)
    add_times(parser, argparse.SUPPRESS)


def message_filter(args: argparse.Namespace, settings: Settings, store: Store) -> MessageFilter:
    """The filter that the arguments ask for. Raises InterfaceError for a number that nobody has."""
    from interface.store.records.lists import MessageFilter

    decision = held_by(args, "decision", "hold")
    return MessageFilter(
        state=args.state,
        decision=decision,
        **_codes(args),
        message_type=args.type and args.type.upper(),
        control_id=args.control_id,
        listener=args.listener,
        sender=args.sender,
        code=args.code,
        patient_key=_key(args, settings, store),
        since=args.since,
        until=args.until,
    )


def request_filter(args: argparse.Namespace, settings: Settings, store: Store) -> RequestFilter:
    """The filter that the arguments ask for. Raises InterfaceError for a number that nobody has."""
    from interface.store.records.lists import RequestFilter

    return RequestFilter(
        state=held_by(args, "state", "held"),
        **_codes(args),
        code=args.code,
        last_status=args.status,
        message_type=args.type and args.type.upper(),
        sender=args.sender,
        patient_key=_key(args, settings, store),
        appointment_date=args.date,
        since=args.since,
        until=args.until,
        outcome=args.outcome,
        unanswered_before=time.time() - settings.webhooks.expected_hours * 3600 if args.unanswered else None,
    )


def held_by(args: argparse.Namespace, name: str, held: str) -> str | None:
    """The state or decision that is looked for; `--needs` is of what is held. Raises UsageError."""
    given: str | None = getattr(args, name)
    if args.needs is None:
        return given
    if given not in (None, held):
        raise UsageError(f"--needs is for --{name} {held}, not for --{name} {given}")
    return held


def _codes(args: argparse.Namespace) -> dict[str, Any]:
    if args.needs is None:
        return {}
    from interface.chart.holds import TIMED  # brings pydantic: only for those who ask

    return {"only_codes" if args.needs == "time" else "other_codes": TIMED}


_FILTERS = (
    "state",
    "needs",
    "decision",
    "type",
    "control_id",
    "listener",
    "sender",
    "code",
    "mrn",
    "date",
    "status",
    "outcome",
    "since",
    "until",
)


def any_filter(args: argparse.Namespace) -> bool:
    """Whether the arguments filter at all."""
    filters = (getattr(args, name, None) is not None for name in _FILTERS)
    return any(filters) or bool(getattr(args, "unanswered", False))


def refuse_of_list(args: argparse.Namespace, command: str, *names: str) -> None:
    """Raise UsageError for what narrows the list alone, given before a subcommand: it would do more than is meant."""
    words = {word.partition("=")[0] for word in args.given}
    if found := [name for name in names if name in words]:
        raise UsageError(f"{command}: {found[0]} is for the list, this has no such option")


def _key(args: argparse.Namespace, settings: Settings, store: Store) -> str | None:
    key = key_asked_for(args, settings)
    if key is not None and not store.patients.owners((key,)):
        raise InterfaceError(nobody(settings.policy(), args.authority))
    return key
