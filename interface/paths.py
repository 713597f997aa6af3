"""Paths as people write them."""

import os
from pathlib import Path

__all__ = ["at_home"]


def at_home(path: str | Path) -> Path:
    """A path whose `~` is the user's home.

    A home that this machine does not know (`~nobody-here/key`) stands as it is, as in a shell: whoever opens the path then
    says that it is not there, where `Path.expanduser` raises a RuntimeError.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - see above
