"""Full disks, locks, read-only files and killed processes."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from small_disk import small_disk

from interface.store import sqlite
from interface.store.errors import NotStored, StoreError
from interface.store.journal import Journal
from interface.store.records.turn import MessageDone, Turn
from interface.store.sqlite import SQLite
from interface.store.store import open_store

# a child with a limit on the size of its files: writing the WAL fails within COMMIT, as on a full disk
FULL = """
import resource, sys
from interface.store.crypto import Master
from interface.store.store import open_store
from interface.store.errors import NotStored, StoreError
from interface.store.records.arrivals import Arrival
store = open_store(sys.argv[1], Master(bytes(range(32))))
def append(name, size):
    arrival = Arrival("main", "A", "F", name, "SIU^S12", "P", "peer", b"SECRET" * size, "stored", 1.0)
    return store.journal.append([arrival], 1.0)[0]
append("first", 10)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
for _ in range(2):
    try:
        append("big", 200_000)
        print("stored")
    except NotStored as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(append("big", 200_000).receipt, len(store.work.new_messages()))
store.close()
"""


def test_a_commit_that_finds_the_disk_full_stores_nothing_and_the_next_one_works(sqlite_url):
    done = subprocess.run(
        [sys.executable, "-c", FULL, sqlite_url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    first, second, last = done.stdout.splitlines()
    assert first == second
    assert first.startswith("the store cannot be written: the disk ")
    assert "SECRET" not in done.stdout
    assert last == "stored 2"


def test_a_store_that_is_locked_is_not_written_and_works_afterwards(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    journal = Journal(SQLite(store.path, busy_ms=10), store.keyring)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotStored, match="another program holds it locked"):
        journal.append([fill.arrival()], fill.now)
    assert store.views.messages() == []
    other.execute("ROLLBACK")
    other.close()
    assert journal.append([fill.arrival()], fill.now)[0].receipt == "stored"
    journal.close()


def test_who_waits_for_the_lock_has_it_soon_after_it_is_free(sqlite_store, sqlite_fill, monkeypatch):
    other = sqlite3.connect(sqlite_store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 5:
            other.execute("ROLLBACK")

    monkeypatch.setattr(sqlite.time, "sleep", wait)
    assert sqlite_store.journal.append([sqlite_fill.arrival()], sqlite_fill.now)[0].receipt == "stored"
    assert len(waits) == 5
    assert max(waits) < 0.001
    other.close()


def test_a_store_in_trouble_is_not_written_and_works_afterwards(store, fill, trouble):
    message = fill.message()
    with trouble(store.journal) as words, pytest.raises(NotStored, match=words):
        store.journal.append([fill.arrival()], fill.now)
    with trouble(store.work) as words, pytest.raises(StoreError, match=words):
        store.work.commit(Turn(fill.now, messages=[MessageDone(message, "done", "chart")]))
    assert [row.id for row in store.work.new_messages()] == [message]
    fill.message()
    fill.done(message)
    assert len(store.work.new_messages()) == 1


def test_a_damaged_file_is_named_as_such(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    for _ in range(20):
        store.journal.append([fill.arrival(raw=b"x" * 3000) for _ in range(20)], fill.now)
    path = store.path
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))
    with pytest.raises(StoreError, match="damaged") as caught:
        store.views.counts()
        store.work.new_messages()
    assert "\n" not in str(caught.value)


KILLED = """
import sys
from interface.store.crypto import Master
from interface.store.store import open_store
from interface.store.records.arrivals import Arrival
store = open_store(sys.argv[1], Master(bytes(range(32))))
number = 0
while True:
    names = [f"C{number + n}" for n in range(8)]
    batch = [Arrival("main", "A", "F", name, "", "P", "peer", b"body", "stored", 1.0) for name in names]
    number += 8
    print(store.journal.append(batch, 1.0)[-1].id, flush=True)
"""


def test_what_was_told_as_stored_survives_a_kill(url, keyring):
    with subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True) as writer:
        told = [int(writer.stdout.readline()) for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    with open_store(url, keyring) as store:
        rows = store.work.new_messages(1_000_000)
    assert len(rows) >= told[-1]
    assert len(rows) % 8 == 0  # a batch is there whole or not at all
    assert [row.id for row in rows] == list(range(1, len(rows) + 1))


def test_a_damaged_page_is_told_in_one_line_and_nothing_is_acknowledged(
    sqlite_store, sqlite_fill, sqlite_url, keyring
):
    store, fill = sqlite_store, sqlite_fill
    for _ in range(20):
        store.journal.append([fill.arrival(raw=b"x" * 3000) for _ in range(20)], fill.now)
    store.close()  # all that is in the WAL is in the file now
    with closing(sqlite3.connect(store.path)) as look:
        statement = "SELECT rootpage FROM sqlite_master WHERE name = 'messages_by_control_id'"
        ((page,),) = look.execute(statement).fetchall()
    with store.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with open_store(sqlite_url, keyring) as opened:
        with pytest.raises(NotStored) as caught:
            opened.journal.append([fill.arrival()], fill.now)
        opened.check_writable()  # other pages are well: the journal must not take that for an end of it
        assert caught.value.damaged
        assert str(caught.value) == "the store cannot be written: the file is damaged"


def test_the_wal_grows_behind_a_long_reader_and_shrinks_by_itself_when_it_has_gone(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    journal, limit = store.journal, 400_000
    journal._connection.exec_driver_sql(f"PRAGMA journal_size_limit={limit}")
    journal._connection.exec_driver_sql("PRAGMA wal_autocheckpoint=1000")
    journal._connection.rollback()

    def store_some(times):
        for _ in range(times):
            journal.append([fill.arrival(raw=b"x" * 3000) for _ in range(20)], fill.now)

    def wal():
        return store.stats().wal_bytes

    store_some(1)
    reader = sqlite3.connect(f"file:{store.path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchone()
    store_some(100)
    grown = wal()
    assert grown > 20 * limit, "nothing of it can be written back while somebody reads the state of before"
    reader.execute("COMMIT")
    reader.close()
    store_some(100)
    assert wal() <= max(limit, 2 * 1000 * 4120), "SQLite writes back each 1000 pages"
    assert len(store.views.messages(limit=10_000)) == 201 * 20


def unopened(path):
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorname = "SQLITE_CANTOPEN"
    return SQLite(path).cause(error)


@pytest.mark.parametrize(
    ("shut", "said"),
    [
        ("store.db", r"permission denied: .*/store\.db belongs to \w+"),
        ("store.db-shm", r"permission denied: .*/store\.db-shm belongs to \w+"),
        ("", r"permission denied: nothing may be made in .*, which belongs to \w+"),
        ("nothing", "the file cannot be opened"),
    ],
)
def test_a_store_that_is_not_this_users_says_whose_it_is(tmp_path, monkeypatch, shut, said):
    for name in ("store.db", "store.db-shm"):
        (tmp_path / name).touch()
    forbidden = tmp_path / shut
    monkeypatch.setattr(sqlite.os, "access", lambda file, _: file != forbidden)
    assert re.fullmatch(said, unopened(tmp_path / "store.db"))


def test_a_store_on_a_disk_that_is_read_only_says_so(tmp_path, keyring):
    with small_disk(tmp_path / "disk", mib=4) as disk:
        url = f"sqlite:///{disk.folder / 'store.db'}"
        open_store(url, keyring).close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
        with pytest.raises(StoreError, match=r"store\.db cannot be opened: the disk is read-only"):
            open_store(url, keyring, create=False)
