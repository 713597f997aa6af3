"""Where the at-rest key comes from."""

import base64
import stat

import pytest

from interface.store.crypto import Master
from interface.store.errors import KeyringError
from interface.store.keys import DEFAULT_KEY_FILE, load_or_create

MASTER = bytes(range(0xA0, 0xC0))
ID = Master(MASTER).id


def silent(line):
    raise AssertionError(f"nothing was to be said: {line}")


def test_the_first_start_makes_a_key_of_ours_alone_and_says_so(tmp_path):
    said = []
    keyring = load_or_create(None, tmp_path, said.append)
    path = tmp_path / DEFAULT_KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(said) == 1
    assert str(path) in said[0]
    assert path.read_text().strip() not in said[0]
    assert load_or_create(None, tmp_path, silent).id == keyring.id
    assert keyring.source == str(path)


def test_no_key_is_made_when_none_may_be(tmp_path):
    with pytest.raises(KeyringError, match="missing"):
        load_or_create(None, tmp_path, silent, create=False)
    assert not (tmp_path / DEFAULT_KEY_FILE).exists()


def test_a_key_that_cannot_be_made_is_one_line(tmp_path):
    with pytest.raises(KeyringError, match="cannot be made") as caught:
        load_or_create(None, tmp_path / "missing", silent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [MASTER.hex(), MASTER.hex().upper() + "\n", base64.b64encode(MASTER).decode() + "\r\n"]
)
def test_a_key_is_hexadecimal_or_base64(tmp_path, monkeypatch, text):
    monkeypatch.setenv("STORE_KEY", text)
    assert load_or_create("env:STORE_KEY", tmp_path, silent).id == ID
    (tmp_path / "k").write_text(text)
    (tmp_path / "k").chmod(0o600)
    assert load_or_create("file:k", tmp_path, silent).id == ID
    assert load_or_create(f"file:{tmp_path}/k", tmp_path / "elsewhere", silent).id == ID
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_or_create("credential:k", tmp_path, silent).id == ID


@pytest.mark.parametrize(
    "text", ["", "abc", MASTER.hex()[:-2], "z" * 64, base64.b64encode(b"x" * 31).decode(), "ключ"]
)
def test_what_is_no_key_is_refused_without_repeating_it(tmp_path, text):
    (tmp_path / "k").write_text(text)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(KeyringError) as caught:
        load_or_create("file:k", tmp_path, silent)
    assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize("spec", ["", MASTER.hex(), "env:", "vault:key", "env"])
def test_a_setting_that_names_no_source_is_refused_without_repeating_it(tmp_path, spec):
    with pytest.raises(KeyringError, match="env:NAME, file:PATH or credential:NAME") as caught:
        load_or_create(spec, tmp_path, silent)
    assert len(spec) < 10 or spec not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ("env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE"),
        ("file:nowhere", "cannot be read"),
        ("credential:k", "LoadCredential"),
    ],
)
def test_a_source_that_is_not_there_is_one_line(tmp_path, monkeypatch, spec, what):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(KeyringError, match=what) as caught:
        load_or_create(spec, tmp_path, silent)
    assert "\n" not in str(caught.value)


def test_a_key_that_everybody_may_read_is_said(tmp_path):
    (tmp_path / "k").write_text(MASTER.hex())
    (tmp_path / "k").chmod(0o644)
    said = []
    load_or_create("file:k", tmp_path, said.append)
    assert len(said) == 1
    assert "chmod 600" in said[0]
