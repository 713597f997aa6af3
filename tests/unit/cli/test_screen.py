"""Tables that fit: beside each other where there is room, as paragraphs where there is not; coloured where wanted."""

from __future__ import annotations

import re

import pytest

from interface.cli import screen
from interface.cli.explain_text import print_explained, print_summary

ANSWER = {
    "control_id": "M2",
    "type": "SIU^S12",
    "decision": "hold",
    "reasons": [{"code": "c", "text": "something is missing " * 5, "release": "another message"}],
    "request": {},
    "fields": [
        {
            "field": f"medications[{n}].medicationRequests[0].dosageInstruction.text",
            "value": "take it \x1b[2J with water " * 4,
            "source": "M1:RXE-7.2",
            "rule": "medications.yaml#sig",
        }
        for n in range(2)
    ]
    + [
        {
            "field": "medications[0].active",
            "value": True,
            "source": "ORC-1",
            "rule": "medications.yaml#control",
        }
    ],
    "said": ["PID-5.1 is split at its comma"],
    "left_out": [{"source": "PID-8", "value": "山" * 30, "why": "table sex has no such code"}],
}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("interface.cli.screen.is_terminal", lambda stream: True)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return monkeypatch


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_lost(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    terminal.setenv("COLUMNS", str(columns))
    print_explained(screen.open_screen("never"), ANSWER)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    from rich.cells import cell_len

    assert max(map(cell_len, out.splitlines())) <= columns
    dense = re.sub(r"\s", "", out)
    for text in (
        "M1:RXE-7.2",
        "medications.yaml#sig",
        "table sex has no such code",
        "released by: another message",
    ):
        assert text.replace(" ", "") in dense
    assert dense.count("water") == 8
    assert out.count("山") == 30


def test_rows_are_a_table_where_there_is_room_and_paragraphs_where_there_is_not(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns, headed in ((160, True), (80, False)):
        terminal.setenv("COLUMNS", str(columns))
        print_explained(screen.open_screen("never"), ANSWER)
        out = capsys.readouterr().out
        assert bool(re.search(r"^field +value +source +rule", out, re.MULTILINE)) is headed
        assert ("\n    ORC-1  medications.yaml#control\n" in re.sub(r" +\n", "\n", out)) is not headed


def test_colours_are_where_they_are_wanted(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def coloured(choice: screen.ColourChoice) -> bool:
        print_explained(screen.open_screen(choice), ANSWER)
        return "\x1b[" in capsys.readouterr().out

    assert coloured("auto")
    terminal.setenv("NO_COLOR", "1")
    assert [coloured("auto"), coloured("always"), coloured("never")] == [False, True, False]
    terminal.setenv("NO_COLOR", "")
    terminal.setenv("TERM", "dumb")
    assert not coloured("auto")
    terminal.setenv("TERM", "xterm")
    terminal.setattr("interface.cli.screen.is_terminal", lambda stream: False)
    terminal.setenv("FORCE_COLOR", "1")
    assert [coloured("auto"), coloured("always")] == [False, True]


def test_a_pipe_gets_each_row_in_one_line_coloured_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    print_explained(screen.open_screen("never"), ANSWER)
    plain = capsys.readouterr().out
    print_explained(screen.open_screen("always"), ANSWER)
    painted = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert [line.split() for line in painted.splitlines()] == [line.split() for line in plain.splitlines()]
    assert "take it \\x1b[2J with water take it" in plain


def test_values_of_earlier_messages_are_marked(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "200")
    print_explained(screen.open_screen("always"), ANSWER)
    out = capsys.readouterr().out
    assert "\x1b[36mM1:RXE-7.2" in out
    assert "\x1b[36mORC-1" not in out
    assert re.search(r"said by earlier messages:\S* \S*M1", out)


@pytest.mark.parametrize("source", ["settings:site.mrn_root", "PID-3[2].1", "file:providers.csv:3", "EVN-1"])
def test_settings_and_the_message_itself_are_not_earlier_messages(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {**ANSWER, "fields": [{"field": "f", "value": 1, "source": source, "rule": "r"}]}
    print_explained(screen.open_screen("never"), answer)
    assert "earlier" not in capsys.readouterr().out


def test_the_summary_counts_decisions_in_one_order(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(
        screen.open_screen("never"), [{"decision": d} for d in ("chart", "post", "chart", "reject")]
    )
    assert capsys.readouterr().out == "4 messages:  1 post  1 reject  2 chart\n"
