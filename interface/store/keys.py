"""Where the at-rest key comes from: an environment variable, a file, a systemd credential, or a file made
here.

A key is written as 64 hexadecimal digits or as base64 of 32 bytes; blanks and a line end around it do not
matter.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from interface.paths import at_home
from interface.store.crypto import MASTER_BYTES, Master, new_master_key
from interface.store.errors import KeyringError

DEFAULT_KEY_FILE = "at-rest.key"
"""Beside the settings file."""

Announce = Callable[[str], None]


def load_or_create(
    spec: str | None, settings_dir: Path, announce: Announce, *, create: bool = True, off: bool = False
) -> Master:
    """The master key that `[store] key` names.

    spec: `env:NAME`, `file:PATH` (relative to settings_dir), `credential:NAME` (systemd), or None for the
    file `at-rest.key` in settings_dir, which is made with mode 0600 when it is missing and `create` is
    true; `announce` is told so in one line. `off`: `[store] encryption` is off: none is made, and none need be there.
    Raises KeyringError in one line.
    """

    def again() -> Master:
        return load_or_create(spec, settings_dir, lambda _line: None, create=False, off=off)

    if off and not _is_there(spec, settings_dir):
        return Master(None, source="(none)", off=True, again=again)
    if spec is None:
        path = settings_dir / DEFAULT_KEY_FILE
        _make_default(path, announce, create)
        secret, source = _parse(_read_file(path, announce), str(path)), str(path)
    else:
        secret, source = read_key(spec, settings_dir, announce), spec
    return Master(secret, source=source, off=off, again=again)


def read_key(spec: str, settings_dir: Path, announce: Announce = lambda _line: None) -> bytes:
    """The key that `spec` names. Raises KeyringError in one line."""
    kind, colon, name = spec.partition(":")
    reader = _READERS.get(kind)
    if not colon or not name or reader is None:
        # the setting is not repeated: it may be the key itself, written there by mistake
        raise KeyringError("[store] key must be env:NAME, file:PATH or credential:NAME, never the key itself")
    return _parse(reader(name, settings_dir, announce), spec)


def key_file(spec: str | None, settings_dir: Path) -> Path | None:
    """The file in which the key lies; None: it is in no file of ours (env:, credential:)."""
    if spec is None:
        return settings_dir / DEFAULT_KEY_FILE
    kind, _, name = spec.partition(":")
    return settings_dir / at_home(name) if kind == "file" else None


def mark_in_use(path: Path) -> int:
    """Let other processes see that this one has its key from a file, until the file number given is closed."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return handle


def is_in_use(path: Path) -> bool:
    """Whether a process that lives has marked the file so, by this name or another one of it."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _is_there(spec: str | None, settings_dir: Path) -> bool:
    path = key_file(spec, settings_dir)
    if path is not None:
        return path.exists()
    try:
        read_key(spec or "", settings_dir)
    except KeyringError:
        return False
    return True


def _make_default(path: Path, announce: Announce, create: bool) -> None:
    if path.exists():
        return
    if not create:
        raise KeyringError(
            f"the at-rest key file {path} is missing: bring it back, the store opens with no other"
        )
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
        write_new(path)
        announce(
            f"made a new at-rest key: {path} (mode 0600); keep a copy apart from the backups of the store, "
            "which cannot be read without it"
        )


def write_new(path: Path) -> None:
    """Write a new key that is on disk before it is used: what was sealed with a lost key is lost too.

    Raises FileExistsError for a file that is there, KeyringError for what else keeps it from being made.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(new_master_key().hex().encode() + b"\n")
                file.flush()
                os.fsync(handle)
        except OSError:  # a full disk: what is no key must not be taken for one
            path.unlink()
            raise
        sync_folder(path)
    except FileExistsError:
        raise
    except OSError as error:
        failed = KeyringError(f"the at-rest key file {path} cannot be made: {error.strerror}")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            failed.disk_full, failed.exit_code = True, 1  # nothing in the settings has to change
        raise failed from None


def sync_folder(path: Path) -> None:
    """Have on disk that a file was made, renamed or deleted."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_file(path: Path, announce: Announce) -> str:
    try:
        if path.stat().st_mode & 0o007:
            announce(f"the at-rest key file {path} is open to every user of this machine: chmod 600 it")
        return path.read_text("ascii")
    except OSError as error:
        raise KeyringError(f"the at-rest key file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyringError(f"the at-rest key file {path} does not hold a key") from None


def _from_environment(name: str, _settings_dir: Path, _announce: Announce) -> str:
    value = os.environ.get(name)
    if not value:
        raise KeyringError(
            f"the environment variable {name} for the at-rest key is not set: set it, or change [store] key"
        )
    return value


def _from_file(name: str, settings_dir: Path, announce: Announce) -> str:
    return _read_file(settings_dir / at_home(name), announce)


def _from_credential(name: str, _settings_dir: Path, _announce: Announce) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise KeyringError(
            f"the at-rest key credential {name} is not there: "
            f"start the program by systemd with LoadCredential={name}"
        )
    # systemd keeps credentials readable for the service alone, whatever their mode says
    return _read_file(Path(folder) / name, lambda _line: None)


_READERS = {"env": _from_environment, "file": _from_file, "credential": _from_credential}


def _parse(text: str, where: str) -> bytes:
    text = "".join(text.split())
    try:
        key = bytes.fromhex(text) if len(text) == 2 * MASTER_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != MASTER_BYTES:
        raise KeyringError(
            f"the at-rest key of {where} must be 64 hexadecimal digits or base64 of {MASTER_BYTES} bytes"
        )
    return key
