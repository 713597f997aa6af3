"""The console of a real door: real sockets, a real store; and what goes wrong in it leaves the door as it is."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from patience import PATIENCE, until
from running_console import PlainBrowser
from running_door import Door, message

from interface.console.security import CONTENT_POLICY

Start = Callable[..., Door]


@pytest.fixture
def door(start: Start) -> Door:
    return start()


def signed_in(door: Door, role: str = "analyst") -> PlainBrowser:
    browser = PlainBrowser(door.web)
    browser.sign_in(role)
    return browser


def test_health_and_metrics_need_no_sign_in_and_the_rest_does(door: Door) -> None:
    assert door.get("/healthz")[0] == door.get("/metrics")[0] == 200
    browser = PlainBrowser(door.web)
    for path in ("/", "/messages", "/nothing", "/healthz/x/..//"):
        found = browser.get(path)
        assert (found.status, found.text) in ((303, ""), (404, found.text)), path
    browser.sign_in()
    assert "<h1>Today</h1>" in browser.get("/").text


def test_a_message_that_comes_in_is_on_the_first_page(door: Door) -> None:
    sender = door.connect()
    sender.send(message("M1", text="</td><script>alert(1)</script>"))
    assert sender.answer() == ("AA", "M1")
    browser = signed_in(door)
    until("the message is counted", lambda: "EHR · LFC" in browser.get("/").text)


ANYTHING = (
    *(
        ("GET", path)
        for path in ("/", "/messages", "/sign-in", "/nothing", "/broken", "/commands/1", "/static/x.css")
    ),
    *(("GET", path) for path in ("/?hours=0", "/%00", "/%ff", "/?a=%ff", "/?a=%00")),
    *(("POST", "/sign-in"), ("POST", "/sign-out"), ("PUT", "/"), ("HEAD", "/")),
)


def test_every_answer_has_the_headers_that_keep_others_out(door: Door) -> None:
    for browser in (PlainBrowser(door.web), signed_in(door)):
        for method, path in ANYTHING:
            found = browser.ask(method, path, "csrf=" if method == "POST" else None)
            assert found.status < 600
            assert found.headers["content-security-policy"] == CONTENT_POLICY
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["x-frame-options"] == "DENY"
            assert found.headers["referrer-policy"] == "same-origin"
            assert found.headers["cache-control"] == "no-store"
            assert "Traceback" not in found.text


def test_files_are_kept_by_browsers_and_named_by_their_contents(door: Door) -> None:
    browser = PlainBrowser(door.web)
    page = browser.get("/sign-in").text
    files = set(re.findall(r"/static/[\w.]+", page))
    assert len(files) == 3
    for file in files:
        found = browser.get(file)
        assert found.status == 200
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["x-content-type-options"] == "nosniff"
    assert browser.get("/static/../asked.py").status in (303, 404)


def test_a_form_that_is_too_large_or_misshapen_is_refused(door: Door) -> None:
    browser = signed_in(door)
    assert browser.ask("POST", "/show", "why=" + "x" * 70_000).status == 413
    many = "&".join(f"a{number}=1" for number in range(1000))
    assert browser.ask("POST", "/show", many).status == 400
    assert browser.ask("POST", "/show", "a=%ff%fe").status == 400
    assert browser.get("/").status == 200


def test_a_page_that_breaks_or_never_ends_takes_nothing_else_with_it(start: Start) -> None:
    door = start(limit=2.0)
    sender = door.connect()
    browser = signed_in(door)
    ended: list[int] = []

    def ask(path: str) -> None:
        ended.append(PlainBrowser(door.web, cookies=dict(browser.cookies)).get(path).status)

    paths = ["/slow", "/slow", "/broken", "/slow", "/broken"]
    threads = [threading.Thread(target=ask, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for number in range(300):
        sender.send(message(f"M{number}"))
        assert sender.answer() == ("AA", f"M{number}")
    assert door.get("/healthz")[0] == door.get("/readyz")[0] == 200
    for thread in threads:
        thread.join(PATIENCE)
    assert set(ended) <= {500, 503}
    assert len(ended) == len(paths)
    # what took too long was interrupted: its threads are there for others
    until("pages are made again", lambda: browser.get("/").status == 200)
    door.read_log(r"event=console-too-slow")
    assert "Smith" not in door.log
    assert door.stop() == 0


def test_a_console_whose_threads_are_lost_is_refused_and_the_door_goes_on(start: Start) -> None:
    door = start(limit=1.0)
    browser = signed_in(door)
    for _ in range(3):
        assert browser.get("/spinning").status == 503
    assert browser.get("/").status == 503
    sender = door.connect()
    sender.send(message("M1"))
    assert sender.answer() == ("AA", "M1")
    assert door.get("/readyz")[0] == 200
    assert door.stop() == 0


def test_over_tls_cookies_are_locked_and_all_of_the_port_is_https(start: Start, tmp_path: Path) -> None:
    authority = trustme.CA()
    pair = authority.issue_cert("127.0.0.1")
    pair.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "cert.pem").write_bytes(b"".join(part.bytes() for part in pair.cert_chain_pems))
    door = start('tls_certificate = "cert.pem"\ntls_key = "key.pem"')
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    browser = PlainBrowser(door.web, tls)
    assert browser.get("/healthz").status == 200
    browser.sign_in()
    assert set(browser.cookies) == {"__Host-hl7i-session"}
    assert browser.get("/").status == 200
    old = ssl.create_default_context()
    authority.configure_trust(old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert PlainBrowser(door.web, old).get("/healthz").status == 200


def test_without_a_console_there_are_health_and_metrics_alone(start: Start) -> None:
    door = start("console = false")
    assert door.get("/healthz")[0] == 200
    assert door.get("/")[0] == door.get("/sign-in")[0] == 404
