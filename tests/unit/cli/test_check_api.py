"""`check` tells the API from a proxy that answers in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from interface.cli.checks import check_api
from interface.settings import load_settings


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Callable[[int, str], list[tuple[str, str]]]]:
    """What `check` finds where HEAD is answered with this status and type of content."""
    with ExitStack() as after:

        def answered(status: int, content_type: str) -> list[tuple[str, str]]:
            class Answers(BaseHTTPRequestHandler):
                def do_HEAD(self) -> None:
                    self.send_response(status)
                    self.send_header("Content-Type", content_type)
                    self.end_headers()

                def log_message(self, *_: object) -> None:
                    """Say nothing."""

            server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
            after.callback(server.server_close)
            threading.Thread(target=server.serve_forever).start()
            after.callback(server.shutdown)
            path = tmp_path / "site.toml"
            path.write_text(f'[api]\nbase_url = "http://127.0.0.1:{server.server_port}"\n')
            return list(check_api(load_settings(path)))

        yield answered


@pytest.mark.parametrize("status", [200, 401, 404, 405, 500])
def test_whoever_answers_as_an_api_may_is_there(
    found: Callable[[int, str], list[tuple[str, str]]], status: int
) -> None:
    [(level, text)] = found(status, "application/json")
    assert (level, text.split()[-1]) == ("ok", "answers")


@pytest.mark.parametrize(
    ("status", "content_type", "what"),
    [
        (200, "text/html; charset=utf-8", "200 with a web page"),
        (302, "text/html", "302, a redirect"),
        (407, "text/html", "407, a proxy's wish"),
        (511, "text/html", "511, a proxy's wish"),
    ],
)
def test_a_proxys_page_in_its_place_is_warned_of(
    found: Callable[[int, str], list[tuple[str, str]]], status: int, content_type: str, what: str
) -> None:
    [(level, text)] = found(status, content_type)
    assert level == "warn"
    assert what in text
    assert text.endswith("is a proxy in between?")
