"""What /metrics shows: by the table and nothing else, readable by Prometheus' own parser, bounded whatever comes."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from interface.chart.holds import CODES, FIELDS
from interface.delivery.outcomes import Outcome
from interface.delivery.verdict import CHECKED, VERDICTS
from interface.hl7.ack import Receipt
from interface.services import logs, measures
from interface.services.held_reasons import code_told, counted
from interface.services.measures import BY_NAME, HISTOGRAMS, MEASURES, PREFIX, REPORTED
from interface.services.metrics import DoorMetrics
from interface.services.reported import WorkStats
from interface.services.work_stats import WorkStats as Counting
from interface.settings import SettingsError, load_settings
from interface.store.records.figures import Backlog
from interface.store.records.turn import AttemptDone, Joins, MessageDone, Unsent

DECISIONS = ("post", "chart", "hold", "cancel", "ignore", "reject")


def samples(metrics: DoorMetrics) -> dict[str, Sample]:
    """By name and labels, as Prometheus would write them."""
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: DoorMetrics, name: str, **labels: str) -> float:
    return samples(metrics)[PREFIX + name + json.dumps(labels, sort_keys=True)].value


def busy() -> DoorMetrics:
    """One with something in every family."""
    metrics = DoorMetrics(os.getpid)
    counts = metrics.listener("adt")
    counts.received["stored"] += 3
    counts.answered["AA"] += 3
    counts.refused["not-allowed"] += 1
    counts.last_message_at = 1780000000.5
    metrics.committed(3, 0.004)
    metrics.webhooks.refused["not-json"] += 2
    metrics.held = {"missing:patient.birthDate": 4}
    metrics.certificates = {"[web]": 1790000000.0}
    metrics.live |= {
        name: lambda: 1
        for name in [
            "waiting_messages",
            "waiting_bytes",
            "reading_paused",
            "journal_failing",
            "work_up",
            "work_failing",
            "webhooks_failing",
            "store_bytes",
            "disk_free_bytes",
            "wal_bytes",
        ]
    }
    stats = {name: 2 for name, place in REPORTED.items() if place.measure.kind == "gauge"}
    counters = {name: 7 for name, place in REPORTED.items() if place.measure.kind == "counter"}
    told = {"state": "paused", "reason": "not-authorised", "since": 1780000000.0, "next_at": None}
    posts = {"buckets": [1] + [0] * (len(measures.POST_SECONDS) - 1) + [2], "sum": 130.5}
    line = {"gauges": stats, "counters": counters, "histograms": {"post_seconds": posts}, "destination": told}
    assert metrics.work.take_line(json.dumps(line).encode())
    return metrics


def test_every_family_of_the_table_can_be_shown_and_no_other_is() -> None:
    families = {family.name: family for family in text_string_to_metric_families(busy().text().decode())}
    ours = {name.removeprefix(PREFIX): family for name, family in families.items() if name.startswith(PREFIX)}
    of_the_work = {name for name in ours if name.startswith("work_process_")}
    assert len(of_the_work) == 6
    assert {name.removesuffix("_total") for name in BY_NAME} == ours.keys() - of_the_work
    assert all(name in ours or name.startswith(("hl7_interface", "process_")) for name in families)
    for measure in MEASURES:
        family = ours[measure.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (measure.kind, measure.about)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(measure.labels)


def test_names_are_as_prometheus_wants_them() -> None:
    assert len(BY_NAME) == len(MEASURES)
    for measure in MEASURES:
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", measure.name)
        assert measure.name.endswith("_total") == (measure.kind == "counter")
        assert not re.search(r"_(ms|millis|minutes|hours|days|kib|mib|kb|mb|percent)\b", measure.name)
        assert measure.about.endswith(".") and "\n" not in measure.about
        assert (measure.kind == "histogram") == bool(measure.buckets)


def test_numbers_stand_where_they_belong() -> None:
    metrics = busy()
    assert value(metrics, "messages_received_total", listener="adt", receipt="stored") == 3
    assert value(metrics, "answers_total", listener="adt", code="AA") == 3
    assert value(metrics, "connections_refused_total", listener="adt", reason="not-allowed") == 1
    assert value(metrics, "last_message_timestamp_seconds", listener="adt") == 1780000000.5
    assert value(metrics, "journal_batch_rows_sum") == 3
    assert value(metrics, "held_requests", reason="missing:patient.birthDate") == 4
    assert value(metrics, "certificate_expiry_timestamp_seconds", certificate="[web]") == 1790000000
    assert value(metrics, "work_oldest_waiting_seconds") == 2
    assert value(metrics, "work_messages_total", decision="failed") == 7
    assert value(metrics, "work_post_seconds_bucket", le="0.025") == 1
    assert value(metrics, "work_post_seconds_bucket", le="60.0") == 1
    assert value(metrics, "work_post_seconds_bucket", le="+Inf") == 3
    assert value(metrics, "work_post_seconds_sum") == 130.5
    assert value(metrics, "work_restarts_total") == 0


def test_a_counter_shows_all_its_codes_before_any_has_come() -> None:
    metrics = DoorMetrics()
    metrics.listener("adt")
    metrics.work.take_line(b'{"counters": {"messages_post_total": 1}}')
    assert value(metrics, "messages_received_total", listener="adt", receipt="not-stored") == 0
    assert value(metrics, "work_messages_total", decision="failed") == 0


def test_which_version_runs_since_when_and_what_the_processes_take() -> None:
    found = samples(busy())
    (build,) = [sample for sample in found.values() if sample.name == PREFIX + "build_info"]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", build.labels["version"]) and build.value == 1
    assert found[PREFIX + "start_time_seconds{}"].value <= datetime.now(UTC).timestamp()
    if Path("/proc/self/stat").exists():
        assert found["process_resident_memory_bytes{}"].value > 1e6
        assert found[PREFIX + "work_process_cpu_seconds_total{}"].value > 0
        assert PREFIX + "work_process_cpu_seconds_total{}" not in samples(DoorMetrics())


def test_any_listener_name_that_the_settings_take_can_be_a_label(tmp_path) -> None:  # type: ignore[no-untyped-def]
    names = ["a", "A-b_c.d", "9", "x" * 40, "le", "listener"]
    metrics = DoorMetrics()
    for name in names:
        metrics.listener(name).received["stored"] += 1
    for name in names:
        assert value(metrics, "messages_received_total", listener=name, receipt="stored") == 1
    for hostile in ('a"b', "a\\b", "a b", "a{b}", "a\\u000ab", "\u00fc", ""):
        path = tmp_path / "s.toml"
        path.write_text(f"[[listener]]\nname = {json.dumps(hostile)}\n")
        with pytest.raises(SettingsError, match=r"short name"):
            load_settings(path)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[1]",
        b"3",
        b'{"gauges": [1]}',
        b'{"gauges": {"Bad name": 1, "messages_new": "x", "requests_held": null, "patients_Doe": 1}}',
        b'{"histograms": {"post_seconds": {"buckets": [1], "sum": 1}}}',
        b'{"histograms": {"post_seconds": 3, "Doe": {}}}',
        b'{"histograms": [1]}',
    ],
)
def test_what_the_work_says_otherwise_is_not_taken(line: bytes) -> None:
    stats = WorkStats()
    stats.take_line(line)
    assert (stats.gauges, stats.counters, stats.histograms) == ({}, {}, {})


PAUSED = b'{"destination": {"state": "paused", "reason": "not-authorised", "since": 1780000000.0, "next_at": null}}'


def test_the_state_of_the_destination_is_one_gauge_with_a_label() -> None:
    metrics = DoorMetrics()
    assert "hl7_interface_destination" not in metrics.text().decode()
    metrics.work.take_line(PAUSED)
    lines = metrics.text().decode().splitlines()
    assert [line for line in lines if line.startswith("hl7_interface_destination{")] == [
        'hl7_interface_destination{state="passing"} 0.0',
        'hl7_interface_destination{state="open"} 0.0',
        'hl7_interface_destination{state="paused"} 1.0',
        'hl7_interface_destination{state="slowed"} 0.0',
    ]
    assert metrics.work.destination == {
        "state": "paused",
        "reason": "not-authorised",
        "since": "2026-05-28T20:26:40+00:00",
        "next_at": None,
    }
    metrics.work.forget()
    assert metrics.work.destination is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"destination": {"state": "elsewhere"}}',
        b'{"destination": "paused"}',
        b'{"destination": {"state": ["open"]}}',
    ],
)
def test_a_state_that_is_none_is_not_taken(line: bytes) -> None:
    stats = WorkStats()
    stats.take_line(line)
    assert stats.destination is None


def test_since_when_every_try_fails_is_told_where_it_is_so() -> None:
    stats = WorkStats()
    stats.take_line(b'{"destination": {"state": "passing", "away_since": 1780000000.0}}')
    assert stats.destination is not None
    assert stats.destination["away_since"] == "2026-05-28T20:26:40+00:00"


def test_a_reason_that_nobody_knows_is_not_shown() -> None:
    stats = WorkStats()
    stats.take_line(b'{"destination": {"state": "paused", "reason": "ANNA", "since": "x"}}')
    assert stats.destination == {"state": "paused", "reason": "", "since": None, "next_at": None}


# ---- what the work counts has a place at the door ----


def lines_of(told: list[bytes]) -> Counting:
    return Counting(lambda: Backlog(0, 0, None, 0, 0), told.append)


def test_everything_that_the_work_reports_is_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "lost", 2)
    told: list[bytes] = []
    work = lines_of(told)
    work.messages(
        [MessageDone(1, "done", decision) for decision in DECISIONS] + [MessageDone(1, "failed", None)]
    )
    kinds = {row.verdict.kind for row in (*VERDICTS, *CHECKED)} | {"unsent"}
    work.attempts([AttemptDone(1, 1, 0.0, 0.3, 200, kind, "", "waiting") for kind in kinds])
    work.attempts([Unsent(1, 1, state, "[]") for state in ("expired", "dead")])
    outcomes = [Outcome(), Outcome(found_at=1), Outcome(insufficient_at=1), Outcome(delivered_at=1)]
    work.joined(Joins({1: (1,), 2: ()}, [], dict(enumerate(outcomes))))
    work.turn(0.5)
    work.clock_ahead(1.5)
    work.report(0.0)
    (line,) = told
    report = json.loads(line)
    assert REPORTED.keys() == report["gauges"].keys() | report["counters"].keys()
    assert report["histograms"].keys() == HISTOGRAMS.keys()
    metrics = DoorMetrics()
    assert metrics.work.take_line(line)
    assert value(metrics, "work_attempts_total", verdict="delivered") == 1
    assert value(metrics, "work_post_seconds_bucket", le="0.25") == 0
    assert value(metrics, "work_post_seconds_bucket", le="0.5") == len(kinds)
    assert value(metrics, "work_outcomes_total", outcome="insufficient") == 1


def test_the_codes_of_the_table_are_those_of_the_code() -> None:
    assert tuple(receipt.value for receipt in Receipt) == measures.RECEIPTS
    assert set(measures.VERDICTS) == {row.verdict.kind for row in (*VERDICTS, *CHECKED)} | {"unsent"}
    assert set(measures.DECISIONS) == {*DECISIONS, "failed"}


# ---- held requests by reason ----


def test_reasons_to_hold_are_counted_by_codes_of_the_table() -> None:
    held = [
        (("missing:patient.birthDate",), 3),
        (("missing:patient.birthDate", "missing:patient.name.given[0]"), 2),
        (("protected", "made-up"), 1),
        (("invalid:patient.addresses[3].zip",), 1),
        (("missing:DOE.JANE",), 5),
        ((), 4),
    ]
    assert counted(held) == {
        "missing:patient.birthDate": 5,
        "missing:patient.name.given": 2,
        "protected": 1,
        "invalid:patient.addresses.zip": 1,
        "other": 10,
    }


def test_every_reason_that_the_table_of_holds_has_is_told_as_it_is() -> None:
    for hold in CODES:
        assert code_told(hold.key) == hold.key
    for hold in FIELDS:
        field = hold.key.removeprefix("invalid:").removeprefix("incomplete:")
        assert code_told(f"missing:{field}[0]") == f"missing:{field}"
    assert code_told("missing:patient.birthDate.year") == "missing:patient.birthDate"


def test_every_reason_not_to_take_a_connection_is_in_the_table() -> None:
    rooms = Path(measures.__file__).parent
    texts = "".join((rooms / name).read_text("utf-8") for name in REFUSING)
    for reason in measures.REFUSALS:
        assert f'"{reason}"' in texts
    said = set(re.findall(r'"((?:tls|not|too-many)-[a-z-]+|too-many|stopping)"', texts))
    assert said <= {*measures.REFUSALS}


REFUSING = ("listener.py", "connection.py", "client_certificates.py", "secured.py")
