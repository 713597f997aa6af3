"""A message and its request in a real browser: found, read, their sources lit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_browser import arrival
from console_chromium import CHROMIUM, SIZES, WITHOUT, sign_in, trouble
from console_life import FAMILY, SECOND, fill_life
from running_door import Door

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import open_store

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=WITHOUT)
EVIL = "<img src=x onerror=alert(1)>\u202e\x1b[2J" + "W" * 3000


def fill(settings: Path) -> None:
    """A request and its two messages, and a message that is up to no good."""
    found = load_settings(settings)
    master = load_or_create(found.store.key, found.directory, lambda _: None, create=False)
    with open_store(found.store_url, master) as store:
        fill_life(store, time.time() - 7200)
        raw = f"MSH|^~\\&|A|{EVIL}|||2026||ADT^A08|EVIL|P|2.5\rPID|1||{EVIL}^{EVIL}~{EVIL}||{EVIL}\rZZZ|{EVIL}\r"
        store.journal.append(
            [arrival(1, raw=raw.encode(), control_id="EVIL", received_at=time.time())], time.time()
        )


@pytest.fixture
def door(start: Callable[..., Door]) -> Door:
    return start(fill=fill)


@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_found_and_its_sources_are_lit(new_page: Any, size: str) -> None:
    page = new_page(size)
    page.on("dialog", lambda dialog: pytest.fail("a script of a message ran"))
    sign_in(page)
    page.get_by_role("link", name="Messages", exact=True).click()
    page.get_by_label("Find by control id").fill(SECOND)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Message 2", exact=True).wait_for()
    assert trouble(page) == []
    row = page.locator("[data-lit-by]", has_text="patient.name.family")
    row.locator("a.source").focus()
    lit = page.locator(".segment .lit")
    assert lit.get_attribute("id") == "PID-5.1"
    page.locator("[data-lit-by]", has_text="patient.mrn.extension").hover()
    assert lit.get_attribute("id").startswith("PID-3")
    page.get_by_role("link", name="Request 1").first.click()
    page.get_by_role("heading", name="Request 1", exact=True).wait_for()
    assert trouble(page) == []
    for address in (
        "/requests",
        "/requests?patient=1",
        "/requests?state=dead",
        "/messages/3",
        "/messages/3?whole=PID-3",
    ):
        page.goto(address)
        assert trouble(page) == [], address


def test_without_a_script_a_source_is_a_link_to_its_place(new_page: Any) -> None:
    page = new_page(java_script_enabled=False)
    sign_in(page)
    page.goto("/messages/2")
    page.locator(".whence li", has_text="patient.name.family").get_by_role("link").click()
    assert page.url.endswith("/messages/2#PID-5.1")
    assert page.locator(":target").get_attribute("id") == "PID-5.1"
    assert FAMILY not in page.content()


def test_a_source_in_an_earlier_message_leads_there(new_page: Any) -> None:
    page = new_page()
    sign_in(page)
    page.goto("/requests/1")
    page.get_by_role("link", name="ADT-77:DG1-3").first.click()
    assert page.url.endswith("/messages/1#DG1-3")
    assert page.locator(":target").is_visible()
