"""Keys that are recognised but whose feature is not built yet. None may seem to work."""

from interface.settings.errors import SettingsError
from interface.settings.locate import Path
from interface.settings.model import Settings

LISTENER_KEYS = ("tls_certificate", "tls_key", "tls_client_ca")


def _in_use(settings: Settings) -> list[Path]:
    return [
        ("listener", number, key)
        for number, listener in enumerate(settings.listeners)
        for key in LISTENER_KEYS
        if getattr(listener, key) is not None
    ]


def not_available(settings: Settings) -> list[str]:
    """Name each key in use whose feature is not built yet: `[[listener]] tls_key`."""
    return [settings.fault(path, "").where for path in _in_use(settings)]


def require_available(settings: Settings) -> None:
    """Refuse settings that ask for what is not built yet.

    Raises:
        SettingsError: one line for each: `FILE:LINE: [[listener]] tls_key: not available yet`.

    """
    faults = [settings.fault(path, "not available yet") for path in _in_use(settings)]
    if faults:
        raise SettingsError(faults)
