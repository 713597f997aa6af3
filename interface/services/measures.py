"""What /metrics can show: every family with its type, its labels and what it means. Nothing else is ever shown.

Names as Prometheus wants them: base units, `_total` on counters, labels whose values are known beforehand (names of the
settings file, codes of ours) and never come out of a message. docs/metrics.md is made of this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from interface.alerting.kinds import BY_CODE as KINDS_BY_CODE
from interface.chart.holds import CODES, FIELDS
from interface.delivery.destination import STATES

PREFIX = "hl7_interface_"
COMMIT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
POST_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

Kind = Literal["counter", "gauge", "histogram"]
Teller = Literal["door", "work"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One family. `name` is without the prefix, that of a counter with `_total`."""

    name: str
    kind: Kind
    about: str
    """One sentence, for HELP and the page."""
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    """All values of the last label, where they are codes of ours: shown from the beginning, as 0."""
    alarm: str = ""
    """When somebody should be told."""
    teller: Teller = "door"
    """work: the work reports it, on its standard output, by the name without `work_`."""
    buckets: tuple[float, ...] = ()


RECEIPTS = (
    "stored",
    "duplicate",
    "conflict",
    "no-msh",
    "undecodable",
    "missing-type",
    "missing-control-id",
    "too-large",
    "not-stored",
)
REFUSALS = (
    "not-allowed",
    "too-many",
    "too-many-of-address",
    "too-many-files",
    "stopping",
    "listener-closed",
    "not-mllp",
    "tls-on-plain-port",
    "not-tls",
    "tls-handshake",
    "tls-certificate",
    "tls-name",
)
DECISIONS = ("post", "chart", "hold", "cancel", "ignore", "reject", "failed")
VERDICTS = ("delivered", "retry", "dead", "apart", "pause", "slow", "unsent")
OUTCOMES = ("found", "insufficient", "delivered", "none")

_PROBLEMS = ("missing", "invalid", "incomplete")
OTHER = "other"
HOLD_CODES = (
    *dict.fromkeys(
        hold.key
        if hold in CODES
        else f"{problem}:{hold.key.removeprefix('invalid:').removeprefix('incomplete:')}"
        for hold in (*CODES, *FIELDS)
        for problem in _PROBLEMS
    ),
    OTHER,
)
"""The reasons to hold, of all fields that interface/chart/holds.py has a row for."""

