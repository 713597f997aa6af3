"""`keys`: what keys a store has; a new master key made, the old one replaced, old values sealed anew."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from interface.cli.common import PROGRAM, UsageError, add_settings_option, local_text, settings_of, utc_text
from interface.cli.output import facts, many, print_json, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of, wants_json
from interface.errors import InterfaceError
from interface.paths import at_home

if TYPE_CHECKING:
    from interface.settings import Settings
    from interface.store.rotation import StoreKeys
    from interface.store.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    add_json_argument(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="")
    new = commands.add_parser("new", help="make a key file")
    new.add_argument(
        "file", metavar="FILE", nargs="?", default="at-rest.key", help="not there yet (default: at-rest.key)"
    )
    new.set_defaults(action=make)
    rotate = commands.add_parser(
        "rotate",
        help="replace the master key",
        description="Replace the key that [store] key names, also while the daemon runs. A key file is replaced by a new "
        "one; with --to the new key is where you say. A new data key seals what comes; values of before are sealed anew "
        "by the daemon in idle turns.",
    )
    add_settings_again(rotate)
    add_json_argument(rotate)
    which = rotate.add_mutually_exclusive_group()
    which.add_argument("--to", metavar="SPEC", help="env:NAME, file:PATH or credential:NAME of the new key")
    which.add_argument(
        "--finish",
        action="store_true",
        help="after --to, once [store] key names the new key: forget the old one",
    )
    rotate.set_defaults(action=replace)
    again = commands.add_parser(
        "reseal",
        help="seal values of older keys anew",
        description="Seal values of older keys, and those in the clear, by the newest key, and delete the older ones. A "
        "running daemon does it by itself in idle turns: then this says how far it is.",
    )
    add_settings_again(again)
    add_json_argument(again)
    again.set_defaults(action=reseal)


def run(args: argparse.Namespace) -> int:
    """List the keys, or what the subcommand says."""
    return int(getattr(args, "action", show)(args))


def show(args: argparse.Namespace) -> int:
    """Print which keys the store has; no secret."""
    settings = settings_of(args)
    with open_store_of(settings) as store:
        keys = store.rotation.keys()
    if wants_json(args):
        print_json(_as_json(keys))
        return 0
    rows = [
        (row.number, row.key_id.hex(), local_text(row.made_at), _state(keys, row.key_id))
        for row in keys.data_keys
    ]
    table(("number", "data key", "made", "state"), rows, right=("number",))
    masters = [id_.hex() for id_ in keys.masters]
    print(f"opened by {many(len(masters), 'master key')}: {', '.join(masters) or 'none'}")
    if len(masters) > 1:
        tell(f"the older one opens the store until `{PROGRAM} keys rotate --finish`")
    if keys.clear is not None:
        tell("some values are in the clear")
    return 0


def _state(keys: StoreKeys, key_id: bytes) -> str:
    row = next(row for row in keys.data_keys if row.key_id == key_id)
    if key_id == keys.data_keys[-1].key_id:
        return "seals"
    return "being replaced" if row.retired_at is not None else "opens"


def _as_json(keys: StoreKeys) -> dict[str, Any]:
    return {
        "data_keys": [
            {
                "number": row.number,
                "id": row.key_id.hex(),
                "made_at": utc_text(row.made_at),
                "state": _state(keys, row.key_id),
            }
            for row in keys.data_keys
        ],
        "masters": [id_.hex() for id_ in keys.masters],
        "in_the_clear": keys.clear is not None,
    }


# ---------------------------------------------------------------- new


def make(args: argparse.Namespace) -> int:
    """Make a key file. Raises InterfaceError when it is there, or can't be made."""
    from interface.store.keys import write_new

    path = at_home(args.file)
    try:
        write_new(path)
    except FileExistsError:
        raise InterfaceError(
            f"{path} is there already, and a key is never overwritten: name another file"
        ) from None
    if wants_json(args):
        print_json({"file": str(path)})
    else:
        print(f"made {path} (mode 0600); keep a copy apart from the backups of the store")
    return 0


