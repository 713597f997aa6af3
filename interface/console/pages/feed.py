"""What the feed is like: the report over a sample of the newest messages, made in the background when it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import orjson

from interface.chart.decide import Engine
from interface.console.asked import Action, Around, Asked, File, Go, Page, RefusedError, Shown
from interface.console.kept import Making
from interface.console.sources import cut
from interface.report import words
from interface.report.as_html import as_html
from interface.report.as_json import as_json
from interface.report.collect import Collector
from interface.report.model import LEVELS, Finding, Position, Report, SenderReport
from interface.services.feed_source import JournalSource
from interface.store.records.lists import MessageFilter
from interface.store.store import Store

HERE, NAME = "/feed", "feed"
SIZES = {"500": 500, "2000": 2000, "5000": 5000}
SAMPLE = 20
"""Messages of each sender and type that are held against the standard; that takes longest."""
LIMIT_SECONDS = 180.0
KEPT_SECONDS = 1800.0
"""How long a report is shown."""
REST_SECONDS = 0.02
"""After each message the thread rests as long as it took, at most so long: messages are taken meanwhile."""
LOOKS = {"stops": "bad", "loses": "bad", "mend": "warn", "standard": "calm", "note": "calm", "ours": "calm"}
MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class What:
    """How the report stands."""

    making: Making
    listeners: tuple[str, ...]


def read(store: Store, asked: Asked, around: Around) -> What:  # noqa: ARG001 - all pages are called alike
    """What is kept of it."""
    making = around.kept.look(NAME)
    if making.state in ("made", "failed") and asked.now - making.at > KEPT_SECONDS:
        making = Making()
    return What(making, tuple(listener.name for listener in around.settings.listeners))


def values(asked: Asked, what: What) -> Shown:
    """The form, how far it is, and the report."""
    making = what.making
    report: Report | None = making.result
    return Shown(
        "Feed",
        {
            "state": making.state,
            "part": making.done,
            "whole": making.total,
            "why": making.why,
            "at": making.at,
            "report": report,
            "notes": [] if report is None else list(report.notes),
            "senders": [] if report is None else [_sender(asked, sender) for sender in report.senders],
            "fields": (list(SIZES), what.listeners),
            "may": asked.viewer.may("analyst"),
            "words": words,
        },
    )


def _sender(asked: Asked, sender: SenderReport) -> dict[str, Any]:
    held, rejected = sender.decided("hold"), sender.decided("reject")
    return {
        "name": cut(sender.name),
        "headline": words.headline(sender),
        "tiles": (
            ("messages", sender.messages, ""),
            ("requests that would go out", sender.decided("post"), ""),
            ("requests held", held, "warn" if held else ""),
            ("messages rejected", rejected, "bad" if rejected else ""),
        ),
        "levels": [
            {"said": LEVELS[level], "rows": [_finding(asked, one) for one in list(group)[:MOST_FINDINGS]]}
            for level, group in groupby(sender.findings, key=lambda finding: finding.level)
        ],
        "shares": [
            (name, f"{count} ({words.percent(count, sender.shares.requests) or '0 %'})")
            for name, count in words.shares(sender.shares)
        ]
        if sender.shares.requests
        else [],
        "types": [
            {
                "type": cut(kind.type),
                "messages": kind.messages,
                "decisions": words.listed(kind.decisions),
                "why": cut(", ".join(f"{code} {count}" for _, code, count in kind.reasons[:6])),
            }
            for kind in sender.types
        ],
    }


def _finding(asked: Asked, finding: Finding) -> dict[str, Any]:
    where = f"{finding.where} · {words.types(finding)}".strip(" ·")
    return {
        "what": {
            "text": finding.what,
            "small": f"Please: {finding.ask}" if finding.ask else cut(words.codes(finding)),
        },
        "where": cut(where),
        "count": {"badge": words.counted(finding), "level": LOOKS.get(finding.level, "calm")},
        "example": _example(asked, finding.example),
    }


def _example(asked: Asked, found: Position | None) -> dict[str, Any]:
    if found is None:
        return {"text": ""}
    href = f"/messages/{found.message}" if asked.has("/messages/{id}") else ""
    return {"text": f"message {found.message}", "href": href, "small": found.segment}


def make(store: Store, asked: Asked, around: Around) -> Go:  # noqa: ARG001 - all actions are called alike
    """Begin with it, unless it is being made."""
    limit = SIZES[asked.form.choice("limit", SIZES, "500")]
    listener = asked.form.choice("listener", [entry.name for entry in around.settings.listeners]) or None
    engine = around.kept.engine()
    now = datetime.fromtimestamp(asked.now + around.work_ahead, asked.zone or UTC)
    around.kept.make(
        NAME, lambda store, advance: report_of(store, advance, engine, now, limit, listener), LIMIT_SECONDS
    )
    return Go(HERE)


def report_of(
    store: Store,
    advance: Callable[[int, int], None],
    engine: Engine,
    now: datetime,
    limit: int,
    listener: str | None,
    rest: Callable[[float], None] = time.sleep,
) -> Report | None:
    """The report over the newest messages; None: there is none. In a thread of its own: it rests between messages."""
    source = JournalSource(store.views, MessageFilter(listener=listener), limit, engine.policy, None)
    totals = source.totals()
    if not totals:
        return None
    collector, total = Collector(engine, totals, now=now, sample=SAMPLE), totals.total()
    for number, entry in enumerate(source.entries(), 1):
        advance(number, total)
        began = time.monotonic()
        collector.take(entry)
        rest(min(time.monotonic() - began, REST_SECONDS))
    notes = [note.replace(": --limit takes more", "") for note in source.notes]
    notes.append(f"held against the standard: up to {SAMPLE} messages of each sender and type, evenly spread")
    return collector.report(control_ids=False, notes=tuple(notes))


def kept_report(store: Store, asked: Asked, around: Around) -> Report:
    """The one that is shown."""
    report = read(store, asked, around).making.result
    if not isinstance(report, Report):
        raise RefusedError(404, "There is no report now: have one made first.")
    return report


def report_file(asked: Asked, report: Report) -> File:
    """The report as a file, to be mailed to the sending team."""
    if asked.query.choice("form", ("html", "json"), "html") == "json":
        body = orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2)
        return File("feed-report.json", "application/json", body, "feed report")
    return File("feed-report.html", "text/html; charset=utf-8", as_html(report).encode(), "feed report")


PAGE = Page(HERE, "feed.html", read, values, entry="Feed")
REPORT = Page("/feed/report", "", kept_report, report_file)
ACTION = Action("/feed/make", make)
