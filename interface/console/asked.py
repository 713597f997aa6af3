"""What a browser asks, checked, and what a page or an action answers: values, without sockets, store or clock.

A page is a row of `pages.PAGES`: a path, a template, `read` (in a thread, from the store) and `values` (pure: what was
asked and read becomes what the template shows). An action is a row of `pages.ACTIONS`: a form's path, and `act`, which
says what is to be done; it does nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from interface.console.figures import Figures
from interface.console.kept import Kept
from interface.errors import InterfaceError
from interface.services.door_state import DoorState
from interface.settings import Settings
from interface.shown.mask import shape
from interface.shown.text import from_shown, safe_text
from interface.store.records.console import ROLES, Role
from interface.store.store import Store
from interface.store.texts import clear

MOST_TEXT = 200
"""Characters of a query's or a form's value, unless a page asks for more."""
MOST_ID = 2**62
_ODD_BLANK = re.compile(r"[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""Not-breaking, thin, wide: they come with what is pasted from elsewhere."""
LIVE = "live"
"""The parameter by which a script says that it asks, and not a person."""


class RefusedError(InterfaceError):
    """What was asked can't be answered; the text says why, in words for the one who asked."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Fields:
    """The values of a query or a form by name, each checked when it is taken. RefusedError (400) names what is wrong."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        """The first of several values counts, but for `wholes`."""
        self._pairs = tuple(pairs)
        self._values: dict[str, str] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, value)

    def text(self, name: str, most: int = MOST_TEXT) -> str:
        """Text in one line without outer blanks, any blank a plain one; '' when it is not there."""
        value = _ODD_BLANK.sub(" ", self._values.get(name, "").strip())
        if len(value) > most:
            raise RefusedError(400, f"{name}: at most {most} characters")
        if not value.isprintable():
            raise RefusedError(400, f"{name}: must be one line without control characters")
        return value

    def sent(self, name: str, most: int = MOST_TEXT) -> str:
        """What is looked for in messages: as `text`, with whatever characters a sender may have put there, as they are
        or as the pages show them.
        """
        value = clear(from_shown(self._values.get(name, "").strip()))
        if len(value) > most:
            raise RefusedError(400, f"{name}: at most {most} characters")
        return value

    def secret(self, name: str) -> str:
        """Text as it was typed, whatever is in it; '' when it is not there."""
        return self._values.get(name, "")

    def whole(self, name: str) -> int | None:
        """A number from 1; None when it is not there."""
        value = self.text(name, 20)
        if not value:
            return None
        number = as_id(value)
        if number is None:
            raise RefusedError(400, f"{name}: must be a number from 1")
        return number

    def numbers(self, prefix: str) -> list[int]:
        """The numbers behind this beginning in the names that have it (`request-12`): what was ticked."""
        tails = [name.removeprefix(prefix) for name in self._values if name.startswith(prefix)]
        found = [as_id(tail) for tail in tails]
        if None in found:
            raise RefusedError(400, f"{prefix}: must be followed by a number")
        return sorted(number for number in found if number is not None)

    def wholes(self, name: str) -> list[int]:
        """All numbers of this name, each once, in their order."""
        numbers = [as_id(value) for given, value in self._pairs if given == name]
        if None in numbers:
            raise RefusedError(400, f"{name}: must be a number from 1")
        return list(dict.fromkeys(number for number in numbers if number is not None))

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """One of these; `default` when it is not there."""
        value, known = self.text(name), tuple(choices)
        if value and value not in known:
            raise RefusedError(
                400, f"{name}: must be one of {', '.join(choice for choice in known if choice)}"
            )
        return value or default


def as_id(text: str) -> int | None:
    """A row's id as a path or a field has it."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return None
    number = int(text)
    return number if 0 < number < MOST_ID else None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request of a browser, as plain values."""

    method: str
    """GET (HEAD is told as GET) or POST."""
    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    cookies: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    secure: bool = False
    """It came over our own TLS."""
    host: str = ""
    origin: str = ""
    fetch_site: str = ""
    """What the browser says of where the request comes from (Sec-Fetch-Site); '': nothing."""
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Of the form."""

    @property
    def live(self) -> bool:
        """A script asks for the page anew, by itself."""
        return any(name == LIVE for name, _ in self.query)


