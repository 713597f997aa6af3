"""`onboarding report`: one page for the vendor, with the same as JSON in it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from interface.cli.common import UsageError, settings_of
from interface.cli.onboarding_completeness import Reading, add_environment
from interface.cli.output import print_json, tell
from interface.cli.run import a_time
from interface.cli.stored import add_json_argument, add_settings_again, add_times, open_store_of, wants_json
from interface.cli.writing import write_whole
from interface.errors import InterfaceError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="the page to write (default: onboarding-ENVIRONMENT.html; - is standard output)",
    )
    add_environment(parser, "of which environment (default: that of the settings)")
    add_times(parser)
    parser.add_argument("--now", metavar="TIME", type=a_time, help="make the report as if it were then")
    add_settings_again(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Make the report and write it. Raises UsageError and InterfaceError."""
    from interface.evidence.page import as_html
    from interface.evidence.report import as_json
    from interface.services.evidence import report_of
    from interface.store.onboarding_views import EvidenceFilter

    settings = settings_of(args)
    environment = args.environment or settings.site.environment
    target = args.output or (None if wants_json(args) else Path(f"onboarding-{environment}.html"))
    if target is not None and str(target) != "-" and not target.absolute().parent.is_dir():
        raise UsageError(f"onboarding report: cannot write {target}: there is no such folder")
    zone = settings.site.zone or UTC
    where = EvidenceFilter(environment, since=args.since, until=args.until)
    with open_store_of(settings) as store:
        report = report_of(settings, store, where, args.now or datetime.now(zone), shown=Reading().more)
    if wants_json(args):
        print_json(as_json(report))
    if target is not None:
        page = as_html(report, zone)
        if str(target) == "-":
            print(page)
        else:
            _write(target, page)
    return 0


def _write(target: Path, page: str) -> None:
    """Whole or not at all, for the owner alone: in staging it may name the vendor's test patients."""
    try:
        write_whole(target, page)
    except OSError as error:
        raise InterfaceError(f"onboarding report: cannot write {target}: {error.strerror}") from None
    tell(f"wrote {target} ({len(page) // 1024 + 1} KB)")
