"""What was asked for (RXO) beside what the pharmacy encoded (RXE): of another drug, its dose is not the encoded one's."""

from __future__ import annotations

import re

from interface.hl7.message import Repetition, Segment
from interface.rules.context import Context, Group

ANOTHER_DRUG = (
    "asked for another drug than RXE-2 names: its dose, form, directions and quantity are not that drug's"
)
_KEPT = frozenset((0, 1, 14, 24))
"""Fields of RXO that say what was asked for and by whom: its codes may have to be withheld."""
_NAMES = (1, 2, 4, 5, 9)
"""Components of a CWE with codes and texts."""
_WORD = re.compile(r"[^\W\d_]{4,}")
_FORMS = "tablet tablets capsule capsules solution injection suspension cream ointment syrup powder patch drops spray"
_COMMON = frozenset(f"oral extended delayed release chewable {_FORMS}".split())
"""Words that drugs have in common."""


def of_the_encoded_drug(group: Group, context: Context) -> Group:
    """The order; without what RXO says of another drug, which is noted.

    A pharmacy may give out another drug than was asked for (HL7 v2, chapter 4A, RXE-2). It is another where neither a code
    nor a word of the names is alike.
    """
    asked, encoded = group.all("RXO"), group.all("RXE")
    if not asked or not encoded or not _differ(encoded[0].reps(2), asked[0].reps(1)):
        return group
    wanted = asked[0].reps(1)[0]
    context.leave_out(wanted.at(1), wanted.component(2).strip() or wanted.component(1).strip(), ANOTHER_DRUG)
    return Group([_bare(entry) for entry in group.segments], context.message, group.own)


def _bare(segment: Segment) -> Segment:
    if segment.name != "RXO":
        return segment
    fields = [field if number in _KEPT else "" for number, field in enumerate(segment.fields)]
    line = segment.delimiters.field.join(fields)
    return Segment(segment.name, segment.ordinal, line, segment.delimiters, segment.charset)


def _differ(encoded: tuple[Repetition, ...], asked: tuple[Repetition, ...]) -> bool:
    ours, theirs = _texts(encoded), _texts(asked)
    if not ours.isdisjoint(theirs):
        return False
    our_words, their_words = _words(ours), _words(theirs)
    if not our_words or not their_words:
        return False  # nobody can tell
    return not any(a.startswith(b) or b.startswith(a) for a in our_words for b in their_words)


def _texts(entries: tuple[Repetition, ...]) -> set[str]:
    texts = (entry.component(number).strip().casefold() for entry in entries for number in _NAMES)
    return {text for text in texts if text}


def _words(texts: set[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text)} - _COMMON
