"""Passwords as they are stored: argon2id (RFC 9106, second recommended option), never as they are typed."""

from __future__ import annotations

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LEAST = 12
"""Characters of a password (NIST SP 800-63B asks for 8 at least, and against rules of composition)."""
MOST = 256
"""A longer one would only cost time."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def fault(password: str, name: str = "") -> str | None:
    """Why a password can't be taken; None: it can."""
    if len(password) < LEAST:
        return f"the password must have {LEAST} characters at least; a sentence of several words is best"
    if len(password) > MOST:
        return f"the password must have {MOST} characters at most"
    if len(set(password)) < 4 or (name and password.lower() in (name.lower() * LEAST)):
        return "the password is too easy to guess: it repeats itself, or is the name"
    return None


def hashed(password: str) -> str:
    """What is stored of it, with its salt and costs."""
    return _HASHER.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Whether it is the password that was stored; of a user who is not there (None) it takes as long to say no."""
    try:
        return _HASHER.verify(stored or _nobodys(), password[:MOST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return hashed("nobody has this password")
