"""`explain` and the site's settings: whose it did not go by, and whose day it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interface.cli.main import main

MESSAGE = (
    "MSH|^~\\&|A|F|R|R|20260302080000||ADT^A08|M1|P|2.5.1\rPID|1||T1^^^LFC^MR||Sample^Robin||19700131|F\r"
)


def test_settings_that_lie_there_and_were_not_read_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.hl7").write_text(MESSAGE)
    assert main(["explain", "m.hl7"]) == 0
    assert capsys.readouterr().err == ""
    Path("hl7-interface.toml").write_text("")
    assert main(["explain", "m.hl7"]) == 0
    assert capsys.readouterr().err == (
        "hl7-interface.toml was not read: to go by it, give -c hl7-interface.toml\n"
    )
    assert main(["explain", "m.hl7", "-c", "hl7-interface.toml"]) == 0
    assert capsys.readouterr().err == ""


def test_the_day_that_now_names_begins_at_the_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text('[site]\ntimezone = "Pacific/Honolulu"\n')
    booked = tmp_path / "m.hl7"
    booked.write_text(
        MESSAGE.replace("ADT^A08", "SIU^S12").replace("PID|", "SCH|1|1|||||||||^^^20260307\rPID|")
    )
    assert main(["explain", str(booked), "-c", str(settings), "--now", "2026-03-08", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["messages"]
    assert [reason["code"] for reason in answer["reasons"]] == ["past-date"]
