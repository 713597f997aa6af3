"""How a database goes about the statements that a test executes."""

from __future__ import annotations

from contextlib import closing, contextmanager

from sqlalchemy import event

from interface.store.prepared import Prepared

STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@contextmanager
def caught(store):
    """Statements that are executed within the block: {statement: parameters}."""
    found = {}

    def catch(statement, parameters, executemany):
        if statement.startswith(STATEMENTS):
            found[statement] = parameters[0] if executemany else parameters

    with _listening(store, catch):
        yield found


@contextmanager
def counted(store):
    """How many statements are executed within the block: a function that tells it."""
    count = 0

    def catch(*_):
        nonlocal count
        count += 1

    with _listening(store, catch):
        yield lambda: count


@contextmanager
def _listening(store, catch):
    """`catch` is told of each statement, whoever hands it to the driver: SQLAlchemy, or `Prepared`."""
    hand_over = Prepared.run

    def core(_connection, _cursor, statement, parameters, _context, executemany):
        catch(statement, parameters, executemany)

    def run(self, connection, text, values, *, many=False):
        if connection.engine is store._database.engine:
            catch(text, values, many)
        return hand_over(self, connection, text, values, many=many)

    event.listen(store._database.engine, "before_cursor_execute", core)
    Prepared.run = run
    try:
        yield
    finally:
        Prepared.run = hand_over
        event.remove(store._database.engine, "before_cursor_execute", core)


def explained(store, statements, request):
    """The lines of the plan of each statement. `request`: pytest's, for the full database of PostgreSQL."""
    one = _of_sqlite if store.path else _of_postgresql
    engine = store._database.engine if store.path else request.getfixturevalue("full_database")
    with engine.connect() as connection, connection.begin():
        return {
            statement: one(connection, statement, parameters) for statement, parameters in statements.items()
        }


def of_a_new_store(store, statements):
    """The same of a new store on PostgreSQL, as the part that is on the way of a message has it planned."""
    with closing(store._database.connect(by_index=True)) as connection, connection.begin():
        return {
            statement: _of_postgresql(connection, statement, parameters)
            for statement, parameters in statements.items()
        }


def _of_sqlite(connection, statement, parameters):
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [row[3] for row in rows]


def _of_postgresql(connection, statement, parameters):
    """In the words of SQLite."""
    ((found,),) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).all()
    return list(_nodes(found[0]["Plan"]))


FEW_ROWS = (
    "counters",
    "liveness",
    "nodes",
    "intake_turn",
    "store_keys",
    "schema_version",
    "settings_seen",
    "work_state",
    "purges",
    "confirmations",
    "alert_books",
    "alerts_seen",
)


def _nodes(plan):
    kind, table, index = plan["Node Type"], plan.get("Relation Name", ""), plan.get("Index Name", "")
    condition = plan.get("Index Cond", "")
    if kind in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan") and table not in FEW_ROWS:
        yield f"{'SEARCH' if condition else 'SCAN'} {table} USING INDEX {index} ({condition})"
    if kind in ("Sort", "Incremental Sort"):
        yield "USE TEMP B-TREE FOR ORDER BY"
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


FULL = """
INSERT INTO messages SELECT n, 'main', 'A', 'FAC', 'C' || n,
    CASE WHEN n % 5 = 0 THEN 'ADT^A08' ELSE 'SIU^S12' END, 'P', 'peer', n, 9, 'stored', 'k', 'd', false, 0, NULL,
    'done', 'chart', '[]', n, 0, n, NULL, false FROM generate_series(1, 20000) n;
UPDATE messages SET state = 'new', decision = NULL WHERE id > 18000;
UPDATE messages SET decision = 'hold' WHERE id % 100 = 3 AND id < 18000;
UPDATE messages SET state = 'failed', decision = NULL WHERE id % 100 = 5 AND id < 18000;
INSERT INTO message_bodies SELECT id, 'body' FROM messages;
INSERT INTO message_notes SELECT id, 'note' FROM messages;
INSERT INTO patients SELECT n, CASE WHEN n % 10 = 1 THEN n END, NULL, NULL, 0, n, n, CASE WHEN n % 50 = 2 THEN n END
    FROM generate_series(1, 20000) n;
INSERT INTO charts SELECT id, 'chart' FROM patients;
INSERT INTO patient_keys SELECT decode(md5(id::text), 'hex'), id FROM patients;
INSERT INTO requests SELECT n, n, n, 'key', '2027-03-01', 'delivered', NULL, '[]', 0, false, 'c' || n, NULL, NULL, NULL, n,
    n, NULL, 'sandbox', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0 FROM generate_series(1, 20000) n;
UPDATE requests SET last_status = 400, reasons = '[{"code": "protected"}]' WHERE id % 10 = 7;
UPDATE messages SET reasons = '[{"code": "protected"}]' WHERE id % 10 = 7;
UPDATE requests SET state = 'waiting' WHERE id % 10 = 1;
UPDATE requests SET state = 'held' WHERE id % 100 = 2;
UPDATE requests SET state = 'sending' WHERE id % 2000 = 3;
UPDATE requests SET wake_at = id WHERE state = 'held';
INSERT INTO request_bodies SELECT id, 'a', 'b', 'd' FROM requests;
INSERT INTO attempts SELECT id, id, 1, 1, 200, 'delivered', '', false, NULL, NULL FROM requests;
INSERT INTO commands SELECT n, 'rebuild', 'a', 'done', NULL, 1, 1 FROM generate_series(1, 2000) n;
UPDATE requests SET awaited_since = id, taken_at = id WHERE id % 100 = 4;
INSERT INTO request_ids SELECT correlation_id, id, false FROM requests;
INSERT INTO webhooks SELECT n, 1, 'peer', 'other', NULL, 'c' || n, decode(md5(n::text), 'hex'), 9, 0, NULL,
    CASE WHEN n % 100 = 1 THEN 'new' WHEN n % 100 = 2 THEN 'unmatched' ELSE 'joined' END, 'b'
    FROM generate_series(1, 20000) n;
INSERT INTO webhook_requests SELECT id, id FROM webhooks WHERE state = 'joined';
INSERT INTO test_patients SELECT n, decode(md5(n::text), 'hex'), 'd', 's', 1, NULL FROM generate_series(1, 5000) n;
INSERT INTO test_rounds SELECT n, 1, 'anna', 'w', false, false FROM generate_series(1, 5000) n;
INSERT INTO test_slots SELECT n, n / 10, n % 10 + 1, n, 1, 1, 'accepted', false, NULL FROM generate_series(1, 5000) n;
INSERT INTO users SELECT 'u' || n, 'viewer', 'hash', 1, false, 1 FROM generate_series(1, 5000) n;
INSERT INTO sessions SELECT decode(md5(n::text), 'hex'), 'u' || n, n, n, 0 FROM generate_series(1, 5000) n;
INSERT INTO audit SELECT n, n, 'u' || n, 'peer', 'saw', 'message ' || n, 'd' FROM generate_series(1, 20000) n;
ANALYZE
"""
"""Rows that make PostgreSQL's planner search: it goes by what is stored."""
