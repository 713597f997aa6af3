"""References to secrets: `env:NAME`, `file:PATH`, `credential:NAME`; settings never hold the secret."""

import os
import re
from pathlib import Path

from interface.paths import at_home
from interface.settings.errors import SettingsError

FORMS = "env:NAME, file:PATH or credential:NAME"
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")
MAX_SECRET_BYTES = 64 * 1024


def check_reference(spec: str, what: str = "key") -> str:
    """Return `spec` when it is a well-formed reference to a secret that is called `what`.

    Raises:
        ValueError: it is not; the text does not repeat `spec`, which may well be the secret itself.

    """
    kind, _, name = spec.partition(":")
    well_formed = {
        "env": bool(_ENVIRONMENT_NAME.fullmatch(name)),
        "file": bool(name.strip()) and name.isprintable(),
        "credential": bool(_CREDENTIAL_NAME.fullmatch(name)),
    }
    if not well_formed.get(kind, False):
        raise ValueError(f"must say where the {what} is kept ({FORMS}), never the {what} itself")
    return spec


def resolve_secret(spec: str, settings_dir: Path, what: str = "key") -> str:
    """Read the secret that `spec` refers to, without the line end after it.

    Args:
        spec: `env:NAME`, `file:PATH` (relative to `settings_dir`) or `credential:NAME` (of systemd:
            a file in `$CREDENTIALS_DIRECTORY`).
        settings_dir: the folder of the settings file.

    Raises:
        SettingsError: nothing is there, it is empty, or it is not one line; the text says how to provide it
            and holds nothing of the secret.

    """
    try:
        check_reference(spec, what)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    kind, _, name = spec.partition(":")
    if kind == "env":
        return _one_line(_from_environment(name), f"the environment variable {name}")
    if kind == "file":
        path = settings_dir / at_home(name)
        return _one_line(_from_file(path, f"the key file {path}"), f"the key file {path}")
    return _one_line(_from_credential(name), f"the systemd credential {name}")


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SettingsError(
            f"the environment variable {name} is not set; set it (export {name}=…, or EnvironmentFile= "
            f"in the systemd unit), or name another place by file:PATH or credential:NAME"
        )
    return value


def _from_credential(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise SettingsError(
            f"the systemd credential {name} is not there: $CREDENTIALS_DIRECTORY is not set; start by "
            f"systemd with LoadCredential={name}:PATH, or name another place by env:NAME or file:PATH"
        )
    path = Path(folder) / name
    return _from_file(path, f"the systemd credential {name}")


def _from_file(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"{what} cannot be read: {error.strerror}; make it, readable for this user only"
        ) from None
    if len(content) > MAX_SECRET_BYTES:
        raise SettingsError(f"{what} is no key: longer than {MAX_SECRET_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{what} is no key: not text") from None


def _one_line(value: str, what: str) -> str:
    secret = value.strip()
    if not secret:
        raise SettingsError(f"{what} is empty; put the key into it")
    if not (secret.isascii() and secret.isprintable()):
        raise SettingsError(f"{what} is no key: it must be one line of plain ASCII text")
    return secret
