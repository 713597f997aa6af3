"""Statements of the hot path, compiled once for the engine in use and handed to its driver as text.

Goal: what the engine costs, and little more. SQLAlchemy takes 12 to 40 µs to execute a statement and 2 for each row that
it is given; the driver of SQLite 2 and 1. Plan: the text is made once, values go to the driver as they are. So a prepared
statement takes and gives only what drivers know by themselves: text, numbers, booleans, bytes; days as `iso` says.

Many rows at once: SQLite runs the statement for each by itself. For PostgreSQL it is rewritten to run once, with the rows
as arrays (`unnest`): a third of the server's time, and one answer to wait for. So no two rows of one call may be about the
same row of the table, and none sees what another has done.

In a pipeline of PostgreSQL (`Database.pipelined`) statements are sent without waiting for the answers of those before, until
rows or a count are asked for. There prepared statements alone are of use: SQLAlchemy wants its answer at once.

IN lists: SQLite gets statements for 1, 2, 4, … values, the last value repeated; PostgreSQL an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    BinaryExpression,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    String,
    any_,
    bindparam,
    column,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import replacement_traverse
from sqlalchemy.types import NullType

from interface.store.arrays import Encoded, encoder

Parameters = Mapping[str, Any]
_ID = TypeVar("_ID", int, str, bytes)

IDS = "ids"
"""The name of an IN list."""
MOST = 512
"""How many values one IN list holds at most; a power of two."""
_BY_ARRAYS = "postgresql"
"""The engine that takes arrays."""
_PLACES = tuple(f"{IDS}_{place}" for place in range(MOST))


Asked = Callable[[], None]
"""Looks at an answer that nobody in the pipeline has waited for yet; called before the commit. Raises when it is bad."""


class Cursor(Protocol):
    """What a driver answers (PEP 249)."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """The next row, a tuple; None: there is none."""

    def fetchall(self) -> list[Any]:
        """All rows, tuples."""


def iso(day: date | None) -> str | None:
    """A day, for a prepared statement."""
    return None if day is None else day.isoformat()


def day_of(value: date | str | None) -> date | None:
    """The day that a prepared statement gave."""
    return date.fromisoformat(value) if isinstance(value, str) else value


class NotByIndex(FunctionElement[Any]):
    """A column, text or number, on PostgreSQL in words that none of its indexes knows: of rows that are found otherwise, by
    their ids or as a patient's.

    PostgreSQL counts from time to time how many rows have a state. By such a count, of a new store or a quiet day, it takes
    for few what waits, and would read all of it by the index of states for each patient: 100,000 of a backlog.
    """

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(NotByIndex)
def _as_it_is(element: NotByIndex, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(element.clauses, **how)


@compiles(NotByIndex, "postgresql")
def _in_other_words(element: NotByIndex, compiler: SQLCompiler, **how: Any) -> str:
    known = compiler.process(element.clauses, **how)
    return f"coalesce({known}, '')" if isinstance(element.type, String) else f"({known} + 0)"


def being(column: ColumnElement[str], *values: str) -> ColumnElement[bool]:
    """Whether it has one of these values, where the row is found otherwise (`NotByIndex`)."""
    return or_(*(NotByIndex(column) == value for value in values))


class Prepared:
    """A statement with named parameters; `columns` are those that an insert fills."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement = statement.inline() if isinstance(statement, Insert) else statement
        self._columns = columns
        self._one: dict[str, _Text] = {}
        self._many: dict[str, _Text] = {}
        self._lists: dict[tuple[str, int], _Text] = {}

    def execute(self, connection: Connection, parameters: Parameters) -> Cursor:
        """Execute once; of how many rows it changed says `count`."""
        dialect = connection.dialect
        found = self._one.get(dialect.name)
        if found is None:
            found = self._one[dialect.name] = _Text(self._compiled(dialect))
        return self.run(connection, found.text, found.arrange(parameters))

    def count(self, connection: Connection, parameters: Parameters) -> int:
        """Execute once; gives how many rows it changed."""
        return changed(connection, self.execute(connection, parameters))

    def execute_many(self, connection: Connection, rows: Sequence[Parameters]) -> None:
        """Execute for each row, none at all for no rows."""
        if rows:
            self.start_many(connection, rows)

    def start_many(self, connection: Connection, rows: Sequence[Parameters]) -> Cursor:
        """The same for some rows; `changed` says how many rows of the table it changed."""
        dialect = connection.dialect
        found = self._many.get(dialect.name)
        if dialect.name != _BY_ARRAYS:
            if found is None:
                found = self._many[dialect.name] = _Text(self._compiled(dialect))
            return self.run(connection, found.text, list(map(found.arrange, rows)), many=True)
        if found is None:
            statement = _by_arrays(self._statement, self._compiled(dialect), self._columns)
            found = self._many[dialect.name] = _Text(_compile(statement, dialect))
        arrays = {name: encode([row[name] for row in rows]) for name, encode in found.encoders.items()}
        return self.run(connection, found.text, found.arrange(arrays))

    def among(self, connection: Connection, ids: Iterable[_ID], **more: Any) -> list[Any]:
        """The rows with `ids` as its IN list, however many they are, each once, in order. `more` are its other
        parameters.
        """
        wanted, rows = sorted(set(ids)), []
        for start in range(0, len(wanted), MOST):
            rows += self._among(connection, wanted[start : start + MOST], more).fetchall()
        return rows

    def change_among(self, connection: Connection, ids: Iterable[_ID], **more: Any) -> None:
        """Execute a statement that gives no rows with `ids` as its IN list."""
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), MOST):
            self._among(connection, wanted[start : start + MOST], more)

    def _among(self, connection: Connection, ids: list[_ID], more: Parameters) -> Cursor:
        dialect = connection.dialect
        size = 0 if dialect.name == _BY_ARRAYS else 1 << (len(ids) - 1).bit_length()
        found = self._lists.get((dialect.name, size))
        if found is None:
            compiled = _compile(_with_list(self._statement, size), dialect)
            found = self._lists[dialect.name, size] = _Text(compiled)
        listed: Parameters
        if size:
            listed = dict(zip(_PLACES, ids + ids[-1:] * (size - len(ids)), strict=False))
        else:
            listed = {IDS: found.encoders[IDS](ids)}
        return self.run(connection, found.text, found.arrange({**listed, **more}))

    def run(self, connection: Connection, text: str, values: Any, *, many: bool = False) -> Cursor:
        """Hand it to the driver."""
        driver: Any = connection.connection.dbapi_connection
        # PostgreSQL's answers in binary: in text bytes are twice as long
        cursor = driver.cursor(binary=True) if connection.dialect.name == _BY_ARRAYS else driver.cursor()
        if many:
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values)
        return cast("Cursor", cursor)

    def _compiled(self, dialect: Dialect) -> SQLCompiler:
        return _compile(self._statement, dialect, self._columns)


