"""A certificate and its key, from PEM files: read, checked, and made into what a TLS port needs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from interface.errors import InterfaceError

MAX_PEM_BYTES = 1024 * 1024
MAX_CRL_BYTES = 64 * MAX_PEM_BYTES
"""A large authority has revoked a great many."""
MAX_NAMES = 200
"""Characters of a certificate's names that are shown."""


class CertificateError(InterfaceError):
    """A certificate or key that can't be used; one line says why."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with those between it and the authority, and its key: files that fit."""

    chain: tuple[x509.Certificate, ...]
    certificate_file: Path
    key_file: Path

    @property
    def names(self) -> str:
        """Whom it is for."""
        return shown_names(self.chain[0])

    @property
    def ends(self) -> datetime:
        """Until when it is good, with those between it and the authority."""
        return self._first_to_end.not_valid_after_utc

    @property
    def described(self) -> str:
        """Whom it is for, and which of those between ends before it does."""
        first = self._first_to_end
        if first is self.chain[0]:
            return self.names
        return f"{self.names} (what stands between it and its authority ends first: {shown_names(first)})"

    @property
    def _first_to_end(self) -> x509.Certificate:
        # senders have the authority's own, and do not look at one that comes along
        between = (one for one in self.chain[1:] if one.issuer != one.subject)
        return min((self.chain[0], *between), key=lambda one: one.not_valid_after_utc)

    @property
    def is_for_servers(self) -> bool:
        """Whether it says so, or does not say what it is for (extendedKeyUsage). A sender that looks takes no other."""
        try:
            usages = self.chain[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (x509.ExtensionNotFound, ValueError):
            return True
        known = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        return any(one in usages for one in known)

    def context(self) -> Any:
        """For a port: TLS 1.2 at least, Twisted's ciphers (forward secrecy, AEAD first), no compression, no
        renegotiation, no sessions taken up again: each connection is judged by what counts when it comes. Raises
        CertificateError.
        """
        from OpenSSL.SSL import OP_NO_RENEGOTIATION, Error
        from twisted.internet.ssl import CertificateOptions, TLSVersion

        made = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
        made.set_options(OP_NO_RENEGOTIATION)
        try:
            made.use_certificate_chain_file(str(self.certificate_file))
            made.use_privatekey_file(str(self.key_file))
            made.check_privatekey()
        except Error:
            raise CertificateError(
                f"{self.certificate_file} and {self.key_file} cannot be used for TLS"
            ) from None
        return made


def read_pair(certificate: Path, key: Path, now: datetime) -> Pair:
    """Read both files. Raises CertificateError: unreadable, not PEM, no pair, or no longer or not yet good."""
    chain, secret = read_certificates(certificate), read_pem(key)
    try:
        private: Any = load_pem_private_key(secret, None)
    except TypeError:
        raise CertificateError(f"{key} is locked by a password: store it without one, mode 0600") from None
    except ValueError:
        raise CertificateError(f"{key} holds no private key in PEM form") from None
    if _public(chain[0].public_key()) != _public(private.public_key()):
        raise CertificateError(f"{key} is not the key of {certificate} (whose own certificate comes first)")
    if now > chain[0].not_valid_after_utc:
        raise CertificateError(
            f"{certificate} has expired on {chain[0].not_valid_after_utc:%Y-%m-%d}: renew it"
        )
    if now < chain[0].not_valid_before_utc:
        begins = chain[0].not_valid_before_utc
        raise CertificateError(f"{certificate} is good from {begins:%Y-%m-%d} on: check this machine's clock")
    for below, above in itertools.pairwise(chain):
        if below.issuer != above.subject:
            raise CertificateError(
                f"{certificate} is no chain: {below.subject.rfc4514_string()} is not issued by what follows it"
            )
    return Pair(chain, certificate, key)


def shown_names(certificate: x509.Certificate) -> str:
    """Whom a certificate is for, for people: its subjectAltName, or else its subject; cut where it is long."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        text = ", ".join(str(name.value) for name in found.value)
    except (x509.ExtensionNotFound, ValueError):
        text = certificate.subject.rfc4514_string()
    return text if len(text) <= MAX_NAMES else text[:MAX_NAMES] + "…"


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file, one at least. Raises CertificateError."""
    try:
        return tuple(x509.load_pem_x509_certificates(read_pem(path)))
    except ValueError:
        raise CertificateError(f"{path} holds no certificate in PEM form") from None


def read_pem(path: Path, most: int = MAX_PEM_BYTES) -> bytes:
    """What a file holds, up to `most` bytes. Raises CertificateError."""
    try:
        if path.exists() and not path.is_file():  # a pipe would keep us waiting
            raise CertificateError(f"{path} is no file")
        with path.open("rb") as file:
            found = file.read(most + 1)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    if len(found) > most:
        raise CertificateError(f"{path} is longer than {most // MAX_PEM_BYTES} MiB")
    return found


def _public(key: Any) -> bytes:
    found: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


class Material(Protocol):
    """What a port's TLS is made of."""

    @property
    def ends(self) -> datetime:
        """Until when its certificate is good."""

    def context(self) -> Any:
        """An OpenSSL context of its own. Raises CertificateError."""


@implementer(IOpenSSLServerConnectionCreator)
class Renewable:
    """What a TLS port asks for each connection: a renewed certificate counts from the next one on."""

    def __init__(self, material: Material | None) -> None:
        """None: there is none that can be used yet, and the port must take nobody. Raises CertificateError."""
        self._context: Any = None if material is None else material.context()
        self.ends = None if material is None else material.ends
        """Until when the certificate that is served is good; None: none is."""

    def use(self, material: Material) -> None:
        """Another from now on. Raises CertificateError, and then the old one stays."""
        self._context = material.context()
        self.ends = material.ends

    def serverConnectionForTLS(self, protocol: Any) -> Any:  # noqa: ARG002, N802 - Twisted's
        """The TLS of a new connection; Twisted notes its protocol in it (`get_app_data`)."""
        from OpenSSL.SSL import Connection

        return Connection(self._context, None)
