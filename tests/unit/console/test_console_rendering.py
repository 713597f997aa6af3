"""What templates write is harmless, whatever it holds; and pages take no style and no script of their own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from interface.console.asked import Viewer
from interface.console.bars import HEIGHT, WIDTH, ceiling, columns
from interface.console.rendering import clock, commands, duration, number, render, size, zone_name

HOSTILE = "<script>alert(1)</script>\" onload='x' \x1b[2J\u202eevil\x00\r\n" + "é" * 3
NOW = datetime(2026, 3, 5, 15, 0, tzinfo=UTC).timestamp()
CHICAGO = ZoneInfo("America/Chicago")


def error_page(**values: object) -> str:
    frame = {"viewer": None, "entry": "", "here": "/", "navigation": [], "now": NOW, "clock": str}
    texts = {"site_name": "Lakeside", "environment": "sandbox", "title": "t", "text": "x", "number": ""}
    return render("error.html", frame | texts | values)


@pytest.mark.parametrize("place", ["title", "text", "site_name", "number"])
def test_hostile_text_is_shown_and_does_nothing(place: str) -> None:
    page = error_page(**{place: HOSTILE})
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\x1b[2J\\u202eevil\\x00\\r\\n" in page
    assert "' \\x1b" not in page  # quotes are escaped, too
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page)


@pytest.mark.parametrize(
    "template", [file.name for file in files("interface.console").joinpath("templates").iterdir()]
)
def test_templates_hold_no_style_attribute_and_no_script(template: str) -> None:
    text = files("interface.console").joinpath("templates", template).read_text("utf-8")
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|https?://", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"\|\s*safe|autoescape|Markup", text)


def test_files_load_nothing_from_elsewhere() -> None:
    for file in files("interface.console").joinpath("static").iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, file.name
        assert "@import" not in text


def test_patient_data_is_masked_by_its_shape_until_it_is_shown() -> None:
    masked = Viewer("mary", "analyst").veil("Smith-Jones 555-0142\x1b")
    assert (masked.text, masked.masked) == ("Xxxxx-Xxxxx 999-9999\\x9x", True)
    shown = Viewer("mary", "analyst", shows=True).veil("Smith")
    assert (shown.text, shown.masked) == ("Smith", False)
    assert Viewer("mary", "viewer").veil(None).text == ""


def test_roles_are_ordered() -> None:
    assert [Viewer("x", "analyst").may(role) for role in ("viewer", "analyst", "admin")] == [
        True,
        True,
        False,
    ]


def test_times_are_those_of_the_site() -> None:
    assert clock(NOW - 60, NOW, CHICAGO) == "08:59:00"
    assert clock(NOW - 86400, NOW, CHICAGO) == "4 Mar 09:00"
    assert clock(NOW - 400 * 86400, NOW, CHICAGO) == "29 Jan 2025 09:00"
    assert clock(NOW, NOW, UTC) == "15:00:00"


def test_numbers_for_people() -> None:
    assert number(1234567) == "1,234,567"
    seconds = (0, 89, 90, 5399, 5400, 12000, 100_000, 200_000, None)
    assert [duration(each) for each in seconds] == [
        *("0 s", "89 s", "1 min", "89 min", "1 h 30 min", "3 h 20 min", "27 h", "2 days", "")
    ]
    assert [size(each) for each in (100, 2048, 300 * 1024**2, 5 * 1024**3, None)] == [
        *("100 bytes", "2.0 KiB", "300 MiB", "5.0 GiB", "")
    ]


def test_a_scale_ends_at_a_round_number() -> None:
    assert [ceiling(most) for most in (1, 2, 3, 7, 31, 100, 101)] == [1, 2, 5, 10, 50, 100, 200]


def test_bars_stand_on_the_ground_and_within_the_chart() -> None:
    drawn, top = columns(["a", "b"], [[10, 0], [1, 5]])
    assert top == 10
    full, none = drawn[0].bars[0], drawn[1].bars[0]
    assert (full.y, full.height, none.height) == (0, HEIGHT, 0)
    assert all(bar.y + bar.height == HEIGHT for column in drawn for bar in column.bars)
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for column in drawn for bar in column.bars)


def test_a_single_message_in_a_busy_week_is_seen() -> None:
    drawn, _ = columns(["a", "b"], [[1_000_000, 1]])
    assert drawn[1].bars[0].height > 1


def test_the_zone_of_the_times_has_a_name() -> None:
    assert zone_name(NOW, CHICAGO) == "America/Chicago"
    assert zone_name(NOW, None).endswith(", the machine's zone")


def test_commands_between_backticks_are_code_and_stay_harmless() -> None:
    assert commands("run `hl7-interface check`, then `go`") == (
        "run <code>hl7-interface check</code>, then <code>go</code>"
    )
    assert commands("one ` alone") == "one ` alone"
    assert commands("`<b>` & \x1b") == "<code>&lt;b&gt;</code> &amp; \\x1b"
