"""A chart made anew from the console: what would change is shown first, and is what happens; once, by those who may."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs, urlsplit

import console_told
import pytest
from console_browser import NOW, location
from console_rows import put
from console_told import BOOKED, PERSON, plain, rows_of

from interface.console.pages import reprocessing
from interface.services.engines import engine_now
from interface.services.portions import Grouping
from interface.services.trial import Trial
from interface.settings import Settings, load_settings
from interface.shown.fields import name_of

OLD = '[site]\nmrn_root = "2.999.1"\nmrn_authority = ["LFC"]\n[[listener]]\nport = 0\n'
NEW = OLD.replace("2.999.1", "2.999.77")
PAGE = "/by-hand?deed=rebuild&id=1&back=%2Fpatients%2F1"


@pytest.fixture
def settings(tmp_path) -> Settings:
    """The settings of now."""
    return read(tmp_path, NEW)


def read(folder, text: str) -> Settings:
    path = folder / "settings.toml"
    path.write_text(text)
    return load_settings(path)


@pytest.fixture
def booked(tell, tmp_path, settings):
    """A chart and its request, made by settings that are no longer those of now."""
    old = read(tmp_path, OLD)
    tell(*BOOKED, by=old)
    read(tmp_path, NEW)


def shown(browser, address: str = PAGE) -> str:
    return console_told.shown(browser, address)


def named(field: str) -> str:
    """A field as the page has it: its human name, and below its own."""
    return f"{name_of(field)} {field}" if name_of(field) != field else field


def form_of(page: str) -> tuple[tuple[str, str], ...]:
    form = page[page.index('class="confirm"') :]
    return tuple(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def change(folder, statement: str) -> None:
    """Past every check, on the disk."""
    with contextlib.closing(sqlite3.connect(folder / "interface.db")) as connection, connection:
        connection.execute(statement)


def kept(store) -> tuple[object, ...]:
    """All that a rebuilding could change."""
    detail = store.views.request(1)
    (row,) = store.patients.by_id((1,)).values()
    return detail.body, detail.summary.state, row.chart, [entry.decision for entry in store.views.messages()]


def test_what_is_shown_is_what_the_dry_run_says_and_what_happens(
    browser, store, settings, booked, work
) -> None:
    engine = engine_now(settings, store, NOW)
    groups = Grouping(engine, store.patients, store.work)
    groups.patients([1])
    groups.count()
    (portion,) = groups.portions()
    found = Trial(engine, store, lambda: datetime.fromtimestamp(NOW, UTC)).look(portion)
    dry = [
        (named(entry.field), str(entry.before), str(entry.after))
        for change in (*found.requests, *found.charts)
        for entry in change.fields
    ]
    before = kept(store)
    browser.sign_in("mary")
    browser.post("/show", why="a call")
    page = shown(browser)
    assert rows_of(page) == dry
    assert ("authority of the record number patient.mrn.root", "2.999.1", "2.999.77") in dry
    said = plain(page)
    assert "Rebuild patient 1? 1 chart is made anew from 1 message" in said
    assert "They stay as they are: nothing new is asked for." in said
    assert (kept(store), store.commands.between(1, 99)) == (before, []), "looking changes nothing"

    there = location(browser.get("/by-hand", "POST", form_of(page)))
    assert "Rebuild" in plain(shown(browser, there)) and "under way" in shown(browser, there)
    work()
    done = plain(shown(browser, there))
    assert re.search(r"done .*charts rebuilt 1 .*from messages 1", done)
    assert 'href="/patients/1">Back' in shown(browser, there)
    (command,) = store.commands.between(1, 99)
    assert (command.kind, command.arguments) == ("rebuild", portion.arguments)
    body = json.loads(store.views.request(1).body)
    assert body["patient"]["mrn"]["root"] == "2.999.77"
    assert kept(store)[1] == before[1] and kept(store)[3] == before[3], "states and decisions stay"
    assert rows_of(shown(browser)) == []
    assert plain(shown(browser)).count("None would change.") == 2
    assert ("mary", "rebuild", "patient 1", None) in browser.audit()


def test_it_is_masked_until_patient_data_is_shown_and_then_noted(browser, tell, tmp_path) -> None:
    tell(*BOOKED)
    change(tmp_path, "UPDATE charts SET chart = x'00' WHERE patient_id = 1")
    browser.sign_in("mary")
    page = shown(browser)
    assert rows_of(page) and [word for word in ("T1", "Sample", "Robin", "1970") if word in plain(page)] == []
    assert not any(action == "saw" for _, action, _, _ in browser.audit())
    browser.post("/show", why="a call")
    assert "T1" in plain(shown(browser))
    assert ("mary", "saw", "patient 1", None) in browser.audit()


def test_a_form_that_is_sent_twice_is_one_command(browser, store, booked, woken) -> None:
    browser.sign_in("mary")
    fields = form_of(shown(browser))
    first = location(browser.get("/by-hand", "POST", fields))
    noted = browser.audit()
    assert location(browser.get("/by-hand", "POST", fields)) == first
    assert browser.audit() == noted
    assert (len(store.commands.between(1, 99)), len(woken)) == (1, 1)


def test_only_analysts_are_offered_it_and_may(browser, store, booked) -> None:
    browser.sign_in("mary")
    (link,) = re.findall(r'href="(/by-hand[^"]*)">Rebuild…', shown(browser, "/patients/1"))
    assert parse_qs(urlsplit(unescape(link)).query) == {
        "deed": ["rebuild"],
        "id": ["1"],
        "back": ["/patients/1"],
    }
    fields = dict(form_of(shown(browser)))
    for token in ("", "0" * 64):
        assert browser.get("/by-hand", "POST", tuple((fields | {"csrf": token}).items())).status == 403
    browser.post("/sign-out")
    browser.sign_in("vera")
    assert "deed=rebuild" not in shown(browser, "/patients/1")
    assert browser.get(PAGE).status == 403
    del fields["csrf"]
    assert browser.post("/by-hand", **fields).status == 403
    assert store.commands.between(1, 99) == []


def test_a_request_that_was_sent_is_said_to_stay_so(browser, booked, tmp_path) -> None:
    change(tmp_path, "UPDATE requests SET state = 'delivered' WHERE id = 1")
    browser.sign_in("mary")
    assert "delivered, and stays so; it would be composed otherwise now" in plain(shown(browser))


def test_a_merged_family_is_rebuilt_together_from_either_page(browser, store, tell, work) -> None:
    tell(*BOOKED)
    tell(PERSON.format("T2"), kind="ADT^A08")
    tell(PERSON.format("T1"), "MRG|T2^^^LFC^MR", kind="ADT^A40")
    browser.sign_in("mary")
    for id_ in (1, 2):
        assert "1 chart is made anew from 3 messages" in plain(
            shown(browser, f"/by-hand?deed=rebuild&id={id_}")
        )
    there = location(browser.get("/by-hand", "POST", form_of(shown(browser, "/by-hand?deed=rebuild&id=2"))))
    work()
    assert "charts rebuilt" in plain(shown(browser, there))


def test_a_chart_that_can_not_be_opened_is_made_anew(browser, store, tell, work, tmp_path) -> None:
    tell(*BOOKED)
    change(tmp_path, "UPDATE charts SET chart = x'00' WHERE patient_id = 1")
    tell(PERSON.format("T1").replace("Robin", "Kim"), kind="ADT^A08")
    browser.sign_in("mary")
    page = shown(browser, "/patients/1")
    assert "deed=rebuild" in page and 'role="alert"' in page
    assert "None known" not in page, "medications may well be known"
    said = plain(shown(browser))
    assert re.search(r"message 2 ADT\^A08 : failed .* chart", said), "what was set aside is decided now"
    location(browser.get("/by-hand", "POST", form_of(shown(browser))))
    work()
    assert 'role="alert"' not in shown(browser, "/patients/1")
    assert [entry.state for entry in store.views.messages()] == ["done", "done"]


def test_what_can_not_be_done_is_said_and_not_offered(browser, store) -> None:
    put(store, 1, "held", "x")
    browser.sign_in("mary")
    page = shown(browser)
    assert "It can't be done for patient 1: the chart of patient 1 is damaged" in plain(page)
    assert 'name="once"' not in page


def test_what_takes_too_long_is_said_and_where_it_can_be_done(browser, store, booked, monkeypatch) -> None:
    browser.sign_in("mary")
    monkeypatch.setattr(reprocessing, "MOST_REPLAYED", 0)
    reply = browser.get(PAGE)
    assert reply.status == 400
    assert "a chart of more than 0 messages; this one has 1: use `patients rebuild`" in reply.body.decode()
    monkeypatch.setattr(reprocessing, "MOST_REPLAYED", 9)
    monkeypatch.setattr(reprocessing, "TRY_SECONDS", -1.0)
    reply = browser.get(PAGE)
    assert reply.status == 400
    assert "choose fewer, or use `patients rebuild`" in reply.body.decode()


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("id=x", 400), ("id=99", 404), ("&".join(f"id={n}" for n in range(1, 202)), 400)],
)
def test_an_address_that_is_none_is_a_clear_error(browser, query: str, status: int) -> None:
    browser.sign_in("mary")
    reply = browser.get(f"/by-hand?deed=rebuild&{query}")
    assert (reply.status, b"Something went wrong" in reply.body) == (status, False)
