"""Rules that are read together, and what decides what they read: so that lines that come again are not read again.

A rule looks in its own scope (the message, a diagnosis, an order) and some look in the whole message besides. Those lines,
with the few things of a message that change what a line means, are the key under which `Memory` keeps what was read.
Making the key costs about a tenth of reading the lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from interface.hl7.message import Message
from interface.rules.compiling import Rule
from interface.rules.context import Context, Group
from interface.rules.facts import Fact, Item
from interface.rules.memory import LONGEST, Memory, restated
from interface.rules.types.base import RESOURCES, any_deleted

_HEADER = "MSH"
"""Of it only the fields that rules name count: its line is another one in each message."""
_MOST_BESIDE = 32
"""Segments of the whole message that may count for a part of it. Of more the key would cost more than it spares: they count
for each order of hundreds.
"""
_MOST_KINDS = 256
"""Kinds of messages, by the segments they have, whose rules are kept ready."""


@dataclass(frozen=True)
class Block:
    """Rules that look in the same scope."""

    name: str
    rules: tuple[Rule, ...]
    own: frozenset[str]
    """The segments that they look for in their scope."""
    everywhere: frozenset[str]
    """Those that they look for in the whole message, whatever their scope is."""
    of_header: tuple[int, ...]
    """The fields of MSH that they read."""
    _by_kind: dict[tuple[str, frozenset[str], int], tuple[Rule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def of(cls, name: str, rules: Iterable[Rule]) -> Block:
        """The block that these rules are."""
        rules = tuple(rules)
        own: frozenset[str] = frozenset().union(*(rule.reads for rule in rules))
        everywhere: frozenset[str] = frozenset().union(*(rule.everywhere for rule in rules))
        if not RESOURCES.isdisjoint(own | everywhere):
            everywhere |= RESOURCES | {"RGS"}  # what is taken out of an appointment is told by them together
        fields = {path.field for rule in rules for path in rule.sources if path.segment == _HEADER}
        return cls(name, rules, own - {_HEADER}, everywhere - {_HEADER}, tuple(sorted(fields)))

    def meant(self, context: Context) -> tuple[Rule, ...]:
        """The rules that have something to read in such a message: half of them have not. Found once for each kind."""
        kind = (context.message.message_code, frozenset(context.message.names), context.policy.api_version)
        found = self._by_kind.get(kind)
        if found is None:
            if len(self._by_kind) >= _MOST_KINDS:
                self._by_kind.clear()
            found = self._by_kind[kind] = _meant(self.rules, *kind)
        return found

    def key(self, context: Context, scope: Message | Group) -> tuple[object, ...] | None:
        """All that decides what the rules read, but for settings and day; None: too much to keep."""
        message = context.message
        if isinstance(scope, Message):
            names = self.own | self.everywhere
            lines = [entry.line for entry in message.segments if entry.name in names]
        else:
            # where a line stands counts: it is in the sources
            lines = [f"{entry.ordinal}{entry.line}" for entry in scope.segments if entry.name in self.own]
            names = self.own - scope.own | self.everywhere
            if names:
                if sum(len(message.all(name)) for name in names) > _MOST_BESIDE:
                    return None
                lines.append("")
                lines += [entry.line for entry in message.segments if entry.name in names]
        if sum(map(len, lines)) > LONGEST:
            return None
        header = message.segments[0]
        lines += [header.raw(number) for number in self.of_header]
        return self.name, context.frame, *lines

    def read(self, context: Context, scope: Message | Group, memory: Memory) -> Item:
        """What the rules read, or what they read when the same lines came before; with what they leave out."""
        key = self.key(context, scope)
        if key is None:
            return _read(self.meant(context), context, scope)
        known = memory.get(key)
        if known is not None:
            context.left_out += known[1]
            return restated(known[0], context.at, context.control_id)
        before = len(context.left_out)
        found = _read(self.meant(context), context, scope)
        memory.put(key, (found, tuple(context.left_out[before:])))
        return dict(found)  # what is kept is not handed out


@dataclass(frozen=True)
class Blocks:
    """All rules for one kind of message, by what they look in."""

    visit: Block
    """Of the whole message, but for what is read from PID alone: appointment, visit, what protects the person."""
    person: Block
    """Of PID alone."""
    problems: tuple[Block, ...]
    """By the standard's segments that list them: DG1, PRB."""
    orders: Block
    lists: tuple[Block, ...]
    """Of a site's own lists, by Z-segment."""


def read_rules(rules: Iterable[Rule], context: Context, scope: Message | Group) -> Item:
    """What each rule reads, by field."""
    message = context.message
    return _read(
        _meant(rules, message.message_code, message.names, context.policy.api_version), context, scope
    )


def _meant(rules: Iterable[Rule], code: str, names: Collection[str], version: int) -> tuple[Rule, ...]:
    """Those of the rules that are for such a message: of a code, with these segments, for a version of the API."""
    return tuple(
        rule
        for rule in rules
        if (not rule.only or code in rule.only)
        and not rule.segments.isdisjoint(names)
        and rule.version in (0, version)
    )


def _read(rules: Iterable[Rule], context: Context, scope: Message | Group) -> Item:
    found: Item = {}
    for rule in rules:
        if rule.valued and not _is_valued(rule.valued, scope):
            continue  # most of the rules end here: it costs a tenth of reading nothing by the rule itself
        fact = _recalled(rule, context, scope) if rule.recurring else rule.read(context, scope)
        if fact is not None:
            found[rule.field] = fact
    return found


def _recalled(rule: Rule, context: Context, scope: Message | Group) -> Fact | None:
    """What a rule reads, or what it read when the same fields came before, mostly of another patient."""
    memory = context.fields
    if memory is None or (not rule.reads.isdisjoint(RESOURCES) and any_deleted(context)):
        return rule.read(context, scope)
    key: list[object] = [rule.name, rule.field, context.frame]
    size = 0
    for name, number in rule.recurring:
        for segment in scope.all(name):
            sent = segment.raw(number)
            size += len(sent)
            key += (segment.ordinal, sent)
        if name in rule.everywhere and scope is not context.message:
            others = context.message.all(name)
            if len(others) > _MOST_BESIDE:
                return rule.read(context, scope)
            beside = [entry.raw(number) for entry in others]
            size += sum(map(len, beside))
            key += beside
        key.append(None)
    whole = tuple(key)
    known = memory.get(whole)
    if known is not None:
        context.left_out += known[1]
        return restated(known[0], context.at, context.control_id).get(rule.field)
    before = len(context.left_out)
    fact = rule.read(context, scope)
    if size <= LONGEST:
        memory.put(whole, ({rule.field: fact} if fact is not None else {}, tuple(context.left_out[before:])))
    return fact


def _is_valued(fields: tuple[tuple[str, int], ...], scope: Message | Group) -> bool:
    for name, number in fields:
        for segment in scope.all(name):
            if segment.raw(number):
                return True
    return False
