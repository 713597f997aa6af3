"""PostgreSQL: how it is reached and for how long it is waited for, how a transaction begins, what its failures are
called.

A server that goes away or hangs must cost its users no more than time. So every wait is bounded twice: by the server
(statement_timeout, lock_timeout) and here, for a server that does not even do that.
"""

from __future__ import annotations

import logging
import re
import select
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar, cast

import psycopg
from psycopg.adapt import Dumper
from psycopg.errors import Diagnostic
from psycopg.generators import send
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from interface.store.arrays import Encoded
from interface.store.database import Database
from interface.store.errors import StoreError
from interface.store.leases import NODE_SECONDS
from interface.store.records.figures import SUITED, ServerFacts, StoreStats
from interface.store.schema import complete_for_postgresql

complete_for_postgresql()
logging.getLogger("psycopg").disabled = True
"""What it warns of (an error that it had to drop for another) quotes the server, which quotes values of rows."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds; 0: without an end."""

    statement: float
    """By the server, for a statement."""
    lock: float
    """By the server, for a lock of somebody else."""
    answer: float
    """By us, for an answer of the server; more than `statement`, or it is never the server who tells."""
    idle: float = 60
    """By the server, for us within a transaction; on the way of a message (`by_index`) as long as a node counts as alive:
    the others wait for what it has locked.
    """


USUAL = Patience(statement=20, lock=5, answer=25)
PROBING = Patience(statement=1, lock=1, answer=2)
CHANGING = Patience(statement=0, lock=60, answer=0, idle=0)
"""For changes of the tables, which may take hours."""

CONNECTING = {
    "client_encoding": SUITED,  # whatever the server, the role or the environment say
    "connect_timeout": "5",  # seconds, for each host
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # ms
    "target_session_attrs": "read-write",  # of several hosts the one that is no standby
    "fallback_application_name": "hl7-interface",
}
"""What libpq is told, unless the URL says otherwise."""

_SCHEMA_LOCK = 0x686C377374  # any number, the same in each program

# remote_apply is more than `on`, everything else less; UTC and ISO so that nothing depends on the server's settings
_SET_UP = """
SELECT set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
       set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', %s, false),
       set_config('client_min_messages', 'warning', false), set_config('timezone', 'UTC', false)
"""
_BY_INDEX = f"""
SELECT set_config('idle_in_transaction_session_timeout', '{NODE_SECONDS:g}s', false),
       set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
       set_config('enable_material', 'off', false), set_config('jit', 'off', false)
"""
_SIZE = text("SELECT pg_database_size(current_database())")
_FACTS = text(
    "SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'), "
    "current_setting('full_page_writes'), current_setting('synchronous_standby_names'), "
    "current_setting('server_encoding'), EXTRACT(EPOCH FROM clock_timestamp())"
)
_ENCODING = text("SELECT current_setting('server_encoding')")
_LOCK_SCHEMA = text(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")

_CAUSES = {
    "53100": "the disk is full on the server",
    "53200": "the server has not enough memory",
    "53300": "the server has no connection left for us",
    "57014": "it took the server too long",
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed and restarts",
    "57P03": "the server is starting or shutting down",
    "57P05": "the server closed the connection",
    "25006": "the server is read-only: is it a standby?",
    "25P03": "the server closed a transaction that took too long",
    "40001": "another transaction was in the way",
    "40P01": "another transaction was in the way (deadlock)",
    "55P03": "another transaction holds it locked",
    "42501": "permission denied",
    "42P01": "a table is missing",
    "42703": "a column is missing",
    "28P01": "the server refuses the user or the password",
    "28000": "the server refuses the user",
    "3D000": "there is no such database",
    "26000": "the server does not know our statements: is a pooler in between that pools transactions?",
    "58030": "the server's disk gives read or write errors",
    "23503": "a row that is referred to is missing",
    "23505": "there is such a row already",
    "22001": "a value is too long",
    "22003": "a number is out of range",
    "22021": "a text is not in the database's character set",
}
_CLASSES = {
    "08": "the connection to the server was lost",
    "22": "a value is not of its column's kind",
    "23": "a value that its column does not take",
    "28": "the server refuses the user",
    "53": "the server lacks resources",
    "57": "the server was interrupted",
    "58": "the server's system failed",
    "XX": "the database is damaged, or the server failed within",
}
_UNDONE = ("22", "23", "25", "40", "42", "55")
"""Classes of errors by which the server says that a transaction did not come about."""
# libpq has no codes for what happens while a connection is made; its text holds no more than names of the URL
_CONNECTING_CAUSES = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        ("password authentication failed", "the server refuses the user or the password"),
        (
            "no password supplied",
            "the server asks for a password: set [store] password, or have one in a PGPASSFILE",
        ),
        ("role .* does not exist|role .* is not permitted", "the server refuses the user"),
        ("database .* does not exist", "there is no such database"),
        ("permission denied for database", "the server refuses the user"),
        ("no pg_hba.conf entry|pg_hba.conf rejects", "the server's pg_hba.conf does not let us in"),
        ("starting up|shutting down|recovery mode", "the server is starting or shutting down"),
        ("too many (clients|connections)|connection slots", "the server has no connection left for us"),
        (
            "session is (not )?read-only|is in recovery|read-write",
            "the server is read-only: is it a standby?",
        ),
        ("certificate", "no TLS that both sides accept"),
        ("resolve host|translate host|name or service", "there is no host of this name"),
        ("definition of service|service file", "there is no such service in the service file"),
        ("invalid (connection option|URI|.* value)", "the URL has an option that libpq does not know"),
        ("refused|no such file", "no server answers there"),
        ("ssl|tls", "no TLS that both sides accept"),
        ("timeout|timed out|unreachable|no route", "the server does not answer"),
    )
)
_LOST = "the connection to the server was lost"
_AWAY = frozenset(
    {
        _LOST,
        "no server answers there",
        "the server does not answer",
        "the server is starting or shutting down",
        "the server is shutting down",
        "the server has crashed and restarts",
        "the server has no connection left for us",
        "the server is read-only: is it a standby?",
        "there is no host of this name",
    }
)


