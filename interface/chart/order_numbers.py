"""Which of a patient's orders a message is about: by placer, filler and prescription number, else by drug."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from interface.chart.model import Order
from interface.rules.facts import Fact, Item, text_of


def text_label(name: Fact | None) -> str:
    """The label of a coded fact; empty when there is none."""
    return str(name.value["displayName"]) if name is not None and name.value is not None else ""


class _Number(msgspec.Struct, frozen=True, gc=False):
    """One of an order's numbers: `P:123^EPIC^1.2.3^ISO`."""

    kind: str
    number: str
    namespace: str
    oid: str

    @classmethod
    def of(cls, text: str) -> _Number:
        kind, _, rest = text.partition(":")
        parts = [*rest.split("^"), "", "", ""] if kind in "PF" else [rest, "", ""]
        return cls(kind, parts[0], parts[1], parts[2])

    def may_be(self, other: _Number) -> bool:
        """The same number, by whoever gave it; where one does not say who, it may be the other's."""
        if (self.kind, self.number) != (other.kind, other.number):
            return False
        mine, theirs = (self.namespace, self.oid), (other.namespace, other.oid)
        if not any(mine) or not any(theirs):
            return True
        return any(one and one == two for one, two in zip(mine, theirs, strict=True))


def ids_of(item: Item) -> tuple[str, ...]:
    """What an order is known by: its numbers, else its drug."""
    named = (("P", "order.placer"), ("F", "order.filler"), ("R", "order.prescription"))
    ids = tuple(f"{letter}:{text}" for letter, field in named if (text := text_of(item, field)))
    drug = item.get("medication.nameCode")
    if ids or drug is None or drug.value is None:
        return ids
    return (f"D:{drug.value.get('code') or drug.value['displayName'].casefold()}",)


def same_drug(one: Fact | None, other: Fact | None) -> bool | None:
    """Whether two names mean the same drug; None when that can't be told."""
    if one is None or other is None or one.value is None or other.value is None:
        return None
    mine, theirs = one.value, other.value
    if mine["displayName"].casefold() == theirs["displayName"].casefold():
        return True
    if "code" not in mine or "code" not in theirs:
        return None
    system = (mine.get("codeSystem"), mine.get("codeSystemName"))
    if system != (theirs.get("codeSystem"), theirs.get("codeSystemName")):
        return None
    return bool(mine["code"] == theirs["code"])


_FEW = 8
"""Orders that bear one number, of which each is looked at; of more only those of the same drug."""
_Match = tuple[int, bool | None]
"""The place of an order, and whether its drug is the same; None: it can't be told."""


