"""All that is counted for one sender, and the report that comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from interface.report.codes import Codes
from interface.report.control_ids import ControlIds
from interface.report.decisions import Decisions
from interface.report.encoding import Encoding
from interface.report.model import Finding, SenderReport, TypeReport
from interface.report.numbers import Authorities, Numbers
from interface.report.presence import Presence
from interface.report.sampled import Sampled
from interface.report.seen import Seen
from interface.report.times import Times
from interface.rules.rulebook import Rulebook


class SenderTally:
    """One sender: a listener (journal), MSH-3 and MSH-4."""

    def __init__(
        self, listener: str, application: str, facility: str, book: Rulebook, authorities: Authorities
    ):
        self.listener, self.application, self.facility = listener, application, facility
        self.messages = 0
        self.sampled = Sampled()
        self._decisions = Decisions()
        self._presence = Presence(book)
        self._codes = Codes()
        self._numbers = Numbers(authorities)
        self._encoding = Encoding()
        self._control_ids = ControlIds()
        self._times = Times()

    def take(self, seen: Seen, sample: bool) -> None:
        """Count one message; `sample`: look also at what is slow to look at."""
        self.messages += 1
        self._decisions.take(seen)
        self._presence.take(seen)
        self._codes.take(seen)
        self._numbers.take(seen)
        self._encoding.take(seen)
        self._control_ids.take(seen)
        self._times.take(seen)
        if sample:
            self.sampled.take(seen)

    def report(self, control_ids: bool) -> SenderReport:
        """What was seen. `control_ids`: they may be shown, unless they were found to hold patients' numbers."""
        shown = control_ids and not self._control_ids.hold_numbers
        decisions = self._decisions
        findings = [
            *decisions.findings(),
            *self._presence.findings(decisions.held_codes),
            *self._codes.findings(decisions.held_details),
            *self._numbers.findings(),
            *self._control_ids.findings(),
            *self._times.findings(),
            *self._encoding.findings(),
            *self.sampled.findings(),
        ]
        if not shown:
            findings = [_without_id(finding) for finding in findings]
        return SenderReport(
            self.listener,
            self.application,
            self.facility,
            self.messages,
            tuple(self._type(kind) for kind in sorted(decisions.by_type, key=self._most_first)),
            tuple(sorted(findings, key=lambda finding: finding.rank)),
            self._presence.missing(),
            self._presence.never_filled(),
            _largest_first(self._numbers.counts()),
            _largest_first(self._encoding.z_segments),
            _largest_first(self._encoding.versions),
            _largest_first(self.sampled.differences),
            decisions.all_shares(),
            self._times.clock(),
            self._times.volume(),
            shown,
        )

    def _most_first(self, kind: str) -> tuple[int, str]:
        return -self._decisions.by_type[kind].total(), kind

    def _type(self, kind: str) -> TypeReport:
        counts = self._decisions.by_type[kind]
        reasons = sorted(self._decisions.reasons[kind].items(), key=lambda item: (-item[1], item[0]))
        return TypeReport(
            kind,
            counts.total(),
            _largest_first(counts),
            tuple((decision, code, count) for (decision, code), count in reasons),
            self._decisions.shares_of(kind),
            self.sampled.checked[kind],
        )


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _without_id(finding: Finding) -> Finding:
    if finding.example is None:
        return finding
    return replace(finding, example=replace(finding.example, control_id=""))
