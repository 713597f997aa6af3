"""A request while it is composed: its values, where each came from, and why parts of it are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from interface.rules.facts import Fact, LeftOut, Scalar


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """One scalar of the request and where it came from."""

    field: str
    value: Scalar
    source: str
    rule: str


@dataclass
class Draft:
    """A request while it is composed, and why parts of it are missing."""

    trigger: str
    """Control id of the message that is decided: its own paths stand without a prefix."""
    request: dict[str, Any] = field(default_factory=dict)
    fields: list[Provenance] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    """Field to the reason why it has no value, for the holds."""

    def source(self, path: str, message: str) -> str:
        """A path, after its control id when another message said it."""
        return path if message == self.trigger or not message else f"{message}:{path}"

    def leaves(self, where: str, fact: Fact) -> None:
        """The provenance of a fact that now stands at `where`."""
        before, rule, add = self.source("", fact.message), fact.rule, self.fields.append
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
