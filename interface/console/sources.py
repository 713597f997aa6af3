"""Where a value came from, as a cell of a table: the message's place, with a link to the message, and the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Asked

MOST_TEXT = 400
"""Characters of one value in a table; the message has it whole."""
_WITHIN = re.compile(r"^(.+):(?=[A-Z][A-Z0-9]{2}(?:\[\d+\])?(?:-|$))", re.DOTALL)
"""A source within a message: its control id, and the path behind the last colon."""


def cut(text: object) -> str:
    """A value as a table has it: of a long one the beginning, and how long it is."""
    whole = "" if text is None else str(text)
    if len(whole) <= MOST_TEXT:
        return whole
    return f"{whole[:MOST_TEXT]} … ({len(whole):,} characters; the message has them all)"


def source_cell(asked: Asked, source: str, rule: str, known: Mapping[str, int]) -> dict[str, Any]:
    """A source; `known`: our ids of messages by control id."""
    within = _WITHIN.match(source)
    if within is None:
        return {"text": cut(source), "small": cut(rule)}
    control_id = within[1]
    id_ = known.get(control_id)
    if id_ is not None and asked.has("/messages/{id}"):
        href = f"/messages/{id_}"
    elif len(control_id) <= 200 and control_id.isprintable():
        href = f"/messages?{urlencode({'control_id': control_id})}"
    else:
        href = ""
    return {"text": cut(source[within.end() :]), "href": href, "small": cut(rule)}


def request_cell(asked: Asked, id_: int | None, state: str | None) -> dict[str, Any]:
    """A request, with a link where there is its page."""
    if not id_:
        return {"text": ""}
    href = f"/requests/{id_}" if asked.has("/requests/{id}") else ""
    return {"text": f"request {id_}", "href": href, "small": state or "no longer kept"}
