"""The report for a terminal or a mail: short, aligned, worst first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from interface.report import words
from interface.report.model import LEVELS, STANDARD, Finding, Report, SenderReport

MOST_FINDINGS = 8
"""Of one level that are told here; JSON and the page have all."""
_LABEL = 12


def as_text(report: Report, width: int = 100) -> str:
    """The report as lines, folded at `width` characters."""
    return "\n".join(_lines(report, max(width, 60))) + "\n"


def _lines(report: Report, width: int) -> Iterator[str]:
    made = report.made_at.strftime("%Y-%m-%d %H:%M %Z").strip()
    source = "the journal" if report.source == "journal" else "files"
    counts = f"{words.number(report.messages, 'messages')} from {source}, {words.number(len(report.senders), 'senders')}"
    yield f"feed report of {made}: {counts}"
    for note in report.notes:
        yield from _folded("  note: ", note, width)
    for sender in report.senders:
        yield ""
        yield from _sender(sender, report.source, width)


def _sender(sender: SenderReport, source: str, width: int) -> Iterator[str]:
    yield f"== {sender.name}"
    yield words.headline(sender)
    yield from _facts(sender, width)
    for level, group in groupby(sender.findings, key=lambda finding: finding.level):
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
    when = f", {words.span(sender)}; on {words.number(days, 'days')}, at most {volume.busiest_hour} within an hour"
    yield from _fact("messages", f"{sender.messages}{when if days else ''}", width)
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
    yield from _fact("numbers", words.listed(sender.numbers, separator="; "), width)
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
    place = finding.where if finding.where and finding.where not in finding.what else ""
    example = words.position(finding.example, source)
    if finding.level == STANDARD:  # there are many of them, and the same types stand above
        yield from _folded(head, f"{place}: {finding.what}; e.g. {example}", width)
        return
    yield from _folded(head, f"{finding.what}{f'  [{place}]' if place else ''}", width)
    inner = " " * len(head)
    if finding.codes:
        yield from _folded(f"{inner}codes: ", words.codes(finding), width)
    if finding.ask:
        yield from _folded(f"{inner}ask: ", finding.ask, width)
    yield from _folded(inner, f"{words.types(finding)}; e.g. {example}", width)


def _never(sender: SenderReport, width: int) -> Iterator[str]:
    rows = words.never_filled(sender)
    if not rows:
        return
    yield ""
    yield "never filled, with nothing else in its place:"
    column = max(len(field) for field, _, _ in rows)
    for field, paths, of in rows:
        yield from _folded(f"  {field.ljust(column)}  ", f"{', '.join(paths)} (0 of {of})", width)


def _folded(head: str, text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        max(width, len(head) + 30),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
