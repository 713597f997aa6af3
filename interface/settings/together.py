"""What only several keys together can say: faults between sections."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from interface.rules.policy import HISTORY
from interface.settings import checks
from interface.settings.locate import Path

if TYPE_CHECKING:
    from interface.settings.model import Settings

STAGING = f"https://processing-request-staging.{checks.VENDOR_DOMAIN}"
PRODUCTION = f"https://processing-request-production.{checks.VENDOR_DOMAIN}"
BASE_URLS = {
    "sandbox": "http://127.0.0.1:8026",
    "staging": STAGING,
    "production-test": PRODUCTION,
    "production": PRODUCTION,
}
"""Where each environment sends by default (contract: environments and endpoints)."""

REFUSED_BASE_URLS = {"staging": PRODUCTION, "production-test": STAGING, "production": STAGING}
"""The vendor's host of the other kind: real patients must not reach staging, nor trials production."""

WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to

Found = tuple[Path, str]
"""The key a fault is shown at, and what to do."""


class InconsistentError(ValueError):
    """Faults between keys, each with the key it is shown at."""

    def __init__(self, faults: list[Found]):
        super().__init__("; ".join(text for _, text in faults))
        self.faults = faults


def faults(settings: "Settings") -> list[Found]:
    """Every fault between the keys of `settings` whose single values are all well."""
    parts = (_destination, _listeners, _web, _webhooks, _request, _alerts)
    return [fault for part in parts for fault in part(settings)]


def _destination(settings: "Settings") -> Iterator[Found]:
    """The environment and the address must belong together: no patient goes to a place of another kind."""
    environment, url = settings.site.environment, settings.api.base_url
    if environment != "sandbox" and "mrn_root" not in settings.site.model_fields_set:
        yield (
            ("site", "mrn_root"),
            f'missing; environment "{environment}" needs the OID that Connective Health gave',
        )
    if url is None or checks.is_loopback(urlsplit(url).hostname or ""):
        return
    if environment == "sandbox":
        text = 'environment "sandbox" sends to loopback only; leave the key out, or set [site] environment'
        yield ("api", "base_url"), text
    elif urlsplit(url).hostname == urlsplit(REFUSED_BASE_URLS[environment]).hostname:
        yield (
            ("api", "base_url"),
            f'is not a host of environment "{environment}"; leave the key out and it decides',
        )


def _listeners(settings: "Settings") -> Iterator[Found]:
    """Names and ports are each used once, the web door's included; port 0 is any free one."""
    if not settings.listeners:
        yield ("listener",), "there must be at least one; leave the key out for the default one"
    names: set[str] = set()
    doors: list[tuple[Path, str, str, int]] = []
    for number, listener in enumerate(settings.listeners):
        if listener.name in names:
            yield (
                ("listener", number, "name"),
                f'"{listener.name}" is used twice; give each listener its own name',
            )
        if listener.name == HISTORY:
            text = f'"{HISTORY}" is what the history of the command `load` goes by; take another name'
            yield ("listener", number, "name"), text
        yield from _tls(("listener", number), listener)
        names.add(listener.name)
        doors.append((("listener", number), f'listener "{listener.name}"', listener.host, listener.port))
    doors.append((("web",), "[web]", settings.web.host, settings.web.port))
    if (own := settings.webhooks_door) is not None:
        doors.append((("webhooks",), "[webhooks]", *own))
    for number, (path, _, host, port) in enumerate(doors):
        for _, other, other_host, other_port in doors[:number]:
            if port and port == other_port and (host == other_host or {host, other_host} & WILDCARDS):
                yield (*path, "port"), f"{port} is already used by {other}; give each its own port"
                break


TOGETHER = (
    ("tls_certificate", "tls_key"),
    ("tls_key", "tls_certificate"),
    ("tls_client_ca", "tls_certificate"),
    ("tls_client_names", "tls_client_ca"),
    ("tls_crl", "tls_client_ca"),
)
"""Keys of TLS, and what each needs."""


