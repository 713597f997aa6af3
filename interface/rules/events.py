"""What each message type does (`messages.yaml`), as shipped and as a site changes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from interface.rules.facts import Reason
from interface.rules.source import Lines, RuleError, check_keys, nearest

DOES = ("post", "chart", "cancel", "ignore")
ABOUT = ("", "appointment", "visit", "medication", "problem", "person")
IDENTITY = ("", "merge", "renumber", "move-number", "move-account", "move-visit", "link", "remove")
"""What an event does to whose chart things are in (HL7 v2, chapter 3: merge, move, change, link, delete)."""
_EVENT_KEYS = (
    "does",
    "about",
    "say",
    "reopens",
    "ends_inpatient_orders",
    "cancels_discharge",
    "adds_to_orders",
    "deletes_problems",
    "needs",
    "identity",
    "cancels",
)
_SITE_KEYS = ("does", "about", "say", "reopens", "ends_inpatient_orders")
_STANDARD = {
    "ADT": frozenset(f"A{number:02}" for number in (*range(1, 56), 60, 61, 62)),
    "SIU": frozenset(f"S{number:02}" for number in range(12, 28)),
}
"""HL7 table 0003: the trigger events of the two that appointments and visits come by."""
_READ_AS = {"appointment": "SIU", "visit": "ADT"}
_TYPE = re.compile(r"^[A-Z][A-Z0-9]{2}\^(?:[A-Z0-9]{3}|\*)$")


@dataclass(frozen=True)
class Event:
    """What a trigger event does (`messages.yaml`)."""

    type: str
    does: str
    about: str = ""
    say: str = ""
    reopens: bool = True
    """Whether it opens a cancelled visit or appointment again."""
    ends_inpatient_orders: bool = False
    cancels_discharge: bool = False
    """The orders that a discharge ended run on."""
    adds_to_orders: bool = False
    """Dispenses and administrations: they add to orders, but never change or end one."""
    deletes_problems: bool = False
    """A problem (PRB) without an action code of its own is deleted."""
    needs: tuple[str, ...] = ()
    """Without one of these segments the message is ignored."""
    identity: str = ""
    """One of `IDENTITY`."""
    cancels_when_empty: bool = False
    """S20 to S22: a cancel when no resource of the appointment is left."""
    rule: str = ""
    default: str = ""
    """What it does where `[forward]` of the settings does not say otherwise; empty: the settings say nothing of it."""
    forward: str = ""
    """The key of `[forward]` that says otherwise: `ADT^A28`, or `ADT` for all of them."""

    @property
    def books(self) -> bool:
        """Whether it is about an appointment that is or was booked, so that SCH-25 may say what it does."""
        return self.about == "appointment" and (self.default or self.does) == "post"

    def by_site(self, reason: Reason) -> Reason:
        """A reason, with what of the site's says that messages of the type do so: `[forward]`, or a row of messages.yaml."""
        named = self.rule if "/" in self.rule else ""
        if self.forward:
            named = f'[forward] "{self.forward}" = "{self.does}"' if self.default != self.does else ""
        return Reason(reason.code, f"{reason.text} ({named})") if named else reason

    @property
    def without(self) -> Event:
        """What it is without any of the segments it needs."""
        return replace(self, does="ignore", say=f"it holds none of {', '.join(self.needs)}")


@lru_cache(maxsize=256)
def forwarded(event: Event, wanted: str, key: str) -> Event:
    """The event as `[forward]` has it do, under a key: a type (`ADT^A28`) or a message code alone (`ADT`).

    A code alone is for its trigger events that post or chart. What cancels, merges, moves or deletes stays what it is, and
    what is not used unused; but `ignore` is for all of them.
    """
    usual = event.does in ("post", "chart") and not event.identity
    if "^" not in key and not usual and (wanted != "ignore" or event.does == "ignore"):
        return event
    return replace(event, does=wanted, default=event.does, forward=key)


def is_known(key: str, events: Mapping[str, Event]) -> bool:
    """Whether messages of a type (`ADT^A28`), or of a message code alone, can be expected: there are rows for it, and the
    standard has the trigger event, or it is one of a sender's own (Z…).
    """
    code, _, trigger = key.partition("^")
    if key in events:
        return True
    if not any(kind.startswith(f"{code}^") for kind in events):
        return False
    return not trigger or trigger.startswith("Z") or code not in _STANDARD or trigger in _STANDARD[code]


def read_events(found: Lines, file: str) -> tuple[dict[str, Event], Event]:
    """The events of the shipped file by type, and the default. Raises RuleError with file and line."""
    check_keys(found, ("events", "default"), "messages")
    events = {
        str(kind): _event(str(kind), body, file, found["events"].place(kind))
        for kind, body in found["events"].items()
    }
    return events, _event("default", found.get("default", Lines(does="ignore")), file, found.place("default"))


