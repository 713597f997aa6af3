"""Answers, and those that lead elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from interface.console.asked import LIVE, Incoming, local_path

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
SIGN_IN = "/sign-in"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = HTML


def to_sign_in(incoming: Incoming) -> Reply:
    """Of a page to the form; a script is told, it loads the page anew."""
    if incoming.live:
        return Reply(401, b"", kind=PLAIN)
    back = here(incoming) if incoming.method == "GET" else "/"
    return see(SIGN_IN if back == "/" else f"{SIGN_IN}?{urlencode({'next': back})}")


def here(incoming: Incoming) -> str:
    """The address of a page, for coming back to it."""
    query = [(name, value) for name, value in incoming.query if name != LIVE]
    return local_path(incoming.path + (f"?{urlencode(query)}" if query else ""))


def see(path: str, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Go to another page of ours."""
    return Reply(303, b"", (("Location", path), *headers), kind=PLAIN)
