"""The requests that were made, newest first, by filters; a page is asked for by the id it comes before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from interface.console.asked import Around, Asked, Page, Shown, day_of
from interface.console.listing import ROWS, Listed, page_links, patient_of, reason_of
from interface.delivery.outcomes import NAMES
from interface.delivery.verdict import CHECKED, VERDICTS
from interface.store.records.lists import RequestFilter, RequestSummary
from interface.store.store import Store

STATES = {
    "waiting": "calm",
    "sending": "calm",
    "delivered": "good",
    "held": "warn",
    "superseded": "calm",
    "withdrawn": "calm",
    "expired": "calm",
    "dead": "bad",
    "discarded": "calm",
}
"""How each looks."""
OUTCOMES = {
    "found": ("records found", "good"),
    "insufficient": ("insufficient data", "warn"),
    "delivered": ("delivered", "good"),
    "contradicting": ("contradicting", "warn"),
    "none": ("no webhook yet", "calm"),
}
ENVIRONMENTS = ("sandbox", "staging", "production-test", "production")
COLUMNS = (
    {"key": "id", "label": "request", "tight": True},
    {"key": "made", "label": "made", "tight": True},
    {"key": "state", "label": "state"},
    {"key": "date", "label": "appointment", "tight": True},
    {"key": "last", "label": "last answer"},
    {"key": "outcome", "label": "webhooks"},
    {"key": "why", "label": "why"},
)
FILTERS = (
    *("id", "correlation_id", "state", "outcome", "unanswered", "code", "verdict", "environment", "patient"),
    *("since", "until"),
)


def read(store: Store, asked: Asked, around: Around) -> Listed[RequestSummary]:
    """One page of the list."""
    where = filter_of(asked, around.settings.webhooks.expected_hours * 3600)
    rows = store.views.requests(where, before=asked.query.whole("before"), limit=ROWS + 1)
    return Listed(rows)


def filter_of(asked: Asked, expected_seconds: float) -> RequestFilter:
    """What the address asks for. RefusedError names what is wrong in it."""
    query = asked.query
    unanswered = query.choice("unanswered", ("yes",))
    return RequestFilter(
        id=query.whole("id"),
        correlation_id=query.text("correlation_id") or None,
        state=query.choice("state", STATES) or None,
        outcome=query.choice("outcome", NAMES) or None,
        unanswered_before=asked.now - expected_seconds if unanswered else None,
        code=query.text("code") or None,
        last_verdict=query.choice("verdict", _verdicts()) or None,
        environment=query.choice("environment", ENVIRONMENTS) or None,
        patient_id=query.whole("patient"),
        since=day_of(asked, "since"),
        until=day_of(asked, "until", more=1),
    )


def _verdicts() -> dict[str, str]:
    """Codes of verdicts, and what each says."""
    return {row.verdict.code: row.verdict.text for row in (*VERDICTS, *CHECKED)}


def values(asked: Asked, what: Listed[RequestSummary]) -> Shown:
    """The list, its filters, and the addresses of the other pages."""
    return Shown(
        "Requests",
        {
            "columns": COLUMNS,
            "rows": [_row(asked, row) for row in what.rows[:ROWS]],
            "fields": _fields(asked),
            "of_patient": patient_of(asked, "/requests", FILTERS),
            **page_links(asked, "/requests", FILTERS, what.rows),
        },
        seen=tuple(f"request {row.id}" for row in what.rows[:ROWS] if row.appointment_date),
    )


def _fields(asked: Asked) -> list[dict[str, Any]]:
    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "value": asked.query.text(name), "type": "text"} | more

    def choice(name: str, label: str, choices: Iterable[tuple[str, str]]) -> dict[str, Any]:
        return field(name, label, choices=[("", "any"), *choices])

    return [
        field("id", "request number"),
        field("correlation_id", "correlation id"),
        choice("state", "state", ((state, state) for state in STATES)),
        choice("outcome", "webhooks said", ((name, OUTCOMES[name][0]) for name in NAMES)),
        choice("unanswered", "webhook overdue", (("yes", "yes"),)),
        choice("verdict", "last answer", ((code, f"{said} ({code})") for code, said in _verdicts().items())),
        field("code", "reason's code"),
        choice("environment", "made for", ((name, name) for name in ENVIRONMENTS)),
        field("since", "from day", type="date"),
        field("until", "to day", type="date"),
    ]


def _row(asked: Asked, row: RequestSummary) -> dict[str, Any]:
    answer = " ".join(str(part) for part in (row.last_status, row.last_verdict) if part)
    return {
        "key": f"request-{row.id}",
        "href": f"/requests/{row.id}",
        "id": str(row.id),
        "made": {"at": row.created_at},
        "state": state_of(row),
        "date": asked.viewer.veil(row.appointment_date) if row.appointment_date else "",
        "last": {"text": answer, "small": row.correlation_id or ""},
        "outcome": row.outcome.text,
        "why": "; ".join(
            [reason_of(row.reasons), *(["possible duplicate"] if row.possible_duplicate else [])]
        ).strip("; "),
    }


def state_of(row: RequestSummary) -> dict[str, str]:
    """Its state, and how that looks."""
    return {"badge": row.state, "level": STATES.get(row.state, "calm")}


PAGE = Page("/requests", "requests.html", read, values, entry="Requests")
