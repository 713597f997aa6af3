"""The keys of a store: wrapped, replaced beside a running daemon, old values sealed anew, whatever crashes when."""

import os
import socket
import stat

import pytest
from small_disk import small_disk
from sqlalchemy import text

from interface.services import rotation as steps
from interface.services.rotation import Replacement, RotationError
from interface.store import resealing, schema
from interface.store.crypto import Master, new_master_key
from interface.store.errors import KeyringError, NotStored, StoreError, Unreadable
from interface.store.keys import load_or_create, mark_in_use, write_new
from interface.store.records.turn import MessageDone, NewRequestRow, PatientWrite, Turn
from interface.store.store import database_at, open_store

OTHER = Master(bytes(range(1, 33)), source="env:NEW_KEY")


def silent(_line):
    pass


@pytest.fixture
def fill(fill_of):
    """Values to be stored; the stores are opened by the tests."""
    return fill_of(None)


@pytest.fixture
def url(new_url):
    return new_url


@pytest.fixture
def folder(tmp_path):
    """A site's folder with its default key file."""
    load_or_create(None, tmp_path, silent)
    return tmp_path


@pytest.fixture
def opened(folder, url):
    """What opens the store as the settings say, now."""
    stores = []

    def again(create=True):
        stores.append(open_store(url, load_or_create(None, folder, silent, create=False), create=create))
        return stores[-1]

    yield again
    for one in stores:
        one.close()


def put(store, fill, raw=b"MSH|body"):
    return store.journal.append([fill.arrival(raw=raw)], fill.now)[0].id


def everything(store, fill):
    """A row in every table that holds sealed values; gives the message's id."""
    message = put(store, fill)
    store.work.commit(
        Turn(
            fill.now,
            messages=[MessageDone(message, "done", "post", note=b"note", patient_id=1, request_id=1)],
            patients=[PatientWrite(1, b"chart", True, ("LFC|1",))],
            requests=[NewRequestRow(1, 1, message, "A1", "waiting", b"request", b"detail", None)],
        )
    )
    (claimed,) = store.work.claim(fill.now, 1)
    store.work.commit(
        Turn(fill.now, attempts=[fill.attempt(claimed, "dead", status=400, body=b"sent", reply=b"no")])
    )
    store.commands.add("rebuild", {"messages": [message]})
    return message


def seen(store, message):
    detail, request = store.views.message(message), store.views.request(1)
    (attempt,) = request.attempts
    return (
        detail.raw,
        detail.note,
        request.body,
        request.detail,
        request.appointment,
        attempt.body,
        attempt.reply,
        store.work.load_patients(["LFC|1"])["LFC|1"].chart,
        store.commands.get(1).arguments,
    )


def headers(store):
    """The ids of the keys by which the values in the file are sealed."""
    found = set()
    for table in resealing.TABLES:
        for column in table.columns:
            rows = raw(store._database, f"SELECT substr({column.name}, 1, 5) FROM {table.name}")
            found |= {row[0] for row in rows if row[0] is not None}
    return found


def raw(database, statement, **parameters):
    """Past everything the store does."""
    with database.engine.begin() as connection:
        done = connection.execute(text(statement), parameters)
        return done.all() if done.returns_rows else []


# ---------------------------------------------------------------- wrapped


def test_values_are_sealed_by_a_key_of_the_store_not_by_the_master_key(store, fill, keyring):
    put(store, fill)
    (header,) = headers(store)
    assert header[1:] != keyring.id
    assert store.rotation.keys().masters == (keyring.id,)
    wrapped = [row[0] for row in raw(store._database, "SELECT wrapped FROM store_keys")]
    assert all(keyring.secret not in one for one in wrapped)


def test_a_wrapped_key_that_was_changed_or_moved_opens_nothing(url, keyring):
    open_store(url, keyring).close()
    hashes = "(SELECT wrapped FROM store_keys WHERE kind = 'hash')"
    raw(database_at(url), f"UPDATE store_keys SET wrapped = {hashes} WHERE kind = 'data'")
    with pytest.raises(StoreError, match="is not the one this store was made with"):
        open_store(url, keyring)


# ---------------------------------------------------------------- replaced


def test_beside_a_running_daemon_the_key_is_replaced_and_all_is_read_and_found(opened, folder, url, fill):
    daemon, command = opened(), opened(create=False)
    message = everything(daemon, fill)
    before = seen(daemon, message)
    old = (folder / "at-rest.key").read_bytes()
    done = Replacement(command, None, folder, url).replace_file()
    path, kept = done.path, done.kept
    assert path == folder / "at-rest.key" and path.read_bytes() != old
    assert kept.read_bytes() == old, "for backups of before"
    assert sorted(folder.glob("at-rest*")) == [path, kept]
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, kept)] == [0o600, 0o600]

    later = opened(create=False)
    new = put(later, fill, raw=b"MSH|later")
    assert daemon.views.message(new).raw == b"MSH|later", "a key it does not know is looked for"
    assert seen(later, message) == seen(daemon, message) == before
    daemon.keyring.look()
    newest = later.keyring.header
    assert daemon.keyring.header == newest
    put(daemon, fill, raw=b"MSH|last")
    assert newest in headers(daemon)
    with pytest.raises(KeyringError, match="is not the one this store was made with"):
        open_store(url, Master(bytes.fromhex(old.decode().strip()), source="the old file"))


