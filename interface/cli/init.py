"""`init`: writes a commented settings file."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from interface.cli.common import ENVIRONMENTS, LOCAL_SETTINGS, PROGRAM, UsageError
from interface.cli.output import is_terminal
from interface.cli.template import Answers, render
from interface.cli.writing import whole_file, write_whole

DEFAULTS = Answers(name="")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        default=str(LOCAL_SETTINGS),
        help="default: %(default)s; - is standard output",
    )
    parser.add_argument("--name", help="the clinic's name")
    parser.add_argument("--environment", help="sandbox (default), staging, production-test or production")
    parser.add_argument("--mrn-root", metavar="OID", help="assigning authority OID from Connective Health")
    parser.add_argument(
        "--authority",
        metavar="TEXT",
        action="append",
        help="PID-3.4 of the numbers that are MRNs; may be repeated",
    )
    parser.add_argument(
        "--timezone", metavar="ZONE", help=f"the clinic's time zone (default: {DEFAULTS.timezone})"
    )
    parser.add_argument("--port", type=int, help=f"MLLP port (default: {DEFAULTS.port})")
    parser.add_argument(
        "--allow",
        metavar="NETWORK",
        action="append",
        help="who may connect from elsewhere, as 10.20.0.0/16; repeatable",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing, take defaults for what is not given")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Ask for what the flags left open (on a terminal), write the file, say what to do next."""
    target = Path(args.file)
    to_output = args.file == "-"
    if not to_output and target.exists() and not args.force:
        raise UsageError(f"init: {target} is already there; --force overwrites it")
    ask = None if args.yes or not (is_terminal(sys.stdin) and is_terminal(sys.stderr)) else ask_on_terminal
    answers = gather(args, ask)
    text = render(answers)
    check(text, target)
    if to_output:
        print(text, end="")
        return 0
    write(target, text, force=args.force)
    print(f"wrote {target} (environment {answers.environment}); next:")
    print(f"  {PROGRAM} check -c {target}")
    print(f"  {PROGRAM} run -c {target}")
    return 0


Ask = Callable[[str, str], str]


def ask_on_terminal(question: str, default: str) -> str:
    """Ask on standard error; an empty line, or the end of the input, is the default."""
    print(f"{question} [{default}]: " if default else f"{question}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default


def gather(args: argparse.Namespace, ask: Ask | None) -> Answers:
    """The answers from the flags, for the rest from `ask`, else the defaults.

    Raises:
        UsageError: another environment than the sandbox needs an MRN root, and there is none.

    """

    def answer(given: str | None, question: str, default: str) -> str:
        return given if given is not None else ask(question, default) if ask else default

    name = answer(args.name, "The clinic's name", DEFAULTS.name)
    environment = answer(args.environment, f"Environment ({', '.join(ENVIRONMENTS)})", "sandbox")
    example_root = DEFAULTS.mrn_root if environment == "sandbox" else ""
    mrn_root = answer(args.mrn_root, "MRN root, the OID from Connective Health", example_root)
    if not mrn_root and environment in ENVIRONMENTS:
        raise UsageError(f"init: environment {environment} needs --mrn-root, the OID from Connective Health")
    authority = args.authority
    if authority is None and ask:
        authority = [
            text.strip() for text in ask("PID-3.4 of your MRNs, comma between several", "").split(",")
        ]
    port = answer(None if args.port is None else str(args.port), "MLLP port", str(DEFAULTS.port))
    if not port.isdecimal():
        raise UsageError("init: the port must be a number")
    allow = tuple(args.allow or ())
    return Answers(
        name=name,
        environment=environment,
        mrn_root=mrn_root,
        authority=tuple(text for text in authority or () if text),
        timezone=answer(args.timezone, "The clinic's time zone", DEFAULTS.timezone),
        host="0.0.0.0" if allow else DEFAULTS.host,  # noqa: S104 - who may connect has been said
        port=int(port),
        allow=allow,
    )


def check(text: str, target: Path) -> None:
    """Make sure that the file about to be written loads.

    Raises:
        UsageError: an answer does not do; one line for each.

    """
    from interface.settings import SettingsError, parse_settings

    try:
        parse_settings(text, target)
    except SettingsError as error:
        raise UsageError("\n".join(f"init: {fault.where}: {fault.text}" for fault in error.faults)) from None


def write(target: Path, text: str, *, force: bool) -> None:
    """Write the file for this user only; an existing one is replaced whole or not at all.

    Raises:
        UsageError: it cannot be written, or is there already and `force` is not set.

    """
    try:
        if force:
            write_whole(target, text)
            return
        with whole_file(target, new=True) as file:  # half of the settings would be read as all of them
            file.write(text.encode())
    except FileExistsError:
        raise UsageError(f"init: {target} is already there; --force overwrites it") from None
    except OSError as error:
        raise UsageError(f"init: cannot write {target}: {error.strerror}") from None
