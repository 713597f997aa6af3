"""Consoles over a real store: asked by values, with a clock that is set; and in real doors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from console_browser import HASHED, NOW, TEST_ACTIONS, TEST_PAGES, Browser, Clock, arrival
from console_chromium import CHROMIUM, SIZES
from patience import PATIENCE
from prepared import PIPE, Prepared
from running_console import make_users, run_command

sys.path.insert(0, str(Path(__file__).parent.parent / "door"))

from running_door import QUIET_WORK, Door

from interface.console.answering import Answering
from interface.console.pages import ACTIONS, PAGES
from interface.services.clock import Clock as WorkClock
from interface.services.door_state import DoorState, Surroundings
from interface.services.engines import engine_now
from interface.services.offline import work_off_if_free
from interface.settings import Settings
from interface.store.crypto import Master
from interface.store.store import Store, open_store

Start = Callable[..., Door]


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
def settings() -> Settings:
    return Settings()


@pytest.fixture
def work(store, settings):
    """Does what the daemon's work would, by the settings of now or others."""

    def off(by: Settings = settings) -> None:
        clock = WorkClock(datetime.fromtimestamp(NOW, UTC))
        assert work_off_if_free(store.presence("work"), store, engine_now(by, store, NOW), clock)

    return off


@pytest.fixture
def tell(store, work):
    """Messages, taken in and decided."""
    count = 0

    def told(*segments: str, kind: str = "SIU^S12", by: Settings | None = None, control_id: str = "") -> None:
        nonlocal count
        count += 1
        name = control_id or f"C{count}"
        head = f"MSH|^~\\&|APP|FAC|R|R|20270110||{kind}|{name}|P|2.5.1"
        raw = "\r".join((head, *segments, "")).encode()
        store.journal.append(
            [arrival(count, raw=raw, control_id=name, message_type=kind, received_at=NOW)], NOW
        )
        work(*([by] if by else []))

    return told


@pytest.fixture
def new_browser(store: Store, clock: Clock, woken: list[int], settings: Settings):
    around = Surroundings(settings, store, None, DoorState, lambda: woken.append(1))
    answering = Answering(around, PAGES + TEST_PAGES, ACTIONS + TEST_ACTIONS, clock)
    for name, role in (("vera", "viewer"), ("mary", "analyst"), ("adam", "admin")):
        store.users.add(name, role, HASHED, NOW)
    return lambda: Browser(answering, store)


@pytest.fixture
def browser(new_browser) -> Browser:
    return new_browser()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    doors: list[Door] = []

    def run(web: str = "", *, limit: float = 10.0, fill: Callable[[Path], None] = lambda _: None) -> Door:
        path = tmp_path / "settings.toml"
        path.write_text(f'[[listener]]\nname = "main"\nport = 0\n[web]\nport = 0\n{web}\n')
        make_users(path)
        fill(path)
        process = Prepared(run_command(path, QUIET_WORK, limit), stderr=PIPE)
        door = Door(tmp_path, process)
        doors.append(door)
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Any, door: Door) -> Iterator[Callable[..., Any]]:
    """Opens pages; at the end none may have complained (a style or script that the browser refused, an error)."""
    contexts: list[Any] = []
    said: list[str] = []

    def opened(size: str = "wide", **more: Any) -> Any:
        width, height = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",  # else colours fade from one scheme to the other
            base_url=f"http://{door.web}",
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: said.append(line.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    # that an answer is an error (403 of a wrong password) is what the tests ask for
    assert [line for line in said if "Failed to load resource" not in line] == []
