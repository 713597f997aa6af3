"""From `init` to production on the simulated API, by the documented commands alone: nothing leaves that may not, nothing is
lost, and the vendor is shown what he asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from made_up import AIP, DG1
from patience import until
from ports import free_port
from running_program import AtTerminal, Program, call, calls, tell

VISIT = (datetime.now(UTC) + timedelta(days=20)).strftime("%Y%m%d")
PROCESS, CHECK = "/v1/scheduled-appointment", "/v1/scheduled-appointment/test"
_HEADINGS = (
    *("mrn", "family", "given", "birth date", "gender", "address", "city", "state", "zip", "phone"),
    *("problem system", "problem code", "problem label", "medication code", "medication label"),
    *("provider npi", "provider family", "provider given"),
)
_TESTERS = (
    "900001,Testopolis,Ada,1970-01-31,F,12 Birch Ln,Madison,WI,53703,6085550101,"
    "ICD10,E11.9,Type 2 diabetes,860975,Metformin 500 MG,1234567893,Sampleton,Robin",
    "900001,Testopolis,,1970-01-31,,,,,,,ICD10,I10,Hypertension,,,,,",
    "900002,Probeson,Bo,1962-05-06,M,3 Oak St,Madison,WI,53703,6085550102,"
    "ICD10,J45.909,Asthma,,,1234567893,Sampleton,Robin",
)
TESTERS = "\n".join((",".join(_HEADINGS), *_TESTERS, ""))
"""What the vendor hands out."""


class Clinic(AtTerminal):
    """A clinic on its way: its daemon, the vendor's API as far as it is simulated, and a person at the command line."""

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / "hl7-interface.toml"
        self.port, self.web, self.api_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.testers = folder / "patients.csv"
        self.testers.write_text(TESTERS)
        self.sent = 0
        self.api: Program | None = None
        self.daemon: Program | None = None
        done = call(
            *(
                "init",
                str(self.path),
                "--yes",
                "--name",
                "Lakeside",
                "--mrn-root",
                "2.999.77",
                "--authority",
                "LFC",
            ),
            *("--environment", "staging", "--port", str(self.port)),
        )
        assert done.returncode == 0, done.stderr
        self.set(r"^port = 8025", f"port = {self.web}")
        key = folder / "api.key"
        key.touch(mode=0o600)
        key.write_text("the-key\n")
        self.set(r"^key = .*", 'key = "file:api.key"')
        self.set(r"^# base_url = .*", f'base_url = "{self.url}"')

    def set(self, line: str, to: str) -> None:
        """Change a line of the settings file, as a person does in an editor."""
        text, times = re.subn(line, to, self.path.read_text(), flags=re.MULTILINE)
        assert times == 1, f"{line} stands there {times} times"
        self.path.write_text(text)

    def go_to(self, environment: str, *options: str) -> None:
        """Another environment, and the vendor's host for it."""
        self.end()
        self.set(r'^environment = "[a-z-]+"', f'environment = "{environment}"')
        host = "staging" if environment == "staging" else "production"
        self.api = Program(
            *("sandbox", "--port", str(self.api_port), "--key", "the-key", "--quiet", "--environment", host),
            *("--webhooks", f"http://127.0.0.1:{self.web}/webhooks/connective-health", *options),
        )
        self.api.says("listening on")
        self.daemon = Program("run", "-c", str(self.path))
        self.daemon.says("event=work-started")

    def end(self) -> None:
        for program in (self.daemon, self.api):
            if program is not None:
                program.end()
                assert "Traceback" not in program.text

    def book(self, mrn: str, family: str, kind: str = "SIU^S12", born: str = "19810704") -> None:
        """A real patient's message, with all that a request may need."""
        self.sent += 1
        head = f"MSH|^~\\&|APP|FAC|R|R|20260302080000||{kind}|W{self.sent}|P|2.5.1"
        person = (
            f"PID|1||{mrn}^^^LFC^MR||{family}^Robin||{born}|F|||{mrn} Elm St^^Madison^WI^53703||6085550199"
        )
        visit = (f"SCH||F{mrn}|||||||||^^^{VISIT}0930", AIP) if kind.startswith("SIU") else ()
        tell(self.port, "\r".join((head, person, *visit, DG1, "")).encode())

    def requests(self, **wanted: str) -> list[dict[str, Any]]:
        options = [part for name, value in wanted.items() for part in (f"--{name}", value)]
        return self.json("requests", *options, "--limit", "200")["requests"]  # type: ignore[no-any-return]

    def decided(self, messages: int) -> None:
        until("all is decided", lambda: self._decided() == messages)

    def _decided(self) -> int:
        found = self.json("messages", "--limit", "200")["messages"]
        return sum(row["state"] == "done" for row in found)

    def step(self, code: str) -> dict[str, Any]:
        return next(step for step in self.json("onboarding")["steps"] if step["step"] == code)


