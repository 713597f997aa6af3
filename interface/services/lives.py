"""One line of the log for each message that is decided, and one for each request that ends: our ids, no patient data.

A message is followed by its number: `event=message` names the request that it made, `event=request` says what became of
that. They are written once it is stored, all of a turn together: a line costs some microseconds, a message of a busy
feed has a few hundred (docs/decisions.md has the figures).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from interface.services.logs import Event, events
from interface.services.plan import Plan
from interface.store.records.reading import JournalRow
from interface.store.records.reasons import reasons_of
from interface.store.records.turn import (
    AttemptDone,
    Claimed,
    CloseRow,
    Committed,
    DiscardRow,
    MessageDone,
    NewRequestRow,
    Turn,
    Unsent,
)

log = logging.getLogger(__name__)

MAX_CONTROL_ID = 199
"""Characters of MSH-10 (ST; up to 2.6 there are 20)."""
MOST_REASONS = 8

OTHER = "other"
"""The type of a message whose MSH-9 is nothing that the standard has: a sender may have put anything there."""
_TRIGGER = re.compile(r"[A-Z][0-9]{2}")
_CODES = frozenset(
    re.findall(
        r"\w+",
        """
        ACK ADR ADT BAR BPS BRP BRT BTS CCF CCI CCM CCQ CCR CCU CQU CRM CSU DBC DBU DDR DEL DEO DER DES DEV DFT DOC
        DPR DRC DRG DSR EAC EAN EAR EDR EHC EQQ ERP ESR ESU INR INS IPC LSR LSU MCF MDM MFD MFK MFN MFQ MFR NMD NMQ
        NMR OMB OMD OMG OMI OML OMN OMP OMQ OMS OPL OPR OPU ORA ORB ORD ORF ORG ORI ORL ORM ORN ORP ORR ORS ORU ORX
        OSM OSQ OSR OUL PEX PGL PIN PMU PPG PPP PPR PPT PPV PRR PTR QBP QCK QCN QRY QSB QSX QVR RAR RAS RCI RCL RDE
        RDR RDS RDY REF RER RGR RGV ROR RPA RPI RPL RPR RQA RQC RQI RQP RQQ RRA RRD RRE RRG RRI RSP RTB SCN SDN SDR
        SIU SLN SLR SMD SQM SQR SRM SRR SSR SSU STC STI SUR TBR TCR TCU UDM VQQ VXQ VXR VXU VXX
        """,
    )
)
"""Table 0076 of HL7 v2, message types."""
_CORRELATION_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""What the API's ids look like; whatever else it says in that place stays in the store."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What is known of a request while it is being sent."""

    message: int | None
    attempts: int
    made_at: float


class Lives:
    """One thread's, the loop's."""

    def __init__(
        self, *, messages: bool = True, control_ids: bool = True, wall: Callable[[], float] = time.time
    ) -> None:
        """`messages`: whether there are such lines at all; `control_ids`: whether MSH-10 stands in them. `wall` is the
        clock of the door, POSIX seconds.
        """
        self.messages = messages
        self.control_ids = control_ids
        self._wall = wall
        self._sent: dict[int, _Sent] = {}

    def stored(self, plan: Plan | None, turn: Turn, committed: Committed) -> None:
        """A turn is in the store: say what it ended."""
        if self.messages and log.isEnabledFor(logging.INFO):
            events(log, logging.INFO, self._told(plan, turn, committed))
            for ended in turn.attempts:
                self._sent.pop(ended.request_id, None)
            for one in committed.claimed:
                self._sent[one.request_id] = _sent(one)

    def _told(self, plan: Plan | None, turn: Turn, committed: Committed) -> Iterator[Event]:
        if plan is not None:
            now = self._wall()
            for done in plan.messages:
                yield self._message(done, plan.rows.get(done.id), now)
            for again in plan.again:
                if again.decided is not None:
                    yield Event("message", _decided(again.decided) | {"again": True})
        for ended in turn.attempts:
            if ended.new_state != "waiting" and ended.request_id not in committed.late:
                yield self._ended(ended, turn.now)
        for id_ in committed.overtaken:
            yield _closed(id_, "superseded")
        for change in turn.requests:
            if isinstance(change, CloseRow) and change.id not in committed.missed:
                yield _closed(change.id, change.state, change.reasons)
            elif isinstance(change, NewRequestRow):
                yield from _new(change, committed)
        for hand in turn.by_hand:
            if isinstance(hand, DiscardRow):
                yield _closed(hand.id, "discarded")

    def _message(self, done: MessageDone, row: JournalRow | None, now: float) -> Event:
        fields: dict[str, object] = {"id": done.id}
        if row is not None:
            fields["listener"] = row.listener
            fields["type"] = type_told(row.message_type)
            if self.control_ids:
                fields["control_id"] = row.control_id[:MAX_CONTROL_ID] or None
        fields |= _decided(done)
        if row is not None:
            fields["waited_ms"] = max(0, round((now - row.received_at.timestamp()) * 1000))
        return Event("message", fields)

    def _ended(self, ended: AttemptDone | Unsent, now: float) -> Event:
        known = self._sent.get(ended.request_id)
        fields: dict[str, object] = {"id": ended.request_id}
        if known is not None:
            fields["message"] = known.message
        fields["state"] = ended.new_state
        if isinstance(ended, AttemptDone):
            fields["status"] = ended.status
        if known is not None:
            fields["attempts"] = known.attempts + isinstance(ended, AttemptDone)
        if isinstance(ended, AttemptDone):
            fields["correlation_id"] = correlation_id_told(ended.correlation_id)
        else:
            fields["reasons"] = _codes(ended.reasons or "[]")
        if known is not None:
            fields["seconds"] = round(max(0.0, now - known.made_at), 3)
        return Event("request", fields)


@lru_cache(512)
def type_told(message_type: str) -> str:
    """A message's type where it is one of the standard's, `ADT^A08`; else `other`; '-' when MSH-9 is empty."""
    if not message_type:
        return "-"
    code, _, trigger = message_type.partition("^")
    if code not in _CODES:
        return OTHER
    return message_type if not trigger or _TRIGGER.fullmatch(trigger) else code


def correlation_id_told(text: str | None) -> str | None:
    """The API's id when it looks like one."""
    return text if text is not None and _CORRELATION_ID.fullmatch(text) else None


def _sent(one: Claimed) -> _Sent:
    return _Sent(one.message_id, one.attempts, one.created_at)


def _decided(done: MessageDone) -> dict[str, object]:
    fields: dict[str, object] = {"id": done.id, "decision": done.decision or done.state}
    if done.request_id is not None:
        fields["request"] = done.request_id
    fields["reasons"] = _codes(done.reasons)
    return fields


@lru_cache(2048)
def _codes(reasons: str) -> str:
    """The reasons' codes, which are ours; how many fields of a request they name is bounded."""
    codes = [code for code, _ in reasons_of(reasons)]
    more = len(codes) - MOST_REASONS
    return ",".join(codes[:MOST_REASONS]) + (f",+{more}" if more > 0 else "")


def _closed(id_: int, state: str, reasons: str = "[]") -> Event:
    return Event(
        "request", {"id": id_, "state": state} | ({"reasons": told} if (told := _codes(reasons)) else {})
    )


def _new(row: NewRequestRow, committed: Committed) -> Iterator[Event]:
    """A new request may take the place of another, or have lost its own in the same turn."""
    if row.supersedes is not None and row.supersedes not in committed.missed:
        yield _closed(row.supersedes, "superseded")
    if row.state not in ("waiting", "held"):
        yield _closed(row.id, row.state, row.reasons)
