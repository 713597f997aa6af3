"""The production test from outside: the installed program, the simulated API, thirty requests; ten go, to the path that only
checks, whatever is killed meanwhile.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up import AIP
from patience import until
from running_program import Program, Site, calls, states

SETTINGS = """
[site]
environment = "production-test"
mrn_root = "2.999.77.1"
mrn_authority = ["LFC"]
[[listener]]
port = {port}
[api]
base_url = "{api}"
key = "env:KEY_OF_THE_TEST"
timeout_seconds = 20
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
TEST_PATH = "/v1/scheduled-appointment/test"
FAMILIES = ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ivy", "Juniper"]
WRONG_BIRTH, RIGHT_BIRTH = "20010203", "19610203"
"""The API judges by a day in 1995: the one is in the future there."""


class Trial(Site):
    """A site in the production test."""

    def __init__(self, folder: Path, api: Program):
        super().__init__(folder, api.says(r"http://\S+:\d+").group(), SETTINGS)
        self.sandbox = api

    def work(self) -> int:
        children = Path(f"/proc/{self.daemon.process.pid}/task/{self.daemon.process.pid}/children")
        return int(until("the work is there", lambda: children.read_text().split())[0])

    def book(self, number: int, kind: str = "SIU^S12", birth: str = "19700131", **changes: str) -> None:
        values = {"gender": "F", "city": "Madison", "day": "20260410"} | changes
        name = f"{FAMILIES[number % 10]}^Robin{'abc'[number // 10 % 3]}"
        person = (
            f"PID|1||T{number}^^^LFC^MR||{name}||{birth}|{values['gender']}|||"
            f"{number} Birch Ln^^{values['city']}^WI^53703-1234||6085550{number:03d}"
        )
        booked = f"SCH||F{number}|||||||||^^^{values['day']}0930"
        self.send(self.header(kind), person, booked, AIP)

    def told(self) -> Any:
        return self.json("onboarding", "production-test")


def taken(url: str) -> dict[str, list[str]]:
    """The paths at which each patient's request was accepted."""
    found: dict[str, list[str]] = {}
    for call in calls(url):
        if call["accepted"]:
            found.setdefault(call["body"]["patient"]["mrn"]["extension"], []).append(call["path"])
    return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    monkeypatch.setenv("KEY_OF_THE_TEST", "sandbox")
    api = Program("sandbox", "--port", "0", "--today", "1995-01-01", "--test-path", "no-content")
    try:
        made = Trial(tmp_path, api)
        with made.running():
            yield made
    finally:
        api.process.send_signal(signal.SIGCONT)
        api.end()


@pytest.mark.timeout(420)
def test_ten_requests_go_to_the_test_path_and_no_eleventh_whatever_is_killed(site: Trial) -> None:
    site.command("onboarding", "choose", "--by-hand")
    site.book(0, birth=WRONG_BIRTH)
    site.book(1, city="")
    site.book(2, gender="U")
    for number in range(3, 30):
        site.book(number)
    told = site.told()
    assert (told["accepted"], told["free"], told["chosen"]) == (0, 10, "by hand")
    assert (told["complete"], told["incomplete"]) == (28, 2)
    assert told["lacking"] == {"incomplete:patient.address.city": 1, "incomplete:patient.gender": 1}
    assert told["candidates"][0]["repaired"] == [
        {"field": "patient.address", "what": "PID-11.5: the first five digits of ZIP+4"}
    ]
    assert calls(site.api) == []

    # refused, corrected by a message, sent again
    assert "is not chosen: it is held for: incomplete:patient.gender" in site.command(
        "onboarding", "choose", "3", code=1
    )
    site.command("onboarding", "choose", "1")
    until("it is refused", lambda: states(site.store)[0] == "dead")
    (refused,) = site.told()["refused"]
    assert (refused["request"], refused["status"], refused["keeps_slot"]) == (1, 400, False)
    assert refused["fields"] == ["patient.birthDate"]
    site.book(0, kind="SIU^S14", birth=RIGHT_BIRTH)
    until("it is accepted", lambda: "delivered" in states(site.store))
    assert taken(site.api) == {"T0": [TEST_PATH]}

    # the others go by themselves; the work is killed while the API has one and has not answered
    os.kill(site.sandbox.process.pid, signal.SIGSTOP)
    site.command("onboarding", "choose", "--automatic")
    until("one is on its way", lambda: "sending" in states(site.store))
    os.kill(site.work(), signal.SIGKILL)
    os.kill(site.sandbox.process.pid, signal.SIGCONT)
    site.daemon.says(r"event=work-started", times=2)
    until("some are in", lambda: states(site.store).count("delivered") >= 4)
    site.daemon.end(signal.SIGKILL)
    site.start()
    site.daemon.says(r"event=production-test-enough")
    site.daemon.says(r"event=production-test-over")
    told = site.told()
    assert told["over"]
    assert len(told["slots"]) == 10
    assert all(slot["accepted"] or slot["may_have_arrived"] for slot in told["slots"])

    # nothing more goes, and nothing is lost
    site.book(30)
    site.book(5, kind="SIU^S13", day="20260411")
    found = taken(site.api)
    assert len(found) == 10
    assert {path for call in calls(site.api) for path in [call["path"]]} == {TEST_PATH}
    assert "no slot is left" in site.command("onboarding", "choose", "30", code=1)
    assert (states(site.store).count("held"), states(site.store).count("waiting")) in {(22, 0), (21, 0)}
    shown = site.command("onboarding", "production-test")
    assert "nothing more is sent in this round" in shown
    assert not any(family in shown for family in FAMILIES)

    # a new round
    assert "give --yes" in site.command(
        "onboarding", "new-round", "--why", "the vendor asks for others", code=2
    )
    site.command("onboarding", "new-round", "--why", "the vendor asks for others", "--yes")
    until("the next goes", lambda: len(taken(site.api)) > 10)
    told = site.told()
    assert (told["round"], told["why"]) == (2, "the vendor asks for others")


@pytest.mark.parametrize("command", [["choose", "1"], ["new-round", "--why", "x", "--yes"]])
def test_outside_of_the_production_test_its_commands_say_so(site: Trial, command: list[str]) -> None:
    site.path.write_text(site.path.read_text().replace("production-test", "production"))
    assert 'environment is "production"' in site.command("onboarding", *command, code=2)


@pytest.mark.parametrize("command", [["choose"], ["choose", "x"], ["new-round"], ["new-round", "--why", " "]])
def test_what_cannot_be_meant_is_told_in_a_line(site: Trial, command: list[str]) -> None:
    assert site.command("onboarding", *command, code=2).count("\n") == 1
