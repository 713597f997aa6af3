"""The program's commands that stay (daemon, simulated API), each as a process whose words are read in a thread; and how
a test asks after them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from patience import PATIENCE, until
from ports import free_port
from prepared import DEVNULL, PIPE, Prepared, run_prepared

NOW = "2026-03-02T09:00:00-06:00"
"""When the made-up messages come: given to the program's clock."""

_QUIET = {"HL7_INTERFACE_SETTINGS", "HL7_INTERFACE_DEBUG", "CONNECTIVE_HEALTH_API_KEY"}


def call(
    *arguments: str, folder: Path | None = None, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """One of the program's commands, to its end, with nobody at a keyboard and none of the caller's own settings."""
    return run_prepared(
        [sys.executable, "-m", "interface", *arguments], cwd=folder, env=_quiet(environment), input=typed
    )


def call_from_nothing(
    *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same with nothing imported beforehand, as a shell starts it: 0.3 to 1 s of a processor more."""
    return subprocess.run(
        [sys.executable, "-m", "interface", *arguments],
        cwd=folder,
        env=_quiet(environment),
        stdin=DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _quiet(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _QUIET} | environment


class AtTerminal:
    """A site, and a person at the command line beside it."""

    path: Path
    """The settings file."""

    def command(self, *arguments: str, code: int = 0) -> str:
        """What a command says, ending as `code`."""
        done = call(*arguments, "-c", str(self.path))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout or done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.command(*arguments, "--json", code=code))


class Program:
    """One of the program's own commands that stays."""

    def __init__(self, *arguments: str, folder: Path | None = None, from_nothing: bool = False):
        """`from_nothing`: with nothing imported beforehand, as a shell starts it."""
        self.text = ""
        start: type[subprocess.Popen[bytes] | Prepared] = subprocess.Popen if from_nothing else Prepared
        self.process = start(
            [sys.executable, "-m", "interface", *arguments], cwd=folder, stderr=PIPE, stdout=DEVNULL
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.text += line.decode()

    def says(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until it has said something so often; the last of it. One that has ended says nothing more."""

        def look() -> re.Match[str] | None:
            ended = not self._thread.is_alive()
            found = list(re.finditer(pattern, self.text))
            if len(found) >= times:
                return found[-1]
            assert not ended, f"ended without {pattern} in {self.text}"
            return None

        return until(lambda: f"{pattern} in {self.text}", look)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        self._thread.join()
        if self.process.stderr is not None and not self.process.stderr.closed:
            self.process.stderr.close()


@contextmanager
def simulated_api(*arguments: str, folder: Path | None = None) -> Iterator[str]:
    """The simulated API's address, while it runs."""
    program = Program("sandbox", "--port", "0", *arguments, folder=folder)
    try:
        yield program.says(r"listening on (\S+)")[1]
    finally:
        program.end()


class Site(AtTerminal):
    """A daemon whose files are all in one folder, and a person at the command line beside it."""

    daemon: Program

    def __init__(self, folder: Path, api: str, settings: str, *, web: int | None = None, **values: str):
        """`settings` has places for `port`, `web`, `api` and the names of `values`; `web`: where others know the port."""
        self.folder, self.api = folder, api
        self.port, self.web = free_port(), web or free_port()
        self.path, self.store = folder / "site.toml", folder / "store.db"
        self.count = 0
        self._settings = settings
        self.set(**values)

    def set(self, **values: str) -> None:
        """Write the settings; they count from the next start."""
        filled = self._settings.format(port=self.port, web=self.web, api=self.api, **values)
        self.path.write_text(filled)

    def start(self, now: str = NOW) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", now)
        self.daemon.says(r"\bready\b")

    def restart(self) -> None:
        self.daemon.end()
        self.start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The daemon, from its start to its end; a test may restart it meanwhile."""
        self.start()
        try:
            yield
        finally:
            self.daemon.end()

    def header(self, kind: str, mode: str = "P") -> str:
        """MSH of the next message."""
        self.count += 1
        return f"MSH|^~\\&|APP|FAC|R|R|2026030208{self.count % 60:02d}||{kind}|M{self.count}|{mode}|2.5.1"

    def send(self, *segments: str) -> None:
        """Send one message and wait until it is decided."""
        tell(self.port, "\r".join((*segments, "")).encode())
        self.decided()

    def decided(self) -> None:
        until("it is decided", lambda: "new" not in states(self.store, "messages"))

    def list(self, command: str, *filters: str) -> list[dict[str, Any]]:
        return self.json(command, *filters)[command]  # type: ignore[no-any-return]


def states(store: Path, table: str = "requests") -> list[str]:
    """The states of all rows, in order: they are in the clear, and asked quickly. None while there is no store."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=30)) as opened:
            return [state for (state,) in opened.execute(f"SELECT state FROM {table} ORDER BY id")]
    except sqlite3.OperationalError:
        return []


class Engine:
    """A sender as interface engines are: one connection, made anew after it broke."""

    def __init__(self, port: int, timeout: float = PATIENCE):
        self._port, self._timeout = port, timeout
        self._connection: socket.socket | None = None

    def send(self, message: bytes) -> bytes:
        """Send a message over MLLP and give its answer. OSError: there was none, and it is to be sent again."""
        try:
            if self._connection is None:
                self._connection = socket.create_connection(("127.0.0.1", self._port), self._timeout)
            self._connection.sendall(b"\x0b" + message + b"\x1c\r")
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                chunk = self._connection.recv(4096)
                if not chunk:
                    raise ConnectionResetError
                answer += chunk
        except OSError:
            self.close()
            raise
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def tell(port: int, message: bytes) -> None:
    """Send one message; it is accepted."""
    engine = Engine(port)
    assert b"MSA|AA|" in engine.send(message)
    engine.close()


def calls(api: str) -> list[dict[str, Any]]:
    """What the simulated API was asked, in order."""
    return get(f"{api}/_sandbox/requests")  # type: ignore[no-any-return]


def get(url: str) -> Any:
    """The JSON at an address."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
        return json.loads(reply.read())
