"""Opening a store: what is refused, what is made, what is brought up to date."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from interface.store import schema
from interface.store import store as opening
from interface.store.crypto import Keyring, Master, new_master_key
from interface.store.errors import StoreError
from interface.store.lock import StoreLock
from interface.store.migrations import MIGRATIONS, Migration
from interface.store.presence import presence
from interface.store.records.arrivals import Arrival
from interface.store.store import database_at, open_store


def one_line(error):
    return "\n" not in str(error.value)


@pytest.fixture
def url(new_url):
    return new_url


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ("postgresql://user:secret@host/db", "no store on postgresql"),
        ("mysql://user:secret@host/db", "no store on mysql"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("var/interface.db", "not a database URL"),
        ("", "not a database URL"),
    ],
)
def test_another_database_is_refused_in_one_line(named, what, keyring):
    with pytest.raises(StoreError, match=what) as caught:
        open_store(named, keyring)
    assert one_line(caught)
    assert "secret" not in str(caught.value)


def test_the_files_are_ours_alone(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    fill.message()
    for name in (store.path, f"{store.path}-wal", f"{store.path}-shm"):
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


def test_the_connection_is_durable_and_tidy(sqlite_store):
    def pragma(name):
        return sqlite_store.journal._connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("auto_vacuum") == 2  # INCREMENTAL
    assert pragma("secure_delete") == 1
    assert pragma("foreign_keys") == 1
    assert pragma("temp_store") == 2  # MEMORY


def test_a_program_that_only_looks_makes_no_store(tmp_path, url, keyring):
    with pytest.raises(StoreError, match="there is no store at") as caught:
        open_store(url, keyring, create=False)
    assert one_line(caught)
    assert list(tmp_path.iterdir()) == []
    if url.startswith("postgresql"):
        assert inspect(database_at(url).engine).get_table_names() == []


def test_a_path_may_hold_what_means_something_in_an_address(tmp_path, keyring):
    folder = tmp_path / "a b#c&ü"
    with open_store(f"sqlite:///{folder}/i.db", keyring) as store:
        assert store.views.counts().patients == 0
    assert [path.name for path in folder.iterdir()] == ["i.db"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, keyring):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        open_store(f"sqlite:///{tmp_path}/file/interface.db", keyring)
    assert one_line(caught)


def test_the_wrong_key_is_refused(url, keyring):
    open_store(url, keyring).close()
    with pytest.raises(
        StoreError, match="the at-rest key file:other is not the one this store was made with"
    ) as caught:
        open_store(url, Master(new_master_key(), source="file:other"))
    assert one_line(caught)


def test_a_file_that_is_no_database_is_refused(tmp_path, sqlite_url, keyring):
    (tmp_path / "interface.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreError, match="not a SQLite database") as caught:
        open_store(sqlite_url, keyring)
    assert one_line(caught)


def test_the_database_of_another_program_is_refused(url, keyring):
    database = database_at(url)
    database.prepare(create=True)
    with database.engine.begin() as other:
        other.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(StoreError, match="belongs to another program"):
        open_store(url, keyring)


def test_two_may_open_a_new_store_at_once(url, keyring):
    errors = []

    def opens():
        try:
            open_store(url, keyring).close()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=opens) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# ---------------------------------------------------------------------------------------------- migrations


NEWEST = MIGRATIONS[-1].version


def add_colour(connection):
    connection.execute(text("ALTER TABLE messages ADD COLUMN colour TEXT"))


def add_then_fail(connection):
    add_colour(connection)
    connection.execute(text("ALTER TABLE no_such_table ADD COLUMN colour TEXT"))


@pytest.fixture
def filled(url, keyring):
    """A store of the newest version with a message, closed."""
    with open_store(url, keyring) as store:
        row = store.journal.append([_arrival()], 1.0)[0]
    return row.id


def _arrival():
    return Arrival("main", "A", "F", "C1", "SIU^S12", "P", "peer", b"MSH|body", "stored", 1.0)


def with_migrations(monkeypatch, *more):
    monkeypatch.setattr(opening, "MIGRATIONS", (*MIGRATIONS, *more))


def test_an_older_store_is_brought_up_to_date_and_loses_nothing(monkeypatch, url, keyring, filled):
    with_migrations(
        monkeypatch,
        Migration(NEWEST + 1, "colour", add_colour),
        Migration(NEWEST + 2, "nothing", lambda connection: None),
    )
    with open_store(url, keyring) as store:
        assert store.schema_version == NEWEST + 2
        assert store.views.message(filled).raw == b"MSH|body"
    names = {column["name"] for column in inspect(store._database.engine).get_columns("messages")}
    assert "colour" in names
    with open_store(url, keyring) as store:
        assert store.schema_version == NEWEST + 2


def test_a_store_that_is_newer_than_the_program_is_refused(monkeypatch, url, keyring, filled):
    with monkeypatch.context() as newer:
        with_migrations(newer, Migration(NEWEST + 1, "colour", add_colour))
        open_store(url, keyring).close()
    with pytest.raises(
        StoreError, match=f"version {NEWEST + 1}, this program knows up to {NEWEST}"
    ) as caught:
        open_store(url, keyring)
    assert one_line(caught)


def test_a_migration_that_fails_leaves_the_store_as_it_was(monkeypatch, url, keyring, filled):
    with monkeypatch.context() as broken:
        with_migrations(broken, Migration(NEWEST + 1, "broken", add_then_fail))
        with pytest.raises(StoreError):
            open_store(url, keyring)
    with open_store(url, keyring) as store:
        assert store.schema_version == NEWEST
    assert "colour" not in {
        column["name"] for column in inspect(store._database.engine).get_columns("messages")
    }


def test_a_program_that_only_looks_changes_no_schema(monkeypatch, url, keyring, filled):
    with_migrations(monkeypatch, Migration(NEWEST + 1, "colour", add_colour))
    with pytest.raises(StoreError, match=f"must become {NEWEST + 1}: start the daemon"):
        open_store(url, keyring, create=False)


def test_migrations_are_numbered_without_gaps():
    assert [migration.version for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def shape(engine):
    """Columns and indexes of every table."""
    found = inspect(engine)
    return {
        table: (
            {
                (column["name"], str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            },
            {(index["name"], tuple(index["column_names"])) for index in found.get_indexes(table)},
        )
        for table in found.get_table_names()
    }


def test_a_new_store_has_the_tables_of_the_schema(store):
    found = shape(store._database.engine)
    assert {table: {name for name, _, _ in columns} for table, (columns, _) in found.items()} == {
        name: {column.name for column in table.columns} for name, table in schema.metadata.tables.items()
    }


def store_of_version_1(old, keyring):
    with sqlite3.connect(old) as first:
        first.executescript(Path(__file__).with_name("version_1.sql").read_text("utf-8"))
        sealed = Keyring.alone(keyring.secret).seal
        proof = sealed("proof", b"this store was made with this key")
        first.execute("INSERT INTO store_keys VALUES (?, ?, 1.0)", (keyring.id, proof))
        first.execute(
            "INSERT INTO messages VALUES (1,'main','A','F','C1','SIU^S12','P','peer',1.0,8,'stored',NULL,x'00',0,0,NULL,"
            "'done','chart','[]',1.0,0,7,NULL)"
        )
        first.execute("INSERT INTO message_bodies VALUES (1, ?)", (sealed("message", b"MSH|body"),))
    first.close()
    return old


def test_a_store_of_the_first_version_becomes_what_a_new_one_is_and_loses_nothing(
    tmp_path, keyring, sqlite_store
):
    old = store_of_version_1(tmp_path / "old.db", keyring)
    with open_store(f"sqlite:///{old}", keyring) as opened:
        assert opened.schema_version == NEWEST
        assert opened.views.message(1).raw == b"MSH|body"
        assert [row.set_aside for row in opened.work.messages_of([7])] == [False]
        assert opened.commands.add("rebuild", {}) == 1
    assert shape(opened._database.engine) == shape(sqlite_store._database.engine)


KILLED_IN_A_MIGRATION = """
import os, signal, sys
from interface.store import migrations, store
from interface.store.crypto import Master
def killing(step):
    def apply(connection):
        step.apply(connection)
        if step.version == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    return migrations.Migration(step.version, step.name, apply, step.keys)
