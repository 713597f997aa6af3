"""`check` on webhooks, and what `webhooks show` masks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from interface.cli.checks import check_console, check_webhooks, guarded
from interface.cli.webhooks import masked
from interface.settings import parse_settings
from interface.store.records.webhooks import WebhookSummary

TLS = '[webhooks]\ntls_certificate = "tls.pem"\ntls_key = "tls.key"\n'


@pytest.fixture
def check(tmp_path):
    """What is said of settings, as (level, text)."""

    def run(text: str, days: int = 90):
        made = trustme.CA().issue_cert(
            "example.org", not_after=datetime.now(UTC) + timedelta(days=days, hours=1)
        )
        (tmp_path / "tls.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        (tmp_path / "tls.key").write_bytes(made.private_key_pem.bytes())
        (tmp_path / "tls.key").chmod(0o600)
        (tmp_path / "secret").write_text("open-sesame-1234567")
        (tmp_path / "secret").chmod(0o644)
        found = guarded("webhooks", check_webhooks, parse_settings(text, Path(tmp_path / "s.toml")))
        assert "sesame" not in str(found)
        return [(finding.level, finding.detail) for finding in found]

    return run


def test_what_check_says_of_the_console(tmp_path, check):
    check(TLS)  # makes the files

    def said(text):
        found = guarded("console", check_console, parse_settings(text, tmp_path / "s.toml"))
        return [(finding.level, finding.detail) for finding in found]

    assert said("") == [("ok", "at http://127.0.0.1:8025/")]
    assert said("[web]\nconsole = false")[0][1].startswith("off: health and metrics alone")
    at, certificate = said(TLS.replace("[webhooks]", "[web]"))
    assert at == ("ok", "at https://127.0.0.1:8025/")
    assert certificate[0] == "ok" and "is for example.org" in certificate[1]


def test_what_check_says_of_webhooks(check):
    assert check("") == [("ok", "taken at http://127.0.0.1:8025/webhooks/connective-health")]
    level, text = check('[web]\nconsole = false\nhost = "0.0.0.0"')[0]
    assert level == "warn" and "none are taken" in text
    at, certificate, anyone = check(TLS)
    assert at == ("ok", "taken at https://127.0.0.1:8443/webhooks/connective-health")
    assert certificate[0] == "ok" and "is for example.org" in certificate[1] and "(90 days)" in certificate[1]
    assert anyone[0] == "warn" and "neither secret nor allow" in anyone[1]
    assert check(TLS, days=5)[1][0] == "warn"
    (level, text), at, _ = check(TLS + 'secret = "file:secret"')
    assert level == "warn" and text.startswith("others may read")
    assert at[1].endswith("/SECRET")


def test_what_check_finds_wrong(check, tmp_path):
    assert check(TLS, days=-1)[-1][0] == "FAIL"
    ((level, text),) = check('[webhooks]\nsecret = "file:nowhere"')
    assert level == "FAIL" and "nowhere cannot be read" in text


def test_of_a_webhook_only_what_tells_nothing_of_a_person_is_shown():
    said = {
        "type": "patient.found",
        "correlationId": "c-1",
        "batchId": "Robin 1970",
        "timestamp": "2026-03-02T15:04:05Z",
        "data": {"mrn": "T1001", "Sample^Robin": [1970, None, True]},
        "Robin": "Sample",
    }
    row = WebhookSummary(1, 5.0, "p", "patient.found", 4.0, "c-1", 9, 0, None, "joined", (7,))
    shown = masked(said, row)
    assert (shown["type"], shown["correlationId"], shown["timestamp"]) == (
        "patient.found",
        "c-1",
        "2026-03-02T15:04:05Z",
    )
    assert shown["data"] == {"xxx": "X9999", "Xxxxxx^Xxxxx": ["9999", None, True]}
    for private in ("Robin", "Sample", "1970", "T1001"):
        assert private not in str(shown)
    unknown = WebhookSummary(1, 5.0, "p", "other", None, None, 9, 0, None, "unmatched")
    assert masked({"type": "Robin", "correlationId": "Sample", "timestamp": "1970"}, unknown) == {
        "type": "Xxxxx",
        "correlationId": "Xxxxxx",
        "timestamp": "9999",
    }
    assert masked("Robin", unknown) == "Xxxxx"
