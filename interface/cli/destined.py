"""Why waiting requests wait: what the work last told of the destination, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interface.cli.common import local_text, utc_text
from interface.delivery.destination import STATES, WHY

_STATES = {
    "open": "the API is away",
    "paused": "sending is paused",
    "slowed": "sending is slowed down",
}


@dataclass(frozen=True, slots=True)
class Destined:
    """The state of the destination; `state` is None when the work has told nothing yet."""

    state: str | None = None
    reason: str = ""
    since: float | None = None
    next_at: float | None = None

    @staticmethod
    def of(told: Mapping[str, str]) -> Destined:
        """Out of what the work told the store; nothing of it that is not understood."""
        from interface.store.work_state import DESTINATION

        try:
            found = json.loads(told.get(DESTINATION, "{}"))
        except ValueError:
            return Destined()
        if not isinstance(found, dict) or found.get("state") not in STATES:
            return Destined()
        reason = found.get("reason")
        return Destined(
            found["state"],
            reason if reason in WHY else "",
            *(
                at if isinstance(at := found.get(name), int | float) else None
                for name in ("since", "next_at")
            ),
        )

    def as_json(self) -> dict[str, Any] | None:
        """As lists and details have it; None: not known."""
        if self.state is None:
            return None
        return {
            "state": self.state,
            "reason": self.reason,
            "since": utc_text(self.since),
            "next_at": utc_text(self.next_at),
        }

    def text(self, now: float) -> str:
        """One sentence; '' where nothing keeps requests from going out. `now`: POSIX seconds."""
        if self.state not in _STATES:
            return ""
        text = f"{_STATES[self.state]} since {local_text(self.since)} ({self.reason}): {WHY.get(self.reason, '')}"
        if self.next_at is None or self.next_at <= now:
            return text
        return f"{text}; {'goes on' if self.state == 'slowed' else 'next try'} {local_text(self.next_at)}"
