"""Messages in a few words, and the report on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from interface.chart.decide import Engine
from interface.report.collect import Collector, sender_key
from interface.report.model import Finding, Report
from interface.report.seen import Entry
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
PID = "PID|1||{mrn}^^^LFC^MR||Sample{mrn}^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
AIP = "AIP|1||1234567893^Quill^Avery^^^Dr^^^NPI&2.16.840.1.113883.4.6&ISO|ATND"
SCH = "SCH||A{mrn}|||||||||^^^20260320090000"

ReportOf = Callable[..., Report]


def message(kind: str, *segments: str, id: str = "M1", msh7: str = "20260302080000", **msh: str) -> bytes:
    """One message; `f18=` and so on are fields of MSH."""
    fields = f"MSH|^~\\&|APP|FAC|R|R|{msh7}||{kind}|{id}|P|2.5.1".split("|") + [""] * 12
    for name, value in msh.items():
        fields[int(name[1:]) - 1] = value
    return "\r".join(("|".join(fields).rstrip("|"), *segments)).encode()


def booked(mrn: str, *more: str, id: str = "", pid: str = PID, aip: str = AIP, **msh: str) -> bytes:
    """An SIU^S12 that can be posted."""
    segments = (SCH.format(mrn=mrn), pid.format(mrn=mrn), *more, aip)
    return message("SIU^S12", *(one for one in segments if one), id=id or f"ID-{mrn}", **msh)


def made(
    raws: Sequence[bytes | Entry], *, sample: int | None = None, control_ids: bool = True, **policy: Any
) -> Report:
    """The report on messages from files, or on entries of a journal."""
    entries = [one if isinstance(one, Entry) else Entry(n, one) for n, one in enumerate(raws, 1)]
    totals = Counter(sender_key(entry.raw, entry.listener) for entry in entries)
    collector = Collector(Engine(load_rulebook(), Policy(**policy)), totals, now=NOW, sample=sample)
    for entry in entries:
        collector.take(entry)
    return collector.report(control_ids=control_ids)


def found(report: Report, kind: str, code: str = "") -> list[Finding]:
    """Findings of a kind, of all senders."""
    return [
        finding
        for sender in report.senders
        for finding in sender.findings
        if finding.kind == kind and (not code or finding.code == code)
    ]


@pytest.fixture
def report_of() -> ReportOf:
    return made


@pytest.fixture
def book() -> Callable[..., bytes]:
    return booked


@pytest.fixture
def say() -> Callable[..., bytes]:
    return message


@pytest.fixture
def look() -> Callable[..., list[Finding]]:
    return found
