"""What a settings file means: defaults, addresses, paths, what cannot be changed."""

import ipaddress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from interface.settings import Settings, SettingsError, load_settings, parse_settings

STAGING = "https://processing-request-staging.connectivehealth.io"
PRODUCTION = "https://processing-request-production.connectivehealth.io"
FILE = Path("/etc/site/settings.toml")


def settings(text: str) -> Settings:
    return parse_settings(text, FILE)


def test_an_empty_file_is_all_defaults() -> None:
    made = settings("")
    listener = made.listeners[0]
    assert (listener.name, listener.host, listener.port) == ("main", "127.0.0.1", 2575)
    assert listener.max_message_bytes == 32 * 1024 * 1024
    assert (listener.frame_seconds, listener.max_connections) == (30, 256)
    assert (listener.ack, listener.not_stored, listener.codec, listener.zone) == ("auto", "close", None, None)
    assert (made.api.timeout_seconds, made.api.concurrency, made.api.version) == (30, 32, 1)
    assert (made.web.host, made.web.port) == ("127.0.0.1", 8025)
    assert (made.site.environment, made.site.mrn_root, made.site.zone) == ("sandbox", "2.999.1.1", None)
    assert made.base_url == "http://127.0.0.1:8026"
    assert made.forward.supersede and made.forward.unchanged == "skip" and made.forward.decisions == {}
    assert made.mappings.visit_diagnosis_days == 730
    assert made.webhooks.path == "/webhooks/connective-health"


def test_nothing_can_be_changed() -> None:
    made = settings("")
    with pytest.raises(ValidationError):
        made.site.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        made.site = made.site  # type: ignore[misc]


def test_listeners_without_a_network_take_loopback_only() -> None:
    networks = settings("").listeners[0].networks
    assert any(ipaddress.ip_address("127.0.0.9") in network for network in networks)
    assert any(ipaddress.ip_address("::1") in network for network in networks)
    assert not any(ipaddress.ip_address("10.0.0.1") in network for network in networks)


def test_networks_and_single_addresses_are_taken() -> None:
    listener = settings('[[listener]]\nallow = ["10.20.0.0/16", "192.168.1.7", "fd00::/8"]').listeners[0]
    assert listener.allow == ("10.20.0.0/16", "192.168.1.7/32", "fd00::/8")


def test_listeners_may_share_a_port_on_different_addresses_and_any_free_port() -> None:
    text = '[[listener]]\nname = "{}"\nhost = "{}"\nport = {}\n'
    two = text.format("a", "127.0.0.1", 2575) + text.format("b", "127.0.0.2", 2575)
    any_port = text.format("a", "127.0.0.1", 0) + text.format("b", "127.0.0.1", 0)
    assert len(settings(two).listeners) == len(settings(any_port).listeners) == 2


def test_a_listeners_own_zone_and_character_set() -> None:
    listener = settings('[[listener]]\ntimezone = "America/Denver"\ncharset = "8859/1"').listeners[0]
    assert listener.zone == ZoneInfo("America/Denver")
    assert listener.codec == "iso8859-1"


def test_message_types_of_forward() -> None:
    made = settings('[forward]\n"ADT^A28" = "chart"\nunchanged = "send"\n"ORM^O01" = "ignore"')
    assert made.forward.decisions == {"ADT^A28": "chart", "ORM^O01": "ignore"}
    assert made.forward.unchanged == "send"


@pytest.mark.parametrize(
    ("environment", "version", "url"),
    [
        ("sandbox", 1, "http://127.0.0.1:8026/v1/scheduled-appointment"),
        ("staging", 1, f"{STAGING}/v1/scheduled-appointment"),
        ("production-test", 1, f"{PRODUCTION}/v1/scheduled-appointment/test"),
        ("production", 1, f"{PRODUCTION}/v1/scheduled-appointment"),
        ("production-test", 2, f"{PRODUCTION}/v2/patient-data/validate"),
        ("production", 2, f"{PRODUCTION}/v2/patient-data/process"),
    ],
)
def test_the_environment_decides_where_requests_go(environment: str, version: int, url: str) -> None:
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n[api]\nversion = {version}'
    assert settings(text).post_url == url


