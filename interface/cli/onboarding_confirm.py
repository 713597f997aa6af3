"""`onboarding confirm STEP --note TEXT`: a person notes that a step was seen done, or takes that back."""

from __future__ import annotations

import argparse
import time

from interface.cli.common import UsageError, settings_of
from interface.cli.output import print_json
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of, wants_json
from interface.errors import InterfaceError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("step", metavar="STEP", help="`onboarding` lists them: staging, production …")
    parser.add_argument(
        "--note", metavar="TEXT", help="who of the vendor said so, where; it is stored sealed"
    )
    parser.add_argument("--undo", action="store_true", help="take the confirmation back")
    add_settings_again(parser)
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Note it. Raises UsageError for what is no step, or has no note; InterfaceError when there is nothing to take back."""
    from interface.cli.by_hand import who
    from interface.evidence.steps import CONFIRMABLE, NOTE_CHARACTERS

    if args.step not in CONFIRMABLE:
        hint = "; `onboarding go-live` is the switch" if args.step == "live" else ""
        raise UsageError(
            f"onboarding confirm: no step {args.step!r} to confirm: {', '.join(CONFIRMABLE)}{hint}"
        )
    note = (args.note or "").strip()
    if args.undo and note:
        raise UsageError("onboarding confirm: give --note or --undo, not both")
    if not args.undo and not note:
        raise UsageError("onboarding confirm: give --note TEXT: who of the vendor said so, and where")
    if len(note) > NOTE_CHARACTERS:
        raise UsageError(f"onboarding confirm: --note is longer than {NOTE_CHARACTERS} characters")
    with open_store_of(settings_of(args)) as store:
        if not args.undo:
            store.confirmations.add(args.step, who(), note, time.time())
        elif not store.confirmations.undo(args.step, who(), time.time()):
            raise InterfaceError(f"{args.step} is not confirmed: nothing to take back")
    if wants_json(args):
        print_json({"step": args.step, "confirmed": not args.undo})
    else:
        print(f"{args.step}: {'no longer confirmed' if args.undo else 'confirmed'}")
    return 0
