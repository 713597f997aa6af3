"""One message, read by the rules: what it is, whom it is about, and every fact it states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from interface.hl7.datatypes.dtm import parse_dtm
from interface.hl7.errors import REJECTS, HeaderError
from interface.hl7.message import Message, Segment
from interface.rules.asked_for import of_the_encoded_drug
from interface.rules.blocks import Block, read_rules
from interface.rules.context import Context, Group, frame_of
from interface.rules.events import Event, forwarded
from interface.rules.facts import Fact, Item, LeftOut, Reason, text_of
from interface.rules.groups import first_patient, merge_groups, order_groups
from interface.rules.memory import Memory
from interface.rules.policy import Policy, is_history, reads_as
from interface.rules.rulebook import MRN, Rulebook

_CLOCK_SLACK = timedelta(days=1)
_LONGEST_NAME = 250
"""Characters of MSH-9 and MSH-10 that count, as in the journal: each fact of a chart bears the control id."""
_TRIGGER = re.compile("[A-Z][0-9]{2}")
_ZERO_FOR_O = re.compile("0[0-9]{2}")
_ONLY_EVENT = dict.fromkeys(("ORM", "RDE", "RDS", "RAS"), "O01")
"""Of orders versions 2.1 and 2.2 know one event (chapter 4), and no EVN: there the message code says it all."""
_HALF_HOUR = timedelta(minutes=30)


class SiteList(msgspec.Struct, frozen=True):
    """Problems or medications as a site's Z-segments list them; each segment is one entry."""

    segment: str
    snapshot: bool
    """Whether it is the whole list, and takes the place of what the segment listed before."""
    problems: tuple[Item, ...] = ()
    orders: tuple[Item, ...] = ()


class Move(msgspec.Struct, frozen=True):
    """One group of a merge, move or change of numbers: the person of PID, and what MRG says of before."""

    facts: Item
    """Of the group alone: the person, and the visit and account as they are called from now on."""
    key: str
    """Of the person in PID; empty: can't be told, `why` says so."""
    prior: tuple[str, ...]
    """Of the numbers in MRG-1 (MRG-4); none: there are none, or they can't be told."""
    account: str = ""
    """MRG-3: the account's number before."""
    visit: str = ""
    """MRG-5: the visit's number before."""
    why: str = ""


class Reading(msgspec.Struct, frozen=True):
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
    """`AUTHORITY|NUMBER` of everyone whose chart the message may change, the site's own authority empty. The first is the
    patient's; further ones are of a merge or move. None: whose message it is can't be told.
    """
    facts: dict[str, Fact] = {}
    problems: tuple[Item, ...] = ()
    orders: tuple[Item, ...] = ()
    lists: tuple[SiteList, ...] = ()
    """What the site's own segments list."""
    moves: tuple[Move, ...] = ()
    """What becomes of whose chart, in the order of the message."""
    several_patients: bool = False
    """It names more than one patient where one is meant: nothing of it is taken."""
    left_out: tuple[LeftOut, ...] = ()
    said: tuple[str, ...] = ()
    """How the bytes were read, where that was not plain."""
    history: bool = False
    """It was loaded, not received: it adds to the chart, and nothing is requested because of it."""

    @property
    def is_trial(self) -> bool:
        """Whether MSH-11 says that it is no message of production: training or debugging."""
        return self.processing_id.upper() in ("T", "D")