@pytest.mark.parametrize("environment", ["sandbox", "staging", "production-test", "production"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "https://localhost:9000/", "http://[::1]:9000"])
def test_loopback_is_taken_in_every_environment(environment: str, url: str) -> None:
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n[api]\nbase_url = "{url}"'
    assert settings(text).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("sandbox", STAGING),
        ("sandbox", PRODUCTION),
        ("sandbox", "https://other.connectivehealth.io"),
        ("staging", PRODUCTION),
        ("staging", PRODUCTION + ":443"),
        ("staging", PRODUCTION.upper().replace("HTTPS", "https")),
        ("production", STAGING),
        ("production-test", STAGING),
        ("production", STAGING + ":8443"),
    ],
)
def test_an_address_of_another_kind_than_the_environment_is_refused(environment: str, url: str) -> None:
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n[api]\nbase_url = "{url}"'
    with pytest.raises(SettingsError, match=r"settings\.toml:5: \[api\] base_url"):
        settings(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example#.connectivehealth.io",
        "https://evil.example?.connectivehealth.io",
        "https://evil.example/.connectivehealth.io",
        "https://evil.example\\\\.connectivehealth.io",
        "https://x.connectivehealth.io@evil.example",
        "https://evil.example:443#x.connectivehealth.io",
        "https://user:pass@x.connectivehealth.io",
        "https://x.connectivehealth.io.evil.example",
        "https://xconnectivehealth.io",
        "https://connectivehealth.io.",
        "https://x..connectivehealth.io",
        "https://x.connectivehealth.io:0",
        "https://x.connectivehealth.io:port",
        "https://x.connectivehealth.io/path",
        "https://x y.connectivehealth.io",
        "https://x.connectivehealth.io\\t",
        "http://x.connectivehealth.io",
        "ftp://127.0.0.1",
        "http://0.0.0.0:8026",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "127.0.0.1:8026",
        "http://[::1",
        "",
    ],
)
def test_no_other_address_is_taken(url: str) -> None:
    text = f'[site]\nenvironment = "production"\nmrn_root = "2.999.5"\n[api]\nbase_url = "{url}"'
    with pytest.raises(SettingsError, match=r"\[api\] base_url: must be http://127"):
        settings(text)


def test_a_host_of_the_vendor_is_taken() -> None:
    text = '[site]\nenvironment = "staging"\nmrn_root = "2.999.5"\n[api]\nbase_url = "https://new.connectivehealth.io"'
    assert settings(text).base_url == "https://new.connectivehealth.io"


def test_relative_paths_are_relative_to_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "s.toml").write_text('[store]\nurl = "sqlite:///var/i.db"\n')
    monkeypatch.chdir(tmp_path)
    made = load_settings(Path("site/s.toml"))
    assert made.directory == tmp_path / "site"
    assert made.store_path == tmp_path / "site" / "var" / "i.db"
    assert made.store_url == f"sqlite:///{tmp_path}/site/var/i.db"
    assert made.resolve("/abs") == Path("/abs")


def test_an_absolute_store_path_stays() -> None:
    assert settings('[store]\nurl = "sqlite:////var/lib/i.db"').store_url == "sqlite:////var/lib/i.db"


def test_the_password_of_the_database_is_kept_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "p&ss wörd/")
    text = '[store]\nurl = "postgresql+psycopg://u@h/d?sslmode=require"\npassword = "env:DATABASE_PASSWORD"'
    with pytest.raises(SettingsError, match=r"\[store\] password: .* one line of plain ASCII"):
        settings(text).store_url  # noqa: B018
    monkeypatch.setenv("DATABASE_PASSWORD", "p&ss/+word")
    assert settings(text).store_url == "postgresql+psycopg://u@h/d?sslmode=require&password=p%26ss%2F%2Bword"
    monkeypatch.delenv("DATABASE_PASSWORD")
    with pytest.raises(SettingsError, match=r"s.toml:3: \[store\] password: .*DATABASE_PASSWORD is not set"):
        settings(text).store_url  # noqa: B018


