"""`sandbox`: the simulated API by itself, in the foreground until SIGTERM or SIGINT."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime

from interface.errors import InterfaceError
from interface.sandbox.faults import Faults
from interface.sandbox.server import DEFAULT_HOST, DEFAULT_KEY, DEFAULT_PORT, LOG_LIMIT, Sandbox, today_in_utc


class SandboxUsageError(InterfaceError):
    """The options do not go together."""

    exit_code = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=_whole(0, 65535), default=DEFAULT_PORT, help="0: a free one (default: %(default)s)"
    )
    parser.add_argument("--key", default=DEFAULT_KEY, help="the good apiKey (default: %(default)s)")
    parser.add_argument("--key-without-permission", metavar="KEY", help="an apiKey that is answered 403")
    faults = parser.add_argument_group("what goes wrong, as a share of calls (0 to 1)")
    for option, share, description in (
        ("--fail", 0.3, "answer 500, 502 or 503"),
        ("--throttle", 0.1, "answer 429 with Retry-After"),
        ("--hang", 0.05, "take the request in and never answer"),
        ("--drop", 0.1, "close the connection, half of the times after taking the request in"),
    ):
        faults.add_argument(
            option,
            metavar="SHARE",
            nargs="?",
            type=_share,
            const=share,
            default=0.0,
            help=f"{description} (without a number: {share})",
        )
    faults.add_argument(
        "--retry-after", metavar="SECONDS", type=_whole(0, 86400), default=1, help="what a 429 asks for"
    )
    faults.add_argument(
        "--seed", type=int, help="repeat the same faults and correlation ids (default: new ones each time)"
    )
    parser.add_argument(
        "--judge", choices=("on", "off"), default="on", help="off: take any JSON object, for benchmarks"
    )
    parser.add_argument(
        "--today", type=_day, metavar="DATE", help="rehearse: birth dates are judged as of it"
    )
    parser.add_argument(
        "--keep", metavar="N", type=_whole(0, 10_000_000), default=LOG_LIMIT,
        help="calls kept for /_sandbox/requests (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no line for each call")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal ends it; says where it listens in one line on standard error.

    Raises:
        SandboxUsageError: the shares make more than 1.
        SandboxError: the port cannot be opened.

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
    )


def _access(line: str) -> None:
    _say(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}")


def _say(line: str) -> None:
    """A line on standard error; a reader that has gone away is no reason to stop answering."""
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


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write a number from 0 to 1")
    return share


def _whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return convert


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write yyyy-mm-dd") from None
