"""`explain`: offline, what the program would do with messages, and where each value comes from."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from interface.chart.decide import Engine
from interface.cli.common import LOCAL_SETTINGS, UsageError, at_site, check_listener, read_file
from interface.cli.output import print_json, tell
from interface.cli.run import a_time
from interface.cli.screen import COLOUR_CHOICES, open_screen
from interface.rules import Policy, Rulebook, load_rulebook
from interface.services.explaining import as_json, departures, explain, messages_in, with_table_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="HL7 files; `-` is standard input")
    parser.add_argument("-c", "--config", metavar="FILE", type=Path, help="the site's settings file")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--now", metavar="TIME", type=a_time, help="decide as if it were then (2026-03-05T10:00:00-06:00)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="also where a message departs from the HL7 version it declares"
    )
    parser.add_argument(
        "--listener", metavar="NAME", default="", help="as if they came on this listener of the settings file"
    )
    parser.add_argument(
        "--mask", action="store_true", help="hide patient data, so that the answer can be mailed"
    )
    parser.add_argument(
        "--color",
        choices=COLOUR_CHOICES,
        default="auto",
        help="colours: auto (the default: on a terminal, unless NO_COLOR is set), always, never",
    )


def run(args: argparse.Namespace) -> int:
    """Exit 1 only when a message was rejected."""
    book, policy, zone = load_rulebook(), Policy(), None
    engine, listeners = Engine(book, policy), list[str]()
    if args.config is not None:
        from interface.cli.explain_staging import guarded
        from interface.settings import load_settings

        settings = load_settings(args.config)
        book, policy, zone = settings.rulebook(), settings.policy(), settings.site.zone
        listeners = [entry.name for entry in settings.listeners]
        check_listener("explain", args.listener, listeners)
        engine = guarded(Engine(book, policy), settings)
    elif args.listener:
        raise UsageError("explain: --listener is one of the settings file's: give that too, by -c FILE")
    now = at_site(args.now or datetime.now(UTC), zone)
    sent = list(read_messages(args.files))
    messages = [raw for _, raw in sent]
    explained = explain(engine, messages, now, args.listener)
    answers = [
        as_json(*entry, departures(raw) if args.strict else None)
        for entry, raw in zip(explained, messages, strict=True)
    ]
    with_table_rows(answers, messages, book, policy.listener_charsets.get(args.listener))
    if args.mask:
        from interface.shown.mask import Mask

        answers = Mask(messages).answers(answers)
    if args.json:
        print_json({"messages": answers})
    else:
        from interface.cli.explain_text import print_explained, print_summary

        screen = open_screen(args.color)
        for (file, _), answer in zip(sent, answers, strict=True):
            told = len(args.files) > 1 or answer["decision"] == "reject"
            print_explained(screen, answer, file if told and not args.mask else "")
        if len(answers) > 1:
            print_summary(screen, answers)
    if not args.listener and (own := _of_listeners(book, policy)):
        tell(f"{own} of a listener count with --listener NAME alone; there are {', '.join(listeners)}")
    if args.config is None and LOCAL_SETTINGS.is_file():
        tell(f"{LOCAL_SETTINGS} was not read: to go by it, give -c {LOCAL_SETTINGS}")
    return 1 if any(answer["decision"] == "reject" for answer in answers) else 0


def _of_listeners(book: Rulebook, policy: Policy) -> str:
    """What some listener of the settings has of its own; empty: nothing."""
    found = {
        "rules": any("listener" in each.condition.wanted for each in book.variants),
        "the time zone": any(policy.listener_timezones.values()),
        "the character set": any(policy.listener_charsets.values()),
    }
    return ", ".join(name for name, there in found.items() if there)


def read_messages(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The messages of files, in order, each with its file; a file that holds none is one message to be rejected."""
    for name in names:
        yield from ((name, message) for message in messages_in(read_file(name)))
