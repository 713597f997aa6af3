"""The labels of coded values. A code that stands for one is a default: it never takes the place of a label that is known."""

from __future__ import annotations

from typing import Protocol

from interface.chart.model import change
from interface.rules.facts import Fact, Leaf

LABEL = ".displayName"
_CODES = ("1", "4", "10")
"""The components of a CWE that hold a code; its labels stand in others, or in other fields."""


class _Coded(Protocol):
    """What a coded fact and a problem have in common."""

    @property
    def leaves(self) -> tuple[Leaf, ...]: ...
    @property
    def rule(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def named(self) -> Fact | None: ...


def label_of(coded: _Coded) -> Fact | None:
    """The label that a message has given; None: the code stands for it."""
    if coded.named is not None:
        return coded.named
    leaf = _own_label(coded)
    return (
        None if leaf is None else Fact(leaf.value, (leaf,), leaf.rule or coded.rule, coded.at, coded.message)
    )


def _own_label(coded: _Coded) -> Leaf | None:
    """The label that its own message gave it."""
    for leaf in coded.leaves:
        if leaf.path == LABEL:
            code = leaf.source == coded.leaves[0].source and leaf.source.rpartition(".")[2] in _CODES
            return None if code else leaf
    return None


def other_label(coded: _Coded, other: _Coded, *, added: bool = False) -> Fact | None:
    """The label that the other has for the same code, where it goes before this one's own: none is known, or an older, or
    one that was only added. `added`: so is the other's.
    """
    if coded.named is None and other.at <= coded.at and _own_label(coded) is not None:
        return None  # nearly all
    mine, theirs = label_of(coded), label_of(other)
    if theirs is None:
        return None
    if added:
        theirs = change(theirs, weak=True)
    return theirs if mine is None or (mine.weak, theirs.at) > (theirs.weak, mine.at) else None


def without_label(leaves: tuple[Leaf, ...]) -> tuple[Leaf, ...]:
    """The leaves of a coded value but that of its label."""
    return tuple([leaf for leaf in leaves if leaf.path != LABEL])


def labelled(fact: Fact, other: Fact | None, *, added: bool = False) -> Fact:
    """The newer of two coded facts, with what the other says more: a label of its code, or the code of its label.

    `added`: as of `other_label`.
    """
    if other is None or fact.value is None or other.value is None:
        return fact
    if "code" not in fact.value or "code" not in other.value:
        only_named = "code" in other.value and _label(fact) == _label(other)
        return change(other, at=fact.at) if only_named else fact
    if any(
        fact.value.get(part) != other.value.get(part) for part in ("code", "codeSystem", "codeSystemName")
    ):
        return fact
    label = other_label(fact, other, added=added)
    if label is None:
        return fact
    named: Fact = change(
        fact,
        value={**fact.value, "displayName": label.value},
        leaves=without_label(fact.leaves),
        named=label,
    )
    return named


def unlabelled(fact: Fact) -> Fact:
    """A coded fact without the label that another message gave: its code stands for it."""
    code = fact.leaves[0]
    value = {**fact.value, "displayName": code.value}
    bare: Fact = change(
        fact, value=value, leaves=(*fact.leaves, Leaf(LABEL, code.value, code.source)), named=None
    )
    return bare


def _label(fact: Fact) -> str:
    return str(fact.value["displayName"]).casefold()
