"""The settings file (TOML) as validated, frozen objects: what an operator writes, checked line by line."""

from interface.settings.errors import Fault, SettingsError
from interface.settings.load import load_settings, parse_settings
from interface.settings.model import Settings
from interface.settings.secrets import resolve_secret
from interface.settings.sections import (
    Api,
    Filters,
    Forward,
    Listener,
    Mappings,
    Request,
    Site,
    StoreSection,
    Web,
    Webhooks,
)

__all__ = [
    "Api",
    "Fault",
    "Filters",
    "Forward",
    "Listener",
    "Mappings",
    "Request",
    "Settings",
    "SettingsError",
    "Site",
    "StoreSection",
    "Web",
    "Webhooks",
    "load_settings",
    "parse_settings",
    "resolve_secret",
]
