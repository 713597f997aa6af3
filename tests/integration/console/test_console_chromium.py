"""The console as people have it: a real browser, both widths, both schemes, with and without its script."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_browser import arrival
from console_chromium import CHROMIUM, SIZES, WITHOUT, sign_in, trouble
from running_door import Door, message

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.turn import NewRequestRow, PatientWrite, Turn
from interface.store.store import open_store

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=WITHOUT)
HELD = '[{"code": "missing:patient.address.zip", "text": "patient.address.zip is missing: PID-11 has no US ZIP"}]'
HOSTILE = '[{"code": "x", "text": "<img src=x onerror=alert(1)> \\u202e%s"}]' % ("W" * 300)


def fill(settings: Path) -> None:
    """Requests that need a person, and a message."""
    found = load_settings(settings)
    master = load_or_create(found.store.key, found.directory, lambda _: None, create=False)
    with open_store(found.store_url, master) as store:
        rows = [("held", HELD), ("dead", "[]"), ("held", HOSTILE), ("waiting", "[]")]
        new = [
            NewRequestRow(number, 1, None, f"A{number}", state, b"{}", b"{}", None, reasons=reasons)
            for number, (state, reasons) in enumerate(rows, 1)
        ]
        raw = message("M0", text="W" * 400)
        store.journal.append([arrival(1, raw=raw, received_at=time.time())], time.time())
        store.work.commit(Turn(1.0, patients=[PatientWrite(1, b"{}", True, ("K",))], requests=new))


@pytest.fixture
def door(start: Callable[..., Door]) -> Door:
    return start(fill=fill)


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_and_axe_finds_nothing_serious(new_page: Any, size: str) -> None:
    page = new_page(size)
    page.goto("/")
    assert trouble(page) == []
    sign_in(page, password="wrong, but long enough")
    assert trouble(page) == []
    sign_in(page)
    page.get_by_text("The numbers as a table").click()
    page.get_by_text("Patient data masked").click()
    assert trouble(page) == []
    for address in (
        "/?hours=168",
        "/messages",
        "/messages/1",
        "/messages?control_id=none",
        "/holds",
        "/holds?code=missing:patient.address.zip",
        "/holds?of=dead&status=none",
        "/holds?code=x",
        "/by-hand?id=1&id=3&deed=discard",
        "/by-hand?id=1&deed=retry",
        "/commands/1/1",
        "/nothing",
    ):
        page.goto(address)
        assert trouble(page) == [], address


@pytest.mark.parametrize("size", SIZES)
def test_what_is_asked_for_and_the_audit_fit(new_page: Any, size: str) -> None:
    page = new_page(size)
    sign_in(page, "admin")
    page.get_by_role("heading", name="Today").wait_for()
    page.goto("/by-hand?id=1&id=3&deed=discard")
    page.get_by_label(re.compile("Why are they given up")).fill("W" * 300)
    page.get_by_role("button", name="Give 2 requests up").click()
    page.get_by_text("It is stored, and done").wait_for()
    assert trouble(page) == []
    page.goto("/audit")
    assert trouble(page) == []


def test_signing_in_and_out(new_page: Any) -> None:
    page = new_page()
    sign_in(page, password="wrong, but long enough")
    assert "The name or the password is wrong." in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name").input_value() == "analyst"
    sign_in(page)
    assert page.get_by_role("heading", name="Today").is_visible()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="Sign in").is_visible()
    page.goto("/")
    assert page.url.endswith("/sign-in")


def test_what_needs_a_person_is_first_and_hostile_text_does_nothing(new_page: Any) -> None:
    page = new_page()
    page.on("dialog", lambda dialog: pytest.fail("a script of a message ran"))
    sign_in(page)
    needs = page.get_by_role("region", name="What needs a person").get_by_role("listitem").all_inner_texts()
    assert "1 request given up by the program (dead)" in needs[0]
    assert any("PID-11 has no US ZIP" in need and "Released by:" in need for need in needs)
    assert any("<img src=x onerror=alert(1)> \\u202eWWW" in need for need in needs)


def test_numbers_change_without_loading_the_page_again(new_page: Any, door: Door) -> None:
    page = new_page()
    sign_in(page)
    page.evaluate("window.same = true")
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    page.get_by_text("EHR · LFC").wait_for(timeout=30_000)
    assert page.evaluate("window.same") is True


def test_a_session_that_ended_leads_to_the_form_by_itself(new_page: Any, door: Door) -> None:
    page = new_page()
    sign_in(page)
    with sqlite3.connect(door.folder / "var/interface.db") as database:
        database.execute("UPDATE sessions SET used_at = used_at - 1801")
    database.close()
    page.get_by_role("heading", name="Sign in").wait_for(timeout=30_000)


def test_everything_works_without_a_script(new_page: Any) -> None:
    page = new_page(java_script_enabled=False)
    sign_in(page)
    assert page.get_by_role("heading", name="Today").is_visible()
    page.get_by_text("Patient data masked").click()
    page.get_by_label(re.compile("Why is it to be shown")).fill("a call of the clinic")
    page.get_by_role("button", name="Show patient data").click()
    assert page.get_by_text("Patient data shown until").is_visible()
    page.get_by_role("button", name="Mask now").click()
    assert page.get_by_text("Patient data masked").is_visible()
    page.get_by_role("link", name="Load again").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="Sign in").is_visible()


def test_by_keyboard_the_content_is_one_step_away_and_a_menu_closes(new_page: Any) -> None:
    page = new_page()
    sign_in(page)
    page.get_by_role("heading", name="Today").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    menu = page.locator("details.menu > summary")
    menu.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Show patient data").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Show patient data").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
