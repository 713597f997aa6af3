"""What only a server can do to us: go away, hang, be a standby, quote values in its errors."""

import os
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest
import query_plans
from sqlalchemy import insert, text

from interface.store import counters
from interface.store import postgresql as engine
from interface.store.database import Part
from interface.store.errors import NotStored, OutcomeUnknown, StoreError
from interface.store.leases import NODE_SECONDS
from interface.store.migrations import MIGRATIONS
from interface.store.moving import move
from interface.store.prepared import Prepared
from interface.store.records.turn import CloseRow, MessageDone, Turn
from interface.store.schema import patient_keys
from interface.store.store import database_at, open_store


@pytest.fixture
def url(clean_store, keyring):
    return clean_store(keyring)


@pytest.fixture
def backend(sql):
    """The server's process of a part's connection."""
    return lambda part: part._connection.connection.dbapi_connection.info.backend_pid


class Way:
    """A proxy between us and the server, that can be cut, and can swallow what comes after a word."""

    def __init__(self, port):
        self._port = port
        self.swallow = self.forward_then_cut = None
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            self._open += [near, far]
            threading.Thread(target=self._there, args=(near, far), daemon=True).start()
            threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _there(self, near, far):
        try:
            while data := near.recv(65536):
                if self.swallow and self.swallow in data:
                    break  # the server never hears of it
                if self.forward_then_cut and self.forward_then_cut in data:
                    near.shutdown(socket.SHUT_RDWR)  # nobody hears what it says
                far.sendall(data)
            near.shutdown(socket.SHUT_RDWR)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _back(self, far, near):
        try:
            while data := far.recv(65536):
                near.sendall(data)
        except OSError:
            pass

    def cut(self):
        for one in self._open:
            with closing(one), suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


@pytest.fixture
def way(postgresql):
    way = Way(postgresql.port)
    yield way
    way.close()


@pytest.fixture
def far_store(url, way, keyring):
    """The same store, over the proxy."""
    name = url.partition("@/")[2].partition("?")[0]
    with open_store(
        f"postgresql+psycopg://postgres@127.0.0.1:{way.port}/{name}", keyring, create=False
    ) as opened:
        yield opened


# ---------------------------------------------------------------------------------------------- gone


def test_a_connection_that_broke_while_idle_is_replaced_unnoticed(store, fill, postgresql, url):
    fill.message()
    store.views.messages()
    store.check_writable()
    postgresql.disconnect(url.partition("@/")[2].partition("?")[0])
    assert fill.message() == 2
    assert len(store.views.messages()) == 2
    store.check_writable()


def test_a_connection_that_breaks_within_a_transaction_costs_that_one(store, fill, backend):
    message = fill.message()
    with pytest.raises(NotStored, match=r"cannot be written: the server is shutting down$") as told:  # noqa: SIM117
        with store.journal._writing(NotStored) as connection:
            connection.execute(text("UPDATE liveness SET checked_at = 5"))
            os.kill(backend(store.journal), signal.SIGTERM)
            time.sleep(0.1)
            connection.execute(text("SELECT 1"))
    assert told.value.__cause__ is None
    assert fill.message() == message + 1


def test_a_commit_that_never_reached_the_server_is_not_stored(far_store, store, fill, way):
    way.swallow = b"COMMIT\0"
    with pytest.raises(NotStored, match="the connection to the server was lost"):
        far_store.journal.append([fill.arrival("X")], fill.now)
    assert store.views.messages() == []
    way.swallow = None
    assert far_store.journal.append([fill.arrival("X")], fill.now)[0].receipt == "stored"


def test_a_commit_of_which_nobody_hears_is_not_acknowledged_and_known_when_it_comes_again(
    far_store, store, fill, way
):
    one = fill.arrival("X")
    way.forward_then_cut = b"COMMIT\0"
    with pytest.raises(NotStored):
        far_store.journal.append([one], fill.now)
    way.forward_then_cut = None
    assert far_store.journal.append([one], fill.now)[0].receipt == "duplicate"
    assert len(store.views.messages()) == 1


