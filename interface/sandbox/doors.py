"""The simulated API's own doors under `/_sandbox`, for tests and for persons who rehearse. The vendor has none of this."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from twisted.internet.defer import Deferred

from interface.sandbox.api import Answer, error_body
from interface.sandbox.calls import CallLog
from interface.sandbox.webhooks import Webhooks, checked_url, origin

OWN = b"/_sandbox"
_CALLS, _WEBHOOKS = OWN + b"/requests", OWN + b"/webhooks"
_TEXT = b"text/plain; charset=utf-8"
_LONGEST_WAIT = 600
NOTHING_HERE = Answer(404, error_body("there is nothing here", None))


@dataclass(frozen=True)
class Visit:
    """A call at a door."""

    method: bytes
    path: bytes
    query: bytes
    content_type: bytes
    body: bytes


class Doors:
    """`/_sandbox/`: counts; `/_sandbox/requests`: calls; `/_sandbox/webhooks`: what was sent, and (PUT) where it goes."""

    def __init__(self, calls: CallLog, webhooks: Webhooks, reactor: Any) -> None:
        self._calls, self._webhooks, self._reactor = calls, webhooks, reactor

    def answer(self, visit: Visit) -> "Answer | Deferred[Answer]":
        """What a door shows."""
        if visit.method == b"PUT" and visit.path == _WEBHOOKS:
            return self._send_to(visit)
        if visit.method not in (b"GET", b"HEAD"):
            allowed = b"GET, PUT" if visit.path == _WEBHOOKS else b"GET"
            text = f"only {allowed.decode()} is allowed".replace(",", " and")
            return Answer(405, error_body(text, None), ((b"allow", allowed),))
        asked = parse_qs(visit.query.decode("ascii", "replace"))
        if visit.path in (OWN, OWN + b"/"):
            counts = self._calls.summary() + self._webhooks.log.summary()
            return Answer(200, counts.encode(), content_type=_TEXT)
        if visit.path == _CALLS:
            return self._calls_page(asked)
        if visit.path == _WEBHOOKS:
            return self._when_idle(asked)
        return NOTHING_HERE

    def _calls_page(self, asked: dict[str, list[str]]) -> Answer:
        """The calls; `?after=N` leaves out those up to N, `accepted=true` those that were not taken in."""
        calls = self._calls.after(_number(asked, "after"), accepted_only="true" in asked.get("accepted", ()))
        return Answer(200, orjson.dumps([call.as_json() for call in calls]))

    def _webhooks_page(self, after: int) -> Answer:
        return Answer(200, orjson.dumps([webhook.as_json() for webhook in self._webhooks.log.after(after)]))

    def _when_idle(self, asked: dict[str, list[str]]) -> "Answer | Deferred[Answer]":
        """The webhooks; `?wait=SECONDS` answers when none waits any more, or after so long."""
        after, seconds = _number(asked, "after"), min(_number(asked, "wait"), _LONGEST_WAIT)
        if not seconds:
            return self._webhooks_page(after)
        idle: Deferred[Any] = self._webhooks.idle()
        idle.addTimeout(seconds, self._reactor, onTimeoutCancel=lambda *_: None)
        return idle.addCallback(lambda _: self._webhooks_page(after))

    def _send_to(self, visit: Visit) -> Answer:
        """`{"urls": […]}`: the receivers from now on."""
        # a page in a browser of this machine can't send this type unasked
        if visit.content_type.partition(b";")[0].strip().lower() != b"application/json":
            return Answer(415, error_body("the content type must be application/json", None))
        try:
            document = orjson.loads(visit.body)
            urls = [checked_url(url) for url in document["urls"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            text = 'write {"urls": ["https://HOST[:PORT]/PATH"]}'
            return Answer(400, error_body(text, None))
        self._webhooks.send_to(urls)
        return Answer(200, orjson.dumps({"to": [origin(url) for url in urls]}))


def _number(asked: dict[str, list[str]], name: str) -> int:
    text = asked.get(name, ["0"])[-1]
    return int(text) if text.isascii() and text.isdecimal() else 0
