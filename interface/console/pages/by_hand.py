"""What a person is about to have done to requests, messages or charts: counted, and told exactly, before it is asked for.

`/by-hand?deed=DEED` and which: `id=` (repeated; of requests, with `of_messages=yes` of messages, with `deed=rebuild` of
patients), or a group as /holds names it (`of`, `code`, `status`): its oldest. The page's form carries the ids that were
counted.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from interface.console import many_ids
from interface.console.asked import (
    Action,
    Around,
    Asked,
    AskMany,
    Page,
    RefusedError,
    Shown,
    local_path,
)
from interface.console.listing import reason_of
from interface.console.pages.holds import address_of, group_of, said_of, text_of
from interface.console.pages.reprocessing import (
    REBUILD,
    REPROCESS,
    Trying,
    asked_again,
    shown_trial,
    try_again,
    try_rebuilding,
)
from interface.console.rendering import number
from interface.services.deeds import DEEDS, WHY_CHARACTERS, Deed, given_up, portions_of, reason_given
from interface.store.records.console import Several
from interface.store.records.lists import RequestSummary
from interface.store.store import Store
from interface.store.unsettled import MESSAGES

PATH = "/by-hand"
KINDS = (*DEEDS, REPROCESS, REBUILD)
NAMED = 20
"""Requests that are named one by one."""
WORDS: Mapping[str, tuple[str, str, str]] = {
    "retry": (
        "Send again",
        "Each is composed anew from the patient's chart as it is now, and waits to be sent; or it is held, with the reason. "
        "One that waits already is due at once.",
        "Send {} again",
    ),
    "discard": (
        "Give up",
        "Nothing of it is sent. It is asked for anew only when a later message changes what it would say, or when it is "
        "sent again by hand.",
        "Give {} up",
    ),
    "release": (
        "Release",
        "Their patients are protected. They are let go, and later requests for the same visits, too. What is held for "
        "another reason stays held.",
        "Release {}",
    ),
}
"""By deed its name, what will happen, and the button."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that something is to be done to."""

    deed: Deed
    rows: Sequence[RequestSummary]
    """As they are now, by id."""
    group: Several | None
    more: bool
    """There are more in the group than are taken at once."""
    once: str


ENTRIES = {"messages": "Messages", "requests": "Requests", "patients": "Patients"}
"""The entry of the navigation by where one came from."""


def read(store: Store, asked: Asked, around: Around) -> Counted | Trying:
    """The requests, or what deciding messages or making charts anew would change."""
    kind = asked.query.choice("deed", KINDS)
    if not kind:
        raise RefusedError(400, "deed: say what is to be done")
    if kind == REBUILD:
        return try_rebuilding(store, asked, around, secrets.token_urlsafe(16))
    group = group_of(asked)
    if kind == REPROCESS:
        return try_again(store, asked, around, group, secrets.token_urlsafe(16))
    if group is not None and group.kind in MESSAGES:
        raise RefusedError(400, f"{kind} is for requests; these are messages")
    ids = asked.query.wholes("id")
    if group is not None and not ids:
        ids = store.unsettled.ids(group, many_ids.MOST + 1)
    if not ids:
        raise RefusedError(400, "Nothing is chosen: go back and choose at least one.")
    rows = _known(store, ids[: many_ids.MOST])
    return Counted(DEEDS[kind], rows, group, len(ids) > many_ids.MOST, secrets.token_urlsafe(16))


def _known(store: Store, ids: Sequence[int]) -> list[RequestSummary]:
    """These requests by id. RefusedError: one is not there."""
    found = store.patients.requests_by_id(ids)
    for wanted in ids:
        if wanted not in found:
            raise RefusedError(404, f"There is no request {wanted}.")
    return [found[wanted] for wanted in sorted(found)]


def values(asked: Asked, what: Counted | Trying) -> Shown:
    """What will happen, with the form that asks for it."""
    back = back_of(asked, what.group)
    shown = shown_trial(asked, what, back) if isinstance(what, Trying) else _counted(asked, what, back)
    return replace(shown, entry=ENTRIES.get(back.split("/")[1].split("?")[0], "Holds"))


