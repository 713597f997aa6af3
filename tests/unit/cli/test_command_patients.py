"""What the commands about charts show on terminals: lists that fit, progress that leaves the answer alone."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from interface.cli import asking, common, patient_text
from interface.cli.asking import progress
from interface.cli.checks import check_features
from interface.cli.patient_text import print_list, print_patient
from interface.cli.whose import key_asked_for
from interface.settings import Settings
from interface.settings.sections import Mappings

ROW = {
    "id": 12,
    "mrn": "T1001",
    "name": "Sample, Robin",
    "birth_date": "1970-01-31",
    "numbers": ["T1001", "T2002"],
    "problems": 3,
    "medications": 1,
    "appointments": 0,
    "open_requests": 1,
    "merged_into": None,
    "changed_at": "2026-03-02T15:00:00.000Z",
    "problem": None,
}
GONE = ROW | {"id": 13, "mrn": None, "name": None, "birth_date": None, "numbers": [], "merged_into": 12}


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    for module in (patient_text, "interface.cli.screen", "interface.cli.output"):
        monkeypatch.setattr(
            f"{module}.is_terminal" if isinstance(module, str) else f"{module.__name__}.is_terminal",
            lambda _: True,
        )
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: os.terminal_size((columns, 24)))


def test_a_list_of_patients_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch, 80)
    print_list([ROW, GONE])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert lines[0].split() == ["12", "T1001", "Sample,", "Robin", "1970-01-31"]
    told = " ".join(" ".join(lines).split())
    assert "2 numbers, 3 problems, 1 medication, 1 open request changed 2026-03-02 15:00:00" in told
    assert "13 part of patient 12" in told


def test_a_list_of_patients_on_a_wide_terminal_is_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch, 160)
    print_list([ROW])
    head, row = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head[:3] == ["id", "MRN", "name"]
    assert row[:2] == ["12", "T1001"]


def test_all_times_of_a_chart_are_the_sites(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common._People, "zone", ZoneInfo("America/Chicago"))
    message = {"id": 4, "received_at": ROW["changed_at"], "type": "ADT^A40", "state": "done"}
    message |= {"decision": "chart", "reasons": [], "set_aside": None}
    lists = {
        "merged_patients": [],
        "changed_with": [],
        "patient": [],
        "problems": [],
        "medications": [],
        "appointments": [],
    }
    print_patient(ROW | lists | {"merges": [message], "messages": [message], "more_messages": False})
    out = capsys.readouterr().out
    assert out.count("2026-03-02 09:00") == 3
    assert "15:00" not in out


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_never_writes_into_the_answer(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "is_terminal", lambda _: is_terminal)
    monkeypatch.setattr(asking, "LINE_SECONDS", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress(2, "charts rebuilt") as done:
        print("the answer")
        done(1)
    out, err = capsys.readouterr()
    assert out == "the answer\n"
    assert "charts rebuilt" in err


def test_no_progress_where_the_answer_is_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(2, "charts tried", shown=False) as done:
        done(1)
    assert capsys.readouterr() == ("", "")


def test_what_came_of_many_commands_names_the_first_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from interface.store.records.reading import Command

    done = asking.Done()
    result: dict[str, Any] = {
        "patients": 40,
        "messages": 41,
        "posted": 0,
        "split": list(range(40)),
        "merged": [[7, None]],
    }
    done.take(Command(1, "rebuild", {}, "done", result))
    done.show()
    out = capsys.readouterr().out
    assert "rebuilt   40 charts from 41 messages" in out
    assert "patient 19 has a chart of its own and 20 more (--json names all)" in out
    assert "nothing is left of patient 7" in out
    assert "requests  none changed" in out


def test_a_very_long_name_widens_no_line_of_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    long = ROW | {"id": 14, "name": "A" * 12_000, "mrn": "7" * 3_000}
    print_list([ROW, long])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 300
    assert "A" * 59 + "…  " in lines[2]
    terminal(monkeypatch, 80)
    print_list([long])
    assert len(capsys.readouterr().out.splitlines()) <= 5


def test_an_unreadable_chart_is_said_whole_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    why = "unreadable: " + "x" * 200
    print_list([GONE | {"problem": why}])
    assert why in capsys.readouterr().out


@pytest.mark.parametrize(("authority", "key"), [(None, "|7"), ("WEST", "2.999.2|7"), ("NORTH", "NORTH|7")])
def test_whose_number_it_is_by_the_roots_of_the_sites_folder(
    tmp_path: Path, authority: str | None, key: str
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "mrn_roots.csv").write_text("authority,root\nWEST,2.999.2\n")
    settings = Settings(mappings=Mappings(overlay=str(tmp_path / "ours")))
    args = argparse.Namespace(mrn="7", authority=authority)
    assert key_asked_for(args, settings) == key
    assert not any("mrn_authority" in text for _, text in check_features(settings))
    assert any("mrn_authority" in text for _, text in check_features(Settings()))
