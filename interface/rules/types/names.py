"""Names of persons, in components (XPN, XCN) or in one text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, deleted_fact, is_repaired, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Scope
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Value,
    Words,
    as_fact,
    one_by_one,
    says_something,
)

Part = tuple[str, str]
"""A part of a name as sent, and its source."""
_NOTHING: Part = ("", "")
_NAMES = (1, 2, 3)
"""Components of an XPN that name somebody: family, given, further."""


class NameParts(msgspec.Struct, frozen=True, gc=False):
    """The parts of a name as sent, each with its source."""

    family: Part
    given: Part
    further: Part = _NOTHING
    suffix: Part = _NOTHING
    prefix: Part = _NOTHING
    said: tuple[str, ...] = ()

    def value(self) -> Value | None:
        """The contract's PersonName, its parts as far as there are any; None when there are none.

        Without a first given name there is no given name: a middle name never takes its place.
        """
        said = list(self.said)
        value: dict[str, object] = {}
        leaves: list[Leaf] = []

        def take(path: str, part: Part) -> str:
            sent, source = part
            text = clean_text(sent) if sent else ""
            if text:
                leaves.append(Leaf(path, text, source))
                if text != sent and is_repaired(sent, text):
                    said.append(f"{source}: forbidden characters became blanks")
            return text

        if name := take(".family", self.family):
            value["family"] = name
        givens: list[str] = []
        if first := take(".given[0]", self.given):
            givens.append(first)
            for text in self.further[0].split():
                if kept := take(f".given[{len(givens)}]", (text, self.further[1])):
                    givens.append(kept)
            value["given"] = givens
        elif self.further[0]:
            said.append(f"{self.further[1]}: a further name without a given name is not sent")
        for path, part in (("prefix", self.prefix), ("suffix", self.suffix)):
            if kept := take(f".{path}", part):
                value[path] = kept
        return Value(value, tuple(leaves), tuple(said)) if value else None


def _part(repetition: Repetition, component: int, sub: int = 0) -> Part:
    text = repetition.sub(component, sub or 1).strip()
    return (text, repetition.at(component, sub)) if text else _NOTHING


def _family(repetition: Repetition, component: int) -> Part:
    """FN.1; FN.2 and FN.3 (prefix and own family name) only when FN.1 is empty."""
    first = _part(repetition, component)
    if first[0]:
        return first
    prefix, own = _part(repetition, component, 2), _part(repetition, component, 3)
    if prefix[0] and own[0]:
        return f"{prefix[0]} {own[0]}", own[1]
    return own if own[0] else prefix


def _name(repetition: Repetition, at: int, affixes: Words, degrees: bool) -> Value | None:
    """A name whose family name is component `at`, the other parts behind it in the order of XPN."""
    found = NameParts(
        _family(repetition, at),
        _part(repetition, at + 1),
        _part(repetition, at + 2),
        _part(repetition, at + 3),
        _part(repetition, at + 4),
    )
    return (mended(found, affixes, degrees) if "," in found.family[0] else found).value()


def name_of_xpn(repetition: Repetition, affixes: Words) -> Value | None:
    """XPN (HL7 2A.88): family 1, given 2, further 3, suffix 4, prefix 5."""
    return _name(repetition, 1, affixes, degrees=False)


def name_of_xcn(repetition: Repetition, affixes: Words) -> Value | None:
    """XCN (HL7 2A.86): the same parts, one component later."""
    return _name(repetition, 2, affixes, degrees=True)


# ---------------------------------------------------------------- names in one text


def mended(name: NameParts, affixes: Words, degrees: bool) -> NameParts:
    """`FAMILY,GIVEN` in the family name's component is split; so is a title behind a comma (`Weeder, M.D.`)."""
    text, source = name.family
    pieces, suffix, dropped = _without_affixes(text, affixes, degrees)
    given, further, more = name.given, name.further, False
    family, junior, title, degree = _family_name(pieces[0] if pieces else "", affixes, degrees)
    suffix = suffix or junior
    if not given[0]:
        words, found, more = _trimmed(" ".join(pieces[1:]).split(), affixes, degrees)
        given, suffix = (" ".join(words), source), suffix or found
    elif len(pieces) > 1:
        first, sent = " ".join(pieces[1:]), given[0].rstrip(".")
        if len(sent) == 1 and sent.isalpha():  # ANDERSON,CARL^J
            given, further = (first, source), (f"{given[0]} {further[0]}".strip(), given[1])
        elif first.casefold() != sent.casefold():
            return name  # a comma within a family name, whatever it means there
    said: tuple[str, ...] = (f"{source} is split at its comma",)
    if dropped or degree or more:
        said = (*said, f"{source}: a degree is not sent")
    kept = name.suffix if name.suffix[0] else (suffix, source)
    prefix = name.prefix if name.prefix[0] else (title, source)
    return NameParts((family, source), given, further, kept, prefix, said)


