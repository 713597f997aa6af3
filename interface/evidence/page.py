"""The report as one page: style and data are in it, nothing is loaded, no script runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from interface.chart.reciprocity import REASONS
from interface.contract.fields import fields
from interface.evidence import words
from interface.evidence.completeness import KINDS, SHARING, Share
from interface.evidence.report import EVENTS, Report, as_json

SHARING_WORDS = {
    "both": "problems and medications",
    "problems": "problems only",
    "medications": "medications only",
    "none": "neither",
}
EVENT_WORDS = {
    "found": "patient found",
    "insufficient": "insufficient data",
    "delivered": "document delivered",
}


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("interface.evidence", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "duration": duration}
    environment.globals |= {
        "words": words,
        "fields": fields,
        "reasons": REASONS,
        "kinds": KINDS,
        "what": words.WHAT,
        "sharing": SHARING,
        "sharing_words": SHARING_WORDS,
        "events": EVENTS,
        "event_words": EVENT_WORDS,
        "shared": shared,
    }
    return environment.get_template("onboarding_report.html.j2")


def as_html(report: Report, zone: tzinfo = UTC) -> str:
    """The page; times are those of `zone`. What comes from elsewhere is escaped by the template."""

    def when(at: float | None) -> str:
        return "" if at is None else f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S}"

    made = f"{report.made_at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    page: str = _template().render(
        report=report, sums=report.sums, when=when, made=made, data=embedded(report)
    )
    return page


def embedded(report: Report) -> Any:
    """The report as JSON that may stand in a page: nothing in it can end the element that holds it."""
    from markupsafe import Markup

    text = json.dumps(as_json(report), ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no markup is left in it


def plain(value: object) -> str:
    """Text from elsewhere without characters that are not to be seen."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value)
    )


def duration(seconds: float) -> str:
    """`850 ms`, `12 s`, `3 min`, `5 h`, `2 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, size, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < size * most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def shared(share: Share) -> str:
    """How much of what was known one request has."""
    if share.missing:
        return f"{share.sent} of {share.known}, {share.missing} MISSING"
    return f"{share.sent} of {share.known}"
