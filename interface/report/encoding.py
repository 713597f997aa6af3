"""How the messages are written: character set, separators, segment ends, and what the reader had to mend."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from interface.hl7 import charsets
from interface.hl7.delimiters import STANDARD
from interface.hl7.message import Message
from interface.report.model import MEND, Finding
from interface.report.privacy import general, version_label
from interface.report.seen import Row, Seen, Tally

_NUMBER = re.compile(r"\b\d+ lines\b")
_BEHIND = re.compile(r"behind segment \d+")
_END_OF = re.compile(r"the end of .*")
_NAME = re.compile(r"[A-Za-z0-9 ./_-]{1,24}", re.ASCII)
_ASK_CHARSET = "Send UTF-8 and say UNICODE UTF-8 in MSH-18 (or 8859/1 and send that)."


class Encoding:
    """Counts departures from `MSH|^~\\&|`, CR and a character set that is true."""

    def __init__(self) -> None:
        self._messages = 0
        self._in_files = False
        self._charset: Tally[str] = Tally()
        self._separators: Tally[str] = Tally()
        self._ends: Tally[str] = Tally()
        self._notes: Tally[str] = Tally()
        self.versions: Counter[str] = Counter()
        self.z_segments: Counter[str] = Counter()

    def take(self, seen: Seen) -> None:
        """Look at one message."""
        message = seen.message
        if message is None:
            return
        self._messages += 1
        self._in_files |= seen.entry.received_at is None
        self.versions[version_label(message.version)] += 1
        self.z_segments.update(name for name in message.names if name.startswith("Z"))
        if charset := _charset(message):
            self._charset.add(charset, seen)
        if separators := _separators(message):
            self._separators.add(separators, seen)
        if end := _segment_ends(message.raw):
            self._ends.add(end, seen)
        for note in message.notes:
            if not note.startswith("MSH-2"):
                self._notes.add(_general_note(note), seen)

    def findings(self) -> Iterator[Finding]:
        """What is not as the standard has it."""
        for row in self._charset:
            yield self._finding("charset", "MSH-18", row.key, _ASK_CHARSET, row)
        for row in self._separators:
            yield self._finding(
                "separators", "MSH-1, MSH-2", row.key, "Send MSH|^~\\&|, or check that it is meant.", row
            )
        for row in self._ends:
            unsure = " (unless the file was written by another program)" if self._in_files else ""
            ask = f"End each segment with CR alone (0D){unsure}."
            yield self._finding("segment-ends", "", row.key, ask, row)
        for row in self._notes:
            ask = "Escape line ends within text as \\.br\\." if "without a segment name" in row.key else ""
            yield self._finding("reading", "", row.key, ask or "Send one whole message at a time.", row)

    def _finding(self, kind: str, where: str, what: str, ask: str, row: Row[str]) -> Finding:
        return row.finding(MEND, kind, what, where, what, ask, of=self._messages)


def _general_note(note: str) -> str:
    """A note of the reader without numbers and names: what it takes for a segment's name may be text."""
    note = _NUMBER.sub("several lines", _BEHIND.sub("behind a segment", note))
    return general(_END_OF.sub("the end of the segment before", note))


def _charset(message: Message) -> str:
    declared = message.segments[0].raw(18).strip()
    plain = message.raw.isascii()
    if not declared:
        return "" if plain else "MSH-18 is empty, and there are bytes beyond ASCII"
    known = charsets.codecs_of(declared, message.delimiters.repetition)
    # a name is told only where it is one: when fields have slipped, anything may stand in MSH-18
    named = declared if known and _NAME.fullmatch(declared) else "something"
    if not known:
        return "MSH-18 names a character set that is not known"
    if known == (charsets.ASCII,) and not plain:
        return f"MSH-18 says {named}, and there are bytes beyond ASCII"
    return f"MSH-18 says {named}, and the bytes do not fit" if message.charset_notes else ""


def _separators(message: Message) -> str:
    found = message.delimiters
    mended = [note for note in message.notes if note.startswith("MSH-2")]
    if mended:
        return mended[0]
    if (found.field, found.encoding_characters[:4]) == (STANDARD.field, STANDARD.encoding_characters):
        return ""
    return f"separators are {found.field}{found.encoding_characters} and not |^~\\&"


def _segment_ends(raw: bytes) -> str:
    if b"\n" not in raw:
        return ""
    pairs, feeds, returns = raw.count(b"\r\n"), raw.count(b"\n"), raw.count(b"\r")
    if pairs == feeds == returns:
        return "segments end with CR LF"
    return "segments end with LF" if not returns else "segments end now with CR, now with LF"
