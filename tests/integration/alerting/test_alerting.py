"""The daemon's alerts on a real store: what is said, stored, told by channels in order, and what a restart makes of it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from patience import until
from twisted.internet.defer import execute
from twisted.internet.task import Clock

from interface.alerting.telling import Notice, Sender
from interface.services import alerting as module
from interface.services.alert_channels import ChannelError
from interface.services.alert_looks import Looks
from interface.services.alerting import Alerting, DoorFacts
from interface.settings import Settings, parse_settings
from interface.store.crypto import Master
from interface.store.errors import StoreError
from interface.store.records.arrivals import Arrival
from interface.store.store import Store, open_store

AT = 1_772_460_000.0
"""Monday, 2026-03-02, 08:00 in Chicago."""
MASTER = Master(bytes(range(32)), source="env:STORE_KEY")
ALL_DAY = """
[site]
timezone = "America/Chicago"
[alerts]
off = ["disk-low", "work-dying", "decisions-late", "clock-skew"]
"""
PAUSED = {
    "state": "paused",
    "reason": "not-authorised",
    "since": "2026-03-02T13:00:00+00:00",
    "next_at": None,
}
PASSING = {"state": "passing", "reason": "", "since": None, "next_at": None}


class Reactor(Clock):
    """Time by hand; what threads hand over is done when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[tuple[Any, ...]] = []
        self.ready = threading.Condition()

    def getThreadPool(self) -> None:
        return None

    def callFromThread(self, call: Any, *given: Any) -> None:
        with self.ready:
            self.handed.append((call, *given))
            self.ready.notify()

    def take(self) -> None:
        """Wait for one thing that a thread hands over, and do it."""
        with self.ready:
            assert self.ready.wait_for(lambda: bool(self.handed), 30)
            call, *given = self.handed.pop(0)
        call(*given)


class Heard:
    """A channel that fails as often as it is told to."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failing = False

    def tell(self, notice: Notice, _sender: Sender) -> None:
        if self.failing:
            raise ChannelError("nobody answers")
        self.told.append(f"{notice.edge.what} {notice.edge.code} {notice.edge.scope}".rstrip())


class Site:
    """A daemon's alerts by hand."""

    def __init__(
        self, store: Store, owner: str = "a", text: str = ALL_DAY, node: str = "", now: float = AT
    ) -> None:
        self.store = store
        self.settings: Settings = parse_settings(text, Path("/nowhere/site.toml"))
        self.reactor = Reactor()
        self.now = now
        self.door = DoorFacts(destination=PASSING)
        self.mail, self.page = Heard(), Heard()
        self.looks = Looks(
            store, self.settings, node, owner, now=lambda: self.now, monotonic=lambda: self.now
        )
        self.alerting = Alerting(
            self.looks,
            self.reactor,
            lambda: self.door,
            {"mail": self.mail, "command": self.page},
            Sender("Lakeside"),
            now=lambda: self.now,
        )

    def look(self, later: float = 60.0, **door: Any) -> None:
        """One more look after a while, and what channels say meanwhile."""
        self.now += later
        self.reactor.advance(later)
        self.door = replace(self.door, **door)
        self.alerting.took(self.looks())
        self.settle()

    def settle(self) -> None:
        """Until no channel is at work."""
        while any(teller.busy for teller in self.alerting._tellers.values()):
            self.reactor.take()

    def message(self, application: str = "EPIC") -> None:
        """A message comes now."""
        arrival = Arrival(
            "main", application, "LFC", f"C{self.now}", "ADT^A08", "P", "x", b"MSH|", "stored", self.now
        )
        self.store.journal.append([arrival], self.now)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "deferToThreadPool", lambda _reactor, _pool, call, *given: execute(call, *given)
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/interface.db"


