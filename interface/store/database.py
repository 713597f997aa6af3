"""What the parts of the store have in common on every engine: a connection, transactions, words for failures.

SQLAlchemy's errors carry statements and parameters, and PostgreSQL's own carry values of rows: neither ever
leaves this package. What goes on is a text of ours. What differs from engine to engine is a `Database`.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from interface.store.errors import Refused, StoreError
from interface.store.records.figures import ServerFacts, StoreStats


class Database(ABC):
    """A database by the few things that differ between engines."""

    engine: Engine
    name: str
    """How messages call it: a file's path, or server and database; never a user's name or a password."""
    path: Path | None = None
    """The file; None: it is a server's."""
    shared: bool
    """Whether daemons of several hosts may use it at once."""
    away: frozenset[str] = frozenset()
    """Causes that pass by themselves when a server comes up."""
    failures: tuple[type[Exception], ...] = (SQLAlchemyError, OverflowError)
    """What the driver raises when something can't be done."""
    refusals: tuple[type[Exception], ...]
    """Failures that lie with a row, not with the store: a constraint, a value out of range, a text that is none."""

    @abstractmethod
    def prepare(self, *, create: bool) -> bool:
        """Make what must be there before the first connection, with `create`; whether anything is there now.

        Raises StoreError.
        """

    @abstractmethod
    def probing(self) -> Database:
        """The same database, for trials that do not wait long."""

    @abstractmethod
    def changing(self) -> Database:
        """The same database, for changes of its tables, which may take long."""

    @abstractmethod
    def mark(self) -> Any:
        """What tells, before later commits on a connection that was made now, whether it still is the same database."""

    @abstractmethod
    def begin(self, connection: Connection, *, reading: bool, alone: bool = False) -> None:
        """Have the transaction that is about to begin see one state (reading) or be one that writes. `alone`: it is one
        statement.
        """

    def pipelined(self, connection: Connection) -> contextlib.AbstractContextManager[object]:  # noqa: ARG002
        """Within the block prepared statements need not wait for the answers of those before; all are in at its end."""
        return contextlib.nullcontext()

    def connect(self, *, by_index: bool) -> Connection:  # noqa: ARG002
        """A connection; `by_index`: its statements are few and always the same, and each finds its rows by an index."""
        return self.engine.connect()

    def commit_within(self, connection: Connection) -> None:  # noqa: ARG002
        """Ask for the commit at the end of a `pipelined` block, where that spares waiting for what was asked before it."""
        return

    @abstractmethod
    def fresh(self, connection: Connection) -> bool:
        """Whether an idle connection is of use still; asked before each transaction, costs next to nothing."""

    @abstractmethod
    def about_to_commit(self, connection: Connection, mark: Any) -> None:
        """Raise StoreError when a commit would keep nothing."""

    @abstractmethod
    def committed(self, connection: Connection) -> bool:
        """Whether a commit that the driver calls done has all that was asked for."""

    @abstractmethod
    def may_have_committed(self, error: BaseException | None) -> bool:
        """Whether a commit that ended with this error may have come about all the same."""

    @abstractmethod
    def interrupt(self, connection: Connection) -> None:
        """Have the statement that the connection is busy with fail; from another thread than its user's."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Keep others from changing tables until the transaction ends."""

    def check_suited(self, connection: Connection) -> None:  # noqa: ARG002
        """Raise StoreError when no tables may be made in it: it would not take every text."""
        return

    @abstractmethod
    def cause(self, error: BaseException | None) -> str:
        """What went wrong in words, of what the driver raised: never a statement, never a value."""

    @abstractmethod
    def stats(self, connection: Connection, schema_version: int) -> StoreStats:
        """Sizes, in a transaction that reads."""

    def facts(self, connection: Connection) -> ServerFacts | None:  # noqa: ARG002
        """What there is to know of the server, in a transaction that reads; None: there is none."""
        return None

    def cause_of(self, error: BaseException) -> str:
        """What went wrong in words."""
        return self.cause(_origin(error))

    def told(self, failure: type[StoreError], what: str, error: BaseException) -> StoreError:
        """What is told of an error of the database."""
        cause = self.cause_of(error)
        told = failure(f"{what}: {cause}")
        told.disk_full = cause.startswith("the disk is full")
        told.damaged = "damaged" in cause
        told.away = cause in self.away
        return told


