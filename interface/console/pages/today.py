"""The first page: what needs a person, how feeds and destination are, what waits, and the last hours as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from interface.chart.holds import EXPECTED, release_of
from interface.console.asked import Around, Asked, Page, Shown
from interface.console.bars import HEIGHT, WIDTH, columns
from interface.console.figures import Feed, HourCount, Summary
from interface.console.rendering import clock, duration, number
from interface.delivery.destination import WHY
from interface.services.door_state import DoorState, ListenerState
from interface.shown.fields import reason_text
from interface.store.records.console import Grouped, Outcomes
from interface.store.store import Store

MOST_GROUPS = 8
"""Reasons that are named one by one."""
MOST_SENDERS = 40
"""Of a listener, the busiest."""
QUIET_SECONDS = 24 * 3600.0
"""A sender without a message for so long is said to be quiet."""
RANGES = {"24": "24 hours", "168": "7 days"}
OPEN, STOPPED = ("warn", "is away"), ("bad", "is stopped")
DESTINATION: Mapping[str, tuple[str, str]] = {
    "passing": ("good", "takes requests"),
    "slowed": ("warn", "asked to wait"),
    "open": OPEN,
    "paused": STOPPED,
}
SHOWN_ANYWAY = frozenset(
    (
        *("journal-failing", "work-stuck", "destination-paused", "destination-away"),
        *("dead-letters", "messages-failed"),
    )
)
"""Alerts of which this page says the same at once, before they have held long enough for somebody to be called."""


@dataclass(frozen=True, slots=True)
class What:
    """What is read."""

    summary: Summary
    state: DoorState
    environment: str
    base_url: str
    processes: bool
    """Requests are processed, and answered by webhooks."""
    hours: int
    work_ahead: float


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person."""

    level: str
    what: str
    todo: str
    """What to do."""
    command: str = ""
    """On the command line."""
    path: str = ""
    """The page where it is done."""
    key: str = ""
    """Its name among the others, for whoever watches the page change."""


def read(store: Store, asked: Asked, around: Around) -> What:
    """The figures, and the door's state."""
    return What(
        around.figures.summary(store, asked.now, around.work_ahead),
        around.state,
        around.settings.site.environment,
        around.settings.base_url,
        around.settings.processes,
        int(asked.query.choice("hours", RANGES, "24")),
        around.work_ahead,
    )


def values(asked: Asked, what: What) -> Shown:
    """Everything the template shows."""
    summary, state = what.summary, what.state
    needs = list(_needs(asked, summary, state))
    return Shown(
        "Today",
        {
            "needs": needs,
            "worst": "bad" if any(need.level == "bad" for need in needs) else "warn" if needs else "good",
            "later": _later(summary.held),
            "tiles": _tiles(asked, summary, what.work_ahead),
            "listeners": _listeners(asked, summary, state),
            "since": summary.since if summary.since > summary.hours[0].begins else None,
            "destination": _destination(state, what.base_url),
            "chart": _chart(asked, summary.hours[-what.hours :], what.hours),
            "outcomes": _outcomes(summary.outcomes) if what.processes else [],
            "hours": str(what.hours),
            "ranges": RANGES,
            "at": summary.at,
            "store": {"size": state.size_bytes, "free": state.free_bytes},
        },
    )


# ------------------------------------------------------------------------------------------ what needs a person


def _needs(asked: Asked, summary: Summary, state: DoorState) -> Iterator[Need]:
    """What needs a person, the worst first."""
    yield from sorted(
        [*_of_the_door(state), *_of_requests(asked, summary)],
        key=lambda need: ("bad", "warn").index(need.level),
    )


def _of_the_door(state: DoorState) -> Iterator[Need]:
    if state.journal_failing:
        yield Need(
            "bad",
            "Messages cannot be stored",
            f"{state.journal_failing}. Nothing is acknowledged meanwhile; senders keep what they have.",
            key="journal",
        )
    if not state.work_alive:
        yield Need(
            "bad",
            "The work does not run",
            "Messages are taken and acknowledged, nothing is decided or sent. It is started again by itself; "
            "the log says why it ended.",
            key="work",
        )
    elif state.trouble:
        yield Need("bad", "The work cannot go on", state.trouble, key="work")
    told = state.destination
    if told is not None and told["state"] in ("paused", "open"):
        level, said = DESTINATION[told["state"]]
        yield Need(level, f"The destination {said}", _capital(WHY.get(told["reason"], "")), key="destination")
    for alert in state.alerts:
        if alert.code not in SHOWN_ANYWAY:
            said = f"{_capital(alert.text)}. {_capital(alert.todo)}"
            yield Need(alert.level, alert.title, said, key=f"{alert.code} {alert.scope}".rstrip())


