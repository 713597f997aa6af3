"""One message and one request whole: where each value comes from, and what became of it."""

from __future__ import annotations

import re

import pytest
from console_browser import NOW, arrival
from console_life import FAMILY, FIRST, MRN, SECOND, fill_life


@pytest.fixture
def life(browser, store) -> int:
    browser.sign_in("mary")
    return fill_life(store, NOW)


def page_of(browser, address: str) -> str:
    reply = browser.get(address)
    assert reply.status == 200, reply.body
    return reply.body.decode()


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


def test_a_message_shows_names_ack_decision_and_one_time_line(browser, life) -> None:
    text = plain(page_of(browser, "/messages/2"))
    for said in ("PID-5 Patient name", "Schedule", "Given name", "Acknowledged: AA", "Request 1 composed"):
        assert said in text
    line = [
        "Message 2 received",
        "Acknowledged: AA",
        "Decided: post",
        "Sent, attempt 1",
        "Answered: 500 server-error",
        "Answered: 200 delivered",
        "The patient was found",
    ]
    places = [text.index(said) for said in line]
    assert places == sorted(places)


def test_a_message_tells_what_of_it_the_chart_holds_now_without_values(browser, store, life) -> None:
    assert "The chart holds of it now: 1 problem." in plain(page_of(browser, "/messages/1"))
    second = plain(page_of(browser, "/messages/2"))
    assert " name, " in second.partition("The chart holds of it now:")[2].partition(".  ")[0]
    assert "1 appointment" in second
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE charts SET chart = x'00'")
    assert "The chart is gone, or can't be opened." in plain(page_of(browser, "/messages/1"))


def test_every_value_of_the_message_links_to_a_place_that_is_there(browser, life) -> None:
    page = page_of(browser, "/messages/2")
    anchors = re.findall(r'data-lights="([^"]+)"', page)
    assert len(anchors) > 5
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(anchors) <= set(ids)


def test_a_value_of_an_earlier_message_links_to_that_message(browser, life) -> None:
    page = page_of(browser, "/requests/1")
    assert f'href="/messages/1#DG1-3">{FIRST}:DG1-3.1' in page
    earlier = page_of(browser, "/messages/1")
    assert ' id="DG1-3"' in earlier
    led = page.partition("The messages that led to it")[2].partition("Value by value")[0]
    assert re.findall(r"<a[^>]*>(message \d)", led) == ["message 1", "message 2"]


def test_a_request_shows_what_it_shares_and_what_the_api_said(browser, life) -> None:
    text = plain(page_of(browser, "/requests/1"))
    for said in (
        "delivered",
        "Nothing: the API has taken it in.",
        "required fields",
        "API-1",
        "patient.found",
    ):
        assert said in text
    assert "500 server-error" in text


@pytest.mark.parametrize("address", ["/messages/2", "/requests/1"])
def test_patient_data_is_masked_until_it_is_shown_and_both_records_are_noted(
    browser, life, address: str
) -> None:
    page = page_of(browser, address)
    assert SECOND in page
    for told in (FAMILY, MRN, "555-0142", "Elm St", "1971-03-04", "19710304"):
        assert told not in page
    assert "patient.name.family" in page
    browser.post("/show", why="a call")
    page = page_of(browser, address)
    for told in (FAMILY, MRN, "Elm St"):
        assert told in page
    noted = {entry[2] for entry in browser.audit() if entry[1] == "saw"}
    assert noted == {"message 2", "request 1"}


def test_what_the_api_answered_keeps_its_names_and_not_its_values(browser, life) -> None:
    page = page_of(browser, "/requests/1")
    assert "&#34;error&#34;" in page
    assert "is wrong" not in page
    browser.post("/show", why="a call")
    assert "patient.birthDate is wrong" in page_of(browser, "/requests/1")


def test_a_request_that_is_not_there_is_said(browser, life) -> None:
    assert browser.get("/requests/99").status == 404
    assert browser.get("/messages/2?whole=PID-99").status == 404
    assert browser.get("/messages/2?whole=../x").status == 404


HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J"


def test_a_long_field_is_cut_and_can_be_seen_whole(browser, store) -> None:
    browser.sign_in("mary")
    raw = b"MSH|^~\\&|A|B|||2026||ADT^A08|C1|P|2.5\rOBX|1|ED|X||" + b"W" * 2_000_000 + b"|u\r"
    store.journal.append([arrival(1, raw=raw)], NOW)
    page = page_of(browser, "/messages/1")
    assert len(page) < 100_000
    assert 'href="/messages/1?whole=OBX-5"' in page and "2,000,000 characters" in page
    assert len(page_of(browser, "/messages/1?whole=OBX-5")) < 300_000
    browser.post("/show", why="a call")
    assert "W" * 2_000_000 in page_of(browser, "/messages/1?whole=OBX-5")


