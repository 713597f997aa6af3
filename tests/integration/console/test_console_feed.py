"""The feed report: made in the background over a bounded sample, and nothing waits for it."""

from __future__ import annotations

import json
import re
import threading

import pytest
from charted import chart, sample
from console_browser import location
from patience import PATIENCE

from interface.console.kept import Kept
from interface.console.pages import feed
from interface.settings import Settings

STORY = sample("problem-list-and-dispense")


def flat(reply) -> str:
    assert reply.status == 200, reply.body
    return re.sub(r"\s*\n\s*", "", reply.body.decode())


@pytest.fixture
def ended():
    """Waits until the threads that make something are through."""

    def wait() -> None:
        for thread in threading.enumerate():
            if thread.name == "console-making":
                thread.join(PATIENCE)

    yield wait
    wait()


def test_it_is_made_when_asked_for_shown_and_given_as_files(browser, store, ended) -> None:
    chart(store, STORY)
    browser.sign_in("mary")
    assert "No report has been made" in flat(browser.get("/feed"))
    assert browser.get("/feed/report").status == 404
    assert location(browser.post("/feed/make", "/feed", limit="500")) == "/feed"
    ended()
    page = flat(browser.get("/feed"))
    assert "6 messages of 1 sender" in page
    assert "HARBORLIST" in page
    assert 'href="/messages/' in page
    assert [name for name in ("Tamblyn", "55-2087", "HBR2601") if name in page] == []
    found = json.loads(browser.get("/feed/report?form=json").body)
    assert found["messages"] == 6
    assert b"HL7 feed report" in browser.get("/feed/report").body


def test_while_it_is_made_pages_are_answered_and_say_how_far_it_is(
    browser, store, ended, monkeypatch
) -> None:
    goes_on, begun = threading.Event(), threading.Event()

    def held_up(store, advance, *_):
        advance(3, 9)
        begun.set()
        assert goes_on.wait(PATIENCE)

    monkeypatch.setattr(feed, "report_of", held_up)
    browser.sign_in("mary")
    browser.post("/feed/make", "/feed")
    assert begun.wait(PATIENCE)
    page = flat(browser.get("/feed"))
    assert "3 of 9 messages." in page
    assert 'id="report" data-live' in page
    assert browser.get("/messages").status == 200
    browser.post("/feed/make", "/feed")  # no second one beside it
    assert sum(thread.name == "console-making" for thread in threading.enumerate()) == 1
    goes_on.set()
    ended()
    assert "There is not one message to report on." in flat(browser.get("/feed"))


def test_one_that_breaks_or_takes_too_long_is_said_and_nothing_else_ends(
    browser, ended, monkeypatch, caplog
) -> None:
    def broken(*_):
        raise ValueError("Smith, 555-0142")

    monkeypatch.setattr(feed, "report_of", broken)
    browser.sign_in("mary")
    browser.post("/feed/make", "/feed")
    ended()
    assert "could not be made" in flat(browser.get("/feed"))
    assert "Smith" not in caplog.text
    monkeypatch.setattr(feed, "report_of", lambda store, advance, *_: advance(1, 2))
    monkeypatch.setattr(feed, "LIMIT_SECONDS", -1.0)
    browser.post("/feed/make", "/feed")
    ended()
    assert "it took too long" in flat(browser.get("/feed"))


def test_it_is_forgotten_after_half_an_hour(browser, store, clock, ended) -> None:
    chart(store, STORY)
    browser.sign_in("mary")
    browser.post("/feed/make", "/feed")
    ended()
    clock.now += 29 * 60
    assert "6 messages of 1 sender" in flat(browser.get("/feed"))
    clock.now += 2 * 60
    browser.sign_in("mary")
    assert "No report has been made" in flat(browser.get("/feed"))


def test_only_analysts_have_one_made_and_only_of_what_there_is(browser, new_browser) -> None:
    browser.sign_in("vera")
    assert browser.post("/feed/make", "/feed").status == 403
    mary = new_browser()
    mary.sign_in("mary")
    assert mary.post("/feed/make", "/feed", limit="1000000").status == 400
    assert mary.post("/feed/make", "/feed", listener="<b>").status == 400


def test_what_is_stopped_makes_nothing_more(store, ended) -> None:
    kept, made = Kept(Settings(), store.another), []
    kept.stop()
    kept.make("x", lambda store, advance: made.append(1), 10.0)
    ended()
    assert made == []


def test_hostile_senders_are_text(browser, store, ended) -> None:
    evil = b"<script>alert(1)</script>"
    chart(store, [message.replace(b"HARBORLIST", evil, 1) for message in STORY])
    browser.sign_in("mary")
    browser.post("/feed/make", "/feed")
    ended()
    assert "<script>alert" not in flat(browser.get("/feed"))
