"""The single checks of `check`: each looks at one thing of the settings and reports what it finds."""

import errno
import socket
import stat
import zoneinfo
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from interface.cli.check_alerts import check_alerts
from interface.cli.check_environment import check_environment
from interface.cli.check_listeners import certificate, check_listeners
from interface.cli.check_store import check_disk, check_key, check_store
from interface.cli.common import place_of
from interface.cli.findings import Found, Level
from interface.errors import InterfaceError
from interface.settings import Settings, SettingsError

PLAUSIBLE_YEARS = range(2025, 2100)
CLOCK_SECONDS = 120
"""How far this machine's clock may be off the API's before it is said."""
CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Finding:
    """One line of the answer."""

    level: Level
    what: str
    detail: str
    about_settings: bool = False
    """Whether it is the settings that have to change (exit code 2)."""


def guarded(what: str, check: Callable[[Settings], Found], settings: Settings) -> list[Finding]:
    """Run one check; what it raises is a finding too, so that the others are still made."""
    findings: list[Finding] = []
    try:
        for level, detail in check(settings):  # one by one: what was found before a fault counts, too
            findings.append(Finding(level, what, detail))
    except SettingsError as error:
        findings += [Finding("FAIL", what, str(fault), about_settings=True) for fault in error.faults]
    except InterfaceError as error:
        # as every other command has it: a key that the settings name
        named = getattr(error, "exit_code", 1) == 2
        findings += [Finding("FAIL", what, line, about_settings=named) for line in str(error).splitlines()]
    except OSError as error:
        said = error.strerror or type(error).__name__
        findings.append(Finding("FAIL", what, f"{error.filename}: {said}" if error.filename else said))
    except Exception as error:
        findings.append(Finding("FAIL", what, f"unexpected {place_of(error)}"))
    return findings


def check_features(settings: Settings) -> Found:
    """What staging allows, and what is seldom meant."""
    from interface.services.limits import limits_of

    if settings.site.environment == "staging":
        limits = limits_of(settings)
        per_minute = round((limits.requests_per_second or 0.0) * 60)
        yield (
            "ok",
            f"staging: only test patients leave, at most {per_minute} requests a minute, {limits.concurrency} at a time",
        )
    if settings.request.response_direct_address and settings.request.response_fax_number:
        yield "warn", "[request] has a Direct address and a fax number; the API expects one of them"
    if settings.api.version == 2 and settings.request.response_fax_number:
        yield "warn", "[request] response_fax_number is not sent: version 2 of the API has no fax number"
    if not settings.site.mrn_authority and not _has_roots(settings):
        yield (
            "warn",
            "[site] mrn_authority is not set: numbers of type MR are taken for MRNs (feed-report says whose come)",
        )


def _has_roots(settings: Settings) -> bool:
    """Whether the site's folder says whose numbers are MRNs; one that can't be read is told of elsewhere."""
    try:
        return bool(settings.rulebook().site.roots)
    except InterfaceError:
        return False


def check_mappings(settings: Settings) -> Found:
    """The rules and code tables load; what the site's overlay changes, a line for each."""
    from interface.rules import RuleError

    try:
        book = settings.rulebook()
    except RuleError as error:
        raise SettingsError(str(error)) from None
    for kind in book.unknown(settings.forward.decisions):
        yield "warn", f'[forward] "{kind}": no message of this type is known; is it a slip?'
    if settings.mappings.overlay is None:
        yield "ok", "rules and tables load"
        return
    folder = settings.resolve(settings.mappings.overlay)
    yield "ok", f"rules and tables load, with {folder}"
    yield from (("ok", change) for change in book.changes)
    for name, rows in book.own_rows.items():
        if not rows:
            yield "warn", f"{folder}: {name} has no rows: nothing counts of it; is its file whole?"
    if not book.changes:
        yield "warn", f"{folder} changes nothing"


def check_lead_time(settings: Settings) -> Found:
    """When requests are sent for: what the setting and the site's rules mean."""
    from interface.chart.lead_time import FIELD
    from interface.rules import RuleError

    days = settings.forward.send_days_before
    try:
        own = [entry for entry in settings.rulebook().fixed if entry.field == FIELD]
    except (RuleError, SettingsError):
        own = []  # said with the mappings
    if days or own:
        yield "ok", f"asks {_asks(days)}"
    for entry in own:
        yield "ok", f"{entry.name}: asks {_asks(int(str(entry.value)))}"


def _asks(days: int) -> str:
    if not days:
        return "at once"
    return f"{days} day{'s' if days > 1 else ''} before the visit, between 00:00 and 08:00 at the site"


def check_api_key(settings: Settings) -> Found:
    """The API key can be read from where the settings say."""
    settings.api_key()
    spec = settings.api.key
    if spec is None:
        yield "ok", "the simulated API's own"
        return
    kind, _, name = spec.partition(":")
    if kind == "file":
        path = settings.resolve(name)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield "warn", f"others may read {path}: chmod 600 {path}"
    yield "ok", f"read from {spec}"


