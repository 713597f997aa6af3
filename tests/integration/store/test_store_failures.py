"""Full disks, locks, read-only files and killed processes."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from interface.store.database import open_store
from interface.store.errors import NotStored, StoreError
from interface.store.records import MessageDone, Turn

# a child with a limit on the size of its files: writing the WAL fails within COMMIT, as on a full disk
FULL = """
import resource, sys
from interface.store.crypto import Keyring
from interface.store.database import open_store
from interface.store.errors import NotStored, StoreError
from interface.store.records import Arrival
store = open_store(sys.argv[1], Keyring(bytes(range(32))))
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
    journal = store.journal
    journal._connection.exec_driver_sql("PRAGMA busy_timeout=10")
    journal._connection.rollback()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotStored, match="another program holds it locked"):
        journal.append([fill.arrival()], fill.now)
    assert store.views.messages() == []
    other.execute("ROLLBACK")
    other.close()
    assert journal.append([fill.arrival()], fill.now)[0].receipt == "stored"


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
from interface.store.crypto import Keyring
from interface.store.database import open_store
from interface.store.records import Arrival
store = open_store(sys.argv[1], Keyring(bytes(range(32))))
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
