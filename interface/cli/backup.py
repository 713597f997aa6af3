"""`backup`: a verified copy of the store while the daemon runs; whether a copy is good."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interface.cli.common import UsageError, add_settings_option, local_text, settings_of, utc_text
from interface.cli.output import facts, print_json, tell
from interface.cli.stored import add_json_argument, open_store_of, wants_json, whole
from interface.errors import InterfaceError
from interface.paths import at_home

if TYPE_CHECKING:
    from interface.settings import Settings
    from interface.store.backup import Verified
    from interface.store.crypto import Master

NO_KEY = "the at-rest key is not in it: keep a copy of the key apart from the backups"
_STAMP = re.compile(r"-\d{8}T\d{6}Z\.db")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a file that is not there yet, or a folder: there each backup gets a name with its time",
    )
    parser.add_argument(
        "--keep", metavar="N", type=whole, help="of the backups in the folder keep the N newest"
    )
    parser.add_argument("--verify", metavar="FILE", type=Path, help="look whether a backup is good")
    parser.add_argument(
        "--key",
        metavar="SPEC",
        help="with --verify: the key of the time, where [store] key is another by now (file:at-rest.key.….old)",
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Make a backup, or verify one. Raises InterfaceError: it is not good, and a new one is not there."""
    if (args.target is None) == (args.verify is None):
        raise UsageError("backup: give TARGET, or --verify FILE")
    settings = settings_of(args)
    if settings.store_path is None:
        # the place for PostgreSQL: its own tools copy it
        raise UsageError("backup: this store is PostgreSQL's: use pg_dump, see docs/backup.md")
    if args.verify is not None:
        return _verify(args, settings)
    return _make(args, settings)


def _master(settings: Settings) -> Master:
    from interface.store.keys import load_or_create

    return load_or_create(
        settings.store.key, settings.directory, tell, create=False, off=settings.store.clear
    )


def _verify(args: argparse.Namespace, settings: Settings) -> int:
    from interface.store.backup import verify
    from interface.store.crypto import Master
    from interface.store.keys import read_key

    if args.key is None:
        master = _master(settings)
    else:
        master = Master(read_key(args.key, settings.directory), source=args.key, off=settings.store.clear)
    found = verify(at_home(args.verify), master)
    _told(args, found, [], "good")
    return 0


def _make(args: argparse.Namespace, settings: Settings) -> int:
    from interface.store.backup import left_behind
    from interface.store.errors import StoreError

    target = at_home(args.target)
    store = settings.store_path or Path()
    into_folder = target.is_dir()
    if args.target.endswith("/") and not into_folder:
        raise InterfaceError(f"there is no folder {args.target}: make it first")
    if args.keep is not None and not into_folder:
        raise UsageError(f"backup: --keep is for a folder, and {target} is none")
    if into_folder:
        for half in left_behind(target, store.stem):
            half.unlink(missing_ok=True)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder, target = target, target / f"{store.stem}-{now}.db"
    try:
        with open_store_of(settings) as opened:
            found = opened.backup.make(target, _master(settings))
    except StoreError as error:
        if not error.older:
            raise
        # who wants a copy now wants it before that first start
        raise InterfaceError(
            f"the store {store} is of an older version, which this program does not copy: use the old program, or stop "
            "the daemon and copy the store's file, its -wal where it is there, and the key"
        ) from None
    gone: list[Path] = []
    if into_folder and args.keep is not None:
        # never the one that was just made: others may bear the time of a clock that was wrong
        gone = [path for path in _named(folder, store.stem) if path != target][args.keep - 1 :]
        for path in gone:
            path.unlink(missing_ok=True)
    _told(args, found, gone, "made and verified")
    return 0


def _named(folder: Path, stem: str) -> list[Path]:
    """Backups in the folder by the names we give, newest first."""
    found = (path for path in folder.glob(f"{stem}-*.db") if _STAMP.fullmatch(path.name.removeprefix(stem)))
    return sorted(found, reverse=True)


def _told(args: argparse.Namespace, found: Verified, gone: list[Path], said: str) -> None:
    if wants_json(args):
        answer: dict[str, Any] = {
            "file": str(found.path),
            "verified": True,
            "version": found.version,
            "bytes": found.size,
            "rows": found.counts,
            "newest_message_at": utc_text(found.newest_message_at),
            "deleted": [str(path) for path in gone],
            "has_key": False,
        }
        print_json(answer)
        return
    from interface.store.backup import COUNTED

    rows = ", ".join(f"{found.counts[table.name]} {table.name}" for table in COUNTED if found.counts)
    facts(
        {
            "backup": f"{found.path}: {said}",
            "holds": rows,
            "newest message": local_text(found.newest_message_at),
            "bytes": found.size,
            "deleted": ", ".join(path.name for path in gone),
        }
    )
    tell(NO_KEY)
