"""Real receivers get what is said: HTTP with and without TLS, mail servers, programs; and what fails is told in one line."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mail_server import mail_server
from webhook_receiver import Authority, an_authority, receiver

from interface.alerting.state import Edge
from interface.alerting.telling import Notice, Sender
from interface.services import alert_channels
from interface.services.alert_channels import Channel, Command, Mail, Webhook, channels_of
from interface.services.alert_tellers import told
from interface.settings import SettingsError, load_settings

AT = 1_772_460_000.0
NOTICE = Notice(
    "n1", Edge("begins", "destination-paused", "", AT, AT - 60, "nothing is sent for 1 min: the key")
)
SENDER = Sender("Lakeside Family Clinic", "production", "adapter-1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


def tell(channel: Channel) -> str:
    return told(channel, NOTICE, SENDER)


# ------------------------------------------------------------------------------------------ webhook


def test_a_webhook_gets_the_json_with_the_secret_in_its_header() -> None:
    with receiver() as hook:
        assert tell(Webhook(hook.url, secret="Bearer hunter2")) == ""
        assert tell(Webhook(hook.url, "X-Key", "hunter2")) == ""
        assert tell(Webhook(hook.url)) == ""
    assert hook.got[0]["alert"] == "destination-paused"
    assert hook.got[0]["dedup_key"] == "Lakeside Family Clinic/destination-paused"
    assert [headers.get("authorization") for headers in hook.headers] == ["Bearer hunter2", None, None]
    assert hook.headers[1]["x-key"] == "hunter2"
    assert hook.headers[0]["content-type"] == "application/json"


def test_a_webhook_that_refuses_or_redirects_was_not_told() -> None:
    with receiver(500, 302) as hook:
        assert tell(Webhook(hook.url)) == "it answered 500"
        assert tell(Webhook(hook.url)) == "it answered 302"


def test_a_webhook_over_tls_is_told_only_where_its_certificate_is_trusted(authority: Authority) -> None:
    with receiver(certificate=authority.server) as hook:
        assert tell(Webhook(hook.url)) == "its TLS certificate or version was not accepted"
        assert hook.got == []
        assert tell(Webhook(hook.url, ca=authority.certificate)) == ""
    assert len(hook.got) == 1


@pytest.mark.parametrize("kind", ["webhook", "mail"])
def test_the_file_of_an_authority_that_is_not_there_is_what_is_told(kind: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    channel = Webhook("https://127.0.0.1:1/", ca=ca) if kind == "webhook" else mail(1, "tls", ca=ca)
    assert tell(channel) == f"the file of its authority, {ca}, cannot be read: No such file or directory"


@contextmanager
def deaf() -> Iterator[int]:
    """A port at which somebody takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_webhook_that_says_nothing_or_is_not_there_is_told_of_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(alert_channels, "SECONDS", 0.2)
    with deaf() as port:
        assert tell(Webhook(f"http://127.0.0.1:{port}/", secret="hunter2")) == "no answer within 15 s"
    assert tell(Webhook(f"http://127.0.0.1:{port}/", secret="hunter2")) == "it cannot be reached"


# ------------------------------------------------------------------------------------------ mail


def mail(port: int, tls: str = "none", **more: object) -> Mail:
    return Mail("127.0.0.1", port, tls, "interface@lakeside.example", ("oncall@lakeside.example",), **more)  # type: ignore[arg-type]


def test_a_mail_says_it_in_words() -> None:
    with mail_server() as server:
        assert tell(mail(server.port)) == ""
    (got,) = server.got
    assert got["subject"] == "[Lakeside Family Clinic] Alert: Sending is paused"
    assert (got["from"], got["to"]) == ("interface@lakeside.example", "oncall@lakeside.example")
    assert got["auto-submitted"] == "auto-generated"
    assert "nothing is sent for 1 min: the key" in got.get_content()


def server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server)
    return context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_goes_over_tls_with_a_login(authority: Authority, tls: str) -> None:
    login = {"user": "interface", "password": "hunter2"}
    with mail_server(
        context=server_context(authority), whole=tls == "tls", login=("interface", "hunter2")
    ) as server:
        assert tell(mail(server.port, tls, ca=authority.certificate, **login)) == ""
        assert tell(mail(server.port, tls, **login)) == "its TLS certificate or version was not accepted"
        wrong = mail(server.port, tls, ca=authority.certificate, user="interface", password="wrong")
        assert tell(wrong).startswith("user or password was not accepted")
    assert server.over_tls == [True]


def test_a_server_without_starttls_gets_no_password_and_no_mail() -> None:
    with mail_server() as server:
        said = tell(mail(server.port, "starttls", user="interface", password="hunter2"))
    assert said == "it knows no STARTTLS"
    assert server.got == []


