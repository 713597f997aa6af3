"""Dose, strength and instructions of pharmacy orders."""

from __future__ import annotations

import re
from typing import Any

from interface.rules.context import Context, clean_text, deleted_fact, no_fact, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Value,
    as_fact,
    recurring,
    where_valued,
)
from interface.rules.types.codes import label_of
from interface.rules.types.values import number_of

_NUMBERED = re.compile(r"^(?:[A-Z]{1,3}:)?\d+$")
"""A key of the sender's own file (43, CD:14093882), which is no unit and no instruction; its text is."""
_DIGIT = re.compile(r"\d")
_ZERO = "an amount of zero is none"
_MAXIMUM_ALONE = "a maximum without a minimum is no single amount"


def quantity(spec: Spec) -> Reader:
    """An amount with its unit, under the names `value_to:` and `unit_to:`; a range is no amount (the text keeps it)."""
    spec.options("maximum", "unit", "units", "value_to", "unit_to")
    maximum, unit = spec.path_list("maximum"), spec.path_list("unit")
    units = spec.table("units")
    value_to, unit_to = str(spec.body["value_to"]), str(spec.body["unit_to"])

    def beside(paths: tuple[Path, ...], source: str) -> tuple[Path, ...]:
        """Those of the segment the amount stands in: the amount of one never meets the unit of another."""
        return tuple(path for path in paths if source.startswith(path.segment))

    def read(context: Context, scope: Scope) -> Fact | None:
        passed, deleted, amount = "", "", None
        for path in spec.paths:
            deleted = deleted or _first_null(path, scope)
            sent, source = _first_text((path,), scope)
            amount = number_of(sent) if sent else None
            if amount is not None and amount >= 0:
                break
            if sent:
                context.leave_out(source, sent, "not a number")
                passed = passed or source
            # an amount that can't be read (1-2, 1/2), or a maximum alone: no other may stand in its place
            if _DIGIT.search(sent or _first_text(beside(maximum, path.segment), scope)[0]):
                break
        if passed and (amount is None or amount < 0):
            return no_fact(spec.name, context, f"{passed} is not a number")
        if amount is None:
            alone, alone_source = _first_text(maximum, scope)
            if alone:
                context.leave_out(alone_source, alone, _MAXIMUM_ALONE)
            return deleted_fact(spec.name, context, deleted) if deleted else None
        most, most_source = _first_text(beside(maximum, source), scope)
        if most and (ceiling := number_of(most)) != amount:
            why = f"{source} and {most_source} are a range: no single amount"
            if ceiling is None:  # often the unit: then the unit's field holds something else
                why = f"{most_source} is not a number: whether the amount is a single one can't be told"
            context.leave_out(source, sent, why)
            context.leave_out(most_source, most, why)
            return no_fact(spec.name, context, why)
        if not amount:
            context.leave_out(source, sent, _ZERO)
            return no_fact(spec.name, context, _ZERO)
        value: dict[str, Any] = {value_to: amount}
        leaves = [Leaf(f".{value_to}", amount, source)]
        said: tuple[str, ...] = ()
        named, unit_source = _unit_text(beside(unit, source), scope)
        if named:
            row = units.get(named) if units is not None else None
            plain = str(row) if row is not None else clean_text(named.replace("%", " percent "))
            if plain:
                value[unit_to] = plain
                leaves.append(Leaf(f".{unit_to}", plain, unit_source))
            if plain != named:
                said = (f"{unit_source}: a unit without forbidden characters",)
        return Fact(value, tuple(leaves), spec.name, context.at, context.control_id, said)

    return recurring(where_valued(read, *maximum))


def _first_text(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
    for path in paths:
        for repetition in path.repetitions(scope):
            if found := path.text(repetition):
                return found, path.source(repetition)
    return "", ""


def _first_null(path: Path, scope: Scope) -> str:
    """Where HL7 null stands, if it does."""
    return next((path.source(entry) for entry in path.repetitions(scope) if entry.is_null), "")


def _unit_text(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
    """A unit's code; its text where the code is missing or a key of the sender's own file."""
    for path in paths:
        for repetition in path.repetitions(scope):
            code, label = visible(path.text(repetition)), label_of(repetition)
            if code and not (label[0] and _NUMBERED.match(code)):
                return code, path.source(repetition)
            if label[0]:
                return label
    return "", ""


def sig(spec: Spec) -> Reader:
    """The instructions as sent: all repetitions of the first field that has any, in order, each by its label."""
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        deleted = ""
        for path in paths:
            found = []
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                label = label_of(repetition)
                if label[0]:
                    found.append(label)
                elif (text := visible(path.text(repetition))) and not _NUMBERED.match(text):
                    found.append((text, repetition.at(1)))
            if found:
                whole, source = " ".join(text for text, _ in found), found[0][1]
                said = (f"{source} and its repetitions are one text",) if len(found) > 1 else ()
                return as_fact(Value(whole, (Leaf("", whole, source),), said), rule, context)
        return deleted_fact(rule, context, deleted) if deleted else None

    return where_valued(read)


TYPES: dict[str, TypeMaker] = {"quantity": quantity, "sig": sig}
