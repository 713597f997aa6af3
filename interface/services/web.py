"""The web doors for machines: /healthz, /readyz, /metrics. Anything else is 404."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from interface.services.bounded_http import BoundedSite

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class Page(Resource):
    """A page without children, made anew for each GET."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, make: Callable[[], "Answer | Deferred[Answer]"]) -> None:
        """`make` gives the answer, now or later."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._make = make

    def render(self, request: Any) -> Any:
        """Any request: who asks for something else than to read is told so."""
        if request.method in {b"GET", b"HEAD"}:
            return self.render_GET(request)
        request.setResponseCode(405)
        request.setHeader(b"allow", b"GET, HEAD")
        request.setHeader(b"content-type", TEXT.encode("ascii"))
        return b"Only GET and HEAD are known here.\n"

    def render_GET(self, request: Any) -> int:  # noqa: N802 - Twisted's name
        """The page, never cached; HEAD is the same without the body."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def send(answer: Answer) -> None:
            if gone:
                return
            status, kind, body = answer
            request.setResponseCode(status)
            request.setHeader(b"content-type", kind.encode("ascii"))
            request.setHeader(b"content-length", str(len(body)).encode("ascii"))
            request.setHeader(b"cache-control", b"no-store")
            request.setHeader(b"x-content-type-options", b"nosniff")
            if request.method != b"HEAD":
                request.write(body)
            request.finish()

        make = not_found if request.postpath else self._make
        made: Deferred[Answer] = maybeDeferred(make)  # type: ignore[call-overload]
        made.addErrback(lambda _: (500, TEXT, b"This page could not be made.\n"))
        made.addCallback(send)
        return NOT_DONE_YET


class Missing(Page):
    """What is not there, whatever is to be done with it."""

    def render(self, request: Any) -> int:
        """404, as for GET."""
        return self.render_GET(request)


class Root(Resource):
    """The top of the tree: what is not there is said in plain text, nothing of the request repeated."""

    def __init__(self, elsewhere: Callable[[Sequence[bytes]], Resource | None] = lambda _: None) -> None:
        """`elsewhere` may have a page at the path that these segments are; None: it has none."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._elsewhere = elsewhere

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802
        """Any path without a page of ours."""
        found = self._elsewhere([*request.prepath, *request.postpath])
        if found is not None:
            return found
        missing = Missing(not_found)
        request.postpath = []
        return missing


def not_found() -> Answer:
    """404 in plain text."""
    return 404, TEXT, b"Not found. Here are /healthz, /readyz and /metrics.\n"


def as_json(status: int, value: Mapping[str, Any]) -> Answer:
    """A JSON page."""
    return status, JSON, json.dumps(value).encode() + b"\n"


def health_site(
    alive: Callable[[], Mapping[str, Any]],
    not_ready: Callable[[], "Deferred[list[str]]"],
    metrics: Callable[[], bytes],
    destination: Callable[[], Mapping[str, Any] | None] = lambda: None,
    *,
    reactor: Any,
    elsewhere: Callable[[Sequence[bytes]], Resource | None] = lambda _: None,
    **limits: Any,
) -> BoundedSite:
    """The web site of the door.

    `alive` gives the JSON of /healthz (always 200); `not_ready` the reasons against being ready (none: 200,
    else 503); `metrics` the text for Prometheus. `destination`: where requests go, told by /readyz too: a door whose
    destination is away takes messages all the same. `elsewhere` has more pages (webhooks); `limits` are the site's.
    """

    def ready() -> "Deferred[Answer]":
        return not_ready().addCallback(
            lambda reasons: as_json(
                503 if reasons else 200,
                {"ready": not reasons, "reasons": reasons, "destination": destination()},
            )
        )

    root: Any = Root(elsewhere)
    root.putChild(b"healthz", Page(lambda: as_json(200, alive())))
    root.putChild(b"readyz", Page(ready))
    root.putChild(b"metrics", Page(lambda: (200, CONTENT_TYPE_LATEST, metrics())))
    return BoundedSite(root, reactor, **limits)
