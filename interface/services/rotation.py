"""Replacing the master key of a store, step by step: a crash between any two leaves a store that opens.

    1. the new key is on disk, beside the old one (FILE.new)
    2. both wrap the store's keys (one transaction)
    3. the old key gets a second name (FILE.ID.old), then the new one takes its place (one rename)
    4. proof: the key is read from where the settings say, and opens the store
    5. the old key's wraps are deleted (one transaction); its file stays, for backups of before

Where other nodes run on the store, whose key files are theirs, 5. waits until it is asked for (`finish`).

Begun anew after a crash, it goes on with the key of FILE.new, if that was the last that was done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interface.errors import InterfaceError
from interface.store.crypto import Master
from interface.store.errors import KeyringError, StoreError
from interface.store.keys import is_in_use, key_file, load_or_create, read_key, sync_folder, write_new
from interface.store.store import Store, open_store


class RotationError(InterfaceError):
    """The key can't be replaced as it was asked for."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Replaced:
    """A key file that holds a new key."""

    path: Path
    kept: Path
    """Where the old key is now."""
    nodes: tuple[str, ...]
    """Others that run on the store: until it is finished their key opens it, too."""


class Replacement:
    """Replaces the key that `[store] key` names (`spec`, paths relative to `folder`)."""

    def __init__(self, store: Store, spec: str | None, folder: Path, url: str) -> None:
        self._store, self._spec, self._folder, self._url = store, spec, folder, url

    def replace_file(self) -> Replaced:
        """Make a new key and put it in the place of the old file. Raises InterfaceError."""
        path = key_file(self._spec, self._folder)
        if path is None:
            raise RotationError(
                f"[store] key is {self._spec}: give --to SPEC, where the new key is (`keys new FILE` makes one)"
            )
        path = path.resolve()
        with _alone(path):
            old = self._now()
            new = self._beside(path)
            self._store.rotation.begin(old, new)
            try:
                kept = self._swap(path, old)
            except OSError as error:
                raise KeyringError(
                    f"the at-rest key file {path} cannot be replaced: {error.strerror}"
                ) from None
            others = self._others(kept)
            if not others:
                self._finish()
        return Replaced(path, kept, others)

    def begin(self, to: str) -> None:
        """Have the key at `to` open the store, too. Raises InterfaceError."""
        new = Master(read_key(to, self._folder), source=to)
        old = self._now()
        if new.id == old.id:
            raise RotationError("--to names the key that the store has already")
        self._store.rotation.begin(old, new)

    def finish(self) -> int:
        """Have only the key of the settings open the store. Raises InterfaceError: it is not the newest."""
        master = self._now()
        masters = self._store.rotation.keys().masters
        if masters[-1] != master.id:
            raise RotationError(
                "[store] key still names the old key: name the new one, restart the daemon, then finish"
            )
        return self._finish()

    def _others(self, old: Path) -> tuple[str, ...]:
        """The nodes that run on the store with another key file than ours, which is at `old` now. One that has our host's
        name may be another machine: it is ours where a daemon uses the file.
        """
        if self._store.path is not None:
            return ()
        alive = [node.name for node in self._store.nodes.daemons()]
        if is_in_use(old):
            with contextlib.suppress(ValueError):
                alive.remove(socket.gethostname())
        return tuple(alive)

    def _now(self) -> Master:
        return load_or_create(self._spec, self._folder, lambda _line: None, create=False)

    def _beside(self, path: Path) -> Master:
        fresh = path.with_name(f"{path.name}.new")
        if fresh.exists() and not fresh.stat().st_size:  # interrupted before there was a key in it
            fresh.unlink()
        with contextlib.suppress(FileExistsError):  # of a rotation that was interrupted
            write_new(fresh)
        return Master(read_key(f"file:{fresh}", self._folder), source=str(fresh))

    def _swap(self, path: Path, old: Master) -> Path:
        fresh, kept = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.{old.id.hex()}.old")
        status = path.stat()
        with contextlib.suppress(PermissionError):  # not root: the files are ours anyway
            os.chown(fresh, status.st_uid, status.st_gid)
        if not kept.exists():  # else of a rotation that was interrupted here
            kept.hardlink_to(path)
        sync_folder(path)
        fresh.replace(path)
        sync_folder(path)
        return kept

    def _finish(self) -> int:
        """Prove that the key of the settings opens the store, from the beginning; then forget the other."""
        master = self._now()
        open_store(self._url, master, create=False).close()
        return self._store.rotation.finish(master)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else replaces the key in this file meanwhile: the one that ends first would forget the key that the other
    has just begun. Its folder is locked, of which nothing is left behind. Raises StoreError.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"the at-rest key file {path} is being replaced by another process: wait until it has ended"
                ) from None
        yield
    finally:
        os.close(folder)
