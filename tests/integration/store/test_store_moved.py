"""A store file that is moved or deleted under a running daemon takes nothing: what is not kept is not acknowledged."""

import subprocess
import sys

import pytest

from interface.store.errors import NotStored, StoreError
from interface.store.store import may_make_key, open_store


@pytest.fixture
def url(sqlite_url):
    return sqlite_url


def test_nothing_is_stored_in_a_file_that_is_no_longer_there(store, fill):
    fill.message()
    store.check_writable()
    away = store.path.with_name("elsewhere.db")
    store.path.rename(away)
    with pytest.raises(NotStored, match="moved, deleted or replaced"):
        fill.message()
    with pytest.raises(StoreError):
        store.check_writable()
    away.rename(store.path)
    fill.message()
    store.check_writable()
    assert len(store.views.messages()) == 2


@pytest.mark.parametrize("opened_before", [True, False])
def test_looking_at_a_store_whose_file_was_moved_away_does_not_touch_its_wal(
    store, fill, url, keyring, opened_before
):
    fill.message()
    if opened_before:
        store.check_writable()
    wal = store.path.with_name(f"{store.path.name}-wal")
    before = wal.read_bytes()
    assert before, "what was stored is in the WAL"
    away = store.path.with_name("elsewhere.db")
    store.path.rename(away)
    with pytest.raises(StoreError):
        store.check_writable()
    with pytest.raises(StoreError):
        store.views.counts()
        store.patients.charted()
    with pytest.raises(StoreError, match="bring that file back"):
        open_store(url, keyring)
    assert not store.path.exists()
    assert wal.read_bytes() == before
    away.rename(store.path)
    fill.message()
    store.check_writable()
    assert len(store.views.messages()) == 2


def test_a_new_store_is_not_made_over_the_wal_of_another(url, keyring, tmp_path):
    left = tmp_path / "interface.db-wal"
    left.write_bytes(b"what is not in the store yet")
    with pytest.raises(StoreError, match="bring that file back, or move both away"):
        open_store(url, keyring)
    assert left.exists()
    left.unlink()
    open_store(url, keyring).close()


def test_while_the_wal_is_away_nobody_makes_another(store, fill):
    """What a new connection committed to its own would be lost when the first is brought back, and be missed by all."""
    fill.message()
    wal = store.path.with_name(f"{store.path.name}-wal")
    away = store.path.with_name("elsewhere")
    wal.rename(away)
    for look in (store.check_writable, lambda: store.views.counts(), lambda: store.commands):
        with pytest.raises(StoreError, match="moved, deleted or replaced"):
            look()
    assert not wal.exists()
    away.rename(wal)
    fill.message()
    store.check_writable()
    assert len(store.views.messages()) == 2


def test_a_backup_beside_the_wal_of_the_store_before_is_not_opened(store, fill, url, keyring, tmp_path):
    """SQLite would write that into it."""
    fill.message()
    backup = store.backup.make(tmp_path / "backup.db", keyring).path
    fill.message()
    wal = store.path.with_name(f"{store.path.name}-wal")
    left = wal.read_bytes()
    store.close()
    store.path.write_bytes(backup.read_bytes())
    wal.write_bytes(left)
    for look in (lambda: open_store(url, keyring), lambda: may_make_key(url)):
        with pytest.raises(StoreError, match="beside it belongs to the store that was there before"):
            look()
    assert wal.read_bytes() == left and store.path.read_bytes() == backup.read_bytes()
    wal.unlink()
    with open_store(url, keyring) as restored:
        assert len(restored.views.messages()) == 1


def test_to_look_for_a_backup_gives_none_of_our_locks_away(store, fill):
    """Else another process would take itself for the last one, and delete the WAL."""
    fill.message()
    with store.another() as looking:
        looking.views.counts()
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM messages'); c.close()"
    subprocess.run([sys.executable, "-c", other, store.path], check=True)
    fill.message()
    assert len(store.views.messages()) == 2
