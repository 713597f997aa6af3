"""Files that commands write for people."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MODE = 0o600
"""For the owner alone."""


def write_whole(target: Path, text: str, *, mode: int | None = MODE) -> None:
    """Write a text file, whole or not at all, over an older one; a link leads to its file.

    What is no file (a pipe, /dev/null) is written into as it is: replaced, it would be gone for everybody.

    Raises:
        OSError: it cannot be written; nothing is left behind.

    """
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")
        return
    with whole_file(target.resolve(), mode=mode) as file:
        file.write(text.encode())


@contextlib.contextmanager
def whole_file(target: Path, *, mode: int | None = MODE, new: bool = False) -> Iterator[IO[bytes]]:
    """A file to write into: written beside `target`, which it becomes in the end, also in place of an older one.

    Whatever ends the writing before, the older one stays as it was and nothing is left behind.

    Args:
        target: what it becomes.
        mode: who may read it; None: who may read the older one, or what this user writes.
        new: nothing is overwritten.

    Raises:
        FileExistsError: it is to be `new`, and `target` is there.
        OSError: it cannot be written.

    """
    if new and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if mode is None and target.exists():
        mode = stat.S_IMODE(target.stat().st_mode)
    made = target.with_name(f".{target.name}.{os.getpid()}")
    made.unlink(missing_ok=True)  # of one that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # where others write, too, it must be no link of theirs
    file = os.fdopen(os.open(made, flags, 0o666 if mode is None else MODE), "wb")
    try:
        yield file
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.close()
        if new:
            _become_new(made, target)
        else:
            made.replace(target)
    finally:
        with contextlib.suppress(OSError):  # closing tries once more to write what it has
            file.close()
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)


def _become_new(made: Path, target: Path) -> None:
    try:
        os.link(made, target)  # renamed, it would take the place of one that was made meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        made.rename(target)