def changed_events(events: Mapping[str, Event], shipped: Lines, own: Lines, label: str) -> dict[str, Event]:
    """The events as a site's `messages.yaml` changes them: the keys it gives, of types that are there or new ones. A trigger
    event without a row takes the others from its type's `*`.
    """
    check_keys(own, ("events",), "messages")
    given = own.get("events")
    if not isinstance(given, Lines) or not given:
        raise RuleError(f"{own.file}:1: messages.yaml needs 'events:', a list of 'ADT^A04: {{does: chart}}'")
    changed = dict(events)
    for kind, body in given.items():
        place = given.place(kind)
        if not _TYPE.match(kind):
            raise RuleError(f"{place}: '{kind}' is no message type; write it as ADT^A04 or ADT^*")
        if not isinstance(body, Lines):
            raise RuleError(f"{place}: {kind}: write it as {{does: chart}}")
        check_keys(body, _SITE_KEYS, kind)
        _may_change(events.get(kind), kind, body, place)
        rows = shipped["events"]
        base = rows.get(kind) or rows.get(f"{kind.partition('^')[0]}^*") or Lines()
        dropped = ("say",) if base.get("does") != body.get("does", base.get("does")) else ()
        whole = Lines({"say": f"{label} says so", **base.changed_by(body, dropped)}, own.file)
        whole.lines, whole.files = {**base.lines, **body.lines}, dict.fromkeys(base, base.file)
        whole.files.update(dict.fromkeys(body, body.file))
        changed[kind] = _event(kind, whole, label, place)
    return changed


def read_alike(events: Mapping[str, Event], own: Iterable[str]) -> dict[str, frozenset[str]]:
    """By the code of the standard's messages about appointments and visits, the other codes that a site's types (`own`)
    have for what is about the same: rules that are for the one read the others, too.
    """
    alike: dict[str, set[str]] = {code: set() for code in _READ_AS.values()}
    for kind in own:
        code, like = kind.partition("^")[0], _READ_AS.get(events[kind].about)
        if like is not None and code not in alike:
            alike[like].add(code)
    return {like: frozenset(codes) for like, codes in alike.items()}


def _may_change(known: Event | None, kind: str, body: Lines, place: str) -> None:
    """Only what a message of the type can do: a merge is a merge."""
    if known is None:
        return
    if known.identity and str(body.get("does", known.does)) not in (known.does, "ignore"):
        raise RuleError(
            f"{place}: {kind}: it says whose chart things are in; only 'does: ignore' is possible"
        )


def _event(kind: str, body: object, file: str, place: str) -> Event:
    if not isinstance(body, Lines):
        raise RuleError(f"{place}: {kind}: write it as {{does: chart}}")
    check_keys(body, _EVENT_KEYS, kind)
    does, about = str(body.get("does", "")), str(body.get("about", ""))
    if does not in DOES:
        raise RuleError(f"{place}: {kind}: does: '{does}' is none of {', '.join(DOES)}{nearest(does, DOES)}")
    if about not in ABOUT:
        raise RuleError(f"{place}: {kind}: about: '{about}' is unknown{nearest(about, ABOUT)}")
    if does in ("post", "cancel") and about not in ("appointment", "visit", "person"):
        raise RuleError(f"{place}: {kind}: does: '{does}' needs 'about: appointment' or 'about: visit'")
    identity, cancels = str(body.get("identity", "")), str(body.get("cancels", ""))
    if cancels not in ("", "when-empty"):
        raise RuleError(f"{place}: {kind}: cancels: '{cancels}' is unknown; there is when-empty")
    if identity not in IDENTITY:
        raise RuleError(f"{place}: {kind}: identity: '{identity}' is unknown{nearest(identity, IDENTITY)}")
    for key in (
        "reopens",
        "ends_inpatient_orders",
        "cancels_discharge",
        "adds_to_orders",
        "deletes_problems",
    ):
        if not isinstance(body.get(key, False), bool):
            raise RuleError(f"{body.place(key)}: {kind}: {key}: is true or false")
    return Event(
        type=kind,
        does=does,
        about=about,
        say=str(body.get("say", "")),
        reopens=bool(body.get("reopens", True)),
        ends_inpatient_orders=bool(body.get("ends_inpatient_orders", False)),
        cancels_discharge=bool(body.get("cancels_discharge", False)),
        adds_to_orders=bool(body.get("adds_to_orders", False)),
        deletes_problems=bool(body.get("deletes_problems", False)),
        needs=tuple(str(name) for name in body.get("needs", ())),
        identity=identity,
        cancels_when_empty=cancels == "when-empty",
        rule=f"{file}#{kind}",
    )
