"""Statements of the hottest path, compiled once for the database in use and handed to its driver as text.

SQLAlchemy keeps compiled statements by itself, but not those with VALUES, and looks at every parameter of
every row anew; for the journal that is half of its time. Values go to the driver as they are, so a prepared
statement may take and give only what drivers know by themselves: text, numbers, booleans and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any]
_Arrange = Callable[[Parameters], Any]


class Prepared:
    """A statement with named parameters; `columns` are those that an insert fills."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, tuple[str, _Arrange]] = {}

    def execute(self, connection: Connection, parameters: Parameters) -> CursorResult[Any]:
        """Execute once."""
        text, arrange = self._for(connection)
        return connection.exec_driver_sql(text, arrange(parameters))

    def execute_many(self, connection: Connection, rows: Sequence[Parameters]) -> None:
        """Execute for each row; none at all for no rows."""
        if rows:
            text, arrange = self._for(connection)
            connection.exec_driver_sql(text, [arrange(row) for row in rows])

    def _for(self, connection: Connection) -> tuple[str, _Arrange]:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            if not isinstance(compiled, SQLCompiler):
                raise TypeError("only statements with parameters can be prepared")
            found = self._compiled[dialect.name] = (str(compiled), _arrangement(compiled))
        return found


def _arrangement(compiled: SQLCompiler) -> _Arrange:
    """How the driver wants its parameters: in the order of their places, or by name."""
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    if not compiled.positional:
        return lambda parameters: {**fixed, **parameters}
    names = tuple(compiled.positiontup or ())

    def arrange(parameters: Parameters) -> tuple[Any, ...]:
        return tuple([parameters[name] if name in parameters else fixed[name] for name in names])

    return arrange