def changed(connection: Connection, cursor: Cursor) -> int:
    """How many rows the statement changed that `cursor` is of."""
    if cursor.rowcount < 0:  # not known yet
        pipeline = getattr(connection.connection.dbapi_connection, "under_way", None)
        if pipeline is not None:
            pipeline.sync()
    return int(cursor.rowcount)


class _Text:
    """A statement as the driver takes it, and how it wants its parameters: in the order of their places, or by name."""

    def __init__(self, compiled: SQLCompiler) -> None:
        self.text = str(compiled)
        known = compiled.params
        fixed = {name: value for name, value in known.items() if not compiled.binds[name].required}
        self.encoders: dict[str, Callable[[Sequence[Any]], Encoded]] = {
            name: encoder(bind.type.item_type.compile(compiled.dialect))
            for name, bind in compiled.binds.items()
            if isinstance(bind.type, ARRAY)
        }
        """Of the parameters that are arrays."""
        place = _in_order(compiled.positiontup or ()) if compiled.positional else dict
        self.arrange: Callable[[Parameters], Any] = place
        if fixed:
            self.arrange = lambda parameters: place({**fixed, **parameters})


def _in_order(names: Sequence[str]) -> Callable[[Parameters], Any]:
    if len(names) > 1:
        return itemgetter(*names)  # 0.3 µs for a row, a comprehension 1.3
    return lambda parameters: tuple([parameters[name] for name in names])


def _compile(statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None = None) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError("only statements with parameters can be prepared")
    return compiled


def _with_list(statement: ClauseElement, size: int) -> ClauseElement:
    """With an IN list of so many values; 0: with an array in its place."""

    def replace(element: Any, **_: Any) -> Any:
        if not isinstance(element, BinaryExpression) or element.operator is not operators.in_op:
            return None
        left, listed = element.left, element.right
        if not isinstance(listed, BindParameter) or listed.key != IDS:
            return None
        if not size:
            return left == any_(bindparam(IDS, type_=ARRAY(left.type)))
        return left.in_([bindparam(name, type_=left.type) for name in _PLACES[:size]])

    return cast("ClauseElement", replacement_traverse(statement, {}, replace))


def _by_arrays(
    statement: ClauseElement, compiled: SQLCompiler, columns: Sequence[str] | None
) -> ClauseElement:
    """The statement for many rows at once, each parameter an array of their values."""
    types = {
        name: bind.type for name, bind in compiled.binds.items() if name in (columns or ()) or bind.required
    }
    unknown = [name for name, type_ in types.items() if isinstance(type_, NullType)]
    if unknown:
        raise TypeError(f"of what type is {unknown[0]}?")
    rows = (
        func.unnest(*(bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()))
        .table_valued(*(column(name, type_) for name, type_ in types.items()), name="given")
        .render_derived(name="given")
    )
    if isinstance(statement, Insert) and columns is not None:
        given = select(*(rows.c[name] for name in columns))
        return insert(statement.table).from_select(list(columns), given, include_defaults=False)

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, BindParameter) and element.key in types:
            return rows.c[element.key]
        return None

    return cast("ClauseElement", replacement_traverse(statement, {}, replace))
