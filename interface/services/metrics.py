"""What /metrics shows (Prometheus), by the table in `measures.py`. Labels are listener names and codes of ours, never
anything out of a message.

Counts are plain integers of the reactor thread, read when somebody asks: counting a message costs no lock.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import interface
from interface.delivery.destination import STATES
from interface.services import logs
from interface.services.measures import BY_NAME, HISTOGRAMS, PREFIX, REPORTED, Measure
from interface.services.reported import WorkStats


@dataclass(slots=True)
class ListenerCounts:
    """What one listener has counted since the start."""

    connections: int = 0
    """Open now."""
    accepted: int = 0
    bytes: int = 0
    junk_bytes: int = 0
    """Bytes outside frames."""
    last_message_at: float | None = None
    """When the last message was stored, POSIX seconds; None: none since the start."""
    received: Counter[str] = field(default_factory=Counter)
    """Messages by receipt: stored, duplicate, conflict, no-msh ... not-stored, too-large."""
    answered: Counter[str] = field(default_factory=Counter)
    """Frames by MSA-1 of their answer; `none` for silence."""
    refused: Counter[str] = field(default_factory=Counter)
    """Connections that were not taken by reason: those of `measures.REFUSALS`."""
    discarded: Counter[str] = field(default_factory=Counter)
    """Unfinished frames dropped: restarted (a second VT), timeout, unfinished (the connection ended)."""


@dataclass(slots=True)
class WebhookCounts:
    """What the receiver of webhooks has counted since the start."""

    taken: Counter[str] = field(default_factory=Counter)
    """received, repeated."""
    refused: Counter[str] = field(default_factory=Counter)
    """By reason: what is in `receiving.ANSWERS`, and timeout, connections."""


_PLAIN = (
    ("connections", "connections"),
    ("connections_accepted_total", "accepted"),
    ("received_bytes_total", "bytes"),
    ("junk_bytes_total", "junk_bytes"),
    ("last_message_timestamp_seconds", "last_message_at"),
)
"""Families by listener, and where their number is counted."""
_LABELLED = (
    ("messages_received_total", "received"),
    ("answers_total", "answered"),
    ("connections_refused_total", "refused"),
    ("frames_discarded_total", "discarded"),
)


class DoorMetrics(Collector):
    """All numbers of the door, in a registry of its own."""

    def __init__(self, work_pid: Callable[[], int | None] = lambda: None) -> None:
        """`work_pid`: the process of the work, None while it is down."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # each histogram would have a series more, of which nobody reads anything
        self.listeners: dict[str, ListenerCounts] = {}
        self.work = WorkStats()
        self.webhooks = WebhookCounts()
        self.held: Mapping[str, int] = {}
        """Held requests by the code of their reason, as they were counted last."""
        self.child_restarts = 0
        self.alerts: Callable[[], Collection[str]] = lambda: ()
        """The codes of what is on."""
        self.live: dict[str, Callable[[], float]] = {}
        """Gauges of the table that are read when asked, by name."""
        self.certificates: Mapping[str, float] = {}
        """When certificates end, by what they are of: POSIX seconds."""
        self._started = time.time()
        self.registry = CollectorRegistry(auto_describe=False)
        self._commit_seconds = self._histogram("journal_commit_seconds")
        self._batch_rows = self._histogram("journal_batch_rows")
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self.registry.register(_Process(f"{PREFIX}work", work_pid))

    def _histogram(self, name: str) -> Histogram:
        measure = BY_NAME[name]
        return Histogram(
            PREFIX + name, measure.about, labelnames=(), buckets=measure.buckets, registry=self.registry
        )

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
        """Nothing: what the work has told is not known beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield _family("build_info", [((interface.__version__,), 1)])
        yield _family("start_time_seconds", [((), self._started)])
        yield from self._by_listener()
        yield _family("webhooks_total", _by_code("webhooks_total", self.webhooks.taken))
        yield _family("webhooks_refused_total", _by_code("webhooks_refused_total", self.webhooks.refused))
        for name, read in self.live.items():
            yield _family(name, [((), read())])
        yield _family("held_requests", [((code,), count) for code, count in self.held.items()])
        yield _family(
            "certificate_expiry_timestamp_seconds", [((name,), at) for name, at in self.certificates.items()]
        )
        on = self.alerts()
        yield _family("alert", [((code,), code in on) for code in BY_NAME["alert"].values])
        yield _family("work_restarts_total", [((), self.child_restarts)])
        yield _family("log_lines_lost_total", [((), logs.lost)])
        yield from self._of_the_work()

    def _by_listener(self) -> Iterator[Metric]:
        for name, attribute in _PLAIN:
            counted = [((key,), getattr(counts, attribute)) for key, counts in self.listeners.items()]
            yield _family(name, [(labels, value) for labels, value in counted if value is not None])
        for name, attribute in _LABELLED:
            yield _family(
                name,
                [
                    ((listener, *labels), value)
                    for listener, counts in self.listeners.items()
                    for labels, value in _by_code(name, getattr(counts, attribute))
                ],
            )

    def _of_the_work(self) -> Iterator[Metric]:
        if self.work.destination is not None:
            state = self.work.destination["state"]
            yield _family("destination", [((one,), one == state) for one in STATES])
        told = self.work.gauges | self.work.counters
        families: dict[str, list[Sample]] = {}
        for name in told.keys() & REPORTED.keys():
            place = REPORTED[name]
            samples = families.setdefault(place.measure.name, [])
            samples.append(((place.value,) if place.value else (), told[name]))
        for name in sorted(families):
            yield _family(name, _with_zeros(BY_NAME[name], families[name]))
        for name, counted in self.work.histograms.items():
            measure = HISTOGRAMS[name]
            bounds = [str(float(bound)) for bound in measure.buckets] + ["+Inf"]
            running = [sum(counted.buckets[: n + 1]) for n in range(len(bounds))]
            yield HistogramMetricFamily(
                PREFIX + measure.name,
                measure.about,
                buckets=list(zip(bounds, running, strict=True)),
                sum_value=counted.total,
            )


Sample = tuple[tuple[str, ...], float]
"""The values of the labels, and the number."""


def _by_code(name: str, counts: Mapping[str, int]) -> list[Sample]:
    return _with_zeros(BY_NAME[name], [((code,), count) for code, count in counts.items()])


def _with_zeros(measure: Measure, samples: list[Sample]) -> list[Sample]:
    """All codes of a family from the beginning: a counter that appears with its first event never seems to rise."""
    known = {labels[-1] for labels, _ in samples if labels}
    return samples + [((value,), 0) for value in measure.values if value not in known]


def _family(name: str, samples: Iterable[Sample]) -> Metric:
    measure = BY_NAME[name]
    made = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
    family = made(PREFIX + name.removesuffix("_total"), measure.about, labels=measure.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


class _Process(Collector):
    """Memory, processor time and descriptors of another process."""

    def __init__(self, namespace: str, pid: Callable[[], int | None]) -> None:
        self._pid = pid
        self._collector = ProcessCollector(namespace, lambda: self._pid() or 0, registry=None)

    def describe(self) -> Iterable[Metric]:
        """Nothing: it may be down."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What /proc says of it, nothing where there is none."""
        return () if self._pid() is None else self._collector.collect()
