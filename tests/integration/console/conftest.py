"""A console over a real store, asked by values: no sockets, a clock that is set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_browser import HASHED, NOW, TEST_ACTIONS, TEST_PAGES, Browser, Clock

from interface.console.answering import Answering
from interface.console.pages import ACTIONS, PAGES
from interface.services.door_state import DoorState, Surroundings
from interface.settings import Settings
from interface.store.crypto import Master
from interface.store.database import Store, open_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/interface.db", Master(bytes(range(32)), source="env:K")) as opened:
        yield opened


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def new_browser(store: Store, clock: Clock, woken: list[int]):
    around = Surroundings(Settings(), store, None, DoorState, lambda: woken.append(1))
    answering = Answering(around, PAGES + TEST_PAGES, ACTIONS + TEST_ACTIONS, clock)
    for name, role in (("vera", "viewer"), ("mary", "analyst"), ("adam", "admin")):
        store.users.add(name, role, HASHED, NOW)
    return lambda: Browser(answering, store)


@pytest.fixture
def browser(new_browser) -> Browser:
    return new_browser()
