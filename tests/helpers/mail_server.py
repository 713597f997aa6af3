"""A mail server on a real socket: what it took, over TLS and with a login if it is told to."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from patience import until


class MailServer:
    """What came, in order; `answers` are given one after the other, then it takes everything."""

    def __init__(self, answers: tuple[str, ...], refused: tuple[str, ...], *, whole: bool):
        self.whole = whole
        self.answers = list(answers)
        self.refused = refused
        self.got: list[EmailMessage] = []
        self.to: list[list[str]] = []
        self.over_tls: list[bool] = []
        self.port = 0

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.to.append(list(envelope.rcpt_tos))
        self.over_tls.append(self.whole or session.ssl is not None)
        return "250 OK"

    def has(self, count: int) -> list[EmailMessage]:
        """Wait until so many have come; all of them."""
        until(f"{count} mails", lambda: len(self.got) >= count)
        return self.got


@contextmanager
def mail_server(
    *answers: str,
    context: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    refused: tuple[str, ...] = (),
    whole: bool = False,
) -> Iterator[MailServer]:
    """It listens on loopback. `context`: it demands STARTTLS, or is TLS as a whole; `login`: user and password."""
    one = MailServer(answers, refused, whole=whole)

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        good = login is not None and (data.login.decode(), data.password.decode()) == login
        return AuthResult(success=good, handled=False)

    options: dict[str, Any] = {"enable_SMTPUTF8": False}
    if login is not None:
        options |= {
            "authenticator": authenticate,
            "auth_required": not whole,
            "auth_require_tls": context is not None and not whole,
        }
    if context is not None and not whole:
        options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(
        one, hostname="127.0.0.1", port=0, ssl_context=context if whole else None, **options
    )
    started = _with_any_port(controller)
    one.port = started
    try:
        yield one
    finally:
        controller.stop()


def _with_any_port(controller: Controller) -> int:
    """The controller tries its port by connecting, and knows no other than the one it was given."""
    from ports import free_port

    controller.port = free_port()
    controller.start()
    return int(controller.port)
