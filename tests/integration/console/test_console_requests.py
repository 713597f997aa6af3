"""The list of requests, and the field that leads to what is typed."""

from __future__ import annotations

import re
from datetime import date

import pytest
from console_browser import NOW, arrival, location

from interface.store.records.turn import AttemptDone, MessageDone, NewRequestRow, PatientWrite, Turn

HELD = '[{"code": "missing:patient.birthDate", "text": "patient.birthDate is missing: PID-7 is empty"}]'


def fill(store) -> None:
    """Messages C1 to C3, C3 twice; requests 1 (delivered as API-1), 2 (held) and 3 of patients 1 and 2."""
    store.journal.append([arrival(1), arrival(2), arrival(3), arrival(3, raw=b"MSH|other")], NOW)

    def new(number: int, patient: int, state: str, reasons: str = "[]") -> NewRequestRow:
        return NewRequestRow(number, patient, number, "A", state, b"{}", b"{}", None, reasons=reasons)

    patients = [PatientWrite(1, b"{}", True, ("|778899",)), PatientWrite(2, b"{}", True, ("CLINIC|778899",))]
    requests = [new(1, 1, "waiting"), new(2, 1, "held", HELD), new(3, 2, "waiting")]
    done = [MessageDone(1, "done", "post", patient_id=1, request_id=1)]
    store.work.commit(Turn(NOW, messages=done, patients=patients, requests=requests))
    claimed = {one.request_id for one in store.work.claim(NOW, 1)}
    assert claimed == {1}
    attempt = AttemptDone(
        1, 1, NOW, NOW + 1, 200, "delivered", "accepted", "delivered", correlation_id="API-1"
    )
    store.work.commit(Turn(NOW, attempts=[attempt]))


def listed(browser, address: str) -> list[str]:
    reply = browser.get(address)
    assert reply.status == 200, reply.body
    return re.findall(r'href="/requests/(\d+)"', reply.body.decode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["3", "2", "1"]),
        ("id=2", ["2"]),
        ("state=held", ["2"]),
        ("correlation_id=API-1", ["1"]),
        ("verdict=delivered", ["1"]),
        ("outcome=none", ["1"]),
        ("outcome=found", []),
        ("code=missing:patient.birthDate", ["2"]),
        ("environment=staging", []),
        ("patient=2", ["3"]),
        ("patient=77", []),
        ("unanswered=yes", []),
        ("since=2000-01-01&until=2000-01-01", []),
    ],
)
def test_requests_are_found(browser, store, query: str, expected: list[str]) -> None:
    browser.sign_in("vera")
    fill(store)
    assert listed(browser, f"/requests?{query}") == expected
    page = browser.get(f"/requests?{query}").body.decode()
    assert ("No request matches these filters." in page) == (not expected)


def test_requests_are_read_page_by_page_with_their_filters(browser, store) -> None:
    browser.sign_in("vera")
    fill(store)
    more = [NewRequestRow(n, 1, None, "A", "held", b"{}", b"{}", None) for n in range(4, 124)]
    store.work.commit(Turn(NOW, requests=more))
    found: list[str] = []
    address = "/requests?state=held"
    while address:
        found += listed(browser, address)
        older = re.search(r'href="([^"]+)" rel="next"', browser.get(address).body.decode())
        address = older[1].replace("&amp;", "&") if older else ""
        assert not address or "state=held" in address
    assert found == [str(number) for number in (*range(123, 3, -1), 2)]


@pytest.mark.parametrize(
    "query", ["state=x", "outcome=x", "verdict=x", "environment=x", "patient=x", "id=-1", "since=x"]
)
def test_a_filter_that_is_none_is_a_clear_error(browser, query: str) -> None:
    browser.sign_in("vera")
    reply = browser.get(f"/requests?{query}")
    assert reply.status == 400
    assert query.partition("=")[0].encode() + b": " in reply.body


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("C1", "/messages/1"),
        ("C3", "/messages?control_id=C3"),
        ("message 2", "/messages/2"),
        ("Request #3", "/requests/3"),
        ("r2", "/requests/2"),
        ("API-1", "/requests/1"),
        ("2", "/messages/2"),
        ("778899", "/messages?patient=1"),
        ("778899^^^Clinic", "/messages?patient=2"),
        ("", "/messages"),
    ],
)
def test_what_is_typed_leads_to_what_has_it(browser, store, typed: str, leads_to: str) -> None:
    browser.sign_in("vera")
    fill(store)
    assert location(browser.post("/find", q=typed)) == leads_to


@pytest.mark.parametrize("typed", ["5550142", "message 99", "request 99", "^^^", "<b>", "C1' OR 1=1"])
def test_what_nothing_has_is_said_without_repeating_it(browser, store, typed: str) -> None:
    browser.sign_in("vera")
    fill(store)
    reply = browser.post("/find", q=typed)
    assert reply.status == 404
    assert b"Nothing has that" in reply.body
    assert b'action="/find"' in reply.body  # to look again from there
    assert typed.encode() not in reply.body or typed == "^^^"


def test_a_search_from_requests_leads_to_the_patients_requests(browser, store) -> None:
    browser.sign_in("vera")
    fill(store)
    address = location(browser.post("/find", "/requests", **{"q": "778899", "from": "requests"}))
    assert address == "/requests?patient=1"
    page = browser.get(address).body.decode()
    assert "Only of patient 1" in re.sub(r"<[^>]+>", "", page)
    assert "778899" not in page


def test_the_appointments_day_is_masked_until_it_is_shown_and_that_is_noted(browser, store) -> None:
    browser.sign_in("mary")
    fill(store)
    dated = NewRequestRow(9, 1, 1, "A", "held", b"{}", b"{}", date(2026, 3, 12))
    store.work.commit(Turn(NOW, requests=[dated]))
    pages = ("/requests", "/requests/9")
    for address in pages:
        page = browser.get(address).body.decode()
        assert "2026-03-12" not in page and "9999-99-99" in page, address
    browser.post("/show", why="a call")
    for address in pages:
        assert "2026-03-12" in browser.get(address).body.decode(), address
    seen = [subject for _, action, subject, _ in browser.audit() if action == "saw"]
    assert "request 9" in seen and "request 3" not in seen  # without a day a row tells nothing of a person
