"""The whole settings file as one frozen object."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlsplit

from pydantic import Field, PrivateAttr, model_validator

from interface.alerting.facts import FeedLimit, Limits
from interface.alerting.week import Week, windows_of
from interface.paths import at_home
from interface.rules.policy import Filters as FilterPolicy
from interface.rules.policy import Policy, RequestDefaults
from interface.settings import checks, together
from interface.settings.alert_sections import AlertFeed, Alerts
from interface.settings.errors import Fault, SettingsError
from interface.settings.locate import LineIndex
from interface.settings.locate import Path as KeyPath
from interface.settings.secrets import resolve_secret
from interface.settings.sections import (
    Api,
    Filters,
    Forward,
    Listener,
    Log,
    Many,
    Mappings,
    Request,
    Section,
    Site,
    StoreSection,
    Web,
    Webhooks,
)
from interface.settings.together import BASE_URLS

if TYPE_CHECKING:
    from interface.rules import Rulebook

POST_PATHS = {
    (1, "production-test"): "/v1/scheduled-appointment/test",
    (2, "production-test"): "/v2/patient-data/validate",
}
"""The paths that validate without processing; every other environment uses the version's own."""
VERSION_PATHS = {1: "/v1/scheduled-appointment", 2: "/v2/patient-data/process"}

WEBHOOKS_PORT = 8443
"""Where webhooks are taken over TLS by default."""
WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_.~-]{16,200}")

SANDBOX_KEY = "sandbox"
"""The key that the simulated API takes by default."""


ARRAYS = ("listener", "alerts.feed")
"""Sections that may be there several times."""
TABLES_WITHIN = (("alerts", "smtp"), ("alerts", "feed"))
"""Sections within sections."""


def where(path: KeyPath) -> str:
    """A key as an operator names it: `[site] environment`, `[[listener]] port`."""
    if not path:
        return ""
    names = [str(part) for part in path if isinstance(part, str)]
    if path[:2] in TABLES_WITHIN:
        section, names = f"{names[0]}.{names[1]}", names[1:]
    else:
        section = names[0]
    brackets = "[[{}]]" if section in ARRAYS else "[{}]"
    return " ".join([brackets.format(section), *names[1:2]])


