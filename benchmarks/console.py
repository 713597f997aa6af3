"""What pages of the console cost, made in this process on a store that a daemon has filled: no sockets, no browser."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from benchmarks.processes import BenchError
from interface.console import security
from interface.console.answering import Answering
from interface.console.asked import Incoming
from interface.console.pages import ACTIONS, PAGES
from interface.services.door_state import DoorState, Surroundings
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import Store, open_store

ADDRESSES = (
    ("first", "first page of the console, after a start", "/"),
    ("messages", "a page of messages", "/messages"),
    ("held", "messages that are held", "/messages?decision=hold"),
    ("nothing", "messages of a type that none has", "/messages?type=XXX%5EX99"),
    ("message", "one message", "/messages/7"),
    ("requests", "a page of requests", "/requests"),
    ("requests_held", "requests that are held", "/requests?state=held"),
    ("requests_id", "a request by a correlation id that none has", "/requests?correlation_id=none"),
    ("requests_nothing", "requests of a verdict that none has", "/requests?verdict=refused-together"),
    ("request", "one request", "/requests/7"),
)
"""Key, what it is, address."""
USER = "bench"


def page_ms(settings: Path, address: str) -> float:
    """Milliseconds until a page is made, by a console that has just been started."""
    read = load_settings(settings)
    master = load_or_create(read.store.key, read.directory, lambda _: None, create=False)
    with open_store(read.store_url, master, create=False) as store:
        token = _signed_in(store)
        answering = Answering(Surroundings(read, store, None, DoorState, lambda: None), PAGES, ACTIONS)
        parts = urlsplit(address)
        incoming = Incoming(
            "GET", parts.path, tuple(parse_qsl(parts.query)), cookies={security.SESSION: token}
        )
        answering.answer(store, Incoming("GET", "/nothing", cookies=incoming.cookies), DoorState())  # warm
        began = time.perf_counter()
        reply = answering.answer(store, incoming, DoorState())
        took = (time.perf_counter() - began) * 1000
        if reply.status != 200:
            raise BenchError(f"{address}: {reply.status}")
        return took


def _signed_in(store: Store) -> str:
    now, token = time.time(), security.new_token()
    store.users.add(USER, "analyst", "nobody's", now)
    user = store.users.get(USER)
    if user is None or not store.users.begin(security.token_hash(token), user, now):
        raise BenchError("no session could be made")
    return token
