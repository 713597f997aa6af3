"""The sections of the settings file as frozen models: every key, its default and its limits.

What a key means to a site is said once, in the commented file of `interface/cli/template.py`; docs/settings.md puts both
together.
"""

import ipaddress
import re
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from interface.hl7.charsets import codec_of
from interface.settings import checks
from interface.settings.secrets import check_reference

MIB = 1024 * 1024
DAY_LIMIT = 36_500
"""Retention and look-back in days: at most a century, so that a slip of the keyboard is an error."""

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Field(strict=False)]
"""A TOML array, kept as a tuple."""

PlainText = Annotated[str, AfterValidator(checks.plain_text)]
FilledText = Annotated[str, AfterValidator(checks.filled_text)]
CleanText = Annotated[str, AfterValidator(checks.clean_text)]
TenDigits = Annotated[str, AfterValidator(checks.ten_digits)]
HTTPAddress = Annotated[str, AfterValidator(checks.http_address)]
MailAddress = Annotated[str, AfterValidator(checks.mail_address)]
WeekWindow = Annotated[str, AfterValidator(checks.week_window)]
TimeZone = Annotated[str, AfterValidator(checks.time_zone)]
Charset = Annotated[str, AfterValidator(checks.charset)]
Network = Annotated[str, AfterValidator(checks.network)]
BindHost = Annotated[str, AfterValidator(checks.bind_host)]
Pattern = Annotated[str, AfterValidator(checks.pattern)]
SecretReference = Annotated[str, AfterValidator(check_reference)]
Port = Annotated[int, Field(ge=0, le=65535)]
"""0: any free port, for rehearsals."""
Days = Annotated[int, Field(ge=0, le=DAY_LIMIT)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]

Environment = Literal["sandbox", "staging", "production-test", "production"]
Decision = Literal["post", "chart", "ignore"]
Category = Literal[
    "autoimmune",
    "bariatric",
    "behavioral",
    "cardiovascular",
    "dental",
    "dermatological",
    "endocrinological",
    "gastroenterological",
    "generalSurgery",
    "hematological",
    "infectious",
    "lymphatic",
    "mens",
    "metabolic",
    "musculoskeletal",
    "neonatological",
    "neurological",
    "nutritional",
    "oncological",
    "ophthalmic",
    "otolaryngological",
    "pain",
    "pulmonary",
    "renal",
    "spinal",
    "stroke",
    "toxicological",
    "urological",
    "womens",
]
"""The diagnostic areas that a request can ask for (contract: DiagnosticCategories)."""

MESSAGE_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\^[A-Z0-9]{3})?")
"""A message type as the product writes it everywhere: `ADT^A28`; without a trigger event `ADT`."""
MESSAGE_TYPES = "message types"
"""The name that the message types of `[forward]` are gathered under, between the file and the model."""


class Section(BaseModel):
    """What all sections share: nothing can be changed, no unknown key, no silent change of type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Site(Section):
    """`[site]`: who we are."""

    name: PlainText = ""
    """The clinic's or customer's name, for people."""
    environment: Environment = "sandbox"
    mrn_root: Annotated[str, AfterValidator(checks.mrn_root)] = "2.999.1.1"
    """Assigning authority OID from Connective Health; the default is taken in the sandbox only."""
    mrn_authority: Many[FilledText] = ()
    """CX.4 of the numbers that are MRNs here, namespace or OID."""
    timezone: TimeZone | None = None
    """IANA name; None: dates are taken as written."""

    @property
    def zone(self) -> ZoneInfo | None:
        """The site's time zone; None: dates are taken as written."""
        return ZoneInfo(self.timezone) if self.timezone else None


