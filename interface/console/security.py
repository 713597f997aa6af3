"""Tokens, cookies and headers: what keeps others out, as pure functions.

A session is a random token in a cookie; the store has its hash. The token against forged forms is made of it, so each
session has its own and nothing more is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from interface.console.asked import Incoming

IDLE_SECONDS = 30 * 60.0
"""A session ends when it was not used for so long."""
LONGEST_SECONDS = 12 * 3600.0
"""... and when it is so old."""
TOUCH_SECONDS = 60.0
"""How exactly it is noted when a session was used last."""
SHOW_SECONDS = 15 * 60.0
"""How long patient data is shown before it is masked again."""

SESSION = "hl7i-session"
FORM = "hl7i-form"
"""The cookie of who is not signed in yet: the form to sign in is tied to it."""
_LOCKED = "__Host-"
"""Browsers take a cookie of such a name only over TLS, for this host and from no other."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # not no-referrer: with it browsers do not say where a form was posted from
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
"""Of every answer."""
UNCACHED = ("Cache-Control", "no-store")
"""Of every answer but files that never change."""


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What the store has of it."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """The token of the forms in the session of this token."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def is_csrf(given: str, token: str) -> bool:
    """Whether a form bears the token that it was given; compared in constant time."""
    return hmac.compare_digest(given.encode(), csrf_of(token).encode())


def is_own(incoming: Incoming) -> bool:
    """Whether a form was posted from a page of ours, by what the browser says; one that says nothing is judged by the
    form's token alone.
    """
    if incoming.origin:
        return urlsplit(incoming.origin).netloc.lower() == incoming.host.lower() != ""
    return incoming.fetch_site in ("", "same-origin")


def is_locked(incoming: Incoming) -> bool:
    """Whether the browser speaks TLS: to us, or to a proxy in front of us."""
    return incoming.secure or urlsplit(incoming.origin).scheme == "https"


def cookie_of(incoming: Incoming, name: str) -> str:
    """The value of a cookie of ours; '' when there is none. Over TLS of our own only one that no other could have set, on
    this machine or beside it, counts: who is brought a session of somebody else's would act under that name.
    """
    locked = incoming.cookies.get(_LOCKED + name)
    return locked or ("" if incoming.secure else incoming.cookies.get(name, ""))


def set_cookie(name: str, value: str, *, locked: bool) -> tuple[str, str]:
    """The header that sets a cookie for as long as the browser is open."""
    attributes = "Path=/; HttpOnly; SameSite=Strict"
    if locked:
        return "Set-Cookie", f"{_LOCKED}{name}={value}; {attributes}; Secure"
    return "Set-Cookie", f"{name}={value}; {attributes}"


def drop_cookie(name: str, *, locked: bool) -> tuple[str, str]:
    """The header that takes a cookie away."""
    header, text = set_cookie(name, "", locked=locked)
    return header, f"{text}; Max-Age=0"
