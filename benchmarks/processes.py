"""Processes of a benchmark: started so that none outlives it, watched by what they print, measured by /proc."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
"""Seconds until a process that does not start, or does not end, counts as broken."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_TICK = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something could not be measured; the text says what and where."""


class NotHereError(Exception):
    """This machine lacks what a part needs; the text says what."""


def python(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def _end_with_parent() -> None:
    # also when the benchmark is killed outright, no process of it stays
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A process that runs until stopped; what it prints is kept, to find its address and its last words."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=_end_with_parent,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _read(self) -> None:
        with self._process.stdout or contextlib.nullcontext(()) as output:  # open as long as a child has it
            for line in output:
                with self._news:
                    self.lines.append(line.decode("utf-8", "replace").rstrip())
                    del self.lines[:-500]
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches; BenchError when the process ends or takes too long."""
        compiled = re.compile(pattern)
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while True:
                for line in self.lines:
                    if match := compiled.search(line):
                        return match
                if not self.alive or time.monotonic() > deadline:
                    last = "\n  ".join(self.lines[-5:]) or "it said nothing"
                    raise BenchError(f"{self.name} did not start:\n  {last}")
                self._news.wait(0.2)

    def stop(self) -> None:
        """End it and what it started."""
        family = family_of(self.pid) if self.alive else []
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1)


def run_json(name: str, command: Sequence[str], timeout: float) -> Any:
    """Run a command to its end and read the JSON object it prints last; BenchError when it fails."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_end_with_parent
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name}: not done after {timeout:.0f} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        raise BenchError(f"{name}: exit {process.returncode}: {err.decode('utf-8', 'replace')[-2000:]}")
    return json.loads(out.splitlines()[-1])


# ------------------------------------------------------------------------------------------ /proc


def family_of(pid: int) -> list[int]:
    """A process and all its descendants, itself first."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += family_of(int(child))
    return found


def of_family(pid: int, measure: Callable[[int], Number]) -> dict[str, Number]:
    """Something measured of a process and all its descendants, by their names, itself first; the same names are summed."""
    found: dict[str, Number] = {}
    for each in family_of(pid):
        name, value = name_of(each), measure(each)
        found[name] = found[name] + value if name in found else value
    return found


def name_of(pid: int) -> str:
    """What a process of the product is: door, work, or the module that it runs."""
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
        if "-m" in command[:-1]:
            module = command[command.index("-m") + 1].rpartition(".")[2]
            return "door" if module == "interface" else module
        return Path(command[0]).name
    return "gone"


def pss_bytes(pid: int) -> int:
    """Proportional set size: private memory and its part of what is shared; 0 when the process is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK
    return 0.0
