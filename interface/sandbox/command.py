"""`sandbox`: the simulated API by itself, in the foreground until SIGTERM or SIGINT."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime

from interface.errors import InterfaceError
from interface.sandbox.api import Environment, TestPath
from interface.sandbox.arguments import add_arguments, webhook_options
from interface.sandbox.faults import Faults
from interface.sandbox.server import Sandbox, today_in_utc
from interface.sandbox.test_patients import read_test_patients

__all__ = ["add_arguments", "run"]


class SandboxUsageError(InterfaceError):
    """The options do not go together."""

    exit_code = 2


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it; says where it listens in one line on standard error.

    Raises:
        SandboxUsageError: the shares make more than 1.
        InterfaceError: the port cannot be opened, or a file cannot be used.

    """
    sandbox = _sandbox(args)
    sandbox.listen(args.host, args.port)
    from twisted.internet import reactor as installed

    reactor: object = installed
    reactor.addSystemEventTrigger("before", "shutdown", sandbox.stop)  # type: ignore[attr-defined]
    # when the reactor runs, SIGTERM is already taken care of: whoever reads the line may stop it at once
    reactor.callWhenRunning(_say, f"sandbox: listening on {sandbox.address}")  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
    return 0


def _sandbox(args: argparse.Namespace) -> Sandbox:
    try:
        faults = Faults(args.throttle, args.fail, args.drop, args.hang, args.retry_after)
    except ValueError as error:
        raise SandboxUsageError(f"sandbox: {error}") from None
    today: Callable[[], date] = (lambda: args.today) if args.today else today_in_utc
    return Sandbox(
        args.key,
        faults,
        key_without_permission=args.key_without_permission,
        judge=args.judge == "on",
        seed=args.seed,
        log_limit=args.keep,
        today=today,
        access=None if args.quiet else _access,
        environment=Environment(args.environment),
        test_path=TestPath(args.test_path),
        test_patients=read_test_patients(args.test_patients) if args.test_patients else None,
        webhooks=webhook_options(args),
    )


def _access(line: str) -> None:
    _say(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}")


def _say(line: str) -> None:
    """A line on standard error; a reader that has gone away is no reason to stop answering."""
    if sys.stderr is None:  # closed from the beginning (`2>&-`)
        return
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except ValueError:
        pass
    except OSError:
        # nobody reads: what is left in the buffer, and all that follows, goes nowhere, at the interpreter's end too
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
