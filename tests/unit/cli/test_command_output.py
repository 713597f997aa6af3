"""What is printed can do a terminal no harm and loses nothing when nobody is watching."""

import io
import json
import sys
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.cli.output import facts, print_json, safe_lines, safe_text, table

HARMFUL = [
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ud800",
    "\x85",
    "\r",
    "\n",
    "\t",
]


@pytest.mark.parametrize("text", HARMFUL)
def test_control_characters_are_shown_not_done(text: str) -> None:
    shown = safe_text(f"a{text}b")
    assert text[0] not in shown
    assert shown.isprintable() and shown.startswith("a\\")


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Łukasz Ångström 山田 [bold]x[/bold] 50% \\ e\u0301"
    assert safe_text(text) == text
    assert (safe_text(None), safe_text(3), safe_text(date(2026, 3, 5))) == ("", "3", "2026-03-05")


@given(st.text())
def test_no_text_at_all_gets_a_control_character_through(text: str) -> None:
    shown = safe_text(text)
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert len(shown.splitlines()) <= 1


def test_segments_stay_lines() -> None:
    assert safe_lines("MSH|a\rPID|\x1b\r\nZZZ\n") == "MSH|a\nPID|\\x1b\nZZZ\n"


def test_a_table_is_not_cut_off_when_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    table(("id", "reason"), [(7, "x" * 500), (12345, "[red]y\x1b[0m"), (None, None)], right=("id",))
    out = capsys.readouterr().out
    assert out == f"   id  reason\n    7  {'x' * 500}\n12345  [red]y\\x1b[0m\n\n"


def test_a_table_on_a_terminal_is_folded_and_takes_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("interface.cli.output.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "40")
    table(("id", "reason"), [(7, "[red]" + "x" * 60)])
    out = capsys.readouterr().out
    assert "[red]" in out and out.count("x") == 60 and all(len(line) <= 40 for line in out.splitlines())


@pytest.mark.parametrize("columns", [150, 100, 80, 40])
def test_on_a_narrow_terminal_ids_and_times_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("interface.cli.output.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    names = ("id", "made", "state", "correlation id", "outcome", "reasons")
    why = "patient.birthDate is missing: PID-7 has only a year: no full day"
    row = (54, "2026-03-02 15:00:02", "delivered", "44ffbab9-84b4-442f-b5bf-079868b4d347", "", why)
    table(names, [row, row], right=("id",))
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert all(len(line.rstrip()) <= columns for line in lines)
    for whole in row[1:4]:
        assert out.count(str(whole)) == 2
    assert all(out.count(word) == 2 for word in ("birthDate", "missing:", "PID-7", "only"))
    assert lines[0].startswith("id" if columns > 80 else "54  made 2026-03-02 15:00:02")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_json_says_exactly_what_was_given(value: object) -> None:
    import contextlib

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print_json({"value": value})
    assert json.loads(out.getvalue()) == {"value": value}
    assert all(character == "\n" or safe_text(character) == character for character in out.getvalue())


def test_json_shows_no_control_character_raw(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "".join(HARMFUL), "b": "é"})
    out = capsys.readouterr().out
    assert "é" in out
    assert not any(character in out for text in HARMFUL for character in text[0] if character != "\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_json_is_utf_8_where_the_terminal_is_not(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace"))
    print_json({"family": "Müller-Žižka \U0001f600"})
    assert json.loads(raw.getvalue().decode("utf-8")) == {"family": "Müller-Žižka \U0001f600"}


def test_json_takes_dates_and_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([date(2026, 3, 5), datetime(2026, 3, 5, tzinfo=UTC), b"a\xff"])
    assert json.loads(capsys.readouterr().out) == ["2026-03-05", "2026-03-05T00:00:00+00:00", "a\\xff"]


def test_facts_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    facts({"id": 7, "reasons": "", "request": None, "attempts": 0})
    assert capsys.readouterr().out == "id        7\nattempts  0\n"


def test_nothing_is_printed_when_there_is_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    table(("a",), [("b",)])
