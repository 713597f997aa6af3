"""`users`: who may use the console. A password comes from the terminal or from standard input; it is never an argument."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from interface.cli.common import (
    UsageError,
    add_settings_option,
    local_text,
    settings_of,
    standard_input,
    utc_text,
)
from interface.cli.output import facts, is_terminal, print_json, table, tell
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of, wants_json
from interface.errors import InterfaceError
from interface.store.records.console import ROLES, Role, User

if TYPE_CHECKING:
    from interface.store.users import Users

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
ROLES_SAID = {
    "viewer": "sees all of it, patient data masked",
    "analyst": "may show patient data, which is noted, and act: release, retry, discard, reprocess, rebuild",
    "admin": "may also go live, read the audit and see who may sign in",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_settings_option(parser)
    add_json_argument(parser)
    commands = parser.add_subparsers(title="subcommands", metavar="", dest="subcommand")
    add = _subcommand(commands, "add", "a new user", _add)
    roles = "; ".join(f"{role}: {said}" for role, said in ROLES_SAID.items())
    add.add_argument("--role", choices=ROLES, default="viewer", help=f"{roles} (default: viewer)")
    _takes_password(add)
    _takes_password(_subcommand(commands, "passwd", "set another password; signs the user out", _passwd))
    role = _subcommand(commands, "role", "give another role; signs the user out", _role)
    role.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    _subcommand(commands, "disable", "let the user sign in no more, and sign out", _disable)
    _subcommand(commands, "enable", "let the user sign in again", _enable)
    _subcommand(commands, "remove", "take the user out; what the audit says stays", _remove)


def _subcommand(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    said: str,
    action: Callable[[argparse.Namespace, Users], None],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=said, description=f"{said[:1].upper()}{said[1:]}.")
    parser.add_argument("name", metavar="NAME", type=a_name, help="who it is about")
    add_settings_again(parser)
    parser.set_defaults(action=action)
    return parser


def _takes_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input, not the terminal",
    )


def a_name(text: str) -> str:
    """The name of a user. Raises UsageError."""
    if not _NAME.fullmatch(text):
        raise UsageError(f"{text!r} is not a user's name: letters, digits, . _ @ and -, at most 64")
    return text


def run(args: argparse.Namespace) -> int:
    """Do what the subcommand says; without one list the users."""
    with open_store_of(settings_of(args)) as store:
        action = getattr(args, "action", None)
        if action is not None:
            action(args, store.users)
            return 0
        found = store.users.all()
    if wants_json(args):
        print_json({"users": [_as_json(user) for user in found]})
        return 0
    if found:
        rows = [
            (
                user.name,
                user.role,
                "disabled" if user.disabled else "may sign in",
                *map(local_text, _times(user)),
            )
            for user in found
        ]
        table(("name", "role", "state", "made", "password set"), rows)
    else:
        tell("nobody may use the console yet: hl7-interface users add NAME --role admin")
    return 0


def _times(user: User) -> tuple[float, float]:
    return user.created_at, user.password_at


def _as_json(user: User) -> dict[str, object]:
    made, set_at = map(utc_text, _times(user))
    return {
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled,
        "created_at": made,
        "password_at": set_at,
    }


def _add(args: argparse.Namespace, users: Users) -> None:
    from interface.services.passwords import hashed

    if users.get(args.name) is not None:
        raise InterfaceError(_taken(args.name))
    password = hashed(_password(args))
    if not users.add(args.name, args.role, password, time.time()):
        raise InterfaceError(_taken(args.name))
    facts({"added": args.name, args.role: ROLES_SAID[args.role]})


def _taken(name: str) -> str:
    return f"there is a user {name} already: `users passwd {name}` sets another password"


def _passwd(args: argparse.Namespace, users: Users) -> None:
    from interface.services.passwords import hashed

    _known(users, args.name)
    _changed(args.name, users.set_password(args.name, hashed(_password(args)), time.time()))
    facts({"password set": args.name})


def _role(args: argparse.Namespace, users: Users) -> None:
    role: Role = next(role for role in get_args(Role) if role == args.role)
    _changed(args.name, users.set_role(args.name, role))
    facts({args.role: args.name})


def _disable(args: argparse.Namespace, users: Users) -> None:
    _changed(args.name, users.set_disabled(args.name, True))
    facts({"disabled": args.name})


def _enable(args: argparse.Namespace, users: Users) -> None:
    _changed(args.name, users.set_disabled(args.name, False))
    facts({"enabled": args.name})


def _remove(args: argparse.Namespace, users: Users) -> None:
    _changed(args.name, users.remove(args.name))
    facts({"removed": args.name})


def _known(users: Users, name: str) -> None:
    _changed(name, users.get(name) is not None)


def _changed(name: str, done: bool) -> None:
    if not done:
        raise InterfaceError(f"there is no user {name}; `hl7-interface users` lists them")


def _password(args: argparse.Namespace) -> str:
    """The new password. Raises UsageError: none can be asked for; InterfaceError: it can't be taken."""
    from interface.services.passwords import fault

    if args.password_stdin:
        password = standard_input().readline().rstrip("\r\n")
    elif not is_terminal(sys.stdin):
        raise UsageError("standard input is no terminal: give the password there with --password-stdin")
    else:
        password = getpass.getpass(f"password for {args.name}: ")
        if getpass.getpass("once more: ") != password:
            raise InterfaceError("the two passwords differ: nothing was changed")
    if wrong := fault(password, args.name):
        raise InterfaceError(f"{wrong}; nothing was changed")
    return password
