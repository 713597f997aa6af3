"""Patients and their charts: who is listed, found and shown, masked until shown, each fact with its source."""

from __future__ import annotations

import re
import time

import pytest
import query_plans
from charted import chart, sample
from console_browser import location

from interface.console.pages import patient
from interface.settings import Settings, Site

NAMES = ("Tamblyn", "Ione", "55-2087", "1964-09-23", "E11.65", "metformin", "2026-03-16", "Vandermolen")


def flat(reply) -> str:
    assert reply.status == 200, reply.body
    return re.sub(r"\s*\n\s*", "", reply.body.decode())


@pytest.fixture
def listed(store):
    chart(store, sample("problem-list-and-dispense"))


@pytest.mark.parametrize("address", ["/patients", "/patients/1"])
def test_nothing_of_a_patient_is_seen_until_it_is_shown_and_then_it_is_noted(
    browser, listed, address
) -> None:
    browser.sign_in("mary")
    masked = flat(browser.get(address))
    assert [name for name in NAMES if name in masked] == []
    assert not any(action == "saw" for _, action, _, _ in browser.audit())
    browser.post("/show", why="a call")
    shown = flat(browser.get(address))
    assert "Tamblyn, Ione Rae" in shown
    assert ("mary", "saw", "patient 1", None) in browser.audit()


def test_a_chart_has_each_fact_with_its_message_path_and_rule(browser, listed) -> None:
    browser.sign_in("mary")
    browser.post("/show", why="a call")
    page = flat(browser.get("/patients/1"))
    assert re.search(r'<a href="/messages/1#PRB[^"]*">PRB[^<]*</a>', page)
    assert re.search(r'<a href="/messages/6#PID-7">PID-7[^<]*</a><small>patient.yaml#birth', page)
    assert "its end has passed" in page or "not active" in page
    assert "confidential: withheld" in page
    assert "F1120" not in page and "F11.20" not in page
    assert "request 1" in page
    assert "patients rebuild --id 1 --dry-run" in page


def test_a_number_is_looked_for_and_stands_in_no_address(browser, listed) -> None:
    browser.sign_in("vera")
    found = location(browser.post("/patients/find", mrn="55-2087", authority="HARBOR"))
    assert found == "/patients/1"
    nobody = location(browser.post("/patients/find", mrn="55-2088"))
    assert nobody == "/patients?nobody=1"
    assert "Nobody has this number now." in flat(browser.get(nobody))
    assert browser.post("/patients/find", mrn="").status == 400
    assert browser.post("/patients/find", mrn="5\x00").status == 400


def test_a_chart_that_is_part_of_another_leads_there_and_merges_are_told(browser, store) -> None:
    first = sample("problem-list-and-dispense")[0]
    other = first.replace(b"55-2087", b"77").replace(b"HBR2601", b"HBR2602").replace(b"Tamblyn", b"Tamblin")
    head, person = first.split(b"\r")[:2]
    merge = head.replace(b"PPR^PC1^PPR_PC1", b"ADT^A40").replace(b"HBR2601", b"HBR2603")
    chart(store, [first, other, b"\r".join((merge, person, b"MRG|77^^^HARBOR^MR", b""))])
    browser.sign_in("vera")
    page = flat(browser.get("/patients"))
    gone = re.search(r'href="/patients/(\d+)">patient \d+<small>part of patient (\d+)', page)
    assert gone
    assert f'<a href="/patients/{gone[2]}">patient {gone[2]}</a> now' in flat(
        browser.get(f"/patients/{gone[1]}")
    )
    survivor = flat(browser.get(f"/patients/{gone[2]}"))
    assert "Merges and moves" in survivor
    assert f'Merged into this chart: <a href="/patients/{gone[1]}">' in survivor
    only = flat(browser.get("/patients?merged=1"))
    assert f'href="/patients/{gone[1]}"' in only and f'href="/patients/{gone[2]}"' not in only