class Limited(psycopg.Connection[Any]):
    """A connection that does not wait for ever, and that knows whether a commit was warned of."""

    answer_seconds = 0.0
    under_way: psycopg.Pipeline | None = None
    """The pipeline that statements go into just now."""
    warned = False
    """The server has warned since this was set to False."""

    def wait(self, gen: Generator[Any, Any, _T], *options: Any, **more: Any) -> _T:
        """Let the driver wait for the server, for a while."""
        limited = self._limited(gen) if self.answer_seconds else gen
        return super().wait(limited, *options, **more)

    def _limited(self, gen: Generator[Any, Any, _T]) -> Generator[Any, Any, _T]:
        ends = monotonic() + self.answer_seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and monotonic() > ends:
                    self.pgconn.finish()
                    raise psycopg.OperationalError("timeout")
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast("_T", end.value)

    def note(self, diagnostic: Diagnostic) -> None:
        """A notice of the server."""
        self.warned = self.warned or diagnostic.severity_nonlocalized == "WARNING"


class _Together(psycopg.Pipeline):
    """Sends what was asked when an answer is wanted, all at once. By itself the driver sends each statement alone, and looks
    for answers each time: two calls of the system for us and one for the server, 30 µs a statement.
    """

    def _communicate_gen(self) -> Generator[Any, Any, None]:
        yield from ()

    def _fetch_gen(self, *, flush: bool) -> Generator[Any, Any, None]:  # noqa: ARG002
        if self.result_queue and self.result_queue[-1] is not None:
            # with a flush in its place the server would not count for how long it waits for us after that
            self._enqueue_sync()
        queue = self.command_queue
        while queue:
            queue.popleft()()
        yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=False)


class _AsItIs(Dumper):
    """Hands over what is encoded already; of what type it is, the statement says."""

    format = psycopg.pq.Format.BINARY
    oid = 0

    def dump(self, value: Encoded) -> Encoded:
        return value


