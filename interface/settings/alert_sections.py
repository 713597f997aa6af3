"""`[alerts]` of the settings file as frozen models: when somebody is called, and by which ways."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from interface.settings import checks
from interface.settings.sections import (
    FilledText,
    HTTPAddress,
    MailAddress,
    Many,
    PlainText,
    Section,
    WeekWindow,
)

Minutes = Annotated[float, Field(gt=0, le=14 * 24 * 60, allow_inf_nan=False)]
"""A setting of time that is long by nature; a fraction is for rehearsals."""
SomeMinutes = Annotated[float, Field(ge=0, le=24 * 60, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=24 * 366, allow_inf_nan=False)]


class AlertFeed(Section):
    """`[[alerts.feed]]`: when a feed is expected to speak, and how long it may be silent then."""

    listener: Annotated[str, AfterValidator(checks.short_name)] = "main"
    application: PlainText = ""
    """MSH-3 of a sender; empty: any."""
    facility: PlainText = ""
    """MSH-4 of a sender; empty: any."""
    windows: Many[WeekWindow] = ("00:00-24:00",)
    minutes: Minutes = 60.0

    @property
    def name(self) -> str:
        """As alerts call it."""
        sender = "/".join(filter(None, (self.application, self.facility)))
        return f"{self.listener}: {sender}" if sender else self.listener


class AlertMail(Section):
    """`[alerts.smtp]`: who gets mail, and by which server."""

    host: FilledText | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: 587; with tls = "tls" 465, with "none" 25."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca: FilledText | None = None
    """PEM: the authority of the server's certificate, where it is a site's own."""
    user: FilledText | None = None
    password: Annotated[str, AfterValidator(checks.password_reference)] | None = None
    sender: Annotated[MailAddress | None, Field(alias="from")] = None
    to: Many[MailAddress] = ()

    @property
    def at_port(self) -> int:
        """The port to use."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.tls]


class Alerts(Section):
    """`[alerts]`: when somebody is called, and by which ways."""

    repeat_hours: Annotated[float, Field(ge=0, le=24 * 366, allow_inf_nan=False)] = 24.0
    """An alert that goes on is said again after so many hours; 0: it is said once."""
    hold_minutes: SomeMinutes = 1.0
    """What has no limit of its own has to hold for so long before it is said."""
    settle_minutes: SomeMinutes = 2.0
    """And has to be over for so long before that is said."""
    off: Many[Annotated[str, AfterValidator(checks.alert_code)]] = ()
    """Alerts that nobody wants, by their codes."""
    late_minutes: Minutes = 10.0
    oldest_minutes: Minutes = 60.0
    paused_minutes: Minutes = 1.0
    away_minutes: Minutes = 5.0
    held_percent: Annotated[int, Field(ge=1, le=100)] = 50
    held_hours: Hours = 24.0
    certificate_days: Annotated[int, Field(ge=1, le=365)] = 21
    skew_seconds: Annotated[float, Field(ge=2, le=86_400, allow_inf_nan=False)] = 60.0
    webhook: HTTPAddress | None = None
    """Where each is POSTed to as JSON."""
    webhook_header: Annotated[str, AfterValidator(checks.header_name)] = "Authorization"
    webhook_secret: Annotated[str, AfterValidator(checks.secret_reference)] | None = None
    """The value of that header: env:NAME, file:PATH or credential:NAME."""
    webhook_ca: FilledText | None = None
    """PEM: the authority of the receiver's certificate, where it is a site's own."""
    command: Many[FilledText] = ()
    """A program and its arguments; it gets the JSON on standard input."""
    smtp: AlertMail = AlertMail()
    feed: Many[AlertFeed] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways by which somebody is called, beside the log."""
        given = (("webhook", self.webhook), ("mail", self.smtp.host), ("command", self.command))
        return tuple(name for name, value in given if value)