def _tls(path: Path, section: object) -> Iterator[Found]:
    """Keys of a section's TLS that mean nothing without another."""
    for name, other in TOGETHER:
        if getattr(section, name, None) and not getattr(section, other, None):
            yield (*path, name), f"needs {other}, too"


def _webhooks(settings: "Settings") -> Iterator[Found]:
    """Webhooks are patients' data: they come over TLS, or by a way of which this machine or a proxy is the end."""
    given = settings.webhooks
    yield from _tls(("webhooks",), given)
    if given.host is not None and settings.webhooks_door is None:
        yield ("webhooks", "host"), "needs a port of its own, or tls_certificate and tls_key"
        return
    if settings.webhooks_over_tls or given.proxies or checks.is_loopback(settings.webhooks_host):
        return
    if settings.takes_webhooks:
        where = "host" if given.host is not None else "path"
        text = (
            f"would be taken over plain http on {settings.webhooks_host}, where others can listen in: set "
            "tls_certificate and tls_key; or port, for one of this machine's own; or proxies, where one ends TLS"
        )
        yield ("webhooks", where), text


def _web(settings: "Settings") -> Iterator[Found]:
    """The console shows patient data and takes passwords: from other machines over TLS only."""
    given = settings.web
    yield from _tls(("web",), given)
    if given.console and not given.has_tls and not checks.is_loopback(given.host):
        text = (
            "the console would be open to other machines over plain http: set tls_certificate and tls_key; or "
            'console = false, for health and metrics alone; or host = "127.0.0.1", behind a proxy that ends TLS'
        )
        yield ("web", "host"), text


def _request(settings: "Settings") -> Iterator[Found]:
    """What the contract demands of several fields together."""
    if settings.request.summary_months is not None and not settings.request.diagnostic_categories:
        text = "needs diagnostic_categories; the API refuses a summary period without a category"
        yield ("request", "summary_months"), text
    if settings.forward.without_date == "post" and settings.api.version == 1:
        yield ("forward", "without_date"), '"post" needs [api] version = 2; version 1 requires a date'
    if settings.api.batch > 1 and settings.api.version == 1:
        yield ("api", "batch"), "needs [api] version = 2; a request of version 1 is about one patient"


def _alerts(settings: "Settings") -> Iterator[Found]:
    """A way by which somebody is called is whole; a feed is one of a listener that is there, and named once."""
    given, mail = settings.alerts, settings.alerts.smtp
    if given.webhook is None and given.webhook_secret is not None:
        yield ("alerts", "webhook_secret"), "needs webhook, too"
    if mail.host is not None:
        for name, value in (("from", mail.sender), ("to", mail.to)):
            if not value:
                yield ("alerts", "smtp"), f"needs {name}, too"
    if (mail.user is None) != (mail.password is None):
        there, lacks = ("user", "password") if mail.password is None else ("password", "user")
        yield ("alerts", "smtp", there), f"needs {lacks}, too"
    if mail.user is not None and mail.tls == "none" and not checks.is_loopback(mail.host or "localhost"):
        yield (
            ("alerts", "smtp", "tls"),
            '"none" would send the password in the clear: set "starttls" or "tls"',
        )
    names = [listener.name for listener in settings.listeners]
    seen: set[str] = set()
    for place, feed in enumerate(given.feed):
        path: Path = ("alerts", "feed", place, "listener")
        if feed.listener not in names:
            near = checks.nearest(feed.listener, names)
            hint = f'did you mean "{near}"?' if near else f"there are {', '.join(names)}"
            yield path, f"no such listener; {hint}"
        if feed.name in seen:
            yield path, f'"{feed.name}" is there twice: put its windows into one list'
        seen.add(feed.name)
        if not feed.windows:
            yield ("alerts", "feed", place, "windows"), "must not be empty; leave the key out for always"