class Listener(Section):
    """`[[listener]]`: one MLLP port, for one feed or several."""

    name: Annotated[str, AfterValidator(checks.short_name)] = "main"
    host: BindHost = "127.0.0.1"
    port: Port = 2575
    allow: Many[Network] = ()
    """Who may connect; empty: loopback only."""
    tls_certificate: FilledText | None = None
    """PEM: the certificate, then those between it and the authority. All of the port is TLS then."""
    tls_key: FilledText | None = None
    tls_client_ca: FilledText | None = None
    """PEM: the authorities of senders' certificates, of which each sender must show one."""
    tls_client_names: Many[FilledText] = ()
    """Names (DNS, URI, address; or the common name) of which a sender's certificate must have one; empty: any."""
    tls_crl: FilledText | None = None
    """PEM: the authorities' lists of revoked certificates."""
    charset: Charset | None = None
    """What a message without MSH-18 is read as; None: UTF-8, then cp1252."""
    timezone: TimeZone | None = None
    """The sender's time zone; None: the site's."""
    max_message_bytes: Annotated[int, Field(ge=1024, le=1024 * MIB)] = 32 * MIB
    max_connections: Annotated[int, Field(ge=1, le=65535)] = 256
    max_connections_per_address: Annotated[int, Field(ge=1, le=65535)] = 128
    """Of one address: one machine must not be able to take all places."""
    messages_per_second: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    """Of one address; None: no limit. Who is faster is read more slowly."""
    frame_seconds: Seconds = 30.0
    """How long an unfinished frame may take; a silent connection has no limit."""
    ack: Literal["auto", "original", "enhanced"] = "auto"
    not_stored: Literal["close", "AE", "AR"] = "close"

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Who may connect, as networks; loopback when `allow` is empty."""
        return tuple(ipaddress.ip_network(text) for text in self.allow or ("127.0.0.0/8", "::1/128"))

    @property
    def has_tls(self) -> bool:
        """Whether senders must speak TLS."""
        return self.tls_certificate is not None

    @property
    def zone(self) -> ZoneInfo | None:
        """The sender's own time zone, when it has one."""
        return ZoneInfo(self.timezone) if self.timezone else None

    @property
    def codec(self) -> str | None:
        """The Python codec of `charset`."""
        return codec_of(self.charset) if self.charset else None


class Api(Section):
    """`[api]`: where requests go, and how."""

    version: Annotated[Literal[1, 2], BeforeValidator(checks.version_number)] = 1
    key: SecretReference | None = None
    """env:NAME, file:PATH or credential:NAME; see `Settings.api_key`."""
    base_url: Annotated[str, AfterValidator(checks.base_url)] | None = None
    """None: the environment decides; see `Settings.base_url`."""
    batch: Annotated[int, Field(ge=1, le=2500)] = 1
    """Patients in one request of version 2 (contract: at most 2500)."""
    concurrency: Annotated[int, Field(ge=1, le=512)] = 32
    requests_per_second: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = None
    timeout_seconds: Seconds = 30.0


class Mappings(Section):
    """`[mappings]`: how messages are read."""

    overlay: FilledText | None = None
    default_problem_system: Literal["", "ICD10", "ICD9", "SNOMED"] = ""
    visit_diagnosis_days: Days = 730
    """How long a visit's diagnoses stay active unless seen again; 0: for ever."""
    diagnosis_types: Many[FilledText] = ()
    """Types of diagnosis (DG1-6) that are taken; empty: all."""
    npi_check_digit: bool = True
    """false takes ids declared as NPI whose check digit is wrong: for test systems only."""


class Request(Section):
    """`[request]`: what the feed cannot know (contract: the request's fields of the same names)."""

    response_direct_address: Annotated[str, AfterValidator(checks.direct_address)] | None = None
    response_fax_number: TenDigits | None = None
    response_friendly_name: CleanText | None = None
    batch_id: CleanText | None = None
    clinic_name: CleanText | None = None
    clinic_npi: TenDigits | None = None
    diagnostic_categories: Many[Category] = ()
    summary_months: Annotated[int, Field(ge=1, le=1200)] | None = None
    new_patient_types: Many[FilledText] = ()
    """Appointment types of new patients: code or text of SCH-8, else of AIS-3."""


