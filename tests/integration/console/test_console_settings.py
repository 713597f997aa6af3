"""Settings and mapping as loaded, without a secret; and messages that are tried: decided, explained, stored nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from charted import DECIDED, sample
from console_browser import HASHED, Browser

from interface.console.answering import Answering
from interface.console.pages import ACTIONS, PAGES
from interface.console.pages.settings import setting_text
from interface.console.site import MisshapenError, parts_of
from interface.services.door_state import DoorState, Surroundings
from interface.settings import load_settings
from interface.settings.alert_sections import AlertMail

SECRETS = ("k3y-of-the-api", "w3bhook-s3cret", "at-r3st-key", "pass-0f-the-database")
STORY = sample("problem-list-and-dispense")
MAIL = AlertMail.model_construct(host="mail.example", password="abc")


def flat(reply) -> str:
    return re.sub(r"\s*\n\s*", "", reply.body.decode())


@pytest.fixture
def site(tmp_path: Path, store, monkeypatch: pytest.MonkeyPatch):
    """A browser of a site with these settings, signed in."""

    def made(text: str, name: str = "mary") -> Browser:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        around = Surroundings(load_settings(path), store, None, DoorState, lambda: None)
        for user, role in (("vera", "viewer"), ("mary", "analyst"), ("adam", "admin")):
            store.users.add(user, role, HASHED, 1.0)
        browser = Browser(Answering(around, PAGES, ACTIONS, DECIDED.timestamp), store)
        browser.sign_in(name)
        return browser

    for name, value in zip("ABCD", SECRETS, strict=True):
        monkeypatch.setenv(f"SECRET_{name}", value)
    return made


def test_no_secret_is_on_any_page_only_where_it_is_kept(site) -> None:
    browser = site(
        '[api]\nkey = "env:SECRET_A"\nbase_url = "http://127.0.0.1:1"\n[webhooks]\nsecret = "env:SECRET_B"\n'
        '[store]\nkey = "env:SECRET_C"\nurl = "postgresql+psycopg://me@db/x"\npassword = "env:SECRET_D"\n',
        "adam",
    )
    page = flat(browser.get("/settings"))
    assert all(f"env:SECRET_{name}" in page for name in "ABCD")
    for address in (entry.path for entry in PAGES if "{" not in entry.path):
        found = browser.get(address).body.decode()
        assert [secret for secret in SECRETS if secret in found] == [], address


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("key", "abc", "not shown"),
        ("key", "env:KEY", "env:KEY"),
        ("key", "env:KEY\nabc", "not shown"),
        ("password", None, "–"),
        ("base_url", "https://me:pass@api.example/v1?token=abc#x", "https://me@api.example/v1"),
        ("url", "postgresql+psycopg://me:pass@db/x?password=pass", "postgresql+psycopg://me@db/x"),
        ("supersede", True, "true"),
        ("allow", ("10.0.0.0/8", "::1"), "10.0.0.0/8, ::1"),
        ("types", (("ADT^A28", "chart"),), "ADT^A28 = chart"),
        ("webhook_secret", "abc", "not shown"),
        ("webhook", "https://hooks.example/services/T0/B0/abc", "https://hooks.example/…"),
        ("smtp", AlertMail(), "–"),
        ("smtp", MAIL, "host = mail.example, password = not shown"),
        ("feed", (MAIL, MAIL), "; ".join(["host = mail.example, password = not shown"] * 2)),
    ],
)
def test_a_setting_is_shown_without_what_lets_somebody_in(name, value, shown) -> None:
    assert setting_text(name, value) == shown


def test_what_the_overlay_changes_is_listed_and_a_fault_in_it_is_said(site, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "locations.csv").write_text("location,name,npi\nLFC,Lake <b>Clinic</b>,\n")
    page = flat(site('[mappings]\noverlay = "own"\n').get("/settings"))
    assert "locations.csv" in page
    assert "<b>Clinic" not in page
    (folder / "patient.yaml").write_text("rules: [\n")
    broken = flat(site('[mappings]\noverlay = "own"\n').get("/settings"))
    assert "patient.yaml:" in broken
    assert "[store]" in broken


# ------------------------------------------------------------------------------------------ trying


def tried(browser: Browser, data: bytes | str = "", **fields: str):
    files = (("file", data),) if isinstance(data, bytes) else ()
    browser.extra["files"] = files
    given = {"messages": data} if isinstance(data, str) else {}
    return browser.post("/settings/try", "/settings", **given, **fields)


@pytest.mark.parametrize(
    "data",
    [
        b"".join(STORY),
        b"\r\n".join(message.replace(b"\r", b"\r\n") for message in STORY),
        b"".join(message.replace(b"\r", b"\n") for message in STORY),
        b"".join(b"\x0b" + message + b"\x1c\r" for message in STORY),
        b"".join(STORY).decode().replace("\r", "\r\n"),
    ],
    ids=["CR", "CRLF", "LF", "MLLP", "typed"],
)
def test_messages_build_up_one_chart_and_are_explained_however_they_are_framed(site, store, data) -> None:
    browser = site("")
    browser.post("/show", why="a trial")
    page = flat(tried(browser, data))
    assert page.count('class="card tried"') == len(STORY)
    assert "Tamblyn" in page
    assert "HBR2601:PRB" in page, "the request of the last message says what the first one said"
    assert "patient.yaml#" in page
    assert "Left out" in page
    assert store.views.messages() == []
    assert store.patients.patients() == []
    assert not any("HBR" in str(entry) for entry in browser.audit())


def test_it_is_decided_as_if_it_were_another_day(site) -> None:
    browser = site("")
    assert "a past date is not sent" in flat(tried(browser, b"".join(STORY), day="2026-03-17"))
    assert "a past date is not sent" not in flat(tried(browser, b"".join(STORY), day="2026-03-01"))
    assert tried(browser, b"".join(STORY), day="tomorrow").status == 400


def test_what_is_tried_is_masked_until_patient_data_is_shown(site) -> None:
    page = flat(tried(site(""), b"".join(STORY)))
    assert [name for name in ("Tamblyn", "Ione", "55-2087", "1964-09-23", "Cooper") if name in page] == []
    assert "Patient data is masked." in page
    assert "patient.yaml#" in page


@pytest.mark.parametrize("data", ["no message at all", b"\x89PNG\r\n\x1a\n\x00\xff", "MSH|"])
def test_what_is_no_message_is_rejected_with_reasons(site, data) -> None:
    reply = tried(site(""), data)
    assert reply.status == 200
    assert 'class="badge bad">reject' in flat(reply)


@pytest.mark.parametrize(("data", "status"), [("", 400), (" \n", 400), (b"x" * (1024 * 1024 + 1), 413)])
def test_nothing_and_too_much_are_refused_in_words(site, data, status) -> None:
    assert tried(site(""), data).status == status


def test_a_form_that_is_not_ours_is_refused(site) -> None:
    browser = site("")
    assert tried(browser, "MSH|", listener="other").status == 400
    assert tried(browser, "MSH|", csrf="x").status == 403
    assert tried(site("", "vera"), "MSH|").status == 403


def test_hostile_content_that_is_tried_is_text_and_long_content_is_cut(site) -> None:
    evil = b"<script>alert(1)</script></textarea>\xe2\x80\xae"
    long = STORY[-1].replace(b"HBR2606", evil).replace(b"Cooper Row", b"W" * 900_000)
    browser = site("")
    browser.post("/show", why="a trial")
    for data in (long, long.decode()[:400_000]):
        reply = tried(browser, data)
        page = flat(reply)
        assert reply.status == 200
        assert "<script>alert" not in page
        assert page.count("</textarea>") == 1
        assert "&lt;script&gt;" in page
    assert len(tried(browser, long).body) < 100_000


def test_many_messages_are_tried_up_to_a_limit_that_is_said(site) -> None:
    many = b"".join(STORY[0].replace(b"HBR2601", b"H%d" % n) for n in range(130))
    page = flat(tried(site(""), many))
    assert "30 more messages were not tried" in page


# ------------------------------------------------------------------------------------------ forms with files

BODY = (
    b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nabc\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.hl7"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\nMSH|\r\n\xff\x0b--b\r\n--b--\r\n"
)


def test_a_form_with_a_file_is_read_byte_by_byte() -> None:
    texts, files = parts_of("multipart/form-data; boundary=b", BODY)
    assert texts == (("csrf", "abc"),)
    assert files == (("file", b"MSH|\r\n\xff\x0b--b"),)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", BODY),
        ("multipart/form-data; boundary=c", BODY),
        ("multipart/form-data; boundary=b", BODY[:-6]),
        ("multipart/form-data; boundary=b", b"x" + BODY),
        ("multipart/form-data; boundary=b", BODY.replace(b"name=", b"nome=")),
        ("multipart/form-data; boundary=b", BODY.replace(b"abc", b"\xff")),
        ("multipart/form-data; boundary=b", b"--b\r\n" * 1000 + b"--b--"),
    ],
)
def test_a_form_that_no_browser_writes_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(MisshapenError):
        parts_of(kind, body)
