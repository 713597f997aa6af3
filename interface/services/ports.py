"""The ports that the door listens on, bound together or not at all, and what their TLS is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

from interface.errors import InterfaceError
from interface.services.certificates import Pair, Renewable, read_pair
from interface.services.tls_port import TLSFactory
from interface.settings import Settings


class DoorError(InterfaceError):
    """The door cannot listen where the settings say."""


class Secured(Protocol):
    """A section of the settings that has a certificate."""

    @property
    def tls_certificate(self) -> str | None:
        """PEM: the certificate, then those between it and the authority."""

    @property
    def tls_key(self) -> str | None:
        """Its key."""


class Ports:
    """Those that are open."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._open: list[Any] = []

    def bind(
        self, what: str, host: str, port: int, factory: Any, backlog: int, tls: Renewable | None = None
    ) -> Any:
        """Listen; `what` names the port in the error. Raises DoorError, and then none that was bound stays open."""
        from twisted.internet.error import CannotListenError

        served = factory if tls is None else TLSFactory(tls, False, factory, self._reactor)  # type: ignore[arg-type]
        try:
            bound = self._reactor.listenTCP(port, served, backlog=backlog, interface=host)
        except CannotListenError as error:
            for other in self._open:
                other.stopListening()
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise DoorError(
                f"{what}: cannot listen on {host}:{port}: {reason}; stop what uses it, or set another port"
            ) from None
        self._open.append(bound)
        return bound


def pair_of(settings: Settings, section: Secured) -> Pair | None:
    """The certificate and key of a section; None: it has none. Raises CertificateError."""
    if section.tls_certificate is None or section.tls_key is None:
        return None
    certificate, key = settings.resolve(section.tls_certificate), settings.resolve(section.tls_key)
    return read_pair(certificate, key, datetime.now(UTC))


def renewable(settings: Settings, section: Secured) -> Renewable | None:
    """What a port's TLS is made of; None: it has none. Raises CertificateError."""
    pair = pair_of(settings, section)
    return None if pair is None else Renewable(pair)