def _origin(error: BaseException) -> BaseException | None:
    """What the driver itself raised."""
    return error.orig if isinstance(error, DBAPIError) else error


class Part:
    """What the journal, the work and the views have in common: a connection of their own, used by one
    thread. One that broke is replaced at the next use.
    """

    by_index = False
    """Whether it is on the way of a message: see `Database.connect`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        try:
            self._connection = database.connect(by_index=self.by_index)
        except database.failures as error:
            raise database.told(StoreError, f"the store {database.name} cannot be opened", error) from None
        self._mark = database.mark()

    def close(self) -> None:
        """Give the connection back; what was not committed is undone."""
        self._connection.close()
        self._mark = None

    def interrupt(self) -> None:
        """Have the statement that runs now fail with StoreError, if one runs; from another thread than its user's."""
        # whatever fails here: the connection was closed or replaced meanwhile, so nothing runs on it
        with contextlib.suppress(Exception):
            self._database.interrupt(self._connection)

    def _writing(
        self,
        failure: type[StoreError] = StoreError,
        *,
        unknown: type[StoreError] | None = None,
        pipelined: bool = False,
        refusing: bool = False,
    ) -> contextlib.AbstractContextManager[Connection]:
        """A transaction that is committed at the end of the block, or undone whole and told as `failure`.

        When nobody knows whether it was committed (the connection broke meanwhile), that is told as `unknown`;
        None: as `failure`, for those to whom it is the same. `pipelined`: see `Database.pipelined`. `refusing`: what lies
        with a row, not with the store, is told as Refused.
        """
        return self._transaction(
            failure, unknown or failure, reading=False, pipelined=pipelined, refusing=refusing
        )

    def _reading(self, *, alone: bool = False) -> contextlib.AbstractContextManager[Connection]:
        """A transaction that sees one state of the store and takes no lock that a writer waits for. `alone`: of one
        statement, which needs none where asking for it takes time.
        """
        return self._transaction(StoreError, StoreError, reading=True, alone=alone)

    @contextlib.contextmanager
    def _transaction(
        self,
        failure: type[StoreError],
        unknown: type[StoreError],
        *,
        reading: bool,
        alone: bool = False,
        pipelined: bool = False,
        refusing: bool = False,
    ) -> Iterator[Connection]:
        database = self._database
        committing = False
        caught = database.failures + database.refusals if refusing else database.failures
        try:
            connection = self._usable()
            database.begin(connection, reading=reading, alone=alone)
            with (
                connection.begin(),
                database.pipelined(connection) if pipelined else contextlib.nullcontext(),
            ):
                yield connection
                if not reading:
                    self._about_to_commit(failure)
                    committing = True
                    if pipelined:
                        database.commit_within(connection)
            if committing and not database.committed(connection):
                raise unknown(f"the store cannot be written: {database.cause(None)}")
        except caught as error:
            if refusing and isinstance(error, database.refusals):
                raise Refused(f"the store refuses a row: {database.cause_of(error)}") from None
            what = f"the store cannot be {'read' if reading else 'written'}"
            lost = committing and database.may_have_committed(_origin(error))
            raise database.told(unknown if lost else failure, what, error) from None

    def _usable(self) -> Connection:
        """The connection, replaced when it broke since it was used last."""
        old = self._connection
        if not old.closed and not old.invalidated:
            if self._database.fresh(old):
                return old
            old.invalidate()
        with contextlib.suppress(*self._database.failures):
            old.close()
        self._connection = self._database.connect(by_index=self.by_index)
        return self._connection

    def _about_to_commit(self, failure: type[StoreError]) -> None:
        try:
            self._database.about_to_commit(self._connection, self._mark)
        except StoreError as gone:
            raise failure(str(gone)) from None
