"""Keys that are recognised but whose feature is not built yet. None may seem to work."""

from interface.settings.errors import Fault, SettingsError
from interface.settings.locate import Path
from interface.settings.model import Settings

AVAILABLE = ("sandbox", "staging", "production-test", "production")
"""Environments that `run` takes."""
LISTENER_KEYS = ("tls_certificate", "tls_key", "tls_client_ca")


def _in_use(settings: Settings, *, run: bool) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for number, listener in enumerate(settings.listeners):
        found += [
            (("listener", number, key), "") for key in LISTENER_KEYS if getattr(listener, key) is not None
        ]
    if run and settings.site.environment not in AVAILABLE:
        found.insert(0, (("site", "environment"), f' = "{settings.site.environment}"'))
    return found


def not_available(settings: Settings, *, run: bool = False) -> list[str]:
    """Name each key in use whose feature is not built yet: `[mappings] overlay`.

    Args:
        settings: the settings in use.
        run: also name an environment that is not built yet. Explaining is fine anywhere; sending is not.

    """
    return [settings.fault(path, "").where + added for path, added in _in_use(settings, run=run)]


def require_available(settings: Settings, *, run: bool = False) -> None:
    """Refuse settings that ask for what is not built yet.

    Raises:
        SettingsError: one line for each: `FILE:LINE: [mappings] overlay: not available yet`.

    """
    faults = []
    for path, added in _in_use(settings, run=run):
        fault = settings.fault(path, "not available yet")
        faults.append(Fault(fault.text, fault.where + added, fault.file, fault.line))
    if faults:
        raise SettingsError(faults)
