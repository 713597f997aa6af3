"""The options of `sandbox`."""

import argparse
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from interface.sandbox.api import Environment, TestPath
from interface.sandbox.playing import Play
from interface.sandbox.server import DEFAULT_HOST, DEFAULT_KEY, DEFAULT_PORT, LOG_LIMIT, WebhookOptions
from interface.sandbox.webhooks import Retries, checked_url

_FAULTS = (
    ("--fail", 0.3, "answer 500, 502 or 503"),
    ("--throttle", 0.1, "answer 429 with Retry-After"),
    ("--hang", 0.05, "take the request in and never answer"),
    ("--drop", 0.1, "close the connection, half of the times after taking the request in"),
)
_PATIENTS = (
    ("--insufficient", 0.2, "patients with too little data"),
    ("--no-answer", 0.2, "patients of whom nothing is heard this time"),
    ("--webhook-contradict", 0.1, "patients with insufficient data and a document all the same"),
)
_EVENTS = (
    ("--webhook-repeat", 0.2, "events that are sent once more"),
    ("--webhook-lose", 0.05, "events that are never sent"),
    ("--webhook-early", 0.2, "patients whose first event comes before the reply to the request"),
    ("--webhook-unknown", 0.1, "patients with one event more, of an id or a type that nobody knows"),
)
_DAY = 86_400
_DEFAULT_PLAY, _DEFAULT_RETRIES = Play(), Retries()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_whole(0, 65535), default=DEFAULT_PORT, help="0: a free one (default: %(default)s)"
    )
    parser.add_argument("--key", default=DEFAULT_KEY, help="the good apiKey (default: %(default)s)")
    parser.add_argument("--key-without-permission", metavar="KEY", help="an apiKey that is answered 403")
    parser.add_argument(
        "--environment", choices=[each.value for each in Environment], default=Environment.ALL.value,
        help="whose paths there are; staging has no /v1/scheduled-appointment/test (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--test-path", choices=[each.value for each in TestPath], default=TestPath.ID.value,
        help="what /v1/scheduled-appointment/test answers: 200 with a correlation id, with {}, "
        "without a body, or 204 (default: %(default)s)",
    )  # fmt: skip
    _add_faults(parser.add_argument_group("what goes wrong, as a share of calls (0 to 1)"))
    _add_patients(parser.add_argument_group("what is found, as a share of the known patients (0 to 1)"))
    _add_webhooks(parser.add_argument_group("webhooks"))
    parser.add_argument(
        "--judge", choices=("on", "off"), default="on", help="off: take any JSON object, for benchmarks"
    )
    parser.add_argument(
        "--today", type=_day, metavar="DATE", help="rehearse: birth dates are judged as of it"
    )
    parser.add_argument(
        "--keep", metavar="N", type=_whole(0, 10_000_000), default=LOG_LIMIT,
        help="calls and webhooks kept for /_sandbox/ (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no line for each call")


def webhook_options(args: argparse.Namespace) -> WebhookOptions:
    """Where webhooks go, and how."""
    play = Play(
        delay=args.webhook_delay,
        insufficient=args.insufficient,
        no_answer=args.no_answer,
        contradict=args.webhook_contradict,
        repeat=args.webhook_repeat,
        lose=args.webhook_lose,
        early=args.webhook_early,
        unknown=args.webhook_unknown,
        shuffle=args.webhook_shuffle,
        panel_ids=args.webhook_id == "panel",
    )
    retries = Retries(args.webhook_attempts, args.webhook_pause)
    return WebhookOptions(tuple(args.webhooks), play, retries, args.webhook_ca)


def _add_faults(group: "argparse._ArgumentGroup") -> None:
    _add_shares(group, _FAULTS)
    group.add_argument(
        "--retry-after", metavar="SECONDS", type=_whole(0, 86400), default=1, help="what a 429 asks for"
    )
    group.add_argument(
        "--seed", type=int, help="repeat the same faults, ids and webhooks (default: new ones each time)"
    )


def _add_patients(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--test-patients", metavar="FILE", type=Path,
        help="the vendor's file of those that are known (CSV or JSON); without it all are",
    )  # fmt: skip
    _add_shares(group, _PATIENTS)


def _add_webhooks(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--webhooks", metavar="URL", action="append", default=[], type=_url,
        help="where events are sent; may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--webhook-delay", metavar="MIN-MAX", type=_span, default=_DEFAULT_PLAY.delay,
        help="seconds to the first event, and from each to the next (default: 0.2-1)",
    )  # fmt: skip
    _add_shares(group, _EVENTS)
    group.add_argument("--webhook-shuffle", action="store_true", help="a patient's events in a wrong order")
    group.add_argument(
        "--webhook-id", choices=("patient", "panel"), default="patient",
        help="version 2: whose correlation id events bear (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--webhook-attempts", metavar="N", type=_whole(1, 100), default=_DEFAULT_RETRIES.attempts,
        help="so often an event is sent until it is answered 2xx (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--webhook-pause", metavar="SECONDS", type=_seconds, default=_DEFAULT_RETRIES.pause,
        help="before the second attempt; twice as long before each further one (default: %(default)g)",
    )  # fmt: skip
    group.add_argument(
        "--webhook-ca", metavar="FILE", type=Path,
        help="certificates (PEM) that a receiver's is held against, in place of the system's",
    )  # fmt: skip


def _add_shares(group: "argparse._ArgumentGroup", rows: Iterable[tuple[str, float, str]]) -> None:
    for option, share, description in rows:
        group.add_argument(
            option,
            metavar="SHARE",
            nargs="?",
            type=_share,
            const=share,
            default=0.0,
            help=f"{description} (without a number: {share})",
        )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write a number from 0 to 1")
    return share


def _whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return convert


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write yyyy-mm-dd") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= _DAY:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write seconds, {_DAY} at most")
    return seconds


def _span(text: str) -> tuple[float, float]:
    least, _, most = text.partition("-")
    span = _seconds(least), _seconds(most or least)
    if span[0] > span[1]:
        raise argparse.ArgumentTypeError(f"{text!r}: write the least seconds first, as 0.2-1")
    return span


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
