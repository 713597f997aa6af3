"""One daemon on one SQLite file: a file lock beside it, which the kernel lets go when its holder dies.

The door and the work lock apart: when a door is killed its work drains for a while yet, and the next door
may take messages at once, but its work waits until the old one has gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from interface.store.errors import StoreError
from interface.store.sqlite import sqlite_path

Role = Literal["door", "work"]
_POLL_SECONDS = 0.05
_GLANCE_SECONDS = 0.2
"""How long one who takes the lock in passing waits: `is_held` of another process holds it for microseconds."""


class StoreLock:
    """A lock on a file; held by one process at a time, given back by `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @classmethod
    def beside(cls, url: str, role: Role = "door") -> StoreLock:
        """The lock of the store at `url` for the door or the work; StoreError when it is not SQLite's."""
        return cls.of(sqlite_path(url), role)

    @classmethod
    def of(cls, store: Path, role: Role) -> StoreLock:
        """The lock of the store in this file."""
        return cls(store.with_name(f"{store.name}-{role}.lock"))

    def acquire(self, wait: float = 0.0) -> None:
        """Take the lock, waiting up to `wait` seconds; StoreError when another process keeps it."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            why = "it is a file" if folder.is_file() else error.strerror
            raise StoreError(f"the folder {folder} of the store cannot be made: {why}") from None
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the lock file {self.path} cannot be opened: {error.strerror}") from None
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= end:
                    holder = os.read(handle, 20).decode("ascii", "replace").strip()
                    os.close(handle)
                    raise StoreError(
                        f"another process ({holder or 'unknown'}) already runs on this store: lock "
                        f"{self.path}; stop it first, or name another store"
                    ) from None
                time.sleep(_POLL_SECONDS)
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same, without a name in it
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def is_held(self) -> bool:
        """Whether a process holds the lock now."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def release(self) -> None:
        """Give the lock back; the file stays, for a lock on a file that comes and goes is none."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        self.acquire(_GLANCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