class Forward(Section):
    """`[forward]`: what leads to a request."""

    unchanged: Literal["skip", "send"] = "skip"
    supersede: bool = True
    without_date: Literal["chart", "post"] = "chart"
    send_days_before: Annotated[int, Field(ge=0, le=365)] = 0
    """How many days before the visit it is asked for; 0: at once."""
    types: Annotated[tuple[tuple[str, Decision], ...], Field(strict=False, alias=MESSAGE_TYPES)] = ()
    """What a message type does instead of its default: `("ADT^A28", "chart")`; in the file each is a key."""

    @property
    def decisions(self) -> dict[str, Decision]:
        """Message type to what it does instead of its default."""
        return dict(self.types)

    @model_validator(mode="before")
    @classmethod
    def _gather_types(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if MESSAGE_TYPES in data:
            raise ValueError(
                f'unknown key "{MESSAGE_TYPES}"; each message type is a key: "ADT^A28" = "chart"'
            )
        types = tuple((key, value) for key, value in data.items() if MESSAGE_TYPE.fullmatch(str(key)))
        return {key: value for key, value in data.items() if not MESSAGE_TYPE.fullmatch(str(key))} | {
            MESSAGE_TYPES: types
        }


class StoreSection(Section):
    """`[store]`: where messages, charts and requests are kept, and for how long."""

    url: Annotated[str, AfterValidator(checks.store_url)] = "sqlite:///var/interface.db"
    """See `Settings.store_url` for the one to open."""
    password: Annotated[str, AfterValidator(checks.password_reference)] | None = None
    """The database's password: env:NAME, file:PATH or credential:NAME. None: libpq's own ways, if it needs one."""
    key: SecretReference | None = None
    """The at-rest key; None: a file beside the settings file."""
    encryption: Literal["on", "off"] = "on"
    """off: new values are stored in the clear."""
    journal_days: Days = 90
    """Messages that are in no chart; at least seven days, in which repeated messages are told."""
    request_days: Days = 365
    """Requests after their end."""
    chart_days: Days = 1095
    """Charts after their last change, with the messages that made them."""
    webhook_days: Days = 365
    most_waiting: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1_000_000
    """Messages waiting to be decided at which nothing more is taken."""
    disk_low_mib: Annotated[int, Field(ge=0, le=1024 * 1024)] = 2048
    """Free room on the disk at which it is said, in MiB."""

    @property
    def disk_low_bytes(self) -> int:
        """`disk_low_mib` in bytes."""
        return self.disk_low_mib * MIB

    @property
    def clear(self) -> bool:
        """Whether new values are stored in the clear."""
        return self.encryption == "off"


class Log(Section):
    """`[log]`: what is written to standard error, and how."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines below it are left out."""
    messages: bool = True
    """Whether there is a line for each message that is decided and for each request that ends."""
    control_id: bool = True
    """false: MSH-10 stands in no line, for senders who put patients' numbers in it."""


class Filters(Section):
    """`[filters]`: which messages are taken, by what they say. An empty `take_` list takes all."""

    take_appointment_types: Many[FilledText] = ()
    leave_appointment_types: Many[FilledText] = ()
    take_locations: Many[FilledText] = ()
    leave_locations: Many[FilledText] = ()
    take_providers: Many[FilledText] = ()
    leave_providers: Many[FilledText] = ()
    test_patient_pattern: Pattern | None = None


class Web(Section):
    """`[web]`: the door for health, metrics and the console."""

    host: BindHost = "127.0.0.1"
    port: Port = 8025
    console: bool = True
    """false: health and metrics only."""
    tls_certificate: FilledText | None = None
    """PEM: the certificate, then those between it and the authority. All of the port is https then."""
    tls_key: FilledText | None = None

    @property
    def has_tls(self) -> bool:
        """Whether it answers https by itself."""
        return self.tls_certificate is not None


class Webhooks(Section):
    """`[webhooks]`: where Connective Health reports back to."""

    path: Annotated[str, AfterValidator(checks.webhook_path)] = "/webhooks/connective-health"
    host: BindHost | None = None
    """None: this machine only, where it has a port of its own; else that of `[web]`."""
    port: Port | None = None
    """None: the port of `[web]`; with TLS 8443."""
    tls_certificate: FilledText | None = None
    """PEM: the certificate, then those between it and the authority."""
    tls_key: FilledText | None = None
    secret: Annotated[str, AfterValidator(checks.secret_reference)] | None = None
    """One more segment of the path, known to Connective Health alone: env:NAME, file:PATH or credential:NAME."""
    allow: Many[Network] = ()
    """Who may send; empty: anyone, for the source addresses are not published."""
    proxies: Many[Network] = ()
    """Reverse proxies, whose X-Forwarded-For is believed."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=16 * MIB)] = 256 * 1024
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Webhooks of one sender in a minute; more are asked to come later."""
    expected_hours: Annotated[float, Field(gt=0, le=24 * 366, allow_inf_nan=False)] = 72.0
    """How long a request may go without a webhook until it is said."""

    @property
    def allowed(self) -> tuple[IPNetwork, ...]:
        """`allow` as networks; (): anyone."""
        return tuple(ipaddress.ip_network(text) for text in self.allow)

    @property
    def trusted(self) -> tuple[IPNetwork, ...]:
        """`proxies` as networks."""
        return tuple(ipaddress.ip_network(text) for text in self.proxies)

    @property
    def has_tls(self) -> bool:
        """Whether it answers https by itself."""
        return self.tls_certificate is not None
