"""Where messages of test patients go: the site's own listener, as this machine finds it."""

from pathlib import Path

import pytest

from interface.cli.common import UsageError
from interface.cli.onboarding_send_test_patients import _listener
from interface.settings import parse_settings

FILE = Path("s.toml")


def found(text: str, name: str | None = None) -> tuple[str, int]:
    place = _listener(parse_settings(text, FILE), name)
    return place.host, place.port


@pytest.mark.parametrize(
    ("host", "where"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")],
)
def test_a_listener_that_listens_everywhere_is_found_on_this_machine(host: str, where: str) -> None:
    assert found(f'[[listener]]\nhost = "{host}"\nport = 4000') == (where, 4000)


def test_the_first_listener_unless_one_is_named() -> None:
    text = '[[listener]]\nname = "adt"\nport = 4000\n[[listener]]\nname = "siu"\nport = 4001'
    assert (found(text)[1], found(text, "siu")[1]) == (4000, 4001)
    with pytest.raises(UsageError, match="no listener 'rde'; there are adt, siu"):
        found(text, "rde")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 0", "say where it is, --to HOST:PORT"),
        ('port = 4000\nhost = "0.0.0.0"\nallow = ["10.0.0.0/8"]', "does not allow 127.0.0.1"),
    ],
)
def test_what_cannot_be_reached_is_said_before_anything_is_sent(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        found(f"[[listener]]\n{text}")
