"""Real certificates: an authority of the test's own, what it issues, and files of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@dataclass
class Authority:
    """Issues certificates into `folder`."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    def file(self, name: str = "ca.pem") -> Path:
        """Its own certificate, as a file."""
        path = self.folder / name
        path.write_bytes(self.ca.cert_pem.bytes())
        return path

    def issue(self, *names: str, into: str, **times: datetime) -> tuple[Path, Path]:
        """A certificate for `names` and its key, as `into`.pem and `into`.key."""
        made = self.ca.issue_cert(*names, **times)
        return self._write(
            into, b"".join(part.bytes() for part in made.cert_chain_pems), made.private_key_pem.bytes()
        )

    def issue_plain(self, common_name: str, into: str, extensions: tuple[Any, ...] = ()) -> tuple[Path, Path]:
        """A certificate with a common name and, but for `extensions`, nothing else: as old devices have it."""
        own, key = self.certificate, ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(own.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + 100 * DAY)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        made = builder.sign(self._secret(), hashes.SHA256())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._write(into, made.public_bytes(Encoding.PEM), secret)

    def revoke(self, *certificates: Path, into: str = "crl.pem", until: datetime = NOW + 30 * DAY) -> Path:
        """Its list of revoked certificates, as a file."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - 60 * DAY)
            .next_update(until)
        )
        for path in certificates:
            serial = x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number
            revoked = (
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - 59 * DAY).build()
            )
            builder = builder.add_revoked_certificate(revoked)
        path = self.folder / into
        path.write_bytes(builder.sign(self._secret(), hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def trusting(self, client: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """A client that trusts it and shows `client`, if any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        if client is not None:
            context.load_cert_chain(*client)
        return context

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.ca.cert_pem.bytes())

    def _secret(self) -> Any:
        return load_pem_private_key(self.ca.private_key_pem.bytes(), None)

    def _write(self, into: str, certificate: bytes, key: bytes) -> tuple[Path, Path]:
        paths = self.folder / f"{into}.pem", self.folder / f"{into}.key"
        for path, content in zip(paths, (certificate, key), strict=True):
            path.write_bytes(content)
        return paths
