"""The report for a terminal or a mail: short, aligned, worst first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from interface.report import words
from interface.report.model import LEVELS, Finding, Report, SenderReport

MOST_FINDINGS = 12
"""Of one level that are told here; JSON and the page have all."""
_LABEL = 12


def as_text(report: Report, width: int = 100) -> str:
    """The report as lines, folded at `width` characters."""
    return "\n".join(_lines(report, max(width, 60))) + "\n"


def _lines(report: Report, width: int) -> Iterator[str]:
    senders = "1 sender" if len(report.senders) == 1 else f"{len(report.senders)} senders"
    made = report.made_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    yield f"feed report of {made}: {report.messages} messages from {'the journal' if report.source == 'journal' else 'files'}, {senders}"
    for note in report.notes:
        yield from _folded("  note: ", note, width)
    for sender in report.senders:
        yield ""
        yield from _sender(sender, report.source, width)


def _sender(sender: SenderReport, source: str, width: int) -> Iterator[str]:
    yield f"== {sender.name}"
    yield words.headline(sender)
    yield from _facts(sender, width)
    shown = [finding for finding in sender.findings if finding.level in LEVELS]
    for level, group in groupby(shown, key=lambda finding: finding.level):
        findings = list(group)
        yield ""
        yield f"{LEVELS[level]}:"
        counts = [words.counted(finding) for finding in findings[:MOST_FINDINGS]]
        column = max(map(len, counts))
        for count, finding in zip(counts, findings, strict=False):
            yield from _finding(count.rjust(column), finding, source, width)
        if len(findings) > MOST_FINDINGS:
            yield f"  and {len(findings) - MOST_FINDINGS} more: --json and --html have all"
    yield from _never(sender, width)


def _facts(sender: SenderReport, width: int) -> Iterator[str]:
    volume = sender.volume
    days = len(volume.days)
    rate = f"; {days} days with messages, at most {volume.busiest_hour} within an hour" if days else ""
    yield from _fact("messages", f"{sender.messages}, {words.span(sender)}{rate}".replace(", ;", ";"), width)
    for kind in sender.types:
        decided = ", ".join(f"{decision} {count}" for decision, count in kind.decisions.items())
        yield from _fact(
            "" if kind is not sender.types[0] else "types", f"{kind.type}  {kind.messages}: {decided}", width
        )
    if sender.shares.requests:
        parts = [
            f"{name} {count} ({words.percent(count, sender.shares.requests) or '0 %'})"
            for name, count in words.shares(sender.shares)
        ]
        yield from _fact("requests", f"{sender.shares.requests}: {', '.join(parts)}", width)
    missing = [f"{entry.name} {entry.missing} of {entry.of}" for entry in sender.missing]
    yield from _fact("missing", ", ".join(missing), width)
    yield from _fact("version", words.listed(sender.versions), width)
    yield from _fact("Z segments", words.listed(sender.z_segments), width)
    yield from _fact("clock", words.clock(sender.clock), width)
    checked = sum(kind.checked for kind in sender.types)
    readers = words.listed(sender.differences) or "no difference"
    yield from _fact("looked at", f"{checked} messages by hl7apy and python-hl7; readers: {readers}", width)


def _fact(name: str, text: str, width: int) -> Iterator[str]:
    if text.strip():
        yield from _folded(f"  {name.ljust(_LABEL)}", text, width)


def _finding(count: str, finding: Finding, source: str, width: int) -> Iterator[str]:
    head = f"  {count}  "
    where = f"  [{finding.where}]" if finding.where and finding.where not in finding.what else ""
    yield from _folded(head, f"{finding.what}{where}", width)
    inner = " " * len(head)
    if finding.codes:
        yield from _folded(f"{inner}codes: ", words.codes(finding), width)
    if finding.ask:
        yield from _folded(f"{inner}ask: ", finding.ask, width)
    example = words.position(finding.example, source)
    yield from _folded(
        f"{inner}", f"{words.types(finding)}; e.g. {example}" if example else words.types(finding), width
    )


def _never(sender: SenderReport, width: int) -> Iterator[str]:
    alone = [entry for entry in sender.never_filled if not entry.instead]
    if not alone:
        return
    yield ""
    yield "sources of our mapping that are never filled, with no other in their place:"
    column = max(len(entry.path) for entry in alone)
    for entry in alone:
        head = f"  {entry.path.ljust(column)}  0 of {entry.of}  "
        yield from _folded(head, ", ".join(entry.fields), width)


def _folded(head: str, text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        max(width, len(head) + 30),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
