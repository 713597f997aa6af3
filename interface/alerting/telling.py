"""What channels get: notices that wait to be told, in order, each until it is told or too old.

A queue per channel: what begins is told before what ends. A value that each try turns into the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from interface.alerting.conditions import span
from interface.alerting.kinds import BY_CODE
from interface.alerting.state import EDGES, MOST_TEXT, UNWATCHED, Edge, is_time

FIRST_WAIT = 10.0
LONGEST_WAIT = 600.0
KEPT_SECONDS = 24 * 3600.0
"""A notice that could not be told for so long is given up."""
MOST_NOTICES = 200
"""Notices that wait for one channel; of more the oldest go."""

TEST = "test"
"""The code of what `alerts test` sends."""
VERBS = {"begins": "begins", "ends": "is over", "goes-on": "still holds"}
_HEADS = {"begins": "Alert", "ends": "Over", "goes-on": "Still"}


@dataclass(frozen=True, slots=True)
class Notice:
    """An edge to be told."""

    id: str
    """The same for all channels and all tries: whoever gets it twice can tell."""
    edge: Edge


@dataclass(frozen=True, slots=True)
class Queue:
    """What one channel has not told yet."""

    notices: tuple[Notice, ...] = ()
    tries: int = 0
    """Of the first of them, and all in vain."""
    due: float = 0.0
    """When it is tried next."""
    lost: int = 0
    """Given up since it worked last."""

    def with_more(self, notices: Iterable[Notice]) -> Queue:
        """After there is more to tell."""
        known = {notice.id for notice in self.notices}
        both = self.notices + tuple(notice for notice in notices if notice.id not in known)
        beyond = max(0, len(both) - MOST_NOTICES)
        if not beyond:
            return replace(self, notices=both)
        # the first one may be on its way: it stays
        return replace(self, notices=both[:1] + both[1 + beyond :], lost=self.lost + beyond)

    def next(self, now: float) -> Notice | None:
        """What to tell now; None: nothing, or not yet."""
        return self.notices[0] if self.notices and self.due <= now else None

    def wait(self, now: float) -> float | None:
        """Seconds until then; None: there is nothing."""
        return max(0.0, self.due - now) if self.notices else None

    def told(self, id: str) -> Queue:
        """After that notice was told."""
        return Queue(tuple(notice for notice in self.notices if notice.id != id))

    def missed(self, now: float) -> Queue:
        """After the first one could not be told."""
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self.tries, 20))
        return replace(self, tries=self.tries + 1, due=now + wait)

    def fresh(self, now: float) -> Queue:
        """Without what is too old to be told."""
        left = tuple(notice for notice in self.notices if now - notice.edge.at < KEPT_SECONDS)
        gone = len(self.notices) - len(left)
        return replace(self, notices=left, lost=self.lost + gone) if gone else self

    def kept(self) -> list[dict[str, Any]]:
        """As JSON values. When to try again is not among them: a start tries at once."""
        return [notice_kept(notice) for notice in self.notices]

    @staticmethod
    def restored(told: object) -> Queue:
        """What `kept` gave; what is not understood is left out."""
        rows = told if isinstance(told, list) else []
        return Queue(tuple(notice for row in rows if (notice := notice_restored(row)) is not None))


def notice_kept(notice: Notice) -> dict[str, Any]:
    """A notice as JSON values."""
    edge = notice.edge
    return {"id": notice.id, **{name: getattr(edge, name) for name in Edge.__slots__}}


def notice_restored(row: Any) -> Notice | None:
    """What `notice_kept` gave; None: it is not understood."""
    if not isinstance(row, dict) or row.get("code") not in BY_CODE or row.get("what") not in EDGES:
        return None
    if not (is_time(row.get("at")) and is_time(row.get("since"))):
        return None
    edge = Edge(
        row["what"],
        row["code"],
        str(row.get("scope", "")),
        float(row["at"]),
        float(row["since"]),
        str(row.get("text", ""))[:MOST_TEXT],
    )
    return Notice(str(row.get("id", "")), edge)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks: what every notice says of where it comes from."""

    site: str = ""
    environment: str = ""
    node: str = ""
    """The host."""
    zone: tzinfo | None = None


def words(edge: Edge) -> str:
    """What is said of it. Of an end: that it is one, for what is known is how it was the last time it was bad."""
    if edge.what != "ends" or edge.text == UNWATCHED:
        return edge.text
    return f"over after {span(edge.at - edge.since)}; it was: {edge.text}"


def body(notice: Notice, sender: Sender) -> dict[str, Any]:
    """The JSON that a webhook and a command get."""
    edge, kind = notice.edge, BY_CODE.get(notice.edge.code)
    return {
        "id": notice.id,
        "event": edge.what,
        "alert": edge.code,
        "scope": edge.scope,
        "level": kind.level if kind else "warn",
        "title": kind.title if kind else "A test",
        "text": words(edge),
        "what_to_do": kind.todo if kind and edge.what != "ends" else "",
        "at": _utc(edge.at),
        "since": _utc(edge.since),
        "site": sender.site,
        "environment": sender.environment,
        "node": sender.node,
        "dedup_key": "/".join(
            filter(None, (sender.site, sender.node if kind and kind.of_node else "", edge.code, edge.scope))
        ),
    }


def subject(notice: Notice, sender: Sender) -> str:
    """One line: a mail's subject."""
    told = body(notice, sender)
    where = f" ({told['scope']})" if told["scope"] else ""
    return f"[{sender.site or 'hl7-interface'}] {_HEADS[notice.edge.what]}: {told['title']}{where}"


def text(notice: Notice, sender: Sender) -> str:
    """A mail's body."""
    told, edge = body(notice, sender), notice.edge
    rows = [
        ("alert", edge.code + (f", {edge.scope}" if edge.scope else "")),
        ("level", told["level"]),
        ("since", _local(edge.since, sender.zone)),
        ("over" if edge.what == "ends" else "said", _local(edge.at, sender.zone)),
        ("site", ", ".join(filter(None, (sender.site, sender.environment)))),
        ("machine", sender.node),
    ]
    lines = [f"{_HEADS[edge.what]}: {told['title']}.", "", words(edge)]
    if told["what_to_do"]:
        lines += ["", f"What to do: {told['what_to_do']}"]
    lines += ["", *(f"{name:<8} {value}" for name, value in rows if value)]
    return "\n".join(lines) + "\n"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _local(at: float, zone: tzinfo | None) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
