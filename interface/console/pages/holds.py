"""What waits for a person, by reason: requests that are dead or held, messages that failed or can't be assigned.

Without `of` in the address all groups; with it one group, oldest first, in pages by id, to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any
from urllib.parse import urlencode

from interface.chart.holds import TIMED, release_of
from interface.console.asked import Around, Asked, Page, Shown
from interface.console.bars import small_bars
from interface.console.by_reason import Heap, heaps_of
from interface.console.listing import said_of as said_of_reason
from interface.console.rendering import duration
from interface.delivery.verdict import Reply, judge
from interface.services.deeds import PROTECTED
from interface.shown.fields import reason_text
from interface.store.records.console import TROUBLES, LookedAt, Several, Trouble
from interface.store.records.lists import MessageSummary, RequestSummary
from interface.store.records.reasons import in_common
from interface.store.store import Store
from interface.store.unsettled import MESSAGES

ROWS = 50
DAYS = 14
"""Days that the small bars show."""
NO_STATUS = "none"
KINDS: Mapping[Trouble, tuple[str, str, str]] = {
    "dead": ("dead", "bad", "Requests given up by the program"),
    "failed": ("failed", "bad", "Messages that could not be decided"),
    "held": ("held", "warn", "Requests held"),
    "unassigned": ("held", "warn", "Messages held: whose they are, or what they are about, can't be told"),
}
"""By kind the state's name, how it looks, and what is said of it."""
RELEASES: Mapping[Trouble, str] = {
    "dead": "mend the cause, then send them again; or give them up",
    "failed": "deciding them again, once the cause is gone; nothing of them is lost",
    "unassigned": "a message that tells it; or, when the mapping or the settings were at fault, deciding them again",
}
"""What is done about those whose reason has no row of its own."""


@dataclass(frozen=True, slots=True)
class Groups:
    """What is read for all groups."""

    found: Mapping[Trouble, LookedAt]
    ahead: float
    """Seconds by which the clock of requests is ahead of ours."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is read for one group: the rows of a page, one more where there are more."""

    of: Several
    rows: Sequence[RequestSummary] | Sequence[MessageSummary]


def read(store: Store, asked: Asked, around: Around) -> Groups | Listed:
    """All groups, or the rows of one."""
    of = group_of(asked)
    if of is None:
        days = days_before(asked.local(asked.now), DAYS)
        shifted = [at + around.work_ahead for at in days]
        found = {
            kind: store.unsettled.looked_at(kind, days if kind in MESSAGES else shifted) for kind in TROUBLES
        }
        return Groups(found, around.work_ahead)
    after = asked.query.whole("after") or 0
    if of.kind in MESSAGES:
        return Listed(of, store.unsettled.messages(of, after=after, limit=ROWS + 1))
    return Listed(of, store.unsettled.requests(of, after=after, limit=ROWS + 1))


def group_of(asked: Asked) -> Several | None:
    """The group that the address names; None: none. RefusedError says what is wrong."""
    query = asked.query
    code, status = query.text("code"), query.text("status", 4)
    kind = query.choice("of", TROUBLES, "held" if code else "")
    if not kind:
        return None
    of = Several(kind, code)  # type: ignore[arg-type] # one of TROUBLES
    if code in TIMED:
        return replace(of, only=TIMED)
    if status:
        number = None if status == NO_STATUS else query.whole("status")
        return replace(of, without_reason=not code, status=number)
    return of