def test_a_daemon_looks_for_a_newer_key_by_itself(opened, folder, url, fill, monkeypatch):
    daemon, command = opened(), opened(create=False)
    Replacement(command, None, folder, url).replace_file()
    before = daemon.keyring.header
    put(daemon, fill)
    assert daemon.keyring.header == before, "not with each value"
    daemon.keyring._look_due = 0.0
    put(daemon, fill)
    assert daemon.keyring.header != before


def test_keys_are_looked_for_also_within_a_transaction(opened, folder, url, fill):
    daemon, command = opened(), opened(create=False)
    Replacement(command, None, folder, url).replace_file()
    daemon.keyring._look_due = 0.0
    daemon.work.commit(Turn(fill.now, patients=[PatientWrite(1, b"chart", True, ("LFC|1",))]))
    command.keyring.look()
    assert headers(daemon) == {command.keyring.header}, "sealed by the newest"
    assert daemon.work.load_patients(["LFC|1"])["LFC|1"].chart == b"chart"


def test_with_a_key_from_elsewhere_both_open_until_it_is_finished(
    store, fill, url, keyring, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORE_KEY", keyring.secret.hex())
    monkeypatch.setenv("NEW_KEY", OTHER.secret.hex())
    message = put(store, fill)
    replacement = Replacement(store, "env:STORE_KEY", tmp_path, url)
    with pytest.raises(RotationError, match=r"give --to SPEC"):
        replacement.replace_file()
    with pytest.raises(RotationError, match="has already"):
        replacement.begin("env:STORE_KEY")
    replacement.begin("env:NEW_KEY")
    replacement.begin("env:NEW_KEY")
    assert store.rotation.keys().masters == (keyring.id, OTHER.id)
    for master in (keyring, OTHER):
        with open_store(url, master) as again:
            assert again.views.message(message).raw == b"MSH|body"
    with pytest.raises(RotationError, match="still names the old key"):
        replacement.finish()
    assert Replacement(store, "env:NEW_KEY", tmp_path, url).finish() > 0
    with pytest.raises(KeyringError, match="is not the one"):
        open_store(url, keyring)
    with open_store(url, OTHER) as again:
        assert again.views.message(message).raw == b"MSH|body"


def test_where_other_nodes_run_the_old_key_opens_too_until_theirs_are_replaced(opened, folder, url, fill):
    here = opened()
    message = put(here, fill)
    here.nodes.pulse("2", "another host", daemon=True)
    old = load_or_create(None, folder, silent, create=False)
    done = Replacement(opened(create=False), None, folder, url).replace_file()
    new = load_or_create(None, folder, silent, create=False)
    if here.path is not None:  # a file has one node
        assert done.nodes == () and here.rotation.keys().masters == (new.id,)
        return
    assert done.nodes == ("another host",)
    assert here.rotation.keys().masters == (old.id, new.id)
    for master in (old, new):
        with open_store(url, master) as again:
            assert again.views.message(message).raw == b"MSH|body"
    assert Replacement(here, None, folder, url).finish() > 0
    assert here.rotation.keys().masters == (new.id,)


def test_a_node_of_our_host_name_is_ours_only_where_a_daemon_has_the_key_from_our_file(opened, folder, url):
    """Containers often have one host name, each its own key file."""
    here = opened()
    here.nodes.pulse("2", socket.gethostname(), daemon=True)
    replacement = Replacement(opened(create=False), None, folder, url)
    done = replacement.replace_file()
    assert done.nodes == (() if here.path is not None else (socket.gethostname(),))
    replacement.finish()

    used = mark_in_use(folder / "at-rest.key")
    assert replacement.replace_file().nodes == ()
    os.close(used)


def test_a_node_whose_key_was_not_replaced_takes_nothing_for_damaged_and_goes_on_when_it_has_it(
    opened, folder, url, fill
):
    there = folder / "there"
    there.mkdir()
    (there / "at-rest.key").write_bytes((folder / "at-rest.key").read_bytes())
    (there / "at-rest.key").chmod(0o600)
    here, other = opened(), open_store(url, load_or_create(None, there, silent, create=False))
    put(here, fill)
    Replacement(here, None, folder, url).replace_file()
    here.keyring.look()
    message = put(here, fill, raw=b"MSH|new")
    with pytest.raises(StoreError, match="not the one this store was made with") as found:
        other.work.new_messages(10)
    assert not isinstance(found.value, Unreadable)
    here.resealing.grace = 0.0
    assert here.resealing.step(), "the old key is retired"
    with pytest.raises(NotStored, match=r"rotated meanwhile: the at-rest key .* is not the one"):
        put(other, fill)

    (there / "at-rest.key").write_bytes((folder / "at-rest.key").read_bytes())
    other.keyring._unknown_due = 0.0
    assert [row.raw for row in other.work.new_messages(10) if row.id == message] == [b"MSH|new"]
    put(other, fill, raw=b"MSH|other")
    other.close()


class CrashError(BaseException):
    """The process ends here."""


BREAKS = [
    (steps, "write_new"),
    (steps.Replacement, "_beside"),
    ("rotation", "begin"),
    (steps.Replacement, "_swap"),
    (steps, "sync_folder"),
    (steps.Replacement, "_finish"),
    ("rotation", "finish"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("place", "name"), BREAKS, ids=lambda value: str(getattr(value, "__name__", value)))
def test_a_crash_between_any_two_steps_leaves_a_store_that_opens(
    opened, folder, url, fill, monkeypatch, place, name, after
):
    store = opened()
    message = everything(store, fill)
    before = seen(store, message)
    where = store.rotation if place == "rotation" else place
    real = getattr(where, name)

    def crash(*arguments):
        if after:
            real(*arguments)
        raise CrashError

    with monkeypatch.context() as broken:
        broken.setattr(where, name, crash)
        with pytest.raises(CrashError):
            Replacement(store, None, folder, url).replace_file()
    assert seen(opened(), message) == before
    Replacement(opened(create=False), None, folder, url).replace_file()
    assert seen(opened(), message) == before
    assert not (folder / "at-rest.key.new").exists()
    assert len(opened().rotation.keys().masters) == 1


def test_a_crash_in_the_middle_of_the_swap_leaves_a_store_that_opens(opened, folder, url, fill, monkeypatch):
    store = opened()
    message = put(store, fill)
    for name in ("hardlink_to", "replace"):
        with monkeypatch.context() as broken:

            def crash(*_):
                raise CrashError

            broken.setattr(type(folder), name, crash)
            with pytest.raises(CrashError):
                Replacement(opened(create=False), None, folder, url).replace_file()
        assert opened().views.message(message).raw == b"MSH|body"


def test_of_two_at_once_one_is_refused_and_the_store_opens_with_the_file_that_is_in_place(
    opened, folder, url, fill, monkeypatch
):
    store = opened()
    message = put(store, fill)
    finish, others = Replacement._finish, []

    def another_meanwhile(replacement):
        if not others:
            others.append(Replacement(opened(create=False), None, folder, url))
            with pytest.raises(StoreError, match="is being replaced by another process"):
                others[0].replace_file()
        return finish(replacement)

    monkeypatch.setattr(Replacement, "_finish", another_meanwhile)
    Replacement(store, None, folder, url).replace_file()
    assert opened().views.message(message).raw == b"MSH|body"
    others[0].replace_file()
    assert opened().views.message(message).raw == b"MSH|body"


# ---------------------------------------------------------------- sealed anew


def reseal(store):
    store.resealing.grace = 0.0
    while store.resealing.step():
        pass
    return store.resealing.ended


def test_old_values_are_sealed_anew_in_portions_and_the_old_key_is_gone(
    opened, folder, url, fill, monkeypatch
):
    monkeypatch.setattr(resealing, "ROWS", 3)
    store = opened()
    message = everything(store, fill)
    for _ in range(10):
        put(store, fill)
    before, old = seen(store, message), headers(store)
    Replacement(store, None, folder, url).replace_file()
    store.keyring.look()
    put(store, fill)
    done = reseal(store)
    assert (done.dropped, done.unreadable) == (1, 0) and done.sealed == 19
    assert headers(store) == {store.keyring.header}
    assert headers(store).isdisjoint(old)
    assert [row.number for row in store.rotation.keys().data_keys] == [2]
    assert seen(store, message) == seen(opened(), message) == before
    assert reseal(store) == done and not store.resealing.older()


def test_nothing_is_sealed_anew_before_every_process_is_sure_to_know_the_new_key(opened, folder, url, fill):
    store = opened()
    put(store, fill)
    Replacement(store, None, folder, url).replace_file()
    assert not store.resealing.step() and store.resealing.walk is None
    assert 60 < store.resealing.waits() <= resealing.GRACE_SECONDS


def test_what_was_sealed_by_a_key_that_is_going_is_not_stored_and_sealed_anew_at_the_next_try(
    opened, folder, url, fill
):
    """A process that slept through the rotation: nothing may be sealed by a key that is deleted."""
    store, sleeper = opened(), opened(create=False)
    put(store, fill)
    Replacement(store, None, folder, url).replace_file()
    store.resealing.grace = 0.0
    assert store.resealing.step(), "the old key is retired"
    with pytest.raises(NotStored, match="keys were rotated"):
        put(sleeper, fill, raw=b"MSH|sleeper")
    late = put(sleeper, fill, raw=b"MSH|sleeper")
    reseal(store)
    assert headers(store) == {store.keyring.header}
    assert store.views.message(late).raw == b"MSH|sleeper"


def test_a_value_that_cannot_be_opened_keeps_its_key(opened, folder, url, fill):
    store = opened()
    damaged, good = put(store, fill), put(store, fill)
    cut = "UPDATE message_bodies SET body = substr(body, 1, 40) WHERE message_id = :id"
    raw(store._database, cut, id=damaged)
    Replacement(store, None, folder, url).replace_file()
    done = reseal(store)
    assert (done.sealed, done.dropped, done.unreadable) == (1, 0, 1)
    assert not store.resealing.step(), "it is not tried for ever"
    assert len(store.rotation.keys().data_keys) == 2
    assert store.views.message(good).raw == b"MSH|body"


# ---------------------------------------------------------------- off


def test_without_encryption_values_are_in_the_clear_and_hashes_are_not(url, fill_of):
    off = Master(None, off=True)
    with open_store(url, off) as store:
        fill = fill_of(store)
        message = everything(store, fill)
        assert b"MSH|body" in _bytes(store)
        assert b"LFC|1" not in _bytes(store)
        assert seen(store, message)[0] == b"MSH|body"
        assert store.resealing.older() == ()


def test_encryption_turned_on_later_seals_what_comes_and_then_what_was_there(url, fill_of):
    with open_store(url, Master(None, off=True)) as store:
        message = everything(store, fill_of(store))
        before = seen(store, message)
    on = Master(new_master_key())
    with open_store(url, on) as store:
        assert store.keyring.opens_clear
        assert seen(store, message) == before
        late = put(store, fill_of(store), raw=b"MSH|later")
        assert b"MSH|later" not in _bytes(store) and b"MSH|body" in _bytes(store)
        assert reseal(store).dropped == 1
        assert seen(store, message) == before
        assert headers(store) == {store.keyring.header}
        assert not store.keyring.opens_clear
    with open_store(url, on) as store:
        assert b"MSH|body" not in _bytes(store)
        assert store.views.message(late).raw == b"MSH|later"
    with pytest.raises(KeyringError, match="must still name"):
        open_store(url, Master(None, off=True))


def test_encryption_turned_off_later_still_opens_what_is_sealed(url, keyring, fill_of):
    with open_store(url, keyring) as store:
        message = put(store, fill_of(store))
    with open_store(url, Master(keyring.secret, off=True)) as store:
        late = put(store, fill_of(store), raw=b"MSH|later")
        assert [store.views.message(id_).raw for id_ in (message, late)] == [b"MSH|body", b"MSH|later"]
        assert b"MSH|later" in _bytes(store)


def test_a_value_in_the_clear_is_not_taken_where_all_are_sealed(store, fill):
    message = put(store, fill)
    raw(store._database, "UPDATE message_bodies SET body = :body", body=b"\x00MSH|forged")
    assert store.views.message(message).raw is None


def _bytes(store):
    if store.path is None:
        tables = schema.metadata.tables
        columns = [column for table in tables.values() for column in table.columns if "sealed" in column.info]
        rows = [raw(store._database, f"SELECT {c.name} FROM {c.table.name}") for c in columns]
        return b"".join(value or b"" for found in rows for (value,) in found)
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob("interface.db*")))


# ---------------------------------------------------------------- key files


def test_a_key_file_is_never_overwritten(tmp_path):
    path = tmp_path / "new.key"
    write_new(path)
    text = path.read_text()
    with pytest.raises(FileExistsError):
        write_new(path)
    assert path.read_text() == text and len(text.strip()) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_leaves_no_file_that_is_no_key(tmp_path):
    with small_disk(tmp_path / "disk", mib=1) as disk:
        path = disk.folder / "new.key"
        disk.fill()
        with pytest.raises(KeyringError, match="No space left on device") as caught:
            write_new(path)
        assert (caught.value.disk_full, caught.value.exit_code) == (True, 1), "no fault of the settings"
        assert not path.exists()
        disk.free()
        write_new(path)


def test_a_rotation_that_ended_before_there_was_a_key_is_begun_anew(opened, folder, url):
    store = opened()
    (folder / "at-rest.key.new").touch()
    Replacement(store, None, folder, url).replace_file()
    assert len(opened().rotation.keys().masters) == 1