class KnownOrders:
    """The orders of one chart, by their numbers, while a message is taken in: each item is compared with its like alone.

    Goal: 300 orders in one message cost 300 times what one does, also where all of them bear one number. Cost: making it
    takes one pass over the chart's orders; of drugs nothing is noted until a number has many orders.
    """

    __slots__ = ("_by_drug", "_by_number", "_dropped", "_named", "_orders", "_replacing")

    def __init__(self, orders: list[Order]) -> None:
        """`orders`: the chart's own list, which `add` and `put` change."""
        self._orders = orders
        self._by_number: dict[str, list[int]] = {}
        self._by_drug: dict[object, set[int]] | None = None
        self._named: set[int] = set()
        """The places of orders that name a drug; kept with `_by_drug`."""
        self._replacing: list[Fact] | None = None
        self._dropped: set[int] = set()
        for place, order in enumerate(orders):
            self._note(place, order.ids)

    def __getitem__(self, place: int) -> Order:
        return self._orders[place]

    def add(self, order: Order) -> int:
        """A further order; its place."""
        self._orders.append(order)
        place = len(self._orders) - 1
        self._note(place, order.ids)
        self._note_drug(place, order)
        return place

    def put(self, place: int, order: Order) -> None:
        """In the place of what it was; a number that it had once goes on leading to it."""
        if order.ids != self._orders[place].ids:
            self._note(place, order.ids)
        self._orders[place] = order
        self._note_drug(place, order)

    def of_numbers(self, ids: tuple[str, ...]) -> list[int]:
        """The places of those that have or had one of these numbers, whoever gave it."""
        found: set[int] = set()
        for text in ids:
            found.update(self._by_number.get(_bare(text), ()))
        return sorted(found - self._dropped if self._dropped else found)

    def drop(self, place: int) -> None:
        """The order in that place is part of another by now. The places of the others stay until `leave_dropped`."""
        self._dropped.add(place)

    def leave_dropped(self) -> None:
        """Take out of the chart what was dropped; nothing is asked or told here after that."""
        for place in sorted(self._dropped, reverse=True):
            del self._orders[place]

    def replaced(self, ids: tuple[str, ...], at: str) -> Fact | None:
        """What a replacement order (RO) that is newer than `at` and came before says of the order it names (ORC-8)."""
        if self._replacing is None:
            self._replacing = [parent for order in self._orders if (parent := parent_of(order)) is not None]
        mine = [_Number.of(text) for text in ids] if self._replacing else []
        for parent in self._replacing:
            theirs = [_Number.of(text) for text in parent.value or ()]
            if (
                parent.at > at
                and any(one.may_be(other) for one in mine for other in theirs)
                and not _disagree(mine, theirs)
            ):
                return parent
        return None

    def find(self, item: Item, ids: tuple[str, ...], touched: Set[int]) -> list[int]:
        """The known orders an item may be about: none, one, or several in question (by place).

        A number without its namespace finds the one order it can be. Where one number agrees and another does not, or
        the message has named that order before, it is another order if the drug is another; where both, in any case.
        `touched`: the places that the message has named before.
        """
        places = self.of_numbers(ids)
        if len(places) > _FEW:
            near = self._of_drug(item, places)
            alike = [place for place, same in self._matching(item, ids, near, touched)[0] if same]
            if alike:
                return alike  # what goes before all else
            if text_label(item.get("medication.nameCode")):
                places = sorted(set(places) - (touched & self._named) | set(near))
        exact, maybe = self._matching(item, ids, places, touched)
        found = exact or maybe
        if len(found) > 1 and any(same for _, same in found):
            found = [entry for entry in found if entry[1]]
        return [place for place, _ in found]

    def _matching(
        self, item: Item, ids: tuple[str, ...], places: Iterable[int], touched: Set[int]
    ) -> tuple[list[_Match], list[_Match]]:
        """Those of these places that an item is about by its numbers, and those that it may be about; with whether the drug
        is the same.
        """
        drug = item.get("medication.nameCode")
        label = text_label(drug)
        numbers = [_Number.of(text) for text in ids]
        exact: list[_Match] = []
        maybe: list[_Match] = []
        for place in places:
            order = self._orders[place]
            known = order.facts.get("medication.nameCode")
            same = same_drug(drug, known)
            before = place in touched
            if before and not same and label and text_label(known):
                continue
            theirs = [_Number.of(text) for text in order.ids]
            if not any(mine.may_be(other) for mine in numbers for other in theirs):
                continue
            disagree = _disagree(numbers, theirs)
            if disagree and (before or same is False):
                continue
            (exact if not disagree and not set(ids).isdisjoint(order.ids) else maybe).append((place, same))
        return exact, maybe

    def _of_drug(self, item: Item, places: list[int]) -> list[int]:
        """Those of these places whose drug may be the same as the item's, or was once."""
        if self._by_drug is None:
            self._by_drug = {}
            for place, order in enumerate(self._orders):
                self._note_drug(place, order)
        found: set[int] = set()
        for key in _drug_keys(item):
            found |= self._by_drug.get(key, set())
        return sorted(found.intersection(places))

    def _note_drug(self, place: int, order: Order) -> None:
        if self._by_drug is None:
            return
        for key in _drug_keys(order.facts):
            self._by_drug.setdefault(key, set()).add(place)
        if text_label(order.facts.get("medication.nameCode")):
            self._named.add(place)
        else:
            self._named.discard(place)

    def _note(self, place: int, ids: tuple[str, ...]) -> None:
        for text in ids:
            self._by_number.setdefault(_bare(text), []).append(place)


def parent_of(order: Order) -> Fact | None:
    """What a replacement order names. A chart of before has it beside the order's last action alone."""
    if order.replaces is None and text_of(order.facts, "order.control") == "replaces":
        return order.facts.get("order.parent")
    return order.replaces


def _drug_keys(facts: Item) -> list[object]:
    """Two names mean the same drug (`same_drug`) only if they have one of these in common."""
    name = facts.get("medication.nameCode")
    if name is None or name.value is None:
        return []
    value = name.value
    keys: list[object] = [value["displayName"].casefold()]
    if "code" in value:
        keys.append((value.get("codeSystem"), value.get("codeSystemName"), value["code"]))
    return keys


def _bare(text: str) -> str:
    """A number and its kind, without who gave it: `P:123` of `P:123^EPIC^1.2.3^ISO`."""
    return text.partition("^")[0] if text[:1] in "PF" else text


def may_be_one(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two orders have no different numbers of the same kind."""
    return not _disagree([_Number.of(text) for text in one], [_Number.of(text) for text in other])


def _disagree(mine: list[_Number], theirs: list[_Number]) -> bool:
    """Whether the two have different numbers of the same kind."""
    for kind in "PF":
        one, two = [n for n in mine if n.kind == kind], [n for n in theirs if n.kind == kind]
        if one and two and not any(a.may_be(b) for a in one for b in two):
            return True
    return False
