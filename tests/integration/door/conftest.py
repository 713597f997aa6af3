"""Starts real doors, each in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from patience import PATIENCE
from plays_systemd import Systemd
from prepared import PIPE, Prepared
from running_door import QUIET_WORK, RUN, Door


def few_files(most: int) -> None:
    """What this process may have open at most."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Starts doors on one folder (so on one store); ends them all."""
    doors: list[Door] = []

    def run(
        listener: str = "",
        *,
        work: str = QUIET_WORK,
        wait: bool = True,
        systemd: Systemd | None = None,
        port: int = 0,
        files: int | None = None,
        program: str = RUN,
        web: str = "",
    ) -> Door:
        text = f'[[listener]]\nname = "main"\nport = {port}\n{listener}\n[web]\nport = 0\n{web}'
        (tmp_path / "settings.toml").write_text(text)
        command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "settings.toml"), work]
        process: Prepared | subprocess.Popen[bytes]
        if systemd is None and files is None:
            process = Prepared(command, stderr=PIPE)
        elif systemd is None:
            process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=lambda: few_files(files))
        else:
            process = subprocess.Popen(
                systemd.command(command),
                stderr=subprocess.PIPE,
                pass_fds=systemd.numbers,
                env=systemd.environment,
            )
        door = Door(tmp_path, process)
        doors.append(door)
        if wait:
            found = door.read_log(r"event=ready pid=\d+ listeners=(\S+) web=(\S+)\n")
            door.ports = {name: int(port) for name, port in (item.split(":") for item in found[1].split(","))}
            door.web = found[2]
        return door

    yield run
    for door in doors:
        for sender in door.senders:
            sender.close()
        if door.process.poll() is None:
            door.process.kill()
        door.process.wait(PATIENCE)
        assert door.process.stderr is not None
        door.process.stderr.close()
