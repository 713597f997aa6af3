"""A store file that is moved or deleted under a running daemon takes nothing: what is not kept is not acknowledged."""

import pytest

from interface.store.errors import NotStored, StoreError


def test_nothing_is_stored_in_a_file_that_is_no_longer_there(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    fill.message()
    store.check_writable()
    away = store.path.with_name("elsewhere.db")
    store.path.rename(away)
    with pytest.raises(NotStored, match="moved or deleted"):
        fill.message()
    with pytest.raises(StoreError):
        store.check_writable()
    away.rename(store.path)
    fill.message()
    store.check_writable()
    assert len(store.views.messages()) == 2
