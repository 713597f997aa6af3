"""The installed program with version 2 of the API: `run` with panels, `send`, `explain`, and `check --live`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import until
from ports import free_port
from running_program import NOW, Program, call, calls, states

PATIENTS = 60
SETTINGS = """
[site]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
version = 2
batch = 50
base_url = "{api}"
[request]
batch_id = "Lakeside"
[forward]
without_date = "post"
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""


@contextmanager
def started(ready: str, *arguments: str, folder: Path) -> Iterator[re.Match[str]]:
    """A command that stays, once it has said that it is ready."""
    program = Program(*arguments, folder=folder)
    try:
        yield program.says(ready)
    finally:
        program.end()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    arguments = ("sandbox", "--port", "0", "--quiet", "--today", "2026-03-02")
    with started(r"listening on (\S+)", *arguments, folder=tmp_path) as found:
        yield found[1]


@pytest.fixture
def site(tmp_path: Path, api: str) -> Path:
    (tmp_path / "site.toml").write_text(SETTINGS.format(port=free_port(), web=free_port(), api=api))
    return tmp_path


def port_of(site: Path) -> str:
    found = re.search(r"port = (\d+)", (site / "site.toml").read_text())
    assert found
    return found[1]


def message(patient: int) -> str:
    """Every third patient has no appointment."""
    person = f"PID|1||{patient:05d}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703"
    if patient % 3 == 0:
        return "\r".join(
            (
                f"MSH|^~\\&|APP|FAC|R|R|20260302080000||ADT^A28|P{patient}|P|2.5.1",
                person,
                "PD1||||1245319599^Rook^Casey^^^^^^NPI",
            )
        )
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|P{patient}|P|2.5.1",
            f"SCH||F{patient}|||||||||^^^202603100930",
            person,
            "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
            "DG1|1||I10^Hypertension^I10",
        )
    )


def requests_of(site: Path) -> list[dict[str, Any]]:
    done = call("requests", "-c", "site.toml", "--json", "--limit", "1000", folder=site)
    found: list[dict[str, Any]] = json.loads(done.stdout)["requests"]
    return found


def test_every_request_is_delivered_in_panels_with_a_correlation_id_of_its_own(site: Path, api: str) -> None:
    (site / "feed.hl7").write_text("\r".join(message(patient) for patient in range(PATIENTS)) + "\r")
    with started("event=ready", "run", "-c", "site.toml", "--now", NOW, folder=site):
        sent = call("send", "feed.hl7", "--to", f"127.0.0.1:{port_of(site)}", folder=site)
        assert sent.returncode == 0, sent.stderr
        until("all are delivered", lambda: states(site / "store.db") == ["delivered"] * PATIENTS)
        made = requests_of(site)
    given: dict[str, str] = {}
    for one in calls(api):
        assert (one["path"], one["status"]) == ("/v2/patient-data/process", 200)
        assert one["body"]["batchId"] == "Lakeside"
        entries = one["body"]["patientProcessingRequests"]
        mrns = [entry["patient"]["mrn"]["extension"] for entry in entries]
        assert len(mrns) == len(set(mrns)) <= 50
        given |= dict(zip(mrns, one["patientIds"], strict=True))
    assert len(given) == PATIENTS
    assert {entry["correlation_id"] for entry in made} == set(given.values())
    by_id = {own: mrn for mrn, own in given.items()}
    done = call("requests", "show", str(made[0]["id"]), "-c", "site.toml", "--json", folder=site)
    assert f'"{by_id[made[0]["correlation_id"]]}"' in done.stdout, (
        "the id is that of the request's own patient"
    )


def test_explain_shows_the_one_patients_entry(site: Path) -> None:
    (site / "one.hl7").write_text(message(1))
    done = call("explain", "one.hl7", "-c", "site.toml", "--now", NOW, "--json", folder=site)
    (told,) = json.loads(done.stdout)["messages"]
    assert told["decision"] == "post"
    assert told["request"]["requestingProvider"]["npi"] == "1234567893"
    assert {"patient.addresses[0].zip", "diagnoses[0].active", "requestingProvider.npi"} <= {
        entry["field"] for entry in told["fields"]
    }


def live(site: Path) -> tuple[int, str]:
    done = call("check", "-c", "site.toml", "--live", "--json", folder=site)
    (line,) = [entry for entry in json.loads(done.stdout)["checks"] if entry["what"] == "live"]
    return done.returncode, f"{line['level']} {line['detail']}"


def test_check_sends_a_made_up_patient_only_when_asked_to(site: Path, api: str) -> None:
    done = call("check", "-c", "site.toml", folder=site)
    assert "live" not in done.stdout
    assert calls(api) == []
    code, line = live(site)
    assert (code, line) == (
        0,
        f"ok {api}/v2/patient-data/validate finds a made-up patient's request valid; nothing is processed",
    )
    (one,) = calls(api)
    (entry,) = one["body"]["patientProcessingRequests"]
    assert (one["path"], one["processed"]) == ("/v2/patient-data/validate", False)
    assert entry["patient"]["name"]["family"] == "Testerson"
    assert entry["patient"]["mrn"] == {"root": "2.999.1.1", "extension": "HL7-INTERFACE-CHECK"}


def test_check_live_tells_what_the_api_refuses(site: Path) -> None:
    text = (site / "site.toml").read_text()
    (site / "key").write_text("wrong")
    (site / "key").chmod(0o600)
    (site / "site.toml").write_text(text.replace("batch = 50", 'batch = 50\nkey = "file:key"'))
    code, line = live(site)
    assert code == 1
    assert line.startswith("FAIL ") and "HTTP 401: the API key was not accepted" in line


def test_check_live_of_version_1_asks_the_simulated_api_and_no_other(site: Path, api: str) -> None:
    text = (site / "site.toml").read_text()
    first = text.replace("version = 2\nbatch = 50", "version = 1").replace('without_date = "post"', "")
    (site / "site.toml").write_text(first)
    code, line = live(site)
    assert code == 0
    assert line.startswith(f"ok {api}/v1/scheduled-appointment/test finds")
    (site / "key").write_text("sandbox")
    (site / "key").chmod(0o600)
    production = first.replace("[site]", '[site]\nenvironment = "production"\nmrn_root = "2.999.5"')
    (site / "site.toml").write_text(production.replace("version = 1", 'version = 1\nkey = "file:key"'))
    before = len(calls(api))
    code, line = live(site)
    assert line.startswith("warn ") and "nothing was sent" in line
    assert len(calls(api)) == before


def test_check_live_takes_no_place_in_the_production_test(site: Path, api: str) -> None:
    (site / "key").write_text("sandbox")
    (site / "key").chmod(0o600)
    text = (site / "site.toml").read_text()
    named = text.replace("[site]", '[site]\nenvironment = "production-test"\nmrn_root = "2.999.5"')
    (site / "site.toml").write_text(named.replace("batch = 50", 'batch = 50\nkey = "file:key"'))
    before = len(calls(api))
    _, line = live(site)
    assert line.startswith("warn ") and "nothing was sent" in line
    assert len(calls(api)) == before
