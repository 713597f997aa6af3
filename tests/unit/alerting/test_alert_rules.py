"""deploy/alerts.rules.yml is YAML with a rule for each alert, on metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from interface.alerting.kinds import BY_CODE
from interface.services.metrics import DoorMetrics

FILE = Path(__file__).parents[3] / "deploy" / "alerts.rules.yml"


def rules() -> list[dict[str, object]]:
    (group,) = yaml.safe_load(FILE.read_text("utf-8"))["groups"]
    return list(group["rules"])


def test_there_is_a_rule_for_each_alert_and_one_for_a_daemon_that_is_gone() -> None:
    found = re.findall(r'alert="([a-z-]+)"', FILE.read_text("utf-8"))
    assert found == list(BY_CODE)
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) == len(BY_CODE) + 1
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")  # type: ignore[index]
        assert set(rule["annotations"]) == {"summary", "description", "action"}  # type: ignore[call-overload]


def test_every_metric_of_the_rules_is_served() -> None:
    metrics = DoorMetrics()
    metrics.live["work_up"] = lambda: 1
    metrics.alerts = lambda: {"disk-low"}
    served = metrics.text().decode()
    assert 'hl7_interface_alert{alert="disk-low"} 1.0' in served
    assert 'hl7_interface_alert{alert="wal-large"} 0.0' in served
    for rule in rules():
        for name in re.findall(r"hl7_interface_[a-z_]+", str(rule["expr"])):
            assert re.search(rf"^{name}[ {{]", served, re.MULTILINE), name
