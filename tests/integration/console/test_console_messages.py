"""The list of messages: filters, pages, and what messages say of themselves."""

from __future__ import annotations

import re

import pytest
from console_browser import NOW

from interface.store.records.arrivals import Arrival
from interface.store.records.turn import MessageDone, Turn


def arrival(number: int, **changes: object) -> Arrival:
    values: dict[str, object] = {
        "listener": "main",
        "sender_application": "EPIC",
        "sender_facility": "LFC",
        "control_id": f"C{number}",
        "message_type": "SIU^S12",
        "processing_id": "P",
        "peer": "127.0.0.1:4000",
        "raw": b"MSH|%d" % number,
        "receipt": "stored",
        "received_at": NOW + number,
    }
    return Arrival(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def listed(browser, store):
    """Stores messages and gives the control ids on a page."""
    browser.sign_in("vera")

    def at(address: str) -> list[str]:
        reply = browser.get(address)
        assert reply.status == 200, reply.body
        return re.findall(r'data-label="control id">([^<]*)', re.sub(r"\s*\n\s*", "", reply.body.decode()))

    store.journal.append([arrival(number) for number in range(1, 121)], NOW)
    return at


def test_the_list_is_read_page_by_page_and_nothing_is_left_out(browser, listed) -> None:
    found: list[str] = []
    address = "/messages"
    while address:
        found += listed(address)
        older = re.search(r'href="([^"]+)" rel="next"', browser.get(address).body.decode())
        address = older[1].replace("&amp;", "&") if older else ""
    assert found == [f"C{number}" for number in range(120, 0, -1)]


def test_filters_go_on_with_the_pages(browser, listed, store) -> None:
    store.journal.append([arrival(500, sender_facility="OTHER")], NOW)
    assert listed("/messages?sender=OTHER") == ["C500"]
    page = browser.get("/messages?sender=LFC").body.decode()
    assert 'href="/messages?sender=LFC&amp;before=' in page
    assert 'value="LFC"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("control_id=C7", ["C7"]),
        ("state=failed", ["C3"]),
        ("decision=hold", ["C2"]),
        ("type=adt%5Ea08", ["C9"]),
        ("code=no-mrn", ["C2"]),
        ("listener=other", []),
        ("since=2000-01-01&until=2000-01-01", []),
    ],
)
def test_messages_are_found(browser, store, query: str, expected: list[str]) -> None:
    browser.sign_in("vera")
    kinds = {9: "ADT^A08"}
    store.journal.append([arrival(n, message_type=kinds.get(n, "SIU^S12")) for n in range(1, 11)], NOW)
    why = '[{"code": "no-mrn", "text": "whose message it is can\'t be told"}]'
    done = [MessageDone(2, "done", "hold", why), MessageDone(3, "failed", None, "[]")]
    store.work.commit(Turn(NOW, messages=done))
    page = re.sub(r"\s*\n\s*", "", browser.get(f"/messages?{query}").body.decode())
    assert re.findall(r'data-label="control id">([^<]*)', page) == expected
    assert ("No message is like that." in page) == (not expected)


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=0",
        "since=yesterday",
        "until=2026-13-01",
        "decision=x",
        "state=%00",
        "type=" + "x" * 300,
    ],
)
def test_a_filter_that_is_none_is_a_clear_error(browser, query: str) -> None:
    browser.sign_in("vera")
    reply = browser.get(f"/messages?{query}")
    assert reply.status == 400
    assert query.partition("=")[0].encode() + b": " in reply.body


def test_a_hostile_sender_is_text(browser, store) -> None:
    browser.sign_in("vera")
    evil = "<img src=x onerror=alert(1)>\u202e"
    store.journal.append([arrival(1, sender_application=evil, control_id=evil, message_type=evil)], NOW)
    page = browser.get("/messages").body.decode()
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;\\u202e") == 3
