"""A console over a real store, asked by values: no sockets, a clock that is set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from argon2 import PasswordHasher

from interface.console.answering import Answering
from interface.console.asked import Action, Ask, Incoming, Page, RefusedError, Shown
from interface.console.replies import Reply
from interface.services.door_state import DoorState
from interface.store.records.arrivals import Arrival
from interface.store.store import Store

NOW = 1_800_000_000.0
PASSWORD = "four words of some length"
HASHED = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)  # in no time


def breaks(*_: Any) -> Any:
    raise KeyError("Smith, 555-0142")


def refuses(*_: Any) -> Any:
    raise RefusedError(400, "That request is being sent.")


def release(store: Store, asked: Any, around: Any) -> Ask:
    return Ask("release", {"requests": [7]}, "released", ("request 7",), "/broken", "ready")


TEST_PAGES = (
    Page("/broken", "error.html", breaks, lambda asked, what: Shown("x")),
    Page(
        "/patient/{id}",
        "error.html",
        lambda store, asked, around: asked.ids[0],
        lambda asked, what: Shown(
            "Patient", {"text": asked.viewer.veil("Smith"), "number": ""}, seen=(f"patient {what}",)
        ),
    ),
    Page(
        "/for-admins",
        "error.html",
        lambda *_: None,
        lambda asked, what: Shown("Secret", {"text": "for admins", "number": ""}),
        role="admin",
    ),
    Page(
        "/checked",
        "error.html",
        lambda *_: None,
        lambda asked, what: Shown("Number", {"text": str(asked.query.whole("before")), "number": ""}),
    ),
)
TEST_ACTIONS = (Action("/release", release), Action("/refused", refuses))


@dataclass
class Browser:
    """Keeps cookies, follows nothing."""

    answering: Answering
    store: Store
    state: DoorState = field(default_factory=DoorState)
    cookies: dict[str, str] = field(default_factory=dict)
    peer: str = "127.0.0.1"
    extra: dict[str, Any] = field(default_factory=dict)

    def get(self, address: str, method: str = "GET", form: tuple[tuple[str, str], ...] = ()) -> Reply:
        parts = urlsplit(address)
        values: dict[str, Any] = {
            "method": method,
            "path": parts.path,
            "query": tuple(parse_qsl(parts.query, keep_blank_values=True)),
            "form": form,
            "cookies": dict(self.cookies),
            "peer": self.peer,
            "host": "console.example",
            "origin": "http://console.example" if method == "POST" else "",
        }
        reply = self.answering.answer(self.store, Incoming(**(values | self.extra)), self.state)
        for name, value in reply.headers:
            if name == "Set-Cookie":
                cookie, _, rest = value.partition("; ")
                key, _, content = cookie.partition("=")
                self.cookies.pop(key, None)
                if "Max-Age=0" not in rest:
                    self.cookies[key] = content
        return reply

    def post(self, path: str, page: str = "/", **fields: str) -> Reply:
        """Post a form as the page has it: with its hidden token, unless another is given."""
        token = re.search(r'name="csrf" value="(\w+)"', self.get(page).body.decode())
        given = {"csrf": token[1] if token else ""} | fields
        return self.get(path, "POST", tuple(given.items()))

    def sign_in(self, name: str = "mary", password: str = PASSWORD, **fields: str) -> Reply:
        return self.post("/sign-in", "/sign-in", name=name, password=password, **fields)

    def audit(self) -> list[tuple[str, str, str, str | None]]:
        """What was noted, oldest first."""
        return [
            (entry.user_name, entry.action, entry.subject, entry.detail)
            for entry in reversed(self.store.audit.page())
        ]


def arrival(number: int, **changes: object) -> Arrival:
    """A message as the door stores it."""
    values: dict[str, object] = {
        "listener": "main",
        "sender_application": "EPIC",
        "sender_facility": "LFC",
        "control_id": f"C{number}",
        "message_type": "SIU^S12",
        "processing_id": "P",
        "peer": "127.0.0.1:4000",
        "raw": b"MSH|%d" % number,
        "receipt": "stored",
        "received_at": NOW + number,
    }
    return Arrival(**(values | changes))  # type: ignore[arg-type]


def location(reply: Reply) -> str:
    assert reply.status == 303, reply.body
    return dict(reply.headers)["Location"]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now