def _of_requests(asked: Asked, summary: Summary) -> Iterator[Need]:
    requests = "/requests" if asked.has("/requests") else ""
    if summary.dead.total:
        yield Need(
            "bad",
            f"{_many(summary.dead.total, 'request')} given up by the program (dead)",
            "The API refused them, or they failed for a day. Read what it said, mend the cause, send them again.",
            "hl7-interface requests --state dead",
            "/holds#s-dead",
            "dead",
        )
    if summary.failed.total:
        yield Need(
            "bad",
            f"{_many(summary.failed.total, 'message')} could not be decided (failed)",
            "Decide them again when the cause is gone; nothing of them is lost.",
            "hl7-interface messages --state failed",
            "/holds#s-failed",
            "failed",
        )
    if summary.unanswered:
        yield Need(
            "warn",
            f"{_many(summary.unanswered, 'request')} without any webhook for longer than is expected",
            "Do webhooks reach us, and does the API know where to send them? docs/webhooks.md",
            "hl7-interface requests --unanswered",
            requests and f"{requests}?unanswered=yes",
            "unanswered",
        )
    yield from _held(summary.held)
    if summary.unassigned.total:
        groups = summary.unassigned.groups
        yield Need(
            "warn",
            f"{_many(summary.unassigned.total, 'message')} of the last 7 days: whose they are, or what they are "
            "about, can't be told",
            # what releases one reason is wrong beside another
            _capital(release_of(groups[0].code)) if len(groups) == 1 else "",
            "hl7-interface messages --decision hold",
            "/holds#s-unassigned",
            "unassigned",
        )


def _held(held: Grouped) -> Iterator[Need]:
    groups = [group for group in held.groups if group.code not in EXPECTED]
    for group in groups[:MOST_GROUPS]:
        least = _least(held)
        path = f"/holds?{urlencode({'code': group.code})}"
        yield Need(
            "warn",
            f"{least}{_many(group.count, 'request')} held: {reason_text(group.code, group.text)}",
            f"Released by: {release_of(group.code)}" if release_of(group.code) else "",
            f"hl7-interface requests --state held --code {group.code}",
            path,
            f"held-{group.code}",
        )
    if more := groups[MOST_GROUPS:]:
        yield Need(
            "warn",
            f"{len(more)} more reasons to hold, {_many(sum(group.count for group in more), 'request')}",
            "",
            "hl7-interface requests --state held",
            "/holds",
            "held-others",
        )


def _later(held: Grouped) -> list[str]:
    """Requests that are held as is expected."""
    return [
        f"{_least(held)}{_many(group.count, 'request')}: {reason_text(group.code, group.text)}"
        for group in held.groups
        if group.code in EXPECTED
    ]


def _least(held: Grouped) -> str:
    return "at least " if held.looked_at < held.total else ""


