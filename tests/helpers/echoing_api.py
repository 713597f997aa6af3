"""An API that says patient data wherever a reply has room for text: in bodies, headers, ids, and where HTTP has none."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

WAYS = 15
"""In how many it answers; every second call is taken in as it should be."""


class EchoingApi(ThreadingHTTPServer):
    """Each POST is answered in another way, in turn; `stop_with` makes all further answers that status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.count = 0
        self.stop_with: int | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next(self) -> int:
        with self._lock:
            self.count += 1
            return self.count

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no fault."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, EchoingApi)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = (re.search(rb'"family":"([^"]*)"', body) or [b"", b"nobody"])[1].decode("utf-8", "replace")
        if server.stop_with is not None:
            self._say(server.stop_with, {}, body)
            return
        ways = [
            lambda: self._say(200, {}, json.dumps({"correlationId": str(uuid.uuid4())}).encode()),
            lambda: self._say(400, {}, b'{"correlationId": "%s", "you sent": %s}' % (name.encode(), body)),
            lambda: self._say(200, {}, json.dumps({"correlationId": f"Qzcorrelation{name}", "name": name}).encode()),
            lambda: self._say(500, {"X-Said": quote(name)}, body),
            lambda: self._say(302, {"Location": f"http://127.0.0.1:1/{quote(name)}"}, body),
            lambda: self._say(200, {"Content-Type": f"text/{quote(name)}"}, b"<html>" + body),
            lambda: self._say(429, {"Retry-After": "1", "Date": quote(name)}, body),
            lambda: self._raw(f"HTTP/1.1 404x {name}\r\n\r\n".encode()),
            lambda: self._raw(f"{name} {name}\r\n\r\n".encode()),
            lambda: self._raw(f"HTTP/1.1 200 {name}\r\nTransfer-Encoding: chunked\r\n\r\n{name}\r\n".encode()),
            lambda: self._raw(f"HTTP/1.1 200 OK\r\nContent-Length: {name}\r\n\r\n{{}}".encode()),
            lambda: self._raw(f"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{name}".encode()),
            lambda: self._raw(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n{name}".encode()),
            lambda: self._say(422, {"Set-Cookie": quote(name)}, body),
            lambda: self._raw(b""),
        ]  # fmt: skip
        # in between most are taken in: a destination that fails all the time is asked less and less
        number = server.next()
        ways[0 if number % 2 else number // 2 % WAYS]()

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _raw(self, data: bytes) -> None:
        self.close_connection = True
        self.wfile.write(data)


@contextmanager
def echoing_api() -> Iterator[EchoingApi]:
    server = EchoingApi()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