def read_message(
    book: Rulebook, policy: Policy, raw: bytes, *, received_at: datetime, listener: str = ""
) -> Reading:
    """Read a message by the rules. Never raises for what a sender can send: a Reading with `reject` says it is no HL7."""
    history = is_history(listener)
    if history:
        listener = reads_as(listener)
    try:
        message = Message(raw, policy.listener_charsets.get(listener) or None)
    except HeaderError as error:
        return _rejected("", "", error.kind)
    control_id, kind = message.control_id.strip()[:_LONGEST_NAME], message.type[:_LONGEST_NAME]
    code = message.message_code
    trigger, notes = message.trigger_event, message.notes
    if not code:
        return _rejected(control_id, kind, "missing-type")
    if not control_id:
        return _rejected(control_id, kind, "missing-control-id")
    if not trigger or trigger[0] == "0":
        trigger, note = _meant_trigger(message)
        if note:
            kind, notes = f"{code}^{trigger}", (*notes, note)
    book = book.of_sender(listener, message)
    event = book.event(code, trigger)
    if event.needs and message.names.isdisjoint(event.needs):
        event = event.without
    elif policy.decisions:
        key = kind if kind in policy.decisions else code
        if (wanted := policy.decisions.get(key)) is not None:
            event = forwarded(event, wanted, key)
    zone = policy.listener_timezones.get(listener) or policy.timezone
    context = Context(
        message=message,
        policy=policy,
        zone=zone,
        control_id=control_id,
        at=event_time(message, zone, received_at),
        today=received_at.astimezone(policy.timezone or received_at.tzinfo).date(),
        frame=frame_of(message, zone),
        site=book.site,
        mrn_form=book.mrn_form,
    )
    told = Reading(
        control_id,
        kind,
        event,
        processing_id=message.processing_id,
        at=context.at,
        has_patient=message.first("PID") is not None,
        said=(*message.charset_notes, *notes),
        history=history,
    )
    if event.does == "ignore" or not told.has_patient:
        return told
    if event.identity and event.identity not in ("link", "remove"):
        return _read_moves(book, context, told)
    scope: Message | Group = message
    if len(message.all("PID")) > 1:
        if event.identity == "link" or len(_patients(book, context)) > 1:
            return replace(told, several_patients=True)
        scope = first_patient(message)
    return _read_whole(book, context, scope, told)


def _read_whole(book: Rulebook, context: Context, scope: Message | Group, told: Reading) -> Reading:
    """Every fact of the message: of the visit or appointment, of the person, of each problem and order."""
    message, memories = context.message, book.memories
    blocks = book.blocks(message, context.policy.api_version)
    memories.on((context.policy, context.today))
    memory = memories.lines
    context.fields = memories.fields if scope is message else None
    facts = blocks.visit.read(context, scope, memory)
    facts.update(blocks.person.read(context, scope, memories.persons))
    problems = [
        item for block in blocks.problems for item in _each(block, scope.all(block.name), context, memory)
    ]
    groups = [of_the_encoded_drug(group, context) for group in order_groups(message)]
    orders = [blocks.orders.read(context, group, memory) for group in groups]
    lists = [_site_list(block, message.all(block.name), context, memory) for block in blocks.lists]
    return replace(
        told,
        keys=_keys(facts.get(MRN)),
        facts=facts,
        problems=tuple(problems),
        orders=tuple(orders),
        lists=tuple(lists),
        left_out=tuple(context.left_out),
    )


def _each(block: Block, segments: Sequence[Segment], context: Context, memory: Memory) -> list[Item]:
    """What each of these segments says."""
    message, part = context.message, block.part or frozenset()
    return [block.read(context, Group((segment,), message, part), memory) for segment in segments]


def _site_list(block: Block, segments: Sequence[Segment], context: Context, memory: Memory) -> SiteList:
    """What a site's Z-segments list: problems or medications."""
    items = tuple(_each(block, segments, context, memory))
    of_problems = block.rules[0].field.startswith("problem.")
    whole = any(rule.snapshot for rule in block.rules)
    return SiteList(block.name, whole, items if of_problems else (), () if of_problems else items)


def _read_moves(book: Rulebook, context: Context, reading: Reading) -> Reading:
    """A merge, move or change of numbers: what each MRG says, and of whom."""
    moves = tuple(_move(book, context, group) for group in merge_groups(context.message))
    known = [key for move in moves if move.key and move.prior for key in (move.key, *move.prior)]
    return replace(
        reading,
        keys=tuple(dict.fromkeys(known or [move.key for move in moves if move.key])),
        facts=moves[0].facts if moves else {},
        moves=moves,
        left_out=tuple(context.left_out),
    )


def _move(book: Rulebook, context: Context, group: Group) -> Move:
    facts = read_rules(book.message, context, group)
    before = read_rules(book.merge, context, group)
    mrn, prior = facts.get(MRN), before.get("merge.prior")
    named = [] if prior is None else prior.value or []
    if mrn is not None and mrn.value is None and named and all(number["by"] for number in named):
        # of several numbers one may be left
        mrn = facts[MRN] = _without(book, context, group, named) or mrn
    retired = _of_one_authority(context, mrn, named)
    if mrn is not None and not set(_keys(mrn)).isdisjoint(map(_key, retired)):
        mrn = facts[MRN] = _without(book, context, group, retired) or mrn
    why = [book.why_of(fact) for fact in (mrn, prior) if fact is not None and fact.why]
    if prior is None:
        why.append("MRG-1 and MRG-4 are empty")
    return Move(
        facts=facts,
        key=next(iter(_keys(mrn)), ""),
        prior=tuple(map(_key, retired)),
        account=text_of(before, "merge.account"),
        visit=text_of(before, "merge.visit"),
        why="; ".join(why),
    )


