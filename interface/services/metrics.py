"""What /metrics shows (Prometheus). Labels are listener names and codes of ours, never anything out of a
message.

Counts are plain integers of the reactor thread, read when somebody asks: counting a message costs no lock.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from interface.alerting.kinds import BY_CODE
from interface.delivery.destination import STATES, WHY

PREFIX = "hl7_interface_"
COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
WORK_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
MAX_WORK_NAMES = 100
"""Different numbers taken from the work at most."""
MAX_TROUBLE = 500
"""Characters of the work's trouble that are kept."""


@dataclass(slots=True)
class ListenerCounts:
    """What one listener has counted since the start."""

    connections: int = 0
    """Open now."""
    accepted: int = 0
    bytes: int = 0
    junk_bytes: int = 0
    """Bytes outside frames."""
    received: Counter[str] = field(default_factory=Counter)
    """Messages by receipt: stored, duplicate, conflict, no-msh ... not-stored, too-large."""
    answered: Counter[str] = field(default_factory=Counter)
    """Frames by MSA-1 of their answer; `none` for silence."""
    refused: Counter[str] = field(default_factory=Counter)
    """Connections refused by reason: not-allowed, too-many, stopping."""
    discarded: Counter[str] = field(default_factory=Counter)
    """Unfinished frames dropped: restarted (a second VT), timeout, unfinished (the connection ended)."""


@dataclass(slots=True)
class WebhookCounts:
    """What the receiver of webhooks has counted since the start."""

    taken: Counter[str] = field(default_factory=Counter)
    """received, repeated."""
    refused: Counter[str] = field(default_factory=Counter)
    """By reason: what is in `receiving.ANSWERS`, and timeout, connections."""


@dataclass(slots=True)
class WorkStats:
    """The last numbers that the work reported on its standard output, one JSON object a line."""

    gauges: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    trouble: str = ""
    """Why the work can't go on just now, in one line; empty: it can."""
    destination: dict[str, Any] | None = None
    """What the work said last of where requests go: `state`, `reason`, `since`, `next_at` (ISO 8601, or None); None: it
    has said nothing, or is down."""

    def forget(self) -> None:
        """The work is gone: what it said of the present is no longer true."""
        self.gauges.clear()
        self.trouble = ""
        self.destination = None

    def take_line(self, line: bytes) -> bool:
        """Take `{"gauges": {name: number}, "counters": {name: number}, "destination": {...}}` or `{"trouble": text}`;
        False when the line is not that.
        """
        try:
            report = json.loads(line)
        except ValueError:
            return False
        if not isinstance(report, dict):
            return False
        trouble = report.get("trouble")
        if isinstance(trouble, str):
            self.trouble = trouble[:MAX_TROUBLE]
        for mine, theirs in ((self.gauges, report.get("gauges")), (self.counters, report.get("counters"))):
            for name, value in theirs.items() if isinstance(theirs, dict) else ():
                known = name in mine or len(mine) < MAX_WORK_NAMES
                if known and WORK_NAME.fullmatch(name) and isinstance(value, int | float):
                    mine[name] = float(value)
        told = report.get("destination")
        if isinstance(told, dict) and told.get("state") in STATES:
            self.destination = _destination(told)
        return True


