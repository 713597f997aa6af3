"""Charts, onboarding, the feed report and the settings in a real browser over a real door."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from charted import chart, sample
from console_chromium import CHROMIUM, SIZES, WITHOUT, sign_in, trouble
from running_door import Door

from interface.services.guarding import enter
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.turn import NewRequestRow, PatientWrite, Turn
from interface.store.store import open_store

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=WITHOUT)
STORY = sample("problem-list-and-dispense")
EVIL = b"<img src=x onerror=alert(1)>\xe2\x80\xae" + b"W" * 3000
HELD = '[{"code": "production-test", "text": "waits"}]'


def fill(settings: Path) -> None:
    """Two charts, one of them hostile, and requests that the production test may take."""
    found = load_settings(settings)
    master = load_or_create(found.store.key, found.directory, lambda _: None, create=False)
    hostile = [
        message.replace(b"55-2087", b"66")
        .replace(b"HBR26", b"EVL26")
        .replace(b"Tamblyn", EVIL)
        .replace(b"metformin", EVIL)
        for message in STORY
    ]
    with open_store(found.store_url, master) as store:
        chart(store, [*STORY, *hostile])
        rows = [
            NewRequestRow(n, 90, None, f"A{n}", "held", b"{}", b"{}", None, reasons=HELD)
            for n in range(91, 95)
        ]
        store.work.commit(Turn(1.0, patients=[PatientWrite(90, b"{}", True, ("K",))], requests=rows))
        if found.site.environment == "production":
            enter(store, "staging", 1.0)
            enter(store, "production", 2.0)


@pytest.fixture
def environment() -> str:
    return "production-test"


@pytest.fixture
def door(start: Callable[..., Door], environment: str) -> Door:
    site = f'[site]\nname = "Lake Family Clinic"\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n'
    api = '[api]\nbase_url = "http://127.0.0.1:1"\nkey = "env:NO_SUCH_KEY"\n'
    return start(site + api, fill=fill)


ADDRESSES = (
    "/patients",
    "/patients?nobody=1",
    "/patients/1",
    "/patients/2",
    "/onboarding",
    "/feed",
    "/settings",
)


def show(page: Any) -> None:
    page.get_by_text("Patient data masked").click()
    page.get_by_label(re.compile("Why is it to be shown")).fill("a call of the clinic")
    page.get_by_role("button", name="Show patient data").click()


def make_feed(page: Any) -> None:
    page.goto("/feed")
    page.get_by_role("button", name=re.compile("Make")).click()
    page.get_by_role("link", name="As JSON").wait_for(timeout=60_000)


def try_story(page: Any, messages: list[bytes]) -> None:
    page.goto("/settings")
    page.get_by_label(re.compile("^Messages")).fill(b"\n".join(messages).decode().replace("\r", "\n"))
    page.get_by_label(re.compile("^as if it were")).fill("2026-03-01")
    page.get_by_role("button", name="Try").click()
    page.get_by_role("heading", name="What would become of it").wait_for()


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_and_axe_finds_nothing_serious(new_page: Any, size: str) -> None:
    page = new_page(size)
    page.on("dialog", lambda dialog: pytest.fail("a script of a message ran"))
    sign_in(page)
    for shown in (False, True):
        if shown:
            show(page)
        for address in ADDRESSES:
            page.goto(address)
            assert trouble(page) == [], address
    make_feed(page)
    assert trouble(page) == []
    try_story(page, [*STORY, STORY[-1].replace(b"HBR2606", EVIL[:60])])
    assert trouble(page) == []


def test_a_patient_is_found_and_each_fact_leads_to_its_message(new_page: Any) -> None:
    page = new_page()
    sign_in(page)
    page.goto("/patients")
    page.get_by_label("MRN or another number").fill("55-2087")
    page.get_by_label(re.compile("whose number")).fill("HARBOR")
    page.get_by_role("button", name="Find", exact=True).click()
    assert page.url.endswith("/patients/1")
    assert "Tamblyn" not in page.content()
    show(page)
    assert "Tamblyn" in page.content()
    page.get_by_role("table", name="Problems").get_by_role("link").first.click()
    assert re.search(r"/messages/\d+#PRB-3$", page.url)


def test_everything_works_without_a_script(new_page: Any) -> None:
    page = new_page(java_script_enabled=False)
    sign_in(page)
    try_story(page, STORY)
    assert page.get_by_text("post", exact=True).first.is_visible()
    page.goto("/settings")
    page.get_by_label(re.compile("^or a file")).set_input_files(
        {
            "name": "x.hl7",
            "mimeType": "application/octet-stream",
            "buffer": b"".join(b"\x0b" + m + b"\x1c\r" for m in STORY),
        }
    )
    page.get_by_role("button", name="Try").click()
    assert page.locator(".tried").count() == len(STORY)
    page.goto("/onboarding")
    page.locator("#step-staging summary").click()
    page.locator("#note-staging").fill("mail of Ann, 5 March")
    page.locator("#step-staging").get_by_role("button", name="Confirm").click()
    assert "confirmed by analyst" in page.locator("#step-staging").inner_text()
    page.get_by_label("request 92", exact=True).check()
    page.get_by_role("button", name="Send the chosen ones").click()
    assert page.get_by_role("heading", name="choose").is_visible()


def test_the_report_of_onboarding_is_taken_along(new_page: Any) -> None:
    page = new_page()
    sign_in(page)
    page.goto("/onboarding")
    with page.expect_download() as taken:
        page.get_by_role("link", name="As a page").click()
    assert taken.value.suggested_filename == "onboarding-production-test.html"
    assert "Lake Family Clinic" in Path(taken.value.path()).read_text()


@pytest.mark.parametrize("environment", ["production"])
@pytest.mark.parametrize("size", SIZES)
def test_the_switch_of_going_live_is_thrown_after_it_was_shown(new_page: Any, size: str) -> None:
    page = new_page(size)
    sign_in(page, "admin")
    page.goto("/onboarding/live")
    assert trouble(page) == []
    page.get_by_label(re.compile("drop those held for longer")).fill("30")
    page.get_by_role("button", name="Show what it would do").click()
    assert "are dropped: too old" in page.content()
    page.get_by_label(re.compile("Type the name of the site")).fill("Lake Family Clinic")
    page.get_by_role("button", name="Go live").click()
    assert re.search(r"/commands/\d+", page.url)