def test_a_database_server_has_no_store_path() -> None:
    made = settings('[store]\nurl = "postgresql+psycopg://u@h/d"')
    assert made.store_path is None
    assert made.store_url == "postgresql+psycopg://u@h/d"


def test_the_api_key_comes_from_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_KEY", "k-1")
    assert settings('[api]\nkey = "env:SITE_KEY"').api_key() == "k-1"
    assert settings("").api_key() == "sandbox"


def test_a_missing_key_variable_is_said_with_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SITE_KEY", raising=False)
    made = settings('\n[api]\nkey = "env:SITE_KEY"')
    with pytest.raises(SettingsError) as caught:
        made.api_key()
    assert str(caught.value).startswith(
        "/etc/site/settings.toml:3: [api] key: the environment variable SITE_KEY is not set; set it (export SITE"
    )


def test_only_the_sandbox_has_a_key_of_its_own() -> None:
    made = settings('[site]\nenvironment = "staging"\nmrn_root = "2.999.5"')
    with pytest.raises(SettingsError, match=r"\[api\] key: missing; set key"):
        made.api_key()


def test_no_secret_is_in_the_settings_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_KEY", "SECRET")
    made = settings('[api]\nkey = "env:SITE_KEY"')
    made.api_key()
    assert "SECRET" not in repr(made) + str(made.model_dump())


@pytest.mark.parametrize(
    ("text", "door", "taken"),
    [
        ("", None, True),
        ('[webhooks]\npath = "/hooks"', None, True),
        ("[webhooks]\nport = 8027", ("127.0.0.1", 8027), True),
        ('[webhooks]\ntls_certificate = "c"\ntls_key = "k"', ("127.0.0.1", 8443), True),
        ('[webhooks]\nhost = "::"\ntls_certificate = "c"\ntls_key = "k"', ("::", 8443), True),
        ('[webhooks]\nhost = "0.0.0.0"\nport = 80\nproxies = ["10.0.0.1"]', ("0.0.0.0", 80), True),
        ('[web]\nconsole = false\nhost = "0.0.0.0"\n[webhooks]\nproxies = ["10.0.0.1"]', None, True),
        ('[web]\nconsole = false\nhost = "0.0.0.0"\n[webhooks]\nport = 8027', ("127.0.0.1", 8027), True),
        # nobody asked for webhooks: the metrics may be open to others all the same
        ('[web]\nconsole = false\nhost = "0.0.0.0"', None, False),
        ('[web]\nhost = "0.0.0.0"\ntls_certificate = "c"\ntls_key = "k"', None, True),
    ],
)
def test_where_webhooks_come_in(text: str, door: tuple[str, int] | None, taken: bool) -> None:
    settings = parse_settings(text, Path("s.toml"))
    assert (settings.webhooks_door, settings.takes_webhooks) == (door, taken)


@pytest.mark.parametrize("secret", ["short", "with/a/slash-and-more", "ünïcödé-is-no-part-of-it"])
def test_a_secret_that_is_no_part_of_a_url_is_refused_without_being_told(tmp_path: Path, secret: str) -> None:
    (tmp_path / "secret").write_text(secret)
    settings = parse_settings('[webhooks]\nsecret = "file:secret"', tmp_path / "s.toml")
    with pytest.raises(SettingsError) as caught:
        settings.webhook_secret()
    assert "s.toml:2: [webhooks] secret: " in str(caught.value)
    assert secret not in str(caught.value)


def test_the_log_is_text_at_info_with_a_line_for_each_message_by_default() -> None:
    log = settings("").log
    assert (log.format, log.level, log.messages, log.control_id) == ("text", "info", True, True)
    log = settings('[log]\nformat = "json"\nlevel = "warning"\nmessages = false\ncontrol_id = false').log
    assert (log.format, log.level, log.messages, log.control_id) == ("json", "warning", False, False)
