"""The TLS of listeners: made at the start, renewed by SIGHUP, one listener's whatever becomes of the others'."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from interface.services.certificates import CertificateError, Renewable
from interface.services.client_certificates import Mutual, out_of_date, read_clients
from interface.services.logs import event
from interface.services.ports import pair_of
from interface.settings import Listener, Settings

log = logging.getLogger(__name__)


def mutual_of(settings: Settings, section: Listener, now: datetime) -> Mutual | None:
    """What a listener's TLS is made of, with whose certificates it takes; None: it has none. Raises CertificateError."""
    pair = pair_of(settings, section)
    if pair is None:
        return None
    if section.tls_client_ca is None:
        return Mutual(pair, None)
    crl = None if section.tls_crl is None else settings.resolve(section.tls_crl)
    authorities = settings.resolve(section.tls_client_ca)
    return Mutual(pair, read_clients(authorities, section.tls_client_names, crl, now))


class ListenersTLS:
    """By the listeners' names."""

    def __init__(self) -> None:
        self._made: dict[str, Renewable] = {}
        self.closed: dict[str, str] = {}
        """Listeners that take nobody, for what their TLS is made of can't be used: why."""

    def make(self, settings: Settings) -> None:
        """For the ports of a start. One listener's fault closes that one alone, until it is renewed. Raises
        CertificateError, which names the listeners, where none is left that could take anything.
        """
        for section in settings.listeners:
            try:
                mutual = mutual_of(settings, section, datetime.now(UTC))
                if mutual is None:
                    continue
                self._made[section.name] = Renewable(mutual)
            except CertificateError as error:
                self._made[section.name] = Renewable(None)
                self.closed[section.name] = str(error)
                continue
            _say_old_list(section.name, mutual)
        if len(self.closed) == len(settings.listeners):
            raise CertificateError("\n".join(f"listener {name}: {why}" for name, why in self.closed.items()))

    def of(self, name: str) -> Renewable | None:
        """For a listener's port; None: it speaks no TLS."""
        return self._made.get(name)

    @property
    def ends(self) -> dict[str, datetime]:
        """Until when the certificates that are served are good."""
        return {name: made.ends for name, made in self._made.items() if made.ends is not None}

    def renew(self, settings: Settings, section: Listener) -> None:
        """Certificate, key, senders' authorities, names and revoked certificates as they are now, from the next
        connection on; what cannot be is said in one line, and the listener's old ones stay.
        """
        made = self._made.get(section.name)
        try:
            if (made is not None) != section.has_tls:
                raise CertificateError(f"TLS is switched {'on' if section.has_tls else 'off'} by a restart")
            mutual = mutual_of(settings, section, datetime.now(UTC))
            if made is None or mutual is None:
                return
            made.use(mutual)
        except CertificateError as error:
            event(log, logging.ERROR, "listener-not-reloaded", listener=section.name, error=error)
            if section.name in self.closed:
                self.closed[section.name] = str(error)
            return
        self.closed.pop(section.name, None)
        pair = mutual.pair
        event(
            log,
            logging.INFO,
            "listener-reloaded",
            listener=section.name,
            names=pair.names,
            until=pair.ends.date(),
        )
        _say_old_list(section.name, mutual)


def _say_old_list(listener: str, mutual: Mutual) -> None:
    if mutual.clients is not None and (end := out_of_date(mutual.clients, datetime.now(UTC))) is not None:
        event(log, logging.WARNING, "revocation-list-old", listener=listener, until=end.date())
