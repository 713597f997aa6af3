"""The report as JSON values, as `feed-report --json` prints it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from interface.report.model import Finding, Position, Report, SenderReport


def as_json(report: Report) -> dict[str, Any]:
    """The whole report; findings stand worst first."""
    return {
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "program": report.program,
        "source": report.source,
        "messages": report.messages,
        "notes": list(report.notes),
        "senders": [_sender(sender) for sender in report.senders],
    }


def _sender(sender: SenderReport) -> dict[str, Any]:
    return {
        "listener": sender.listener,
        "sending_application": sender.application,
        "sending_facility": sender.facility,
        "messages": sender.messages,
        "first": sender.volume.first,
        "last": sender.volume.last,
        "control_ids_shown": sender.control_ids_shown,
        "findings": [_finding(finding) for finding in sender.findings],
        "types": [
            asdict(kind)
            | {"reasons": [{"decision": d, "code": code, "count": count} for d, code, count in kind.reasons]}
            for kind in sender.types
        ],
        "requests": asdict(sender.shares),
        "missing": [asdict(entry) for entry in sender.missing],
        "never_filled": [asdict(entry) for entry in sender.never_filled],
        "numbers": dict(sender.numbers),
        "z_segments": dict(sender.z_segments),
        "versions": dict(sender.versions),
        "second_reader": dict(sender.differences),
        "clock": asdict(sender.clock),
        "days": dict(sender.volume.days),
        "hours": list(sender.volume.hours),
        "busiest_hour": sender.volume.busiest_hour,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "kind": finding.kind,
        "code": finding.code,
        "where": finding.where,
        "what": finding.what,
        "ask": finding.ask,
        "count": finding.count,
        "of": finding.of or None,
        "unit": finding.unit,
        "types": dict(finding.types),
        "example": None if finding.example is None else _position(finding.example),
        "codes": [asdict(code) for code in finding.codes],
    }


def _position(position: Position) -> dict[str, Any]:
    return {
        "message": position.message,
        "control_id": position.control_id,
        "segment": position.segment,
        "index": position.index,
    }
