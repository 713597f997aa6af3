"""What of a settings file that has changed SIGHUP does not take: it counts from the next start on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from interface.settings.model import Settings, where
from interface.settings.sections import Section

_WHOLE = ("mappings", "request", "filters", "log", "alerts")
"""Sections that are taken whole."""
_TAKEN = {
    "listener": ("allow", "tls_certificate", "tls_key", "tls_client_ca", "tls_client_names", "tls_crl"),
    "api": ("key",),
    "forward": ("send_days_before",),
    "web": ("tls_certificate", "tls_key"),
    "webhooks": ("path", "tls_certificate", "tls_key", "secret", "allow", "proxies", "per_minute"),
}
"""Of the others, what is."""


_BEARINGS: dict[str, Callable[[Settings], str]] = {
    "[store] url": lambda settings: settings.store.url,
    "[site] environment": lambda settings: settings.site.environment,
    "where [api] sends": lambda settings: settings.post_url,
}
"""What the door and the work must have in common, whichever of them was started anew."""


def bearings(settings: Settings) -> str:
    """Where a daemon is at work, for a command line: it tells nothing of what the settings say."""
    return ",".join(sha256(value(settings).encode()).hexdigest()[:12] for value in _BEARINGS.values())


def moved(settings: Settings, began: str) -> list[str]:
    """What of it is another than `bearings` said when the daemon was started, as an operator names it."""
    pairs = zip(_BEARINGS, began.split(","), bearings(settings).split(","), strict=False)
    return [name for name, before, now in pairs if before != now]


def needs_restart(running: Settings, wanted: Settings) -> list[str]:
    """The keys that have changed in vain, as an operator names them: `[[listener]] port`, `[site] name`; without those that
    are taken.
    """
    found = list(_listeners(running, wanted))
    for name in Settings.model_fields:
        before, now = getattr(running, name), getattr(wanted, name)
        if name not in _WHOLE and isinstance(before, Section):
            found += _changed(name, before, now)
    if wanted.api.version > 1 and running.request.batch_id != wanted.request.batch_id:
        found.append(where(("request", "batch_id")))  # it is of the panel, not of a patient's request
    return list(dict.fromkeys(found))


def _listeners(running: Settings, wanted: Settings) -> Iterator[str]:
    before = {section.name: section for section in running.listeners}
    now = {section.name: section for section in wanted.listeners}
    for name, section in now.items():
        if name in before:
            yield from _changed("listener", before[name], section)
    for name in before.keys() ^ now.keys():
        yield f'[[listener]] "{name}"'


def _changed(section: str, before: Section, now: Section) -> Iterator[str]:
    taken = _TAKEN.get(section, ())
    for key in type(before).model_fields:
        if key not in taken and getattr(before, key) != getattr(now, key):
            yield where((section,)) if key == "types" else where((section, key))
    if getattr(before, "has_tls", False) != getattr(now, "has_tls", False):
        yield where((section, "tls_certificate"))
