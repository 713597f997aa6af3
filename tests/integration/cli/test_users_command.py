"""`users` on a real store: who may sign in, and how their passwords come in."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from interface.cli.main import main
from interface.services.passwords import is_right
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import Store, open_store

PASSWORD = "four words of some length"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text("[site]\nname = 'Lakeside'\n")
    opened(path, create=True).close()
    return path


def opened(path: Path, *, create: bool = False) -> Store:
    settings = load_settings(path)
    master = load_or_create(settings.store.key, settings.directory, lambda _: None, create=create)
    return open_store(settings.store_url, master, create=create)


@pytest.fixture
def users(site: Path, monkeypatch: pytest.MonkeyPatch):
    def run(*words: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main(["users", "-c", str(site), *words])

    return run


def test_a_user_is_made_with_a_password_that_is_hashed(site: Path, users) -> None:
    assert users("add", "mary", "--role", "analyst", "--password-stdin", typed=PASSWORD + "\n") == 0
    with opened(site) as store:
        (mary,) = store.users.all()
    assert (mary.name, mary.role, mary.disabled) == ("mary", "analyst", False)
    assert is_right(PASSWORD, mary.password)
    assert PASSWORD not in mary.password
    assert b"four words" not in (site.parent / "var/interface.db").read_bytes()


def test_the_list_has_no_secrets(users, capsys: pytest.CaptureFixture[str]) -> None:
    users("add", "mary", "--password-stdin", typed=PASSWORD + "\n")
    users("disable", "mary")
    capsys.readouterr()
    assert users("--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["users"]
    assert (told["name"], told["role"], told["disabled"]) == ("mary", "viewer", True)
    assert set(told) == {"name", "role", "disabled", "created_at", "password_at"}
    assert users() == 0
    assert "mary  viewer  disabled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("short\n", "12 characters at least"),
        ("", "12 characters at least"),
        ("aaaaaaaaaaaaaaaa\n", "too easy to guess"),
        ("x" * 300 + "\n", "256 characters at most"),
    ],
)
def test_a_bad_password_is_said_and_nobody_is_made(
    users, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    assert users("add", "mary", "--password-stdin", typed=typed) == 1
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.count("\n") == 1
    assert users("remove", "mary") == 1


def test_without_a_terminal_a_password_is_not_waited_for(users, capsys: pytest.CaptureFixture[str]) -> None:
    assert users("add", "mary", typed=PASSWORD) == 2
    assert "--password-stdin" in capsys.readouterr().err


def test_on_a_terminal_it_is_asked_for_twice(
    site: Path, users, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([PASSWORD, PASSWORD + "!", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("io.StringIO", Terminal)
    assert users("add", "mary") == 1
    assert "the two passwords differ" in capsys.readouterr().err
    assert users("add", "mary") == 0


def test_a_new_password_counts_and_the_old_one_does_not(site: Path, users) -> None:
    users("add", "mary", "--password-stdin", typed=PASSWORD + "\n")
    assert users("passwd", "mary", "--password-stdin", typed="another sentence\n") == 0
    with opened(site) as store:
        stored = store.users.get("mary").password
    assert is_right("another sentence", stored)
    assert not is_right(PASSWORD, stored)


def test_roles_and_states_change(site: Path, users) -> None:
    users("add", "mary", "--password-stdin", typed=PASSWORD + "\n")
    assert [
        users(*words) for words in (("role", "mary", "admin"), ("disable", "mary"), ("enable", "mary"))
    ] == [
        0,
        0,
        0,
    ]
    with opened(site) as store:
        assert [(user.role, user.disabled) for user in store.users.all()] == [("admin", False)]
    assert users("remove", "mary") == 0
    with opened(site) as store:
        assert store.users.all() == []


@pytest.mark.parametrize("words", [("passwd", "nobody"), ("disable", "nobody"), ("role", "nobody", "admin")])
def test_who_is_not_there_is_said(users, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert users(*words, typed=PASSWORD + "\n") == 1
    assert capsys.readouterr().err == (
        "hl7-interface: there is no user nobody; `hl7-interface users` lists them\n"
    )


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 65, "a\x1b[2J"])
def test_a_name_that_is_none_is_refused(users, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert users("disable", "--", name) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_of_nobody_it_takes_as_long_to_say_no() -> None:
    assert not is_right(PASSWORD, None)
    assert not is_right("nobody has this password", None)
    assert not is_right(PASSWORD, "damaged")