def test_a_turn_of_which_nobody_hears_is_told_as_that(far_store, fill, way):
    message = fill.message()
    way.forward_then_cut = b"COMMIT\0"
    with pytest.raises(OutcomeUnknown):
        far_store.work.commit(Turn(fill.now, messages=[MessageDone(message, "done", "chart")]))


def test_a_server_that_is_away_is_said(far_store, fill, way):
    far_store.journal.append([fill.arrival()], fill.now)
    far_store.views.messages()
    way.cut()
    way.close()
    with pytest.raises(StoreError, match="no server answers there"):
        far_store.views.messages()
    with pytest.raises(NotStored, match="no server answers there"):
        far_store.journal.append([fill.arrival()], fill.now)


def test_a_server_that_was_away_is_found_again(own_server, keyring, fill_of):
    with open_store(own_server.url("clinic"), keyring) as store:
        fill = fill_of(store)
        fill.message()
        for number in (signal.SIGINT, signal.SIGKILL):
            own_server.stop(number)
            for _ in range(2):
                with pytest.raises(NotStored):
                    fill.message()
                with pytest.raises(StoreError):
                    store.check_writable()
            own_server.start()
            fill.message()
            store.check_writable()
        assert len(store.views.messages()) == 3


# ---------------------------------------------------------------------------------------------- slow


@contextmanager
def impatient(url, **seconds):
    """A part with less patience than usual."""
    patience = engine.Patience(**({"statement": 0, "lock": 0, "answer": 0} | seconds))
    part = Part(engine.PostgreSQL(database_at(url)._url, patience))
    yield part
    part.close()


def test_a_server_that_hangs_does_not_hang_us(url, backend):
    with impatient(url, answer=0.3) as part:
        stopped = backend(part)
        os.kill(stopped, signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(StoreError, match="the server does not answer"), part._reading() as connection:
                connection.execute(text("SELECT 1"))
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert time.monotonic() - began < 5
        with part._reading() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


def test_a_statement_and_a_lock_are_not_waited_for_without_end(url, store):
    with impatient(url, statement=0.1) as part:  # noqa: SIM117
        with pytest.raises(StoreError, match="it took the server too long"), part._reading() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))
    with store._database.engine.connect() as other, other.begin(), impatient(url, lock=0.1) as part:
        other.execute(text("UPDATE liveness SET checked_at = 1"))
        with pytest.raises(StoreError, match="holds it locked"), part._writing() as connection:
            connection.execute(text("UPDATE liveness SET checked_at = 2"))


def test_what_a_node_that_stands_still_in_a_transaction_has_locked_is_free_after_a_while(url, store):
    """Also within a pipeline: by itself the server does not count for how long it is left waiting there."""
    with impatient(url, idle=0.1) as part, impatient(url, lock=30) as other:  # noqa: SIM117
        with (
            pytest.raises(StoreError, match="connection to the server was lost"),
            part._writing(pipelined=True) as ours,
        ):
            counters.lock(ours, "message").fetchone()
            with other._writing(pipelined=True) as theirs:
                assert counters.lock(theirs, "message").fetchone()


@pytest.mark.parametrize("part", ["journal", "work", "nodes"])
def test_it_is_so_on_the_way_of_a_message_when_a_node_counts_as_dead(store, part):
    with getattr(store, part)._reading() as connection:
        found = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar()
    assert found == f"{NODE_SECONDS:g}s"


# ---------------------------------------------------------------------------------------------- safe


