"""A request's provenance for people: each value with its source and rule; what was left out, repaired and said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Veiled, Viewer
from interface.console.segments import MOST_TEXT, field_anchor, nearest
from interface.evidence.production_test import repaired_in
from interface.shown.fields import name_of
from interface.shown.mask import Mask, shape
from interface.shown.sources import Source, source_of
from interface.store.records.lists import NamedMessage

MOST_ROWS = 1_000
MOST_BODY = 100_000
"""Characters of a request's JSON that are shown."""


@dataclass(frozen=True, slots=True)
class Beside:
    """The message that stands beside the provenance, and those that it names."""

    id: int | None
    """None: there is none."""
    control_id: str = ""
    own: bool = False
    """Places without a control id are this message's."""
    anchors: frozenset[str] = frozenset()
    decided: int | None = None
    """The message whose places have no control id."""
    named: Mapping[str, Sequence[NamedMessage]] = field(default_factory=dict)
    """Earlier messages by their control ids, of the patient alone."""


@dataclass(frozen=True, slots=True)
class Whence:
    """What the template shows."""

    rows: list[dict[str, Any]]
    more: int
    left_out: list[dict[str, Any]]
    repaired: list[tuple[str, str]]
    said: list[str]
    body: Veiled | None
    body_total: int


def control_ids_in(detail: Any) -> set[str]:
    """The control ids of earlier messages that sources name."""
    entries = [*_entries(detail, "fields"), *_entries(detail, "left_out")]
    return {name for entry in entries if (name := source_of(str(entry.get("source") or "")).control_id)}


def whence_of(viewer: Viewer, body: Any, detail: Any, beside: Beside, raws: Iterable[bytes]) -> Whence:
    """Provenance as the viewer sees it. `raws`: the messages that tell whose data must not be seen."""
    told: Mapping[str, Any] = detail if isinstance(detail, dict) else {}
    fields, left_out = _entries(detail, "fields"), _entries(detail, "left_out")
    said = [str(line) for line in told.get("said") or () if isinstance(line, str)]
    shown_fields = [_plain(entry, ("field", "value", "source", "rule")) for entry in fields[:MOST_ROWS]]
    shown_left = [_plain(entry, ("source", "value", "why")) for entry in left_out[:MOST_ROWS]]
    sources = [source_of(entry["source"]) for entry in (*shown_fields, *shown_left)]
    names = [entry["source"] for entry in (*shown_fields, *shown_left)]
    masked = not viewer.shows
    if masked:
        answer: dict[str, Any] = {"control_id": "", "type": "", "reasons": [], "said": said}
        answer |= {"request": body if isinstance(body, dict) else None}
        (answer,) = Mask(raws).answers([answer | {"fields": shown_fields, "left_out": shown_left}])
        shown_fields, shown_left, said = answer["fields"], answer["left_out"], answer["said"]
        body = answer["request"]
    rows = [
        {
            "field": entry["field"],
            "name": name_of(str(entry["field"])),
            "value": _value(entry["value"], masked=masked),
            "rule": entry["rule"],
            **_link(name, source, beside),
        }
        for entry, name, source in zip(shown_fields, names, sources, strict=False)
    ]
    behind = len(shown_fields)
    out = [
        {
            "value": _value(entry["value"], masked=masked),
            "why": entry["why"],
            **_link(name, source, beside),
        }
        for entry, name, source in zip(shown_left, names[behind:], sources[behind:], strict=True)
    ]
    text = "" if body is None else json.dumps(body, ensure_ascii=False, indent=2)
    return Whence(
        rows,
        len(fields) - len(rows),
        out,
        list(repaired_in(told)),
        said,
        Veiled(text[:MOST_BODY], masked) if text else None,
        len(text) if len(text) > MOST_BODY else 0,
    )


def excerpt(viewer: Viewer, reply: Any) -> Veiled | None:
    """The beginning of what the API answered; masked its names stay, values keep their shape alone: it may repeat what
    it was sent.
    """
    if reply is None:
        return None
    shown = reply if viewer.shows else _shapes(reply)
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, indent=1)
    return Veiled(text[:MOST_TEXT], masked=not viewer.shows)


def _shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name if name.isidentifier() else shape(name): _shapes(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shapes(part) for part in value]
    if value is None or isinstance(value, bool):
        return value
    return shape(str(value)[:MOST_TEXT])


def _entries(detail: Any, name: str) -> list[dict[str, Any]]:
    found = detail.get(name) if isinstance(detail, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _plain(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The entry's texts, cut where they are long."""
    return {
        name: value if isinstance(value := entry.get(name), bool | int | float) else _cut(value)
        for name in names
    }


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"


def _value(value: Any, *, masked: bool) -> Veiled:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Veiled(text, masked and bool(text))


def _link(name: str, source: Source, beside: Beside) -> dict[str, Any]:
    """The source, and where a link to it leads; `lights` is the anchor in this page, '' where it is elsewhere."""
    found = {"source": name, "lights": "", "href": ""}
    if not source.place:
        return found
    here = source.control_id == beside.control_id if source.control_id else beside.own
    if here and beside.id is not None:
        lights = nearest(source.place, beside.anchors)
        return found | {"lights": lights, "href": f"#{lights}" if lights else ""}
    if not source.control_id:
        return found | {
            "href": f"/messages/{beside.decided}#{field_anchor(source.place)}" if beside.decided else ""
        }
    known = beside.named.get(source.control_id, ())
    if len(known) == 1:
        return found | {"href": f"/messages/{known[0].id}#{field_anchor(source.place)}"}
    query = urlencode({"control_id": source.control_id})
    return found | {"href": f"/messages?{query}" if known else ""}