class Settings(Section):
    """A settings file, made by `load_settings`. `Settings()` is all defaults, for use without a file."""

    site: Site = Site()
    listeners: Annotated[Many[Listener], Field(alias="listener")] = (Listener(),)
    api: Api = Api()
    mappings: Mappings = Mappings()
    request: Request = Request()
    forward: Forward = Forward()
    store: StoreSection = StoreSection()
    filters: Filters = Filters()
    log: Log = Log()
    web: Web = Web()
    webhooks: Webhooks = Webhooks()
    alerts: Alerts = Alerts()

    _file: Path | None = PrivateAttr(default=None)
    _lines: LineIndex = PrivateAttr(default_factory=LineIndex)

    def policy(self) -> Policy:
        """What mapping and decisions need of the settings."""
        given = self.request
        return Policy(
            environment=self.site.environment,
            api_version=self.api.version,
            mrn_root=self.site.mrn_root,
            mrn_authority=self.site.mrn_authority,
            timezone=self.site.zone,
            listener_timezones={entry.name: zone for entry in self.listeners if (zone := entry.zone)},
            listener_charsets={entry.name: entry.charset for entry in self.listeners if entry.charset},
            default_problem_system=self.mappings.default_problem_system,
            visit_diagnosis_days=self.mappings.visit_diagnosis_days,
            diagnosis_types=self.mappings.diagnosis_types,
            npi_check_digit=self.mappings.npi_check_digit,
            unchanged=self.forward.unchanged,
            supersede=self.forward.supersede,
            without_date=self.forward.without_date,
            send_days_before=self.forward.send_days_before,
            decisions=dict(self.forward.decisions),
            request=RequestDefaults(
                response_direct_address=given.response_direct_address or "",
                response_fax_number=given.response_fax_number or "",
                response_friendly_name=given.response_friendly_name or "",
                batch_id=given.batch_id or "",
                clinic_name=given.clinic_name or "",
                clinic_npi=given.clinic_npi or "",
                diagnostic_categories=given.diagnostic_categories,
                summary_months=given.summary_months or 0,
                new_patient_types=given.new_patient_types,
            ),
            filters=self._filters(),
        )

    def _filters(self) -> FilterPolicy:
        from interface.rules.conditions import plain

        given = self.filters
        return FilterPolicy(
            take_types=frozenset(map(plain, given.take_appointment_types)),
            leave_types=frozenset(map(plain, given.leave_appointment_types)),
            take_locations=frozenset(map(plain, given.take_locations)),
            leave_locations=frozenset(map(plain, given.leave_locations)),
            take_providers=frozenset(map(plain, given.take_providers)),
            leave_providers=frozenset(map(plain, given.leave_providers)),
            test_patients=re.compile(given.test_patient_pattern, re.IGNORECASE)
            if given.test_patient_pattern
            else None,
        )

    def rulebook(self) -> "Rulebook":
        """The mapping as the site's overlay folder changes it, read and checked now.

        Raises:
            SettingsError: the folder is not there.
            RuleError: a file in it says something that can't be; file, line and the nearest valid name.

        """
        # imported here: the door, and most commands, read no mapping
        from interface.rules import RuleError, load_rulebook

        if self.mappings.overlay is None:
            return load_rulebook()
        folder = self.resolve(self.mappings.overlay)
        if not folder.is_dir():
            text = f"no such folder: {folder}"
            raise SettingsError(self.fault(("mappings", "overlay"), text))
        beside = self._file.parent / self.mappings.overlay if self._file else folder
        book = load_rulebook(
            folder,
            shown=str(at_home(beside)),
            npi_check_digit=self.mappings.npi_check_digit,
            listeners=[entry.name for entry in self.listeners],
        )
        if not self.request.diagnostic_categories:
            fields = {entry.field for entry in book.fixed}
            period = next((entry for entry in book.fixed if entry.field == "medicalSummaryPeriod"), None)
            if period is not None and "directives.diagnosticCategories" not in fields:
                raise RuleError(
                    f"{period.place}: {period.name.rpartition('#')[2]}: medicalSummaryPeriod needs "
                    "diagnostic_categories in [request], or a rule for directives.diagnosticCategories"
                )
        return book

    def attach(self, file: Path, lines: LineIndex) -> None:
        """Remember where the settings came from; called once, by the loader."""
        self._file, self._lines = file, lines

    @property
    def file(self) -> Path | None:
        """The file as it was named; None for settings without a file."""
        return self._file

    @property
    def directory(self) -> Path:
        """The folder that relative paths are relative to, absolute."""
        return self._file.absolute().parent if self._file else Path.cwd()

    def resolve(self, text: str) -> Path:
        """A path of the settings file, absolute; `~` is the user's home."""
        return self.directory / at_home(text)

    def fault(self, path: KeyPath, text: str) -> Fault:
        """A fault at a key, with the file and the line it has there."""
        return Fault(text, where(path), str(self._file) if self._file else "", self._lines.line(path))

    @property
    def base_url(self) -> str:
        """Where requests go: scheme, host and port, no slash at the end."""
        return self.api.base_url or BASE_URLS[self.site.environment]

    @property
    def is_rehearsal(self) -> bool:
        """Whether what is meant for the vendor's environment goes to this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return self.site.environment != "sandbox" and checks.is_loopback(host)

    @property
    def post_url(self) -> str:
        """The address that requests are posted to (contract: environments and endpoints)."""
        version = self.api.version
        return self.base_url + POST_PATHS.get((version, self.site.environment), VERSION_PATHS[version])

    @property
    def processes(self) -> bool:
        """Whether what is posted is processed, and answered by webhooks; else it is only validated."""
        return (self.api.version, self.site.environment) not in POST_PATHS

    @property
    def webhooks_door(self) -> tuple[str, int] | None:
        """Host and port that webhooks have for themselves; None: they come by the port of `[web]`, if at all."""
        given = self.webhooks
        if given.port is None and not given.has_tls:
            return None
        return given.host or "127.0.0.1", WEBHOOKS_PORT if given.port is None else given.port

    @property
    def webhooks_host(self) -> str:
        """Where they come in."""
        door = self.webhooks_door
        return self.web.host if door is None else door[0]

    @property
    def takes_webhooks(self) -> bool:
        """Whether webhooks are taken: not where nothing is said of them and `[web]` is open to others over plain
        http.
        """
        said = bool(self.webhooks.model_fields_set)
        own = self.webhooks_door is not None
        return said or own or self.webhooks_over_tls or checks.is_loopback(self.webhooks_host)

    @property
    def webhooks_over_tls(self) -> bool:
        """Whether they come over TLS of our own: that of their port, or of `[web]` where they share it."""
        return self.webhooks.has_tls or (self.webhooks_door is None and self.web.has_tls)

    def webhook_secret(self) -> str | None:
        """The secret segment of the webhooks' path, read now; None: there is none. Never print it.

        Raises:
            SettingsError: it is not there, or no segment of a path.

        """
        if self.webhooks.secret is None:
            return None
        try:
            secret = resolve_secret(self.webhooks.secret, self.directory, "secret")
        except SettingsError as error:
            raise SettingsError(self.fault(("webhooks", "secret"), error.faults[0].text)) from None
        if not WEBHOOK_SECRET.fullmatch(secret):
            text = "must be 16 to 200 letters, digits, - _ . and ~: it is a part of a URL"
            raise SettingsError(self.fault(("webhooks", "secret"), text))
        return secret

    def alert_secret(self) -> str | None:
        """The value of the header that a webhook of alerts bears, read now; None: there is none. Never print it.

        Raises:
            SettingsError: it is not there.

        """
        return self._secret(self.alerts.webhook_secret, ("alerts", "webhook_secret"), "secret")

    def mail_password(self) -> str | None:
        """The password of the mail server, read now; None: there is none. Never print it.

        Raises:
            SettingsError: it is not there.

        """
        return self._secret(self.alerts.smtp.password, ("alerts", "smtp", "password"), "password")

    def _secret(self, reference: str | None, path: KeyPath, what: str) -> str | None:
        if reference is None:
            return None
        try:
            return resolve_secret(reference, self.directory, what)
        except SettingsError as error:
            raise SettingsError(self.fault(path, error.faults[0].text)) from None

    @property
    def certified(self) -> tuple[str, ...]:
        """The sections whose ports have a certificate."""
        named = {"[web]": self.web.tls_certificate, "[webhooks]": self.webhooks.tls_certificate}
        named |= {f"[[listener]] {door.name}": door.tls_certificate for door in self.listeners}
        return tuple(where for where, file in named.items() if file)

    def alert_limits(self) -> Limits:
        """What conditions of alerts are judged by."""
        given = self.alerts
        return Limits(
            disk_low_bytes=self.store.disk_low_bytes,
            most_waiting=self.store.most_waiting,
            late=given.late_minutes * 60,
            oldest=given.oldest_minutes * 60,
            paused=given.paused_minutes * 60,
            away=given.away_minutes * 60,
            held_percent=given.held_percent,
            webhook_silence=self.webhooks.expected_hours * 3600,
            certificate_days=given.certificate_days,
            skew=given.skew_seconds,
            clocks=("API",) if self.store_path is not None else ("API", "database"),
            certificates=self.certified,
            feeds=tuple(self._feed_limit(feed) for feed in given.feed),
            hold=given.hold_minutes * 60,
            settle=given.settle_minutes * 60,
            repeat=given.repeat_hours * 3600,
            off=frozenset(given.off),
        )

    def _feed_limit(self, feed: AlertFeed) -> FeedLimit:
        week = Week(windows_of(feed.windows), self.site.zone)
        return FeedLimit(feed.name, feed.listener, feed.application, feed.facility, week, feed.minutes * 60)

    @property
    def store_path(self) -> Path | None:
        """The SQLite file, absolute; None for a database server."""
        if not self.store.url.startswith("sqlite:///"):
            return None
        return self.resolve(self.store.url.removeprefix("sqlite:///"))

    @property
    def store_url(self) -> str:
        """The URL to open, its SQLite path absolute, with the password of the database: never print it.

        Raises:
            SettingsError: the password is not there.

        """
        path = self.store_path
        if path is not None:
            return f"sqlite:///{path}"
        if self.store.password is None:
            return self.store.url
        try:
            password = resolve_secret(self.store.password, self.directory)
        except SettingsError as error:
            raise SettingsError(self.fault(("store", "password"), error.faults[0].text)) from None
        return self.with_password(self.store.url, password)

    @staticmethod
    def with_password(url: str, password: str) -> str:
        """A database's URL that holds its password: never print it."""
        return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"

    def api_key(self) -> str:
        """The API key itself, read now from where the settings say.

        Raises:
            SettingsError: it is not there; the line names the place and what to do.

        """
        if self.api.key is None:
            if self.site.environment == "sandbox":
                return SANDBOX_KEY
            text = 'missing; set key = "env:NAME" (or file:PATH, credential:NAME); only the sandbox has one'
            raise SettingsError(self.fault(("api", "key"), text))
        try:
            return resolve_secret(self.api.key, self.directory)
        except SettingsError as error:
            raise SettingsError(self.fault(("api", "key"), error.faults[0].text)) from None

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if faults := together.faults(self):
            raise together.InconsistentError(faults)
        return self
