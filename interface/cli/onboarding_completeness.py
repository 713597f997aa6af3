"""`onboarding completeness`: which fields requests have filled, by field and week, and whether what is known was shared."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from interface.cli.common import ENVIRONMENTS, settings_of
from interface.cli.output import heading, many, print_json, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, add_times, open_store_of, wants_json

if TYPE_CHECKING:
    from interface.evidence.completeness import Sums

LINE_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    add_times(parser)
    add_environment(parser, "only requests of this environment (default: all)")
    parser.add_argument(
        "--all", action="store_true", help="also requests that were not delivered: waiting, held, given up"
    )
    add_settings_again(parser)
    add_json_argument(parser)


def add_environment(parser: argparse.ArgumentParser, text: str) -> None:
    """Declare `--environment`."""
    parser.add_argument("--environment", choices=ENVIRONMENTS, metavar="NAME", help=text)


class Reading:
    """Says on standard error every few seconds how many requests were read: a million take minutes."""

    def __init__(self) -> None:
        self._read, self._last = 0, time.monotonic()

    def more(self, count: int) -> None:
        """So many more were."""
        self._read += count
        if time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            tell(f"{self._read} requests read")


def run(args: argparse.Namespace) -> int:
    """Print the sums; 1 when something that was known was left out for no reason."""
    from interface.services.evidence import sums_of
    from interface.store.onboarding_views import EvidenceFilter

    settings = settings_of(args)
    state = None if args.all else "delivered"
    where = EvidenceFilter(args.environment, state, args.since, args.until)
    with open_store_of(settings) as store:
        sums = sums_of(store, where, settings.site.zone, shown=Reading().more)
    asked = {"environment": args.environment, "state": state, "since": args.since, "until": args.until}
    if wants_json(args):
        print_json({"asked": asked, **sums.as_json()})
    elif not sums.requests:
        tell("no requests")
    else:
        _show(sums, delivered=not args.all)
    return 1 if sums.missing.total() else 0


def _show(sums: Sums, *, delivered: bool) -> None:
    from interface.contract.fields import fields
    from interface.evidence.words import bar, percent

    print(many(sums.requests, "delivered request" if delivered else "request"))
    if sums.unreadable:
        tell(f"{many(sums.unreadable, 'request')} not looked into: the body is gone or can't be opened")
    for version, requests in sorted(sums.versions.items()):
        counts = sums.fields[version]
        heading(f"fields of version {version} (required ones have a *):")
        known = [one for one in fields(version) if counts[one.name] or one.required]
        rows = [
            (
                f"{one.name}{' *' if one.required else ''}",
                counts[one.name],
                percent(counts[one.name], requests),
                bar(counts[one.name], requests),
            )
            for one in known
        ]
        table(("field", "filled", "", f"of {requests}"), rows, right=("filled", ""))
        never = [one.name for one in fields(version) if one not in known]
        print(f"never filled: {many(len(never), 'optional field')} (--json names them)")
    _show_sharing(sums)
    _show_weeks(sums)


def _show_sharing(sums: Sums) -> None:
    from interface.chart.reciprocity import REASONS
    from interface.evidence.completeness import KINDS, SHARING
    from interface.evidence.words import WHAT, percent

    heading("sharing:")
    words = {"both": "problems and medications", "none": "neither"}
    table(
        ("with", "requests", ""),
        [
            (words.get(kind, kind), sums.sharing[kind], percent(sums.sharing[kind], sums.read))
            for kind in SHARING
        ],
        right=("requests", ""),
    )
    heading("known when composed, and shared:")
    table(
        ("", "known", "shared", "left out", "MISSING"),
        [
            (
                WHAT[kind][1],
                sums.known[kind],
                sums.sent[kind],
                sums.left_out[kind].total(),
                sums.missing[kind],
            )
            for kind in KINDS
        ],
        right=("known", "shared", "left out", "MISSING"),
    )
    exceptions = [
        (WHAT[kind][1], number, REASONS.get(code, code))
        for kind in KINDS
        for code, number in sorted(sums.left_out[kind].items())
    ]
    if exceptions:
        heading("left out, and why:")
        table(("", "how many", "why"), exceptions, right=("how many",))
    if sums.missing_in:
        told = ", ".join(str(number) for number in sums.missing_in)
        tell(
            f"something known was left out for no reason of requests {told}: `requests show` tells; please report it"
        )
    if sums.unproven:
        tell(
            f"{many(sums.unproven, 'request')} composed by an older program: nothing is noted of what was known"
        )


def _show_weeks(sums: Sums) -> None:
    heading("by week:")
    table(
        ("week", "requests", "fields each", "both", "problems", "medications", "none"),
        [
            (
                name,
                week.requests,
                f"{week.fields_each:.1f}",
                *(week.sharing[kind] for kind in ("both", "problems", "medications", "none")),
            )
            for name, week in sorted(sums.weeks.items())
        ],
        right=("requests", "fields each", "both", "problems", "medications", "none"),
    )
