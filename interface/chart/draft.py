"""A request while it is composed: its values, where each came from, and why parts of it are missing."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from interface.rules.facts import Fact, LeftOut, Scalar

_ENTRY = re.compile(r"(\w+)\[(\d+)\]")
"""An entry of one of the request's lists, at the head of a field's name."""


WITHHELD = "not of the staging test patient as imported: only what was imported leaves in staging"
"""Why a guard withholds an entry."""


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """One scalar of the request and where it came from."""

    field: str
    value: Scalar
    source: str
    rule: str


class Draft(msgspec.Struct):
    """A request while it is composed, and why parts of it are missing."""

    trigger: str
    """Control id of the message that is decided: its own paths stand without a prefix."""
    request: dict[str, Any] = {}
    fields: list[Provenance] = []
    left_out: list[LeftOut] = []
    why: dict[str, str] = {}
    """Field to the reason why it has no value, for the holds."""
    repaired: list[tuple[str, str]] = []
    """Field, and what was repaired or assumed of its value, without patient data."""

    def source(self, path: str, message: str) -> str:
        """A path, after its control id when another message said it."""
        return path if message == self.trigger or not message else f"{message}:{path}"

    def leaves(self, where: str, fact: Fact) -> None:
        """The provenance of a fact that now stands at `where`."""
        message, rule, add = fact.message, fact.rule, self.fields.append
        own = message == self.trigger or not message  # as `source` has it, asked once for all leaves
        before = "" if own else f"{message}:"
        if fact.said:
            self.repaired += [(where, text) for text in fact.said]
        for leaf in fact.leaves:
            add(Provenance(where + leaf.path, leaf.value, before + leaf.source, leaf.rule or rule))

    def put(self, holder: dict[str, Any], key: str, where: str, fact: Fact | None) -> None:
        """Put a fact's value at `where`; note why when it has none."""
        if fact is None:
            return
        if fact.why:
            self.why[where] = fact.why
        if fact.value is not None:
            holder[key] = fact.value
            self.leaves(where, fact)

    def put_entry(self, where: str, fact: Fact, index: int) -> None:
        """The provenance of one entry of a fact that is a list; it now stands at `where`."""
        head = f"[{index}]"
        before, rule, start, add = self.source("", fact.message), fact.rule, len(head), self.fields.append
        for leaf in fact.leaves:
            if leaf.path.startswith(head):
                add(Provenance(where + leaf.path[start:], leaf.value, before + leaf.source, rule))

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
        kept: list[Provenance] = []
        said: set[str] = set()
        for entry in self.fields:
            head = _ENTRY.match(entry.field)
            if head is None:
                kept.append(entry)
                continue
            name, number = head[1], int(head[2])
            if head[0] in entries:
                if head[0] not in said:
                    called = _called(self.request[name][number]) or str(entry.value)
                    self.left_out.append(LeftOut(entry.source, called, WITHHELD))
                    said.add(head[0])
                continue
            kept.append(
                Provenance(
                    f"{name}[{number - moved.get(head[0], 0)}]{entry.field[head.end() :]}",
                    entry.value,
                    entry.source,
                    entry.rule,
                )
            )
        self.fields = kept
        for name in {entry.partition("[")[0] for entry in entries}:
            values = self.request.get(name, [])
            left = [value for place, value in enumerate(values) if f"{name}[{place}]" not in entries]
            if left:
                self.request[name] = left
            else:
                self.request.pop(name, None)


def _called(entry: Any) -> str:
    """The code of a problem or drug, else its name."""
    found = entry.get("nameCode", entry) if isinstance(entry, dict) else {}
    return str(found.get("code") or found.get("displayName") or "")