_BY_LISTENER = (
    Measure("connections", "gauge", "Connections that are open now.", ("listener",), alarm="0 by day"),
    Measure("connections_accepted_total", "counter", "Connections taken.", ("listener",)),
    Measure(
        "connections_refused_total",
        "counter",
        "Connections that were not taken, or no further.",
        ("listener", "reason"),
        REFUSALS,
        "when it rises",
    ),
    Measure("received_bytes_total", "counter", "Bytes received.", ("listener",)),
    Measure(
        "junk_bytes_total",
        "counter",
        "Bytes received outside frames.",
        ("listener",),
        alarm="when it rises: not MLLP",
    ),
    Measure(
        "messages_received_total",
        "counter",
        "Messages by what became of them at the door.",
        ("listener", "receipt"),
        RECEIPTS,
        "`stored`: none for a while by day; `not-stored` rises",
    ),
    Measure(
        "last_message_timestamp_seconds",
        "gauge",
        "When the last message was stored since the start, POSIX time; not there before the first.",
        ("listener",),
        alarm="too long ago by day",
    ),
    Measure(
        "answers_total",
        "counter",
        "Frames by their answer, MSA-1; `none`: silence.",
        ("listener", "code"),
        ("AA", "AE", "AR", "CA", "CE", "CR", "none"),
        "`AE`, `AR`, `CR` rise",
    ),
    Measure(
        "frames_discarded_total",
        "counter",
        "Unfinished frames that were dropped.",
        ("listener", "reason"),
        ("restarted", "timeout", "unfinished"),
        "when it rises",
    ),
)
_OF_THE_DOOR = (
    Measure("build_info", "gauge", "Always 1; which version runs.", ("version",)),
    Measure("start_time_seconds", "gauge", "When the daemon was started, POSIX time."),
    Measure(
        "journal_commit_seconds",
        "histogram",
        "Time of a journal transaction, flush included.",
        buckets=COMMIT_SECONDS,
        alarm="above a second: the disk",
    ),
    Measure("journal_batch_rows", "histogram", "Messages in a journal transaction.", buckets=BATCH_ROWS),
    Measure("journal_failing", "gauge", "1 while messages can't be stored.", alarm="at once"),
    Measure("waiting_messages", "gauge", "Frames that wait to be stored."),
    Measure("waiting_bytes", "gauge", "Bytes of frames that wait to be stored."),
    Measure(
        "reading_paused",
        "gauge",
        "1 while too much waits to be stored and no more is read.",
        alarm="for minutes",
    ),
    Measure("store_bytes", "gauge", "Size of the store."),
    Measure(
        "disk_free_bytes",
        "gauge",
        "Free room where the store is; SQLite only.",
        alarm="below what a weekend needs",
    ),
    Measure(
        "wal_bytes",
        "gauge",
        "Size of the store's write-ahead log; SQLite only.",
        alarm="above 256 MiB",
    ),
    Measure(
        "held_requests",
        "gauge",
        "Held requests by the code of their reason, counted each half minute; one with several reasons counts for each.",
        ("reason",),
        HOLD_CODES,
        "a reason jumps",
    ),
    Measure(
        "webhooks_total",
        "counter",
        "Webhooks taken, by whether they were new.",
        ("receipt",),
        ("received", "repeated"),
        "none for days",
    ),
    Measure(
        "webhooks_refused_total",
        "counter",
        "Webhooks refused, by reason.",
        ("reason",),
        alarm="`not-stored` rises; `not-found`, `not-allowed`: somebody tries",
    ),
    Measure("webhooks_failing", "gauge", "1 while webhooks can't be stored.", alarm="at once"),
    Measure(
        "certificate_expiry_timestamp_seconds",
        "gauge",
        "When a certificate that is in use ends, POSIX time.",
        ("certificate",),
        alarm="within 14 days",
    ),
    Measure(
        "alert",
        "gauge",
        "1 while an alert is on, by its code.",
        ("alert",),
        tuple(KINDS_BY_CODE),
        "at once",
    ),
    Measure("work_up", "gauge", "1 while the work runs.", alarm="0 for a minute"),
    Measure(
        "work_failing",
        "gauge",
        "1 while the work runs, but the store does not let it go on.",
        alarm="at once",
    ),
    Measure("work_restarts_total", "counter", "Starts of the work after its death.", alarm="when it rises"),
    Measure(
        "destination",
        "gauge",
        "1 for the state that where requests go is in.",
        ("state",),
        STATES,
        "`paused` at once; `open` after an hour",
    ),
    Measure(
        "log_lines_lost_total",
        "counter",
        "Lines of the door's log that could not be written.",
        alarm="when it rises",
    ),
)
_OF_THE_WORK = (
    Measure(
        "work_messages_new",
        "gauge",
        "Messages stored and not decided yet.",
        teller="work",
        alarm="above 0 for minutes",
    ),
    Measure(
        "work_messages_total",
        "counter",
        "Messages by what was decided; `failed`: our own fault.",
        ("decision",),
        DECISIONS,
        "`failed` rises",
        "work",
    ),
    Measure("work_requests_waiting", "gauge", "Requests that wait to be sent.", teller="work"),
    Measure("work_requests_sending", "gauge", "Requests that are being sent.", teller="work"),
    Measure(
        "work_requests_held",
        "gauge",
        "Requests that may not go out as they are.",
        teller="work",
        alarm="jumps, those of the next row left out",
    ),
    Measure(
        "work_requests_held_for_time",
        "gauge",
        "Those of the held ones that go out by themselves in time.",
        teller="work",
    ),
    Measure(
        "work_requests_dead",
        "gauge",
        "Requests given up until a person does something.",
        teller="work",
        alarm="when it rises",
    ),
    Measure(
        "work_requests_unanswered",
        "gauge",
        "Requests without a webhook for `expected_hours`.",
        teller="work",
        alarm="above 0",
    ),
    Measure(
        "work_oldest_waiting_seconds",
        "gauge",
        "Age of the oldest waiting request.",
        teller="work",
        alarm="above an hour",
    ),
    Measure(
        "work_attempts_total",
        "counter",
        "Attempts of requests by verdict; of a panel each of its requests counts.",
        ("verdict",),
        VERDICTS,
        teller="work",
    ),
    Measure(
        "work_requests_unsent_total",
        "counter",
        "Requests that ended when their turn came, without having been sent.",
        ("state",),
        ("expired", "dead"),
        teller="work",
    ),
    Measure(
        "work_post_seconds",
        "histogram",
        "Time of an attempt from its begin to the whole reply, or its failure.",
        buckets=POST_SECONDS,
        teller="work",
        alarm="as slow as `timeout_seconds`",
    ),
    Measure(
        "work_webhooks_joined_total",
        "counter",
        "Webhooks that were about a request.",
        teller="work",
    ),
    Measure(
        "work_webhooks_unmatched_total",
        "counter",
        "Webhooks about no request that is known, or not yet.",
        teller="work",
        alarm="rises alone",
    ),
    Measure(
        "work_outcomes_total",
        "counter",
        "What webhooks have come to for a request, each time that one told of it.",
        ("outcome",),
        OUTCOMES,
        teller="work",
    ),
    Measure(
        "work_api_clock_ahead_seconds",
        "gauge",
        "By how much this machine's clock is ahead of the API's, by the last replies; 0 within 3 s.",
        teller="work",
        alarm="above a minute, either way",
    ),
    Measure("work_turns_total", "counter", "Turns of the work that stored something.", teller="work"),
    Measure("work_turn_seconds_total", "counter", "Time of these turns together.", teller="work"),
    Measure(
        "work_log_lines_lost_total",
        "counter",
        "Lines of the work's log that could not be written.",
        teller="work",
        alarm="when it rises",
    ),
)
MEASURES: tuple[Measure, ...] = (*_BY_LISTENER, *_OF_THE_DOOR, *_OF_THE_WORK)
BY_NAME = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number that the work reports belongs."""

    measure: Measure
    value: str = ""
    """Of its label."""


def _reported() -> dict[str, Place]:
    found: dict[str, Place] = {}
    for measure in _OF_THE_WORK:
        name = measure.name.removeprefix("work_")
        if measure.kind == "histogram":
            continue
        if not measure.labels:
            found[name] = Place(measure)
        for value in measure.values:
            found[f"{name.removesuffix('_total')}_{value.replace('-', '_')}_total"] = Place(measure, value)
    return found


REPORTED = _reported()
"""By the name that the work has for it: `messages_post_total`. What is not here is dropped."""
HISTOGRAMS = {
    measure.name.removeprefix("work_"): measure for measure in _OF_THE_WORK if measure.kind == "histogram"
}
"""Those of the work, by its names."""
