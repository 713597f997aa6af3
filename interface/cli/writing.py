"""Files that commands write for people."""

import contextlib
import errno
import os
from pathlib import Path

MODE = 0o600
"""For the owner alone."""


def write_whole(target: Path, text: str) -> None:
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
    target = target.resolve()
    made = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        made.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
        raise
