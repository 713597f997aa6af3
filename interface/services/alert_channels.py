"""The ways by which somebody is called, beside the log: a webhook, mail, a command.

Each is called in a thread of its own, never in the reactor's; what fails is said in one line, without the secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Protocol

from interface.alerting.telling import Notice, Sender, body, subject, text
from interface.errors import InterfaceError
from interface.settings import Settings

SECONDS = 15.0
"""For a connection, and for each answer."""
_SILENT = f"no answer within {SECONDS:g} s"
COMMAND_SECONDS = 30.0
MOST_SAID = 200
"""Characters that are told of what a command or a server says."""


class ChannelError(InterfaceError):
    """It could not be told; one line says why."""


class Channel(Protocol):
    """A way to tell."""

    def tell(self, notice: Notice, sender: Sender) -> None:
        """Tell it. Takes a minute at most; raises ChannelError."""


def _check_readable(ca: Path | None) -> None:
    """Whoever is to be told could be reached, and nobody would look for the fault in a file."""
    if ca is None:
        return
    try:
        ca.open("rb").close()
    except OSError as error:
        raise ChannelError(f"the file of its authority, {ca}, cannot be read: {error.strerror}") from None


@dataclass(frozen=True)
class Webhook:
    """POSTs the JSON."""

    url: str
    header: str = "Authorization"
    secret: str | None = field(default=None, repr=False)
    ca: Path | None = None

    def tell(self, notice: Notice, sender: Sender) -> None:
        """POST it; any status of 200 to 299 is well."""
        import requests

        headers = {"User-Agent": "hl7-interface", "Content-Type": "application/json"}
        if self.secret is not None:
            headers[self.header] = self.secret
        _check_readable(self.ca)
        verify: Any = True if self.ca is None else str(self.ca)
        try:
            with requests.Session() as session:
                session.trust_env = False
                with session.post(
                    self.url,
                    data=json.dumps(body(notice, sender)).encode(),
                    headers=headers,
                    timeout=SECONDS,
                    allow_redirects=False,
                    stream=True,  # what it answers beside the status does not matter
                    verify=verify,
                ) as reply:
                    status = reply.status_code
        except requests.exceptions.SSLError:
            raise ChannelError("its TLS certificate or version was not accepted") from None
        except requests.exceptions.Timeout:
            raise ChannelError(_SILENT) from None
        except (requests.exceptions.RequestException, OSError, ValueError):
            raise ChannelError("it cannot be reached") from None
        if not 200 <= status < 300:
            raise ChannelError(f"it answered {status}")


@dataclass(frozen=True)
class Mail:
    """Sends a mail to all who are to be told."""

    host: str
    port: int
    tls: str
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    def tell(self, notice: Notice, sender: Sender) -> None:
        """Send it."""
        _check_readable(self.ca)
        try:
            with self._server() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                refused = server.send_message(self._message(notice, sender), self.sender, list(self.to))
        except ssl.SSLError:
            raise ChannelError("its TLS certificate or version was not accepted") from None
        except TimeoutError:
            raise ChannelError(_SILENT) from None
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelError(f"user or password was not accepted ({error.smtp_code})") from None
        except smtplib.SMTPRecipientsRefused:
            raise ChannelError("it takes mail for none of [alerts.smtp] to") from None
        except smtplib.SMTPResponseException as error:
            raise ChannelError(f"it answered {error.smtp_code} {_plain(error.smtp_error)}".rstrip()) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelError(f"it knows no {'STARTTLS' if 'STARTTLS' in str(error) else 'login'}") from None
        except smtplib.SMTPServerDisconnected as error:
            silent = isinstance(error.__context__, TimeoutError)
            raise ChannelError(_SILENT if silent else "it ended the connection") from None
        except (smtplib.SMTPException, OSError, ValueError):
            raise ChannelError("it cannot be reached") from None
        if refused:
            raise ChannelError(f"it takes no mail for {', '.join(sorted(refused))}")

    def _server(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        if self.tls == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        if self.tls == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _message(self, notice: Notice, sender: Sender) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = subject(notice, sender)
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Date"] = formatdate(notice.edge.at)
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message["X-Alert"] = notice.edge.code
        message.set_content(text(notice, sender))
        return message


@dataclass(frozen=True)
class Command:
    """Runs a program, without a shell; it gets the JSON on standard input."""

    words: Sequence[str]
    folder: Path
    seconds: float = COMMAND_SECONDS

    def tell(self, notice: Notice, sender: Sender) -> None:
        """Run it; exit code 0 is well."""
        told = body(notice, sender)
        small = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        try:
            process = subprocess.Popen(
                list(self.words),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env=small | {"ALERT": told["alert"], "ALERT_EVENT": told["event"]},
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            raise ChannelError(f"it cannot be run: {error.strerror}") from None
        try:
            _, said = process.communicate(json.dumps(told).encode() + b"\n", self.seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise ChannelError(f"it did not end within {self.seconds:g} s") from None
        if process.returncode:
            last = _plain(said.strip().splitlines()[-1]) if said.strip() else ""
            raise ChannelError(f"it ended with {process.returncode}{': ' if last else ''}{last}")


def _plain(said: bytes | str) -> str:
    """What others say, on one line and not too long."""
    decoded = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join("".join(c if c.isprintable() else " " for c in decoded).split())[:MOST_SAID]


def channels_of(settings: Settings) -> dict[str, Channel]:
    """The channels that the settings name, by their names. Raises SettingsError: a secret is not there."""
    given, mail = settings.alerts, settings.alerts.smtp
    found: dict[str, Channel] = {}
    if given.webhook:
        ca = None if given.webhook_ca is None else settings.resolve(given.webhook_ca)
        found["webhook"] = Webhook(given.webhook, given.webhook_header, settings.alert_secret(), ca)
    if mail.host and mail.sender:
        found["mail"] = Mail(
            mail.host,
            mail.at_port,
            mail.tls,
            mail.sender,
            mail.to,
            mail.user,
            settings.mail_password(),
            None if mail.ca is None else settings.resolve(mail.ca),
        )
    if given.command:
        program, *arguments = given.command
        found["command"] = Command((str(program_of(settings, program)), *arguments), settings.directory)
    return found


def program_of(settings: Settings, program: str) -> str | Path:
    """A program of the settings: a path is relative to the settings file, a mere name is looked for in PATH."""
    return settings.resolve(program) if "/" in program else program


def sender_of(settings: Settings, node: str) -> Sender:
    """Who speaks."""
    return Sender(settings.site.name, settings.site.environment, node, settings.site.zone)
