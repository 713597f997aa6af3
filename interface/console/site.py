"""The console in the door's web site: bytes of a browser become values, and answers bytes. All else is done in threads."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from interface.console import security
from interface.console.answering import Answering
from interface.console.asked import Incoming
from interface.console.assets import FOREVER, PREFIX, assets
from interface.console.pages import ACTIONS, PAGES
from interface.console.readers import BusyError, Readers, TooSlowError
from interface.console.replies import Reply
from interface.services.door_state import Surroundings
from interface.services.logs import event, where

log = logging.getLogger(__name__)

MOST_FIELDS = 200
TOO_SLOW = "This page took too long and was given up. Messages are taken and acknowledged regardless."
BUSY = "Many pages are being made just now: please try again in a moment."


class MisshapenError(Exception):
    """Not a request that a browser makes."""


def open_console(around: Surroundings) -> ConsoleSite:
    """The console of a door."""
    answering = Answering(around, PAGES, ACTIONS)
    return ConsoleSite(around, answering, Readers(around.store.another, around.reactor))


class ConsoleSite:
    """The console, for the door."""

    def __init__(self, around: Surroundings, answering: Answering, readers: Readers) -> None:
        self._answering = answering
        self._readers = readers
        self._resource = _ConsoleResource(around, answering, readers)

    def page(self, segments: Sequence[bytes]) -> Resource:  # noqa: ARG002 - it has a page for every path: 404
        """The resource for a path that is none of the door's own."""
        return self._resource

    def stop(self) -> None:
        """Take no more requests, end the threads."""
        self._answering.stop()
        self._readers.stop()


class _ConsoleResource(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, around: Surroundings, answering: Answering, readers: Readers) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._around = around
        self._answering = answering
        self._readers = readers

    def render(self, request: Any) -> Any:
        """Any request; answered now or later."""
        try:
            incoming = incoming_of(request)
        except MisshapenError:
            return self._send(request, self._answering.failed(400, "This is not a request of a browser."))
        if incoming is None:
            return self._send(request, self._answering.failed(405, "Only GET, HEAD and POST are known here."))
        if getattr(request, "too_large", False) or _length(request) > self._answering.most_bytes(
            incoming.path
        ):
            return self._send(request, self._answering.failed(413, "The form is too large."))
        if incoming.path.startswith(PREFIX):
            return self._send(request, self._file(incoming.path))
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        state = self._around.state()
        made = self._readers.run(lambda store: self._answering.answer(store, incoming, state))
        made.addErrback(self._failed)
        made.addCallback(lambda reply: gone or self._send(request, reply))
        made.addErrback(_not_sent)
        return NOT_DONE_YET

    def _file(self, path: str) -> Reply:
        asset = assets()[0].get(path)
        if asset is None:
            return self._answering.failed(404, "There is no such file.")
        return Reply(200, asset.body, (("Cache-Control", FOREVER),), asset.kind)

    def _failed(self, failure: Failure) -> Reply:
        if isinstance(failure.value, TooSlowError):
            event(log, logging.WARNING, "console-too-slow")
            return self._answering.failed(503, TOO_SLOW)
        if isinstance(failure.value, BusyError):
            return self._answering.failed(503, BUSY)
        event(log, logging.ERROR, "console-failed", error=where(failure.value or Exception()))
        return self._answering.failed(500, "This page could not be made. The rest goes on.")

    @staticmethod
    def _send(request: Any, reply: Reply) -> int:
        request.setResponseCode(reply.status)
        headers = [("Content-Type", reply.kind), ("Content-Length", str(len(reply.body))), *security.HEADERS]
        if not any(name == security.UNCACHED[0] for name, _ in reply.headers):
            headers.append(security.UNCACHED)
        for name, value in (*headers, *reply.headers):
            request.responseHeaders.addRawHeader(name.encode("ascii"), value.encode("ascii"))
        if request.method != b"HEAD":
            request.write(reply.body)
        request.finish()
        return NOT_DONE_YET


def _not_sent(failure: Failure) -> None:
    event(log, logging.ERROR, "console-failed", error=where(failure.value or Exception()))


def _length(request: Any) -> int:
    length: int = request.content.seek(0, 2)
    request.content.seek(0)
    return length


def incoming_of(request: Any) -> Incoming | None:
    """A request as plain values; None: its method is not known. Raises MisshapenError."""
    method = {b"GET": "GET", b"HEAD": "GET", b"POST": "POST"}.get(request.method)
    if method is None:
        return None
    raw_path, _, raw_query = request.uri.partition(b"?")
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    if method == "POST":
        body = request.content.read()  # the door has a limit for it
        request.content.seek(0)
        if (kind := _header(request, b"content-type")).lower().startswith("multipart/form-data"):
            form, files = parts_of(kind, body)
        else:
            form = _pairs(body)
    address = request.getClientAddress()
    return Incoming(
        method,
        _path(raw_path),
        _pairs(raw_query),
        form,
        _cookies(request),
        getattr(address, "host", ""),
        bool(request.isSecure()),
        _header(request, b"host"),
        _header(request, b"origin"),
        _header(request, b"sec-fetch-site"),
        files,
    )


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MisshapenError from None
    if not text.isprintable():
        raise MisshapenError
    return text


def _path(raw: bytes) -> str:
    try:
        path = unquote(_text(raw), errors="strict")
    except UnicodeDecodeError:
        raise MisshapenError from None
    if not path.isprintable():
        raise MisshapenError
    return path


def _pairs(raw: bytes) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(
            parse_qsl(
                raw.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        )
    except ValueError:  # UnicodeDecodeError, too
        raise MisshapenError from None


def parts_of(kind: str, body: bytes) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, bytes], ...]]:
    """Texts and files of a `multipart/form-data` body (RFC 7578), as browsers write them. Raises MisshapenError."""
    found = re.search(r'boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))', kind)
    if found is None:
        raise MisshapenError
    pieces = (b"\r\n" + body).split(b"\r\n--" + (found[1] or found[2]).encode("latin-1"), MOST_FIELDS + 1)
    if len(pieces) < 2 or pieces[0] or not pieces[-1].startswith(b"--"):
        raise MisshapenError
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, bytes]] = []
    for piece in pieces[1:-1]:
        head, there, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        said = re.search(rb"(?i)^content-disposition:\s*form-data;([^\r\n]*)", head, re.MULTILINE)
        name = re.search(rb'(?:^|;)\s*name="([A-Za-z0-9_-]{1,64})"', said[1]) if said else None
        if not there or said is None or name is None:
            raise MisshapenError
        if b"filename=" in said[1]:
            files.append((name[1].decode(), content))
            continue
        try:
            texts.append((name[1].decode(), content.decode("utf-8")))
        except UnicodeDecodeError:
            raise MisshapenError from None
    return tuple(texts), tuple(files)


def _header(request: Any, name: bytes) -> str:
    return (request.getHeader(name) or b"").decode("latin-1").strip()


def _cookies(request: Any) -> dict[str, str]:
    """By name; of several the first. What other programs on this host have set is of no concern."""
    found: dict[str, str] = {}
    for pair in _header(request, b"cookie").split(";"):
        name, _, value = pair.strip().partition("=")
        found.setdefault(name, value)
    return found
