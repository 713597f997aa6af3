"""Anything at every web door: health, metrics, webhooks, the console's pages and forms, with and without a session. Nothing
makes it answer 500 or say a fault, and its memory stays.

`FUZZ_SECONDS=600 pytest tests/integration/console/test_web_fuzz.py` goes on for longer, with other dice each time.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import LIMIT, try_for_a_while
from hypothesis import strategies as st
from patience import PATIENCE
from running_console import PlainBrowser

from interface.console.pages import ACTIONS, PAGES

WEBHOOKS = "/webhooks/connective-health"
MEMORY_GROWTH = 48 * 1024 * 1024
LARGEST = 200_000
SILENCE = 1.0
"""Seconds without a byte after which no answer is waited for."""

KNOWN = [
    "/healthz",
    "/readyz",
    "/metrics",
    WEBHOOKS,
    "/sign-in",
    "/sign-out",
    "/show",
    "/mask",
    *(page.path for page in PAGES),
    *(action.path for action in ACTIONS),
]
PLAIN = b"GET %s HTTP/1.1\r\nHost: @host@\r\nCookie: @cookie@\r\nConnection: close\r\n\r\n"
TOKEN = b"@token@"
"""Stands for the session's token of forms."""


def filled(path: str, value: str) -> str:
    """A page's path with something where its number is."""
    return re.sub(r"[{<(][^/]*", lambda _: value, path)


ODD = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "1",
            "-1",
            "9" * 40,
            "1e9",
            "../..",
            "%00",
            "%ff",
            "%E2%80%AE",
            "'",
            "<b>",
            "é",
            "1;--",
            "null",
        ]
    ),
    st.text(max_size=30),
)
PATHS = st.one_of(
    st.builds(filled, st.sampled_from(KNOWN), ODD),
    st.builds(lambda path, more: f"{path}/{more}", st.sampled_from(KNOWN), ODD),
    st.text(max_size=40).map(lambda text: "/" + text),
)
NAMES = st.one_of(
    st.sampled_from(
        ["csrf", "name", "password", "id", "ids", "of", "code", "mrn", "control_id", "q", "before", "after", "since", "live",
         "deed", "reason", "message", "listener", "state", "type", "limit", "page", "text", "file", "at", "note"]
    ),
    st.text(max_size=12),
)  # fmt: skip
PAIRS = st.lists(st.tuples(NAMES, ODD), max_size=8)
METHODS = st.one_of(
    st.sampled_from(["GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "get"]),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=9),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Origin", "Content-Type", "Accept", "Cookie", "X-Forwarded-For", "Expect", "Range", "Sec-Fetch-Site",
             "If-None-Match", "Transfer-Encoding", "Content-Length", "Host", "X"]
        ),
        st.one_of(
            st.sampled_from(["", "null", "100-continue", "chunked", "gzip", "multipart/form-data; boundary=x",
                             "application/json", "-1", "999999999999", "bytes=0-", "same-origin", "10.0.0.1", "\x7f"]),
            st.text(max_size=30),
        ),
    ),
    max_size=4,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"{}", b"[]", b"null", b"{" * 5000, b"[" * 5000, b'{"correlationId": 5}', b'{"correlationId": "\xff"}',
         b'{"type": "patient.found", "correlationId": "c", "timestamp": "x"}',
         b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nMSH|\r\n--x--\r\n', b"--x\r\n" * 900,
         b"x" * LARGEST, b"a=1&" * 20_000]
    ),
)  # fmt: skip


def quoted(text: str) -> bytes:
    """As a careless client writes it: some escaped, some as it is, no line ends."""
    return (
        text.encode("utf-8", "surrogatepass")
        .replace(b"\r", b"%0D")
        .replace(b"\n", b"%0A")
        .replace(b" ", b"%20")
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A request as bytes, and whether it is well-formed HTTP."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(min_size=1, max_size=400)) + b"\r\n\r\n", False
    method, path, query = draw(METHODS), draw(PATHS), draw(PAIRS)
    target = quoted(path) + (
        b"?" + b"&".join(quoted(n) + b"=" + quoted(v) for n, v in query) if query else b""
    )
    if draw(st.booleans()):
        pairs = draw(PAIRS)
        fields = [(b"csrf", TOKEN), *((quoted(name), quoted(value)) for name, value in pairs)]
        body = b"&".join(name + b"=" + value for name, value in fields)
    else:
        body = draw(BODIES)
    lines = [
        method.encode() + b" " + target + b" HTTP/1.1",
        b"Host: @host@",
        b"Origin: http://@host@",
        b"Cookie: @cookie@",
        b"Connection: close",
    ]
    lines += [name.encode() + b": " + quoted(value) for name, value in draw(HEADERS)]
    if method not in {"GET", "HEAD"}:
        lines.append(b"Content-Length: %d" % len(body))
    else:
        body = b""
    return b"\r\n".join(lines) + b"\r\n\r\n" + body, True


class Client:
    """Sends bytes, and gives the status of what is answered."""

    def __init__(self, door: Any, role: str | None) -> None:
        self._host = door.web
        self._browser = PlainBrowser(door.web)
        self._token = b""
        if role is not None:
            self._browser.sign_in(role)
            found = re.search(r'name="csrf" value="(\w+)"', self._browser.get("/").text)
            assert found is not None
            self._token = found[1].encode()
        self._cookie = "; ".join(f"{name}={value}" for name, value in self._browser.cookies.items())

    def status(self, request: bytes) -> int | None:
        """None: hung up on, or waited for more."""
        for mark, value in (
            (b"@host@", self._host.encode()),
            (b"@cookie@", self._cookie.encode()),
            (TOKEN, self._token),
        ):
            request = request.replace(mark, value)
        host, _, port = self._host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as sock:
            answer = b""
            try:
                sock.sendall(request)
                sock.settimeout(SILENCE)  # some are waited for more of
                while data := sock.recv(65536):
                    answer += data
            except (ConnectionError, TimeoutError):
                pass
        found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
        return int(found[1]) if found else None


def memory(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.timeout(LIMIT)
def test_whatever_is_asked_is_answered_without_a_fault(start: Callable[..., Any]) -> None:
    door = start("[webhooks]\nper_minute = 1000000\n")
    clients = [Client(door, role) for role in (None, "admin")]
    seen: Counter[int | None] = Counter()
    for client in clients:  # each page once, before memory is looked at
        for path in KNOWN:
            seen[client.status(PLAIN % filled(path, "1").encode())] += 1
    assert seen[200] > 10
    for path in ("/healthz", "/readyz", "/metrics"):  # they are read, and nothing else
        assert clients[0].status((PLAIN % path.encode()).replace(b"GET", b"POST", 1)) == 405
    before = memory(door.process.pid)

    def trying(request: tuple[bytes, bool], client: Client) -> None:
        status = client.status(request[0])
        seen[status] += 1
        assert status is None or status < 500 or status == 503

    try_for_a_while(trying, requests(), st.sampled_from(clients))
    assert sum(seen.values()) > 100
    assert {200, 400, 404, 405} <= set(seen)
    assert door.health()["alive"]
    assert memory(door.process.pid) - before < MEMORY_GROWTH
    door.stop()
    assert door.process.stderr is not None
    log = door.log + door.process.stderr.read().decode()
    for fault in ("Traceback", "event=fault", "event=console-failed", "event=webhook-fault"):
        assert fault not in log, log[-3000:]
