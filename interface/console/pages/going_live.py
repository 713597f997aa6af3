"""The switch of going live: what it will do, counted, and the form that throws it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from interface.console.asked import Action, Around, Ask, Asked, Fields, Page, RefusedError, Shown
from interface.services.by_hand import CannotError
from interface.services.going_live import (
    MOST_DAYS,
    MOST_PER_MINUTE,
    PER_MINUTE,
    Choice,
    Preview,
    arguments_of,
    preview,
)
from interface.store.store import Store

HERE = "/onboarding/live"
OPTIONS = ("drop_older_than", "from_day", "per_minute")


@dataclass(frozen=True, slots=True)
class What:
    """What the switch would do."""

    found: Preview
    choice: Choice
    site: str
    url: str


def read(store: Store, asked: Asked, around: Around) -> What:
    """Count it. RefusedError: it can't be thrown now."""
    environment = around.settings.site.environment
    if environment != "production":
        raise RefusedError(
            400,
            f'[site] environment is "{environment}": set it to "production", set the production key, '
            "restart the daemon, and come back.",
        )
    choice = choice_of(asked.query if asked.path == HERE else asked.form)
    now = asked.local(asked.now + around.work_ahead)
    try:
        found = preview(store, choice, now)
    except CannotError as cannot:
        raise RefusedError(400, f"It can't be thrown now: {cannot}, and come back.") from None
    if found.life.live:
        raise RefusedError(400, "It is live already: nothing to switch.")
    return What(found, choice, around.settings.site.name, around.settings.post_url)


def choice_of(fields: Fields) -> Choice:
    """What is to become of held requests, as an address or a form has it. Raises RefusedError."""
    days = fields.text("drop_older_than", 5)
    if days and not (days.isascii() and days.isdecimal() and int(days) <= MOST_DAYS):
        raise RefusedError(400, f"drop_older_than: a number of days from 0 to {MOST_DAYS}")
    pace = fields.whole("per_minute") or PER_MINUTE
    if pace > MOST_PER_MINUTE:
        raise RefusedError(400, f"per_minute: at most {MOST_PER_MINUTE}")
    day = fields.text("from_day", 10)
    try:
        from_day = date.fromisoformat(day) if day else None
    except ValueError:
        raise RefusedError(400, "from_day: write a day as 2026-03-05") from None
    return Choice(int(days) if days else None, from_day, pace)


def values(asked: Asked, what: What) -> Shown:
    """What will happen, in words, and the form."""
    found, choice = what.found, what.choice
    minutes = max(1, round(found.seconds / 60))
    rows: list[tuple[str, int, str, str]] = [
        (
            "are sent",
            found.sent,
            "good",
            f"over {minutes} min, {choice.per_minute} a minute" if found.sent else "",
        ),
        ("wait for their day", found.timed, "calm", "they go out when their time before the visit comes"),
        ("are dropped: too old", found.too_old, "bad", f"held for longer than {choice.older_than_days} days"),
        ("are dropped: too soon", found.too_soon, "bad", f"for appointments before {choice.from_day}"),
        ("expire", found.past, "warn", "their appointment has passed"),
        ("stay held", found.staying, "warn", ", ".join(f"{c} {n}" for c, n in found.stay.most_common(8))),
    ]
    return Shown(
        "Going live",
        {
            "held": found.held,
            "rows": [
                {"what": what_, "count": count, "why": why if count else "", "level": level if count else ""}
                for what_, count, level, why in rows
                if count or what_ == "are sent"
            ],
            "tested": len(found.tested),
            "url": what.url,
            "site": what.site,
            "given": {name: asked.query.text(name) for name in OPTIONS},
            "seen": digest(found, choice),
            "per_minute": PER_MINUTE,
        },
    )


def digest(found: Preview, choice: Choice) -> str:
    """Stands for what was shown: requests that are dropped, and those that are asked for anew."""
    told: Any = (found.drop_below, found.too_old, found.too_soon, found.tested, str(choice))
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def act(store: Store, asked: Asked, around: Around) -> Ask:
    """Throw it, if it does still what was shown."""
    what = read(store, asked, around)
    typed = asked.form.text("confirmed")
    if what.site and " ".join(typed.split()).casefold() != " ".join(what.site.split()).casefold():
        raise RefusedError(400, f"Type the name of the site, {what.site}, to say that you mean it.")
    if not what.site and typed != "yes":
        raise RefusedError(400, "Check the box to say that you mean it.")
    if asked.form.text("seen") != digest(what.found, what.choice):
        raise RefusedError(
            409,
            "What the switch would drop or ask for anew has changed since it was shown. Look at it again.",
        )
    return Ask(
        "go-live",
        arguments_of(what.found, what.choice, asked.viewer.name),
        "threw the switch to production",
        ("production",),
        "/onboarding",
        urlencode([(name, text) for name in OPTIONS if (text := asked.form.text(name))]) or None,
    )


PAGE = Page(HERE, "going_live.html", read, values, entry="Onboarding", role="admin")
ACTION = Action("/onboarding/live/switch", act, role="admin")
