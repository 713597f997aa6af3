"""What the store remembers of the settings that decide where charts stand, and when it is said that they have changed."""

from datetime import UTC, datetime

import pytest
from made_up import AIP

from interface.chart.decide import Engine
from interface.rules import Policy, load_rulebook
from interface.services.clock import Clock
from interface.services.identity_settings import changed, keys_now, look, note
from interface.services.offline import work_off
from interface.store.records.arrivals import Arrival

CLOCK = Clock(datetime(2026, 3, 2, 15, tzinfo=UTC), UTC)
AUTHORITY = "site.mrn_authority"


def engine(*authority):
    return Engine(load_rulebook(), Policy(mrn_authority=authority))


@pytest.fixture
def book(store):
    """A patient comes, decided by an engine."""

    def make(by, number="T1"):
        raw = "\r".join(
            (
                f"MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|{number}|P|2.5.1",
                f"SCH||{number}|||||||||^^^20260310093000",
                f"PID|1||{number}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
                AIP,
            )
        ).encode()
        at = CLOCK.now()
        store.journal.append([Arrival("main", "A", "F", number, "SIU^S12", "P", "x", raw, "stored", at)], at)
        work_off(store, by, CLOCK)

    return make


def ask(store, by, kind, **arguments):
    number = store.commands.add(kind, arguments)
    work_off(store, by, CLOCK)
    return store.commands.get(number)


def test_without_charts_settings_may_change_as_they_like(store):
    assert note(store, engine(), CLOCK.now()) == ()
    assert look(store, engine("LFC")) == ()
    assert note(store, engine("LFC"), CLOCK.now()) == ()


def test_under_charts_a_change_is_told_until_all_are_rebuilt(store, book):
    before, after = engine(), engine("LFC")
    book(before)
    assert note(store, before, CLOCK.now()) == ()
    assert look(store, after) == note(store, after, CLOCK.now()) == (AUTHORITY,)
    assert note(store, after, CLOCK.now()) == (AUTHORITY,), "at the next start again"
    told = ask(store, after, "rebuild", patients=[1])
    assert look(store, after) == (AUTHORITY,), "one chart is not all of them"
    ended = ask(store, after, "keyed", keys=[told.result["keys"]])
    assert ended.state == "done"
    assert look(store, after) == note(store, after, CLOCK.now()) == ()
    assert look(store, before) == (AUTHORITY,)


def test_charts_made_between_a_change_and_its_undoing_are_not_forgotten(store, book):
    book(engine())
    book(engine("LFC"), "T2")
    assert note(store, engine(), CLOCK.now()) == (AUTHORITY,)


def test_a_store_that_remembers_nothing_begins_with_todays_settings(store, book):
    book(engine())
    store.work.note_seen({"identity": "[]"}, CLOCK.now())
    assert note(store, engine("LFC"), CLOCK.now()) == ()
    assert look(store, engine()) == (AUTHORITY,)


@pytest.mark.parametrize("keys", [[], ["other"], [keys_now(engine("LFC")), "other"]])
def test_charts_rebuilt_by_several_mappings_or_another_one_do_not_count(store, book, keys):
    book(engine())
    ended = ask(store, engine("LFC"), "keyed", keys=keys)
    assert (ended.state, look(store, engine("LFC"))) == ("failed", (AUTHORITY,))
    assert "once more" in ended.result["problem"]


def test_what_has_changed_is_named_once():
    now = {"a": "1", "b": "2"}
    assert changed(None, now) == ()
    assert changed('[{"a": "1", "b": "2"}]', now) == ()
    assert changed('[{"a": "0", "b": "2"}, {"a": "9", "b": "2"}, {"a": "1", "b": "2"}]', now) == ("a",)
    assert changed('[{"a": "1", "gone": "3"}]', now) == ("b", "gone")
