"""TLS around whatever speaks on a port. The port itself stays one of TCP, so it makes no difference where its socket
came from.
"""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory

HANDSHAKE = b"\x16"
"""The first byte of everyone who speaks TLS (RFC 8446, 5.1: a record of type handshake)."""


class TLSConnection(BufferingTLSTransport):
    """One connection's TLS. Who does not speak it is sent away at the first byte, before OpenSSL looks at it; the
    protocol within is told, if it has `not_tls`.
    """

    wrappedProtocol: Any  # noqa: N815 - Twisted's name
    transport: Any
    greeted = False
    """Whether a byte has come."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Bytes off the wire."""
        if not self.greeted:
            self.greeted = True
            if data[:1] != HANDSHAKE:
                tell = getattr(self.wrappedProtocol, "not_tls", None)
                if tell is not None:
                    tell()
                self.transport.loseConnection()
                return
        super().dataReceived(data)  # type: ignore[no-untyped-call]


class TLSFactory(TLSMemoryBIOFactory):
    """Twisted's, that knows of refusals: who may not connect is closed before any TLS is made for it."""

    protocol = TLSConnection

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """The protocol of a connection; None: it is closed at once."""
        within = self.wrappedFactory.buildProtocol(addr)
        return None if within is None else self.protocol(self, within)
