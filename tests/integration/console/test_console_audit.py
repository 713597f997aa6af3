"""The audit as admins read it: who saw or did what, by user, kind and day."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from console_browser import NOW

from interface.store.records.console import AuditEntry

DAY = 86400.0


@pytest.fixture
def noted(browser, store):
    """Notes some, signs an admin in, and gives what a page of the audit lists."""
    store.audit.add(
        [
            AuditEntry(NOW - 3 * DAY, "mary", "10.0.0.1", "saw", "message 7"),
            AuditEntry(NOW - 2 * DAY, "mary", "10.0.0.1", "discard", "request 8", "Smith called"),
            AuditEntry(NOW - DAY, "vera", "10.0.0.2", "signed in", "console"),
        ]
    )
    browser.sign_in("adam")

    def at(address: str) -> list[str]:
        reply = browser.get(address)
        assert reply.status == 200, reply.body
        plain = re.sub(r"\s*\n\s*", "", reply.body.decode())
        return re.findall(r'data-label="what"[^>]*>([^<]*)', plain)

    return at


def day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d")


def test_the_newest_is_first(noted) -> None:
    assert noted("/audit") == ["signed in", "signed in", "discard", "saw"]


def test_entries_are_found_by_user_kind_subject_and_day(noted) -> None:
    assert noted("/audit?user=mary") == ["discard", "saw"]
    assert noted("/audit?kind=seen") == ["saw"]
    assert noted("/audit?kind=done") == ["discard"]
    assert noted("/audit?kind=signing-in&user=vera") == ["signed in"]
    assert noted("/audit?subject=request+8") == ["discard"]
    assert noted(f"/audit?since={day(NOW - 2 * DAY)}&until={day(NOW - 2 * DAY)}") == ["discard"]
    assert noted(f"/audit?until={day(NOW - 3 * DAY)}") == ["saw"]
    assert noted(f"/audit?since={day(NOW + 9 * DAY)}") == []


def test_pages_leave_nothing_out(noted, browser, store) -> None:
    store.audit.add(
        [AuditEntry(NOW, "vera", "10.0.0.2", f"did {number}", "console") for number in range(120)]
    )
    found: list[str] = []
    address = "/audit?user=vera"
    while address:
        found += noted(address)
        older = re.search(r'href="([^"]+)" rel="next"', browser.get(address).body.decode())
        address = older[1].replace("&amp;", "&") if older else ""
    assert found == [*(f"did {number}" for number in reversed(range(120))), "signed in"]


def test_what_somebody_typed_is_masked_until_patient_data_is_shown(noted, browser) -> None:
    assert b"Smith called" not in browser.get("/audit").body
    browser.post("/show", why="who gave it up?")
    assert b"Smith called" in browser.get("/audit").body
    assert browser.audit()[-1][1:3] == ("saw", "audit")


def test_users_are_listed_with_their_last_sign_in(noted, browser) -> None:
    page = re.sub(r"\s*\n\s*", "", browser.get("/audit").body.decode())
    rows = {name: page[page.index(f'data-key="user-{name}"') :] for name in ("adam", "mary", "vera")}
    assert re.search(r'data-label="last sign-in"[^>]*>never', rows["mary"])
    assert re.search(r'data-label="last sign-in"[^>]*><time', rows["vera"])
    assert re.search(r'data-label="role"[^>]*>admin', rows["adam"])


def test_the_audit_is_for_admins_alone(browser) -> None:
    browser.sign_in("mary")
    assert browser.get("/audit").status == 403


@pytest.mark.parametrize(("name", "led"), [("vera", False), ("mary", False), ("adam", True)])
def test_the_navigation_leads_to_what_one_may_see(browser, name: str, led: bool) -> None:
    browser.sign_in(name)
    links = re.findall(r'<li><a href="(/[a-z]*)"', browser.get("/").body.decode())
    assert ("/audit" in links) == led
    assert all(browser.get(link).status == 200 for link in links)


@pytest.mark.parametrize("query", ["kind=x", "since=x", "before=0", "user=%07"])
def test_a_filter_that_is_none_is_a_clear_error(noted, browser, query: str) -> None:
    reply = browser.get(f"/audit?{query}")
    assert reply.status == 400
    assert query.partition("=")[0].encode() + b": " in reply.body
