"""`check`: whether everything is in order for `run`, one line each."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from interface.cli.common import add_settings_option, find_settings, use_zone_of
from interface.cli.output import print_json, safe_text

if TYPE_CHECKING:
    from interface.cli.checks import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument(
        "--live",
        action="store_true",
        help="also have the API check a made-up patient's request, with the API key (version 2; version 1: sandbox only)",
    )
    parser.add_argument(
        "--running",
        action="store_true",
        help="only ask whether the daemon runs; for a container's health check",
    )


def run(args: argparse.Namespace) -> int:
    """Print one line for each thing looked at.

    Returns:
        0 when nothing failed, 2 when the settings did, 1 when anything else did.

    """
    path = find_settings(args.config)
    findings = examine(path, live=args.live, running=args.running)
    failed = [finding for finding in findings if finding.level == "FAIL"]
    if args.json:
        print_json(
            {
                "ok": not failed,
                "settings": str(path),
                "checks": [{"level": f.level, "what": f.what, "detail": f.detail} for f in findings],
            }
        )
    else:
        for finding in findings:
            first, *more = finding.detail.split("\n")
            print(f"{finding.level.ljust(4)}  {safe_text(finding.what)}: {safe_text(first)}")
            for line in more:  # to be pasted as they are
                print(safe_text(line))
    return 2 if any(finding.about_settings for finding in failed) else 1 if failed else 0


def examine(path: Path, *, live: bool = False, running: bool = False) -> "list[Finding]":
    """All findings for the settings file at `path`; only the settings' own when they cannot be used.

    Without `live` nothing is sent but an empty HEAD. `running`: the daemon's answer alone.
    """
    from interface.cli.checks import CHECKS, Finding, guarded
    from interface.settings import SettingsError, load_settings

    try:
        settings = load_settings(path)
        use_zone_of(settings)
    except SettingsError as error:
        return [Finding("FAIL", "settings", str(fault), about_settings=True) for fault in error.faults]
    if running:
        from interface.cli.check_running import is_running

        return is_running(settings)
    findings = [Finding("ok", "settings", f'{path}, environment "{settings.site.environment}"')]
    for what, check in CHECKS:
        findings += guarded(what, check, settings)
    if live:
        from interface.cli.live import check_live

        findings += guarded("live", check_live, settings)
    return findings
