"""Arrays are encoded as the driver encodes them, which the server reads; what is no value of the type is refused."""

from datetime import date

import psycopg
import pytest
from psycopg.types import numeric
from psycopg.types.array import ListBinaryDumper

from interface.store.arrays import encoder

VALUES = {
    "BIGINT": (numeric.Int8, [0, -1, 2**63 - 1, -(2**63)]),
    "INTEGER": (numeric.Int4, [0, -1, 2**31 - 1]),
    "SMALLINT": (numeric.Int2, [0, 503, -(2**15)]),
    "DOUBLE PRECISION": (float, [0.0, 1798761600.123456, -1e300]),
    "BOOLEAN": (bool, [True, False]),
    "BYTEA": (bytes, [b"", bytes(range(256))]),
    "TEXT": (str, ["", "a\\\"{},NULL'\x01é", "\U0001f600"]),
    "VARCHAR": (str, ["a"]),
    "DATE": (date.fromisoformat, ["2000-01-01", "1999-12-31", "2027-03-01"]),
}
TYPE_OF_ELEMENTS = slice(8, 12)


@pytest.mark.parametrize("name", VALUES)
def test_as_the_driver_does(name):
    kind, values = VALUES[name]
    made = [kind(value) for value in values]
    dumper = ListBinaryDumper(list, None).upgrade([*made, None], psycopg.adapt.PyFormat.BINARY)
    theirs, ours = bytes(dumper.dump([*made, None])), encoder(name)([*values, None])
    number = int.from_bytes(ours[TYPE_OF_ELEMENTS], "big")
    # the driver sends texts as of no type that is known, and lets the server find out
    assert number == psycopg.postgres.types[name.lower() if name != "DOUBLE PRECISION" else "float8"].oid
    assert ours[:8] + ours[12:] == theirs[:8] + theirs[12:]


@pytest.mark.parametrize(
    ("name", "value"),
    [("BIGINT", 2**63), ("SMALLINT", 40000), ("TEXT", "\ud800"), ("DATE", "2027-02-30"), ("DATE", "soon")],
)
def test_what_is_no_value_of_the_type_is_refused_as_such(name, value):
    with pytest.raises((ValueError, OverflowError)):
        encoder(name)([value])


def test_a_type_that_nobody_knows_is_no_array():
    with pytest.raises(KeyError):
        encoder("NUMERIC")
