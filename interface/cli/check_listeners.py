"""What `check` looks at of each listener: its TLS, whose certificates it takes, and who can listen in without."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from interface.cli.findings import Found, Level
from interface.settings import Listener, Settings
from interface.settings.checks import is_loopback

if TYPE_CHECKING:
    from interface.services.certificates import Pair

CERTIFICATE_DAYS = 21
"""A certificate that ends sooner is said."""


def check_listeners(settings: Settings) -> Found:
    """Each listener's certificate and key are a pair that is good today, the senders' authorities can be read."""
    from interface.services.certificates import CertificateError

    bad = []
    for section in settings.listeners:
        try:
            yield from _one(settings, section)
        except CertificateError as error:
            bad.append(f'"{section.name}" would take nobody: {error}')
    yield from _files(settings)
    if bad:
        raise CertificateError("\n".join(bad))


def _one(settings: Settings, section: Listener) -> Found:
    name = f'"{section.name}"'
    if section.tls_certificate is None or section.tls_key is None:
        if is_loopback(section.host):
            yield "ok", f"{name} speaks plain MLLP, on this machine"
        else:
            yield (
                "warn",
                f"{name} takes patient data unencrypted on {section.host}: right where the network is trusted, "
                "else docs/tls.md",
            )
        return
    from interface.services.listener_tls import mutual_of

    now = datetime.now(UTC)
    mutual = mutual_of(settings, section, now)
    if mutual is None:
        return
    mutual.context()
    pair, clients = mutual.pair, mutual.clients
    yield _days(f"{name} speaks TLS; the certificate is for {pair.described}", pair.ends, now)
    yield from _usage(name, pair)
    yield from readable_key(settings.resolve(section.tls_key))
    if clients is None:
        yield "ok", f"{name} asks senders for no certificate: who may connect is up to allow"
        return
    whose = f"for {', '.join(section.tls_client_names)}" if section.tls_client_names else "for any name"
    ends = min(one.not_valid_after_utc for one in clients.authorities)
    yield _days(f"{name} takes senders' certificates {whose} by {clients.file}", ends, now)
    for crl in clients.revoked:
        if (due := crl.next_update_utc) is not None:
            yield (
                "ok" if due > now else "warn",
                f"{name}: {len(crl)} revoked, by a list to be renewed before {due:%Y-%m-%d}",
            )


def _files(settings: Settings) -> Found:
    """Whether all connections that the settings allow may be open at once; nothing where they may."""
    from interface.services.descriptors import most_possible, shares

    limit = most_possible()
    if limit is not None and not (found := shares(settings, limit)).enough:
        yield (
            "warn",
            f"max_connections and the web doors need {found.wanted} open files, and {limit} are allowed (ulimit -Hn; "
            f"systemd: LimitNOFILE): {found.senders} connections of senders will be taken at once",
        )


def _usage(whose: str, pair: Pair) -> Found:
    """Whether the certificate may be a server's; nothing where it may."""
    if not pair.is_for_servers:
        yield (
            "warn",
            f"{whose} shows a certificate that is not meant for servers (extendedKeyUsage): who looks at that does not "
            "connect; ask for one with serverAuth",
        )


def _days(what: str, ends: datetime, now: datetime) -> tuple[Level, str]:
    left = (ends - now).days
    return ("warn" if left < CERTIFICATE_DAYS else "ok"), f"{what}, good until {ends:%Y-%m-%d} ({left} days)"


def certificate(settings: Settings, file: str | None, key: str | None) -> Found:
    """How long a port's certificate is good still, and who may read its key; nothing where there is none."""
    from interface.services.certificates import read_pair

    if file is None or key is None:
        return
    now, path = datetime.now(UTC), settings.resolve(key)
    pair = read_pair(settings.resolve(file), path, now)
    yield _days(f"the certificate is for {pair.described}", pair.ends, now)
    yield from _usage("the port", pair)
    yield from readable_key(path)


def readable_key(path: Path) -> Found:
    """Whether others may read a key's file."""
    if path.stat().st_mode & stat.S_IRWXO:
        yield "warn", f"others may read {path}: chmod 600 {path}"
