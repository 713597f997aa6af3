"""Waiting for what must come about: asked again and again, never slept for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 90.0
"""Seconds that something may take on a busy machine."""


def until(what: str | Callable[[], str], look: Callable[[], T], patience: float = PATIENCE) -> T:
    """What `look` gives once it is true; `what` is said when it never is."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {patience:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
    return found
