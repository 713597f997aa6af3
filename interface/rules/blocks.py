"""Rules that are read together, and what decides what they read: so that lines that come again are not read again.

A rule looks in its own scope (the message, a diagnosis, an order) and some look in the whole message besides. Those lines,
with the few things of a message that change what a line means, are the key under which `Memory` keeps what was read. What
patients have in common (clinicians, drugs, codes) is kept rule by rule besides, under the fields that a rule reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, count

from interface.hl7.message import Message
from interface.rules.compiling import Rule
from interface.rules.context import Context, Group
from interface.rules.facts import Fact, Item
from interface.rules.memory import LONGEST, Memory, again, restated
from interface.rules.paths import Scope
from interface.rules.types.base import RESOURCES, Field, Reader, any_deleted

_HEADER = "MSH"
"""Of it only the fields that rules name count: its line is another one in each message."""
_MOST_BESIDE = 32
"""Segments of the whole message that may count for a part of it. Of more the key would cost more than it spares: they count
for each order of hundreds.
"""
_BETWEEN, _BEHIND = "\r", "\x0b"
"""What stands between the parts of a key, and behind those of one segment: neither can stand in a field."""
_MOST_PATTERNS = 256
"""Patterns of fields that hold something, whose rules are kept ready."""

_Step = tuple[str, Reader]
Marks = dict[tuple[str, tuple["Rule", ...]], str]
_numbers = count()


@dataclass(frozen=True)
class Block:
    """Rules that look in the same scope."""

    name: str
    rules: tuple[Rule, ...]
    part: frozenset[str] | None
    """The segments that are looked for in a part of the message; None: the scope is the whole of it."""
    own: frozenset[str]
    """The segments that the rules look for in their scope."""
    beside: frozenset[str]
    """Those that they look for in the whole message, though their scope is a part of it."""
    of_header: tuple[int, ...]
    """The fields of MSH that they read."""
    mark: str = ""
    """Another one for other rules: what the same rules read in the same lines is the same, in a message of whatever kind."""
    there: frozenset[str] | None = None
    """The segments that messages of the kind have; None: any."""

    @classmethod
    def of(cls, name: str, rules: Iterable[Rule], part: frozenset[str] | None = None) -> Block:
        """The block that these rules are."""
        rules = tuple(rules)
        reads: frozenset[str] = frozenset().union(*(rule.reads for rule in rules))
        everywhere: frozenset[str] = frozenset().union(*(rule.everywhere for rule in rules))
        if not RESOURCES.isdisjoint(reads | everywhere):
            everywhere |= RESOURCES | {"RGS"}  # what is taken out of an appointment is told by them together
        own, beside = (
            (reads | everywhere, frozenset()) if part is None else (reads & part, (reads - part) | everywhere)
        )
        fields = {path.field for rule in rules for path in rule.sources if path.segment == _HEADER}
        return cls(name, rules, part, own - {_HEADER}, beside - {_HEADER}, tuple(sorted(fields)))

    def of_kind(self, code: str, names: Collection[str], version: int, marks: Marks) -> Block:
        """The block for messages of a code, with these segments: with the rules that have something to read in them.

        `marks`: those that were given so far.
        """
        rules = _meant(self.rules, code, names, version)
        mark = marks.get((self.name, rules))
        if mark is None:
            mark = marks[self.name, rules] = str(next(_numbers))
        return replace(self, rules=rules, mark=mark, there=frozenset(names))

    def key(self, context: Context, scope: Message | Group) -> str | None:
        """All that decides what the rules read, but for settings and day; None: too much to keep."""
        message, own = context.message, self.own
        parts = [self.mark, context.frame]
        if self.part is None:
            if scope is not message:
                return None  # the first patient of several
            parts += [entry.line for entry in message.segments if entry.name in own]
        else:
            # where a line stands counts: it is in the sources
            parts += [f"{entry.ordinal}{entry.line}" for entry in scope.segments if entry.name in own]
        if (around := self._around(context)) is None:
            return None
        parts += around
        whole = _BETWEEN.join(parts)
        return whole if len(whole) <= LONGEST else None

    def _around(self, context: Context) -> list[str] | None:
        """What the rules read around their scope; None: too much. It is the same for all parts of a message."""
        known = context.around.get(self.mark)
        if known is not None:
            return known
        message, parts = context.message, []
        if self.part is not None and self.beside:
            if sum(len(message.all(name)) for name in self.beside) > _MOST_BESIDE:
                return None
            parts.append(_BEHIND)
            parts += [entry.line for entry in message.segments if entry.name in self.beside]
        if self.of_header:
            header = message.segments[0]
            parts += [header.raw(number) for number in self.of_header]
        context.around[self.mark] = parts
        return parts

    def read(self, context: Context, scope: Message | Group, memory: Memory) -> Item:
        """What the rules read, or what they read when the same lines came before; with what they leave out."""
        key = self.key(context, scope)
        if key is None:
            return self._read(context, scope)
        known = memory.get(key)
        if known is not None:
            context.left_out += known[1]
            return restated(known[0], context.at, context.control_id)
        before = len(context.left_out)
        found = self._read(context, scope)
        memory.note(key, (found, tuple(context.left_out[before:])))
        return dict(found)  # what is kept is not handed out

    def _read(self, context: Context, scope: Scope) -> Item:
        found: Item = {}
        for field, read in self._steps(scope):
            fact = read(context, scope)
            if fact is not None:
                found[field] = fact
        return found

    def _steps(self, scope: Scope) -> tuple[_Step, ...]:
        """The rules that find something here: half of them look for fields that hold nothing. Senders have few patterns."""
        fields: list[str] = []
        for name, called in self._watched:
            for segment in scope.all(name):
                fields += compress(called, segment.fields)
        valued = frozenset(fields)
        found = self._ready.get(valued)
        if found is None:
            if len(self._ready) >= _MOST_PATTERNS:
                self._ready.clear()
            found = self._ready[valued] = tuple(
                (field, read)
                for field, wanted, read in self._all_steps
                if not wanted or not wanted.isdisjoint(valued)
            )
        return found

    @cached_property
    def _ready(self) -> dict[frozenset[str], tuple[_Step, ...]]:
        """Steps by the fields that hold something."""
        return {}

    @cached_property
    def _all_steps(self) -> tuple[tuple[str, frozenset[str], Reader], ...]:
        """Of each rule: what it fills, the fields of which one must hold something (none: it is always read), its reader."""
        return tuple(
            (
                rule.field,
                frozenset(f"{name}-{number}" for name, number in rule.valued),
                _remembering(rule, self.there) if rule.recurring else rule.read,
            )
            for rule in self.rules
        )

    @cached_property
    def _watched(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Of each segment what its fields are called in steps, by number; empty: it is not wanted."""
        wanted = {field for rule in self.rules for field in rule.valued}
        return tuple(
            (name, tuple(f"{name}-{n}" if (name, n) in wanted else "" for n in range(max(numbers) + 1)))
            for name, numbers in _by_segment(sorted(wanted))
        )


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

    def of_kind(self, code: str, names: Collection[str], version: int, marks: Marks) -> Blocks:
        """The blocks for messages of a code, with these segments; see `Block.of_kind`."""

        def each(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
            return tuple(
                block.of_kind(code, names, version, marks) for block in blocks if block.name in names
            )

        visit, person, orders = [
            block.of_kind(code, names, version, marks) for block in (self.visit, self.person, self.orders)
        ]
        return Blocks(visit, person, each(self.problems), orders, each(self.lists))


def read_rules(rules: Iterable[Rule], context: Context, scope: Message | Group) -> Item:
    """What each rule reads, by field; nothing of it is remembered."""
    message = context.message
    meant = _meant(rules, message.message_code, message.names, context.policy.api_version)
    return {rule.field: fact for rule in meant if (fact := rule.read(context, scope)) is not None}


def _meant(rules: Iterable[Rule], code: str, names: Collection[str], version: int) -> tuple[Rule, ...]:
    """Those of the rules that are for such a message: of a code, with these segments, for a version of the API."""
    return tuple(
        rule
        for rule in rules
        if (not rule.only or code in rule.only)
        and not rule.segments.isdisjoint(names)
        and rule.version in (0, version)
    )


def _by_segment(fields: Iterable[Field]) -> list[tuple[str, list[int]]]:
    """The numbers of the fields of each segment, in the order in which they come."""
    found: dict[str, list[int]] = {}
    for name, number in fields:
        found.setdefault(name, []).append(number)
    return list(found.items())


def _remembering(rule: Rule, there: frozenset[str] | None) -> Reader:
    """A rule's reader that gives what it read when the same fields came before, mostly of another patient.

    `there`: the segments that the messages have; None: any. Half of those that rules look for are not.
    """
    reader, field = rule.read, rule.field
    of_resources = not rule.reads.isdisjoint(RESOURCES)
    wanted = [
        (name, numbers, name in rule.everywhere)
        for name, numbers in _by_segment(sorted(rule.recurring))
        if there is None or name in there
    ]
    start = _BETWEEN.join((rule.name, field, *(name for name, _, _ in wanted)))

    def read(context: Context, scope: Scope) -> Fact | None:
        memory = context.fields
        if memory is None or (of_resources and any_deleted(context)):
            return reader(context, scope)
        message = context.message
        parts = [start, context.frame]
        for name, numbers, everywhere in wanted:
            for segment in scope.all(name):
                fields = segment.fields
                sent = len(fields)
                parts.append(name if segment.ordinal == 1 else segment.path)
                for number in numbers:
                    if number < sent:
                        parts.append(fields[number])  # noqa: PERF401 - most rules have one or two: no further frame
                parts.append(_BEHIND)
            if everywhere and scope is not message:
                others = message.all(name)
                if len(others) > _MOST_BESIDE:
                    return reader(context, scope)
                for segment in others:
                    parts += map(segment.raw, numbers)
            parts.append(_BEHIND)
        key = _BETWEEN.join(parts)
        known = memory.get(key)
        if known is not None:
            context.left_out += known[1]
            fact = known[0].get(field)
            return None if fact is None else again(fact, context.at, context.control_id)
        before = len(context.left_out)
        fact = reader(context, scope)
        if len(key) <= LONGEST:
            memory.note(key, ({field: fact} if fact is not None else {}, tuple(context.left_out[before:])))
        return fact

    return read
