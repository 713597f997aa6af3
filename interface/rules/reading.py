"""One message, read by the rules: what it is, whom it is about, and every fact it states."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from interface.hl7.datatypes.dtm import parse_dtm
from interface.hl7.errors import REJECTS, HeaderError
from interface.hl7.message import Message, Segment
from interface.rules.compiling import Rule
from interface.rules.context import Context, Group
from interface.rules.events import Event
from interface.rules.facts import Fact, Item, LeftOut, Reason
from interface.rules.fields import ORDERS
from interface.rules.policy import Policy
from interface.rules.rulebook import Rulebook

_ORDER_SEGMENTS = frozenset(("ORC", "RXE", "RXO", "RXR", "RXC", "RXD", "TQ1", "TQ2", "NTE", "FT1", "OBX"))
_CLOCK_SLACK = timedelta(days=1)


@dataclass(frozen=True)
class SiteList:
    """Problems or medications as a site's Z-segments list them; each segment is one entry."""

    segment: str
    snapshot: bool
    """Whether it is the whole list, and takes the place of what the segment listed before."""
    problems: tuple[Item, ...] = ()
    orders: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What one message says. Frozen; the chart decides what of it is taken."""

    control_id: str
    type: str
    event: Event
    reject: Reason | None = None
    """Why it is no message; then nothing else is filled."""
    processing_id: str = ""
    at: str = ""
    """Time of the event (EVN-2, else MSH-7, else receipt) in UTC, `2026-03-02T15:00:00`: compares as text."""
    has_patient: bool = False
    keys: tuple[str, ...] = ()
    """`AUTHORITY|NUMBER` of the patient, the site's own authority empty; none: whose message it is can't be told."""
    facts: dict[str, Fact] = field(default_factory=dict)
    problems: tuple[Item, ...] = ()
    orders: tuple[Item, ...] = ()
    lists: tuple[SiteList, ...] = ()
    """What the site's own segments list."""
    left_out: tuple[LeftOut, ...] = ()
    said: tuple[str, ...] = ()
    """How the bytes were read, where that was not plain."""


def read_message(
    book: Rulebook, policy: Policy, raw: bytes, *, received_at: datetime, listener: str = ""
) -> Reading:
    """Read a message by the rules. Never raises for what a sender can send: a Reading with `reject` says it is no HL7."""
    try:
        message = Message(raw, policy.listener_charsets.get(listener) or None)
    except HeaderError as error:
        return _rejected("", "", error.kind)
    control_id, kind = message.control_id.strip(), message.type
    if not message.message_code:
        return _rejected(control_id, kind, "missing-type")
    if not control_id:
        return _rejected(control_id, kind, "missing-control-id")
    book = book.of_sender(listener, message)
    event = book.event(message.message_code, message.trigger_event)
    zone = policy.listener_timezones.get(listener) or policy.timezone
    context = Context(
        message=message,
        policy=policy,
        zone=zone,
        control_id=control_id,
        at=event_time(message, zone, received_at),
        today=received_at.astimezone(policy.timezone or received_at.tzinfo).date(),
        site=book.site,
        mrn_form=book.mrn_form,
    )
    said = (*message.charset_notes, *message.notes)
    if event.does == "ignore" or message.first("PID") is None:
        return Reading(
            control_id,
            kind,
            event,
            None,
            message.processing_id,
            context.at,
            message.first("PID") is not None,
            said=said,
        )
    facts = _read(book.message, context, message)
    return Reading(
        control_id=control_id,
        type=kind,
        event=event,
        processing_id=message.processing_id,
        at=context.at,
        has_patient=True,
        keys=_keys(facts.get("patient.mrn.extension")),
        facts=facts,
        problems=tuple(
            _read(rules, context, Group((segment,), message, frozenset((name,))))
            for name, rules in book.problems.items()
            for segment in message.all(name)
        ),
        orders=tuple(_read(book.orders[ORDERS], context, group) for group in order_groups(message)),
        lists=_lists(book, context) if book.lists else (),
        left_out=tuple(context.left_out),
        said=said,
    )


def _lists(book: Rulebook, context: Context) -> tuple[SiteList, ...]:
    """The Z-segments that list problems or medications, each with what it says."""
    message, found = context.message, []
    for name, rules in book.lists.items():
        segments = message.all(name)
        if not segments:
            continue
        own = frozenset((name,))
        items = tuple(_read(rules, context, Group((segment,), message, own)) for segment in segments)
        of_problems = rules[0].field.startswith("problem.")
        whole = any(rule.snapshot for rule in rules)
        found.append(SiteList(name, whole, items if of_problems else (), () if of_problems else items))
    return tuple(found)


def _rejected(control_id: str, kind: str, why: str) -> Reading:
    return Reading(control_id, kind, Event(kind or "?", "ignore"), reject=Reason(why, REJECTS[why]))


def _read(rules: tuple[Rule, ...], context: Context, scope: Message | Group) -> Item:
    code = context.message.message_code
    present = context.message.names
    found: Item = {}
    for rule in rules:
        if rule.only and code not in rule.only:
            continue
        if rule.segments.isdisjoint(present):
            continue  # half of the rules end here: their segments were not sent
        fact = rule.read(context, scope)
        if fact is not None:
            found[rule.field] = fact
    return found


def _keys(mrn: Fact | None) -> tuple[str, ...]:
    if mrn is None or mrn.value is None:
        return ()
    return (f"{mrn.value['authority']}|{mrn.value['extension']}",)


def order_groups(message: Message) -> list[Group]:
    """The orders of a message: each ORC with what follows it up to the next; an RXE before any ORC begins one too."""
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.name == "ORC" or (segment.name in ("RXE", "RXO") and not groups):
            groups.append([segment])
        elif groups and segment.name in _ORDER_SEGMENTS:
            groups[-1].append(segment)
    return [Group(tuple(group), message, _ORDER_SEGMENTS) for group in groups]


def event_time(message: Message, zone: ZoneInfo | None, received_at: datetime) -> str:
    """EVN-2, else MSH-7, in UTC; receipt where neither is a time, or where a wrong clock puts it a day ahead."""
    received = received_at.astimezone(UTC)
    for name, number in (("EVN", 2), ("MSH", 7)):
        segment = message.first(name)
        stamp = parse_dtm(segment.text(number).strip()) if segment is not None else None
        if stamp is None or stamp.month is None or stamp.day is None:
            continue
        if name == "EVN" and stamp.hour is None:
            continue  # a day alone would make it older than all that was said that day
        try:
            offset = stamp.offset_minutes
            given = timezone(timedelta(minutes=offset)) if offset is not None else zone or UTC
            moment = datetime(
                stamp.year,
                stamp.month,
                stamp.day,
                stamp.hour or 0,
                stamp.minute or 0,
                min(stamp.second or 0, 59),
                tzinfo=given,
            ).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if moment <= received + _CLOCK_SLACK:
            return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return received.strftime("%Y-%m-%dT%H:%M:%S")
