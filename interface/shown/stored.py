"""Stored JSON as values: whatever is in it, reading it breaks nothing."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 100
"""JSON that is nested deeper is shown as text: an answer of the API may hold anything, and must not break the list."""
_BRACKET = re.compile(rb"[\[\]{}]")


def decoded(data: bytes | None) -> Any:
    """Stored JSON as a value; text that is no JSON, or nested deeper than anything meant, as text; None when there is
    none.
    """
    if data is None:
        return None
    try:
        if _depth(data) <= DEEPEST:
            return json.loads(data, parse_constant=_no_json)
    except ValueError:
        pass
    return data.decode("utf-8", "backslashreplace")


def _no_json(constant: str) -> None:
    """Python reads NaN and Infinity; no other program would read them in our answer."""
    raise ValueError(constant)


def _depth(data: bytes) -> int:
    """How deep JSON is nested, at least that; brackets in texts count too."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(data):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
