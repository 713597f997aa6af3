"""`onboarding go-live`: the switch to production, which shows first what it will do."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from interface.cli.asking import add_asking_arguments, confirm, open_site
from interface.cli.by_hand import who
from interface.cli.common import UsageError, local_text, utc_text
from interface.cli.output import facts, many, print_json
from interface.cli.stored import wants_json
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.services.going_live import Choice, Preview
    from interface.store.records.reading import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument(
        "--drop-older-than",
        metavar="DAYS",
        type=_days,
        help="drop requests that have been held for longer than so many days",
    )
    parser.add_argument(
        "--from-day",
        metavar="DATE",
        type=_day,
        help="drop held requests for appointments before this day (2026-03-05, or `tomorrow`)",
    )
    parser.add_argument(
        "--per-minute",
        metavar="N",
        type=_pace,
        help="how many of the held requests go out in a minute (default: 120); new ones go at once",
    )
    add_asking_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show, ask, switch; 1 when the person said no or it could not be done."""
    from interface.services.asking import Asking
    from interface.services.by_hand import CannotError
    from interface.services.going_live import arguments_of, preview

    with open_site(args) as site:
        environment = site.settings.site.environment
        if environment != "production":
            raise UsageError(
                f'onboarding go-live: [site] environment is "{environment}"; set it to "production", set the '
                "production key, restart the daemon, and ask again"
            )
        now = site.clock.at()
        choice = _choice(args, now.date())
        try:
            found = preview(site.store, choice, now)
        except CannotError as cannot:
            raise InterfaceError(f"{cannot}, and ask again") from None
        if found.life.live:
            raise InterfaceError(f"live since {local_text(_since(found))} already: nothing to switch")
        if args.dry_run:
            _show(args, found, choice, done=False)
            return 0
        if not wants_json(args):
            _show(args, found, choice, done=False)
        if not confirm(f"{site.settings.post_url} gets real requests from now on.", yes=args.yes):
            return 1
        problems: list[str] = []

        def take(_: int, command: Command) -> None:
            if command.state != "done":
                problems.append(str((command.result or {}).get("problem", "it failed")))

        asking = Asking(site.store, site.engine, site.clock, patience=args.wait)
        asking.ask("go-live", [arguments_of(found, choice, who())], take)
    if problems:
        raise InterfaceError(problems[0])
    if wants_json(args):
        _show(args, found, choice, done=True)
    else:
        print("live: requests go out from now on")
    return 0


def _since(found: Preview) -> float:
    return found.life.going.at if found.life.going is not None else found.life.since


def _choice(args: argparse.Namespace, today: date) -> Choice:
    from interface.services.going_live import PER_MINUTE, Choice

    day = today + timedelta(days=1) if args.from_day == "tomorrow" else args.from_day
    return Choice(args.drop_older_than, day, args.per_minute or PER_MINUTE)


def _show(args: argparse.Namespace, found: Preview, choice: Choice, *, done: bool) -> None:
    if wants_json(args):
        print_json(_as_json(found, choice, done=done))
        return
    from interface.services.identity_settings import REBUILD

    stay = ", ".join(f"{code} {number}" for code, number in found.stay.most_common(8))
    minutes = max(1, round(found.seconds / 60)) if found.sent else 0
    dropped = []
    if choice.older_than_days is not None:
        dropped.append(f"{found.too_old} held for longer than {many(choice.older_than_days, 'day')}")
    if choice.from_day is not None:
        dropped.append(f"{found.too_soon} for appointments before {choice.from_day}")
    facts(
        {
            "held requests": str(found.held),
            "  are sent": f"{found.sent}, over {many(minutes, 'minute')} ({choice.per_minute} a minute)"
            if found.sent
            else "0",
            "  wait for their day": str(found.timed) if found.timed else "",
            "  are dropped": "; ".join(dropped),
            "  expire": f"{found.past}: the appointment's date has passed" if found.past else "",
            "  stay held": f"{found.staying}: {stay}" if found.staying else "",
            "tested requests": f"{len(found.tested)} are asked for anew: so far they were only checked"
            if found.tested
            else "",
            "training": f"{many(found.trained, 'chart')} took in messages of training (MSH-11 T or D): to take them out, "
            f"run first: {REBUILD}"
            if found.trained
            else "",
        }
    )


def _as_json(found: Preview, choice: Choice, *, done: bool) -> dict[str, Any]:
    return {
        "live": done,
        "environment_since": utc_text(found.life.since),
        "held": found.held,
        "sent": found.sent,
        "seconds": round(found.seconds),
        "per_minute": choice.per_minute,
        "wait_for_their_day": found.timed,
        "dropped_too_old": found.too_old,
        "dropped_before_day": found.too_soon,
        "expired": found.past,
        "stay_held": found.staying,
        "stay_held_by_reason": dict(found.stay),
        "tested_asked_anew": found.tested,
        "charts_of_training": found.trained,
    }


def _whole(text: str, least: int, most: int, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        raise UsageError(f"{text!r} is not a number of {what} from {least} to {most}")
    return int(text)


def _days(text: str) -> int:
    from interface.services.going_live import MOST_DAYS

    return _whole(text, 0, MOST_DAYS, "days")


def _pace(text: str) -> int:
    from interface.services.going_live import MOST_PER_MINUTE

    return _whole(text, 1, MOST_PER_MINUTE, "requests")


def _day(text: str) -> date | str:
    if text == "tomorrow":
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a day: write 2026-03-05, or tomorrow") from None