def check_api(settings: Settings) -> Found:
    """The API answers. Nothing but an empty HEAD goes out: no key, no patient data."""
    import requests

    url = settings.base_url
    hint = "; start it: hl7-interface sandbox" if settings.site.environment == "sandbox" else ""
    try:
        with requests.Session() as session:
            session.trust_env = False  # as the courier: neither proxies nor keys of the environment
            timeout = min(CONNECT_SECONDS, settings.api.timeout_seconds)
            with session.head(url, timeout=timeout, allow_redirects=False) as reply:
                there, strange = reply.headers.get("Date", ""), _not_an_api(reply.status_code, reply.headers)
    except requests.exceptions.SSLError:
        yield "FAIL", f"{url}: its TLS certificate or version was not accepted"
    except requests.exceptions.Timeout:
        yield "FAIL", f"{url}: no answer within {timeout:g} s{hint}"
    except requests.exceptions.RequestException:
        yield "FAIL", f"{url}: cannot be reached{hint}"
    else:
        yield (
            ("warn", f"{url} answers {strange}: is a proxy in between?")
            if strange
            else ("ok", f"{url} answers")
        )
        yield from _clock_off(there)


def _not_an_api(status: int, headers: Mapping[str, str]) -> str:
    """What of the answer to a HEAD speaks for a proxy's page in the API's place; empty: nothing does."""
    if 300 <= status < 400:
        return f"{status}, a redirect"
    if status in (407, 511):
        return f"{status}, a proxy's wish to know who we are"
    if 200 <= status < 300 and headers.get("Content-Type", "").lower().startswith("text/html"):
        return f"{status} with a web page"
    return ""


def _clock_off(there: str) -> Found:
    """Hold this machine's clock against the API's `Date`, which has whole seconds."""
    try:
        moment = parsedate_to_datetime(there)
    except (ValueError, TypeError):
        return
    if moment.tzinfo is not None:
        off = round((datetime.now(UTC) - moment).total_seconds())
        if abs(off) > CLOCK_SECONDS:
            yield (
                "warn",
                f"this machine's clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} the API's",
            )


def check_clock(settings: Settings) -> Found:
    """The clock shows a plausible year, and time zones are known."""
    now = datetime.now(UTC)
    if now.year not in PLAUSIBLE_YEARS:
        yield "FAIL", f"the year is {now.year}: set this machine's clock"
    if not zoneinfo.available_timezones():
        yield "FAIL", "no time zone data on this machine"
    if settings.site.zone is None:
        yield "warn", "[site] timezone is not set: dates are taken as written"
        return
    yield "ok", f"{now.astimezone(settings.site.zone).strftime('%Y-%m-%d %H:%M %Z')} at the site"


def check_webhooks(settings: Settings) -> Found:
    """Webhooks can be taken: the secret is there, certificate and key are a pair that is good today."""
    given = settings.webhooks
    if not settings.takes_webhooks:
        yield (
            "warn",
            f"[web] listens on {settings.web.host} without TLS, and [webhooks] says nothing: none are taken",
        )
        return
    secret = settings.webhook_secret()
    if given.secret is not None and given.secret.startswith("file:"):
        path = settings.resolve(given.secret.partition(":")[2])
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield "warn", f"others may read {path}: chmod 600 {path}"
    host, port = settings.webhooks_door or (settings.web.host, settings.web.port)
    way = "https" if settings.webhooks_over_tls else "http"
    yield "ok", f"taken at {way}://{host}:{port}{given.path}{'/SECRET' if secret else ''}"
    yield from certificate(settings, given.tls_certificate, given.tls_key)
    if (settings.webhooks_over_tls or given.proxies) and secret is None and not given.allow:
        yield "warn", "[webhooks] has neither secret nor allow: whoever knows the path can send"


def check_console(settings: Settings) -> Found:
    """The console can be reached as the settings say; its certificate and key are a pair that is good today."""
    web = settings.web
    address = f"{'https' if web.has_tls else 'http'}://{web.host}:{web.port}/"
    yield "ok", f"at {address}" if web.console else f"off: health and metrics alone, at {address}"
    yield from certificate(settings, web.tls_certificate, web.tls_key)


def check_ports(settings: Settings) -> Found:
    """Every port can be listened on."""
    doors = [(f'listener "{door.name}"', door.host, door.port) for door in settings.listeners]
    doors.append(("web", settings.web.host, settings.web.port))
    if settings.webhooks_door is not None:
        doors.append(("webhooks", *settings.webhooks_door))
    for name, host, port in doors:
        yield _port(name, host, port)
    for door in settings.listeners:
        if not door.allow and not door.host.startswith(("127.", "::1", "localhost")):
            yield "warn", f'listener "{door.name}": allow is empty, so only this machine may connect'


def _port(name: str, host: str, port: int) -> tuple[Level, str]:
    place = f"{name} {host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "warn", f"{place} is taken: the daemon runs, or another program has it"
        return "FAIL", f"{place}: {error.strerror}"
    return "ok", f"{place} is free"


CHECKS: tuple[tuple[str, Callable[[Settings], Found]], ...] = (
    ("settings", check_features),
    ("environment", check_environment),
    ("mappings", check_mappings),
    ("lead time", check_lead_time),
    ("at-rest key", check_key),
    ("store", check_store),
    ("disk", check_disk),
    ("API key", check_api_key),
    ("API", check_api),
    ("clock", check_clock),
    ("listener", check_listeners),
    ("webhooks", check_webhooks),
    ("console", check_console),
    ("alerts", check_alerts),
    ("port", check_ports),
)
"""What is looked at after the settings, in this order."""
