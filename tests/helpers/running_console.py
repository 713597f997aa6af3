"""A real door with its console in a process of its own, and a browser without a screen that keeps cookies."""

from __future__ import annotations

import http.client
import re
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from console_browser import HASHED, PASSWORD
from patience import PATIENCE

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.console import ROLES
from interface.store.store import open_store

HELPERS = Path(__file__).parent

RUN = f"""
import sys
sys.path.insert(0, {str(HELPERS)!r})
from pathlib import Path
from console_trouble import PAGES
from interface.console import readers, site
site.PAGES += PAGES
readers.LIMIT_SECONDS = float(sys.argv[3])
site.Readers.__init__.__kwdefaults__["limit"] = float(sys.argv[3])
from interface.errors import InterfaceError
from interface.services.daemon import run_door
try:
    sys.exit(run_door(Path(sys.argv[1]), command=[sys.executable, "-c", sys.argv[2]], console=site.open_console))
except InterfaceError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def make_users(settings: Path) -> None:
    """A user of each role, called as it is, with PASSWORD; the store is made for it."""
    found = load_settings(settings)
    master = load_or_create(found.store.key, found.directory, lambda _: None, create=True)
    with open_store(found.store_url, master) as store:
        for role in ROLES:
            store.users.add(role, role, HASHED, 1.0)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class PlainBrowser:
    """Speaks HTTP over a real socket; follows nothing."""

    address: str
    tls: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        host, _, port = self.address.rpartition(":")
        kind: Any = http.client.HTTPConnection
        more: dict[str, Any] = {}
        if self.tls is not None:
            kind, more = http.client.HTTPSConnection, {"context": self.tls}
        connection = kind(host, int(port), timeout=PATIENCE, **more)
        try:
            given = dict(headers)
            if self.cookies:
                given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            if body is not None:
                given.setdefault("Content-Type", "application/x-www-form-urlencoded")
            connection.request(method, path, body, given)
            reply = connection.getresponse()
            text = reply.read().decode()
            for value in reply.headers.get_all("Set-Cookie") or ():
                name, _, rest = value.partition("=")
                self.cookies.pop(name, None)
                if "Max-Age=0" not in rest:
                    self.cookies[name] = rest.partition(";")[0]
            return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, text)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, page: str = "/", **fields: str) -> Answer:
        token = re.search(r'name="csrf" value="(\w+)"', self.get(page).text)
        scheme = "https" if self.tls else "http"
        body = urlencode({"csrf": token[1] if token else ""} | fields)
        return self.ask("POST", path, body, Origin=f"{scheme}://{self.address}")

    def sign_in(self, role: str = "analyst") -> None:
        assert self.post("/sign-in", "/sign-in", name=role, password=PASSWORD).status == 303


def run_command(settings: Path, work: str, limit: float) -> list[str]:
    """The command of a door with a console, whose pages may take `limit` seconds."""
    return [sys.executable, "-W", "error", "-c", RUN, str(settings), work, str(limit)]
