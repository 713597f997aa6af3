"""Unfilled macros of a sender's template (`##DXNAME##`): the sender had no value, and none is read."""

from __future__ import annotations

import re
from functools import lru_cache

from .delimiters import Delimiters

_MACRO = re.compile(r"##.*##", re.DOTALL)
_OF_SENDER = 6
"""MSH up to the receiving facility; what stands behind names the message, and the door has read it as it is."""


def without_macros(text: str, delimiters: Delimiters) -> str:
    """The message's text (lines end with CR) without the parts that hold an unfilled macro, whatever else they hold."""
    separators = _separators(delimiters)
    if separators is None:
        return text
    head, end, lines = text.partition("\r")
    sender = delimiters.field.join(head.split(delimiters.field)[:_OF_SENDER])
    filled = [_filled(part, separators) for part in (sender, lines)]
    return f"{filled[0]}{head[len(sender) :]}{end}{filled[1]}"


def _filled(text: str, separators: re.Pattern[str]) -> str:
    return "".join("" if "##" in part and _MACRO.search(part) else part for part in separators.split(text))


@lru_cache(maxsize=64)
def _separators(delimiters: Delimiters) -> re.Pattern[str] | None:
    """What stands between the parts of a message; None: `#` is one of them."""
    sent = delimiters.field + delimiters.component + delimiters.repetition + delimiters.subcomponent
    return None if "#" in sent else re.compile(f"([\\r{re.escape(sent)}])")
