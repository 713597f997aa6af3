"""`onboarding choose`: which held requests the production test takes, and who chooses them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from interface.cli.asking import add_site_arguments, add_wait_argument, open_site
from interface.cli.by_hand import who
from interface.cli.common import UsageError
from interface.cli.output import print_json, safe_text, tell
from interface.cli.stored import wants_json, whole
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.store.records.reading import Command

MOST = 100
"""Requests that one command names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument(
        "requests",
        nargs="*",
        metavar="REQUEST",
        type=whole,
        help="held requests, by id; `onboarding production-test` lists complete ones",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--by-hand", action="store_true", help="from now on only what persons choose is taken")
    how.add_argument(
        "--automatic",
        action="store_true",
        help="the first complete ones are taken by themselves (as at first)",
    )
    add_site_arguments(parser)
    add_wait_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Choose; 1 when one of them could not be chosen."""
    wanted = list(dict.fromkeys(args.requests))
    if not wanted and not (args.by_hand or args.automatic):
        raise UsageError("onboarding choose: name requests, or give --by-hand or --automatic")
    if len(wanted) > MOST:
        raise UsageError(f"onboarding choose: name {MOST} requests at most")
    arguments: dict[str, Any] = {"requests": wanted, "who": who()}
    if args.by_hand or args.automatic:
        arguments["by_hand"] = args.by_hand
    told = carry_out(args, "choose", arguments)
    refused = {int(number): str(why) for number, why in told.get("refused", [])}
    if wants_json(args):
        entries = [
            {"request": id_, "chosen": id_ not in refused, "problem": refused.get(id_)} for id_ in wanted
        ]
        print_json({"requests": entries, "by_hand": arguments.get("by_hand")})
    else:
        if "by_hand" in arguments:
            print("chosen by hand from now on" if args.by_hand else "chosen automatically from now on")
        for id_ in wanted:
            if id_ in refused:
                tell(safe_text(f"request {id_} is not chosen: {refused[id_]}"))
            else:
                print(f"request {id_} is chosen: it is sent in its turn")
    return 1 if refused else 0


def carry_out(args: argparse.Namespace, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Have a command of the production test carried out; gives what came of it. Raises InterfaceError, UsageError."""
    from interface.services.asking import Asking

    ended: list[Command] = []
    with open_site(args) as site:
        environment = site.settings.site.environment
        if environment != "production-test":
            raise UsageError(
                f'onboarding {kind}: [site] environment is "{environment}"; the production test needs "production-test"'
            )
        asking = Asking(site.store, site.engine, site.clock, patience=args.wait)
        asking.ask(kind, [arguments], lambda _, command: ended.append(command))
    told = ended[0].result or {}
    if ended[0].state != "done":
        raise InterfaceError(str(told.get("problem", "it failed")))
    return told
