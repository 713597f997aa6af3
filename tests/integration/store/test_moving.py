"""A store moves from a file to a server: all of it or nothing, and it goes on there as it was."""

from dataclasses import replace

import pytest
from sqlalchemy import inspect, text

from interface.store import moving
from interface.store.crypto import Master, new_master_key
from interface.store.errors import StoreError
from interface.store.moving import move
from interface.store.records.turn import MessageDone, Turn
from interface.store.schema import metadata
from interface.store.store import database_at, open_store


@pytest.fixture
def url(sqlite_url):
    return sqlite_url


@pytest.fixture
def filled(store, fill):
    """A store with rows in every state."""
    first, second = fill.patient("A"), fill.patient("B", chart=b"chart of B")
    messages = [fill.message(raw=b"MSH|%d" % number) for number in range(30)]
    store.work.commit(Turn(fill.now, [MessageDone(messages[0], "done", "post", note=b"why")]))
    fill.request(first), fill.request(first, "held"), fill.request(second)
    one, two = store.work.claim(fill.now, 2)
    store.work.commit(Turn(fill.now, attempts=[fill.attempt(one, reply=b"what it said")]))
    store.commands.add("rebuild", {"patients": [1]})
    return store, two


def test_everything_is_there_and_it_goes_on(filled, fill, fill_of, empty_database, keyring, monkeypatch):
    monkeypatch.setattr(moving, "PORTION_ROWS", 7)
    store, sending = filled
    seen = []
    moved = move(store._database, database_at(empty_database), keyring, lambda *told: seen.append(told))
    assert moved.rows["messages"] == moved.rows["message_bodies"] == 30
    assert set(moved.rows) == set(metadata.tables) - {"nodes", "intake_turn"}
    assert moved.opened > 30
    assert ("messages", 7, 30) in seen and ("messages", 30, 30) in seen
    with open_store(empty_database, keyring, create=False) as there:
        assert there.views.counts() == store.views.counts()
        for number in range(1, 31):
            assert there.views.message(number) == store.views.message(number)
        for number in range(1, 4):
            assert there.views.request(number) == store.views.request(number)
        assert there.work.load_patients("AB") == store.work.load_patients("AB")
        assert there.commands.get(1) == store.commands.get(1)
        assert there.work.recover(fill.now) == 1, "nobody sends it any more"
        assert there.views.request(sending.request_id).summary.possible_duplicate
        later = replace(fill_of(there), now=fill.now + 1)
        assert later.message() == 31, "ids go on"
        (claim,) = there.work.claim(later.now, 1)
        there.work.commit(Turn(later.now, attempts=[later.attempt(claim)]))
        assert there.retention.begin(1.0) == 1


def test_texts_that_only_sqlite_keeps_are_taken(filled, empty_database, keyring, sql):
    sql("UPDATE messages SET control_id = :odd WHERE id = 1", odd="C\0" + "1")
    move(filled[0]._database, database_at(empty_database), keyring)
    with open_store(empty_database, keyring, create=False) as there:
        assert there.views.message(1).summary.control_id == "C\N{REPLACEMENT CHARACTER}1"


@pytest.mark.parametrize("theirs", ["CREATE TABLE theirs (id int)", None])
def test_a_database_that_is_not_empty_is_left_alone(filled, empty_database, keyring, theirs):
    target = database_at(empty_database)
    if theirs:
        with target.engine.begin() as connection:
            connection.execute(text(theirs))
    else:
        open_store(empty_database, keyring).close()
    with pytest.raises(StoreError, match="is not empty"):
        move(filled[0]._database, target, keyring)


def test_what_goes_wrong_on_the_way_leaves_nothing(filled, empty_database, keyring, monkeypatch):
    def stop(table, done, total):
        if table == "requests":
            raise StoreError("enough")

    target = database_at(empty_database)
    with pytest.raises(StoreError, match="enough"):
        move(filled[0]._database, target, keyring, stop)
    assert inspect(target.engine).get_table_names() == []
    with pytest.raises(StoreError, match="is not the one this store was made with"):
        move(filled[0]._database, target, Master(new_master_key()))
    monkeypatch.setattr(
        moving, "_value", lambda value: b"" if isinstance(value, bytes) and len(value) > 60 else value
    )
    with pytest.raises(StoreError):
        move(filled[0]._database, target, keyring)
    assert inspect(target.engine).get_table_names() == []
