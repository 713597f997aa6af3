"""Keys whose feature is not built are named, not ignored."""

from pathlib import Path

import pytest

from interface.services.limits import limits_of
from interface.settings import SettingsError, not_available, parse_settings, require_available

FILE = Path("s.toml")

KEYS = [
    ('[[listener]]\ntls_certificate = "c.pem"', "[[listener]] tls_certificate"),
    ('[[listener]]\ntls_key = "k.pem"', "[[listener]] tls_key"),
]


@pytest.mark.parametrize(("text", "name"), KEYS)
def test_a_key_that_comes_later_is_named_and_refused_with_its_line(text: str, name: str) -> None:
    settings = parse_settings(text, FILE)
    assert not_available(settings) == [name]
    with pytest.raises(SettingsError) as caught:
        require_available(settings)
    assert str(caught.value) == f"s.toml:2: {name}: not available yet"


def test_nothing_is_refused_by_default() -> None:
    settings = parse_settings(
        '[filters]\ntake_locations = ["MAIN"]\n[api]\nbatch = 1\n[webhooks]\npath = "/hooks"', FILE
    )
    require_available(settings)


def test_version_2_with_panels_and_requests_without_a_date_is_available() -> None:
    text = '[api]\nversion = 2\nbatch = 2500\n[forward]\nwithout_date = "post"'
    settings = parse_settings(text, FILE)
    require_available(settings)
    assert (settings.policy().api_version, settings.policy().without_date) == (2, "post")


@pytest.mark.parametrize("environment", ["staging", "production-test", "production"])
@pytest.mark.parametrize("address", ["", '[api]\nbase_url = "http://127.0.0.1:8026"'])
def test_every_environment_is_open_and_may_be_rehearsed(environment: str, address: str) -> None:
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n{address}'
    require_available(parse_settings(text, FILE))


@pytest.mark.parametrize("version", [1, 2])
def test_the_production_test_is_slow_and_sends_one_patient_at_a_time_whatever_the_settings_say(
    version: int,
) -> None:
    many = "batch = 50\n" if version == 2 else ""
    text = (
        f'[site]\nenvironment = "production-test"\nmrn_root = "2.999.5"\n[api]\nversion = {version}\n{many}'
    )
    settings = parse_settings(f"{text}concurrency = 8\nrequests_per_second = 50", FILE)
    require_available(settings)
    found = limits_of(settings)
    assert (found.concurrency, found.requests_per_second, found.batch, found.awaited) == (1, 0.5, 1, False)
    live = limits_of(parse_settings(text.replace("production-test", "production"), FILE))
    assert (live.batch, live.awaited) == (50 if version == 2 else 1, True)
