"""What an environment forbids, as the settling asks for it: values in, a ruling out. The guards are in
`interface.delivery.guards`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from interface.chart.model import Appointment, Chart
from interface.chart.reciprocity import Ledger, Share
from interface.rules.facts import Reason


def nothing_known() -> Ledger:
    """Of an empty chart."""
    return Ledger(Share(), Share())


class Case(msgspec.Struct, frozen=True):
    """A request that is composed, before it is checked against the contract."""

    request: dict[str, Any]
    """As version `api_version` of the API has it; not to be changed."""
    api_version: int
    chart: Chart
    appointment: Appointment
    now: datetime
    """Aware, in the site's zone."""
    due: float | None = None
    """When it is to be asked for, POSIX seconds, past or to come; None: at once."""
    known: Callable[[], Ledger] = nothing_known
    """How it stands to what is known in the chart; worked out when it is asked."""


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """What the environment says to it."""

    holds: tuple[Reason, ...] = ()
    until: float | None = None
    """When these holds are over by themselves, POSIX seconds; None: not by themselves."""
    withheld: tuple[str, ...] = ()
    """Entries of lists that do not go with it, by field: `medications[2]`."""
    another: tuple[Reason, ...] = ()
    """Holds beside these, if it is to be a request of its own and not the appointment's last one composed again."""
    drop: Reason | None = None
    """It is not to be sent at all, for this reason: an open request of it is withdrawn."""


Guard = Callable[[Case], Ruling]

FREE = Ruling()


def no_guard(_case: Case) -> Ruling:
    """Nothing is forbidden: the sandbox."""
    return FREE


def together(one: Ruling, other: Ruling) -> Ruling:
    """What two say to the same request: all holds; over by themselves when all of them are, with the last."""
    if other is FREE or other == FREE:
        return one
    if one is FREE or one == FREE:
        return other
    ends = [ruling.until for ruling in (one, other) if ruling.holds]
    timed = [end for end in ends if end is not None]
    until = max(timed) if timed and len(timed) == len(ends) else None
    return Ruling(
        (*one.holds, *other.holds),
        until,
        (*one.withheld, *other.withheld),
        (*one.another, *other.another),
        one.drop or other.drop,
    )


def share_of(text: str) -> float:
    """A number in [0, 1) that is always the same for a text, and spread evenly over texts."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64
