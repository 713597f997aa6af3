"""Tokens, cookies, and whether a form comes from us."""

from dataclasses import replace

import pytest

from interface.console import security
from interface.console.asked import Incoming, local_path


def posted(**values: str) -> Incoming:
    return Incoming("POST", "/x", **({"host": "console.example:8025"} | values))


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({"origin": "http://console.example:8025"}, True),
        ({"origin": "https://console.example:8025"}, True),  # a proxy ends TLS
        ({"origin": "http://console.example"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://console.example:8025.evil.example"}, False),
        ({"fetch_site": "same-origin"}, True),
        ({"fetch_site": "cross-site"}, False),
        ({"fetch_site": "same-site"}, False),
        ({}, True),  # no browser: the form's token alone counts
        ({"origin": "", "host": ""}, True),
        ({"origin": "http://", "host": ""}, False),
    ],
)
def test_a_form_of_another_page_is_told(values: dict[str, str], own: bool) -> None:
    assert security.is_own(posted(**values)) == own


def test_each_session_has_a_token_of_its_own() -> None:
    one, two = security.new_token(), security.new_token()
    assert one != two
    assert security.is_csrf(security.csrf_of(one), one)
    assert not security.is_csrf(security.csrf_of(one), two)
    assert not security.is_csrf("", one)
    assert not security.is_csrf("é", one)
    assert security.csrf_of(one) != one


def test_a_cookie_is_out_of_the_reach_of_scripts_and_other_sites() -> None:
    name, text = security.set_cookie(security.SESSION, "t", locked=False)
    assert (name, text) == ("Set-Cookie", "hl7i-session=t; Path=/; HttpOnly; SameSite=Strict")
    _, text = security.set_cookie(security.SESSION, "t", locked=True)
    assert text == "__Host-hl7i-session=t; Path=/; HttpOnly; SameSite=Strict; Secure"


def test_over_tls_the_cookie_that_nobody_else_could_set_counts() -> None:
    forged, own = {"hl7i-session": "forged"}, {"__Host-hl7i-session": "own"}
    for cookies, plain, secure in ((forged | own, "own", "own"), (own, "own", "own"), (forged, "forged", "")):
        asked = Incoming("GET", "/x", cookies=cookies)
        assert security.cookie_of(asked, security.SESSION) == plain
        assert security.cookie_of(replace(asked, secure=True), security.SESSION) == secure
    assert security.cookie_of(Incoming("GET", "/x"), security.SESSION) == ""


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a b", "/a\r\nX: y", "", "x", "/é"]
)
def test_after_signing_in_one_goes_nowhere_else(path: str) -> None:
    assert local_path(path) == "/"


def test_a_path_of_ours_stays() -> None:
    assert local_path("/messages?before=12&code=a%2Fb") == "/messages?before=12&code=a%2Fb"