@pytest.fixture
def open_again(url: str) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def again() -> Store:
        for store in opened:
            store.close()
        opened[:] = [open_store(url, MASTER)]
        return opened[0]

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Callable[[], Store]) -> Store:
    return open_again()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    monkeypatch.setattr(logging.getLogger("interface"), "propagate", True)
    caplog.set_level(logging.INFO)
    return lambda: re.findall(r"event=(alert\S* \S+)", caplog.text)


def test_a_paused_destination_is_said_once_by_every_channel_and_its_end_too(
    store: Store, said: Callable[[], list[str]]
) -> None:
    site = Site(store)
    for _ in range(20):
        site.look(destination=PAUSED, gauges={"oldest_waiting_seconds": 9999.0})
    assert [one.code for one in site.alerting.on] == ["destination-paused"]
    for _ in range(5):
        site.look(destination=PASSING, gauges={"oldest_waiting_seconds": 0.0})
    told = ["begins destination-paused", "ends destination-paused"]
    assert site.mail.told == site.page.told == told
    assert said() == ["alert-begins alert=destination-paused", "alert-ends alert=destination-paused"]


def test_ten_thousand_looks_at_what_goes_on_say_it_once(store: Store) -> None:
    site = Site(store)
    for _ in range(300):
        site.look(1.0, trouble="the store cannot be written")
    assert site.mail.told == ["begins work-stuck"]


def test_a_restart_while_it_is_on_says_nothing_again_and_what_ended_meanwhile_is_said_to_have(
    open_again: Callable[[], Store],
) -> None:
    site = Site(open_again())
    site.look(destination=PAUSED)
    site.alerting.stop()
    again = Site(open_again(), owner="b", now=site.now)
    for _ in range(5):
        again.look(destination=PAUSED)
    assert again.mail.told == []
    again.alerting.stop()
    after = Site(open_again(), owner="c", now=again.now)
    for _ in range(5):
        after.look(destination=None)
    assert after.mail.told == [], "nothing is known yet"
    for _ in range(5):
        after.look(destination=PASSING)
    assert after.mail.told == ["ends destination-paused"]


def test_a_daemon_that_was_killed_knows_what_was_said(open_again: Callable[[], Store]) -> None:
    site = Site(open_again())
    site.look(destination=PAUSED)
    assert site.mail.told == ["begins destination-paused"]
    again = Site(open_again(), owner="b", now=site.now)  # nothing was stopped
    again.look(destination=PAUSED)
    assert again.mail.told == []


def test_what_a_channel_could_not_tell_is_told_later_in_order_and_its_failing_is_said_once(
    store: Store, said: Callable[[], list[str]]
) -> None:
    site = Site(store)
    site.mail.failing = True
    site.look(destination=PAUSED)
    for _ in range(10):
        site.look(destination=PASSING)
    assert site.mail.told == []
    assert site.page.told == ["begins destination-paused", "ends destination-paused"]
    assert said().count("alert-channel-failing channel=mail") == 1
    site.mail.failing = False
    site.look(900)
    assert site.mail.told == ["begins destination-paused", "ends destination-paused"]
    assert said()[-1] == "alert-channel-works-again channel=mail"


def test_what_was_not_told_when_the_daemon_ended_is_told_by_the_next_one(
    open_again: Callable[[], Store],
) -> None:
    site = Site(open_again())
    site.mail.failing = site.page.failing = True
    site.look(destination=PAUSED)
    site.alerting.stop()
    again = Site(open_again(), owner="b", now=site.now)
    again.look(destination=PAUSED)
    assert again.mail.told == again.page.told == ["begins destination-paused"]


def test_a_channel_that_hangs_holds_nobody_up(store: Store, said: Callable[[], list[str]]) -> None:
    site = Site(store)
    free = threading.Event()
    site.mail.tell = lambda *_: free.wait(30) and None  # type: ignore[method-assign]
    site.now += 60
    site.door = replace(site.door, destination=PAUSED)
    site.alerting.took(site.looks())
    site.reactor.take()  # the command's
    assert site.page.told == ["begins destination-paused"]
    site.now += 200
    site.alerting.took(site.looks())
    assert "alert-channel-failing channel=mail" in said()
    free.set()
    site.settle()