def _many(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ------------------------------------------------------------------------------------------ the state of things


def _tiles(asked: Asked, summary: Summary, work_ahead: float) -> list[dict[str, Any]]:
    backlog = summary.backlog
    oldest = backlog.oldest_request_at
    waits = None if oldest is None else max(0.0, asked.now + work_ahead - oldest)
    undecided = None if summary.oldest_new_at is None else max(0.0, asked.now - summary.oldest_new_at)
    return [
        _tile(
            "undecided",
            "messages to decide",
            backlog.new_messages,
            "/messages?state=new",
            "warn" if (undecided or 0) > 600 else "",
        ),
        _tile("waiting", "requests waiting", backlog.waiting_requests, "/requests?state=waiting"),
        {
            "key": "oldest",
            "label": "oldest waiting",
            "value": duration(waits) or "none",
            "href": "",
            "level": "warn" if (waits or 0) > 3600 else "",
        },
        _tile("sending", "being sent", backlog.sending_requests, "/requests?state=sending"),
        _tile("held", "held", summary.held.total, "/holds"),
        _tile("dead", "dead", summary.dead.total, "/holds", "bad"),
    ]


def _tile(key: str, label: str, count: int, href: str, level: str = "") -> dict[str, Any]:
    """A number that leads to what it counts, where there is any."""
    return {
        "key": key,
        "label": label,
        "value": number(count),
        "href": href if count else "",
        "level": level if count else "",
    }


def _listeners(asked: Asked, summary: Summary, state: DoorState) -> list[dict[str, Any]]:
    """Each listener with its senders; one that is no more, too, while its messages are of the last days."""
    named = {listener.name: listener for listener in state.listeners}
    found = []
    for name in sorted({*named, *(feed.listener for feed in summary.feeds)}):
        listener = named.get(name)
        feeds = [feed for feed in summary.feeds if feed.listener == name]
        busiest = sorted(feeds, key=lambda feed: -feed.day)[:MOST_SENDERS]
        level, said = _listening(asked, feeds, listener)
        found.append(
            {
                "name": name,
                "address": f"{listener.host}:{listener.port}" if listener else "",
                "connections": listener.connections if listener else None,
                "level": level,
                "said": said,
                "senders": [_sender(asked, feed) for feed in feeds if feed in busiest],
                "more": len(feeds) - len(busiest),
            }
        )
    return found


def _listening(asked: Asked, feeds: list[Feed], listener: ListenerState | None) -> tuple[str, str]:
    if listener is None:
        return "calm", "not a listener now"
    if listener.closed:
        return "bad", f"takes nobody: {listener.closed}"
    if not feeds:
        return "warn", "no message in 7 days"
    if all(_is_quiet(asked, feed) for feed in feeds):
        return "warn", "quiet for more than a day"
    return "good", "takes messages"


def _is_quiet(asked: Asked, feed: Feed) -> bool:
    return asked.now - feed.last_at > QUIET_SECONDS


def _sender(asked: Asked, feed: Feed) -> dict[str, Any]:
    return {
        "name": " · ".join(filter(None, (feed.application, feed.facility))) or "without a name",
        "quiet": _is_quiet(asked, feed),
        "last": clock(feed.last_at, asked.now, asked.zone),
        "ago": duration(max(0.0, asked.now - feed.last_at)),
        "this_hour": feed.this_hour,
        "last_hour": feed.last_hour,
        "day": feed.day,
    }


def _destination(state: DoorState, base_url: str) -> dict[str, Any]:
    told = state.destination
    level, said = ("calm", "not known yet") if told is None else DESTINATION[told["state"]]
    reason = WHY.get(told["reason"], "") if told else ""
    return {"url": base_url, "level": level, "said": said, "reason": reason}


def _outcomes(found: Outcomes) -> list[tuple[str, int]]:
    """What webhooks said; a request may be in several."""
    rows = [
        ("taken in by the API", found.taken),
        ("records found", found.found),
        ("too little to find the patient", found.insufficient),
        ("delivery complete", found.delivered),
        ("documents", found.documents),
        ("no webhook yet", found.awaited),
    ]
    return rows if found.taken else []


def _chart(asked: Asked, hours: tuple[HourCount, ...], wanted: int) -> dict[str, Any]:
    pattern = "%H:%M" if wanted <= 24 else "%a %d %b %H:%M"
    names = [asked.local(hour.begins).strftime(pattern) for hour in hours]
    labels = [
        f"{name}: {_many(hour.messages, 'message')}, {_many(hour.requests, 'request')}"
        for name, hour in zip(names, hours, strict=True)
    ]
    drawn, top = columns(labels, [[hour.messages for hour in hours], [hour.requests for hour in hours]])
    marks = 4
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "columns": drawn,
        "top": top,
        "marks": [names[place * len(names) // marks] for place in range(marks)] + ["now"],
        "rows": list(zip(names, hours, strict=True))[::-1],
        "messages": sum(hour.messages for hour in hours),
        "requests": sum(hour.requests for hour in hours),
    }


PAGE = Page("/", "today.html", read, values, entry="Today")
