"""What waits for a person, by reason: groups, their order, what waits only for time, and the rows of a group."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from console_browser import NOW, arrival
from console_rows import put, why

from interface.store.records.turn import MessageDone, NewRequestRow, PatientWrite, Turn

ZIP, BIRTH = "missing:patient.address.zip", "missing:patient.birthDate"
DAY = 86400.0


def page(browser, address: str) -> str:
    reply = browser.get(address)
    assert reply.status == 200, reply.body
    return re.sub(r"\s+", " ", reply.body.decode())


def reasons(text: str) -> list[str]:
    return re.findall(r'<p class="what">([^<]*)', text)


def test_groups_say_how_many_since_when_and_what_releases_them(browser, store) -> None:
    for number, days in ((1, 5), (2, 3), (3, 1)):
        put(store, number, "held", ZIP, at=NOW - days * DAY)
    put(store, 4, "held", ZIP, BIRTH)
    browser.sign_in("vera")
    text = page(browser, "/holds")
    assert reasons(text) == [f"text of {ZIP}", f"text of {BIRTH}"]
    group = text[text.index(f"text of {ZIP}") : text.index(f"text of {BIRTH}")]
    assert "Released by: a message of this patient with a home address" in group
    assert "request 1" in group
    assert "(5 days ago)" in group
    assert "request 4" in group
    assert "<strong>4</strong> requests" in text
    assert "<strong>1</strong> request<" in text


def test_what_waits_only_for_its_time_is_apart_and_what_also_needs_a_person_is_not(browser, store) -> None:
    put(store, 1, "held", "lead-time")
    put(store, 2, "held", "lead-time", ZIP)
    browser.sign_in("vera")
    text = page(browser, "/holds")
    assert reasons(text) == [f"text of {ZIP}", "text of lead-time"]
    assert text.index("These wait only for their time") < text.index("text of lead-time<")
    assert "<strong>1</strong> request<" in text[text.index("These wait") :]
    assert re.findall(r'name="id" value="(\d+)"', page(browser, "/holds?code=lead-time")) == []  # a viewer's
    assert "text of missing" not in page(browser, "/holds?code=lead-time")


def test_dead_failed_and_unassigned_are_there_the_worst_first(browser, store) -> None:
    store.journal.append([arrival(1), arrival(2)], NOW)
    store.work.commit(
        Turn(
            NOW,
            messages=[
                MessageDone(1, "failed", None, why("broken")),
                MessageDone(2, "done", "hold", why("no-mrn")),
            ],
        )
    )
    put(store, 1, "dead")
    put(store, 2, "held", ZIP)
    browser.sign_in("mary")
    text = page(browser, "/holds")
    assert re.findall(r'<h2 id="s-(\w+)"', text) == ["dead", "failed", "held", "unassigned"]
    assert "no answer for a day" in text
    assert "/by-hand?of=dead&amp;status=none&amp;deed=retry" in text
    assert "/by-hand?of=failed&amp;code=broken&amp;deed=reprocess" in text
    for address in ("of=dead&status=none", "of=failed&code=broken", "of=unassigned&code=no-mrn"):
        assert len(re.findall(r'name="id" value="(\d+)"', page(browser, f"/holds?{address}"))) == 1


def test_the_groups_are_kept_up_to_date_one_by_one_and_a_list_to_choose_from_is_not(browser, store) -> None:
    put(store, 1, "held", ZIP)
    browser.sign_in("vera")
    assert 'data-live="20" id="live-holds"' in page(browser, "/holds")
    assert f'data-key="/holds?of=held&amp;code={quote(ZIP)}"' in page(browser, "/holds")
    assert "data-live" not in page(browser, f"/holds?code={ZIP}")


def test_what_is_done_by_hand_belongs_to_where_one_came_from(browser, store) -> None:
    put(store, 1, "held", ZIP)
    browser.sign_in("mary")
    for back, entry in (("/holds", "Holds"), ("/requests/1", "Requests"), ("/messages?type=x", "Messages")):
        text = page(browser, f"/by-hand?deed=discard&id=1&back={quote(back, safe='')}")
        assert re.findall(r'aria-current="page">(\w+)', text) == [entry]


def test_nothing_is_said_where_nothing_waits(browser) -> None:
    browser.sign_in("vera")
    assert "Nothing waits for a person." in page(browser, "/holds")
    assert "None is like this any more." in page(browser, "/holds?code=protected")


def test_a_group_is_read_page_by_page_oldest_first(browser, store) -> None:
    store.work.commit(Turn(NOW, patients=[PatientWrite(1, b"{}", True, ("K",))]))
    rows = [
        NewRequestRow(n, 1, None, f"A{n}", "held", b"{}", b"{}", None, reasons=why(ZIP if n % 2 else BIRTH))
        for n in range(1, 241)
    ]
    store.work.commit(Turn(NOW, requests=rows))
    browser.sign_in("mary")
    found: list[int] = []
    address = f"/holds?code={ZIP}"
    while address:
        text = page(browser, address)
        found += map(int, re.findall(r'name="id" value="(\d+)"', text))
        more = re.search(r'href="([^"]+)" rel="next"', text)
        address = more[1].replace("&amp;", "&") if more else ""
    assert found == list(range(1, 241, 2))


def test_a_viewer_is_offered_nothing_to_do(browser, store) -> None:
    put(store, 1, "held", ZIP)
    browser.sign_in("vera")
    assert "/by-hand" not in page(browser, "/holds")
    assert "checkbox" not in page(browser, f"/holds?code={ZIP}")


@pytest.mark.parametrize("query", ["of=x", "of=dead&status=x", "code=%07", "code=a&after=0"])
def test_an_address_that_is_none_is_a_clear_error(browser, query: str) -> None:
    browser.sign_in("vera")
    assert browser.get(f"/holds?{query}").status == 400


def test_a_hostile_reason_is_text(browser, store) -> None:
    put(store, 1, "held", "<script>alert(1)</script>&x=%")
    browser.sign_in("mary")
    text = page(browser, "/holds")
    assert "<script>alert" not in text
    there = re.search(r'class="many"><a href="([^"]+)"', text)
    assert there
    assert "text of &lt;script&gt;" in page(browser, there[1].replace("&amp;", "&"))


NOBODY = ("PID|1||||Sample^Robin", "SCH||F1|||||||||^^^202702100930")
TWO_PEOPLE = ("PID|1||1^^^FAC^MR||A^B", "PID|1||2^^^FAC^MR||C^D", "SCH||F1|||||||||^^^202702100930")


@pytest.mark.parametrize(("told", "released"), [((NOBODY, NOBODY), True), ((NOBODY, TWO_PEOPLE), False)])
def test_the_first_page_says_what_releases_messages_of_nobody_only_where_it_is_one_thing(
    browser, tell, told, released
) -> None:
    for segments in told:
        tell(*segments)
    browser.sign_in("vera")
    page = browser.get("/").body.decode()
    assert "2 messages of the last 7 days: whose they are, or what they are about, can&#39;t be told" in page
    assert ("A message with the number in PID-3" in page) == released