def test_a_field_of_countless_parts_and_hostile_text_do_no_harm(browser, store) -> None:
    browser.sign_in("mary")
    raw = f"MSH|^~\\&|A|B|||2026||ADT^A08|C1|P|2.5\rPID|{'^~' * 500_000}x|{HOSTILE}\rZZZ|{'a|' * 50_000}\r"
    store.journal.append([arrival(1, raw=raw.encode())], NOW)
    browser.post("/show", why="a call")
    page = page_of(browser, "/messages/1")
    assert len(page) < 500_000
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e\\x1b[2J" in page
    assert "more fields" in page


def test_segments_beyond_a_page_are_a_link_away(browser, store) -> None:
    browser.sign_in("mary")
    raw = b"MSH|^~\\&|A|B|||2026||ADT^A08|C1|P|2.5\r" + b"NTE|1||x\r" * 700
    store.journal.append([arrival(1, raw=raw)], NOW)
    page = page_of(browser, "/messages/1")
    assert 'href="/messages/1?from=501"' in page and "and 201 more segments" in page
    assert "NTE[700]" in page_of(browser, "/messages/1?from=501")
    assert page_of(browser, "/messages/1?from=9999")


def test_what_the_store_holds_damaged_breaks_no_page(browser, store, life) -> None:
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE request_bodies SET body = x'00', detail = x'00'")
    assert "unreadable" in page_of(browser, "/requests/1")
    assert "Request 1" in page_of(browser, "/messages/2")


def received(store, raw: bytes, **values: object) -> None:
    store.journal.append([arrival(1, raw=raw, **values)], NOW)


def test_the_acknowledgment_is_shown_segment_by_segment_without_what_is_not_kept(browser, life) -> None:
    page = page_of(browser, "/messages/2")
    part = page[page.index('id="ack-title"') :]
    part = part[: part.index("</section>")]
    text = plain(part)
    for said in (
        "AA, segment by segment",
        "MSA-1 Acknowledgment code AA",
        f"MSA-2 Message control ID {SECOND}",
        "Trigger eventS12 .3 Message structureACK",
        "MSH-7 Date time of message not kept",
        "MSH-10 Message control ID not kept",
        "as it is set now",
    ):
        assert said in text
    assert "1970" not in text
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("tail", "receipt", "values", "said"),
    [
        ("|||NE|NE", "stored", {}, "Nothing was answered: MSH-15 is NE and MSH-16 is NE"),
        ("|||ER|", "stored", {}, "Nothing was answered: MSH-15 is ER and MSH-16 is empty"),
        ("|||AL|", "stored", {}, "CA, segment by segment"),
        ("", "conflict", {}, "AA, segment by segment"),
        ("", "missing-type", {}, "AE, segment by segment"),
        ("", "stored", {"listener": "load"}, "It was loaded and not received"),
        ("", "stored", {"listener": "gone"}, "There is no listener gone in the settings any more"),
        ("", "from-tomorrow", {}, "How it was taken is not known here"),
    ],
)
def test_silence_and_what_can_not_be_told_are_said(
    browser, store, tail: str, receipt: str, values: dict[str, str], said: str
) -> None:
    browser.sign_in("mary")
    received(store, f"MSH|^~\\&|A|B|||2026||ADT^A08|C1|P|2.5{tail}\r".encode(), receipt=receipt, **values)
    assert said in plain(page_of(browser, "/messages/1"))


def test_what_is_no_hl7_was_refused_with_an_error_segment(browser, store) -> None:
    browser.sign_in("mary")
    received(store, b"no message", receipt="no-msh")
    text = plain(page_of(browser, "/messages/1"))
    assert "AR, segment by segment" in text and "No MSH segment was found" in text


def test_messages_of_one_moment_may_have_had_one_answer(browser, store) -> None:
    browser.sign_in("mary")
    both = [
        arrival(number, raw=b"MSH|^~\\&|A|B|||2026||ADT^A08|C%d|P|2.5\r" % number, received_at=NOW)
        for number in (1, 2)
    ]
    store.journal.append(both, NOW)
    assert "came from the same sender at the same moment" not in plain(page_of(browser, "/messages/1"))
    assert "Message 1 came from the same sender at the same moment" in plain(page_of(browser, "/messages/2"))
