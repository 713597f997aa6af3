"""How much goes out at once and how fast, in staging never more than little; where webhooks are awaited."""

from pathlib import Path

import pytest

from interface.services.limits import STAGING_CONCURRENCY, STAGING_PER_MINUTE, limits_of
from interface.settings import parse_settings


def limits(environment: str, api: str = ""):  # type: ignore[no-untyped-def]
    text = f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\n[api]\n{api}'
    return limits_of(parse_settings(text, Path("s.toml")))


@pytest.mark.parametrize(
    "api", ["", "concurrency = 512\nrequests_per_second = 10000", "batch = 2500\nversion = 2"]
)
def test_staging_is_slow_whatever_the_settings_say(api: str) -> None:
    found = limits("staging", api)
    assert (found.concurrency, found.requests_per_second) == (STAGING_CONCURRENCY, STAGING_PER_MINUTE / 60)


def test_staging_may_be_slower_still() -> None:
    found = limits("staging", "concurrency = 1\nrequests_per_second = 0.1")
    assert (found.concurrency, found.requests_per_second) == (1, 0.1)


def test_elsewhere_the_settings_decide() -> None:
    assert limits("production").requests_per_second is None
    assert limits("production", "concurrency = 7").concurrency == 7


@pytest.mark.parametrize(
    ("text", "awaited"),
    [
        ("", True),
        ('[site]\nenvironment = "production"\nmrn_root = "2.999.7"', True),
        ('[site]\nenvironment = "production-test"\nmrn_root = "2.999.7"', False),  # only validates
        ('[web]\nconsole = false\nhost = "0.0.0.0"', False),  # nobody would take them
    ],
)
def test_webhooks_are_awaited_where_they_can_come(text: str, awaited: bool) -> None:
    assert limits_of(parse_settings(text, Path("s.toml"))).awaited == awaited