def test_what_a_mail_server_refuses_is_told_in_its_words() -> None:
    with mail_server("451 try later", refused=("gone@lakeside.example",)) as server:
        assert tell(mail(server.port)) == "it answered 451 try later"
        none = Mail("127.0.0.1", server.port, "none", "a@b.example", ("gone@lakeside.example",))
        assert tell(none) == "it takes mail for none of [alerts.smtp] to"
        some = Mail("127.0.0.1", server.port, "none", "a@b.example", ("gone@lakeside.example", "b@b.example"))
        assert tell(some) == "it takes no mail for gone@lakeside.example"
    assert server.to == [["b@b.example"]]


def test_a_mail_server_that_says_nothing_or_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_channels, "SECONDS", 0.2)
    with deaf() as port:
        assert tell(mail(port)) == "no answer within 15 s"
    assert tell(mail(port)) == "it cannot be reached"


# ------------------------------------------------------------------------------------------ command


def program(folder: Path, text: str) -> str:
    file = folder / "page"
    file.write_text(f"#!{sys.executable}\nimport json, os, sys\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_a_command_gets_the_json_its_words_as_they_are_and_a_small_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIVE_HEALTH_API_KEY", "hunter2")
    page = program(
        tmp_path, "json.dump([json.load(sys.stdin), sys.argv[1:], dict(os.environ)], open('out', 'w'))"
    )
    assert tell(Command((page, "$(id)", "on call"), tmp_path)) == ""
    said, words, environment = json.loads((tmp_path / "out").read_text())
    assert said["alert"] == "destination-paused"
    assert words == ["$(id)", "on call"]
    assert environment["ALERT"] == "destination-paused"
    assert environment["ALERT_EVENT"] == "begins"
    assert set(environment) <= {"PATH", "HOME", "LANG", "TZ", "ALERT", "ALERT_EVENT", "LC_CTYPE"}


def test_a_command_that_fails_is_told_of_with_its_last_line(tmp_path: Path) -> None:
    page = program(tmp_path, "print('first', file=sys.stderr); sys.exit('no\\x1b[2J modem')")
    assert tell(Command((page,), tmp_path)) == "it ended with 1: no [2J modem"
    assert tell(Command(("true",), tmp_path)) == "", "a mere name is looked for in PATH"
    assert tell(Command((str(tmp_path / "gone"),), tmp_path)) == "it cannot be run: No such file or directory"


def test_a_command_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path) -> None:
    page = program(
        tmp_path,
        "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
        "open('child', 'w').write(str(child.pid))\nchild.wait()",
    )
    assert tell(Command((page,), tmp_path, seconds=3)) == "it did not end within 3 s"
    child = int((tmp_path / "child").read_text())
    with pytest.raises(ProcessLookupError):
        while not _is_zombie(child):
            os.kill(child, 0)
        raise ProcessLookupError


def _is_zombie(pid: int) -> bool:
    """A killed child that nobody has waited for is as good as gone."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_command_that_reads_nothing_and_says_much_is_well(tmp_path: Path) -> None:
    page = program(tmp_path, "sys.stderr.write('x' * 300000); sys.stdout.write('y' * 300000)")
    assert tell(Command((page,), tmp_path)) == ""


# ------------------------------------------------------------------------------------------ settings


def test_channels_are_made_of_the_settings_with_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_text("Bearer hunter2\n")
    (tmp_path / "mail.secret").write_text("swordfish\n")
    (tmp_path / "site.toml").write_text(
        '[alerts]\nwebhook = "https://h/x"\nwebhook_secret = "file:hook.secret"\nwebhook_ca = "ca.pem"\n'
        'command = ["./page", "now"]\n[alerts.smtp]\nhost = "mx"\nuser = "u"\npassword = "file:mail.secret"\n'
        'from = "a@b"\nto = ["c@d"]\n'
    )
    found = channels_of(load_settings(tmp_path / "site.toml"))
    assert found == {
        "webhook": Webhook("https://h/x", "Authorization", "Bearer hunter2", tmp_path / "ca.pem"),
        "mail": Mail("mx", 587, "starttls", "a@b", ("c@d",), "u", "swordfish"),
        "command": Command((str(tmp_path / "page"), "now"), tmp_path),
    }
    assert "hunter2" not in repr(found) and "swordfish" not in repr(found)


def test_a_secret_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[alerts]\nwebhook = "https://h/x"\nwebhook_secret = "file:gone"\n')
    with pytest.raises(
        SettingsError, match=r"site.toml:3: \[alerts\] webhook_secret: the key file .*gone cannot"
    ):
        channels_of(load_settings(tmp_path / "site.toml"))
