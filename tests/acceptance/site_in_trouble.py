"""A daemon that is started again whenever it was killed; one node of several, where they share a store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from patience import until
from ports import free_port
from running_program import NOW, Program, call, get

SETTINGS = """
[[listener]]
port = {port}
[api]
base_url = "{api}"
timeout_seconds = 1.0
[store]
url = "{url}"
[web]
port = {web}
"""


class Site:
    """Its settings, its at-rest key and its daemon."""

    def __init__(self, folder: Path, api: str, url: str):
        self.port, self.web = free_port(), free_port()
        self.path = folder / "site.toml"
        self.path.write_text(SETTINGS.format(port=self.port, api=api, web=self.web, url=url))
        self.start()

    def start(self) -> None:
        self.daemon = Program("run", "-c", str(self.path), "--now", NOW)
        self.daemon.says(r"\bready\b")

    @property
    def work(self) -> int:
        """The work's process."""
        return int(until("a work", lambda: get(f"http://127.0.0.1:{self.web}/healthz")["work"]["pid"]))

    def kill(self, what: str) -> None:
        work = self.work
        if what in ("work", "both"):
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself: the server was away
                os.kill(work, signal.SIGKILL)
        if what in ("door", "both"):
            self.daemon.end(signal.SIGKILL)
            self.start()

    def at_rest(self) -> bool:
        """Whether nothing waits and nothing is being sent."""
        if self.lists("messages", "--state", "new"):
            return False
        # all at once: between two lists one that is sent may have come back to wait
        return not {row["state"] for row in self.lists("requests")} & {"waiting", "sending"}

    def lists(self, command: str, *more: str) -> list[dict[str, Any]]:
        done = call(command, "-c", str(self.path), "--json", "--limit", "100000", *more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[command]  # type: ignore[no-any-return]
