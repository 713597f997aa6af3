"""What `messages` and `requests` share: opening the store to look, pages, and what was decided and why."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from interface.cli.common import UsageError, add_settings_option, moment, settings_of
from interface.cli.output import heading, is_terminal, table, tell
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.settings import Settings
    from interface.store.store import Store
    from interface.store.views import Views

PAGE = 500
"""Rows read at a time: a long list holds no long read transaction open."""
DEFAULT_LIMIT = 50


class Numbered(Protocol):
    """A row with an id."""

    @property
    def id(self) -> int:
        """The row's id."""


Row = TypeVar("Row", bound=Numbered)


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every list takes: settings, JSON, times and pages."""
    add_settings_option(parser)
    add_times(parser)
    add_limit(parser)
    parser.add_argument("--before", metavar="ID", type=whole, help="only those before ID: the next page")
    add_json_argument(parser)


def add_times(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Declare `--since` and `--until`."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=ago,
        default=default,
        help="from then on: 30m, 2h, 3d (ago), 2026-03-05[T10:00]",
    )
    parser.add_argument("--until", metavar="TIME", type=ago, default=default, help="before then")


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Declare `--limit`."""
    parser.add_argument(
        "--limit", metavar="N", type=whole, default=DEFAULT_LIMIT, help="at most N (default: 50)"
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`; given before or after `show` it means the same."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="the answer as JSON")


def add_settings_again(parser: argparse.ArgumentParser) -> None:
    """Declare a subcommand's `--config`; given before it, it means the same."""
    parser.add_argument("-c", "--config", metavar="FILE", default=argparse.SUPPRESS, help="the settings file")


def add_show(subparsers: "argparse._SubParsersAction[Any]", what: str) -> argparse.ArgumentParser:
    """Declare `show ID`; gives its parser."""
    parser = subparsers.add_parser("show", help=f"show one {what} whole")
    parser.add_argument("id", metavar="ID", type=whole, help="its number in the list")
    add_settings_again(parser)
    add_json_argument(parser)
    made: argparse.ArgumentParser = parser
    return made


def wants_json(args: argparse.Namespace) -> bool:
    """Whether `--json` was given anywhere."""
    return bool(getattr(args, "json", False))


def ago(text: str) -> float | datetime:
    """A time of the command line, see `moment`. Raises UsageError."""
    return moment(text, datetime.fromtimestamp(time.time(), UTC))


def whole(text: str) -> int:
    """A whole number from 1. Raises UsageError."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**62):
        raise UsageError(f"{text!r} is not a number from 1")
    return int(text)


@contextmanager
def open_views(args: argparse.Namespace) -> "Iterator[Views]":
    """The store of the settings, for reading; nothing is made or changed, a daemon may be running.

    Raises:
        InterfaceError: there is no store, or it cannot be opened; one line says why.

    """
    with open_store_of(settings_of(args)) as store:
        yield store.views


def is_store(path: Path) -> bool:
    """Whether a store's file is there. Raises InterfaceError: this user may not look."""
    try:
        return path.is_file()
    except PermissionError:
        raise InterfaceError(
            f"no right to look into {path.parent}: give the command as the user that the daemon runs as "
            "(sudo -u hl7-interface …), or as root"
        ) from None


@contextmanager
def open_store_of(settings: "Settings") -> "Iterator[Store]":
    """The store of these settings; it is neither made nor brought up to date. Raises InterfaceError."""
    path = settings.store_path
    from interface.store.keys import load_or_create
    from interface.store.store import no_store, open_store

    if path is not None and not is_store(path):
        # before the key: without a store the lack of a key is no news
        raise InterfaceError(no_store(settings.store_url))

    master = load_or_create(
        settings.store.key, settings.directory, tell, create=False, off=settings.store.clear
    )
    with open_store(settings.store_url, master, create=False) as store:
        yield store


def pages(
    read: Callable[[int | None, int], list[Row]], before: int | None, limit: int
) -> tuple[list[Row], int | None]:
    """Up to `limit` rows, read in pages, and the id to go on before (None: that was all).

    Args:
        read: gives a page: rows before an id (None: the newest), at most so many.
        before: where to begin.
        limit: how many rows are wanted.

    """
    rows: list[Row] = []
    while len(rows) < limit:
        wanted = min(PAGE, limit - len(rows))
        page = read(before, wanted + 1)  # one more tells whether there is more
        rows += page[:wanted]
        if len(page) <= wanted:
            return rows, None
        before = rows[-1].id
    return rows, before


def reasons_text(reasons: Sequence[dict[str, Any]]) -> str:
    """Reasons in one line."""
    return "; ".join(str(reason.get("text") or reason.get("code") or "") for reason in reasons)


def releases_text(reasons: Sequence[dict[str, Any]]) -> str:
    """What releases a held request, in one line."""
    from interface.chart.holds import release_of  # brings pydantic: only for those who show a held request

    found = dict.fromkeys(
        release_of(str(reason.get("code") or ""), str(reason.get("text") or "")) for reason in reasons
    )
    return "; and ".join(release for release in found if release)


def show_provenance(detail: Any) -> None:
    """Print where each field of a request came from, what was repaired, and what was left out and why."""
    from interface.evidence.production_test import repaired_in  # brings pydantic

    if not isinstance(detail, dict):
        return
    if fields := detail.get("fields"):
        heading("fields:")
        columns = ("field", "value", "source", "rule")
        table(columns, [[_value(field.get(name)) for name in columns] for field in fields])
    if repaired := repaired_in(detail):
        heading("repaired or assumed:")
        table(("field", "what"), repaired)
    if left_out := detail.get("left_out"):
        heading("left out:")
        names = ("source", "value", "why")
        table(names, [[_value(item.get(name)) for name in names] for item in left_out])


def _value(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def hint_more(args: argparse.Namespace, before: object) -> None:
    """Say on standard error how the list goes on: with all that it was asked for."""
    if before is not None:
        from interface.cli.going_on import going_on

        times = {f"--{name}": getattr(args, name, None) for name in ("since", "until")}
        tell(f"there are more: {going_on(args.given, before, times, kept=not is_terminal(sys.stderr))}")