def name_in_text(text: str, source: str, affixes: Words) -> Value | None:
    """`Family, Given` or `Given Family`, with titles, suffix and degrees as people write them.

    None when it is no name of two parts. Degrees are not sent.
    """
    pieces, suffix, dropped = _without_affixes(text, affixes, degrees=True)
    if len(pieces) > 1:
        family, junior, title, degree = _family_name(pieces[0], affixes, degrees=True)
        words, prefix = _titled(" ".join(pieces[1:]).split(), affixes)
        words, found, more = _trimmed(words, affixes, degrees=True)
        found, prefix, more = found or junior, prefix or title, more or degree
    else:
        words, prefix = _titled(text.split(",")[0].split(), affixes, keep=2)
        words, found, more = _trimmed(words, affixes, degrees=True, keep=2)
        if len(words) < 2:
            return None
        at = _family_begins(words)
        family, words = " ".join(words[at:]), words[:at]
    if not words:
        return None
    said = (f"{source}: a degree is not sent",) if dropped or more else ()
    given, further = words[0], " ".join(words[1:])
    return NameParts(
        (family, source),
        (given, source),
        (further, source),
        (suffix or found, source),
        (prefix, source),
        said,
    ).value()


def _family_begins(words: Sequence[str]) -> int:
    """Where in `Given Family` the family name begins: at its last word, or the small words before it (Maria de la Cruz)."""
    at = len(words) - 1
    if not words[0].islower():
        while at > 1 and len(words[at - 1]) > 1 and words[at - 1].islower():
            at -= 1
    return at


def _without_affixes(text: str, affixes: Words, degrees: bool) -> tuple[list[str], str, list[str]]:
    """The pieces between commas, without those at the end that are only suffixes and degrees; the suffix; the degrees.

    Of a patient a degree stands behind the given name: `ALI,MD` is a name.
    """
    pieces = [piece for entry in text.split(",") if (piece := entry.strip())]
    suffix, dropped = "", []

    def is_affix(word: str) -> bool:
        kind = affixes.get(word)
        if kind != "degree" or degrees:
            return kind in ("suffix", "degree")
        return len(pieces) > 2 and word.upper() != "DO"  # a name too

    while len(pieces) > 1 and all(map(is_affix, pieces[-1].split())):
        for word in pieces.pop().split():
            if affixes.get(word) == "suffix":
                suffix = word
            else:
                dropped.append(word)
    if len(pieces) > 2 and affixes.get(pieces[1]) == "suffix":  # SMITH,JR,JOHN
        suffix = suffix or pieces[1]
        del pieces[1]
    return pieces, suffix, dropped


def _family_name(text: str, affixes: Words, degrees: bool) -> tuple[str, str, str, bool]:
    """`Quill Jr. MD` as family name and suffix; of a clinician a title in front; whether a degree went."""
    words, suffix, dropped = _trimmed(text.split(), affixes, degrees)
    words, title = _titled(words, affixes) if degrees else (words, "")
    return " ".join(words), suffix, title, dropped


