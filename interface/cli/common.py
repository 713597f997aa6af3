"""What every command shares: errors of usage, where the settings file is, words for what comes later."""

import argparse
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.settings import Settings

PROGRAM = "hl7-interface"
SETTINGS_VARIABLE = "HL7_INTERFACE_SETTINGS"
LOCAL_SETTINGS = Path("hl7-interface.toml")
SYSTEM_SETTINGS = Path("/etc/hl7-interface/settings.toml")
ENVIRONMENTS = ("sandbox", "staging", "production-test", "production")
"""In the order in which a site goes through them."""


class UsageError(InterfaceError):
    """The command line cannot be understood or names something that is not there."""

    exit_code = 2


class NotAvailableError(InterfaceError):
    """The command is known and comes later. Its text is what was asked for: `requests retry`."""

    exit_code = 2


class Parser(argparse.ArgumentParser):
    """argparse that answers wrong usage in one line, and takes options by their full names only."""

    def __init__(self, **options: Any):
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError` in place of two lines and an exit."""
        # a list of subcommands has no name of its own in the help
        message = message.replace("argument : invalid choice", "no such subcommand", 1)
        raise UsageError(f"{self.prog.removeprefix(PROGRAM).strip()}: {message}; see `{self.prog} --help`")


def add_settings_option(parser: argparse.ArgumentParser) -> None:
    """`-c FILE`, as every command has it that works with a site's settings."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help=f"the settings file; else ${SETTINGS_VARIABLE}, ./{LOCAL_SETTINGS} or {SYSTEM_SETTINGS}",
    )


def check_listener(command: str, name: str, known: list[str]) -> None:
    """Raise UsageError for a listener that the settings do not have; '' is none at all."""
    if name and name not in known:
        raise UsageError(f"{command}: no listener {name!r} in the settings; there are {', '.join(known)}")


def find_settings(given: str | None) -> Path:
    """The settings file to use: the one given, else the environment's, the folder's, the system's.

    Raises:
        UsageError: there is none; the text says where it was looked for.

    """
    named = given or os.environ.get(SETTINGS_VARIABLE)
    if named:
        return Path(named)
    for candidate in (LOCAL_SETTINGS, SYSTEM_SETTINGS):
        if candidate.is_file():
            return candidate
    raise UsageError(
        f"no settings file: looked for -c FILE, ${SETTINGS_VARIABLE}, ./{LOCAL_SETTINGS} "
        f"and {SYSTEM_SETTINGS}; `{PROGRAM} init` writes one"
    )


def settings_of(args: argparse.Namespace) -> "Settings":
    """The settings that a command works with (see `add_settings_option`). From here on its times are the site's."""
    from interface.settings import load_settings

    settings = load_settings(find_settings(args.config))
    use_zone_of(settings)
    zone = settings.site.zone
    for name in ("since", "until"):
        if isinstance(time := getattr(args, name, None), datetime):
            setattr(args, name, time.replace(tzinfo=zone).timestamp())
    if isinstance(now := getattr(args, "now", None), datetime):
        args.now = at_site(now, zone)
    return settings


def at_site(time: datetime, zone: tzinfo | None) -> datetime:
    """A time of the command line as a point in time: one without an offset is the site's; None: this machine's."""
    return (time.replace(tzinfo=zone) if time.tzinfo is None else time).astimezone()


class _People:
    zone: tzinfo | None = None
    """In which times are shown; None: this machine's."""


def use_zone_of(settings: "Settings") -> None:
    """Show times as the site has them; where it names no time zone, as this machine does."""
    _People.zone = settings.site.zone


def standard_input() -> TextIO:
    """Standard input. Raises UsageError: there is none (`<&-`)."""
    if sys.stdin is None:
        raise UsageError("there is no standard input to read: it was closed when the command was given")
    return sys.stdin


def read_file(name: str, limit: int = 1024 * 1024 * 1024) -> bytes:
    """The bytes of a file named on the command line; `-` is standard input.

    Raises:
        UsageError: it cannot be read, or is longer than `limit` bytes.

    """
    try:
        if name == "-":
            data = standard_input().buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    if len(data) > limit:
        raise UsageError(f"cannot read {name}: longer than {limit} bytes")
    return data


def place_of(error: BaseException) -> str:
    """The class of an error nobody foresaw, and where it came up: `KeyError at store.views:12`.

    Its text is left out: it may hold patient data.
    """
    inside = f"{os.sep}interface{os.sep}"
    frames = list(traceback.extract_tb(error.__traceback__))
    frame = ([frame for frame in frames if inside in frame.filename] or frames)[-1]
    module = frame.filename.rpartition(inside)[2].removesuffix(".py").replace(os.sep, ".")
    return f"{type(error).__name__} at {module}:{frame.lineno}"


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str, now: datetime) -> float | datetime:
    """A time of the command line as POSIX seconds: `2h`, `3d` (ago), `2026-03-05[T10:00]`.

    A date or time without an offset is given as it is: it is the site's local time (`settings_of`).

    Raises:
        UsageError: it is none of these.

    """
    if is_age(text):
        return (now - timedelta(seconds=int(text[:-1]) * _UNITS[text[-1]])).timestamp()
    try:
        given = datetime.fromisoformat(text)
        seconds = given.astimezone().timestamp()  # whether it is one at all
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"cannot read the time {text!r}: write 30m, 2h, 3d (ago), 2026-03-05 or 2026-03-05T10:00"
        ) from None
    return given if given.tzinfo is None else seconds


def is_age(text: str) -> bool:
    """Whether a time of the command line is told from now: `2h`."""
    number, unit = text[:-1], text[-1:]
    return number.isdecimal() and unit in _UNITS and len(number) <= 6


def utc_text(seconds: float | None) -> str | None:
    """POSIX seconds as `2026-03-05T10:00:00Z`, as JSON answers have it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_text(seconds: float | None) -> str:
    """POSIX seconds for people, as the site's local time: `2026-03-05 10:00:00`; '' for none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).astimezone(_People.zone).strftime("%Y-%m-%d %H:%M:%S")


def span_text(seconds: float) -> str:
    """How long something took, for people: `0.8 s`, `5 min`, `3 h 10 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
