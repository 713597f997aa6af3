"""Templates become pages. Whatever a template writes is made harmless and escaped, without its asking for it: messages may
hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from interface.console.assets import assets
from interface.shown.text import safe_lines, safe_text

_CODE = re.compile(r"`([^`]+)`")
LEVELS = ("good", "calm", "warn", "bad")
"""How a state looks: well, of no interest, to be watched, to be acted on."""


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("interface.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "number": number,
        "duration": duration,
        "size": size,
        "lines": lines,
        "iso": _iso,
        "raw_lines": raw_lines,
        "commands": commands,
    }
    _, paths = assets()
    environment.globals |= {"asset": paths.__getitem__}
    environment.globals["parts"] = environment.get_template("_parts.html").module
    return environment


def _harmless(value: object) -> object:
    """What a template writes: control and direction characters are shown as escapes."""
    return value if isinstance(value, Markup) else safe_text(value)


def render(template: str, values: Mapping[str, Any]) -> str:
    """A page."""
    page: str = _environment().get_template(template).render(values)
    return page


# ------------------------------------------------------------------------------------------ filters


def number(value: float) -> str:
    """`1,234,567`."""
    return f"{value:,}"


def duration(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `5 days`; '' of none."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{hours // 24} days"


def size(count: float | None) -> str:
    """Bytes as `1.4 GiB`; '' of none."""
    if count is None:
        return ""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def lines(value: object) -> Markup:
    """Text whose line ends stay, made harmless."""
    return Markup("<br>").join(escape(line) for line in safe_lines(str(value)).split("\n"))


def raw_lines(value: object) -> Markup:
    """Text for a text area, line by line as it was typed; what is harmful there is an escape. Browsers drop one line end at
    its beginning.
    """
    return Markup("\n") + escape(safe_lines(str(value)))


def commands(value: object) -> Markup:
    """Text in which `hl7-interface …` and the like, between backticks, are set as code."""
    parts = _CODE.split(safe_text(value))  # what is between backticks at odd places
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def clock(seconds: float, now: float, zone: tzinfo | None) -> str:
    """A time for people, in the site's zone: `14:03:20` of today, else `5 Mar 14:03`, of another year with it."""
    there, today = (datetime.fromtimestamp(at).astimezone(zone) for at in (seconds, now))
    if there.date() == today.date():
        return f"{there:%H:%M:%S}"
    day = f"{there.day} {there:%b}" if there.year == today.year else f"{there.day} {there:%b %Y}"
    return f"{day} {there:%H:%M}"


def zone_name(now: float, zone: tzinfo | None) -> str:
    """What the site's zone is called: `America/Chicago`, or the machine's own, `CST`."""
    return (
        str(zone)
        if zone is not None
        else f"{datetime.fromtimestamp(now).astimezone():%Z}, the machine's zone"
    )