@dataclass(frozen=True, slots=True)
class Veiled:
    """A value that is patient data: as it is, or as its shape where the one who looks does not see it."""

    text: str
    masked: bool
    kind: str = "veiled"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in."""

    name: str
    role: Role
    token_hash: bytes = b""
    csrf: str = ""
    shows_until: float = 0.0
    shows: bool = False
    """Patient data is shown now; else masked."""

    def may(self, role: Role) -> bool:
        """Whether one may do what this role may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def veil(self, value: object) -> Veiled:
        """Patient data for a template: as it is for who has it shown, else its shape (`Xxxxx`, `999-9999`)."""
        text = "" if value is None else str(value)
        return Veiled(text, masked=False) if self.shows else Veiled(shape(safe_text(text)), masked=bool(text))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page or an action is asked, by whom and when."""

    viewer: Viewer
    now: float
    """POSIX seconds, by the machine's clock."""
    zone: tzinfo | None = None
    """The site's; None: this machine's."""
    ids: tuple[int, ...] = ()
    """Of the path, in their order."""
    query: Fields = field(default_factory=Fields)
    form: Fields = field(default_factory=Fields)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Of the form, by the name of the field."""
    path: str = "/"
    paths: frozenset[str] = frozenset()
    """The paths of all pages, as they are in their rows: a link leads only to what is there."""

    def has(self, path: str) -> bool:
        """Whether there is a page of this path."""
        return path in self.paths

    def local(self, seconds: float) -> datetime:
        """A time as the site's clocks show it."""
        return datetime.fromtimestamp(seconds).astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class Around:
    """What pages may look at besides the store."""

    settings: Settings
    state: DoorState
    """The door when the browser asked."""
    figures: Figures
    kept: Kept
    work_ahead: float = 0.0
    """Seconds by which the clock of requests is ahead of ours (`run --now`)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows."""

    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[str, ...] = ()
    """The records whose patient data is in it (`message 12`): noted before it is shown to one who sees it unmasked."""
    status: int = 200
    entry: str = ""
    """The entry of the navigation that it belongs to, where that is not its page's."""


@dataclass(frozen=True, slots=True)
class File:
    """What a page gives to be kept, not to be looked at."""

    name: str
    kind: str
    body: bytes
    subject: str
    """What the audit calls it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page."""

    path: str
    """Segments are texts, or `{id}`: a row's number."""
    template: str
    read: Callable[[Store, Asked, Around], Any]
    """In a thread; reads only."""
    values: Callable[[Asked, Any], Shown | File]
    """Pure."""
    entry: str = ""
    """The entry of the navigation that it belongs to."""
    role: Role = "viewer"


@dataclass(frozen=True, slots=True)
class Go:
    """Go to another page of ours."""

    to: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the work to do something (see `interface/services/commands.py`)."""

    kind: str
    arguments: Mapping[str, Any]
    action: str
    """What the audit calls it, in one word or two: `released`."""
    subjects: tuple[str, ...]
    """What it is done to, for the audit: `request 12`."""
    back: str
    """Where to go on when it is done."""
    why: str | None = None
    """What the person typed."""


@dataclass(frozen=True, slots=True)
class AskMany:
    """Ask the work to do something in portions, a command for each. It is done once, however often the form is sent."""

    kind: str
    portions: Sequence[Mapping[str, Any]]
    """The arguments of each; one at least."""
    action: str
    subjects: tuple[str, ...]
    back: str
    once: str
    """Made when the form was shown: another form with the same is the same."""
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Note something that no decision of the work depends on, by whoever notes it."""

    write: Callable[[Store], object]
    """One short transaction."""
    action: str
    """As `Ask.action`."""
    subjects: tuple[str, ...]
    back: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """Answer the form with a page: what was asked must stand in no address."""

    shown: Shown
    template: str
    entry: str


@dataclass(frozen=True, slots=True)
class Action:
    """What a form asks for."""

    path: str
    act: Callable[[Store, Asked, Around], Go | Ask | AskMany | Write | Present]
    """In a thread; reads only, and says what is to be done. Raises RefusedError."""
    role: Role = "analyst"
    most_bytes: int = 64 * 1024
    """Of the form."""


_END = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def day_of(asked: Asked, name: str, more: int = 0) -> float | None:
    """The beginning of a day that the address names, at the site, `more` days later; None when it is not there."""
    text = asked.query.text(name, 10)
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - the site's zone follows
    except ValueError:
        raise RefusedError(400, f"{name}: write a day as 2026-03-05") from None
    try:
        day += timedelta(days=more)
        return (day.replace(tzinfo=asked.zone) if asked.zone else day.astimezone()).timestamp()
    except (ValueError, OverflowError, OSError):
        # at an end of the calendar: before or after all that there is
        return 0.0 if day.year < 1970 else _END


def local_path(text: str) -> str:
    """A path of ours to go to; '/' for whatever leads elsewhere."""
    fine = text.startswith("/") and not text.startswith("//") and text.isascii() and text.isprintable()
    return text if fine and "\\" not in text and " " not in text and len(text) <= 2000 else "/"
