"""`purge`: delete what the settings keep no longer; the daemon does so by itself each day."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from interface.cli.asking import Site, add_wait_argument, confirm, open_site
from interface.cli.common import add_settings_option, local_text, utc_text
from interface.cli.output import facts, many, print_json, table, tell
from interface.cli.run import a_time
from interface.cli.stored import add_json_argument, wants_json
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.services.purging import Keep
    from interface.store.records.reading import Command
    from interface.store.retention import Purge

SHOWN = 10
_WORDS = {
    "requests": "request",
    "webhooks": "webhook",
    "commands": "command",
    "charts": "chart",
    "messages": "message",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    parser.add_argument("--dry-run", action="store_true", help="change nothing: count what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_wait_argument(parser)
    parser.add_argument(
        "--now",
        metavar="TIME",
        type=a_time,
        help="count as if it were then; give what `run --now` was given",
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Count, ask, delete; 1 when the person said no, or the daemon did not come to it."""
    from interface.services.purging import Keep

    with open_site(args) as site:
        keep = Keep.of(site.settings.store)
        last = site.store.retention.last(SHOWN)
        counts = _purging(site, keep).count()
        if args.dry_run or not any(counts.values()):
            _told(args, keep, counts, last, done=False)
            return 0
        if not confirm(f"{_said(counts)} to be deleted.", yes=args.yes):
            return 1
        done = _purge(site, keep, args.wait)
        _told(args, keep, done, site.store.retention.last(SHOWN), done=True)
    return 0


def _purging(site: Site, keep: Keep) -> Any:
    from interface.services.purging import Purging

    return Purging(site.store.retention, keep, site.clock)


def _purge(site: Site, keep: Keep, wait: float) -> dict[str, int]:
    """By the daemon, or here where none runs; gives what went."""
    from interface.services.asking import Asking

    door, work = site.store.presence("door"), site.store.presence("work")
    with ExitStack() as locks:
        if not door.is_held() and not work.is_held():
            locks.enter_context(door)
            locks.enter_context(work)
            if site.store.work.shared:
                hold = site.store.work.take_turn()
                site.store.retention.hold = lambda: hold
            purging = _purging(site, keep)
            while (counts := purging.step()) is None:
                pass
            return dict(counts)
    found: dict[str, int] = {}

    def take(_: int, command: Command) -> None:
        told = command.result or {}
        if command.state != "done":
            raise InterfaceError(str(told.get("problem", "it failed")))
        found.update({kind: int(number) for kind, number in told.items()})

    asking = Asking(site.store, site.engine, site.clock, patience=wait)
    asking.ask("purge", [{}], take)
    return found


def _told(
    args: argparse.Namespace, keep: Keep, counts: dict[str, int], last: list[Purge], *, done: bool
) -> None:
    if wants_json(args):
        print_json(
            {
                "dry_run": not done,
                "keep": asdict(keep),
                "counts": counts,
                "last": [_as_json(one) for one in last],
            }
        )
        return
    facts({"deleted" if done else "would go": _said(counts), "kept": _kept(keep)})
    if last and not done:
        print()
        rows = [(local_text(one.began_at), local_text(one.ended_at), _said(one.counts)) for one in last]
        table(("purged", "until", "what went"), rows)
    if keep.forever:
        tell("everything is kept for ever: see journal_days and its like in [store]")


def _said(counts: dict[str, int]) -> str:
    return ", ".join(many(number, _WORDS[kind]) for kind, number in counts.items() if number) or "nothing"


def _kept(keep: Keep) -> str:
    days = {name.removesuffix("_days"): number for name, number in asdict(keep).items()}
    return ", ".join(
        f"{name} {number} days" if number else f"{name} for ever" for name, number in days.items()
    )


def _as_json(one: Purge) -> dict[str, Any]:
    return {
        "began_at": utc_text(one.began_at),
        "ended_at": utc_text(one.ended_at),
        "counts": one.counts,
    }
