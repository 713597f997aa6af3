"""Whose numbers PID-3 holds: which authority is the site's own is the first thing to know of a feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from interface.hl7.message import Repetition
from interface.report.model import OURS, CodeCount, Finding
from interface.report.privacy import FREE_TEXT, Sightings
from interface.report.seen import Seen, Tally, digest, sight

_PATH = "PID-3"
MOST_KINDS = 300
"""Authorities, and types of each, told apart."""
MOST_NUMBERS = 50_000
"""Medical record numbers remembered, as 8 bytes each, to tell those that two authorities gave."""
NO_AUTHORITY = "no authority"
SEVERAL = (
    "site.mrn_authority is not set, and medical record numbers of several authorities come: "
    "the same number of two of them would go out as one person's"
)
_WHAT = {
    "several": "medical record numbers of several authorities come, and site.mrn_authority does not say whose are ours",
    "same-number": "the number came from another authority, too: two charts, whose requests have one number",
}
_ASK = (
    "Ask which authority (PID-3.4) gives the clinic's numbers; then set site.mrn_authority, or mrn_roots.csv."
)


class Authorities:
    """Who gave the medical record numbers of all senders, where the site has not said which authority is its own."""

    def __init__(self, own_is_known: bool) -> None:
        self._own_is_known = own_is_known
        self._seen: dict[str, Sightings] = {}
        self._first: dict[bytes, str] = {}

    @property
    def several(self) -> bool:
        """Whether there are more than one."""
        return len(self._seen) > 1

    def take(self, seen: Seen) -> str:
        """Look at the number that counts in one message: `one`, `same-number` (another authority's, too), or empty."""
        if self._own_is_known or not seen.patient:
            return ""
        authority, _, number = seen.patient.partition("|")
        if authority not in self._seen and len(self._seen) >= MOST_KINDS:
            return ""
        sight(self._seen.setdefault(authority, Sightings()), seen, _PATH, *filter(None, (authority,)))
        key = digest(number.encode("utf-8", "replace"))
        if len(self._first) < MOST_NUMBERS:
            self._first.setdefault(key, authority)
        return "one" if self._first.get(key, authority) == authority else "same-number"

    def codes(self) -> tuple[CodeCount, ...]:
        """How many messages of each, most first."""
        counts: Counter[str] = Counter()
        for authority, seen in self._seen.items():
            name = authority or NO_AUTHORITY
            counts[name if seen.may_be_shown or not authority else FREE_TEXT] += seen.count
        return tuple(CodeCount(name, count) for name, count in counts.most_common())


class Numbers:
    """The numbers in PID-3 of one sender by authority and type."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._kinds: dict[tuple[str, str], Sightings] = {}
        self._messages = 0
        self._told: Tally[str] = Tally()

    def take(self, seen: Seen) -> None:
        """Look at one message."""
        segment = seen.message.first("PID") if seen.message is not None else None
        if segment is None:
            return
        for repetition in segment.reps(3):
            if repetition.component(1).strip():
                self._count(repetition, seen)
        if found := self._authorities.take(seen):
            self._messages += 1
            self._told.add("several", seen, segment)
            if found == "same-number":
                self._told.add(found, seen, segment)

    def _count(self, repetition: Repetition, seen: Seen) -> None:
        authority = repetition.sub(4, 1).strip() or repetition.sub(4, 2).strip()
        kind = (authority[:100], repetition.component(5).strip()[:100])
        if kind in self._kinds or len(self._kinds) < MOST_KINDS:
            sight(self._kinds.setdefault(kind, Sightings()), seen, _PATH, *filter(None, kind))

    def counts(self) -> Counter[str]:
        """How often a number of which authority and type came: `LFC, type MR`."""
        counts: Counter[str] = Counter()
        for (authority, kind), seen in self._kinds.items():
            told = f"{authority or NO_AUTHORITY}, {f'type {kind}' if kind else 'no type'}"
            counts[told if seen.may_be_shown or not (authority or kind) else FREE_TEXT] += seen.count
        return counts

    def findings(self) -> Iterator[Finding]:
        """That numbers of several authorities count as the site's own."""
        for row in self._told if self._authorities.several else ():
            codes = self._authorities.codes() if row.key == "several" else ()
            of = self._messages
            yield row.finding(
                OURS, "mrn-authority", row.key, "PID-3.4", _WHAT[row.key], _ASK, of=of, codes=codes
            )
