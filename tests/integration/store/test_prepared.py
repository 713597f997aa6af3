"""A prepared statement does on each engine what it says, for however many rows, within a pipeline and without."""

import contextlib
from datetime import date

import pytest
from sqlalchemy import bindparam, insert, select, update

from interface.store.errors import StoreError
from interface.store.prepared import MOST, Prepared, changed, day_of, iso
from interface.store.schema import test_patients as rows
from interface.store.schema import users

ADD = Prepared(insert(rows), ("mrn_hash", "document", "source", "imported_at", "removed_at"))
ADD_USERS = Prepared(insert(users), [column.key for column in users.columns])
REMOVE = Prepared(
    update(rows)
    .where(rows.c.mrn_hash == bindparam("b_hash"), rows.c.source == "file")
    .values(removed_at=bindparam("b_at"), imported_at=rows.c.imported_at + 1)
)
FIND = Prepared(
    select(rows.c.mrn_hash, rows.c.imported_at, rows.c.removed_at)
    .where(rows.c.mrn_hash.in_(bindparam("ids", expanding=True)), rows.c.imported_at < bindparam("before"))
    .order_by(rows.c.mrn_hash)
)
READ = Prepared(select(rows.c.document, rows.c.source, rows.c.removed_at).order_by(rows.c.mrn_hash))
READ_USERS = Prepared(select(users.c.name, users.c.disabled).order_by(users.c.name))
READ_NEW = Prepared(select(rows.c.mrn_hash).where(rows.c.source == "new").order_by(rows.c.mrn_hash))
RENAME = Prepared(
    update(rows)
    .where(rows.c.mrn_hash.in_(bindparam("ids", expanding=True)))
    .values(source=bindparam("source_now"))
)


@pytest.fixture(params=[False, True], ids=["each by itself", "pipelined"])
def writing(request, store):
    return lambda: store.work._writing(pipelined=request.param)


def row(number, **changes):
    made = {
        "mrn_hash": b"%05d" % number,
        "document": bytes(range(256)),
        "source": "file",
        "imported_at": 1.0,
        "removed_at": None,
    }
    return made | changes


def test_rows_are_stored_as_they_are(writing):
    with writing() as connection:
        ADD.execute_many(connection, [row(1), row(2, source="a\\\"{},NULL'\x01\u00e9", removed_at=2.5)])
        ADD.execute_many(connection, [])
        found = READ.execute(connection, {}).fetchall()
    assert found == [(bytes(range(256)), "file", None), (bytes(range(256)), "a\\\"{},NULL'\x01\u00e9", 2.5)]


def test_truth_values_too(writing):
    made = {"role": "viewer", "password": "", "password_at": 1.0, "created_at": 1.0}
    with writing() as connection:
        ADD_USERS.execute_many(connection, [made | {"name": "a", "disabled": True}])
        ADD_USERS.execute_many(
            connection, [made | {"name": name, "disabled": name == "c"} for name in ("b", "c")]
        )
        found = READ_USERS.execute(connection, {}).fetchall()
    assert found == [("a", True), ("b", False), ("c", True)]


def test_each_row_gets_what_is_its_own_and_it_is_said_how_many_were_changed(writing):
    with writing() as connection:
        ADD.execute_many(connection, [row(1), row(2), row(3, source="other"), row(4)])
        ask = [{"b_hash": b"%05d" % number, "b_at": float(number)} for number in (1, 2, 3, 9)]
        assert changed(connection, REMOVE.start_many(connection, ask)) == 2
        assert REMOVE.count(connection, {"b_hash": b"00004", "b_at": None}) == 1
        assert REMOVE.count(connection, {"b_hash": b"00009", "b_at": None}) == 0
        found = FIND.among(connection, [b"%05d" % number for number in range(9)], before=9.0)
    assert [tuple(one) for one in found] == [
        (b"00001", 2.0, 1.0),
        (b"00002", 2.0, 2.0),
        (b"00003", 1.0, None),
        (b"00004", 2.0, None),
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, MOST - 1, MOST, MOST + 1, 2 * MOST + 3])
def test_lists_of_any_length(writing, count):
    with writing() as connection:
        ADD.execute_many(connection, [row(number) for number in range(2 * MOST + 10)])
        wanted = [b"%05d" % number for number in range(count)]
        found = FIND.among(connection, [*reversed(wanted), *wanted], before=9.0)
        assert [one[0] for one in found] == wanted
        RENAME.change_among(connection, wanted, source_now="new")
        assert len(READ_NEW.execute(connection, {}).fetchall()) == count


def test_a_row_that_is_refused_leaves_nothing_of_its_transaction(writing, store):
    refused = contextlib.suppress(StoreError)
    with refused, writing() as connection:
        ADD.execute_many(connection, [row(1)])
        ADD.execute_many(connection, [row(2), row(2)])
        RENAME.change_among(connection, [b"00001"], source_now="new")
        assert FIND.among(connection, [b"00001"], before=9.0), "nobody comes so far"
        pytest.fail("it was taken")
    with store.work._reading() as connection:
        assert FIND.among(connection, [b"00001", b"00002"], before=9.0) == []
    with writing() as connection:
        ADD.execute_many(connection, [row(3)])


@pytest.mark.parametrize("before", range(8))
def test_what_was_to_follow_a_refused_row_does_again_however_often_it_did_before(writing, before):
    for number in range(before):  # the server prepares what comes often
        with writing() as connection:
            RENAME.change_among(connection, [b"%05d" % number], source_now="new")
    with contextlib.suppress(StoreError), writing() as connection:
        ADD.execute_many(connection, [row(2), row(2)])
        RENAME.change_among(connection, [b"00002"], source_now="new")
    with writing() as connection:
        ADD.execute_many(connection, [row(2)])
        RENAME.change_among(connection, [b"00002"], source_now="new")
        assert len(READ_NEW.execute(connection, {}).fetchall()) == 1


def test_days_come_back_as_days():
    assert day_of(iso(date(2027, 3, 1))) == day_of(date(2027, 3, 1)) == date(2027, 3, 1)
    assert (iso(None), day_of(None)) == (None, None)
