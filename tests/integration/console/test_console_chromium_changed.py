"""What a message changed, its acknowledgment, and what decisions mean, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from console_browser import arrival
from console_chromium import CHROMIUM, SIZES, WITHOUT, sign_in, trouble
from made_up import AIP
from running_door import Door

from interface.services.clock import Clock
from interface.services.engines import engine_now
from interface.services.offline import work_off
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import open_store

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=WITHOUT)
EVIL = "<img src=x onerror=alert(1)>\u202e" + "W" * 600
PERSON = "PID|1||{0}^^^LFC^MR||{1}^Robin||19700131|F|||{2}^^Madison^WI^53703||(608) 555-0142^PRN^PH"
DAY = datetime.now(UTC).strftime("%Y") + "1231"
SCH = f"SCH||F1|||||||||^^^{DAY}0930"
MESSAGES = (
    ("SIU^S12", PERSON.format("T1", "Sample", "12 Birch Ln"), SCH, AIP),
    ("ADT^A08", PERSON.format("T2", "Other", "1 Elm St"), "DG1|1||I10^Hypertension^I10"),
    (
        "ADT^A08",
        PERSON.format("T1", EVIL, "9 Oak St"),
        "DG1|1||E11.9^Type 2 diabetes mellitus without complications^I10",
    ),
    ("SIU^S15", PERSON.format("T1", "Sample", "9 Oak St"), SCH, AIP),
    ("ADT^A40", PERSON.format("T1", "Sample", "9 Oak St"), "MRG|T2^^^LFC^MR"),
    ("ORU^R01", PERSON.format("T1", "Sample", "9 Oak St")),
)


def fill(settings: Path) -> None:
    """A patient's story, decided."""
    found = load_settings(settings)
    master = load_or_create(found.store.key, found.directory, lambda _: None, create=False)
    now = time.time()
    with open_store(found.store_url, master) as store:
        arrivals = [
            arrival(
                number,
                message_type=kind,
                received_at=now - 600 + number,
                raw="\r".join(
                    (f"MSH|^~\\&|EPIC|LFC|R|R|202603020800{number:02d}||{kind}|C{number}|P|2.5.1", *segments)
                ).encode(),
            )
            for number, (kind, *segments) in enumerate(MESSAGES, 1)
        ]
        store.journal.append(arrivals, now)
        work_off(store, engine_now(found, store, now), Clock(datetime.now(UTC), UTC))


@pytest.fixture
def door(start: Callable[..., Door]) -> Door:
    return start(fill=fill)


@pytest.mark.parametrize("size", SIZES)
def test_what_a_message_changed_is_read(new_page: Any, size: str) -> None:
    page = new_page(size)
    page.on("dialog", lambda dialog: pytest.fail("a script of a message ran"))
    sign_in(page)
    page.get_by_role("heading", name="Today").wait_for()
    page.goto("/messages/3")
    page.get_by_text("AA, segment by segment").click()
    assert page.locator("#ack-MSA-1").get_by_text("AA", exact=True).is_visible()
    assert trouble(page) == []
    page.get_by_role("link", name="What it changed, before and after").click()
    page.get_by_role("heading", name="Message 3: what it changed").wait_for()
    assert page.get_by_role("rowheader", name="Problem added").is_visible()
    assert "Oak" not in page.content()
    assert trouble(page) == []
    page.get_by_text("Patient data masked").click()
    page.get_by_label("Why is it to be shown?").fill("a call")
    page.get_by_role("button", name="Show patient data").click()
    page.get_by_text("9 Oak St").wait_for()
    assert trouble(page) == []
    page.get_by_role("link", name="PID-11.1").click()
    assert page.url.endswith("/messages/3#PID-11")
    for address in (*(f"/messages/{number}/changed" for number in (1, 4, 5, 6)), "/patients/1"):
        page.goto(address)
        assert trouble(page) == [], address


@pytest.mark.parametrize("size", SIZES)
def test_what_decisions_mean_is_a_click_away_without_a_script(new_page: Any, size: str) -> None:
    page = new_page(size, java_script_enabled=False)
    sign_in(page)
    page.goto("/messages")
    meaning = page.get_by_text("taken into the patient's chart; nothing is asked for")
    assert not meaning.is_visible()
    page.get_by_text("What the decisions mean").click()
    assert meaning.is_visible()
    page.goto("/messages/1/changed")
    assert page.get_by_role("rowheader", name="Appointment made").is_visible()
