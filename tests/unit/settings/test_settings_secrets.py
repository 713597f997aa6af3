"""References to secrets are read where they point, and nothing of a secret is ever told."""

from pathlib import Path

import pytest

from interface.settings import SettingsError, resolve_secret


def refused(spec: str, folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve_secret(spec, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "k\n")
    assert resolve_secret("env:A_KEY", tmp_path) == "k"


def test_a_file_relative_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfk-1\r\n")
    assert resolve_secret("file:key", tmp_path) == "k-1"
    assert resolve_secret(f"file:{tmp_path}/key", Path("/")) == "k-1"


def test_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "api").write_text("k-2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert resolve_secret("credential:api", Path("/")) == "k-2"


def test_what_is_not_there_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert "environment variable A_KEY is not set; set it (export A_KEY=" in refused("env:A_KEY", tmp_path)
    assert "cannot be read: No such file or directory; make it" in refused("file:nothing", tmp_path)
    assert "$CREDENTIALS_DIRECTORY is not set; start by systemd with LoadCredential=api:PATH" in refused(
        "credential:api", tmp_path
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "the systemd credential api cannot be read" in refused("credential:api", tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"SECRET\nSECRET", b"SEC\xffRET", b"SEC\x00RET", b"SECRET" * 20000]
)
def test_what_is_no_key_is_refused_and_not_repeated(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    assert "SECRET" not in refused("file:key", tmp_path)


def test_a_bare_value_is_refused_and_not_repeated(tmp_path: Path) -> None:
    assert "SECRET" not in refused("SECRET", tmp_path)
    assert "SECRET" not in refused("credential:../SECRET", tmp_path)