def _destination(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the work said of it, with nothing in it that we do not know."""
    reason = told.get("reason")
    times = {name: told.get(name) for name in ("since", "next_at")}
    return {
        "state": told["state"],
        "reason": reason if reason in WHY else "",
        **{
            name: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            if isinstance(at, int | float)
            else None
            for name, at in times.items()
        },
    }


class DoorMetrics(Collector):
    """All numbers of the door, in a registry of its own."""

    def __init__(self) -> None:
        self.listeners: dict[str, ListenerCounts] = {}
        self.work = WorkStats()
        self.webhooks = WebhookCounts()
        self.child_restarts = 0
        self.alerts: Callable[[], Collection[str]] = lambda: ()
        """The codes of what is on."""
        self.live: dict[str, tuple[str, Callable[[], float]]] = {}
        """Gauges read when asked: name to (help, function)."""
        self.registry = CollectorRegistry(auto_describe=False)
        self._commit_seconds = Histogram(
            PREFIX + "journal_commit_seconds",
            "Time of one journal transaction",
            buckets=COMMIT_SECONDS,
            registry=self.registry,
        )
        self._batch_rows = Histogram(
            PREFIX + "journal_batch_rows",
            "Messages in one journal transaction",
            buckets=BATCH_ROWS,
            registry=self.registry,
        )
        self.registry.register(self)

    def listener(self, name: str) -> ListenerCounts:
        """The counts of the listener `name`, made when first asked for."""
        return self.listeners.setdefault(name, ListenerCounts())

    def committed(self, rows: int, seconds: float) -> None:
        """One journal transaction (journal thread)."""
        self._batch_rows.observe(rows)
        self._commit_seconds.observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names of the work's numbers are not known beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield from self._by_listener()
        yield from self._of_webhooks()
        for name, (about, read) in self.live.items():
            yield GaugeMetricFamily(PREFIX + name, about, value=read())
        yield CounterMetricFamily(
            PREFIX + "work_restarts", "Times the work was started again", value=self.child_restarts
        )
        alerts, on = GaugeMetricFamily(PREFIX + "alert", "1 while it is on", labels=["alert"]), self.alerts()
        for code in BY_CODE:
            alerts.add_metric([code], code in on)
        yield alerts
        if self.work.destination is not None:
            states = GaugeMetricFamily(PREFIX + "destination", "1 for the state it is in", labels=["state"])
            for state in STATES:
                states.add_metric([state], state == self.work.destination["state"])
            yield states
        for name, value in self.work.gauges.items():
            yield GaugeMetricFamily(f"{PREFIX}work_{name}", "Reported by the work", value=value)
        for name, value in self.work.counters.items():
            yield CounterMetricFamily(
                f"{PREFIX}work_{name.removesuffix('_total')}", "Reported by the work", value=value
            )

    def _of_webhooks(self) -> Iterator[Metric]:
        for name, about, label, counts in (
            ("webhooks", "Webhooks taken, by whether they were new", "receipt", self.webhooks.taken),
            ("webhooks_refused", "Webhooks refused", "reason", self.webhooks.refused),
        ):
            metric = CounterMetricFamily(PREFIX + name, about, labels=[label])
            for value, count in counts.items():
                metric.add_metric([value], count)
            yield metric

    def _by_listener(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(PREFIX + "connections", "Open connections", labels=["listener"])
        plain = {
            "accepted": CounterMetricFamily(
                PREFIX + "connections_accepted", "Connections taken", labels=["listener"]
            ),
            "bytes": CounterMetricFamily(PREFIX + "received_bytes", "Bytes received", labels=["listener"]),
            "junk_bytes": CounterMetricFamily(
                PREFIX + "junk_bytes", "Bytes outside frames", labels=["listener"]
            ),
        }
        labelled = {
            "received": CounterMetricFamily(
                PREFIX + "messages_received",
                "Messages by what became of them",
                labels=["listener", "receipt"],
            ),
            "answered": CounterMetricFamily(
                PREFIX + "answers", "Frames by answer", labels=["listener", "code"]
            ),
            "refused": CounterMetricFamily(
                PREFIX + "connections_refused", "Connections refused", labels=["listener", "reason"]
            ),
            "discarded": CounterMetricFamily(
                PREFIX + "frames_discarded", "Unfinished frames dropped", labels=["listener", "reason"]
            ),
        }
        for name, counts in self.listeners.items():
            connections.add_metric([name], counts.connections)
            for attribute, metric in plain.items():
                metric.add_metric([name], getattr(counts, attribute))
            for attribute, metric in labelled.items():
                for label, count in getattr(counts, attribute).items():
                    metric.add_metric([name, label], count)
        yield connections
        yield from plain.values()
        yield from labelled.values()
