"""`check`: whether alerts reach somebody, and which feeds could be watched for silence."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from interface.alerting.proposing import HOUR, WEEKS, HourSeen, Proposal, proposals
from interface.cli.findings import Found
from interface.errors import InterfaceError
from interface.settings import Settings

if TYPE_CHECKING:
    from interface.store.store import Store

MOST_PROPOSED = 20


def check_alerts(settings: Settings) -> Found:
    """The channels can be used; feeds are watched, or which could be."""
    yield from _channels(settings)
    yield from _feeds(settings)


def _channels(settings: Settings) -> Found:
    from interface.services.alert_channels import channels_of

    given, mail = settings.alerts, settings.alerts.smtp
    channels_of(settings)  # the secrets are there
    for reference in (given.webhook_secret, mail.password):
        if reference is not None and reference.startswith("file:"):
            path = settings.resolve(reference.partition(":")[2])
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                yield "warn", f"others may read {path}: chmod 600 {path}"
    for key, file in (("webhook_ca", given.webhook_ca), ("ca of [alerts.smtp]", mail.ca)):
        if file is not None:
            _authority(key, settings, file)
    if given.webhook is not None:
        yield from _webhook(given.webhook)
    if mail.host is not None:
        _resolve(mail.host)
        yield "ok", f"mail to {', '.join(mail.to)} by {mail.host}:{mail.at_port} ({mail.tls})"
    if given.command:
        yield "ok", f"command {_program(settings, given.command[0])}"
    if not given.channels:
        yield "warn", "[alerts] names no channel: alerts stand in the log alone"
    else:
        yield "ok", "`hl7-interface alerts test` tells a test by every channel"


def _webhook(url: str) -> Found:
    from urllib.parse import urlsplit

    from interface.settings.checks import is_loopback

    host = urlsplit(url).hostname or ""
    _resolve(host)
    yield "ok", f"webhook at {host}"
    if not url.startswith("https:") and not is_loopback(host):
        yield "warn", f"webhook: what goes to {host}, the secret too, can be read on the way: use https"


def _resolve(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        raise InterfaceError(f"{host} cannot be found: is the name right, does DNS answer?") from None


def _authority(key: str, settings: Settings, file: str) -> None:
    from interface.services.certificates import read_certificates

    try:
        read_certificates(settings.resolve(file))
    except InterfaceError as error:
        raise InterfaceError(f"{key}: {error}") from None


def _program(settings: Settings, word: str) -> str:
    """The program of the command. Raises InterfaceError: it is not there, or may not be run."""
    if "/" not in word:
        found = shutil.which(word)
        if found is None:
            raise InterfaceError(f"command: there is no program {word} in PATH")
        return found
    path = settings.resolve(word)
    if not path.is_file():
        raise InterfaceError(f"command: there is no file {path}")
    if not os.access(path, os.X_OK):
        raise InterfaceError(f"command: {path} may not be run: chmod +x {path}")
    return str(path)


# ------------------------------------------------------------------------------------------ feeds


def _feeds(settings: Settings) -> Found:
    watched = {feed.name for feed in settings.alerts.feed}
    if watched:
        yield "ok", f"watched for silence: {', '.join(sorted(watched))}"
    found = [one for one in proposed(settings) if one.name not in watched]
    if not found:
        if not watched:
            yield "warn", "no feed is watched for silence ([[alerts.feed]], docs/alerts.md)"
        return
    said = (
        f"by the last {WEEKS} weeks could be watched for silence; read it, then paste it into the settings:"
    )
    yield "ok" if watched else "warn", "\n\n".join((said, *(one.toml() for one in found[:MOST_PROPOSED]), ""))


def proposed(settings: Settings) -> list[Proposal]:
    """What could be watched, by what is in the store; nothing where there is none, and nothing of a listener that the
    settings have no more, or of history that was loaded: pasted, it would be a fault of the settings.
    """
    from interface.cli.stored import open_store_of
    from interface.store.store import store_exists

    if not store_exists(settings.store_url):
        return []
    with open_store_of(settings) as store:
        found = proposals(list(_hours(store, time.time())), settings.site.zone)
    names = {listener.name for listener in settings.listeners}
    return [one for one in found if one.listener in names]


def _hours(store: Store, now: float) -> Iterator[HourSeen]:
    """The hours of the last weeks that are over: of each the first messages are looked at."""
    last = int(now // HOUR)
    begins = [hour * float(HOUR) for hour in range(last - WEEKS * 7 * 24, last + 1)]
    ids = store.overview.first_ids("messages", begins)
    for at, first, end in zip(begins, ids, ids[1:], strict=False):
        yield HourSeen(at, store.alert_facts.senders(first, end) if first < end else {})
