"""An MLLP connection within TLS: its handshake, why that failed, and its closing."""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from interface.services.client_certificates import BAD_CERTIFICATE
from interface.services.connection import MLLPConnection
from interface.services.timing import Timer, cancel

NOT_TLS = "not-tls"
NO_HANDSHAKE = "tls-handshake"
DROPPED = "dropped by the sender in the middle"
"""Of a handshake: by port scanners, and by who looks whether the port is open."""
REASONS = {
    "peer did not return a certificate": (BAD_CERTIFICATE, "it has shown no certificate"),
    "no shared cipher": (NO_HANDSHAKE, "no cipher that both know"),
    "no suitable signature algorithm": (NO_HANDSHAKE, "no signature algorithm that both know"),
    "unsupported protocol": (NO_HANDSHAKE, "it speaks no TLS 1.2 or newer"),
    "wrong version number": (NO_HANDSHAKE, "it speaks no TLS 1.2 or newer"),
    "version too low": (NO_HANDSHAKE, "it speaks no TLS 1.2 or newer"),
    "unknown ca": (NO_HANDSHAKE, "it does not trust our certificate's authority"),
    "certificate unknown": (
        NO_HANDSHAKE,
        "it does not take our certificate: does it trust the authority, and is it for the name?",
    ),
    "bad certificate": (
        NO_HANDSHAKE,
        "it does not take our certificate: does it trust the authority, and is it for the name?",
    ),
    "unsupported certificate": (
        NO_HANDSHAKE,
        "it does not take our certificate: it is not meant for servers (extendedKeyUsage)",
    ),
    "certificate expired": (NO_HANDSHAKE, "it says that our certificate has expired"),
}
"""Ends of OpenSSL's words for what went wrong, as reason and problem."""


@implementer(IHandshakeListener)
class SecuredConnection(MLLPConnection):
    """One sender's connection within TLS. It counts as a connection from its first packet on."""

    _waiting: Timer | None = None
    _secure = False
    _why: tuple[str, str] | None = None

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """TCP is there; TLS has its time to come."""
        super().connectionMade()
        self._waiting = self.shared.clock.callLater(self.shared.limits.handshake_seconds, self._too_slow)

    def handshakeCompleted(self) -> None:  # noqa: N802 - Twisted's name
        """Both sides are who they must be."""
        cancel(self._waiting)
        self._secure = True

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802
        """It ends; one that began a handshake and has none was refused, which is said."""
        cancel(self._waiting)
        if not self._secure and self.transport.greeted and not self.finishing:
            why, problem = self._why or _explained(reason)
            self.shared.refused(why, self.source.host, problem)
        super().connectionLost(reason)

    def unverified(self, reason: str, problem: str) -> None:
        """Its certificate is not taken."""
        self._why = reason, problem

    def not_tls(self) -> None:
        """Its first byte is not one of TLS."""
        self._why = NOT_TLS, "it does not speak TLS, and this port does"

    def _too_slow(self) -> None:
        if self.paused:  # the time we did not read is not the sender's
            self._waiting = self.shared.clock.callLater(self.shared.limits.handshake_seconds, self._too_slow)
            return
        self._why = NO_HANDSHAKE, f"not finished within {self.shared.limits.handshake_seconds:g} s"
        self.transport.abortConnection()

    def _tcp(self) -> Any:
        return self.transport.transport

    def _end_writing(self) -> None:
        self.transport.loseConnection()  # says close_notify behind the answers, and waits for the sender's


def _explained(failure: Failure | None) -> tuple[str, str]:
    """Why a handshake failed, by what OpenSSL says."""
    error = None if failure is None else failure.value
    if not isinstance(error, Error):
        return NO_HANDSHAKE, DROPPED
    said = str(error.args[0][-1][2]) if error.args and error.args[0] else ""
    found = next((why for end, why in REASONS.items() if said.endswith(end)), None)
    return found or (NO_HANDSHAKE, said or DROPPED)
