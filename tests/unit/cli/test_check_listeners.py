"""What `check` says of listeners: their TLS, whose certificates they take, who can listen in, and how many may connect."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from authority import DAY, NOW, Authority
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from interface.cli.check_listeners import check_listeners
from interface.cli.checks import guarded
from interface.services import descriptors
from interface.services.certificates import CertificateError
from interface.settings import load_settings

TLS = 'tls_certificate = "server.pem"\ntls_key = "server.key"\n'


def said(folder: Path, text: str) -> list[tuple[str, str]]:
    (folder / "settings.toml").write_text("[[listener]]\n" + text)
    return list(check_listeners(load_settings(folder / "settings.toml")))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.file()
    made.issue("interface.example", into="server")[1].chmod(0o600)
    return made


def test_plain_mllp_that_others_can_listen_in_to_is_information_and_no_failure(tmp_path: Path) -> None:
    assert said(tmp_path, "") == [("ok", '"main" speaks plain MLLP, on this machine')]
    ((level, text),) = said(tmp_path, 'host = "0.0.0.0"\nallow = ["10.0.0.0/8"]')
    assert level == "warn"
    assert "unencrypted on 0.0.0.0" in text


def test_a_listener_of_tls_says_whom_it_is_for_and_whom_it_takes(
    tmp_path: Path, authority: Authority
) -> None:
    found = said(tmp_path, TLS)
    assert [level for level, _ in found] == ["ok", "ok"]
    assert "interface.example, good until" in found[0][1]
    assert "asks senders for no certificate" in found[1][1]
    authority.revoke(authority.issue("x", into="x")[0])
    found = said(
        tmp_path, TLS + 'tls_client_ca = "ca.pem"\ntls_client_names = ["a.example"]\ntls_crl = "crl.pem"'
    )
    assert [level for level, _ in found] == ["ok", "ok", "ok"]
    assert "for a.example by" in found[1][1]
    assert "1 revoked" in found[2][1]


def test_what_is_about_to_end_and_what_others_may_read_is_a_warning(
    tmp_path: Path, authority: Authority
) -> None:
    authority.issue("interface.example", into="server", not_after=NOW + 5 * DAY)[1].chmod(0o644)
    authority.revoke(until=NOW - DAY)
    found = said(tmp_path, TLS + 'tls_client_ca = "ca.pem"\ntls_crl = "crl.pem"')
    assert [level for level, _ in found] == ["warn", "warn", "ok", "warn"]
    assert "(4 days)" in found[0][1]
    assert "chmod 600" in found[1][1]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda folder: (folder / "server.key").unlink(),
            '"main" would take nobody: .*server.key cannot be read',
        ),
        (
            lambda folder: (folder / "ca.pem").write_text("x"),
            '"main" would take nobody: .*ca.pem holds no certificate',
        ),
        (
            lambda folder: Authority(folder).issue("i", into="server", not_after=NOW - timedelta(hours=1)),
            "has expired on",
        ),
    ],
)
def test_what_cannot_be_used_is_a_failure_that_names_the_listener(
    tmp_path: Path, authority: Authority, spoil: object, problem: str
) -> None:
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(CertificateError, match=problem) as caught:
        said(tmp_path, TLS + 'tls_client_ca = "ca.pem"')
    assert caught.value.exit_code == 2


def test_one_listeners_fault_does_not_hide_the_others(tmp_path: Path, authority: Authority) -> None:
    other = '[[listener]]\nname = "adt"\nport = 2576\n'
    (tmp_path / "settings.toml").write_text("[[listener]]\n" + TLS.replace("server.", "gone.") + other + TLS)
    lines = guarded("listener", check_listeners, load_settings(tmp_path / "settings.toml"))
    assert [(line.level, line.about_settings) for line in lines] == [
        ("ok", False),
        ("ok", False),
        ("FAIL", True),
    ]
    assert '"adt" speaks TLS' in lines[0].detail
    assert '"main" would take nobody' in lines[2].detail and "gone.pem cannot be read" in lines[2].detail


def test_too_few_files_for_all_connections_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "most_possible", lambda: 1024)
    found = said(tmp_path, "max_connections = 5000")
    assert found[-1][0] == "warn"
    assert "1024 are allowed" in found[-1][1]


def test_a_certificate_that_is_no_servers_is_a_warning_for_some_senders_take_it(tmp_path: Path) -> None:
    clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate, key = Authority(tmp_path).issue_plain("interface.example", "server", (clients,))
    key.chmod(0o600)
    found = said(tmp_path, f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n')
    assert [level for level, _ in found] == ["ok", "warn", "ok"]
    assert '"main" shows a certificate that is not meant for servers' in found[1][1]
