"""What a rule has at hand while it reads one message, and what it notes on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo

import msgspec

from interface.contract.texts import CLEAN_TEXT_FORBIDDEN
from interface.hl7.message import Message, Segment
from interface.rules.facts import Fact, LeftOut
from interface.rules.memory import Memory
from interface.rules.mrn_form import AS_SENT, MrnForm
from interface.rules.policy import Policy
from interface.rules.site import NOTHING, Site


class Context(msgspec.Struct, eq=False, gc=False):
    """One message being read. Rules add to `left_out`; all else they only look at."""

    message: Message
    policy: Policy
    zone: ZoneInfo | None
    """Zone of times that carry no offset: the listener's, else the site's; None: dates as written."""
    control_id: str
    """MSH-10."""
    at: str
    today: date
    frame: str
    """What changes the meaning of all lines (`frame_of`)."""
    left_out: list[LeftOut] = []
    site: Site = NOTHING
    """The lists of the site's overlay."""
    mrn_form: MrnForm = AS_SENT
    """How this sender's numbers become the site's."""
    fields: Memory | None = None
    """What was read of fields that patients have in common; None: nothing is remembered of this message."""
    around: dict[str, list[str]] = {}
    """What decides beside its own lines what a block reads (`Block.key`), by the block's mark."""
    shared: dict[str, Any] = {}
    """What a rule made of the whole message for the first of its parts, by the rule's name: for all others."""
    gone: frozenset[Segment] | None = None
    """Resources that were taken out of the appointment; None: nobody has asked yet."""
    retired: frozenset[str] = frozenset()
    """Keys (`AUTHORITY|NUMBER`) of what the MRG in question retires: PID-3 may list it beside the number that stays."""

    def leave_out(self, source: str, value: str, why: str) -> None:
        """Note a value that does not reach the request."""
        self.left_out.append(LeftOut(source, value, why))


def frame_of(message: Message, zone: ZoneInfo | None) -> str:
    """What changes the meaning of all lines of a message: delimiters, character set, zone. (Its kind chooses the rules.)"""
    key = zone.key if zone is not None else ""
    return f"{message.segments[0].line[:9]}\r{message.charset}\r{key}"


class Group(msgspec.Struct, eq=False, gc=False):
    """A run of segments that a rule looks in instead of the whole message: one diagnosis, one order."""

    segments: Sequence[Segment]
    _message: Message
    own: frozenset[str]
    """Names of segments that are looked for in the group; all others in the whole message (PV1 …)."""
    _by_name: dict[str, list[Segment]] | None = None

    def all(self, name: str) -> Sequence[Segment]:
        """The group's segments of that name; those of the message for names that are not the group's own."""
        if name not in self.own:
            return self._message.all(name)
        found = self._by_name
        if found is None:
            found = self._by_name = {}
            for segment in self.segments:
                found.setdefault(segment.name, []).append(segment)
        return found.get(name, ())


def no_fact(
    rule: str, context: Context, why: str, said: tuple[str, ...] = (), *, deleted: bool = False
) -> Fact:
    """A fact that says there is no value, and why."""
    return Fact(None, (), rule, context.at, context.control_id, said, why, deleted)


def deleted_fact(rule: str, context: Context, source: str) -> Fact:
    """The fact that HL7 null makes."""
    return no_fact(rule, context, f"{source} says the value is deleted", deleted=True)


_UNSEEN = "\u200b\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
"""Blanks of no width and marks of direction: nobody sees them, and a name of them alone is none."""
_TO_BLANK = re.compile(rf"[\x00-\x1f\x7f{re.escape(CLEAN_TEXT_FORBIDDEN)}{_UNSEEN}]")
_BLANKED = dict.fromkeys((*range(32), 127, *map(ord, CLEAN_TEXT_FORBIDDEN)), " ") | dict.fromkeys(
    map(ord, _UNSEEN), ""
)


def clean_text(text: str) -> str:
    """Text for a field of the contract's clean-text kind: forbidden characters become a blank, runs of blanks one.

    What has no width goes without a trace.
    """
    if text.isalnum():
        return visible(text)
    # `translate` asks its table for each letter that is not in it, and is told so by an exception: 2.5 us of 3
    if _TO_BLANK.search(text):
        text = text.translate(_BLANKED)
    return visible(" ".join(text.split()))


_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol that show nothing."""


def visible(text: str) -> str:
    """The text as it is; nothing, where it has only blanks, control characters and others that nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    seen = (letter for letter in text if category(letter)[0] not in "CMZ" and letter not in _BLANK)
    return text if any(seen) else ""


def is_repaired(sent: str, cleaned: str) -> bool:
    """Whether more than runs of blanks was mended."""
    return cleaned != sent and cleaned != " ".join(sent.split())