@pytest.mark.parametrize(
    ("theirs", "ours"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")]
)
def test_commits_are_asked_to_be_safe_whatever_the_server_is_set_to(url, theirs, ours):
    with impatient(f"{url}&options=-csynchronous_commit%3D{theirs}") as part, part._reading() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == ours


def test_a_commit_that_did_not_wait_for_its_standby_is_none(store, fill, postgresql):
    """Somebody ends the wait: the server calls the commit done, with a warning."""

    def give_up_waiting():
        for _ in range(1000):
            waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            if postgresql.execute(f"SELECT pg_cancel_backend(pid) {waiting}"):
                return
            time.sleep(0.01)

    fill.message()
    postgresql.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    postgresql.execute("SELECT pg_reload_conf()")
    impatience = threading.Thread(target=give_up_waiting)
    impatience.start()
    try:
        with pytest.raises(NotStored, match="did not confirm that it is safe"):
            for _ in range(1000):  # until the server has taken the setting
                store.journal.append([fill.arrival()], fill.now)
                time.sleep(0.01)
    finally:
        postgresql.execute("ALTER SYSTEM RESET synchronous_standby_names")
        postgresql.execute("SELECT pg_reload_conf()")
        impatience.join()
    fill.message()


def test_readers_see_one_state_and_writers_the_newest(store, fill):
    fill.message()
    with store.views._reading() as connection:
        count = text("SELECT count(*) FROM messages")
        before = connection.execute(count).scalar()
        fill.message()
        assert connection.execute(count).scalar() == before
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.connection.dbapi_connection.execute("UPDATE liveness SET checked_at = 3")
    with store.work._writing() as connection:
        before = connection.execute(count).scalar()
        fill.message()
        assert connection.execute(count).scalar() == before + 1


# ---------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"database": "no_such"}, "there is no such database"),
        ({"username": "no_such"}, "the server refuses the user"),
        ({"query": {"host": "/no/such/place"}}, "no server answers there"),
        ({"query": {}, "host": "127.0.0.1", "port": 1}, "no server answers there"),
        ({"query": {}, "host": "no-such-host.invalid"}, "there is no host of this name"),
        ({"query": {}, "host": "127.0.0.1", "port": 1, "password": "hunter2"}, "no server answers there"),
        ({"query": {"service": "no_such"}}, "there is no such service"),
        ({"query": {"colour": "red"}}, "an option that libpq does not know"),
        ({"query": {"sslmode": "sometimes"}}, "an option that libpq does not know"),
    ],
)
def test_why_there_is_no_connection_is_one_line_without_secrets(postgresql, keyring, change, words):
    made = database_at(postgresql.url("postgres"))._url.set(**change)
    with pytest.raises(StoreError, match=f"cannot be opened: .*{words}") as told:
        open_store(made.render_as_string(hide_password=False), keyring)
    said = str(told.value)
    assert "\n" not in said
    assert "hunter2" not in said
    assert "postgres@" not in said
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_a_password_that_is_wrong_or_missing_is_said(postgresql, keyring):
    # the server trusts whom comes by its socket; asked for a password it refuses all of them
    hba = postgresql.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    postgresql.execute("SELECT pg_reload_conf()")
    postgresql.execute("CREATE ROLE clinic LOGIN PASSWORD 'right'")
    try:
        for password, words in ((":wrong", "refuses the user or the password"), ("", "asks for a password")):
            where = f"postgresql+psycopg://clinic{password}@127.0.0.1:{postgresql.port}/postgres"
            with pytest.raises(StoreError, match=words) as told:
                open_store(where, keyring)
            assert "wrong" not in str(told.value)
    finally:
        hba.write_text(before)
        postgresql.execute("SELECT pg_reload_conf()")
        postgresql.execute("DROP ROLE clinic")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("INSERT INTO liveness VALUES (1, 77.25)", "there is such a row already"),
        ("SELECT 'SECRET'::integer", "not of its column's kind"),
        ("INSERT INTO liveness VALUES (NULL, 77.25)", "a value that its column does not take"),
        ("SELECT 1/0", "not of its column's kind"),
        ("SELECT * FROM secret_table", "a table is missing"),
        ("DO $$ BEGIN RAISE 'SECRET 77.25'; END $$", "the server says P0001"),
    ],
)
def test_no_word_of_the_servers_errors_goes_on(store, statement, words):
    with pytest.raises(StoreError, match=words) as told, store.work._writing() as connection:
        connection.execute(text(statement))
    assert not {"SECRET", "77.25", "secret_table"} & set(str(told.value).replace("'", " ").split())
    assert told.value.__cause__ is None


