"""Checks of single values: each returns the value or raises a ValueError that says what to write."""

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from interface.alerting.kinds import BY_CODE
from interface.alerting.week import windows_of
from interface.hl7.charsets import codec_of
from interface.settings.secrets import check_reference

VENDOR_DOMAIN = "connectivehealth.io"
CLEAN_TEXT_FORBIDDEN = '<>"%;+@'
"""Characters that the API refuses in clean text (contract: CleanText)."""

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_EMAIL = re.compile(
    r"[^\s@<>\"',;:()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was most likely meant to be, upper and lower case alike."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def plain_text(value: str) -> str:
    """Text without control characters and outer blanks."""
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    return value.strip()


def filled_text(value: str) -> str:
    """Plain text that is not empty."""
    value = plain_text(value)
    if not value:
        raise ValueError("must not be empty; leave the key out instead")
    return value


def clean_text(value: str) -> str:
    """Text as the API takes it (contract: CleanText), not empty."""
    value = filled_text(value)
    if any(character in CLEAN_TEXT_FORBIDDEN for character in value):
        raise ValueError(
            f"must not hold any of the characters {' '.join(CLEAN_TEXT_FORBIDDEN)} (the API refuses them)"
        )
    return value


def ten_digits(value: str) -> str:
    """Exactly ten digits (contract: exactly 10 characters)."""
    if not re.fullmatch(r"[0-9]{10}", value):
        raise ValueError("must be exactly ten digits, without blanks or dashes")
    return value


def direct_address(value: str) -> str:
    """A Direct (secure e-mail) address (contract: format email)."""
    if not _EMAIL.fullmatch(value):
        raise ValueError("must be a Direct address such as records@direct.example.org")
    return value


def version_number(value: object) -> object:
    """No value that only equals a whole number: Python takes `true` and `1.0` for 1."""
    if isinstance(value, bool | float):
        raise ValueError("must be 1 or 2, without quotes")
    return value


def mrn_root(value: str) -> str:
    """The assigning authority of the MRNs (contract: MrnIdentifier.root)."""
    value = filled_text(value)
    if any(character.isspace() for character in value):
        raise ValueError("must be the OID that Connective Health gave, without blanks")
    if re.fullmatch(r"[0-9.]+", value) and not re.fullmatch(r"[0-2](?:\.(?:0|[1-9][0-9]*))+", value):
        raise ValueError("is not a well-formed OID (numbers with single dots between, such as 2.999.1.1)")
    return value


def time_zone(value: str) -> str:
    """An IANA time zone that this machine knows."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(value, zoneinfo.available_timezones())
        hint = f'; did you mean "{near}"?' if near else "; write it as in America/Chicago"
        raise ValueError(f"unknown time zone{hint}") from None
    return value


def charset(value: str) -> str:
    """A character set: by HL7 table 0211 (`8859/1`, `UNICODE UTF-8`) or as named in the wild (`cp1252`)."""
    if codec_of(value) is None:
        raise ValueError('unknown character set; write it as in "UNICODE UTF-8", "8859/1" or "cp1252"')
    return value


def network(value: str) -> str:
    """An address or a network in CIDR notation."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not an address or network; write it as in 10.20.0.0/16 or 10.20.0.7") from None
    raise ValueError(f"names an address within a network; write {meant} or {value.partition('/')[0]}")


def bind_host(value: str) -> str:
    """An address of this machine to listen on."""
    if value == "localhost":
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(
            'must be an address of this machine: "127.0.0.1", "0.0.0.0" (all), "::1" …'
        ) from None


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, no brackets) is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(value: str) -> str:
    """The API's address: http(s) on loopback or https on a host of the vendor's domain, and nothing more."""
    said = (
        f"must be http://127.0.0.1:PORT (or another loopback address) for a rehearsal, "
        f"or https://HOST.{VENDOR_DOMAIN}; leave it out and the environment decides"
    )
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(said) from None
    authority = f"[{host}]" if ":" in host else host
    written = f"{parts.scheme}://{authority}" + (f":{port}" if port is not None else "")
    if value.lower().rstrip("/") != written or port == 0:  # nothing but scheme, host and port, spelt plainly
        raise ValueError(said)
    if is_loopback(host) and parts.scheme in {"http", "https"}:
        return written
    if parts.scheme == "https" and _HOST.fullmatch(host) and host.endswith(f".{VENDOR_DOMAIN}"):
        return written
    raise ValueError(said)


def pattern(value: str) -> str:
    """A regular expression that does not fit every text."""
    try:
        found = re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error.msg}") from None
    if value and found.search("") and found.search("\0"):
        raise ValueError(
            "fits every text, so nothing at all would be taken: take out the part that may be empty"
        )
    return value


def short_name(value: str) -> str:
    """A name that may stand in logs and metrics as it is."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", value):
        raise ValueError("must be a short name of letters, digits, - _ and .")
    return value


def password_reference(value: str) -> str:
    """Where the password of the database is kept."""
    return check_reference(value, "password")


def secret_reference(value: str) -> str:
    """Where the secret part of the webhooks' path is kept."""
    return check_reference(value, "secret")


def store_url(value: str) -> str:
    """Where the store is. The error does not repeat the URL, which may hold a password."""
    file = value.removeprefix("sqlite:///")
    is_file = (
        value.startswith("sqlite:///") and file.isprintable() and file.strip() and ":memory:" not in file
    )
    if not (is_file and not set(file) & set("?#")) and not value.startswith("postgresql+psycopg://"):
        raise ValueError("must be sqlite:///PATH or postgresql+psycopg://USER@HOST/DATABASE")
    if not is_file and _holds_password(value):
        raise ValueError(
            'must not hold the password: take it out and set password = "env:NAME" (or file:PATH, credential:NAME)'
        )
    return value


def _holds_password(url: str) -> bool:
    """Whether a database URL has a password, before the host or among its options."""
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        return False


def webhook_path(value: str) -> str:
    """The path that webhooks are taken at: one of its own among the web doors."""
    if not re.fullmatch(r"/[A-Za-z0-9/_.~-]+", value) or "//" in value:
        raise ValueError("must be a path such as /webhooks/connective-health")
    if value.rstrip("/") in {"/healthz", "/readyz", "/metrics"}:
        raise ValueError("is taken by the product itself; choose another path")
    return value


def http_address(value: str) -> str:
    """The address of a web service, without a name and password in it."""
    said = "must be an address such as https://alerts.example.org/hook"
    if not value.isprintable() or any(character.isspace() for character in value):
        raise ValueError(said)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(said) from None
    if parts.scheme not in {"http", "https"} or not host or parts.fragment:
        raise ValueError(said)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a name or password: set webhook_secret")
    return value


def mail_address(value: str) -> str:
    """An address of mail; the host may be a plain name."""
    if not re.fullmatch(r"[^\s@<>\"',;:()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        raise ValueError("must be an address such as oncall@example.org")
    return value


def header_name(value: str) -> str:
    """The name of an HTTP header."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        raise ValueError("must be the name of an HTTP header, such as Authorization")
    return value


def week_window(value: str) -> str:
    """A window of the week."""
    windows_of([value])
    return value


def alert_code(value: str) -> str:
    """The code of an alert."""
    if value not in BY_CODE:
        near = nearest(value, BY_CODE)
        hint = f'did you mean "{near}"?' if near else f"there are {', '.join(BY_CODE)}"
        raise ValueError(f"no such alert; {hint}")
    return value
