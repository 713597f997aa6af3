"""`messages show`: what was answered, and with --changed what the message changed in the charts."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clinic import NOW, Clinic

from interface.cli.main import main

Capture = pytest.CaptureFixture[str]
NASTY = "D\x1b[2Je\u202e"


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """T1 with a problem; T2 with an appointment; both merged."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("HL7_INTERFACE_SETTINGS", str(tmp_path / "site.toml"))
    found = Clinic(tmp_path)
    found.tell("ADT^A28", "DG1|1||E11.9^Diabetes^I10")
    found.book("F2", pid="T2^^^LFC^MR", name="Other^Kim")
    found.tell("ADT^A40", "MRG|T2^^^LFC^MR")
    return found


def answer(capsys: Capture, number: int, *arguments: str) -> Any:
    assert main(["messages", "show", str(number), "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def text(capsys: Capture, number: int, *arguments: str) -> str:
    assert main(["messages", "show", str(number), *arguments]) == 0
    out, err = capsys.readouterr()
    assert (err, "\x1b" in out, "\u202e" in out) == ("", False, False)
    return out


def content(clinic: Clinic) -> list[str]:
    with closing(sqlite3.connect(clinic.folder / "i.db")) as store:
        return list(store.iterdump())


def test_a_message_says_what_was_answered(clinic: Clinic, capsys: Capture) -> None:
    assert "\nanswered    AA\n" in text(capsys, 1)
    assert answer(capsys, 1)["answered"] == "AA"
    clinic.settings.write_text(clinic.settings.read_text() + '[[listener]]\nname = "other"\nport = 2575\n')
    assert "\nanswered    There is no listener main in the settings any more" in text(capsys, 1)
    found = answer(capsys, 1)
    assert found["answered"] is None and "no listener main" in found["not_answered"]


def test_what_a_message_changed_is_printed_and_nothing_is_written(clinic: Clinic, capsys: Capture) -> None:
    before = content(clinic)
    out = text(capsys, 2, "--changed", "--now", NOW)
    assert "2 messages replayed, up to and with this one. By the rules as they are now" in out
    assert "chart of patient 1 (T2), new:" in out, "it is part of patient 1 by now"
    assert "\nAppointment made 2026-04-10\n" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["family", "name", "-", "Other", "PID-5.1"] in lines
    assert ["day", "of", "the", "appointment", "-", "2026-04-10", "SCH-11.4"] in lines
    assert content(clinic) == before
    assert "what it changed" not in text(capsys, 2)
    assert "changed" not in answer(capsys, 2)


def test_the_json_answer_has_the_same(clinic: Clinic, capsys: Capture) -> None:
    found = answer(capsys, 3, "--changed", "--now", NOW)["changed"]
    assert (found["told"], found["replayed"]) == ("changed", 3)
    (chart,) = found["charts"]
    assert (chart["patient_id"], chart["numbers"], chart["joined"]) == (1, ["T1", "T2"], [["T2"]])
    changes = {change["what"]: change for change in chart["changes"]}
    assert set(changes) == {"Retired number added", "Appointment made"}
    (day,) = [e for e in changes["Appointment made"]["fields"] if e["field"] == "upcomingAppointmentDate"]
    assert day == {
        "field": "upcomingAppointmentDate",
        "name": "day of the appointment",
        "before": None,
        "after": "2026-04-10",
        "source": "M2:SCH-11.4",
    }


def test_what_can_not_be_told_and_what_changed_nothing_say_why(clinic: Clinic, capsys: Capture) -> None:
    number = clinic.tell("ORU^R01")
    assert "It changed nothing: nothing of it is taken into a chart." in text(capsys, number, "--changed")
    with closing(sqlite3.connect(clinic.folder / "i.db")) as store, store:
        store.execute("DELETE FROM message_bodies WHERE message_id = 1")
    out = text(capsys, 3, "--changed")
    assert "can't be told: Message 1, which came before it, is no longer kept." in out
    assert answer(capsys, 3, "--changed")["changed"]["told"] == "unknown"


def test_hostile_names_harm_no_terminal(clinic: Clinic, capsys: Capture) -> None:
    number = clinic.tell("ADT^A08", name=f"{NASTY}^Robin")
    assert "D\\x1b[2Je" in text(capsys, number, "--changed", "--now", NOW)
