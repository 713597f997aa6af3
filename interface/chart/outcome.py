"""What follows from a message: the decision, the changed chart, and the changes of requests. Values, no effects.

Structs: a frozen dataclass of ten fields takes 2 us to make, and each message makes a handful.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import orjson

from interface.chart.draft import Placed, Provenance, fields_of
from interface.chart.kept import fields_json, left_out_json
from interface.chart.model import Chart
from interface.rules.facts import LeftOut, Reason


class NewRequest(msgspec.Struct, frozen=True, gc=False):
    """A request to be stored; an unsent one it supersedes is closed with it."""

    id: int
    appointment: str
    state: str
    """waiting or held."""
    reasons: tuple[Reason, ...]
    body: bytes
    """The request as JSON; of a held one, what could be composed so far."""
    detail: bytes
    """What is kept beside it (`interface.chart.kept`)."""
    appointment_date: date | None
    supersedes: int | None
    until: float | None = None
    """When a hold ends by itself, POSIX seconds."""


class Rewrite(msgspec.Struct, frozen=True, gc=False):
    """An open request composed anew; without effect once it was sent."""

    id: int
    state: str
    reasons: tuple[Reason, ...]
    body: bytes
    detail: bytes
    appointment_date: date | None
    until: float | None = None
    """When a hold ends by itself, POSIX seconds."""


class Close(msgspec.Struct, frozen=True, gc=False):
    """An open request that ends unsent: withdrawn, expired or superseded; without effect once it was sent."""

    id: int
    state: str
    reasons: tuple[Reason, ...]


RequestChange = NewRequest | Rewrite | Close


NOBODYS = "-"
"""Stands for a key where a new patient has only numbers that were another's: no identity key."""


class Other(msgspec.Struct, frozen=True, gc=False):
    """A further patient whose chart a merge or move changes."""

    key: str
    """Leads to the chart as it was; of a new patient one that led to nobody before, else `NOBODYS`."""
    chart: Chart
    requests: tuple[RequestChange, ...] = ()
    absorbed: tuple[str, ...] = ()
    """Keys of charts that are part of this one from now on."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What a message came to."""

    decision: str
    """post, chart, hold, cancel, ignore or reject."""
    reasons: tuple[Reason, ...]
    chart: Chart | None = None
    """The chart to keep; None: it did not change."""
    requests: tuple[RequestChange, ...] = ()
    request: dict[str, Any] | None = None
    """For post and hold: the request, or what could be composed of it."""
    placed: tuple[Placed, ...] = ()
    """Where its values came from."""
    left_out: tuple[LeftOut, ...] = ()
    said: tuple[str, ...] = ()
    key: str = ""
    """Leads to the chart that `chart` takes the place of; empty: the first of the reading's keys does."""
    absorbed: tuple[str, ...] = ()
    """Keys of charts that are part of `chart` from now on."""
    others: tuple[Other, ...] = ()

    @property
    def fields(self) -> list[Provenance]:
        """The same, each scalar by itself."""
        return fields_of(self.placed)

    @property
    def note(self) -> bytes | None:
        """What the journal row keeps beside decision and reasons, as JSON (patient data: to be sealed); None: nothing, so
        that no row is written for it (5 us).
        """
        document: dict[str, Any] = {"left_out": left_out_json(self.left_out), "said": list(self.said)}
        if self.request is not None and not any(isinstance(change, NewRequest) for change in self.requests):
            document["request"] = self.request
            document["fields"] = fields_json(self.fields)
        elif not self.left_out and not self.said:
            return None
        return orjson.dumps(document)
