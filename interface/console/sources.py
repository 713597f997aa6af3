"""Where a value came from, as a cell of a table: the message's place, with a link to the message, and the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Asked, Veiled
from interface.console.segments import field_anchor
from interface.shown.sources import source_of

MOST_TEXT = 400
"""Characters of one value in a table; the message has it whole."""


def cut(text: object, most: int = MOST_TEXT) -> str:
    """A value as a table has it: of a long one the beginning, and how long it is."""
    whole = "" if text is None else str(text)
    if len(whole) <= most:
        return whole
    return f"{whole[:most]} … ({len(whole):,} characters; the message has them all)"


def veil(asked: Asked, text: object, most: int = MOST_TEXT) -> Veiled:
    """Patient data as a table has it; what is said of its length is not masked."""
    shown = cut(text, most)
    value = asked.viewer.veil(shown[:most])
    return replace(value, text=value.text + shown[most:])


def source_cell(asked: Asked, source: str, rule: str, known: Mapping[str, int]) -> dict[str, Any]:
    """A source; `known`: our ids of messages by control id."""
    control_id, place = source_of(source)
    if not control_id:
        return {"text": cut(source), "small": cut(rule)}
    id_ = known.get(control_id)
    if id_ is not None and asked.has("/messages/{id}"):
        href = f"/messages/{id_}#{field_anchor(place)}" if place else f"/messages/{id_}"
    elif len(control_id) <= 200 and control_id.isprintable():
        href = f"/messages?{urlencode({'control_id': control_id})}"
    else:
        href = ""
    return {"text": cut(source[len(control_id) + 1 :]), "href": href, "small": cut(rule)}


def request_cell(asked: Asked, id_: int | None, state: str | None) -> dict[str, Any]:
    """A request, with a link where there is its page."""
    if not id_:
        return {"text": ""}
    href = f"/requests/{id_}" if asked.has("/requests/{id}") else ""
    return {"text": f"request {id_}", "href": href, "small": state or "no longer kept"}