def _of_one_authority(
    context: Context, mrn: Fact | None, retired: Iterable[Mapping[str, str]]
) -> list[Mapping[str, str]]:
    """The numbers in MRG; where the site has not said which authority is its own, one of none is of that in PID."""
    own = "" if mrn is None or mrn.value is None or context.policy.mrn_authority else mrn.value["authority"]
    return [{**number, "authority": number["authority"] if number["by"] else own} for number in retired]


def _without(
    book: Rulebook, context: Context, group: Group, retired: Iterable[Mapping[str, str]]
) -> Fact | None:
    """The number in PID-3 that stays, where it lists those that MRG retires, too; None: it lists no other."""
    context.retired = frozenset(map(_key, retired))
    found = read_rules(book.of_mrn, context, group).get(MRN)
    context.retired = frozenset()
    return found if _keys(found) else None


def _patients(book: Rulebook, context: Context) -> set[tuple[str, ...]]:
    """Whom the PIDs of a message are about."""
    groups = merge_groups(context.message)
    return {_keys(read_rules(book.of_mrn, context, group).get(MRN)) for group in groups}


def _meant_trigger(message: Message) -> tuple[str, str]:
    """The event where MSH-9.2 is empty or begins with a zero, and how it was told; without that: what was sent.

    `RDE^001` is written for `RDE^O01`. Without an event an order has the only one there was, else EVN-1 names it, as
    versions 2.1 and 2.2 do (chapter 3).
    """
    code, sent = message.message_code, message.trigger_event
    if sent:
        trigger = "O" + sent[1:] if _ZERO_FOR_O.fullmatch(sent) else ""
        return trigger or sent, f"MSH-9: {sent} is read as {trigger}" if trigger else ""
    if trigger := _ONLY_EVENT.get(code, ""):
        return trigger, f"MSH-9 names no event: that of {code} is {trigger}"
    segment = message.first("EVN")
    text = "" if segment is None else segment.text(1).strip().upper()
    return (text, f"MSH-9 names no event: EVN-1 does, {text}") if _TRIGGER.fullmatch(text) else ("", "")


def _rejected(control_id: str, kind: str, why: str) -> Reading:
    return Reading(control_id, kind, Event(kind or "?", "ignore"), reject=Reason(why, REJECTS[why]))


def _keys(mrn: Fact | None) -> tuple[str, ...]:
    return () if mrn is None or mrn.value is None else (_key(mrn.value),)


def _key(number: Mapping[str, str]) -> str:
    return f"{number['authority']}|{number['extension']}"


def event_time(message: Message, zone: ZoneInfo | None, received_at: datetime) -> str:
    """EVN-2, else MSH-7, in UTC; receipt where neither is a time, or where a wrong clock puts it a day ahead."""
    latest = received_at.astimezone(UTC) + _CLOCK_SLACK
    for name, number in (("EVN", 2), ("MSH", 7)):
        segment = message.first(name)
        if segment is None:
            continue
        text = segment.text(number).strip()
        # a day alone would make it older than all that was said that day
        moment = _moment(text, zone, with_hour=name == "EVN", received_at=received_at)
        if moment is not None and moment <= latest:
            return moment.isoformat()[:19]
    return received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _moment(text: str, zone: ZoneInfo | None, *, with_hour: bool, received_at: datetime) -> datetime | None:
    """Any time, in UTC; None: it is none, or less than a day, or a day alone where there must be an hour (`with_hour`).

    In the hour that clocks go through twice the second time counts once it is nearer to the receipt: else what comes then
    would be older than what the first hour said.
    """
    stamp = parse_dtm(text)
    if stamp is None or stamp.month is None or stamp.day is None or (with_hour and stamp.hour is None):
        return None
    offset = stamp.offset_minutes
    try:
        sent = datetime(
            stamp.year,
            stamp.month,
            stamp.day,
            stamp.hour or 0,
            stamp.minute or 0,
            min(stamp.second or 0, 59),
            tzinfo=UTC if offset is not None or zone is None else zone,
        )
        if offset:
            return sent - timedelta(minutes=offset)
        moment = sent.astimezone(UTC)
        if received_at - moment < _HALF_HOUR:
            return moment
        second = sent.replace(fold=1).astimezone(UTC)
        return second if moment < second < received_at + _HALF_HOUR else moment
    except (ValueError, OverflowError):
        return None
