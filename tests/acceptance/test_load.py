"""`load` from outside: the installed program, with and without a daemon, twice, and killed in the middle.

History goes in before the daemon ever ran, then an appointment is sent: the request carries what was loaded, and says
from which row it came.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until
from ports import free_port
from prepared import DEVNULL, Prepared
from running_program import NOW, Program, call, calls, states, tell

ROWS = 2000
SETTINGS = """
[[listener]]
port = {port}
[api]
base_url = "{api}"
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
MEDICATIONS = """\
mrn,rxcui,label,sig,start,end,status
T1001,860975,metformin 500 MG,Take 1 tablet twice daily,2024-01-05,,active
T1001,197361,amlodipine 5 MG,Take 1 tablet daily,2020-01-05,2021-01-01,stopped
T1002,1191,aspirin,Take 1 tablet daily,,,
"""
PROBLEMS = """\
mrn;icd10_code;description;onset date;status
T1001;E1165;Type 2 diabetes mellitus with hyperglycemia;3/4/2019;active
T1001;I10;Essential hypertension;3/4/2018;
T1001;J069;Acute upper respiratory infection;2020-01-05;resolved
"""
VISIT = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|202501050800||ADT^A04|OLD1|P|2.5.1",
        "PID|1||T1001^^^^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "PV1|1|O|||||||||||||||||V77",
        "DG1|1||M54.5^Low back pain^I10||20250105",
        "",
    )
)
BOOKING = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|202603020800||SIU^S12|S1|P|2.5.1",
        "SCH||F1|||||||||^^^202603100930",
        "PID|1||T1001^^^^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)


class Site:
    """A site with an API and files of history; the daemon runs only when it is started."""

    def __init__(self, folder: Path, api: str):
        self.folder, self.api, self.port, web = folder, api, free_port(), free_port()
        self.path = folder / "site.toml"
        self.path.write_text(SETTINGS.format(port=self.port, api=api, web=web))
        (folder / "medications.csv").write_text(MEDICATIONS)
        (folder / "problems.csv").write_text(PROBLEMS)
        (folder / "visits.hl7").write_text(VISIT, newline="")
        self.daemon: Program | None = None

    def start(self) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW)
        self.daemon.says(r"\bready\b")

    def command(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        done = call(*words, "-c", str(self.path), "--json", folder=self.folder)
        assert done.returncode in codes, done.stderr
        return json.loads(done.stdout)

    def load(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        return self.command("load", *words, "--now", NOW, codes=codes)

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.command("messages", "--limit", "100000")["messages"]
        return found

    def book(self) -> dict[str, Any]:
        """Send a booking and give what the API got."""
        tell(self.port, BOOKING.encode())
        (call,) = until("the request to arrive", lambda: calls(self.api))
        assert call["accepted"], call
        body: dict[str, Any] = call["body"]
        return body


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    sandbox = Program("sandbox", "--port", "0", "--quiet")
    running = Site(tmp_path, sandbox.says(r"http://\S+:\d+").group())
    yield running
    if running.daemon is not None:
        running.daemon.end()
    sandbox.end()


def drugs(body: dict[str, Any]) -> set[tuple[str, bool]]:
    return {(drug["nameCode"]["displayName"], drug["active"]) for drug in body["medications"]}


def problems(body: dict[str, Any]) -> set[str]:
    return {problem["code"] for problem in body["activeIcd10Diagnoses"]}


ALL = ("medications.csv", "problems.csv", "visits.hl7")


def test_history_before_the_first_day_is_in_the_first_request(site: Site) -> None:
    summary = site.load(*ALL)
    assert summary["decisions"] == {"chart": 4}
    assert summary["patients"] == {"all": 2, "new": 2}
    assert (summary["medications"], summary["problems"], summary["bad"]["count"]) == (3, 4, 0)
    (left_out,) = summary["left_out"]
    assert (left_out["count"], left_out["reason"].split(":")[0]) == (1, "PRB-3.1"), "the resolved one"
    assert {row["listener"] for row in site.messages()} == {"load"}
    assert site.command("requests")["requests"] == []
    site.start()
    body = site.book()
    assert drugs(body) == {("metformin 500 MG", True), ("amlodipine 5 MG", False)}
    assert problems(body) == {"E11.65", "I10", "M54.5"}
    (request,) = site.command("requests")["requests"]
    fields = site.command("requests", "show", str(request["id"]))["fields"]
    sources = {field["value"]: field["source"] for field in fields}
    assert re.fullmatch(r"LOAD-[0-9a-f]{15}:PRB-3\.1", sources["E11.65"])
    assert re.fullmatch(r"LOAD-[0-9a-f]{15}:RXE-2\.2", sources["metformin 500 MG"])
    assert sources["M54.5"] == "OLD1:DG1-3.1"


def test_beside_a_running_daemon(site: Site) -> None:
    site.start()
    summary = site.load(*ALL)
    assert summary["decisions"] == {"chart": 4}
    body = site.book()
    assert len(drugs(body)) == 2
    assert problems(body) == {"E11.65", "I10", "M54.5"}


def test_twice_is_once(site: Site) -> None:
    site.load(*ALL)
    summary = site.load(*ALL)
    assert (summary["messages"]["new"], summary["messages"]["loaded_before"]) == (0, 4)
    assert summary["patients"] == {"all": 2, "new": 0}
    assert {row["duplicates"] for row in site.messages()} == {1}
    site.start()
    assert len(site.book()["medications"]) == 2


def test_a_dry_run_says_the_same_and_leaves_no_trace(site: Site) -> None:
    tried = site.load(*ALL, "--dry-run")
    assert not (site.folder / "store.db").exists()
    assert not (site.folder / "at-rest.key").exists()
    loaded = site.load(*ALL)
    same = ("patients", "problems", "medications", "ignored", "left_out", "bad")
    assert {name: tried[name] for name in same} == {name: loaded[name] for name in same}


def test_bad_lines_are_named_and_the_rest_is_loaded(site: Site) -> None:
    (site.folder / "medications.csv").write_text(MEDICATIONS + "T1003,,,x,,,\n,1191,aspirin,x,,,\n")
    (site.folder / "problems.csv").write_text(PROBLEMS + "T1001;perhaps;text;;\n")
    summary = site.load(*ALL, codes=(1,))
    assert [entry["place"] for entry in summary["bad"]["listed"]] == [
        "medications.csv:5",
        "medications.csv:6",
        "problems.csv:5",
    ]
    assert summary["decisions"] == {"chart": 4}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("with_daemon", [False, True])
def test_killed_in_the_middle_and_loaded_again(site: Site, with_daemon: bool) -> None:
    lines = "".join(f"K{number},1191,aspirin,Take {number},,,\n" for number in range(ROWS))
    (site.folder / "many.csv").write_text(MEDICATIONS.splitlines(keepends=True)[0] + lines)
    if with_daemon:
        site.start()
    first = Prepared(
        [sys.executable, "-m", "interface", "load", "many.csv", "-c", str(site.path), "--now", NOW],
        cwd=site.folder,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    until("some of it to be stored", lambda: states(site.folder / "store.db", "messages"))
    first.kill()
    assert first.wait(30) == -signal.SIGKILL, "it was to be killed while it loaded"
    summary = site.load("many.csv")
    assert summary["messages"]["new"] + summary["messages"]["loaded_before"] == ROWS
    assert summary["messages"]["loaded_before"] > 0
    rows = site.messages()
    assert len(rows) == ROWS
    assert {(row["state"], row["decision"]) for row in rows} == {("done", "chart")}
    assert len({row["patient_id"] for row in rows}) == ROWS
