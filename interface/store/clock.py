"""The database's own clock: leases of several hosts are compared by it, never by theirs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class DatabaseNow(FunctionElement[float]):
    """POSIX seconds at this moment, whenever the transaction began."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def _postgresql(_element: DatabaseNow, _compiler: Any, **_more: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DatabaseNow, "sqlite")
def _sqlite(_element: DatabaseNow, _compiler: Any, **_more: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"
