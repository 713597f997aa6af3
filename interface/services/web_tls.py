"""The TLS of [web] and [webhooks]: made at the start, renewed by SIGHUP. That of listeners: `listener_tls.py`."""

from __future__ import annotations

from datetime import datetime

from interface.services.certificates import Renewable
from interface.services.ports import Secured, pair_of
from interface.settings import Settings


class WebTLS:
    """Of both ports; None: plain http."""

    def __init__(self) -> None:
        self.web: Renewable | None = None
        self.webhooks: Renewable | None = None

    def make(self, settings: Settings) -> None:
        """For the ports of a start. Raises CertificateError."""
        self.webhooks = _made(settings, settings.webhooks)
        self.web = _made(settings, settings.web)

    @property
    def ends(self) -> dict[str, datetime]:
        """Until when the certificates that are served are good, by section."""
        both = {"[web]": self.web, "[webhooks]": self.webhooks}
        return {
            where: made.ends for where, made in both.items() if made is not None and made.ends is not None
        }

    def renew_web(self, settings: Settings) -> None:
        """From the next connection on. Raises CertificateError, and then the old one stays."""
        _renew(self.web, settings, settings.web)

    def renew_webhooks(self, settings: Settings) -> None:
        """The same."""
        _renew(self.webhooks, settings, settings.webhooks)


def _made(settings: Settings, section: Secured) -> Renewable | None:
    pair = pair_of(settings, section)
    return None if pair is None else Renewable(pair)


def _renew(made: Renewable | None, settings: Settings, section: Secured) -> None:
    """TLS is switched on and off by a restart."""
    if made is not None and (pair := pair_of(settings, section)) is not None:
        made.use(pair)