def posted(clinic: Clinic) -> list[tuple[str, str]]:
    """Path and medical record number of each request that has reached the API."""
    return [(entry["path"], entry["body"]["patient"]["mrn"]["extension"]) for entry in calls(clinic.url)]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    made = Clinic(tmp_path)
    yield made
    made.end()


@pytest.mark.timeout(420)
def test_the_whole_way_to_production(clinic: Clinic) -> None:
    # staging: real patients' messages come in already, one of them with a test patient's number
    clinic.go_to("staging", "--test-patients", str(clinic.testers))
    assert "a rehearsal of staging" in clinic.command("check")
    clinic.book("70001", "Whitfield")
    clinic.book("900001", "Whitfield", kind="ADT^A08")
    clinic.book("900001", "Whitfield")
    clinic.decided(3)
    assert {reason["code"] for row in clinic.requests() for reason in row["reasons"]} == {"not-test-patient"}
    assert not clinic.step("test-patients")["done"]
    clinic.command("onboarding", "import-patients", str(clinic.testers), "--yes")
    told = clinic.json("onboarding", "send-test-patients")
    assert {entry["mrn"] for entry in told["patients"]} == {"900001", "900002"}

    until("both have documents", lambda: len(clinic.requests(outcome="delivered")) == 2)
    assert sorted(posted(clinic)) == [(PROCESS, "900001"), (PROCESS, "900002")]
    bodies = {
        entry["body"]["patient"]["name"]["family"].upper(): entry["body"] for entry in calls(clinic.url)
    }
    assert set(bodies) == {"TESTOPOLIS", "PROBESON"}
    assert [entry["code"] for entry in bodies["TESTOPOLIS"]["activeIcd10Diagnoses"]] == ["E11.9", "I10"]
    assert all(entry["test_patient"] for entry in calls(clinic.url))
    for code in ("settings", "test-patients", "test-patients-sent", "answered", "sharing", "webhooks"):
        assert clinic.step(code)["done"], clinic.step(code)
    report = clinic.folder / "staging.html"
    clinic.command("onboarding", "report", "-o", str(report))
    assert "WHITFIELD" not in report.read_text().upper(), "a real person is in no report"
    clinic.command("onboarding", "confirm", "staging", "--note", "mail of the vendor")
    assert clinic.step("staging")["done"]

    # production test: five real patients are checked, and nobody is processed
    clinic.go_to("production-test")
    for number in range(70002, 70006):
        clinic.book(str(number), "Marsh")
    until(
        "the five that there are were checked",
        lambda: clinic.json("onboarding", "production-test")["accepted"] >= 5,
    )
    checked = {mrn for _, mrn in posted(clinic)}
    assert {path for path, _ in posted(clinic)} == {CHECK}
    assert not checked & {"900002"}, "the vendor's test patients stay at home"
    assert clinic.step("production-test")["done"]
    clinic.book("70010", "Hale")
    report = clinic.folder / "production-test.html"
    clinic.command("onboarding", "report", "-o", str(report))
    assert not re.search("MARSH|WHITFIELD|7000[1-5]", report.read_text().upper()), "only our ids and counts"

    # production: nothing goes before the switch, and then everything that was held, and what was only checked
    clinic.go_to("production")
    clinic.book("70020", "Lund")

    def would_be_sent() -> bool:
        before = clinic.json("onboarding", "go-live", "--dry-run")
        assert not before["live"]
        return before["sent"] >= 1 and len(before["tested_asked_anew"]) >= 5

    until("what was held and what was only checked would be sent", would_be_sent)
    assert not posted(clinic)
    clinic.command("onboarding", "go-live", "--per-minute", "6000", "--yes")
    real = {"70001", "70002", "70003", "70004", "70005", "70010", "70020"}
    until("every real patient was asked for", lambda: real <= {mrn for _, mrn in posted(clinic)})
    assert {path for path, _ in posted(clinic)} == {PROCESS}
    assert not [mrn for _, mrn in posted(clinic) if mrn == "900002"]
    assert clinic.step("live")["done"]
    clinic.book("70030", "Nest")
    until("a new one goes at once", lambda: "70030" in {mrn for _, mrn in posted(clinic)})
    document = json.loads(clinic.command("onboarding", "report", "--json"))
    assert "NEST" not in json.dumps(document).upper()
    assert "event=went-live" in clinic.daemon.text  # type: ignore[union-attr]