# ---------------------------------------------------------------- rotate


def replace(args: argparse.Namespace) -> int:
    """Replace the master key, in steps between which the store opens with the old or the new one."""
    from interface.services.rotation import Replacement

    settings = settings_of(args)
    if settings.store.clear:
        raise UsageError('keys rotate: [store] encryption is "off"')
    with open_store_of(settings) as store:
        replacement = Replacement(store, settings.store.key, settings.directory, settings.store_url)
        if args.finish:
            gone = replacement.finish()
            said = (
                "only the key of the settings opens the store now" if gone else "there was nothing to finish"
            )
            return _told(args, store, {"finished": True}, said)
        if args.to is not None:
            replacement.begin(args.to)
            said = (
                f"both keys open the store now. Set [store] key to {args.to} (or put the new key where it points "
                f"to), restart the daemon, then: {PROGRAM} keys rotate --finish"
            )
            return _told(args, store, {"finished": False, "to": args.to}, said)
        done = replacement.replace_file()
    said = (
        f"{done.path} holds a new key: keep a copy apart from the backups of the store. Backups of before open with the "
        f"old one only: it is {done.kept.name} now; delete that when you need them no more"
    )
    if done.nodes:
        said += (
            f". Other nodes run on this store ({', '.join(done.nodes)}), and both keys open it still: put the new one in "
            f"the place of the old one there, too, then: {PROGRAM} keys rotate --finish"
        )
    with open_store_of(settings) as store:
        answer = {"finished": not done.nodes, "file": str(done.path), "old": str(done.kept)}
        return _told(args, store, answer, said)


def _told(args: argparse.Namespace, store: Store, answer: dict[str, Any], said: str) -> int:
    if wants_json(args):
        print_json(answer | _as_json(store.rotation.keys()))
    else:
        print(said)
    return 0


# ---------------------------------------------------------------- reseal


def reseal(args: argparse.Namespace) -> int:
    """Seal old values anew where no daemon runs; else say how far the daemon is. 1 when some can't be opened."""
    settings = settings_of(args)
    with open_store_of(settings) as store, ExitStack() as locks:
        door, work = store.presence("door"), store.presence("work")
        if door.is_held() or work.is_held():
            older = store.resealing.older()
            left = (
                f"the daemon seals anew in idle turns; {many(len(older), 'older key')} to go" if older else ""
            )
            return _resealed(
                args, {"older_keys": len(older), "by": "daemon"}, left or "nothing is left to do"
            )
        locks.enter_context(door)
        locks.enter_context(work)
        return _reseal_here(args, store, settings)


def _reseal_here(args: argparse.Namespace, store: Store, settings: Settings) -> int:
    from interface.cli.asking import progress

    if settings.store.clear:
        raise UsageError('keys reseal: [store] encryption is "off"')
    resealing = store.resealing
    resealing.grace = 0.0  # nobody else seals: we hold the locks
    if not resealing.older():
        return _resealed(args, {"older_keys": 0, "by": "command", "values": 0}, "nothing is left to do")
    with progress(0, "rows looked at", shown=False):
        while resealing.step():
            pass
    done = resealing.ended
    if done is None:
        raise InterfaceError("nothing was sealed anew: another process has done it meanwhile")
    answer = {"older_keys": len(resealing.older()), "by": "command", "values": done.sealed}
    answer |= {"dropped": done.dropped, "unreadable": done.unreadable}
    said = f"{many(done.sealed, 'value')} sealed anew, {many(done.dropped, 'older key')} deleted"
    if done.unreadable:
        tell(f"{many(done.unreadable, 'value')} can't be opened: their keys are kept")
    _resealed(args, answer, said)
    return 1 if done.unreadable else 0


def _resealed(args: argparse.Namespace, answer: dict[str, Any], said: str) -> int:
    if wants_json(args):
        print_json(answer)
    else:
        facts({"reseal": said})
    return 0