def test_the_list_is_read_page_by_page(browser, store) -> None:
    first = sample("problem-list-and-dispense")[0]
    many = [first.replace(b"55-2087", b"N%d" % n).replace(b"HBR2601", b"C%d" % n) for n in range(120)]
    chart(store, many)
    browser.sign_in("vera")
    found: list[str] = []
    address = "/patients"
    while address:
        page = flat(browser.get(address))
        found += re.findall(r'data-key="patient-(\d+)"', page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert len(found) == 120
    assert len(set(found)) == 120


@pytest.mark.parametrize("query", ["before=x", "before=nan-1", "before=1.0-0", "merged=2", "nobody=x"])
def test_an_address_that_is_none_is_a_clear_error(browser, query) -> None:
    browser.sign_in("vera")
    assert browser.get(f"/patients?{query}").status == 400


def test_a_patient_that_is_not_there_is_said(browser) -> None:
    browser.sign_in("vera")
    assert browser.get("/patients/7").status == 404


def test_hostile_content_of_a_chart_is_text_and_long_content_is_cut(browser, store) -> None:
    evil = b"<script>alert(1)</script>\xe2\x80\xae"
    story = [
        message.replace(b"Tamblyn", evil).replace(b"Cooper Row", b"W" * 2_000_000).replace(b"metformin", evil)
        for message in sample("problem-list-and-dispense")
    ]
    chart(store, story)
    browser.sign_in("mary")
    browser.post("/show", why="a call")
    reply = browser.get("/patients/1")
    page = flat(reply)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in page
    assert len(reply.body) < 200_000
    assert "characters; the message has them all" in page
    browser.post("/mask")
    masked = flat(browser.get("/patients/1"))
    assert "characters; the message has them all" in masked  # what is ours is not masked
    assert "WWW" not in masked


def as_of(page: str) -> list[str]:
    return re.findall(r'data-label="as of">(.*?)</td>', page)


def test_each_row_says_when_it_was_said_last_however_old_the_message(browser, listed, monkeypatch) -> None:
    browser.sign_in("vera")
    found = as_of(flat(browser.get("/patients/1")))
    assert len(found) > 15
    assert [cell for cell in found if "<time datetime=" not in cell] == []
    assert all("event 2026-" in cell for cell in found)
    monkeypatch.setattr(patient, "MOST_MESSAGES", 1)
    assert as_of(flat(browser.get("/patients/1"))) == found


@pytest.mark.parametrize("settings", [Settings(site=Site(timezone="Asia/Tokyo"))])
def test_the_events_time_is_the_sites_as_all_times_are(browser, tell, settings) -> None:
    tell("EVN|A28|20270110080000+0000", "PID|1||77^^^FAC^MR||Sample^Robin||19700101|F", kind="ADT^A28")
    browser.sign_in("vera")
    cells = as_of(flat(browser.get("/patients/1")))
    assert cells
    assert all("event 2027-01-10 17:00" in cell for cell in cells)


@pytest.fixture
def honolulu(monkeypatch):
    """The machine is there, where the day of `NOW` has not begun; the settings name no zone."""
    with monkeypatch.context() as away:
        away.setenv("TZ", "Pacific/Honolulu")
        time.tzset()
        yield
    time.tzset()


def test_without_a_zone_today_is_the_machines_as_it_is_for_the_work(browser, tell, honolulu) -> None:
    order = ("ORC|NW|P1", "RXE|^QD^^20270101^20270114|860975^Metformin^RXNORM|10||unit")
    tell("PID|1||77^^^FAC^MR||Sample^Robin||19700101|F", *order, kind="RDE^O11")
    browser.sign_in("vera")
    assert "its end has passed" not in flat(browser.get("/patients/1"))


def problem_of(number: int) -> bytes:
    head = f"MSH|^~\\&|A|B|||20260228110{number}||ADT^A08|C{number}|P|2.5"
    return f"{head}\rPID|1||77^^^B^MR||Sample^Robin\rDG1|1||E11.{number}^x^I10\r".encode()


def test_the_times_cost_no_query_for_each_row(browser, store, monkeypatch) -> None:
    monkeypatch.setattr(patient, "MOST_MESSAGES", 1)
    browser.sign_in("vera")
    counts = []
    for numbers in (range(3), range(3, 9)):
        chart(store, [problem_of(n) for n in numbers])
        with query_plans.counted(store) as count:
            page = flat(browser.get("/patients/1"))
        counts.append((len(as_of(page)), count()))
    (few, one), (many, other) = counts
    assert many > few
    assert one == other


def test_a_row_whose_message_is_gone_has_the_messages_own_time(browser, store, listed) -> None:
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM messages")
    browser.sign_in("vera")
    found = as_of(flat(browser.get("/patients/1")))
    assert [cell for cell in found if "<time" in cell] == []
    assert all(re.search(r"2026-\d\d-\d\d \d\d:\d\d<small>event", cell) for cell in found)
