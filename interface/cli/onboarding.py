"""`onboarding`: from staging to production. Only routes: each subcommand has a module of its own."""

import argparse
import importlib
from dataclasses import dataclass
from typing import Any

from interface.cli.common import add_settings_option
from interface.cli.stored import add_json_argument


@dataclass(frozen=True)
class Subcommand:
    """A subcommand. Its module has `add_arguments(parser)` and `run(args) -> int`.

    The module is imported for the help of `onboarding`, so it imports nothing heavy. Settings and JSON that it takes
    it declares by `add_settings_again` and `add_json_argument`: before the subcommand they mean the same.
    """

    name: str
    module: str
    help: str


STEPS = "interface.cli.onboarding_steps"
"""The module of `onboarding` without a subcommand: the steps, and what shows that they are done."""

SUBCOMMANDS = (
    Subcommand(
        "import-patients",
        "interface.cli.onboarding_import_patients",
        "take in the test patients that the vendor handed out",
    ),
    Subcommand(
        "send-test-patients",
        "interface.cli.onboarding_send_test_patients",
        "send messages of all test patients through the site's own listener",
    ),
    Subcommand(
        "production-test",
        "interface.cli.onboarding_production_test",
        "how far the round of test requests is, and what requests lack",
    ),
    Subcommand(
        "choose", "interface.cli.onboarding_choose", "choose which held requests the production test takes"
    ),
    Subcommand("new-round", "interface.cli.onboarding_new_round", "begin the production test anew"),
    Subcommand(
        "completeness",
        "interface.cli.onboarding_completeness",
        "which fields requests have filled, and whether all that is known was shared",
    ),
    Subcommand("confirm", "interface.cli.onboarding_confirm", "note that a person has seen a step done"),
    Subcommand(
        "report", "interface.cli.onboarding_report", "write what the vendor asks to confirm as one file"
    ),
    Subcommand("go-live", "interface.cli.onboarding_go_live", "switch to production"),
)
"""In the order of the help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    add_json_argument(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="", dest="subcommand")
    for known in SUBCOMMANDS:
        _declare(commands, known)


def _declare(commands: "argparse._SubParsersAction[Any]", known: Subcommand) -> None:
    module: Any = importlib.import_module(known.module)
    parser = commands.add_parser(
        known.name, help=known.help, description=f"{known.help[:1].upper()}{known.help[1:]}."
    )
    module.add_arguments(parser)
    parser.set_defaults(action=module.run)


def run(args: argparse.Namespace) -> int:
    """List the steps, or do what the subcommand says."""
    if action := getattr(args, "action", None):
        return int(action(args))
    module: Any = importlib.import_module(STEPS)
    return int(module.run(args))
