"""What the messages say that does not reach a request: codes no table knows, and all else that is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interface.report.asks import detail_of
from interface.report.model import LOSES, NOTE, CodeCount, Finding
from interface.report.privacy import FREE_TEXT, Sightings, general
from interface.report.seen import Row, Seen, Tally, sight

_PATH = re.compile(r"[A-Z][A-Z0-9]{2}(?:\[\d+\])?(?:-\d+(?:\[\d+\])?(?:\.\d+){0,2})?", re.ASCII)
_NO_SUCH_CODE = re.compile(r"table (\w+) has no such (?:code|coding system)")
_NO_SYSTEM = re.compile(r"table (\w+) has no coding system ?(.*)", re.DOTALL)
MOST_CODES = 300
"""Codes told apart for each table and path."""
_SHOWN = 25


class Codes:
    """Counts unknown codes by table and path, and what is left out by path and reason."""

    def __init__(self) -> None:
        self._unknown: Tally[tuple[str, str]] = Tally()
        self._codes: dict[tuple[str, str], dict[str, Sightings]] = {}
        self._left: Tally[tuple[str, str]] = Tally()
        self._values: dict[tuple[str, str], int] = {}

    def take(self, seen: Seen) -> None:
        """Look at what was left out of one message; what earlier messages said is theirs."""
        if seen.private is None:
            return
        for source, value, why in dict.fromkeys((e.source, e.value, e.why) for e in seen.outcome.left_out):
            if not _PATH.fullmatch(source):
                continue
            path = general(source)
            if found := _NO_SUCH_CODE.match(why):
                self._code(found[1], path, value, seen, source)
            elif found := _NO_SYSTEM.match(why):
                self._code(found[1], path, found[2], seen, source)
            else:
                quoted = value in why.split() or seen.private.quoted_in(why)
                self._left.add(
                    (path, general(detail_of(why) if quoted else why)), seen, seen.segment_of(source)
                )

    def _code(self, table: str, path: str, code: str, seen: Seen, source: str) -> None:
        key = (table, path)
        self._unknown.add(key, seen, seen.segment_of(source))
        codes = self._codes.setdefault(key, {})
        text = code.strip()
        known = codes.get(text[:100])
        if known is None:
            if len(codes) >= MOST_CODES:
                return
            known = codes[text[:100]] = Sightings()
        sight(known, seen, path, text)

    def findings(self, held: frozenset[str]) -> Iterator[Finding]:
        """Unknown codes by table, and what else is left out; not what held requests by one of these details."""
        for row in self._unknown:
            table, path = row.key
            what = f"codes that our table {table} does not know"
            ask = "Send the standard's codes here, or send us the list of yours with their meaning: we add them."
            yield row.finding(
                LOSES, "unknown-code", table, path, what, ask, unit="values", codes=self._shown(row)
            )
        for left in self._left:
            path, why = left.key
            if why and general(detail_of(why)) in held:
                continue
            level = NOTE if any(words in why for words in _ON_PURPOSE) else LOSES
            what = f"left out: {why}" if why else "left out"
            yield left.finding(level, "left-out", path, path, what, _ask(why), unit="values")

    def _shown(self, row: Row[tuple[str, str]]) -> tuple[CodeCount, ...]:
        codes = self._codes.get(row.key, {})
        shown = sorted(
            (CodeCount(code, seen.count) for code, seen in codes.items() if seen.may_be_shown),
            key=lambda one: (-one.count, one.code),
        )[:_SHOWN]
        rest = row.count - sum(one.count for one in shown)
        return (*shown, CodeCount(FREE_TEXT, rest)) if rest else tuple(shown)


_ON_PURPOSE = (
    "is not sent",
    "of this type is sent",
    "not where the patient lives",
    "neither an event nor an interval",
    "a procedure system",
    "deleted:",
    "no longer active",
)
"""Words of reasons that are no fault of the sender: the request has no place for the value."""

_ASKS = (
    ("no coding system is declared", "Declare the coding system beside the code (CWE.3, or DG1-2)."),
    ("no code of", "Send a code of the declared system, or declare the system that the code is of."),
    ("no code", "Send the code with the text."),
    ("text where a code", "Send the code with its coding system, and the text beside it."),
    ("another name than", "Name the drug alike in RXO-1 and RXE-2, or send its NDC in RXE-2."),
    ("NDC", "Send NDCs as 11 digits, or with their dashes in place."),
    ("NPI", "Send the NPI with its authority (XCN.9 or XCN.13 = NPI), and check its check digit."),
    ("not a date", "Send dates as YYYYMMDD, times as YYYYMMDDHHMMSS."),
    ("not a number", "Send a plain number."),
    ("telephone", "Send ten digits."),
    ("names another day", "Send one start in all segments of the appointment."),
    ("comes first", "Send one start in all segments of the appointment."),
    ("ZIP", "Send the five-digit ZIP in PID-11.5."),
)
"""What to ask for, by words of the reason; the first that fits."""


def _ask(why: str) -> str:
    return next((ask for words, ask in _ASKS if words in why), "")
