"""The list of messages: filters, pages, and what messages say of themselves."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from console_browser import NOW, arrival, location

from interface.settings import Settings
from interface.store.records.turn import MessageDone, Turn


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
    assert ("No message matches these filters." in page) == (not expected)


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


RAW = b"MSH|^~\\&|EPIC|LFC|||20260305||ADT^A08|C1|P|2.5.1\rPID|1||778899^^^LFC^MR||Lovelace^Ada\rZZZ|%s\r"
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J".encode()


def page_of(browser, store, raw: bytes, name: str = "mary") -> str:
    browser.sign_in(name)
    store.journal.append([arrival(1, raw=raw)], NOW)
    reply = browser.get("/messages/1")
    assert reply.status == 200, reply.body
    return reply.body.decode()


def test_the_fields_of_a_message_are_masked_until_they_are_shown_and_that_is_noted(browser, store) -> None:
    page = page_of(browser, store, RAW % b"x")
    assert "PID-5" in page and ">Xxxxxxxx<" in page and ">999999<" in page
    assert "Lovelace" not in page and "778899" not in page
    assert "EPIC" in page
    assert [entry[1] for entry in browser.audit()] == ["signed in"]
    browser.post("/show", why="a call")
    assert ">Lovelace<" in browser.get("/messages/1").body.decode()
    assert browser.audit()[-1] == ("mary", "saw", "message 1", None)


def test_hostile_content_of_any_size_is_text(browser, store) -> None:
    page_of(browser, store, RAW % (HOSTILE + b"W" * 2_000_000))
    browser.post("/show", why="a call")
    page = browser.get("/messages/1").body.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\x1b[2J" in page
    assert "(2,000,030 characters)" in page
    assert len(page) < 100_000


def test_many_segments_are_cut_and_counted(browser, store) -> None:
    page = page_of(browser, store, RAW % b"x" + b"NTE|1||x\r" * 5000)
    assert "and 4,503 more segments" in page


def test_what_is_no_hl7_is_shown_as_it_came_masked(browser, store) -> None:
    page = page_of(browser, store, b"Lovelace, Ada <b>")
    assert "It can&#39;t be read as HL7" in page or "It can't be read as HL7" in page
    assert "Xxxxxxxx, Xxx &lt;x&gt;" in page


def test_a_message_whose_body_is_damaged_says_so(browser, store) -> None:
    browser.sign_in()
    store.journal.append([arrival(1)], NOW)
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE message_bodies SET body = x'00'")
    assert "unreadable" in browser.get("/messages/1").body.decode()
    assert browser.get("/messages/2").status == 404


@pytest.mark.parametrize(
    ("segments", "kind", "said"),
    [
        (("PID|1||1^^^FAC^MR", "PID|2||2^^^FAC^MR"), "ADT^A24", "a link is noted, and no more"),
        (("PID|1||1^^^FAC^MR",), "ORU^R01", "it is not for us, and nothing of it is taken"),
        (("PID|1||||Sample^Robin",), "ADT^A08", "whose it is could not be told"),
    ],
)
def test_a_message_that_is_in_no_chart_says_why(browser, tell, segments, kind, said) -> None:
    tell(*segments, kind=kind)
    browser.sign_in("vera")
    assert f"It changed nothing in the chart: {said}." in browser.get("/messages/1").body.decode()


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        *(
            Settings.model_validate({"site": {"timezone": zone}})
            for zone in ("America/Chicago", "Asia/Tokyo")
        ),
    ],
)
def test_the_first_and_the_last_day_of_the_calendar_are_days(browser, store) -> None:
    browser.sign_in("vera")
    store.journal.append([arrival(1)], NOW)
    for path in ("/messages", "/requests"):
        assert browser.get(f"{path}?since=0001-01-01&until=9999-12-31").status == 200
    assert b"/messages/1" in browser.get("/messages?since=0001-01-01&until=9999-12-31").body
    assert b"/messages/1" not in browser.get("/messages?since=9999-12-31").body
    assert b"/messages/1" not in browser.get("/messages?until=0001-01-01").body


def test_a_control_id_with_a_direction_character_is_found_as_it_is_and_as_it_is_shown(browser, store) -> None:
    browser.sign_in("vera")
    odd = "A\u202eB\xa0C"
    store.journal.append([arrival(1, control_id=odd), arrival(2), arrival(3, control_id="LAB\\north")], NOW)
    for typed in (odd, "A\\u202eB\xa0C"):
        page = browser.get(f"/messages?{urlencode({'control_id': typed})}").body.decode()
        assert re.findall(r'href="/messages/(\d+)"', page) == ["1"]
        assert 'value="A\\u202eB\xa0C"' in page  # what is sent again with the form
        assert location(browser.post("/find", q=typed)) == "/messages/1"
    page = browser.get("/messages?control_id=LAB%5Cnorth").body.decode()
    assert re.findall(r'href="/messages/(\d+)"', page) == ["3"]
    assert browser.get("/messages?control_id=%00").status == 200
