"""The ports that the door listens on, bound together or not at all, and what their TLS is made of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from interface.errors import InterfaceError
from interface.services.certificates import Pair, Renewable, read_pair
from interface.services.systemd import OpenPort
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

    def __init__(self, reactor: Any, handed_over: Sequence[OpenPort] = ()) -> None:
        """`handed_over` were open before we started; what is not used of them is for `close_rest`."""
        self._reactor = reactor
        self._open: list[Any] = []
        self._handed_over = list(handed_over)

    def bind(
        self,
        what: str,
        host: str,
        port: int,
        factory: Any,
        backlog: int,
        tls: Renewable | None = None,
        name: str = "",
    ) -> Any:
        """Listen, on the socket handed over for this where there is one; `what` names the port in the error, `name` in the
        socket unit. Raises DoorError, and then none that was bound stays open.
        """
        from twisted.internet.error import CannotListenError

        served = factory if tls is None else TLSFactory(tls, False, factory, self._reactor)  # type: ignore[arg-type]
        try:
            given = self._take(what, host, port, name)
            if given is not None:
                bound = self._reactor.adoptStreamPort(given.fd, given.family, served)
                os.close(given.fd)  # the reactor has a copy
            else:
                bound = self._reactor.listenTCP(port, served, backlog=backlog, interface=host)
        except CannotListenError as error:
            self._close()
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise DoorError(
                f"{what}: cannot listen on {host}:{port}: {reason}; stop what uses it, or set another port"
            ) from None
        self._open.append(bound)
        return bound

    def _take(self, what: str, host: str, port: int, name: str) -> OpenPort | None:
        """The socket for this port, by its name, else by its address. Raises DoorError for one that is named so and listens
        elsewhere.
        """
        named = [given for given in self._handed_over if given.name == name]
        fitting = [given for given in named if given.fits(host, port)] or [
            given for given in self._handed_over if port and given.fits(host, port)
        ]
        if fitting:
            self._handed_over.remove(fitting[0])
            return fitting[0]
        if named:
            self._close()
            raise DoorError(
                f"{what}: the socket handed over for it is {named[0]}, the settings say {host}:{port}; "
                "correct one of them (`hl7-interface install-service` writes the socket unit by the settings)"
            )
        return None

    def close_rest(self) -> list[OpenPort]:
        """Close what was handed over and has no place in the settings; gives them."""
        rest, self._handed_over = self._handed_over, []
        for given in rest:
            os.close(given.fd)
        return rest

    def _close(self) -> None:
        for other in self._open:
            other.stopListening()


def pair_of(settings: Settings, section: Secured) -> Pair | None:
    """The certificate and key of a section; None: it has none. Raises CertificateError."""
    if section.tls_certificate is None or section.tls_key is None:
        return None
    certificate, key = settings.resolve(section.tls_certificate), settings.resolve(section.tls_key)
    return read_pair(certificate, key, datetime.now(UTC))
