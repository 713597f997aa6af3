"""For what is taken in where webhooks are awaited."""

from pathlib import Path

import pytest

from interface.services.limits import limits_of
from interface.settings import parse_settings


@pytest.mark.parametrize(
    ("text", "awaited"),
    [
        ("", True),
        ('[site]\nenvironment = "production"\nmrn_root = "2.999.7"', True),
        ('[site]\nenvironment = "production-test"\nmrn_root = "2.999.7"', False),  # only validates
        ('[web]\nhost = "0.0.0.0"', False),  # nobody would take them
    ],
)
def test_webhooks_are_awaited_where_they_can_come(text: str, awaited: bool) -> None:
    assert limits_of(parse_settings(text, Path("s.toml"))).awaited == awaited
