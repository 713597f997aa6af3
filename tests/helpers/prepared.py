"""Programs of Python, each a process of its own, that do not pay for their imports each time: `prepared_starter.py` has made
them once and is forked. Seen from outside such a process is like one that was started: arguments, environment, files,
signals, exit code. That a command finds all it needs from nothing is seen where it is started as users do it
(test_cli_program.py, test_demo.py, test_wheel.py, the first pages of test_docs_run.py), and in test_what_is_imported.py.

A command from nothing costs 0.3 to 1 s of a processor, forked 0.02 to 0.1 s; the tests start two thousand.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from patience import PATIENCE

PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
_STARTER = Path(__file__).with_name("prepared_starter.py")
_WRITES = (False, True, True)


class Prepared:
    """What `subprocess.Popen` is, as far as tests need it. Pipes carry bytes."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> None:
        """`command` begins with this Python, and goes on as its command line does: `-W error`, then a file, `-c` or `-m`."""
        assert command[0] == sys.executable, command
        self.returncode: int | None = None
        kept: list[IO[bytes] | None] = []
        given, close = [], []
        for number, file in enumerate((stdin, stdout, stderr)):
            theirs, ours = _stream(number, file)
            kept.append(ours)
            given.append(theirs)
            if file in (PIPE, DEVNULL):
                close.append(theirs)
        self.stdin, self.stdout, self.stderr = kept
        try:
            self._status = start(
                _starter().address,
                {
                    "arguments": [str(part) for part in command[1:]],
                    "folder": str(cwd or Path.cwd()),
                    "environment": dict(os.environ if env is None else env),
                },
                given,
            )
        finally:
            for theirs in close:
                os.close(theirs)
        self.pid = int(self._status.recv(64))

    def poll(self) -> int | None:
        """Its exit code once it has ended, minus the signal's number when one ended it."""
        self._look(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises subprocess.TimeoutExpired."""
        self._look(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("a prepared process", timeout or 0.0)
        return self.returncode

    def _look(self, timeout: float | None) -> None:
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = int(self._status.recv(64))
            except (TimeoutError, BlockingIOError):
                return
            self._status.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run_prepared(
    command: Sequence[str | Path],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | bytes = "",
    text: bool = True,
    timeout: float = PATIENCE,
) -> subprocess.CompletedProcess[Any]:
    """Run it to its end, and give what it said: as text, or as bytes."""
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told.write(input.encode() if isinstance(input, str) else input)
        told.seek(0)
        process = Prepared(command, cwd=cwd, env=env, stdin=told, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(list(command), code, *(_said(file, text) for file in (out, err)))


def _said(file: IO[bytes], text: bool) -> str | bytes:
    file.seek(0)
    said = file.read()
    return io.TextIOWrapper(io.BytesIO(said), encoding="utf-8").read() if text else said


def _stream(number: int, file: int | IO[Any] | None) -> tuple[int, IO[bytes] | None]:
    """The child's end of its standard stream, and ours if there is one."""
    if file is None:
        return number, None
    if file == DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    if file == PIPE:
        reads, writes = os.pipe()
        theirs, ours = (writes, reads) if _WRITES[number] else (reads, writes)
        return theirs, open(ours, "rb" if _WRITES[number] else "wb")  # noqa: PTH123
    return file if isinstance(file, int) else file.fileno(), None


class Starter:
    """The process that is forked; it ends with us. It listens at a socket: a connection is one process's."""

    def __init__(self, entered: Sequence[str] = ()) -> None:
        """`entered`: a command that runs another one, somewhere else."""
        self._folder = tempfile.TemporaryDirectory(prefix="prepared-")
        self.address = f"{self._folder.name}/starter"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.address)
            listener.listen(128)
            self._process = subprocess.Popen(
                [*entered, sys.executable, str(_STARTER), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def start(address: str, what: dict[str, Any], streams: Sequence[int]) -> socket.socket:
    """Have a process made; the line that tells its process id, and later how it ended."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(address)
    socket.send_fds(line, [json.dumps(what).encode()], list(streams))
    return line


_one: list[Starter] = []


def _starter() -> Starter:
    if not _one:
        _one.append(Starter())
    return _one[0]


def end_starter() -> None:
    """The tests are over."""
    while _one:
        _one.pop().close()
