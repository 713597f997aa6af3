"""Certificates for a listener under measurement, which trustme makes."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

HOST = "interface.example.org"
AUTHORITY = "ca.pem"


def certificates(folder: Path) -> str:
    """Put a certificate, its key and its authority into `folder`; the listener's settings."""
    authority = trustme.CA()
    made = authority.issue_cert(HOST)
    (folder / "server.pem").write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
    (folder / "server.key").write_bytes(made.private_key_pem.bytes())
    (folder / AUTHORITY).write_bytes(authority.cert_pem.bytes())
    return 'tls_certificate = "server.pem"\ntls_key = "server.key"'


def trusting(authority: Path) -> ssl.SSLContext:
    """A client that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    return context