store.MIGRATIONS = tuple(map(killing, migrations.MIGRATIONS))
store.open_store(sys.argv[1], Master(bytes(range(32))))
"""


@pytest.mark.parametrize("version", range(2, MIGRATIONS[-1].version + 1))
def test_killed_in_a_migration_the_next_start_finishes_it(tmp_path, keyring, sqlite_store, version):
    path = store_of_version_1(tmp_path / "old.db", keyring)
    url = f"sqlite:///{path}"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_A_MIGRATION, url, str(version)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as half:
        assert half.execute("SELECT max(version) FROM schema_version").fetchone() == (version - 1,)
    with open_store(url, keyring) as opened:
        assert opened.schema_version == NEWEST
        assert opened.views.message(1).raw == b"MSH|body"
        assert shape(opened._database.engine) == shape(sqlite_store._database.engine)


# ---------------------------------------------------------------------------------------------- lock


def test_a_second_daemon_is_refused(sqlite_url):
    with (
        StoreLock.beside(sqlite_url),
        pytest.raises(StoreError, match=f"{os.getpid()}.*already runs on this store"),
    ):
        StoreLock.beside(sqlite_url).acquire()
    with StoreLock.beside(sqlite_url):
        pass


@pytest.mark.parametrize("made_first", [True, False])
def test_a_second_daemon_that_names_the_store_by_a_link_is_refused(tmp_path, keyring, made_first):
    (tmp_path / "elsewhere").mkdir()
    if made_first:
        open_store(f"sqlite:///{tmp_path}/store.db", keyring).close()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to("../store.db")
    with StoreLock.beside(f"sqlite:///{link}"):
        open_store(f"sqlite:///{link}", keyring).close()
        with pytest.raises(StoreError, match="already runs on this store"):
            StoreLock.beside(f"sqlite:///{tmp_path}/store.db").acquire()
    assert [found.name for found in link.parent.iterdir()] == ["link.db"]


def test_a_start_whose_folder_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file of the store cannot be made: it is a file"):
        StoreLock.beside(f"sqlite:///{tmp_path}/file/i.db").acquire()


def test_door_and_work_lock_apart(sqlite_url):
    with StoreLock.beside(sqlite_url), StoreLock.beside(sqlite_url, "work"):
        pass


def test_a_lock_can_be_looked_at_without_being_taken(sqlite_url):
    lock = StoreLock.beside(sqlite_url)
    assert not lock.is_held(), "there is no file yet"
    with StoreLock.beside(sqlite_url):
        assert lock.is_held()
    assert not lock.is_held()
    with StoreLock.beside(sqlite_url):
        pass


def test_a_lock_is_free_when_its_holder_was_killed(sqlite_url, tmp_path):
    hold = (
        "import sys, time\nfrom interface.store.lock import StoreLock\n"
        f"StoreLock.beside({sqlite_url!r}).acquire()\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=str(holder.pid)):
            StoreLock.beside(sqlite_url).acquire()
        holder.kill()
        holder.wait()
    with StoreLock.beside(sqlite_url):
        assert stat.S_IMODE(StoreLock.beside(sqlite_url).path.stat().st_mode) == 0o600


def test_a_lock_can_be_waited_for(sqlite_url):
    first, second = StoreLock.beside(sqlite_url), StoreLock.beside(sqlite_url)
    first.acquire()
    release = threading.Timer(0.1, first.release)
    release.start()
    second.acquire(wait=10)
    release.join()
    second.release()


def test_door_and_work_name_a_lock_alike_whatever_the_path_is(tmp_path):
    url = f"sqlite:///{tmp_path}/odd%2541?name.db".replace("?", "%3F")
    for role in ("door", "work"):
        lock = presence(database_at(url), role)
        assert isinstance(lock, StoreLock)
        assert lock.path == StoreLock.beside(url, role).path
