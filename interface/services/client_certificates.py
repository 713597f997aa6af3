"""Senders' certificates (mTLS): which authorities' are taken, and of which names; judged within the handshake."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from interface.services.certificates import (
    MAX_CRL_BYTES,
    CertificateError,
    Pair,
    read_certificates,
    read_pem,
    shown_names,
)

BAD_CERTIFICATE = "tls-certificate"
OTHER_NAME = "tls-name"

CRL_EXPIRED = 12
"""X509_V_ERR_CRL_HAS_EXPIRED."""
PROBLEMS = {
    2: "of an unknown authority",
    3: "no revocation list of its authority in tls_crl",
    9: "not valid yet",
    10: "expired",
    18: "of no authority (self-signed)",
    19: "of an unknown authority",
    20: "of an unknown authority",
    21: "of an unknown authority",
    23: "revoked",
    24: "of an authority that may not issue it",
    26: "not meant for clients (extendedKeyUsage)",
    66: "its key is too weak",
    68: "its signature is too weak",
}
"""OpenSSL's X509_V_ERR_…, in words."""


class Told(Protocol):
    """A connection, as far as it hears why its certificate is not taken."""

    def unverified(self, reason: str, problem: str) -> None:
        """`reason`: BAD_CERTIFICATE or OTHER_NAME; the handshake fails for it, and the connection ends."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Whose certificates are taken."""

    authorities: tuple[x509.Certificate, ...]
    file: Path
    """PEM of the authorities."""
    names: frozenset[str] = frozenset()
    """As `plain_name` writes them; empty: any that an authority has certified."""
    revoked: tuple[x509.CertificateRevocationList, ...] = ()

    def demand(self, context: Any) -> None:
        """Have `context` ask each client for such a certificate. Raises CertificateError."""
        from OpenSSL.crypto import Error as CryptoError
        from OpenSSL.crypto import X509StoreFlags
        from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_PEER, Error

        try:
            context.load_verify_locations(str(self.file))
            context.load_client_ca(str(self.file).encode())
            store = context.get_cert_store()
            for crl in self.revoked:
                store.add_crl(crl)
            if self.revoked:
                store.set_flags(X509StoreFlags.CRL_CHECK)
        except (Error, CryptoError):
            raise CertificateError(f"{self.file} cannot be used to check certificates") from None
        context.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, self._judge)

    def _judge(self, connection: Any, shown: Any, code: int, depth: int, good: int) -> bool:
        """OpenSSL asks for each certificate of the chain, the sender's own last (depth 0)."""
        told: Told = connection.get_app_data().wrappedProtocol
        if not good and code != CRL_EXPIRED:  # who is on an old list is still refused; the others must not be
            problem = PROBLEMS.get(code, f"not good (error {code} of OpenSSL)")
            told.unverified(
                BAD_CERTIFICATE, f"the certificate of {shown_names(shown.to_cryptography())}: {problem}"
            )
            return False
        if depth == 0 and self.names:
            certificate = shown.to_cryptography()
            if not self.names & names_of(certificate):
                told.unverified(OTHER_NAME, f"its certificate is for {shown_names(certificate)}")
                return False
        return True


@dataclass(frozen=True, slots=True)
class Mutual:
    """A listener's own certificate, and whose are taken."""

    pair: Pair
    clients: Clients | None

    @property
    def ends(self) -> datetime:
        """Until when the own one is good."""
        return self.pair.ends

    def context(self) -> Any:
        """For a port. Raises CertificateError."""
        made = self.pair.context()
        if self.clients is not None:
            self.clients.demand(made)
        return made


def read_clients(authorities: Path, names: Iterable[str], crl: Path | None, now: datetime) -> Clients:
    """Read the authorities and the list of what they have revoked. Raises CertificateError: unreadable, not PEM, no
    authority, or none that is good any more.
    """
    found = read_certificates(authorities)
    for one in found:
        if not _is_authority(one):
            raise CertificateError(
                f"{authorities} holds {shown_names(one)}, which is no authority: put the certificate of who issued it"
            )
    if all(now > one.not_valid_after_utc for one in found):
        raise CertificateError(f"{authorities} has expired on {found[0].not_valid_after_utc:%Y-%m-%d}")
    revoked = () if crl is None else _read_crl(crl)
    return Clients(found, authorities, frozenset(map(plain_name, names)), revoked)


def plain_name(name: str) -> str:
    """A name as it is compared: an address in one form, else in small letters, without a dot at its end."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().removesuffix(".")


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """Whom it is for: DNS names, URIs and addresses of its subjectAltName; without one, the common name of its subject."""
    try:
        given = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return frozenset(plain_name(str(name.value)) for name in common)
    except ValueError:  # not readable
        return frozenset()
    kinds = (x509.DNSName, x509.UniformResourceIdentifier, x509.IPAddress)
    return frozenset(plain_name(str(name.value)) for name in given if isinstance(name, kinds))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return found.value.ca


_END_OF_CRL = b"-----END X509 CRL-----"


def _read_crl(path: Path) -> tuple[x509.CertificateRevocationList, ...]:
    parts = [part + _END_OF_CRL for part in read_pem(path, MAX_CRL_BYTES).split(_END_OF_CRL)[:-1]]
    try:
        found = tuple(x509.load_pem_x509_crl(part) for part in parts)
    except ValueError:
        found = ()
    if not found:
        raise CertificateError(f"{path} holds no revocation list in PEM form")
    return found


def out_of_date(clients: Clients, now: datetime) -> datetime | None:
    """When a revocation list should have been renewed that has not been; None: they are fresh."""
    ends = [end for crl in clients.revoked if (end := crl.next_update_utc) is not None and end < now]
    return min(ends, default=None)
