"""`hl7-interface`: finds the command, imports its module alone, turns every error into one line.

Exit codes: 0 done, 1 the thing asked about is not well, 2 wrong usage or settings, 130 interrupted.
"""

import contextlib
import difflib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interface import __version__
from interface.cli.common import PROGRAM, NotAvailableError, Parser, UsageError, place_of
from interface.cli.output import safe_text
from interface.errors import InterfaceError

DEBUG_VARIABLE = "HL7_INTERFACE_DEBUG"
INTERRUPTED = 130
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Said of a file without its name when it is standard output."""


@dataclass(frozen=True)
class Command:
    """A command. Its module has `add_arguments(parser)` and `run(args) -> int`."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("demo", "interface.cli.demo", "the whole way once, with made-up messages and a simulated API"),
    Command("init", "interface.cli.init", "write a commented settings file"),
    Command("check", "interface.cli.check", "look whether everything is in order, one line each"),
    Command("run", "interface.cli.run", "the daemon, in the foreground"),
    Command(
        "explain", "interface.cli.explain", "what would become of messages, and where each value came from"
    ),
    Command("send", "interface.cli.send", "send messages over MLLP and wait for their ACKs"),
    Command("messages", "interface.cli.messages", "list, show, reprocess and export messages"),
    Command("requests", "interface.cli.requests", "list, show, send again, give up and release requests"),
    Command("webhooks", "interface.cli.webhooks", "list and show what Connective Health reported back"),
    Command("alerts", "interface.cli.alerts", "list what is on now, test how somebody is called"),
    Command("patients", "interface.cli.patients", "list, show and rebuild charts"),
    Command("appointments", "interface.cli.appointments", "list and show appointments"),
    Command("sandbox", "interface.sandbox.command", "the simulated API by itself"),
    Command("load", "interface.cli.load", "take history into the charts before go-live"),
    Command("feed-report", "interface.cli.feed_report", "what a sender's feed is like and lacks"),
    Command("onboarding", "interface.cli.onboarding", "the steps from staging to production"),
    Command("backup", "interface.cli.backup", "copy the store while it runs"),
    Command("purge", "interface.cli.purge", "delete what is older than the settings keep"),
    Command("keys", "interface.cli.keys", "make and rotate at-rest keys"),
    Command("migrate", "interface.cli.migrate", "move from SQLite to PostgreSQL"),
    Command("install-service", "interface.cli.install_service", "write systemd's units for the settings"),
    Command("users", "interface.cli.users", "who may use the console"),
)
"""The commands in the order of the help."""

NOT_WELL = {
    "demo": "an answer is not the expected one",
    "check": "something but the settings is not in order",
    "explain": "a message was rejected",
    "send": "a message was not accepted (AA, CA)",
    "messages": "a message could not be decided (reprocess) or written (export); the answer to the question was no",
    "requests": "with one of them it could not be done; the answer to the question was no",
    "patients": "a chart could not be made (rebuild); the answer to the question was no",
    "load": "a line was bad, or a message failed",
    "feed-report": "not one message could be read",
    "onboarding": "a chart could not be made (import-patients); a request did not go out (send-test-patients) or can't be "
    "chosen (choose); what is known was not shared (completeness); the answer to the question was no",
    "backup": "there is no backup, or it is not good",
    "purge": "the daemon did not come to it; the answer to the question was no",
    "keys": "a value could not be opened (reseal)",
}
"""What exit code 1 of a command says, besides that it could not be done."""

BY_NAME = {command.name: command for command in COMMANDS}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; None: the process's own.

    Returns:
        The exit code.

    """
    _open_what_is_closed()
    _tolerate_encodings()
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _discard_output()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except NotAvailableError as error:
        _complain(f"{PROGRAM} {error}: not available yet")
        return error.exit_code
    except InterfaceError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            _complain(f"{PROGRAM}: {line}")
        return int(getattr(error, "exit_code", 1))
    except OSError as error:
        _refused(error)
        return 1
    except Exception as error:
        _report(error)
        return 1
    return code


def _dispatch(argv: list[str]) -> int:
    first, rest = (argv[0], argv[1:]) if argv else ("", [])
    if first in {"-h", "--help", "help"}:
        print(_help())
        return 0
    if first == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    if not first:
        print(_help(), file=sys.stderr)
        return 2
    command = BY_NAME.get(first)
    if command is None:
        near = difflib.get_close_matches(first, BY_NAME, n=1)
        kind = "option" if first.startswith("-") else "command"
        hint = f"did you mean `{near[0]}`?" if near else f"`{PROGRAM} --help` lists the commands"
        raise UsageError(f"unknown {kind} {first!r}; {hint}")
    return _run(command, rest)


def _run(command: Command, rest: list[str]) -> int:
    module: Any = importlib.import_module(command.module)
    parser = Parser(
        prog=f"{PROGRAM} {command.name}",
        description=command.help[:1].upper() + command.help[1:] + ".",
        epilog=f"Exit code 1: {NOT_WELL[command.name]}." if command.name in NOT_WELL else None,
    )
    module.add_arguments(parser)
    try:
        args, unknown = parser.parse_known_args(rest)
    except SystemExit as end:  # --help
        return int(end.code or 0)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.given = (command.name, *rest)
    return int(module.run(args))


def _help() -> str:
    width = max(len(command.name) for command in COMMANDS)
    lines = [
        f"usage: {PROGRAM} COMMAND …   ({PROGRAM} COMMAND --help says more)",
        "",
        "HL7 v2 scheduling, ADT and pharmacy feeds become Connective Health requests.",
        "",
        "commands:",
    ]
    lines += [f"  {command.name.ljust(width)}  {command.help}" for command in COMMANDS]
    lines += ["", "options:", "  --help      this text", "  --version   the program's version"]
    return "\n".join(lines)


def _complain(line: str) -> None:
    """One line on standard error. That nobody reads it is no reason to fail differently."""
    with contextlib.suppress(OSError, ValueError):
        print(safe_text(line), file=sys.stderr, flush=True)


def _refused(error: OSError) -> None:
    """What the operating system refused, in its own words: they hold nothing of a message."""
    file = error.filename
    if os.environ.get(DEBUG_VARIABLE) or not (isinstance(file, str) or error.errno in NO_ROOM):
        _report(error)
    else:
        what = "cannot write" if file is None else file
        _complain(f"{PROGRAM}: {what}: {error.strerror}")
    if file is None:  # standard output may be what failed
        _discard_output()


def _report(error: Exception) -> None:
    """An error nobody foresaw: its class and place. Its text may hold patient data and is left out."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    _complain(
        f"{PROGRAM}: unexpected {place_of(error)}; "
        f"{DEBUG_VARIABLE}=1 shows the details (they may hold patient data)"
    )


def _open_what_is_closed() -> None:
    """Whoever starts us with a standard stream closed (`2>&-`) gets it nowhere: else the next file that is opened would be
    that stream, and the log, or a child's, be written into it.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: the stream's own
            if name != "stdin":  # who wants to read it is told that it was closed
                setattr(sys, name, open(nowhere, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - to the end


def _tolerate_encodings() -> None:
    """A terminal that lacks a character gets an escape in its place, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Give standard output a place to go, so that the interpreter's last flush cannot fail once more."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        descriptor = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
