"""A certificate and its key, from PEM files: read, checked, and made into what a TLS port needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from interface.errors import InterfaceError

MAX_PEM_BYTES = 1024 * 1024


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
        try:
            found = self.chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return self.chain[0].subject.rfc4514_string()
        return ", ".join(str(name.value) for name in found.value)

    @property
    def ends(self) -> datetime:
        """Until when it is good."""
        return self.chain[0].not_valid_after_utc

    def context(self) -> Any:
        """For a port: TLS 1.2 at least, Twisted's ciphers (forward secrecy, AEAD first). Raises CertificateError."""
        from OpenSSL.SSL import Error
        from twisted.internet.ssl import CertificateOptions

        made = CertificateOptions().getContext()
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
    pem, secret = _read(certificate), _read(key)
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise CertificateError(f"{certificate} holds no certificate in PEM form") from None
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
    return Pair(chain, certificate, key)


def end_of(certificate: Path) -> datetime:
    """Until when the first certificate of a file is good, be it over or not. Raises CertificateError."""
    try:
        return x509.load_pem_x509_certificates(_read(certificate))[0].not_valid_after_utc
    except ValueError:
        raise CertificateError(f"{certificate} holds no certificate in PEM form") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PEM_BYTES)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None


def _public(key: Any) -> bytes:
    found: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


@implementer(IOpenSSLContextFactory)
class Renewable:
    """What a TLS port asks for each connection: a renewed certificate counts from the next one on."""

    def __init__(self, pair: Pair) -> None:
        self._context = pair.context()

    def use(self, pair: Pair) -> None:
        """Another certificate from now on. Raises CertificateError."""
        self._context = pair.context()

    def getContext(self) -> Any:  # noqa: N802 - Twisted's name
        """The context of a new connection."""
        return self._context
