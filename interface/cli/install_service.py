"""`install-service`: writes systemd's units for the settings, or removes them, and says what to do next."""

from __future__ import annotations

import argparse
import pwd
import re
import subprocess
import sys
from pathlib import Path

from interface.cli.common import PROGRAM, UsageError, settings_of
from interface.cli.unit_files import (
    CREDENTIALS,
    ENVIRONMENT,
    NAME,
    STATE,
    Needs,
    Place,
    changed_by_hand,
    needs,
    units,
)
from interface.cli.writing import whole_file
from interface.settings import Settings
from interface.store.keys import key_file

FOLDER = Path("/etc/systemd/system")
MODE = 0o644
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - what a service does not see
DEFAULT_SYSTEMD = 252


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "-c",
        "--config",
        "--settings",
        metavar="FILE",
        help="the settings file; else where all commands look for it",
    )
    parser.add_argument("--user", metavar="NAME", default=NAME, help="who it runs as (default: %(default)s)")
    parser.add_argument(
        "--dir", metavar="FOLDER", default=str(FOLDER), help="where the units go (default: %(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the units, write nothing")
    parser.add_argument(
        "--force", action="store_true", help="overwrite or remove units that were changed by hand"
    )
    parser.add_argument("--remove", action="store_true", help="remove the units; nothing else is touched")
    parser.add_argument("--at", metavar="FILE", help="where the settings file will stand, if elsewhere")
    parser.add_argument("--program", metavar="FILE", help="the installed program, if another than this one")
    parser.add_argument(
        "--systemd",
        metavar="VERSION",
        type=int,
        help="write for this version (default: that of this machine)",
    )


def run(args: argparse.Namespace) -> int:
    """Write, print or remove the units."""
    folder = Path(args.dir)
    if args.remove:
        return _remove(folder, force=args.force)
    settings = settings_of(args)
    place = _place(args, settings)
    needed = needs(settings, place)
    texts = units(needed, place)
    if args.dry_run:
        print("\n".join(f"# {folder / name}\n{text}" for name, text in texts.items()), end="")
        return 0
    _refuse_changed(folder, list(texts), force=args.force)
    for name, text in texts.items():
        _write(folder / name, text)
        print(f"wrote {folder / name}")
    for warning in _warnings(place, needed):
        print(f"{PROGRAM}: install-service: {warning}", file=sys.stderr)
    print("next, as root:")
    for step in _next_steps(settings, place, needed):
        print(f"  {step}")
    return 0


def _place(args: argparse.Namespace, settings: Settings) -> Place:
    at = Path(args.at) if args.at else (settings.file or Path()).absolute()
    if not at.is_absolute():
        raise UsageError(f"install-service: --at {at} must be an absolute path")
    if args.program and not Path(args.program).is_absolute():
        raise UsageError(f"install-service: --program {args.program} must be an absolute path")
    beside = Path(sys.executable).parent / PROGRAM
    own = (str(beside),) if beside.exists() else (sys.executable, "-m", "interface")
    program = (args.program,) if args.program else own
    return Place(at, program, args.user, args.systemd or _systemd())


def _systemd() -> int:
    """The version of this machine's systemd; without one, the oldest in wide use."""
    try:
        told = subprocess.run(
            ["systemctl", "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return DEFAULT_SYSTEMD
    found = re.match(r"systemd (\d+)", told)
    return int(found[1]) if found else DEFAULT_SYSTEMD


def _refuse_changed(folder: Path, names: list[str], *, force: bool) -> None:
    """Raises UsageError when one of the units was changed by hand."""
    for name in names:
        text = _read(folder / name)
        if text is not None and changed_by_hand(text) and not force:
            raise UsageError(
                f"install-service: {folder / name} was changed by hand, or written by something else: keep the changes in "
                f"a drop-in (systemctl edit {name}), then --force"
            )


def _read(path: Path) -> str | None:
    """A unit's text; None: there is none. Raises UsageError."""
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"install-service: cannot read {path}: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    """Whole or not at all. Raises UsageError."""
    try:
        with whole_file(path, mode=MODE) as file:
            file.write(text.encode())
    except OSError as error:
        raise UsageError(
            f"install-service: cannot write {path}: {error.strerror}; call it as root, or name a folder by --dir, "
            "or see --dry-run"
        ) from None


def _remove(folder: Path, *, force: bool) -> int:
    names = [name for name in (f"{NAME}.service", f"{NAME}.socket") if _read(folder / name) is not None]
    if not names:
        raise UsageError(f"install-service: there is no {NAME}.service in {folder}")
    _refuse_changed(folder, names, force=force)
    enabled = sorted(path.name for path in folder.glob(f"*.wants/{NAME}.*"))
    if enabled:
        raise UsageError(
            f"install-service: the units are in use; first: systemctl disable --now {' '.join(enabled)}"
        )
    for name in names:
        try:
            (folder / name).unlink()
        except OSError as error:
            raise UsageError(f"install-service: cannot remove {folder / name}: {error.strerror}") from None
        print(f"removed {folder / name}")
    print("the settings, keys and the store stay; next, as root:")
    print("  systemctl daemon-reload")
    return 0


def _warnings(place: Place, needed: Needs) -> list[str]:
    """What the service would not see."""
    paths = [Path(place.program[0]), place.settings, *needed.written]
    return [
        f"the service does not see {path}: it has no access to {hidden}"
        for path in paths
        for hidden in HIDDEN
        if path.is_relative_to(hidden)
    ]


def _next_steps(settings: Settings, place: Place, needed: Needs) -> list[str]:
    """Commands: what is there already is left out."""
    home = place.settings.parent
    steps = []
    if not _user_exists(place.user):
        steps.append(
            f"useradd --system --user-group --home-dir {home} --shell /usr/sbin/nologin {place.user}"
        )
    key = key_file(settings.store.key, settings.directory)
    if key is not None and not settings.store.clear:
        if not key.exists():
            steps.append(f"{place.program[0]} keys new {key}    # keep a copy apart from the backups")
        steps.append(f"chown {place.user}: {key}")
    steps.append(f"chown root:{place.user} {place.settings} && chmod 640 {place.settings}")
    steps += [
        f"install -d -o {place.user} -m 700 {folder}"
        for folder in needed.written
        if not folder.is_relative_to(STATE)  # systemd gives away those, with what is in them
    ]
    store = settings.store_path
    if store is not None and not store.is_relative_to(STATE) and _is_of_another(store, place.user):
        steps.append(f"chown {place.user}: {store}*    # made by a command of another user")
    steps += [
        f"install -D -m 600 FILE-WITH-THE-SECRET {CREDENTIALS / name}"
        for name in needed.credentials
        if not _is_file(CREDENTIALS / name)
    ]
    if needed.variables:
        steps.append(f"install -D -m 600 /dev/stdin {ENVIRONMENT}    # {'=… '.join(needed.variables)}=…")
    steps += [
        "systemctl daemon-reload",
        f"systemctl enable --now {NAME}.socket {NAME}.service",
        f"systemctl status {NAME}.service",
    ]
    return steps


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the folder is root's
        return False


def _is_of_another(path: Path, user: str) -> bool:
    """Whether the file is there and somebody else's."""
    try:
        return path.is_file() and path.owner() != user
    except OSError:  # the folder is root's
        return False
    except KeyError:  # no user has its number
        return True


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
