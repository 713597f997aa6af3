"""TLS of the MLLP client: what `send --tls` connects by, and what went wrong in words."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from interface.cli.common import UsageError
from interface.errors import InterfaceError

VERIFIED = {
    9: "its certificate is not valid yet (or this machine's clock is wrong)",
    10: "its certificate has expired",
    18: "its certificate is of no authority (self-signed): name it by --tls-ca if it is meant",
    19: "its certificate is of an authority that is not trusted here: name it by --tls-ca",
    20: "its certificate is of an authority that is not trusted here: name it by --tls-ca",
    21: "its certificate is of an authority that is not trusted here: name it by --tls-ca",
    62: "its certificate is for another name: --tls-name says which one is meant",
    64: "its certificate is for another address: --tls-name says which name is meant",
}
"""OpenSSL's verify codes, in words."""
SAID = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "it does not speak TLS on this port",
    "UNEXPECTED_EOF_WHILE_READING": "closed before TLS was agreed: does it speak TLS on this port?",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client certificate: --tls-certificate, --tls-key",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it refused: it may want a client certificate (--tls-certificate, --tls-key)",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of our client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our client certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that our client certificate is revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not take our client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not take our client certificate: is it for a name that the receiver knows?",
    "TLSV1_ALERT_INTERNAL_ERROR": "it does not take our client certificate: is it for a name that the receiver knows?",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not take our client certificate: it is not meant for clients",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS 1.2 or newer",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS 1.2 or newer",
}
"""What the other side or OpenSSL said (its `reason`), in words."""


class TLSRefusedError(InterfaceError):
    """The receiver and we do not come to agree on TLS. The text is one line."""


@dataclass(frozen=True)
class ClientTLS:
    """How to connect by TLS."""

    context: ssl.SSLContext
    name: str | None = None
    """Whom the receiver's certificate must be for, and the name asked for; None: the host connected to."""

    def secure(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        """TLS over a connection to `host`. Raises OSError (ssl.SSLError among them), and closes it then."""
        try:
            return self.context.wrap_socket(plain, server_hostname=self.name or host)
        except BaseException:
            plain.close()
            raise


def client_tls(
    *, ca: str | None, certificate: str | None, key: str | None, name: str | None, insecure: bool
) -> ClientTLS:
    """Made of what the command line says. `ca`: PEM of authorities; None: those that this machine trusts. Raises
    UsageError: a file that cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_verify_locations(_there(ca))
    except ssl.SSLError:
        raise UsageError(f"send: --tls-ca {ca} holds no certificate in PEM form") from None
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None and key is not None:
        try:
            # a password is not asked for: a key that has one is refused
            context.load_cert_chain(_there(certificate), _there(key), password=b"")
        except (ssl.SSLError, ValueError):
            text = f"send: {certificate} and {key} are no certificate and its key in PEM form, without a password"
            raise UsageError(text) from None
    return ClientTLS(context, name)


def pinned(certificate: Path) -> ClientTLS:
    """To a listener of this machine, whose `certificate` we have: that one and no other, whatever its name. Raises
    UsageError.
    """
    made = client_tls(ca=str(certificate), certificate=None, key=None, name=None, insecure=False)
    made.context.check_hostname = False
    made.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return made


def _there(name: str) -> str:
    try:
        with Path(name).open("rb"):
            return name
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None


def in_words(error: OSError) -> str:
    """What went wrong with a connection, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return VERIFIED.get(error.verify_code, f"its certificate was not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):  # which of them, Pythons differ in
        return SAID["UNEXPECTED_EOF_WHILE_READING"]
    if isinstance(error, ssl.SSLError):
        return SAID.get(error.reason or "", f"TLS failed: {error.reason or error.strerror}")
    return error.strerror or str(error) or type(error).__name__
