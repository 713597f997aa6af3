"""`onboarding new-round --why TEXT`: the production test begins anew, with ten slots."""

from __future__ import annotations

import argparse

from interface.cli.asking import add_site_arguments, add_wait_argument, confirm
from interface.cli.by_hand import who
from interface.cli.common import UsageError
from interface.cli.onboarding_choose import carry_out
from interface.cli.output import print_json
from interface.cli.stored import wants_json

WHY_CHARACTERS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument(
        "--why", metavar="TEXT", required=True, help="why; it is stored sealed, with who asked for it"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_site_arguments(parser)
    add_wait_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, begin; 1 when the person said no."""
    why = " ".join(args.why.split())
    if not why or len(why) > WHY_CHARACTERS:
        raise UsageError(f"onboarding new-round: --why says why, in 1 to {WHY_CHARACTERS} characters")
    question = "Ten more requests of real patients may be sent to the vendor's test path."
    if not confirm(question, yes=args.yes, otherwise="`onboarding production-test` to look first"):
        return 1
    carry_out(args, "new-round", {"who": who(), "why": why})
    if wants_json(args):
        print_json({"begun": True})
    else:
        print("a new round has begun: ten slots are free")
    return 0
