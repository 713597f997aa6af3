"""A reader's shell: a home and a network of its own, in which the commands of a page are given word by word.

In a network of its own (`unshare --net`) the ports that pages name are always free, and nobody else's tests are met there.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from docs_pages import ROOT
from patience import PATIENCE
from prepared import Starter

PROGRAM = "hl7-interface"
STARTER = "PREPARED_STARTER"
PREPARED = ROOT / "tests/helpers/prepared_program.py"
STAYING = {"run": "event=ready", "sandbox": "listening on"}
"""The program's commands that stay, and what they say when they are there."""
_HOLD = (
    "import fcntl, socket, struct, sys, time\n"
    "s = socket.socket()\n"
    "fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x1 | 0x40))\n"  # SIOCSIFFLAGS: up, running
    "print('up', flush=True)\n"
    "sys.stdin.read()\n"
)


class Network:
    """A network that has loopback alone, for as long as it is held. None where the machine lets nobody make one."""

    def __init__(self) -> None:
        self.holder: subprocess.Popen[bytes] | None = None
        self._starter: Starter | None = None
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        with contextlib.suppress(OSError):
            holder = subprocess.Popen(
                ["unshare", *own, "--net", sys.executable, "-c", _HOLD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert holder.stdout is not None
            if holder.stdout.readline() == b"up\n":
                self.holder = holder
            else:
                holder.wait(PATIENCE)

    @property
    def entered(self) -> list[str]:
        """What to put before a command that is to run in it."""
        if self.holder is None:
            return []
        own = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.holder.pid}", *own, "--net"]

    @property
    def starter(self) -> str:
        """Where programs that run in it are prepared."""
        self._starter = self._starter or Starter(self.entered)
        return self._starter.address

    def close(self) -> None:
        if self._starter is not None:
            self._starter.close()
        if self.holder is not None:
            assert self.holder.stdin is not None and self.holder.stdout is not None
            self.holder.stdin.close()
            self.holder.wait(PATIENCE)
            self.holder.stdout.close()


@dataclass
class Done:
    """What came of a command."""

    code: int
    text: str


@dataclass
class Staying:
    """A command that stays, with all that it says in a file."""

    name: str
    process: subprocess.Popen[bytes]
    said: Path

    @property
    def text(self) -> str:
        return self.said.read_text("utf-8", "replace")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


@dataclass
class Shell:
    """A shell in an empty folder: what is exported and where one has gone stays from command to command."""

    home: Path
    network: Network
    from_nothing: bool = False
    """Whether the program is started as users do it; else prepared (`prepared.py`), but for what is typed at a terminal."""
    folder: Path = field(init=False)
    variables: dict[str, str] = field(init=False)
    staying: list[Staying] = field(default_factory=list)

    def __post_init__(self) -> None:
        programs = self.home / ".programs"
        programs.mkdir(parents=True)
        install(programs)
        self.folder = self.home / PROGRAM
        self.folder.mkdir()
        self.variables = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "DOCS": str(ROOT / "docs"),
            "SAMPLES": str(ROOT / "sample_messages"),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",  # what is said on both outputs comes in its order
            "LANG": "C.UTF-8",
            "TZ": "America/Chicago",
            "COLUMNS": "200",
        }
        if not self.from_nothing:
            self.variables[STARTER] = self.network.starter

    def run(self, command: str, typed: tuple[str, ...] = ()) -> Done:
        """Give a command, and wait for its end; with `typed` at a terminal."""
        state = self.home / ".state"
        text = f"set -a\n{command}\n__code=$?\n{{ pwd; env -0; }} > {shlex.quote(str(state))}\nexit $__code"
        call = [*self.network.entered, "bash", "-c", text]
        done = self._at_a_terminal(call, typed) if typed else self._piped(call)
        if state.exists():
            folder, _, variables = state.read_bytes().partition(b"\n")
            self.folder = Path(os.fsdecode(folder))
            pairs = (entry.partition(b"=") for entry in variables.split(b"\0") if entry)
            self.variables = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
            state.unlink()
        return done

    def _piped(self, call: list[str]) -> Done:
        done = subprocess.run(
            call,
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"))

    def _at_a_terminal(self, call: list[str], typed: tuple[str, ...]) -> Done:
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                ["setsid", "--ctty", *call],
                cwd=self.folder,
                env=self.variables,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            text, waiting, end = "", list(typed), time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if not select.select([ours], [], [], 0.1)[0]:
                    continue
                try:
                    text += os.read(ours, 4096).decode("utf-8", "replace")
                except OSError:  # the other end is closed
                    break
                if waiting and text.endswith((": ", "] ", "? ")):
                    os.write(ours, f"{waiting.pop(0)}\n".encode())
            return Done(process.wait(PATIENCE), text.replace("\r\n", "\n"))
        finally:
            os.close(ours)

    def start(self, command: str) -> Staying:
        """Start a command that stays; it is there when it says so."""
        name = shlex.split(command)[1]
        said = self.home / f".said-{name}"
        with said.open("wb") as file:
            process = subprocess.Popen(
                [*self.network.entered, "bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        started = Staying(name, process, said)
        self.staying.append(started)
        end = time.monotonic() + PATIENCE
        while STAYING[name] not in started.text and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        return started

    def stop(self, name: str) -> None:
        """End what stays under this name."""
        for started in [entry for entry in self.staying if entry.name == name]:
            started.end()
            self.staying.remove(started)

    def close(self) -> None:
        for started in reversed(self.staying):
            started.end()


def install(folder: Path) -> None:
    """Put the program into a folder of programs."""
    program, python = folder / PROGRAM, shlex.quote(sys.executable)
    program.write_text(
        "#!/bin/sh\n"
        f'[ -t 0 ] || [ -z "${STARTER}" ] || exec {python} -I {shlex.quote(str(PREPARED))} "${STARTER}" "$@"\n'
        f'exec {python} -m interface "$@"\n'
    )
    program.chmod(0o755)


def stays(command: str) -> bool:
    """Whether a command goes on until it is stopped."""
    words = command.split()
    return len(words) > 1 and words[0] == PROGRAM and words[1] in STAYING