def _counted(asked: Asked, what: Counted, back: str) -> Shown:
    """Requests to which something is to be done."""
    deed, rows = what.deed, what.rows
    name, means, button = WORDS[deed.kind]
    will = [row for row in rows if deed.takes(row)]
    wont = Counter(_why_not(deed, row) for row in rows if not deed.takes(row))
    return Shown(
        f"{name}: {many(len(will), 'request')}",
        {
            "deed": deed.kind,
            "title": f"{name}?",
            "means": means,
            "count": many(len(will), "request"),
            "states": sorted(Counter(row.state for row in will).items()),
            "also": _also_held(deed, will),
            "wont": [(many(count, "request"), why) for why, count in wont.most_common()],
            "group": said_of(what.group, text_of(what.group, rows)) if what.group else "",
            "most": number(many_ids.MOST) if what.more else "",
            "rows": [_row(asked, row) for row in will[:NAMED]],
            "others": len(will) - NAMED if len(will) > NAMED else 0,
            "button": button.format(many(len(will), "request")),
            "given_up": any(given_up(deed, (row.state for row in will)).values()),
            "danger": deed.kind == "discard",
            "needs_why": deed.needs_why,
            "most_why": WHY_CHARACTERS,
            "ids": many_ids.written(row.id for row in will),
            "once": what.once,
            "back": back,
            "trial": None,
        },
    )


def many(count: int, what: str) -> str:
    """`1 request`, `1,234 requests`."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def back_of(asked: Asked, group: Several | None) -> str:
    """Where one came from."""
    given = asked.query.secret("back")
    return local_path(given) if given else address_of(group) if group else "/holds"


def _why_not(deed: Deed, row: RequestSummary) -> str:
    if row.state not in deed.taken:
        return f"{row.state}: it can be done to requests that are {' or '.join(deed.taken)}"
    return f"{row.state} for another reason"


def _also_held(deed: Deed, will: Sequence[RequestSummary]) -> str:
    """Of requests to be released those that will stay held."""
    if deed.code is None:
        return ""
    others = sum(len({reason.get("code") for reason in row.reasons}) > 1 for row in will)
    return f"{many(others, 'request')} of these will stay held, for another reason." if others else ""


def _row(asked: Asked, row: RequestSummary) -> dict[str, Any]:
    return {
        "key": f"request-{row.id}",
        "request": {
            "text": f"request {row.id}",
            "href": f"/requests/{row.id}" if asked.has("/requests/{id}") else "",
        },
        "state": row.state,
        "why": reason_of(row.reasons),
        "at": {"at": row.created_at},
    }


def act(store: Store, asked: Asked, around: Around) -> AskMany:
    """Ask for it, for the ids that were counted."""
    form = asked.form
    kind = form.choice("deed", KINDS)
    ids = many_ids.read_ids(form.secret("ids"))
    once = form.text("once")
    if not (kind and ids and once):
        raise RefusedError(400, "This form is damaged: go back and begin anew.")
    back = local_path(form.secret("back"))
    why = reason_given(form.secret("why"))
    if form.secret("why").strip() and not why:
        raise RefusedError(400, f"why: at most {WHY_CHARACTERS} characters")
    if kind in (REPROCESS, REBUILD):
        return asked_again(store, asked, around, kind, ids, once, back)
    deed = DEEDS[kind]
    if deed.needs_why and not why:
        raise RefusedError(400, "why: say why they are given up; it is kept with each")
    counted = ("discarded",) if form.text("given_up") else ()
    more = {"who": asked.viewer.name, **({"why": why} if why else {}), **given_up(deed, counted)}
    subjects = tuple(f"request {wanted}" for wanted in ids)
    return AskMany(kind, portions_of(ids, more), kind, subjects, back, once, why or None)


PAGE = Page(PATH, "by_hand.html", read, values, entry="Holds", role="analyst")
ACTION = Action(PATH, act)
