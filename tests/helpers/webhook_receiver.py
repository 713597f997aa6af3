"""A receiver of webhooks on a real socket, over TLS if it is given a certificate; and an authority that gives one."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from patience import until


class Receiver:
    """What came, in order; `statuses` are answered one after the other, then 204."""

    def __init__(self, statuses: tuple[int, ...] = ()):
        self.statuses = list(statuses)
        self.got: list[dict[str, Any]] = []
        """The documents."""
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._lock = threading.Lock()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self.paths.append(path)
            self.headers.append(headers)
            self.got.append(json.loads(body))
            return self.statuses.pop(0) if self.statuses else 204

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.got]

    def has(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many have come; all of them."""
        until(f"{count} webhooks", lambda: len(self.got) >= count)
        return self.got


@contextmanager
def receiver(
    *statuses: int, certificate: Path | None = None, path: str = "/hooks/secret", port: int = 0
) -> Iterator[Receiver]:
    """It listens on loopback. `certificate`: PEM with its key."""
    one = Receiver(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(one.take(self.path, headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that breaks off (it does not trust us) is no error here."""

    server = Server(("127.0.0.1", port), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # each handshake in its connection's own thread, at the first read
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    one.url = f"{scheme}://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Authority:
    """A private authority: its certificate, and one it gave to a server, each as a file in PEM."""

    certificate: Path
    server: Path
    """With its key."""


def an_authority(folder: Path, name: str = "127.0.0.1") -> Authority:
    """`name`: the server's address or host name."""
    own_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Made-up authority")])
    now = datetime.now(UTC)

    def signed(subject: x509.Name, key: Any, *extensions: tuple[x509.ExtensionType, bool]) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=7))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(own_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    host: x509.GeneralName
    try:
        host = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    made = Authority(folder / "authority.pem", folder / "server.pem")
    made.certificate.write_bytes(signed(authority, own_key, (x509.BasicConstraints(True, None), True)))
    key = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Made-up server")])
    made.server.write_bytes(signed(subject, server_key, (x509.SubjectAlternativeName([host]), False)) + key)
    return made
