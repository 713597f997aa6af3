"""How to reach the patient: telephone numbers and e-mail addresses."""

from __future__ import annotations

import re

import msgspec

from interface.hl7.message import Repetition
from interface.rules.context import Context, deleted_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Scope
from interface.rules.types.base import Reader, Spec, TypeMaker, Words, where_valued
from interface.rules.types.base import Unfit as NoNumber

_EMAIL = re.compile(r"^[^@\s<>(),;:\"]+@[^@\s<>(),;:\"]+\.[^@\s<>(),;:\"]+$")
_AROUND = "<>,; "
"""What senders put around an address and is no part of one."""
_PLAINLY = re.compile(r"[0-9 ().\-/]*")
"""A number with nothing but what divides its digits."""
_NO_DIGITS = dict.fromkeys(map(ord, " ().-/"))


class _Point(msgspec.Struct, frozen=True, gc=False):
    value: str
    system: str
    use: str
    sources: tuple[str, str, str]
    """Of value, system and use."""

    def value_json(self) -> dict[str, str]:
        return {"value": self.value, "contactPointSystem": self.system, "contactPointUse": self.use}

    def leaves(self, where: str) -> tuple[Leaf, Leaf, Leaf]:
        """Its scalars, of a value that stands there in a list."""
        value, system, use = self.sources
        return (
            Leaf(f"{where}.value", self.value, value),
            Leaf(f"{where}.contactPointSystem", self.system, system),
            Leaf(f"{where}.contactPointUse", self.use, use),
        )

    @property
    def same(self) -> tuple[str, str, str]:
        """What makes two of them one: an e-mail address in other letters is the same."""
        return self.value.casefold(), self.system, self.use


class _Reading(msgspec.Struct, frozen=True, gc=False):
    """How one XTN is read (HL7 2A.89)."""

    use: str
    """HOME or WORK where XTN.2 is silent."""
    uses: Words
    equipment: Words

    def points(self, context: Context, entry: Repetition) -> list[_Point]:
        """The number and the e-mail address of one XTN; most hold one of them."""
        texts = entry.texts(12)
        use = _looked_up(context, entry, 2, texts[1], self.uses)
        equipment = _looked_up(context, entry, 3, texts[2], self.equipment)
        misplaced = equipment != "EMAIL" and _number_for_mail(texts)
        mails = _mails(entry, texts, misplaced)
        numbers = _numbers(entry, texts, misplaced)
        points: list[_Point] = []
        for found in (use, equipment):
            if found.startswith("no "):
                for value, source in (*numbers[:1], *mails[:1]):
                    context.leave_out(source, value, f"{_an(found[3:])} is not sent")
                return points
        use_source = entry.at(2) if use and use != "default" else entry.path
        if numbers:
            number, source = _first_number(context, numbers)
            kind = "MOBILE" if equipment == "CELL" else use if use in ("HOME", "WORK", "MOBILE") else self.use
            system_source = entry.at(3) if equipment in ("PHONE", "CELL") else entry.path
            if number:
                where = entry.at(3) if equipment == "CELL" else use_source
                points.append(_Point(number, "PHONE", kind, (source, system_source, where)))
        if mails:
            mail, source = _first_mail(context, mails)
            kind = use if use in ("HOME", "WORK") else self.use
            system_source = entry.at(3) if equipment == "EMAIL" else source
            if mail:
                where = use_source if use in ("HOME", "WORK") else entry.path
                points.append(_Point(mail, "EMAIL", kind, (source, system_source, where)))
        return points


def contact_points(spec: Spec) -> Reader:
    """PID-13, PID-14, PID-40: phones and e-mail addresses in the contract's words, each once."""
    spec.options("use", "use_table", "equipment_table")
    default = str(spec.body.get("use", "HOME"))
    reading = _Reading(default, spec.words("use_table"), spec.words("equipment_table"))
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        found: dict[tuple[str, str, str], _Point] = {}
        deleted = False
        for path in paths:
            for entry in path.repetitions(scope):
                points = reading.points(context, entry)
                for point in points:
                    found.setdefault(point.same, point)
                deleted = deleted or (not points and entry.null_component(1))  # codes may stand beside it
        if not found:
            return deleted_fact(rule, context, str(paths[0])) if deleted else None
        leaves: list[Leaf] = []
        for index, point in enumerate(found.values()):
            leaves += point.leaves(f"[{index}]")
        values = [point.value_json() for point in found.values()]
        return Fact(values, tuple(leaves), rule, context.at, context.control_id)

    return where_valued(read)


