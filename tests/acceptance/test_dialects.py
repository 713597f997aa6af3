"""The worked overlays of docs/mapping-guide.md: what comes of their messages without the overlay and with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from running_program import call

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "mapping-guide.md"
DIALECTS = sorted(path for path in (ROOT / "deploy" / "dialects").iterdir() if path.is_dir())
SHOWN = re.compile(r"^<!-- shows: (\S+) -->\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def explained(site: Path, settings: str, now: str) -> list[dict[str, Any]]:
    files = sorted(path.name for path in site.glob("*.hl7"))
    done = call("explain", "--json", "-c", settings, "--now", now, *files, folder=site)
    assert done.returncode == 0, done.stderr
    answer: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return answer


def in_short(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "control_id": answer["control_id"],
        "decision": answer["decision"],
        "reasons": [reason["code"] for reason in answer["reasons"]],
        "left_out": [entry["source"] for entry in answer["left_out"]],
    }


def test_there_are_five() -> None:
    assert [path.name for path in DIALECTS] == ["cerner", "eclinicalworks", "epic", "meditech", "pharmacy"]


@pytest.mark.parametrize("site", DIALECTS, ids=lambda site: site.name)
def test_what_comes_of_the_messages_without_the_overlay_and_with_it(site: Path) -> None:
    expected = json.loads((site / "expected.json").read_text("utf-8"))
    before = explained(site, "before.toml", expected["now"])
    assert [in_short(answer) for answer in before] == expected["before"]
    after = explained(site, "settings.toml", expected["now"])
    wanted = [{name: entry[name] for name in entry if name != "request"} for entry in expected["after"]]
    assert [in_short(answer) for answer in after] == wanted
    assert [answer["request"] for answer in after] == [entry.get("request") for entry in expected["after"]]


@pytest.mark.parametrize("site", DIALECTS, ids=lambda site: site.name)
def test_the_overlay_mends_something_of_every_site(site: Path) -> None:
    expected = json.loads((site / "expected.json").read_text("utf-8"))
    assert expected["before"] != [
        {name: entry[name] for name in entry if name != "request"} for entry in expected["after"]
    ]
    assert "post" in [entry["decision"] for entry in expected["after"]]


def test_in_the_feed_like_epics_the_npi_is_missing_once_the_number_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[site]\nmrn_authority = ["NMG"]\n')
    (tmp_path / "m.hl7").write_bytes((ROOT / "deploy/dialects/epic/booking.hl7").read_bytes())
    (answer,) = explained(tmp_path, "s.toml", "2026-03-02T09:00:00-06:00")
    (reason,) = answer["reasons"]
    assert reason["code"] == "missing:upcomingAppointmentProvider.npi"
    assert f"`{reason['text']}`" in GUIDE.read_text("utf-8").replace("\n", " ")


def test_files_that_the_guide_shows_are_as_it_shows_them() -> None:
    shown = SHOWN.findall(GUIDE.read_text("utf-8"))
    assert len(shown) >= 10
    assert [path for path, text in shown if (ROOT / path).read_text("utf-8") != text] == []
    assert {Path(path).parts[2] for path, _ in shown} == {site.name for site in DIALECTS}


def test_lines_of_messages_that_the_guide_shows_are_in_the_messages() -> None:
    sent = {
        line for site in DIALECTS for path in site.glob("*.hl7") for line in path.read_text().splitlines()
    }
    guide = GUIDE.read_text("utf-8")
    lines = re.findall(r"^(?:PID|SCH|AI[GLP]|Z[PR][VX]|DG1|ORC|RX[ER])\|.*", guide, re.MULTILINE)
    assert len(lines) > 15
    missing = [line for line in lines if not any(one.startswith(line.removesuffix("…")) for one in sent)]
    assert missing == []
