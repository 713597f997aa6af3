"""The turn of intake: one row that says which node decides messages now, until when, and how often it changed hands."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, literal, or_, select, update

from interface.store.clock import DatabaseNow
from interface.store.errors import TurnLost
from interface.store.leases import TURN_SECONDS, Hold, Seen
from interface.store.prepared import Asked, Prepared, changed
from interface.store.schema import commands, intake_turn, messages, webhooks

_UNTIL = DatabaseNow() + literal(TURN_SECONDS)
_MINE = (intake_turn.c.id == 1, intake_turn.c.owner == bindparam("b_owner"))
_HELD = (*_MINE, intake_turn.c.fence == bindparam("b_fence"))
_TAKE_BY_FORCE = (
    update(intake_turn)
    .where(intake_turn.c.id == 1)
    .values(owner=bindparam("b_owner"), until=_UNTIL, fence=intake_turn.c.fence + 1)
)
_TAKE = _TAKE_BY_FORCE.where(
    or_(
        intake_turn.c.owner.is_(None),
        intake_turn.c.owner == bindparam("b_owner"),
        intake_turn.c.until < DatabaseNow(),
    )
)
_HAVE = select(intake_turn.c.fence, intake_turn.c.settled_on).where(*_MINE)
_RENEW = Prepared(update(intake_turn).where(*_HELD).values(until=_UNTIL))
_GIVE_BACK = Prepared(update(intake_turn).where(*_HELD).values(owner=None))
_SETTLED = update(intake_turn).where(*_HELD).values(settled_on=bindparam("b_day"))
_SOME_NEW = (
    select(messages.c.id)
    .where(messages.c.state == "new", messages.c.decision.is_(None))
    .limit(bindparam("most"))
    .subquery()
)
_LOOK = select(
    intake_turn.c.owner,
    intake_turn.c.until < DatabaseNow(),
    intake_turn.c.settled_on,
    select(func.count()).select_from(_SOME_NEW).scalar_subquery(),
    or_(
        select(commands.c.id).where(commands.c.state == "waiting").exists(),
        select(webhooks.c.id).where(webhooks.c.state == "new").exists(),
    ),
).where(intake_turn.c.id == 1)


def take(connection: Connection, node: str, *, by_force: bool) -> Hold | None:
    """Take the turn when it is free, ours or lapsed; None: another node has it. By force: whoever has it."""
    statement = _TAKE_BY_FORCE if by_force else _TAKE
    if not connection.execute(statement, {"b_owner": node}).rowcount:
        return None
    fence, settled_on = connection.execute(_HAVE, {"b_owner": node}).one()
    return Hold(node, fence, settled_on or "")


def renew(connection: Connection, hold: Hold) -> None:
    """Say, within a transaction, that its changes are of this turn; its row is locked from here on. TurnLost."""
    ask_renewal(connection, hold)()


def ask_renewal(connection: Connection, hold: Hold | None) -> Asked:
    """The same; without a turn there is nothing to lose."""
    if hold is None:
        return lambda: None
    renewed = _RENEW.execute(connection, {"b_owner": hold.owner, "b_fence": hold.fence})
    return lambda: _of(changed(connection, renewed))


def need(connection: Connection, hold: Hold | None) -> None:
    """As `renew`; TurnLost also for who has no turn."""
    if hold is None:
        _of(0)
    else:
        renew(connection, hold)


def settled(connection: Connection, hold: Hold, day: str) -> None:
    """All open requests are settled for a day (ISO 8601): other nodes may send, too. TurnLost."""
    _of(connection.execute(_SETTLED, {"b_owner": hold.owner, "b_fence": hold.fence, "b_day": day}).rowcount)


def give_back(connection: Connection, hold: Hold) -> None:
    """Let others have the turn; no matter if they have it already."""
    _GIVE_BACK.execute(connection, {"b_owner": hold.owner, "b_fence": hold.fence})


def look(connection: Connection, most: int) -> Seen:
    """Who has the turn, and whether there is something to do; new messages are counted up to `most`."""
    owner, lapsed, settled_on, new, waits = connection.execute(_LOOK, {"most": most}).one()
    return Seen(owner, bool(lapsed), settled_on or "", new, bool(waits))


def _of(rows: int) -> None:
    if not rows:
        raise TurnLost("another node has the turn of intake")
