"""A backup is a whole copy of one state of the store, made while it is written, or it is not there at all."""

import os
import sqlite3
import stat
from contextlib import closing

import pytest

from interface.store import backup
from interface.store.backup import BadBackupError, left_behind, verify
from interface.store.crypto import Master, new_master_key
from interface.store.errors import StoreError
from interface.store.records.turn import NewRound, Turn
from interface.store.store import open_store


@pytest.fixture
def url(sqlite_url):
    return sqlite_url


@pytest.fixture
def target(tmp_path):
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "copy.db"


@pytest.fixture
def copied(store, fill, keyring, target):
    """A good backup of a store with some rows."""
    for number in range(5):
        fill.message(raw=b"MSH|%d" % number)
    fill.request(fill.patient("A", chart=b"chart"))
    store.backup.make(target, keyring)
    return target


def test_a_backup_is_one_file_of_ours_alone_that_opens_as_a_store(store, fill, keyring, copied):
    assert [path.name for path in copied.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    with open_store(f"sqlite:///{copied}", keyring) as restored:
        assert restored.views.counts() == store.views.counts()
        assert restored.views.message(5).raw == b"MSH|4"
        assert fill.message() == restored.journal.append([fill.arrival()], fill.now)[0].id == 6


def test_a_store_that_is_restored_gives_no_slots_of_the_production_test_before_a_new_round(
    store, fill, keyring, copied
):
    fill.request(fill.patient("B"))
    with open_store(f"sqlite:///{copied}", keyring) as restored:
        found = restored.rounds.now()
        assert (found.copied, found.free) == (True, ())
        waiting = Turn(fill.now, claims=5, environment="production-test")
        assert restored.work.commit(waiting).claimed == ()
        begun = Turn(fill.now, rounds=[NewRound("anna", "restored")], claims=5, environment="production-test")
        assert len(restored.work.commit(begun).claimed) == 1
    assert not store.rounds.now().copied


def test_it_is_of_one_state_though_messages_go_on_coming(store, fill, keyring, target, monkeypatch):
    monkeypatch.setattr(backup, "STEP_PAGES", 3)
    for _ in range(60):
        fill.message(raw=b"x" * 3000)
    writer = open_store(f"sqlite:///{store.path}", keyring, create=False)
    stored, steps = [], []

    def write(_done, _all):
        steps.append(1)
        stored.extend(writer.journal.append([fill.arrival(raw=b"y" * 3000)], fill.now))

    found = store.backup.make(target, keyring, write)
    writer.close()
    assert len(steps) > 10 and len(stored) == len(steps)
    assert found.counts["messages"] == 60
    assert store.views.counts().messages == {"new": 60 + len(stored)}


def test_nothing_is_overwritten(store, keyring, target):
    target.write_text("somebody's")
    with pytest.raises(StoreError, match="is there already"):
        store.backup.make(target, keyring)
    assert target.read_text() == "somebody's"
    with pytest.raises(StoreError, match="is there already"):
        store.backup.make(store.path, keyring)


@pytest.mark.parametrize("what", ["counts", "write", "key"])
def test_what_is_not_verified_is_not_there(store, fill, keyring, target, monkeypatch, what):
    fill.message()
    key = keyring
    if what == "counts":
        count = backup._count
        counted = []

        def miscount(connection):
            counted.append(1)
            return count(connection) | ({"messages": 7} if len(counted) == 2 else {})

        monkeypatch.setattr(backup, "_count", miscount)
    elif what == "write":
        monkeypatch.setattr(
            backup, "_put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
    else:
        key = Master(new_master_key(), source="another")
    with pytest.raises(StoreError) as caught:
        store.backup.make(target, key)
    assert "\n" not in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line(store, keyring, tmp_path):
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        store.backup.make(tmp_path / "nowhere" / "copy.db", keyring)


def damage(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def test_a_good_one_is_found_good_and_left_as_it_is(copied, keyring):
    before = copied.read_bytes()
    found = verify(copied, keyring)
    assert (found.counts["messages"], found.counts["patients"], found.counts["requests"]) == (5, 1, 1)
    assert copied.read_bytes() == before
    assert [path.name for path in copied.parent.iterdir()] == ["copy.db"]


def test_a_damaged_one_is_found_out(copied, keyring):
    good = copied.read_bytes()
    pages = len(good) // 4096
    for at in (
        pages // 2 * 4096,
        (pages - 1) * 4096,
    ):  # where pages begin: what is free within one holds nothing
        copied.write_bytes(good[:at] + os.urandom(2000) + good[at + 2000 :])
        with pytest.raises(StoreError) as caught:
            verify(copied, keyring)
        assert "\n" not in str(caught.value)
    copied.write_bytes(good[: len(good) // 2])
    with pytest.raises(BadBackupError):
        verify(copied, keyring)


@pytest.mark.parametrize("table", ["message_bodies SET body", "request_bodies SET body", "charts SET chart"])
def test_one_whose_newest_values_do_not_open_is_found_out(copied, keyring, table):
    damage(copied, f"UPDATE {table} = x'0102030405060708'")
    with pytest.raises(BadBackupError, match="does not open"):
        verify(copied, keyring)


def test_one_of_another_key_or_no_store_is_said(copied, keyring, tmp_path):
    with pytest.raises(StoreError, match="the at-rest key another is not the one this store was made with"):
        verify(copied, Master(new_master_key(), source="another"))
    with pytest.raises(BadBackupError, match="there is no file"):
        verify(tmp_path / "nothing.db", keyring)
    (tmp_path / "text.db").write_text("not a database at all" * 500)
    with pytest.raises(BadBackupError, match="not a SQLite database"):
        verify(tmp_path / "text.db", keyring)
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(BadBackupError, match="empty"):
        verify(tmp_path / "empty.db", keyring)


def test_one_of_before_a_rotation_opens_with_the_old_key(store, keyring, copied):
    store.rotation.begin(keyring, new := Master(new_master_key()))
    store.rotation.finish(new)
    assert verify(copied, keyring).counts["messages"] == 5


def test_halves_whose_process_is_gone_are_told(tmp_path):
    mine = tmp_path / f"interface-x.db.{os.getpid()}.part"
    gone = tmp_path / "interface-x.db.4194303.part"
    for path in (mine, gone, tmp_path / "interface-x.db"):
        path.touch()
    assert list(left_behind(tmp_path, "interface")) == [gone]
