"""POSTs webhooks: Twisted's agent, with TLS that is verified. Importing it costs 0.1 s: only who sends does."""

from pathlib import Path
from typing import Any

from OpenSSL.SSL import Error as TLSError
from twisted.internet.defer import Deferred, succeed
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    PartialDownloadError,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from interface.errors import InterfaceError
from interface.sandbox.webhooks import NoReplyError

TIMEOUT_SECONDS = 10.0
_CLOSING_SECONDS = 1.0
_PER_HOST = 32
_END = b"-----END CERTIFICATE-----"

_HEADERS = Headers({b"content-type": [b"application/json"], b"user-agent": [b"hl7-interface sandbox"]})
_NO_REPLY = f"no reply within {TIMEOUT_SECONDS:g} s"
_WHY = {
    "TimeoutError": _NO_REPLY,
    "ConnectingCancelledError": _NO_REPLY,
    "CancelledError": "the sandbox was stopped",
    "ConnectionRefusedError": "connection refused",
    "DNSLookupError": "name not found",
    "ConnectionDone": "closed without a reply",
    "ConnectionLost": "closed without a reply",
    "VerificationError": "TLS: the certificate is not for this host",
}


class AuthoritiesError(InterfaceError):
    """The file of certificate authorities cannot be used."""

    exit_code = 2


class Poster:
    """One agent for all receivers; it keeps connections open."""

    def __init__(self, reactor: Any, authorities: Path | None = None) -> None:
        """`authorities`: a file of certificates in PEM, trusted in place of the system's.

        Raises:
            AuthoritiesError: the file holds none.

        """
        self._reactor = reactor
        self._pool: Any = HTTPConnectionPool(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self._pool.maxPersistentPerHost = _PER_HOST
        self._pool.retryAutomatically = False  # each attempt counts
        trusted = _trusted(authorities) if authorities is not None else None
        policy: Any = BrowserLikePolicyForHTTPS(trusted)  # type: ignore[no-untyped-call]
        self._agent: Any = Agent(  # type: ignore[no-untyped-call]
            reactor, policy, connectTimeout=TIMEOUT_SECONDS, pool=self._pool
        )

    def post(self, url: str, body: bytes) -> "Deferred[int]":
        """The status of the reply; fails with NoReplyError."""
        attempt: Deferred[Any] = self._agent.request(b"POST", url.encode("ascii"), _HEADERS, _Whole(body))
        attempt.addCallback(_status)
        attempt.addTimeout(TIMEOUT_SECONDS, self._reactor)
        return attempt.addErrback(_no_reply)

    def stop(self) -> "Deferred[None]":
        """Close the connections that are kept open."""
        closed: Deferred[Any] = self._pool.closeCachedConnections()
        # over TLS a receiver that stands still would be waited for
        return closed.addTimeout(_CLOSING_SECONDS, self._reactor, onTimeoutCancel=lambda *_: None)


@implementer(IBodyProducer)
class _Whole:
    """A body that is there already."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> "Deferred[None]":  # noqa: N802 - Twisted's name
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802
        """All is written already."""

    def resumeProducing(self) -> None:  # noqa: N802
        """All is written already."""

    def stopProducing(self) -> None:  # noqa: N802
        """All is written already."""


def _status(response: Any) -> "Deferred[int]":
    """The status, when the body is read to its end: then the connection serves for the next."""
    whole: Deferred[Any] = readBody(response)
    # a body that only the connection's end ends is whole enough: nobody reads it
    whole.addErrback(_without_length)
    return whole.addCallback(lambda _: int(response.code))


def _without_length(failure: Failure) -> None:
    failure.trap(PartialDownloadError)  # type: ignore[no-untyped-call]


def _no_reply(failure: Failure) -> int:
    """Why there was no reply, in a few words."""
    reason: Any = failure.value
    while getattr(reason, "reasons", None):  # the agent's wrappers of what happened
        reason = reason.reasons[0].value
    if isinstance(reason, TLSError):
        details = reason.args[0] if reason.args else ()
        text = details[0][-1] if details else "handshake failed"
        raise NoReplyError(f"TLS: {text}")
    names = [kind.__name__ for kind in type(reason).__mro__]
    raise NoReplyError(next((_WHY[name] for name in names if name in _WHY), names[0]))


def _trusted(authorities: Path) -> Any:
    try:
        blocks = [block + _END for block in authorities.read_bytes().split(_END)[:-1]]
        certificates = [Certificate.loadPEM(block) for block in blocks]
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise AuthoritiesError(f"--webhook-ca {authorities}: {why}") from None
    except Exception:
        certificates = []
    if not certificates:
        raise AuthoritiesError(f"--webhook-ca {authorities}: no certificates in PEM in it")
    return trustRootFromCertificates(certificates)  # type: ignore[no-untyped-call]
