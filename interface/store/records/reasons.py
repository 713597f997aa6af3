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
