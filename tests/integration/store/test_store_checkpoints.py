"""Commits come from the log into the file aside from those who commit; nothing is lost by it, whatever happens meanwhile."""

import shutil
import sqlite3
from contextlib import closing

from interface.services.checkpointing import PAGES, PAGES_OF_COMMIT, Checkpointing

ROWS = PAGES // 2


def in_the_file_alone(store, tmp_path):
    """How many messages a copy of the file has, without its log."""
    alone = tmp_path / "alone.db"
    shutil.copyfile(store.path, alone)
    with closing(sqlite3.connect(alone)) as look:
        if not look.execute("SELECT count(*) FROM sqlite_master WHERE name = 'messages'").fetchone()[0]:
            return 0
        return look.execute("SELECT count(*) FROM messages").fetchone()[0]


def test_what_is_committed_comes_into_the_file(sqlite_store, sqlite_fill, tmp_path):
    sqlite_store.journal.append([sqlite_fill.arrival() for _ in range(50)], sqlite_fill.now)
    assert in_the_file_alone(sqlite_store, tmp_path) == 0
    sqlite_store.checkpoints.bring_over()
    assert in_the_file_alone(sqlite_store, tmp_path) == 50
    sqlite_fill.message()
    assert len(sqlite_store.views.messages(limit=100)) == 51


def test_a_log_that_is_brought_over_is_begun_anew(sqlite_store, sqlite_fill):
    sizes = []
    for _ in range(6):
        sqlite_store.journal.append([sqlite_fill.arrival() for _ in range(50)], sqlite_fill.now)
        sqlite_store.checkpoints.bring_over()
        sizes.append(sqlite_store.stats().wal_bytes)
    assert max(sizes) < 2 * sizes[0]


def test_what_somebody_reads_still_stays_in_the_log_and_nobody_waits_for_him(
    sqlite_store, sqlite_fill, tmp_path
):
    sqlite_fill.message()
    with closing(sqlite3.connect(sqlite_store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        sqlite_fill.message()
        sqlite_store.checkpoints.bring_over()
        assert in_the_file_alone(sqlite_store, tmp_path) < 2
        assert reader.execute("SELECT count(*) FROM messages").fetchone() == (1,)
        reader.execute("COMMIT")
    sqlite_store.checkpoints.bring_over()
    assert in_the_file_alone(sqlite_store, tmp_path) == 2


def test_a_file_that_was_moved_is_left_alone(sqlite_store, sqlite_fill):
    checkpoints = sqlite_store.checkpoints
    sqlite_fill.message()
    away = sqlite_store.path.with_name("elsewhere.db")
    before = sqlite_store.path.read_bytes()
    sqlite_store.path.rename(away)
    checkpoints.bring_over()
    assert away.read_bytes() == before
    assert not sqlite_store.path.exists()
    away.rename(sqlite_store.path)
    checkpoints.bring_over()
    assert sqlite_store.path.read_bytes() != before


def test_the_door_has_it_done_whenever_about_a_thousand_pages_are_written():
    done = []
    checkpointing = Checkpointing(lambda: done.append(1))
    for _ in range(4):
        checkpointing.committed(ROWS - PAGES_OF_COMMIT)
    checkpointing.start()
    checkpointing.stop()
    assert len(done) == 2


def test_one_that_was_never_started_is_stopped_at_once():
    checkpointing = Checkpointing(lambda: None)
    checkpointing.stop()
