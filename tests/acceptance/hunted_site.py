"""A site whose daemon is written to from everywhere, and all that it and the commands beside it say."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from patience import PATIENCE, until
from ports import free_port
from running_program import NOW, Program, call, states

SETTINGS = """
[site]
mrn_authority = []
[[listener]]
port = {port}
max_message_bytes = 1500000
frame_seconds = 1
[api]
base_url = "{api}"
timeout_seconds = 5
[mappings]
overlay = "overlay"
[store]
url = "sqlite:///var/store.db"
[log]
{log}
[web]
port = {web}
"""
SENTINEL = (
    "MSH|^~\\&|S|S|R|R|20260302080000||ADT^A08|END{n}|P|2.5.1\rPID|1||SENTINEL{n}^^^^MR||Last^One||19700101\r"
)


class Hunted:
    """A site whose daemon is written to, and all that it says."""

    def __init__(self, folder: Path, api: str, log: str):
        self.folder, self.port, self.web = folder, free_port(), free_port()
        self.path, self.store = folder / "site.toml", folder / "var/store.db"
        self.overlay = folder / "overlay"
        self.overlay.mkdir()
        self.text = SETTINGS.format(port=self.port, web=self.web, api=api, log=log)
        self.path.write_text(self.text)
        self.said: dict[str, str] = {}
        self.count = 0
        self.start()

    def start(self) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW, from_nothing=True)
        self.daemon.says(r"\bready\b")

    # ---- MLLP

    def pour(self, raws: list[bytes]) -> None:
        """Send messages over one connection, and wait for the answer to the last, a well one."""
        self.count += 1
        last = f"MSA|AA|END{self.count}".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            feeder = threading.Thread(target=self._feed, args=(connection, raws))
            feeder.start()
            answers = b""
            while last not in answers[-4096:]:
                data = connection.recv(65536)
                assert data, answers[-300:]
                answers += data
            feeder.join()

    def _feed(self, connection: socket.socket, raws: list[bytes]) -> None:
        for raw in (*raws, SENTINEL.format(n=self.count).encode()):
            connection.sendall(b"\x0b" + raw + b"\x1c\r")

    def shout(self, data: bytes, *, hangs_up: bool = False) -> None:
        """Bytes that are no message, until the daemon closes, or sees us do it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            try:
                connection.sendall(data)
                if hangs_up:
                    connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass

    def decided(self) -> None:
        until("all is decided", lambda: "new" not in states(self.store, "messages"), 2 * PATIENCE)

    # ---- HTTP

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            self.cookies = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or ()]
            return answer.status, answer.read()
        finally:
            connection.close()

    def hears(self, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        """An answer that is for machines, or that says that something went wrong."""
        status, said = self.ask(method, path, body, **headers)
        if status >= 400 or path in ("/healthz", "/readyz", "/metrics"):
            self.said[f"{method} {path[:60]} {len(self.said)}"] = said.decode("utf-8", "replace")

    def signed_in(self, name: str, password: str) -> str:
        form = self.ask("GET", "/sign-in")[1].decode()
        (token,) = re.findall(r'name="csrf" value="(\w+)"', form)
        fields = urlencode({"name": name, "password": password, "csrf": token})
        kind = {"Cookie": self.cookies[0], "Content-Type": "application/x-www-form-urlencoded"}
        self.hears("POST", "/sign-in", fields.encode(), **kind)
        return self.cookies[0] if self.cookies else ""

    # ---- what is said

    def commands(self, *each: list[str], code: int | None = None) -> None:
        """Commands that show no patient, and what they say."""
        for words in each:
            done = call(*words, "-c", str(self.path), folder=self.folder)
            assert code is None or done.returncode == code, done.stdout + done.stderr
            self.said[f"{' '.join(words)[:60]} {len(self.said)}"] = done.stdout + done.stderr

    def processes(self) -> None:
        """What `ps` and `lsof` show of the door and the work."""
        found = []
        work = json.loads(self.ask("GET", "/healthz")[1])["work"]["pid"]
        for pid in (self.daemon.process.pid, work):
            here = Path(f"/proc/{pid}")
            for path in here.glob("fd/*"):
                with suppress(FileNotFoundError):  # closed meanwhile
                    found.append(str(path.readlink()))
        shown = subprocess.run(["ps", "auxww"], capture_output=True, text=True, check=False).stdout
        here = [line for line in shown.splitlines() if str(self.path) in line]
        self.said["processes"] = "\n".join((*found, *here))

    def files(self) -> dict[str, bytes]:
        """All files of the site but those that the test has written."""
        mine = {self.path, *self.overlay.iterdir(), *self.folder.glob("*.csv")}
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path not in mine
        }

    def end(self, number: int = signal.SIGTERM) -> None:
        self.daemon.end(number)
        self.said["log"] = self.said.get("log", "") + self.daemon.text
