"""How two documents differ, field by field: a request before and after, a chart before and after."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from interface.rules.facts import Scalar

_IDENTITY = ("key", "code", "nameCode")
"""What tells one entry of a list from another, where entries have it."""


@dataclass(frozen=True)
class Difference:
    """One field that differs. A field that comes has no `before`, one that goes no `after`."""

    field: str
    """As `explain --json` names it; of what goes its place before."""
    before: Scalar | None
    after: Scalar | None
    source: str = ""
    """Where the value after came from; of what goes where it had come from."""
    rule: str = ""


@dataclass(frozen=True)
class _Change:
    old: str
    """Its path before; empty: it comes."""
    new: str
    before: Scalar | None
    after: Scalar | None


def differences(
    before: Any,
    after: Any,
    fields_before: Iterable[Mapping[str, Any]] = (),
    fields_after: Iterable[Mapping[str, Any]] = (),
) -> tuple[Difference, ...]:
    """What differs between two JSON documents, in the order of the later one.

    Entries of lists are compared by what they are (a code, a drug), not by their place: one that comes first makes no
    difference of those behind it. What goes from a list is named by its place before. `fields_…`: where the values came
    from, as `explain --json` has it.
    """
    whence_before = {entry["field"]: entry for entry in fields_before}
    whence_after = {entry["field"]: entry for entry in fields_after}
    rows = []
    for found in _walk("", "", before, after):
        whence = whence_after.get(found.new) if found.new else whence_before.get(found.old)
        source, rule = (str((whence or {}).get(name, "")) for name in ("source", "rule"))
        rows.append(Difference(found.new or found.old, found.before, found.after, source, rule))
    return tuple(rows)


def _walk(old: str, new: str, before: Any, after: Any) -> Iterator[_Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*after, *before)):
            path = f".{key}" if new else str(key)
            yield from _both(old + path, new + path, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in _pairs(before, after):
            yield from _both(
                f"{old}[{one}]" if one is not None else "",
                f"{new}[{other}]" if other is not None else "",
                before[one] if one is not None else None,
                after[other] if other is not None else None,
            )
    elif before != after:
        yield from _gone(old, before)
        yield from _come(new, after)


def _both(old: str, new: str, before: Any, after: Any) -> Iterator[_Change]:
    if before is None:
        yield from _come(new, after)
    elif after is None:
        yield from _gone(old, before)
    elif isinstance(before, dict | list) and type(before) is type(after):
        yield from _walk(old, new, before, after)
    elif isinstance(before, dict | list) or isinstance(after, dict | list):
        yield from _gone(old, before)
        yield from _come(new, after)
    elif before != after:
        yield _Change(old, new, before, after)


def _gone(path: str, value: Any) -> Iterator[_Change]:
    return (_Change(path + place, "", leaf, None) for place, leaf in _leaves(value))


def _come(path: str, value: Any) -> Iterator[_Change]:
    return (_Change("", path + place, None, leaf) for place, leaf in _leaves(value))


def _leaves(value: Any) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from ((f".{key}{place}", leaf) for place, leaf in _leaves(part))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from ((f"[{index}]{place}", leaf) for place, leaf in _leaves(part))
    elif value is not None:
        yield "", value


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Which entry after is which before: the same one, else what stood in its place or, of plain values, what is left."""
    left: dict[bytes, list[int]] = {}
    for index, entry in enumerate(before):
        left.setdefault(_identity(entry), []).append(index)
    same = {index: found.pop(0) for index, entry in enumerate(after) if (found := left.get(_identity(entry)))}
    rest = sorted(itertools.chain.from_iterable(left.values()))
    plain = not any(isinstance(entry, dict) for entry in (*before, *after))
    for index in range(len(after)):
        if index in same:
            yield same[index], index
            continue
        taken = index if index in rest else rest[0] if plain and rest else None
        if taken is not None:
            rest.remove(taken)
        yield taken, index
    yield from ((index, None) for index in rest)


def _identity(entry: Any) -> bytes:
    if isinstance(entry, dict):
        for name in _IDENTITY:
            if name in entry:
                return orjson.dumps([entry.get("codeSystem"), entry.get("system"), entry[name]])
    return orjson.dumps(entry)
