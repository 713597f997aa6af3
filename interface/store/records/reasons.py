"""Why something was decided, as (code, text) pairs: the JSON text that the store's `reasons` columns hold."""

from __future__ import annotations

import json
from collections.abc import Iterable


def reasons_json(reasons: Iterable[tuple[str, str]]) -> str:
    """(code, text) pairs as the JSON text that `reasons` columns hold: `[{"code": …, "text": …}]`; no
    patient data.
    """
    return json.dumps([{"code": code, "text": text} for code, text in reasons], ensure_ascii=False)


def reasons_of(text: str) -> tuple[tuple[str, str], ...]:
    """What `reasons_json` made; empty when it is damaged."""
    try:
        return tuple((str(entry["code"]), str(entry["text"])) for entry in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return ()


def in_common(one: str, other: str) -> str:
    """What two texts of one code say alike, word by word from the beginning: `PID-11 has no US ZIP: …`; the first
    where that is nothing.
    """
    if one == other:
        return one
    words, others = one.split(" "), other.split(" ")
    alike = next((at for at, pair in enumerate(zip(words, others, strict=False)) if pair[0] != pair[1]), None)
    said = words[: min(len(words), len(others)) if alike is None else alike]
    return " ".join([*said, "…"] if said and said[-1] != "…" else said) or one
