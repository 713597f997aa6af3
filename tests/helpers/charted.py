"""Messages become charts and requests in a store as the daemon decides them; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from interface.chart.decide import Engine
from interface.hl7.header import read_header
from interface.rules import Policy, load_rulebook
from interface.services.clock import Clock
from interface.services.explaining import messages_in
from interface.services.offline import work_off
from interface.store.records.arrivals import Arrival
from interface.store.store import Store

SAMPLES = Path(__file__).parent.parent.parent / "sample_messages"
DECIDED = datetime(2026, 2, 28, 12, tzinfo=UTC)


def sample(name: str) -> list[bytes]:
    """The messages of a story."""
    files = sorted((SAMPLES / name).glob("*.hl7"))
    return [message for file in files for message in messages_in(file.read_bytes())]


def chart(store: Store, messages: Iterable[bytes], policy: Policy | None = None) -> None:
    """Store, decide and chart these messages."""
    at = DECIDED.timestamp()
    arrivals = [
        Arrival(
            "main",
            head.sending_application,
            head.sending_facility,
            head.control_id,
            f"{head.message_code}^{head.trigger_event}",
            "P",
            "127.0.0.1:4000",
            raw,
            "stored",
            at,
        )
        for raw in messages
        for head in (read_header(raw),)
    ]
    store.journal.append(arrivals, at)
    work_off(store, Engine(load_rulebook(), policy or Policy()), Clock(DECIDED, UTC))
