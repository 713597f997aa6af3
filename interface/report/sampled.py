"""What is too slow for every message: conformance by hl7apy (25 ms), and the second reader, python-hl7."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from interface.hl7.conformance import conformance
from interface.hl7.second_reader import KINDS, UNEXPLAINED, compare
from interface.report.model import OURS, STANDARD, Finding
from interface.report.privacy import general
from interface.report.seen import Seen, Tally

LARGEST = 256 * 1024
"""Bytes; a larger message would take seconds."""
_REPETITIONS = re.compile(r"\b\d+ repetitions")
_A_SEGMENT = "(segment)"
_NO_SEGMENT = "has no such segment"
_WHY = {kind.name: kind.why for kind in KINDS}


class Sampled:
    """Looks at the messages that are given to it."""

    def __init__(self) -> None:
        self.checked: Counter[str] = Counter()
        """By message type."""
        self.too_large = 0
        self.differences: Counter[str] = Counter()
        """By kind: in how many messages both readers differ."""
        self._departures: Tally[tuple[str, str]] = Tally()
        self._unexplained: Tally[tuple[str, str]] = Tally()

    def take(self, seen: Seen) -> None:
        """Look at one message of the sample."""
        message = seen.message
        if message is None:
            return
        if len(message.raw) > LARGEST:
            self.too_large += 1
            return
        self.checked[seen.type] += 1
        found: dict[tuple[str, str], str] = {}
        for finding in conformance(message):
            # a line of text may look like a segment: its first letters are nobody's business
            where = _A_SEGMENT if _NO_SEGMENT in finding.text else general(finding.where)
            found.setdefault(
                (where, general(_REPETITIONS.sub("several repetitions", finding.text))), finding.where
            )
        for key, place in found.items():
            self._departures.add(key, seen, seen.segment_of(place) if key[0] != _A_SEGMENT else None)
        compared = compare(message)
        self.differences.update({one.kind for one in compared})
        for one in compared:
            if one.kind == UNEXPLAINED:
                self._unexplained.add((general(one.where), one.where), seen, seen.segment_of(one.where))

    def findings(self) -> Iterator[Finding]:
        """Departures from the declared version; and where both readers differ and we do not know why."""
        checked = self.checked.total()
        for row in self._departures:
            where, text = row.key
            yield row.finding(STANDARD, "conformance", text, where, text, of=checked, unit="looked at")
        for other in self._unexplained:
            what = "our reader and python-hl7 read this differently, and we do not know why"
            where = other.key[0]
            yield other.finding(OURS, "second-reader", where, where, what, of=checked, unit="looked at")

    @staticmethod
    def why(kind: str) -> str:
        """Why the two readers differ in a way that is known."""
        return _WHY.get(
            kind, "python-hl7 could not read the message" if kind == "unreadable" else "not known"
        )
