"""What a single check of `check` says."""

from collections.abc import Iterator
from typing import Literal

Level = Literal["ok", "warn", "FAIL"]
Found = Iterator[tuple[Level, str]]
"""Lines, in order: how well it is, and what it is."""
