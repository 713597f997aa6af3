"""What all tests share: the modules in `helpers/` are found by their names; the program starts from compiled files; a
PostgreSQL server for as long as the tests run.
"""

import compileall
import sys
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "helpers"))
# how long an example takes says what else the machine does
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
PROGRAM = ("interface", "mappings", "sample_messages")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the program once, as its installation does: many tests start it, and each would compile it anew."""
    if not hasattr(session.config, "workerinput"):  # side by side: not once more in each process
        for name in PROGRAM:
            compileall.compile_dir(HERE.parent / name, quiet=2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side: each process, which is given a row of the tests, begins with its share of those that take long (they ask
    for more time than others), so that the end is not one process at a test of a minute.
    """
    processes = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    long = [item for item in items if item.get_closest_marker("timeout")]
    others = [item for item in items if not item.get_closest_marker("timeout")]
    rows, each = [], len(items) // processes
    for number in range(processes if processes > 1 else 0):
        first = long[number::processes]
        rows += [*first, *others[: each - len(first)]]
        del others[: each - len(first)]
    if rows:
        items[:] = [*rows, *others]


def pytest_sessionfinish() -> None:
    from prepared import end_starter

    end_starter()


@pytest.fixture(scope="session")
def postgresql():
    """A running server; started for the first test that needs it."""
    from postgresql_server import Server

    server = Server()
    yield server
    server.close()


@pytest.fixture
def empty_database(postgresql):
    """The URL of a database without tables."""
    name = postgresql.database()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture(scope="session")
def _stores(postgresql):
    return {}


@pytest.fixture
def clean_store(postgresql, _stores):
    """Gives the URL of a store that is made with a keyring and has no rows; made once, emptied for each test."""
    from interface.store.store import open_store

    def made(master):
        name = _stores.get(master.id)
        if name is None:
            name = _stores[master.id] = postgresql.database()
            open_store(postgresql.url(name), master).close()
            postgresql.execute("CREATE SCHEMA kept", name)
            postgresql.execute("CREATE TABLE kept.store_keys AS SELECT * FROM store_keys", name)
        _empty(postgresql, name)
        return postgresql.url(name)

    return made


_AS_MADE = (
    "UPDATE counters SET next = 1; DELETE FROM store_keys; INSERT INTO store_keys SELECT * FROM kept.store_keys; "
    "UPDATE intake_turn SET owner = NULL, until = 0, fence = 0, settled_on = NULL; "
    "DELETE FROM test_rounds WHERE number > 1; UPDATE test_rounds SET by_hand = false, copied = false;"
)


def _empty(server, name):
    """Quicker than TRUNCATE, and much quicker than a database for each test."""
    from interface.store.schema import metadata

    server.disconnect(name)
    made_once = {"schema_version", "store_keys", "counters", "liveness", "intake_turn", "test_rounds"}
    tables = [table.name for table in reversed(metadata.sorted_tables) if table.name not in made_once]
    deletes = [f"DELETE FROM {table};" for table in tables]
    server.execute(f"{' '.join(deletes)} {_AS_MADE}", name)


@pytest.fixture(scope="session")
def full_database(postgresql):
    """An engine of a database with as many rows as make the planner search."""
    from query_plans import FULL

    from interface.store.schema import metadata
    from interface.store.store import database_at

    name = postgresql.database()
    engine = database_at(postgresql.url(name)).engine
    with engine.begin() as connection:
        metadata.create_all(connection)
    postgresql.execute(FULL, name)
    return engine


@pytest.fixture
def own_server():
    """A server for one test alone, which may be stopped; with an empty database `clinic`."""
    from postgresql_server import Server

    server = Server()
    server.execute("CREATE DATABASE clinic")
    yield server
    server.close()