def days_before(now: datetime, count: int) -> list[float]:
    """When the last days began, oldest first; the last one is today."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [(midnight - timedelta(days=back)).timestamp() for back in reversed(range(count))]


def address_of(of: Several, path: str = "/holds", **more: object) -> str:
    """The address of a group."""
    status = {} if not of.without_reason else {"status": NO_STATUS if of.status is None else of.status}
    return f"{path}?{urlencode({'of': of.kind, **({'code': of.code} if of.code else status), **more})}"


def values(asked: Asked, what: Groups | Listed) -> Shown:
    """Either."""
    return _all(asked, what) if isinstance(what, Groups) else _one(asked, what)


# ------------------------------------------------------------------------------------------ all groups


def _all(asked: Asked, what: Groups) -> Shown:
    sections, later = [], []
    for kind in TROUBLES:
        looked = what.found[kind]
        heaps = heaps_of(kind, looked)
        now = asked.now + (0.0 if kind in MESSAGES else what.ahead)
        told = [(heap.of.code in TIMED, _card(asked, now, heap, looked)) for heap in heaps]
        cards = [card for timed, card in told if not timed]
        later += [card for timed, card in told if timed]
        if cards:
            sections.append(
                {
                    "kind": kind,
                    "title": KINDS[kind][2],
                    "cards": cards,
                    "total": looked.total,
                    "looked_at": looked.looked_at,
                }
            )
    return Shown("Holds", {"sections": sections, "later": later, "days": DAYS, "listed": None})


def _card(asked: Asked, now: float, heap: Heap, looked: LookedAt) -> dict[str, Any]:
    kind = heap.of.kind
    record = "messages" if kind in MESSAGES else "requests"
    state, level, _ = KINDS[kind]
    return {
        "key": address_of(heap.of),
        "state": state,
        "level": "calm" if heap.of.code in TIMED else level,
        "what": said_of(heap.of, heap.text),
        "code": heap.of.code,
        "release": released_by(heap.of),
        "count": heap.count,
        "least": looked.looked_at < looked.total,
        "record": record if heap.count != 1 else record[:-1],
        "href": address_of(heap.of),
        "oldest": _end(asked, now, record, heap.first, heap.oldest),
        "newest": _end(asked, now, record, heap.last, heap.newest) if heap.last != heap.first else None,
        "bars": small_bars(heap.by_day),
        "deeds": deeds_for(heap.of),
    }


def _end(asked: Asked, now: float, record: str, number: int, at: float) -> dict[str, Any]:
    there = asked.has(f"/{record}/{{id}}")
    return {
        "name": f"{record[:-1]} {number}",
        "at": at,
        "ago": duration(now - at),
        "href": f"/{record}/{number}" if there else "",
    }


def said_of(of: Several, text: str = "") -> str:
    """The reason in words."""
    if text or of.code:
        return reason_text(of.code, text)
    if of.kind == "dead":
        if of.status is None:
            return "no answer for a day, while others' requests passed"
        verdict = judge(Reply(of.status))
        said = verdict.text if verdict.kind == "dead" else f"failed for a day; at last {verdict.text}"
        return f"HTTP {of.status}: {said}"
    return "without a reason"


def text_of(of: Several, rows: Iterable[RequestSummary] | Iterable[MessageSummary]) -> str:
    """What these rows say alike of the group's reason; '': nothing."""
    reasons = (reason for row in rows for reason in row.reasons if reason.get("code") == of.code)
    texts = [str(reason.get("text", "")) for reason in reasons]
    return reduce(in_common, texts) if texts else ""


def released_by(of: Several) -> str:
    """What releases it, or what is done about it."""
    return release_of(of.code) or RELEASES.get(of.kind, "")


def deeds_for(of: Several) -> list[tuple[str, str]]:
    """What can be done to a group, as (deed, button)."""
    again = ("reprocess", "Decide again…")
    if of.kind in MESSAGES:
        return [again]
    if of.kind == "dead":
        return [("retry", "Send again…"), ("discard", "Give up…")]
    release = [("release", "Release…")] if of.code == PROTECTED else []
    return [*release, again, ("discard", "Give up…")]


# ------------------------------------------------------------------------------------------ one group


def _one(asked: Asked, what: Listed) -> Shown:
    of, rows = what.of, what.rows[:ROWS]
    said = said_of(of, text_of(of, rows))
    record = "messages" if of.kind in MESSAGES else "requests"
    state, level, _ = KINDS[of.kind]
    return Shown(
        said,
        {
            "listed": {
                "of": of,
                "record": record,
                "about": "message" if of.kind in MESSAGES else "visit",
                "state": state,
                "level": level,
                "what": said,
                "release": released_by(of),
                "rows": [_row(asked, record, row) for row in rows],
                "deeds": deeds_for(of),
                "fields": _hidden(of),
                "first": address_of(of) if asked.query.whole("after") else "",
                "next": address_of(of, after=rows[-1].id) if len(what.rows) > ROWS else "",
            },
        },
        seen=() if of.kind in MESSAGES else tuple(f"request {row.id}" for row in rows),
    )


def _hidden(of: Several) -> list[tuple[str, str]]:
    named = [("of", of.kind), ("code", of.code)]
    if of.without_reason:
        named.append(("status", NO_STATUS if of.status is None else str(of.status)))
    return [(name, value) for name, value in named if value]


def _row(asked: Asked, record: str, row: RequestSummary | MessageSummary) -> dict[str, Any]:
    if isinstance(row, MessageSummary):
        at = row.received_at
        about: object = f"{row.message_type or 'not HL7'} · {row.control_id}"
        also = " · ".join(filter(None, (row.sender_application, row.sender_facility)))
    else:
        at = row.created_at
        about = asked.viewer.veil(row.appointment_date) if row.appointment_date else "none known"
        also = f"{row.attempts} attempt{'s' if row.attempts > 1 else ''}" if row.attempts else ""
    return {
        "id": row.id,
        "href": f"/{record}/{row.id}" if asked.has(f"/{record}/{{id}}") else "",
        "at": at,
        "about": about,
        "also": also,
        "why": [said_of_reason(reason) for reason in row.reasons],
    }


PAGE = Page("/holds", "holds.html", read, values, entry="Holds")
