"""What every environment and version of the API may be set to."""

from pathlib import Path

import pytest

from interface.services.limits import limits_of
from interface.settings import parse_settings

FILE = Path("s.toml")


def test_version_2_with_panels_and_requests_without_a_date_is_available() -> None:
    text = '[api]\nversion = 2\nbatch = 2500\n[forward]\nwithout_date = "post"'
    settings = parse_settings(text, FILE)
    assert (settings.policy().api_version, settings.policy().without_date) == (2, "post")


@pytest.mark.parametrize("environment", ["staging", "production-test", "production"])
@pytest.mark.parametrize("address", ["", '[api]\nbase_url = "http://127.0.0.1:8026"'])
def test_every_environment_is_open_and_may_be_rehearsed(environment: str, address: str) -> None:
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n{address}'
    assert parse_settings(text, FILE).site.environment == environment


@pytest.mark.parametrize("version", [1, 2])
def test_the_production_test_is_slow_and_sends_one_patient_at_a_time_whatever_the_settings_say(
    version: int,
) -> None:
    many = "batch = 50\n" if version == 2 else ""
    text = (
        f'[site]\nenvironment = "production-test"\nmrn_root = "2.999.5"\n[api]\nversion = {version}\n{many}'
    )
    settings = parse_settings(f"{text}concurrency = 8\nrequests_per_second = 50", FILE)
    found = limits_of(settings)
    assert (found.concurrency, found.requests_per_second, found.batch, found.awaited) == (1, 0.5, 1, False)
    live = limits_of(parse_settings(text.replace("production-test", "production"), FILE))
    assert (live.batch, live.awaited) == (50 if version == 2 else 1, True)
