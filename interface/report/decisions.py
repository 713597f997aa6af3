"""What becomes of the messages: decisions, what is held and why, and what the requests hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from interface.report.asks import ask_for, detail_of, release_here
from interface.report.model import LOSES, STOPS, Finding, Shares
from interface.report.privacy import general
from interface.report.seen import Seen, Tally

_PROBLEM_LISTS = ("activeIcd10Diagnoses", "activeIcd9Diagnoses", "activeSnomedDiagnoses", "diagnoses")
_WORTH_TELLING = {"no-date": "SIU", "older": "SIU", "no-patient": ""}
"""Reasons for which nothing was requested that the sender can do something about, and for which messages."""


class Decisions:
    """Counts decisions, their reasons, and what requests hold."""

    def __init__(self) -> None:
        self.by_type: dict[str, Counter[str]] = {}
        self.reasons: dict[str, Counter[tuple[str, str]]] = {}
        self.shares: dict[str, Counter[str]] = {}
        self._held: Tally[tuple[str, str]] = Tally()
        self._alone: Counter[tuple[str, str]] = Counter()
        self._rejected: Tally[str] = Tally()
        self._other: Tally[str] = Tally()

    def take(self, seen: Seen) -> None:
        """Count one message."""
        outcome = seen.outcome
        self.by_type.setdefault(seen.type, Counter())[outcome.decision] += 1
        reasons = self.reasons.setdefault(seen.type, Counter())
        codes = {reason.code for reason in outcome.reasons}
        for code in codes:
            reasons[outcome.decision, general(code)] += 1
        if outcome.decision == "hold":
            found = {(general(one.code), general(detail_of(one.text))) for one in outcome.reasons}
            for key in found:
                self._held.add(key, seen, seen.segment_of(ask_for(key[0]).where))
                self._alone[key] += len(found) == 1
        elif outcome.decision == "reject":
            for code in codes:
                self._rejected.add(code, seen)
        else:
            for code in codes & _WORTH_TELLING.keys():
                if seen.type.startswith(_WORTH_TELLING[code]):
                    self._other.add(code, seen)
        if outcome.request is not None and outcome.decision in ("post", "hold"):
            self._share(seen)

    def _share(self, seen: Seen) -> None:
        request = seen.outcome.request or {}
        problems = any(request.get(name) for name in _PROBLEM_LISTS)
        medications = bool(request.get("medications"))
        counts = self.shares.setdefault(seen.type, Counter())
        counts["requests"] += 1
        counts["problems"] += problems
        counts["medications"] += medications
        counts["both"] += problems and medications
        counts["none"] += not problems and not medications

    def findings(self) -> Iterator[Finding]:
        """What is held, rejected, or asks for nothing that it should."""
        held = sum(counts["hold"] for counts in self.by_type.values())
        asked = held + sum(counts["post"] for counts in self.by_type.values())
        total = sum(sum(counts.values()) for counts in self.by_type.values())
        for row in self._held:
            code, detail = row.key
            known = ask_for(code)
            alone = self._alone[row.key]
            more = f"; for {alone} of them nothing else is missing" if alone and held > alone else ""
            what = f"held: {known.what}{f' ({detail})' if detail else ''}{more}"
            ask = known.ask or release_here(code)
            yield row.finding(STOPS, "held", code, known.where, what, ask, of=asked, unit="requests")
        for rejected in self._rejected:
            known = ask_for(rejected.key)
            what = f"rejected: {known.what}"
            yield rejected.finding(STOPS, "rejected", rejected.key, known.where, what, known.ask, of=total)
        for other in self._other:
            known = ask_for(other.key)
            what = f"nothing requested: {known.what}"
            yield other.finding(LOSES, "not-requested", other.key, known.where, what, known.ask, of=total)

    @property
    def held_details(self) -> frozenset[str]:
        """What is told of the values for which requests were held."""
        return frozenset(row.key[1] for row in self._held)

    @property
    def held_codes(self) -> frozenset[str]:
        """The codes for which requests were held."""
        return frozenset(row.key[0] for row in self._held)

    def shares_of(self, kind: str) -> Shares:
        """What the requests of one message type hold."""
        return Shares(**self.shares.get(kind, Counter()))

    def all_shares(self) -> Shares:
        """What the sender's requests hold."""
        return Shares(**sum(self.shares.values(), Counter()))
