"""The vendor's test patients, as they are stored and read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One as he is stored."""

    document: bytes
    """As JSON; of one who was removed as he was last."""
    source: str
    """Digest of the file he came in."""
    imported_at: float
    """POSIX seconds."""
    removed_at: float | None = None
    """None: he is imported now."""


@dataclass(frozen=True, slots=True)
class RosterWrite:
    """One to import, to remove or to forget."""

    mrn: str
    document: bytes | None = None
    """None: he is removed."""
    source: str = ""
    forget: bool = False
    """Nothing of him is kept: his messages count as those of anybody."""
