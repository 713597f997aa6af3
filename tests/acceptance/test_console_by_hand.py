"""A person at the console of a running site: why something is held, what releases it, what is done about it, and that it is
delivered. The installed program, the simulated API, messages over MLLP, a real browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_browser import PASSWORD
from console_chromium import CHROMIUM, SIZES, WITHOUT, sign_in, trouble
from made_up import AIP
from patience import until
from running_program import NOW, Site, call, simulated_api, states

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=WITHOUT)
SETTINGS = """
[site]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
base_url = "{api}"
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
BORN = "19700131"


class Clinic(Site):
    """A site whose console has a user of each role."""

    def __init__(self, folder: Path, api: str):
        super().__init__(folder, api, SETTINGS)

    def add_users(self) -> None:
        for role in ("viewer", "analyst", "admin"):
            command = ["users", "add", role, "--role", role, "--password-stdin", "-c", str(self.path)]
            done = call(*command, typed=PASSWORD + "\n")
            assert done.returncode == 0, done.stderr

    def tell(self, kind: str, *segments: str, pid: str, born: str = BORN) -> None:
        person = f"PID|1||{pid}^^^LFC^MR||Sample^Robin||{born}|F|||12 Birch Ln^^Madison^WI^53703"
        self.send(self.header(kind), person, *segments)

    def book(self, pid: str, *more: str, born: str = BORN) -> None:
        self.tell("SIU^S12", *more, f"SCH||F{pid}|||||||||^^^202604100930", AIP, pid=pid, born=born)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Clinic]:
    with simulated_api() as api:
        site = Clinic(tmp_path, api)
        with site.running():
            site.add_users()
            yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any, site: Clinic) -> Iterator[Callable[..., Any]]:
    contexts: list[Any] = []

    def opened(size: str = "wide", **more: Any) -> Any:
        width, height = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",  # else colours fade from one scheme to the other
            base_url=f"http://127.0.0.1:{site.web}",
            **more,
        )
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def signed_in(page: Any, name: str = "analyst") -> None:
    sign_in(page, name)
    page.get_by_role("heading", name="Today").wait_for()


def test_a_missing_birth_date_is_read_and_the_message_that_completes_it_has_it_delivered(
    site: Clinic, new_page: Callable[..., Any]
) -> None:
    site.book("T1", born="")
    page = new_page()
    signed_in(page)
    page.get_by_role("link", name="Holds").click()
    group = page.get_by_role("listitem").filter(has_text="PID-7 is empty")
    assert (
        "Released by: a message of this patient with the full day (YYYYMMDD) in PID-7" in group.inner_text()
    )
    group.get_by_role("link", name="Look at them").click()
    assert page.get_by_text("PID-7 is empty").first.is_visible()
    site.tell("ADT^A08", pid="T1")
    until("delivery", lambda: states(site.store)[-1] == "delivered")
    page.get_by_role("link", name="All holds").click()
    assert page.get_by_text("Nothing waits for a person.").is_visible()


def test_a_protected_patients_request_is_counted_released_and_delivered(
    site: Clinic, new_page: Callable[..., Any]
) -> None:
    site.book("T1", "PD1||||||||||||Y")
    page = new_page()
    signed_in(page)
    page.get_by_role("link", name="Holds").click()
    page.get_by_role("link", name="Release…").click()
    assert page.get_by_text("1 request (1 held)").is_visible()
    assert states(site.store) == ["held"]
    page.get_by_role("button", name="Release 1 request").click()
    page.get_by_text(re.compile("released, now (waiting|sending|delivered)")).wait_for()
    until("delivery", lambda: states(site.store) == ["delivered"])
    page.get_by_role("link", name="Back").click()
    page.get_by_text("None is like this any more.").wait_for()


def test_without_a_script_chosen_ones_are_given_up_and_the_audit_knows(
    site: Clinic, new_page: Callable[..., Any]
) -> None:
    for pid in ("T1", "T2", "T3"):
        site.book(pid, born="")
    page = new_page(java_script_enabled=False)
    signed_in(page)
    page.goto("/holds?code=missing:patient.birthDate")
    page.get_by_label("Choose number 1").check()
    page.get_by_label("Choose number 3").check()
    page.get_by_role("button", name="Give up…").click()
    page.get_by_label(re.compile("Why are they given up")).fill("booked by mistake")
    page.get_by_role("button", name="Give 2 requests up").click()
    until("given up", lambda: states(site.store) == ["discarded", "held", "discarded"])
    page.reload()
    assert page.get_by_text("discarded, for good").is_visible()
    admin = new_page()
    signed_in(admin, "admin")
    admin.goto("/audit?kind=done")
    rows = admin.get_by_role("row").all_inner_texts()
    assert [re.search(r"request \d", row)[0] for row in rows if "discard" in row] == [
        "request 3",
        "request 1",
    ]
    assert not admin.get_by_text("booked by mistake").is_visible()


@pytest.mark.parametrize("size", SIZES)
def test_deciding_again_shows_first_what_would_change(
    site: Clinic, new_page: Callable[..., Any], size: str
) -> None:
    site.book("T1", born="")
    site.book("T2")
    until("delivery", lambda: "delivered" in states(site.store))
    text = site.path.read_text()
    site.path.write_text(text.replace("[site]", '[site]\nmrn_root = "2.999.77"\nmrn_authority = ["LFC"]'))
    site.restart()
    page = new_page(size)
    signed_in(page)
    for address in ("/holds", "/holds?code=missing:patient.birthDate"):
        page.goto(address)
        assert trouble(page) == [], address
    page.goto("/by-hand?of_messages=yes&id=1&id=2&deed=reprocess")
    assert page.get_by_text("Nothing has been changed yet").is_visible()
    assert page.get_by_role("heading", name="Charts").is_visible()
    assert trouble(page) == []
    page.get_by_role("button", name="Decide 2 messages again").click()
    page.get_by_text("charts rebuilt").wait_for()
    assert trouble(page) == []


def test_a_chart_is_rebuilt_after_a_look_that_says_what_the_dry_run_says(
    site: Clinic, new_page: Callable[..., Any]
) -> None:
    site.book("T1", "PD1||||||||||||Y")
    text = site.path.read_text()
    site.path.write_text(text.replace("[site]", '[site]\nmrn_root = "2.999.77"\nmrn_authority = ["LFC"]'))
    site.restart()
    command = ("patients", "rebuild", "--id", "1", "--dry-run", "--now", NOW)
    until("the start has composed it anew", lambda: site.json(*command)["requests"] == [])
    fields = [entry["field"] for change in site.json(*command)["charts"] for entry in change["fields"]]
    page = new_page("phone")
    signed_in(page)
    page.goto("/patients/1")
    assert trouble(page) == []
    page.get_by_role("link", name="Rebuild…").click()
    page.get_by_role("heading", name="Rebuild patient 1?").wait_for()
    assert fields and page.locator("td[data-label=field] small.path").all_inner_texts() == fields
    assert trouble(page) == []
    page.set_viewport_size({"width": SIZES["wide"][0], "height": SIZES["wide"][1]})
    assert trouble(page) == []
    page.get_by_role("button", name="Rebuild patient 1").click()
    page.get_by_text("charts rebuilt").wait_for()
    assert page.get_by_role("heading", name="Rebuild", exact=True).is_visible()
    assert trouble(page) == []
    page.get_by_role("link", name="Back").click()
    page.get_by_role("link", name="Rebuild…").click()
    page.get_by_role("heading", name="Rebuild patient 1?").wait_for()
    assert page.get_by_text("None would change.").count() == 2
    assert states(site.store) == ["held"]