def _looked_up(context: Context, entry: Repetition, component: int, sent: str, table: Words) -> str:
    if not sent:
        return ""
    found = table.get(sent)
    if found is None:
        context.leave_out(entry.at(component), sent, f"table {table.table.name} has no such code")
    return str(found or "")


def _an(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeioX' else 'a'} {thing}"


# ---------------------------------------------------------------- what stands where

_Held = list[tuple[str, str]]


def _mails(entry: Repetition, texts: list[str], misplaced: bool) -> _Held:
    """The e-mail address of an XTN with its source: XTN.4, else XTN.1 where it is one."""
    found = []
    if texts[3] and not misplaced:
        found.append((texts[3], entry.at(4)))
    if "@" in texts[0]:
        found.append((texts[0], entry.at(1)))
    return found


def _numbers(entry: Repetition, texts: list[str], misplaced: bool) -> _Held:
    """The number of an XTN: XTN.12, else XTN.6 and 7, else XTN.1, else XTN.4 where nothing else is said."""
    found = []
    if whole := texts[11]:
        found.append((whole, entry.at(12)))
    if local := texts[6]:
        country = texts[4].lstrip("+0")  # no country's code begins with a zero
        foreign = f"+{country} " if country.isdigit() and country != "1" else ""
        found.append((f"{foreign}{texts[5]}{local}", entry.at(7)))
    if (first := texts[0]) and "@" not in first:
        found.append((first, entry.at(1)))
    if misplaced:
        found.append((texts[3], entry.at(4)))
    return found


def _number_for_mail(texts: list[str]) -> bool:
    """Whether a telephone number, the only one, stands in XTN.4 instead of an e-mail address."""
    return bool(texts[3]) and not (texts[0] or texts[6] or texts[11]) and isinstance(dialled(texts[3]), str)


def _first_number(context: Context, numbers: _Held) -> tuple[str, str]:
    """The first that is one; where none is, each is noted."""
    unfit = []
    for sent, source in numbers:
        found = dialled(sent)
        if isinstance(found, str):
            return found, source
        unfit.append((source, sent, found.why))
    for source, sent, why in unfit:
        context.leave_out(source, sent, why)
    return "", ""


def _first_mail(context: Context, mails: _Held) -> tuple[str, str]:
    for sent, source in mails:
        mail = sent[7:] if sent.lower().startswith("mailto:") else sent.strip(_AROUND)
        if _EMAIL.match(mail):
            return mail, source
    for sent, source in mails:
        context.leave_out(source, sent, "not an e-mail address")
    return "", ""


# ---------------------------------------------------------------- telephone numbers


def dialled(sent: str) -> str | NoNumber:
    """A US number as its ten digits, without extension; another country's with its +; else why it is none.

    TN (HL7 2A.77): 999-999-9999, then X and an extension, B and a beeper code, C and any text.
    """
    digits, abroad = _trunk(sent)
    if not digits:
        return NoNumber("not a telephone number")
    if not abroad and digits.startswith("011") and len(digits) > 11:
        digits, abroad = digits[3:], True  # as it is dialled from the United States
    if abroad and not digits.startswith("1"):
        return f"+{digits}" if 7 <= len(digits) <= 15 else NoNumber("not a telephone number")
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    if len(set(digits)) == 1:
        return NoNumber("one digit throughout: no telephone number")
    if len(digits) == 7:
        return NoNumber("seven digits: the area code is missing")
    return digits if len(digits) == 10 else NoNumber("not ten digits: no US telephone number")


def _trunk(sent: str) -> tuple[str, bool]:
    """The digits before any extension or remark, and whether a + stands before them.

    Letters before the number are a label (`Cell: 608…`), those within it make it none (1-800-FLOWERS).
    """
    if sent.isascii() and sent.isdigit():
        return sent, False
    if _PLAINLY.fullmatch(sent):
        return sent.translate(_NO_DIGITS), False
    digits: list[str] = []
    abroad = False
    for character in sent:
        if character.isascii() and character.isdigit():
            digits.append(character)
        elif character == "+" and not digits:
            abroad = True
        elif character.isalpha() or character in ",;#":
            if len(digits) >= 7:
                break
            if digits:
                return "", False
    return "".join(digits), abroad


TYPES: dict[str, TypeMaker] = {"contact_points": contact_points}
