"""`migrate`: a store moves from a SQLite file to PostgreSQL, with all its rows and under the same at-rest key."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from interface.cli.common import UsageError, add_settings_option, settings_of
from interface.cli.output import print_json, tell
from interface.cli.stored import add_json_argument, wants_json
from interface.errors import InterfaceError

if TYPE_CHECKING:
    from interface.settings import Settings

LINE_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    parser.add_argument(
        "--from",
        dest="source",
        metavar="URL",
        help="sqlite:///PATH of the store; left out: that of the settings",
    )
    parser.add_argument(
        "--to",
        dest="target",
        metavar="URL",
        required=True,
        help="postgresql+psycopg://USER@HOST/DATABASE, a database without tables",
    )
    parser.add_argument(
        "--password",
        metavar="SPEC",
        help="the target's password: env:NAME, file:PATH or credential:NAME; left out: what libpq knows (PGPASSFILE)",
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Copy the store. Raises InterfaceError: the target is as it was."""
    from interface.store.keys import load_or_create
    from interface.store.lock import StoreLock
    from interface.store.moving import move
    from interface.store.store import database_at

    settings = settings_of(args)
    source_url, target_url = _source(args, settings), _target(args, settings)
    source, target = database_at(source_url), database_at(target_url)
    if source.path is None or not source.path.is_file():
        raise InterfaceError(f"there is no store at {source.name}")
    master = load_or_create(
        settings.store.key, settings.directory, tell, create=False, off=settings.store.clear
    )
    began = time.monotonic()
    with ExitStack() as locks:
        for role in ("door", "work"):
            lock = StoreLock.beside(source_url, role)
            if lock.is_held():
                raise InterfaceError(
                    f"a daemon runs on {source.name}: stop it first (senders keep what it does not take meanwhile)"
                )
            locks.enter_context(lock)
        moved = move(source, target, master, _lines())
    seconds = time.monotonic() - began
    if wants_json(args):
        answer = {"from": source.name, "to": target.name, "rows": moved.rows, "opened": moved.opened}
        print_json({**answer, "seconds": round(seconds, 1)})
        return 0
    print(
        f"copied {sum(moved.rows.values())} rows ({moved.rows['messages']} messages, {moved.rows['patients']} patients, "
        f"{moved.rows['requests']} requests) in {seconds:.1f} s, counted there, and {moved.opened} sealed values opened"
    )
    _next(args, settings, source.path)
    return 0


def _source(args: argparse.Namespace, settings: Settings) -> str:
    url: str = args.source or settings.store_url
    if not url.startswith("sqlite:///"):
        raise UsageError("migrate: --from must be sqlite:///PATH")
    return url


def _target(args: argparse.Namespace, settings: Settings) -> str:
    from interface.settings import SettingsError, checks
    from interface.settings.secrets import resolve_secret

    url: str = args.target
    try:
        checks.store_url(url)
    except ValueError as error:
        raise UsageError(f"migrate: --to {error}".replace('set password = "', 'give --password "')) from None
    if not url.startswith("postgresql"):
        raise UsageError("migrate: --to must be postgresql+psycopg://USER@HOST/DATABASE")
    if args.password is None:
        return url
    try:
        return settings.with_password(url, resolve_secret(args.password, settings.directory, "password"))
    except SettingsError as error:
        raise UsageError(f"migrate: --password: {error.faults[0].text}") from None


def _lines() -> Callable[[str, int, int], None]:
    """How far it is, on standard error: a line for each table, and every few seconds within one."""
    last = 0.0

    def line(table: str, done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > LINE_SECONDS:
            last = time.monotonic()
            print(f"{table}: {done} of {total}", file=sys.stderr, flush=True)

    return line


def _next(args: argparse.Namespace, settings: Settings, old: Path) -> None:
    where = settings.file or "the settings"
    tell(f'now set in {where}: [store] url = "{args.target}"')
    if args.password is not None:
        tell(f'and password = "{args.password}"')
    tell(f"the at-rest key stays the same; {old} is as it was: keep it until you are sure, then delete it")