class PostgreSQL(Database):
    """A database of a server."""

    shared = True
    away = _AWAY
    failures = (SQLAlchemyError, psycopg.Error, OverflowError, UnicodeError)
    refusals = (
        IntegrityError,
        DataError,
        psycopg.IntegrityError,
        psycopg.DataError,
        OverflowError,
        ValueError,
    )

    def __init__(self, url: URL, patience: Patience = USUAL) -> None:
        self._url = url
        self.name = _name(url)
        self.engine = make_engine(url, patience)

    def prepare(self, *, create: bool) -> bool:  # noqa: ARG002 - its administrator makes the database
        """Nothing to be made: the tables come with the first version."""
        return True

    def probing(self) -> PostgreSQL:
        """The same database, for trials that do not wait long."""
        return PostgreSQL(self._url, PROBING)

    def changing(self) -> PostgreSQL:
        """The same database, for changes of its tables."""
        return PostgreSQL(self._url, CHANGING)

    def mark(self) -> None:
        """A server does not lose its files unnoticed."""
        return

    def begin(self, connection: Connection, *, reading: bool, alone: bool = False) -> None:
        """Readers see one state, as a statement by itself does; what a writer reads after a lock is what stands after it."""
        driver = _driver(connection)
        if driver.autocommit is not alone:
            driver.autocommit = alone  # BEGIN and COMMIT are two answers to wait for
        if alone:
            return
        level = psycopg.IsolationLevel.REPEATABLE_READ if reading else psycopg.IsolationLevel.READ_COMMITTED
        if driver.isolation_level is not level:
            driver.isolation_level = level
            driver.read_only = reading

    @contextmanager
    def pipelined(self, connection: Connection) -> Iterator[None]:
        """By libpq's pipeline: a turn of the work waits for 5 answers, not for 27."""
        driver = _driver(connection)
        try:
            driver._pipeline = _Together(driver)
            with driver.pipeline() as driver.under_way:
                yield
        finally:
            driver.under_way = None

    def connect(self, *, by_index: bool) -> Connection:
        """Statements on the way of a message are planned once, and by their indexes: new tables are small, and what the
        server plans for those reads them whole, until it has counted their rows. A claim's plan alone takes it 0.6 ms.
        """
        connection = super().connect(by_index=by_index)
        if by_index:
            driver = _driver(connection)
            driver.autocommit = True
            driver.execute(_BY_INDEX)
            driver.autocommit = False
        return connection

    def commit_within(self, connection: Connection) -> None:
        """One answer less to wait for; SQLAlchemy's own commit finds nothing to do then."""
        _driver(connection).commit()

    def fresh(self, connection: Connection) -> bool:
        """An idle connection has nothing to say: what there is to read is its end."""
        driver = _driver(connection)
        if driver.closed:
            return False
        poll = select.poll()
        poll.register(driver.pgconn.socket, select.POLLIN)
        return not poll.poll(0)

    def about_to_commit(self, connection: Connection, mark: Any) -> None:  # noqa: ARG002
        """From here on a warning says something of the commit."""
        _driver(connection).warned = False

    def committed(self, connection: Connection) -> bool:
        """A wait for the standby that was cut short is a commit with a warning: it may be lost with this server."""
        return not _driver(connection).warned

    def may_have_committed(self, error: BaseException | None) -> bool:
        """Unless the server says that it undid it."""
        code = error.sqlstate if isinstance(error, psycopg.Error) else None
        return code is None or code[:2] not in _UNDONE

    def interrupt(self, connection: Connection) -> None:
        """By a connection of its own to the server."""
        _driver(connection).cancel_safe(timeout=1.0)

    def lock_schema(self, connection: Connection) -> None:
        """One changes the tables at a time."""
        connection.execute(_LOCK_SCHEMA)

    def check_suited(self, connection: Connection) -> None:
        """Another encoding than UTF-8 lacks characters that senders put into MSH."""
        encoding = connection.execute(_ENCODING).scalar_one()
        if encoding != SUITED:
            raise StoreError(
                f"the database {self.name} has the encoding {encoding}, and must have {SUITED}: make it anew, "
                f"by `createdb --template=template0 --encoding={SUITED} …`"
            )

    def cause(self, error: BaseException | None) -> str:
        """By SQLSTATE; without one it is the connection."""
        if error is None:
            return "the server did not confirm that it is safe (is its standby away?)"
        if not isinstance(error, psycopg.Error):
            return type(error).__name__
        code = error.sqlstate
        if code is None:
            return _connection_cause(error)
        return _CAUSES.get(code) or _CLASSES.get(code[:2]) or f"the server says {code}"

    def stats(self, connection: Connection, schema_version: int) -> StoreStats:
        """The size of the database; of the server's disk it does not tell."""
        return StoreStats(
            path=self.name,
            schema_version=schema_version,
            size_bytes=connection.execute(_SIZE).scalar_one(),
            wal_bytes=0,
            free_bytes=None,
        )

    def facts(self, connection: Connection) -> ServerFacts:
        """Its version, and whether what it calls committed is safe."""
        version, commit, fsync, pages, standbys, encoding, clock = connection.execute(_FACTS).one()
        version = str(version).split(" ")[0]
        return ServerFacts(version, commit, _is_on(fsync), _is_on(pages), standbys, encoding, float(clock))


def _is_on(value: str) -> bool:
    return value == "on"


def _connection_cause(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.DataError | psycopg.ProgrammingError):
        # of the driver: a value that it cannot send, an option that it does not know
        if "connection option" in str(error):
            return "the URL has an option that libpq does not know"
        return type(error).__name__
    said = str(error)
    return next((words for pattern, words in _CONNECTING_CAUSES if pattern.search(said)), _LOST)


def _name(url: URL) -> str:
    hosts = url.query.get("host", ())
    listed = [hosts] if isinstance(hosts, str) else list(hosts)
    where = ",".join(listed) if listed else (url.host or str(url.query.get("service", "")))
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL {where}{port}/{url.database or ''}"


def _driver(connection: Connection) -> Limited:
    return cast("Limited", connection.connection.dbapi_connection)


def make_engine(url: URL, patience: Patience = USUAL) -> Engine:
    """An engine whose connections are each their own (no pool), limited in their waiting."""
    given = {name: value for name, value in CONNECTING.items() if name not in url.query}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=given)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Limited:
        connection = Limited.connect(*arguments, **parameters)
        connection.answer_seconds = patience.answer
        connection.add_notice_handler(connection.note)
        connection.adapters.register_dumper(Encoded, _AsItIs)
        connection.autocommit = True
        limits = [
            f"{round(seconds * 1000)}ms" for seconds in (patience.statement, patience.lock, patience.idle)
        ]
        connection.execute(_SET_UP, limits)
        connection.autocommit = False
        return connection

    return engine
