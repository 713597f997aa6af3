"""Signing in and out, sessions and their ends."""

from __future__ import annotations

import re

import pytest
from console_browser import NOW, PASSWORD, location

from interface.console import security
from interface.console.pauses import FREE
from interface.store.errors import StoreError


def test_without_a_user_the_first_page_says_how_to_make_one(browser, store) -> None:
    for name in ("vera", "mary", "adam"):
        store.users.remove(name)
    assert location(browser.get("/")) == "/sign-in"
    page = browser.get("/sign-in").body.decode()
    assert "hl7-interface users add NAME --role admin" in page
    assert 'type="password"' not in page


def test_who_signs_in_comes_to_the_page_that_was_asked_for(browser) -> None:
    assert location(browser.get("/?hours=168")) == "/sign-in?next=%2F%3Fhours%3D168"
    page = browser.get("/sign-in?next=%2F%3Fhours%3D168").body.decode()
    assert 'name="next" value="/?hours=168"' in page
    assert location(browser.sign_in(next="/?hours=168")) == "/?hours=168"
    assert browser.get("/").status == 200
    assert browser.audit() == [("mary", "signed in", "console", None)]


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_nobody_is_led_elsewhere(browser, elsewhere: str) -> None:
    assert location(browser.sign_in(next=elsewhere)) == "/"


@pytest.mark.parametrize(
    ("name", "password"),
    [("mary", "wrong"), ("nobody", PASSWORD), ("mary", ""), ("", ""), ("mary\x00", PASSWORD)],
)
def test_name_and_password_must_be_right_and_which_is_wrong_is_not_told(browser, name, password) -> None:
    reply = browser.sign_in(name, password)
    assert reply.status == 403
    assert b"The name or the password is wrong." in reply.body
    assert browser.get("/").status == 303


def test_a_name_that_nobody_has_is_not_kept(browser) -> None:
    browser.sign_in("my password, typed in the wrong place", "x")
    assert browser.audit() == [("(unknown)", "was refused", "console", None)]


def test_a_disabled_user_does_not_come_in_and_goes_out(browser, store) -> None:
    browser.sign_in()
    store.users.set_disabled("mary", True)
    assert browser.get("/").status == 303
    assert browser.sign_in().status == 403


def test_signing_out_ends_the_session_here_and_in_the_store(browser, store, new_browser) -> None:
    browser.sign_in()
    copied = new_browser()
    copied.cookies = dict(browser.cookies)
    assert copied.get("/").status == 200
    assert location(browser.post("/sign-out")) == "/sign-in"
    assert security.SESSION not in browser.cookies
    assert copied.get("/").status == 303


def test_another_password_ends_all_sessions(browser, store, clock) -> None:
    browser.sign_in()
    store.users.set_password("mary", "x", clock.now)
    assert browser.get("/").status == 303


def test_a_session_ends_when_it_is_not_used(browser, store, clock) -> None:
    browser.sign_in()
    for _ in range(3):
        clock.now += security.IDLE_SECONDS - 1
        assert browser.get("/").status == 200
    clock.now += security.IDLE_SECONDS
    assert browser.get("/").status == 303
    assert store.users.session(security.token_hash(browser.cookies[security.SESSION])) is None


def test_who_is_signed_in_sees_the_first_page_when_nothing_can_be_stored(browser, clock, monkeypatch) -> None:
    browser.sign_in()

    def full(*_: object) -> None:
        raise StoreError("the store cannot be written: the disk is full")

    for name in ("used", "end"):
        monkeypatch.setattr(browser.store.users, name, full)
    clock.now += 600
    assert browser.get("/").status == 200
    clock.now += security.IDLE_SECONDS
    assert browser.get("/").status == 303


def test_a_page_that_keeps_itself_up_to_date_keeps_no_session_open(browser, clock) -> None:
    browser.sign_in()
    for _ in range(29):
        clock.now += 60.0
        assert browser.get("/?live=1").status == 200
    clock.now += 60.0
    assert browser.get("/?live=1").status == 401


def test_a_session_ends_after_half_a_day_in_any_case(browser, clock) -> None:
    browser.sign_in()
    while clock.now < NOW + security.LONGEST_SECONDS - 1200:
        clock.now += 1200
        assert browser.get("/").status == 200
    clock.now += 1200
    assert browser.get("/").status == 303


def test_a_session_of_a_clock_that_was_set_back_is_none(browser, clock) -> None:
    browser.sign_in()
    clock.now -= 3600
    assert browser.get("/").status == 303


def test_the_store_has_no_token_and_the_page_has_no_cookie(browser, store, tmp_path) -> None:
    browser.sign_in()
    token = browser.cookies[security.SESSION]
    assert token not in browser.get("/").body.decode()
    store.close()
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_form_to_sign_in_of_another_browser_is_refused(browser, new_browser) -> None:
    other = new_browser()
    page = other.get("/sign-in").body.decode()
    token = re.search(r'name="csrf" value="(\w+)"', page)
    assert token
    assert browser.sign_in(csrf=token[1]).status == 403
    assert browser.sign_in(csrf="").status == 403
    browser.extra = {"origin": "http://evil.example"}
    assert browser.sign_in().status == 403


def test_who_types_wrong_passwords_waits_and_the_right_one_is_not_looked_at(browser, clock) -> None:
    for _ in range(FREE + 1):
        assert browser.sign_in(password="wrong").status == 403
    reply = browser.sign_in()
    assert reply.status == 429
    assert b"please wait 2 s" in reply.body.replace(b"&#39;", b"'") or b"please wait 3 s" in reply.body
    clock.now += 3
    assert location(browser.sign_in()) == "/"


def test_an_address_that_tries_many_names_waits_and_others_do_not(browser, new_browser) -> None:
    browser.peer = "10.0.0.8"
    for number in range(FREE + 1):
        browser.sign_in(f"user{number}", "wrong")
    assert browser.sign_in().status == 429
    other = new_browser()
    other.peer = "10.0.0.9"
    assert location(other.sign_in()) == "/"


def test_behind_tls_cookies_are_locked(browser) -> None:
    browser.extra = {"secure": True}
    browser.sign_in()
    assert set(browser.cookies) == {"__Host-hl7i-session"}
    assert browser.get("/").status == 200
    browser.post("/sign-out")
    assert browser.cookies == {}


def test_who_is_signed_in_needs_no_form_to_sign_in(browser) -> None:
    browser.sign_in()
    assert location(browser.get("/sign-in?next=%2F")) == "/"
