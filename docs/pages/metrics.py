"""docs/metrics.md: what /metrics shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from interface.services.held_reasons import COUNT_SECONDS, MOST_COUNTED
from interface.services.measures import MEASURES, PREFIX, Measure
from interface.services.work_stats import REPORT_SECONDS
from pages.markdown import MADE, code, table

_MOST_VALUES = 12

_PARTS: tuple[tuple[str, Callable[[Measure], bool]], ...] = (
    ("The listeners", lambda one: one.labels[:1] == ("listener",)),
    ("The door", lambda one: one.labels[:1] != ("listener",) and one.teller == "door"),
    ("The work", lambda one: one.teller == "work"),
)


def page() -> str:
    """The page of the metrics."""
    parts = "\n\n".join(
        f"## {title}\n\n{_table(one for one in MEASURES if belongs(one))}" for title, belongs in _PARTS
    )
    return f"""{MADE}

# Metrics

`/metrics` of `[web]` ([operating.md](operating.md#web-doors)) has them in Prometheus' text format. Nothing in them comes
out of a message: labels are the names of listeners, and codes of ours, all of which are listed here or on the pages named
below. A counter with such a label shows all of its values from the beginning.

{parts}

The work reports every {REPORT_SECONDS:g} s (less often when much waits, so that counting costs it at most a
twentieth of its time); its numbers appear with its first report. Its counters begin at zero when it is started again; its
gauges are gone while it is down. Held requests are counted every {COUNT_SECONDS:g} s, the newest {MOST_COUNTED:,} of
them; their reasons: [mapping.md](mapping.md). Why webhooks are refused: [webhooks.md](webhooks.md#what-is-answered),
and `timeout`, `connections`. Alerts: [alerts.md](alerts.md), and rules for Prometheus in `deploy/alerts.rules.yml`.
Verdicts and states of the destination: [verdicts.md](verdicts.md).

## The processes

Where the system has `/proc` (Linux): `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_virtual_memory_bytes`, `process_start_time_seconds`, `process_open_fds`, `process_max_fds` of the door, and the
same of the work as `{PREFIX}work_process_…`.
"""


def _table(measures: Iterable[Measure]) -> str:
    return table(("name", "type", "labels", "what", "alarm"), map(_row, measures))


def _row(measure: Measure) -> tuple[str, ...]:
    labels = [code(label) for label in measure.labels]
    if 0 < len(measure.values) <= _MOST_VALUES:
        labels[-1] += ": " + ", ".join(code(value) for value in measure.values)
    elif measure.buckets:
        labels = [f"`le`: {', '.join(f'{bound:g}' for bound in measure.buckets)}"]
    return code(PREFIX + measure.name), measure.kind, "; ".join(labels), measure.about, measure.alarm
