"""A request while it is composed: its values, where each came from, and why parts of it are missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from interface.rules.facts import Fact, Leaf, LeftOut, Scalar

_ENTRY = re.compile(r"(\w+)\[(\d+)\]")
"""An entry of one of the request's lists, at the head of a field's name."""


WITHHELD = "not of the staging test patient as imported: only what was imported leaves in staging"
"""Why a guard withholds an entry."""


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """One scalar of the request and where it came from, for whoever asks."""

    field: str
    value: Scalar
    source: str
    rule: str


class Placed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one fact or setting brought to one place of the request: the provenance of a handful of scalars, as it is made
    and stored. Written out scalar by scalar it takes 15 us of a message more, and three times the room.
    """

    where: str
    leaves: tuple[Leaf, ...]
    """Their paths go on from `where`."""
    rule: str
    """Of those leaves that have none of their own."""
    message: str = ""
    """Control id of the earlier message that said it; empty: the message itself, or the sources say whence."""

    def each(self) -> Iterator[Provenance]:
        """Scalar by scalar."""
        before = f"{self.message}:" if self.message else ""
        for leaf in self.leaves:
            yield Provenance(self.where + leaf.path, leaf.value, before + leaf.source, leaf.rule or self.rule)


class Draft(msgspec.Struct):
    """A request while it is composed, and why parts of it are missing."""

    trigger: str
    """Control id of the message that is decided: its own paths stand without a prefix."""
    request: dict[str, Any] = {}
    placed: list[Placed] = []
    left_out: list[LeftOut] = []
    why: dict[str, str] = {}
    """Field to the reason why it has no value, for the holds."""
    repaired: list[tuple[str, str]] = []
    """Field, and what was repaired or assumed of its value, without patient data."""

    @property
    def fields(self) -> list[Provenance]:
        """Each scalar, and where it came from."""
        return fields_of(self.placed)

    def add(self, field: str, value: Scalar, source: str, rule: str) -> None:
        """The provenance of one scalar."""
        self.placed.append(Placed(field, (Leaf("", value, source),), rule))

    def source(self, path: str, message: str) -> str:
        """A path, after its control id when another message said it."""
        return f"{message}:{path}" if self.earlier(message) else path

    def earlier(self, message: str) -> str:
        """The control id of a message that is not the one that is decided; empty: it is, or there is none."""
        return "" if message == self.trigger else message

    def leaves(self, where: str, fact: Fact) -> None:
        """The provenance of a fact that now stands at `where`."""
        if fact.said:
            self.repaired += [(where, text) for text in fact.said]
        for said in (fact, fact.named):
            if said is not None and said.leaves:
                self.placed.append(Placed(where, said.leaves, said.rule, self.earlier(said.message)))

    def put(self, holder: dict[str, Any], key: str, where: str, fact: Fact | None) -> None:
        """Put a fact's value at `where`; note why when it has none."""
        if fact is None:
            return
        if fact.why:
            self.why[where] = fact.why
        if fact.value is not None:
            holder[key] = fact.value
            self.leaves(where, fact)

    def put_entry(self, where: str, fact: Fact, leaves: Collection[Leaf]) -> None:
        """The provenance of one entry of a fact that is a list; it now stands at `where`. `leaves`: of `leaves_by_entry`."""
        if leaves:
            self.placed.append(Placed(where, tuple(leaves), fact.rule, self.earlier(fact.message)))

    def withhold(self, entries: Collection[str]) -> None:
        """Take entries out of the request's lists (`medications[2]`), said in `left_out`; the later ones move up."""
        if not entries:
            return
        entries = set(entries)
        moved: dict[str, int] = {}  # by entry: how many before it go
        for name in {entry.partition("[")[0] for entry in entries}:
            before = 0
            for number in range(len(self.request.get(name, ()))):
                place = f"{name}[{number}]"
                moved[place] = before
                before += place in entries
        kept: list[Placed] = []
        said: set[str] = set()
        for placed in self.placed:
            head = _ENTRY.match(placed.where)
            if head is None:
                kept.append(placed)
                continue
            name, number = head[1], int(head[2])
            if head[0] in entries:
                if head[0] not in said:
                    first = next(placed.each())
                    called = _called(self.request[name][number]) or str(first.value)
                    self.left_out.append(LeftOut(first.source, called, WITHHELD))
                    said.add(head[0])
                continue
            where = f"{name}[{number - moved.get(head[0], 0)}]{placed.where[head.end() :]}"
            kept.append(msgspec.structs.replace(placed, where=where))
        self.placed = kept
        for name in {entry.partition("[")[0] for entry in entries}:
            values = self.request.get(name, [])
            left = [value for place, value in enumerate(values) if f"{name}[{place}]" not in entries]
            if left:
                self.request[name] = left
            else:
                self.request.pop(name, None)


def fields_of(placed: Iterable[Placed]) -> list[Provenance]:
    """Each scalar, and where it came from."""
    return [field for one in placed for field in one.each()]


def _called(entry: Any) -> str:
    """The code of a problem or drug, else its name."""
    found = entry.get("nameCode", entry) if isinstance(entry, dict) else {}
    return str(found.get("code") or found.get("displayName") or "")
