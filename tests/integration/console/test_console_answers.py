"""Pages and actions: who may, what is noted, what goes wrong and stays there."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from console_browser import location

from interface.alerting.on import On
from interface.console import answering, security
from interface.services.door_state import DoorState, ListenerState
from interface.store.errors import StoreError
from interface.store.records.reading import Command
from interface.store.records.turn import NewRequestRow, PatientWrite, Turn


def test_a_page_that_breaks_says_a_number_that_the_log_has_and_nothing_else(browser, caplog) -> None:
    browser.sign_in()
    with caplog.at_level(logging.ERROR, "interface"):
        reply = browser.get("/broken")
    assert reply.status == 500
    (record,) = [record.getMessage() for record in caplog.records]
    assert "event=console-failed" in record
    assert "page=/broken" in record
    assert "KeyError at console_browser.py" in record
    number = record.split("id=")[1].split()[0]
    assert number in reply.body.decode()
    for text in (record, reply.body.decode()):
        assert "Smith" not in text
    assert browser.get("/").status == 200


def test_a_store_that_fails_is_said_and_no_page_breaks(browser, monkeypatch) -> None:
    browser.sign_in()

    def away(*_: Any) -> Any:
        raise StoreError("the store cannot be read: the disk gives read or write errors")

    monkeypatch.setattr(browser.store.users, "session", away)
    reply = browser.get("/")
    assert reply.status == 503
    assert b"Messages are taken and acknowledged regardless" in reply.body
    assert browser.get("/sign-in").status == 503


def test_an_error_page_that_can_not_be_made_is_plain_text(browser, monkeypatch) -> None:
    browser.sign_in()
    monkeypatch.setattr(answering, "render", lambda *_: 1 / 0)
    reply = browser.get("/broken")
    assert (reply.status, reply.kind) == (500, "text/plain; charset=utf-8")


def test_what_is_not_there_is_said(browser) -> None:
    browser.sign_in()
    for path in (
        "/nothing",
        "/patient/x",
        "/patient/0",
        "/patient/12/more",
        "/commands/99",
        "/../etc/passwd",
    ):
        assert browser.get(path).status == 404, path


def test_who_is_not_signed_in_learns_nothing_of_what_is_there(browser) -> None:
    replies = [browser.get(path) for path in ("/", "/nothing", "/patient/7", "/for-admins")]
    assert {(reply.status, reply.body) for reply in replies} == {(303, b"")}
    assert browser.get("/release", "POST").status == 303
    assert browser.get("/?live=1").status == 401


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("mary", 403), ("adam", 200)])
def test_a_page_is_for_its_role_and_those_above(browser, name: str, status: int) -> None:
    browser.sign_in(name)
    assert browser.get("/for-admins").status == status


@pytest.mark.parametrize("given", ["0", "-1", "1e9", "x", "9" * 30, "1\x002", "²"])
def test_a_value_that_is_none_is_a_clear_error(browser, given: str) -> None:
    browser.sign_in()
    browser.extra = {"query": (("before", given),)}
    reply = browser.get("/checked")
    assert reply.status == 400
    assert b"before: " in reply.body


# ------------------------------------------------------------------------------------------ patient data


def test_patient_data_is_masked_until_it_is_shown_with_a_reason_and_that_is_noted(browser, clock) -> None:
    browser.sign_in()
    assert b"Xxxxx" in browser.get("/patient/7").body
    assert browser.post("/show", why="").status == 400
    assert location(browser.post("/show", why="a call of the clinic", next="/patient/7")) == "/patient/7"
    page = browser.get("/patient/7").body
    assert b"Smith" in page
    assert b"Mask now" in page
    assert browser.audit()[1:] == [
        ("mary", "has patient data shown", "console", "a call of the clinic"),
        ("mary", "saw", "patient 7", None),
    ]
    clock.now += security.SHOW_SECONDS
    assert b"Smith" not in browser.get("/patient/7").body


def test_a_pasted_reason_may_hold_other_blanks_than_plain_ones(browser) -> None:
    browser.sign_in("mary")
    assert browser.post("/show", why="Dr.\xa0Quill\u2009called\u202f").status == 303
    assert browser.audit()[-1][3] == "Dr. Quill called"
    assert browser.post("/show", why="one\ntwo").status == 400


def test_each_record_is_noted_once_for_each_time_that_data_is_shown(browser, clock) -> None:
    browser.sign_in()
    browser.post("/show", why="x")
    for path in ("/patient/7", "/patient/7?live=1", "/patient/8", "/patient/7"):
        browser.get(path)
    assert [entry[2] for entry in browser.audit() if entry[1] == "saw"] == ["patient 7", "patient 8"]
    clock.now += 60
    browser.post("/show", why="again")
    browser.get("/patient/7")
    assert [entry[2] for entry in browser.audit() if entry[1] == "saw"][-1] == "patient 7"
    assert len(browser.audit()) == 6


def test_what_can_not_be_noted_is_not_shown(browser, monkeypatch) -> None:
    browser.sign_in()
    browser.post("/show", why="x")

    def full(*_: Any) -> None:
        raise StoreError("the store cannot be written: the disk is full")

    monkeypatch.setattr(browser.store.audit, "add", full)
    reply = browser.get("/patient/7")
    assert reply.status == 503
    assert b"Smith" not in reply.body


def test_data_can_be_masked_again_at_once(browser) -> None:
    browser.sign_in()
    browser.post("/show", why="x")
    browser.post("/mask")
    assert b"Smith" not in browser.get("/patient/7").body


def test_a_viewer_does_not_have_it_shown(browser) -> None:
    browser.sign_in("vera")
    assert b'action="/show"' not in browser.get("/").body
    assert browser.post("/show", why="x").status == 403
    assert b"Smith" not in browser.get("/patient/7").body


# ------------------------------------------------------------------------------------------ doing something


@pytest.mark.parametrize("path", ["/release", "/show", "/mask", "/sign-out"])
def test_nothing_is_done_without_the_token_of_the_session_or_from_another_site(
    browser, new_browser, path
) -> None:
    browser.sign_in()
    other = new_browser()
    other.sign_in()
    theirs = security.csrf_of(other.cookies[security.SESSION])
    for token in ("", "x", theirs):
        assert browser.get(path, "POST", (("csrf", token), ("why", "x"))).status == 403
    browser.extra = {"origin": "http://evil.example"}
    assert browser.post(path, why="x").status == 403
    browser.extra = {"origin": "", "fetch_site": "cross-site"}
    assert browser.post(path, why="x").status == 403
    browser.extra = {}
    assert [entry[1] for entry in browser.audit()] == ["signed in", "signed in"]
    assert browser.store.commands.get(1) is None


def test_an_action_is_noted_becomes_a_command_and_wakes_the_work(browser, woken) -> None:
    browser.sign_in()
    assert location(browser.post("/release")) == "/commands/1?back=%2Fbroken"
    command = browser.store.commands.get(1)
    assert (command.kind, command.arguments, command.state) == ("release", {"requests": [7]}, "waiting")
    assert browser.audit()[-1] == ("mary", "released", "request 7", "ready")
    assert woken == [1]


def test_an_action_is_not_done_by_asking_for_its_page(browser) -> None:
    browser.sign_in()
    assert browser.get("/release").status == 404
    assert browser.store.commands.get(1) is None


def test_what_a_viewer_may_not_do_is_not_done(browser) -> None:
    browser.sign_in("vera")
    assert browser.post("/release").status == 403
    assert browser.store.commands.get(1) is None


def test_an_action_that_is_refused_says_why(browser) -> None:
    browser.sign_in()
    reply = browser.post("/refused")
    assert reply.status == 400
    assert b"That request is being sent." in reply.body


def test_the_end_of_a_command_is_shown_when_it_is_there(browser, monkeypatch) -> None:
    browser.sign_in()
    browser.post("/release")
    waiting = browser.get("/commands/1?back=%2F").body
    assert b"data-live" in waiting
    done = Command(1, "release", {}, "done", {"released": [7], "problem": ""}, 1.0, 2.0)
    monkeypatch.setattr(browser.store.commands, "get", lambda _: done)
    page = browser.get("/commands/1?back=%2F%2Fevil.example").body
    assert b"data-live" not in page
    assert b"released" in page
    assert b'href="/">Back</a>' in page


# ------------------------------------------------------------------------------------------ today


LOW = On("disk-low", "", "bad", "Room on the disk runs out", "10 MiB are free", "make room", 1.0)


def today(browser, **state: Any) -> str:
    browser.sign_in("vera")
    browser.state = DoorState(**state)
    reply = browser.get("/")
    assert reply.status == 200
    return reply.body.decode()


def test_when_nothing_needs_a_person_that_is_said(browser) -> None:
    page = today(browser, listeners=(ListenerState("main", "127.0.0.1", 2575, 3),))
    assert "Nothing. Messages are taken, decided and sent." in page
    assert "127.0.0.1:2575 · 3 connected" in page
    assert "no message in 7 days" in page


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"journal_failing": "the disk is full"}, "Messages cannot be stored"),
        ({"work_alive": False}, "The work does not run"),
        ({"trouble": "the store cannot be read"}, "The work cannot go on"),
        (
            {"destination": {"state": "paused", "reason": "not-authorised", "since": None, "next_at": None}},
            "The API does not accept the key",
        ),
        ({"alerts": (LOW,)}, "Room on the disk runs out"),
    ],
)
def test_what_the_door_knows_of_trouble_is_said_first(browser, state: dict[str, Any], said: str) -> None:
    page = today(browser, **state)
    assert said in page
    assert "allwell" not in page


def test_what_is_held_as_the_time_asks_calls_nobody(browser, store) -> None:
    reasons = '[{"code": "lead-time", "text": "it is asked for so many days before the visit"}]'
    row = NewRequestRow(1, 1, None, "A1", "held", b"{}", b"{}", None, reasons=reasons)
    store.work.commit(Turn(1.0, patients=[PatientWrite(1, b"{}", True, ("K",))], requests=[row]))
    page = today(browser)
    assert "Nothing. Messages are taken, decided and sent." in page
    assert "1 request: it is asked for so many days before the visit" in page


def test_a_part_of_the_week_is_chosen_from_what_there_is(browser) -> None:
    browser.sign_in("vera")
    assert browser.get("/?hours=168").body.count(b'class="column"') == 168
    assert browser.get("/").body.count(b'class="column"') == 24
    assert browser.get("/?hours=9999").status == 400


def test_entries_without_a_page_are_not_shown(browser, monkeypatch) -> None:
    monkeypatch.setattr("interface.console.answering.NAVIGATION", (("Today", "/"), ("Later", "/later")))
    page = today(browser)
    assert ">Today</a>" in page
    assert ">Later</a>" not in page


def test_a_post_that_is_no_form_of_ours_gets_404_and_no_redirect(browser):
    reply = browser.get("/webhooks/connective-health", "POST")
    assert reply.status == 404, "who follows a redirect would take the sign-in page for a receipt"


@pytest.mark.parametrize("path", ["/sign-out", "/show", "/mask", "/release"])
def test_a_form_of_ours_leads_to_the_sign_in_once_the_session_has_ended(browser, path: str) -> None:
    assert browser.get(path, "POST").status == 303
