"""A site's overlay folder with the installed program: refused with file and line, taken at a start and on SIGHUP."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import until
from ports import free_port
from running_program import NOW, Program, call, calls, states, tell

NPI = "1234567893"


class Site:
    """A settings file with an overlay folder beside it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.overlay = folder / "site-mappings"
        self.overlay.mkdir()
        self.port, self.api = free_port(), free_port()
        self.settings('[mappings]\noverlay = "site-mappings"\n')

    def settings(self, text: str) -> None:
        (self.folder / "site.toml").write_text(
            f"{text}[[listener]]\nport = {self.port}\n[web]\nport = 0\n"
            f'[api]\nbase_url = "http://127.0.0.1:{self.api}"\n'
        )

    def put(self, name: str, text: str) -> None:
        path = self.overlay / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return call(*arguments, folder=self.folder)

    def states(self) -> list[str]:
        return states(self.folder / "var" / "interface.db")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def message(control_id: str, clinician: str, appointment: str = "F1", number: str = "T1001") -> bytes:
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|{control_id}|P|2.5.1",
            f"SCH||{appointment}|||||||||^^^20260310093000",
            f"PID|1||{number}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            f"AIP|1||{clinician}",
        )
    ).encode()


SLIPS = {
    "patient.yaml": (
        "rules:\n  gender: {table: sx}\n",
        "site-mappings/patient.yaml:2: gender: no table 'sx'; did you mean 'sex'?",
    ),
    "providers.csv": (
        "id,npi\nD42,1234567890\n",
        "site-mappings/providers.csv:2: npi: fails the check digit; it is no NPI",
    ),
    "provider.csv": ("id,npi\n", "site-mappings/provider.csv:1: unknown file; did you mean 'providers.csv'?"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_refused_by_every_command_with_file_and_line(site: Site, name: str) -> None:
    text, error = SLIPS[name]
    site.put(name, text)
    (site.folder / "m.hl7").write_bytes(message("M1", "D42"))
    check = site.call("check", "-c", "site.toml")
    assert check.returncode == 2
    assert f"FAIL  mappings: {error}\n" in check.stdout
    for command in (("run", "-c", "site.toml"), ("explain", "-c", "site.toml", "m.hl7")):
        done = site.call(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"hl7-interface: {error}\n"
    assert not (site.folder / "var").exists()


def test_a_missing_folder_is_an_error_of_the_settings(site: Site) -> None:
    site.settings('[mappings]\noverlay = "site-mapings"\n')
    for command in ("check", "run"):
        done = site.call(command, "-c", "site.toml")
        assert done.returncode == 2
        assert "site.toml:2: [mappings] overlay: no such folder: " in done.stdout + done.stderr


def test_a_period_without_any_category_is_refused(site: Site) -> None:
    site.put("request.yaml", "rules:\n  p: {field: medicalSummaryPeriod, type: fixed, value: 12}\n")
    done = site.call("run", "-c", "site.toml")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "hl7-interface: site-mappings/request.yaml:2: p: medicalSummaryPeriod needs "
    )


def test_check_tells_what_the_folder_changes(site: Site) -> None:
    site.put("patient.yaml", "rules:\n  gender: {from: [ZPI-2, PID-8]}\n")
    site.put("tables/sex.csv", "code,value\n1,MALE\n")
    site.put("opt_out.csv", "mrn\nT1\n")
    lines = site.call("check", "-c", "site.toml").stdout.splitlines()
    assert (
        "ok    mappings: site-mappings/patient.yaml#gender: takes the place of patient.yaml#gender" in lines
    )
    assert "ok    mappings: table sex: changed, 1 rows of site-mappings" in lines
    assert "ok    mappings: site-mappings/opt_out.csv: opt out, 1 rows" in lines


def test_explain_uses_the_folder_and_the_listener(site: Site) -> None:
    rule = "rules:\n  g: {field: patient.gender, from: [ZPI-2], for: {listener: main}}\n"
    site.put("patient.yaml", rule)
    site.put("providers.csv", f"id,npi\nD42,{NPI}\n")
    (site.folder / "m.hl7").write_bytes(message("M1", "D42^Quill^Avery") + b"\rZPI|1|M")
    explain = ("explain", "-c", "site.toml", "--now", NOW, "--json", "m.hl7")
    for more, gender, name in (((), "FEMALE", "patient.yaml#gender"), (("--listener", "main"), "MALE", None)):
        done = site.call(*explain, *more)
        said = "rules of a listener count with --listener NAME alone; there are main"
        assert (said in done.stderr) is (not more)
        (answer,) = json.loads(done.stdout)["messages"]
        found = {entry["field"]: (entry["value"], entry["rule"]) for entry in answer["fields"]}
        assert found["patient.gender"] == (gender, name or "site-mappings/patient.yaml#g")
        assert found["upcomingAppointmentProvider.npi"] == (NPI, "site-mappings/providers.csv#D42")
    done = site.call(*explain, "--listener", "mian")
    assert done.returncode == 2
    assert "no listener 'mian' in the settings; there are main" in done.stderr


# ---------------------------------------------------------------- SIGHUP


@pytest.fixture
def daemon(site: Site) -> Iterator[Program]:
    site.put("providers.csv", f"id,npi\nD1,{NPI}\n")
    sandbox = Program("sandbox", "--port", str(site.api), "--quiet", folder=site.folder)
    sandbox.says(r"listening on")
    running = Program("run", "-c", "site.toml", "--now", NOW, folder=site.folder)
    running.says(r"event=ready")
    running.says(r"event=work-started")
    yield running
    running.end()
    sandbox.end()


def hang_up(daemon: Program) -> None:
    daemon.process.send_signal(signal.SIGHUP)


def test_a_good_reload_goes_for_the_next_message_and_for_open_requests(site: Site, daemon: Program) -> None:
    tell(site.port, message("M1", "D42^Quill^Avery"))
    until("a held request", lambda: site.states() == ["held"])
    site.put("providers.csv", f"id,npi\nD1,{NPI}\nD42,{NPI}\n")
    hang_up(daemon)
    daemon.says(r"event=mappings-reloaded")
    until("the held one to be delivered", lambda: site.states() == ["delivered"])
    tell(site.port, message("M2", "D42^Quill^Avery", "F2", "T1002"))
    until("the next one to be delivered", lambda: site.states() == ["delivered", "delivered"])
    asked = [call["body"] for call in calls(f"http://127.0.0.1:{site.api}")]
    assert {body["upcomingAppointmentProvider"]["npi"] for body in asked} == {NPI}


def test_a_reload_that_changes_where_charts_stand_says_so(site: Site, daemon: Program) -> None:
    tell(site.port, message("M1", "D42^Quill^Avery"))
    until("a held request", lambda: site.states() == ["held"])
    site.put("mrn_roots.csv", "authority,root\nLFC,2.999.8\n")
    hang_up(daemon)
    daemon.says(r"level=WARNING event=identity-settings-changed changed=mrn_roots.csv do=")
    assert "event=mappings-reloaded" in daemon.text


def test_who_opts_out_has_his_open_requests_withdrawn_by_a_reload(site: Site, daemon: Program) -> None:
    tell(site.port, message("M1", "D42^Quill^Avery"))
    until("a held request", lambda: site.states() == ["held"])
    site.put("opt_out.csv", "mrn\nT1001\n")
    hang_up(daemon)
    until("it to be withdrawn", lambda: site.states() == ["withdrawn"])


def test_a_list_that_lost_its_rows_or_its_file_is_said(site: Site, daemon: Program) -> None:
    site.put("opt_out.csv", "mrn\nT1001\n")
    site.put("tables/routes.csv", "sent,code,name\nXX,26643006,Oral\n")
    hang_up(daemon)
    daemon.says(r"event=mappings-reloaded")
    assert "table-empty" not in daemon.text
    site.put("providers.csv", "id,npi\n")
    (site.overlay / "opt_out.csv").unlink()
    site.put("tables/routes.csv", "sent,code,name\n")
    hang_up(daemon)
    for table, was in (("opt_out", "the file is gone"), ("providers", "no rows"), ("routes", "no rows")):
        daemon.says(rf"level=WARNING event=table-empty table={table} was=1 problem=.*{was}")
    said = daemon.text.count("event=table-empty")
    hang_up(daemon)
    until("the next one", lambda: daemon.text.count("event=mappings-reloaded") == 3)
    assert daemon.text.count("event=table-empty") == said, "once"
    checked = site.call("check", "-c", "site.toml")
    assert "providers has no rows" in checked.stdout and "routes has no rows" in checked.stdout


def test_filters_of_the_settings_are_reloaded_too(site: Site, daemon: Program) -> None:
    tell(site.port, message("M1", "D42^Quill^Avery"))
    until("a held request", lambda: site.states() == ["held"])
    site.settings('[filters]\nleave_providers = ["QUILL"]\n[mappings]\noverlay = "site-mappings"\n')
    hang_up(daemon)
    until("it to be withdrawn", lambda: site.states() == ["withdrawn"])


def test_a_bad_reload_keeps_the_old_mapping_and_says_so_in_one_line(site: Site, daemon: Program) -> None:
    site.put("providers.csv", f"id,npi\nD1,{NPI}\nD42,1234567890\n")
    hang_up(daemon)
    daemon.says(r"event=mappings-not-reloaded")
    (line,) = [line for line in daemon.text.splitlines() if "mappings-not-reloaded" in line]
    assert "level=ERROR" in line
    assert "site-mappings/providers.csv:3: npi: fails the check digit; it is no NPI" in line
    assert "mappings-reloaded" not in daemon.text
    tell(site.port, message("M1", "D1^Quill^Avery"))
    until("the old mapping to go on", lambda: site.states() == ["delivered"])
    site.put("providers.csv", f"id,npi\nD1,{NPI}\nD42,{NPI}\n")
    hang_up(daemon)
    daemon.says(r"event=mappings-reloaded")
    assert "work-died" not in daemon.text


def test_reloads_in_a_row_and_while_it_starts_do_no_harm(site: Site, daemon: Program) -> None:
    for _ in range(20):
        hang_up(daemon)
    tell(site.port, message("M1", "D1^Quill^Avery"))
    daemon.says(r"event=mappings-reloaded")
    until("a message to be decided", lambda: site.states() == ["delivered"])
    assert "work-died" not in daemon.text