def test_while_the_store_fails_it_is_said_all_the_same_and_stored_afterwards(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(store)
    site.look()

    def fails(*_: Any) -> bool:
        raise StoreError("the disk is full")

    write = site.looks.write
    monkeypatch.setattr(site.looks, "write", fails)
    for _ in range(3):
        site.look(journal="the disk is full")
    for _ in range(3):
        site.now += 60
        site.alerting.blind(True)
    assert site.mail.told == ["begins journal-failing"]
    monkeypatch.setattr(site.looks, "write", write)
    site.look(5)
    assert "journal-failing" in store.alert_books.all()[0].book


def test_a_store_that_does_not_answer_is_said_though_nobody_can_look(store: Store) -> None:
    site = Site(store)
    site.look()
    for _ in range(3):
        site.now += 60
        site.alerting.blind(True)
        site.settle()
    assert site.mail.told == ["begins journal-failing"]
    assert "does the disk answer" in site.alerting.on[0].text


def test_a_store_that_could_not_be_read_since_the_start_does_not_keep_the_door_silent(store: Store) -> None:
    site = Site(store)
    for _ in range(4):
        site.now += 60
        site.door = replace(site.door, journal="another program holds it locked")
        site.alerting.blind(False)
        site.settle()
    assert site.mail.told == ["begins journal-failing"]
    for _ in range(4):
        site.look(journal="")
    assert site.mail.told == ["begins journal-failing", "ends journal-failing"]
    assert "journal-failing" in store.alert_books.all()[0].book


FEEDS = """
[site]
timezone = "America/Chicago"
[alerts]
off = ["disk-low", "work-dying", "decisions-late", "clock-skew"]
[[alerts.feed]]
windows = ["Mon-Fri 07:00-18:00"]
minutes = 30
[[alerts.feed]]
application = "LAB"
windows = ["Mon-Fri 07:00-18:00"]
minutes = 45
"""


def test_a_feed_that_falls_silent_is_said_once_and_once_when_it_speaks_again(store: Store) -> None:
    site = Site(store, text=FEEDS)
    for _ in range(30):
        site.message("LAB")
        site.look(60)
    assert site.mail.told == []
    for _ in range(40):
        site.look(60)
    assert site.mail.told == ["begins feed-silent main"], "its sender is silent, too, and that is no news"
    assert "Mon 2026-03-02 08:29" in site.alerting.on[0].text
    site.message("EPIC")
    site.look(60)
    assert site.mail.told[1:] == ["ends feed-silent main"]
    for _ in range(10):
        site.message("EPIC")
        site.look(60)
    assert site.mail.told[2:] == ["begins feed-silent main: LAB"]
    site.now += 3 * 86400
    site.message("LAB")
    site.look(60)
    assert site.mail.told[3:] == ["ends feed-silent main: LAB"]


def test_a_feed_that_is_silent_at_night_and_on_sundays_is_as_expected(store: Store) -> None:
    site = Site(store, text=FEEDS)
    while site.now < AT + 10 * 3600:
        site.message("LAB")
        site.look(600)
    for _ in range(13 * 6):
        site.look(600)
    assert site.mail.told == []


def test_when_a_feed_spoke_last_is_known_after_a_restart(open_again: Callable[[], Store]) -> None:
    site = Site(open_again(), text=FEEDS)
    site.message()
    site.look(60)
    site.alerting.stop()
    again = Site(open_again(), owner="b", text=FEEDS, now=AT + 60)
    for _ in range(29):
        again.look(60)
    assert again.mail.told == []
    again.look(60)
    assert again.mail.told == ["begins feed-silent main"]
    assert "Mon 2026-03-02 08:00" in again.alerting.on[0].text


def test_messages_that_fail_are_one_alert_however_many(store: Store) -> None:
    from interface.store.records.turn import MessageDone, Turn

    site = Site(store)
    for number in range(50):
        site.message()
        site.now += 0.001
        store.work.commit(Turn(site.now, messages=[MessageDone(number + 1, "failed", None)]))
        site.look(60)
    assert site.mail.told == ["begins messages-failed"]
    newest = store.alert_facts.newest_failed()
    assert newest is not None
    store.alert_books.see("messages-failed", newest, "anna", site.now)
    site.look(60)
    assert site.mail.told[1:] == ["ends messages-failed"]


def test_a_certificate_that_ends_is_said_until_another_is_served(store: Store) -> None:
    files = 'tls_certificate = "a.pem"\ntls_key = "a.key"\n'
    site = Site(store, text=ALL_DAY + f'[web]\n{files}[[listener]]\nname = "adt"\n{files}')
    far = AT + 100 * 86_400
    for left in (30, 22, 21, 20):
        site.look(certificates={"[web]": site.now + left * 86_400, "[[listener]] adt": far})
    assert site.mail.told == ["begins certificate-ending [web]"]
    site.look(certificates={"[[listener]] adt": far})
    site.look(certificates={"[web]": far, "[[listener]] adt": far})
    assert site.mail.told[1:] == ["ends certificate-ending [web]"]


def test_newer_settings_count_from_the_next_look_on(store: Store) -> None:
    site = Site(store)
    site.look(destination=PAUSED)
    fresh = Heard()
    settings = parse_settings('[alerts]\noff = ["destination-paused"]', Path("/nowhere/site.toml"))
    site.alerting.use(settings, {"mail": fresh})
    site.look()
    assert fresh.told == ["ends destination-paused"]
    assert site.page.told == ["begins destination-paused"]


def test_of_two_nodes_one_says_what_both_share_and_each_what_is_its_own(clean_store: Any) -> None:
    url = clean_store(MASTER)
    text = ALL_DAY.replace("[alerts]", '[store]\nurl = "postgresql+psycopg://i@h/d"\n[alerts]')
    with open_store(url, MASTER) as left, open_store(url, MASTER) as right:
        one, two = Site(left, "a", text, "one:8025"), Site(right, "b", text, "two:8025")
        for _ in range(4):
            one.look(destination=PAUSED, trouble="it cannot go on")
            two.look(destination=PAUSED)
        assert sorted(one.mail.told) == ["begins destination-paused", "begins work-stuck"]
        assert two.mail.told == []
        assert [on.code for on in two.alerting.on] == ["destination-paused"], "it is shown by both"
        one.alerting.stop()

        def taken_over() -> bool:
            two.look(1.0, destination=PASSING)  # however many looks it takes: a day would have it said again
            return "ends destination-paused" in two.mail.told

        lapse = "UPDATE alert_books SET until = 0 WHERE name = ''"
        with left._database.engine.begin() as connection:
            connection.exec_driver_sql(lapse)
        until("the other one says the end", taken_over)
        assert two.mail.told == ["ends destination-paused"]


def test_where_one_node_alone_does_not_reach_the_api_it_is_said_and_by_whom(clean_store: Any) -> None:
    url = clean_store(MASTER)
    text = ALL_DAY.replace("[alerts]", '[store]\nurl = "postgresql+psycopg://i@h/d"\n[alerts]')
    with open_store(url, MASTER) as left, open_store(url, MASTER) as right:
        one, two = Site(left, "a", text, "one:8025"), Site(right, "b", text, "two:8025")
        for _ in range(4):
            one.look(destination=PASSING)
            two.look(destination=PAUSED)
        assert one.mail.told == ["begins destination-paused"]
        assert "nothing is sent by two:8025" in one.alerting.on[0].text
        for _ in range(5):
            two.look(destination=PASSING)
            one.look(destination=PASSING)
        assert one.mail.told == ["begins destination-paused", "ends destination-paused"]
        assert two.mail.told == []
