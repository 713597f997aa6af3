"""`check --running`: one line, and an exit code that a container's health check understands."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ports import free_port

from interface.cli.main import main

ALIVE = json.dumps({"alive": True, "pid": 7, "work": {"alive": True}}).encode()


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Callable[[bytes], list[str]]]:
    """Starts a server that gives this page; gives the arguments that name its settings."""
    servers: list[HTTPServer] = []

    def serve(page: bytes) -> list[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None: ...

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(
            target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return at(tmp_path, servers[-1].server_port)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def at(folder: Path, port: int) -> list[str]:
    (folder / "s.toml").write_text(f'[web]\nhost = "127.0.0.1"\nport = {port}\n')
    return ["check", "--running", "-c", str(folder / "s.toml")]


@pytest.mark.parametrize(
    ("page", "code", "line"),
    [
        (ALIVE, 0, "ok    daemon: alive, process 7, work up"),
        (
            ALIVE.replace(b'{"alive": true}', b'{"alive": false}'),
            0,
            "ok    daemon: alive, process 7, work down",
        ),
        (b"<html>", 1, "FAIL  daemon: another program answers at 127.0.0.1:"),
        (b"[1]", 1, "FAIL  daemon: another program answers at 127.0.0.1:"),
    ],
)
def test_the_daemons_answer_is_the_exit_code(
    answers: Callable[[bytes], list[str]],
    page: bytes,
    code: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(answers(page)) == code
    assert capsys.readouterr().out.startswith(line)


def test_nobody_who_answers_is_not_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert main(at(tmp_path, port)) == 1
    assert capsys.readouterr().out == f"FAIL  daemon: no answer at 127.0.0.1:{port}: Connection refused\n"