# ---------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("counted", [False, True], ids=["never counted", "counted"])
def test_in_a_new_store_too_rows_are_found_by_their_ids(store, fill, counted):
    """The server takes its tables for small, and what is read whole then is read whole for as long as it thinks so."""
    with query_plans.caught(store) as statements:
        first, second = fill.message(), fill.message()
        patient = fill.patient("key")
        request = fill.request(patient, message_id=first)
        (claimed,) = store.work.claim(fill.now, 10)
        store.work.commit(Turn(fill.now, attempts=[fill.attempt(claimed)]))
        store.work.commit(
            Turn(fill.now, requests=[CloseRow(fill.request(patient), patient, "withdrawn", "[]")])
        )
        fill.done(first, request_id=request)
        fill.done(second)
    if counted:
        with store._database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    updates = {statement for statement in statements if statement.startswith("UPDATE")}
    assert any("UPDATE messages" in one for one in updates) and any(
        "UPDATE requests" in one for one in updates
    )
    for statement, plan in query_plans.of_a_new_store(store, statements).items():
        assert counted or not [line for line in plan if line.startswith("SCAN")], statement
        assert statement not in updates or not [line for line in plan if "_by_state" in line], statement


def test_what_is_sealed_is_stored_as_it_is_in_an_older_store_too(postgresql, empty_database, keyring):
    name = empty_database.partition("postgres@/")[2].partition("?")[0]
    compressed = (
        "SELECT count(*) FROM pg_attribute WHERE attrelid IN ('charts'::regclass, 'request_bodies'::regclass) "
        "AND attname IN ('chart', 'body', 'detail') AND attstorage <> 'e'"
    )
    open_store(empty_database, keyring).close()
    assert postgresql.execute(compressed, name) == [(0,)]
    before = next(step.version for step in MIGRATIONS if step.name == "sealed as it is") - 1
    postgresql.execute(
        f"ALTER TABLE charts ALTER chart SET STORAGE EXTENDED; UPDATE schema_version SET version = {before}",
        name,
    )
    assert postgresql.execute(compressed, name) == [(1,)]
    open_store(empty_database, keyring).close()
    assert postgresql.execute(compressed, name) == [(0,)]


ADD_KEYS = Prepared(insert(patient_keys), ("key_hash", "patient_id"))


def test_what_the_server_says_of_rows_is_not_logged_when_another_error_counts(store, caplog):
    with pytest.raises(StoreError, match=r"^ours$"), store.work._writing(pipelined=True) as connection:
        ADD_KEYS.execute_many(connection, [{"key_hash": b"of nobody", "patient_id": 9}])
        raise StoreError("ours")
    assert caplog.text == ""


def test_odd_characters_keep_no_message_out(store, fill):
    odd = fill.arrival("C\0\ud800\U0001f600", sender_application="A\0P\udfffP", message_type="\0")
    (stored,) = store.journal.append([odd], fill.now)
    assert stored.receipt == "stored"
    assert store.journal.append([odd], fill.now)[0].receipt == "duplicate"
    assert store.views.message(stored.id).summary.control_id == "C\N{REPLACEMENT CHARACTER}?\U0001f600"


def test_odd_characters_of_the_api_keep_no_attempt_out(store, fill):
    request = fill.request(fill.patient())
    (claimed,) = store.work.claim(fill.now, 1)
    ended = fill.attempt(claimed, correlation_id="a\0b\ud800", detail="d\0\ud800")
    store.work.commit(Turn(fill.now, attempts=[ended]))
    assert store.views.request(request).summary.correlation_id == "a\N{REPLACEMENT CHARACTER}b?"


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_no_tables_are_made_in_a_database_that_lacks_characters(postgresql, keyring, encoding, sqlite_url):
    name = f"in_{encoding.lower()}"
    postgresql.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    url = postgresql.url(name)
    with pytest.raises(StoreError, match=f"has the encoding {encoding}, and must have UTF8"):
        open_store(url, keyring)
    open_store(sqlite_url, keyring).close()
    with pytest.raises(StoreError, match=f"has the encoding {encoding}, and must have UTF8"):
        move(database_at(sqlite_url), database_at(url), keyring)
    assert not postgresql.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", name)
    postgresql.drop(name)


def test_the_encoding_of_the_environment_does_not_count(url, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with database_at(url).engine.connect() as connection:
        assert connection.execute(text("SELECT :text"), {"text": "Ω1"}).scalar_one() == "Ω1"