def _titled(words: list[str], affixes: Words, keep: int = 1) -> tuple[list[str], str]:
    """The words without a title in front, and the title; `keep` words always stay."""
    if len(words) > keep and affixes.get(words[0]) == "prefix":
        return words[1:], words[0]
    return words, ""


def _trimmed(words: list[str], affixes: Words, degrees: bool, keep: int = 1) -> tuple[list[str], str, bool]:
    """The words without suffix and degrees at their end; the suffix; whether a degree went."""
    suffix, dropped = "", False
    while len(words) > keep:
        kind = affixes.get(words[-1])
        if kind == "suffix" and not suffix:
            suffix = words[-1]
        elif kind == "degree" and degrees and words[-1].upper() != "DO":  # a name too, where no comma tells
            dropped = True
        else:
            break
        words = words[:-1]
    return words, suffix, dropped


# ---------------------------------------------------------------- PID-5

_RANKS = {"legal": 0, "sent": 2}
_UNTYPED, _UNKNOWN = 1, 2


def person_name(spec: Spec) -> Reader:
    """PID-5: by type (XPN.7) `legal`, then none, then `sent`; of one type by representation (XPN.8), then as sent.

    The first that has a family and a given name; a name that lacks one never takes the place of a whole one.
    """
    spec.options("types", "representations", "affixes")
    types, affixes = spec.words("types"), spec.words("affixes")
    representations = spec.strings("representations")
    path, rule = spec.paths[0], spec.name
    unwritten = representations.index("") if "" in representations else len(representations)

    def rank(context: Context, entry: Repetition) -> int | None:
        """None: a name of this type is never sent."""
        kind = entry.component(7).strip()
        if not kind:
            return _UNTYPED
        meaning = types.get(kind)
        if meaning is None:
            context.leave_out(entry.at(7), kind, f"table {types.table.name} has no such code")
            return _UNKNOWN
        return _RANKS.get(meaning)

    def writing(entry: Repetition) -> int:
        sent = entry.component(8).strip().upper()
        return representations.index(sent) if sent in representations else unwritten

    def order(context: Context, named: Sequence[Repetition]) -> list[Repetition]:
        ranked = []
        for entry in named:
            place = rank(context, entry)
            if place is None:
                context.leave_out(entry.path, entry.text(), "a name of this type is not sent")
            else:
                ranked.append((place, writing(entry), entry))
        ranked.sort(key=lambda found: found[:2])
        return [entry for _, _, entry in ranked]

    def read(context: Context, scope: Scope) -> Fact | None:
        repetitions = list(path.repetitions(scope))
        named = [entry for entry in repetitions if says_something(entry, _NAMES)]
        if not named:
            deleted = any(entry.null_component(1) for entry in repetitions)
            return deleted_fact(rule, context, str(path)) if deleted else None
        candidates = order(context, named)
        if not candidates:
            return no_fact(rule, context, f"{path} has only names of types that are not sent (XPN.7)")
        partial: tuple[Repetition, Value] | None = None
        for chosen in candidates:
            found = name_of_xpn(chosen, affixes)
            if found is None:
                continue
            if "family" in found.value and "given" in found.value:
                for other in candidates:
                    if other is not chosen:
                        context.leave_out(other.path, other.text(), f"another name: {chosen.path} is sent")
                return as_fact(found, rule, context)
            partial = partial or (chosen, found)
        return _incomplete(rule, context, candidates[0], partial)

    return read


def _incomplete(
    rule: str, context: Context, first: Repetition, partial: tuple[Repetition, Value] | None
) -> Fact:
    if partial is None:
        return no_fact(rule, context, f"{first.path} holds no name")
    chosen, found = partial
    lacks, component = ("given", 2) if "family" in found.value else ("family", 1)
    why = f"{chosen.at(component)} is empty: no {lacks} name"
    deleted = chosen.null_component(component)
    return Fact(
        found.value, found.leaves, rule, context.at, context.control_id, found.said, why, weak=not deleted
    )


TYPES: dict[str, TypeMaker] = {"person_name": one_by_one(person_name)}
