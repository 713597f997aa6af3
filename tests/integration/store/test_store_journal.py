"""The door's writer: what is stored, counted, flagged."""

import threading

import pytest

from interface.store.errors import NotStored
from interface.store.records.arrivals import Stored
from interface.store.records.lists import MessageFilter

SEVEN_DAYS = 604_800


def receipts(stored):
    return [one.receipt for one in stored]


def test_a_batch_is_answered_in_its_order_and_read_back_whole(store, fill):
    raws = [bytes([n]) * (n + 1) for n in range(128)]
    stored = store.journal.append([fill.arrival(raw=raw) for raw in raws], fill.now)
    assert receipts(stored) == ["stored"] * 128
    assert [one.id for one in stored] == list(range(1, 129))
    rows = store.work.new_messages(200)
    assert [(row.id, row.raw) for row in rows] == list(enumerate(raws, 1))
    assert rows[0].received_at.timestamp() == fill.now
    assert rows[0].received_at.tzinfo is not None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 127, 129, 300])
def test_a_batch_of_any_size_knows_its_duplicates(store, fill, size):
    batch = [fill.arrival() for _ in range(size)]
    first = store.journal.append(batch, fill.now)
    again = store.journal.append(batch, fill.now)
    assert again == [Stored(one.id, "duplicate", one.id) for one in first]


def test_nothing_is_stored_for_nothing(store):
    assert store.journal.append([], 0.0) == []


def test_a_duplicate_is_counted_on_the_first_row(store, fill):
    first = fill.message(control_id="X", received_at=fill.now)
    again = store.journal.append(
        [fill.arrival("X", received_at=fill.now + seconds) for seconds in (60, 90)], fill.now + 90
    )
    assert again == [Stored(first, "duplicate", first)] * 2
    row = store.views.message(first).summary
    assert (row.duplicates, row.last_duplicate_at) == (2, fill.now + 90)
    assert len(store.work.new_messages()) == 1


def test_duplicates_within_a_batch_become_one_row(store, fill):
    one = fill.arrival("X")
    stored = store.journal.append([fill.arrival("A"), one, fill.arrival("B"), one, one], fill.now)
    assert receipts(stored) == ["stored", "stored", "stored", "duplicate", "duplicate"]
    assert stored[3] == stored[4] == Stored(stored[1].id, "duplicate", stored[1].id)
    assert [row.duplicates for row in store.views.messages()] == [0, 2, 0]


def test_the_same_name_with_other_content_is_kept_and_flagged(store, fill):
    first = fill.message(control_id="X", raw=b"one")
    other = store.journal.append([fill.arrival("X", raw=b"two"), fill.arrival("X", raw=b"three")], fill.now)
    assert receipts(other) == ["conflict", "conflict"]
    assert [row.conflict for row in store.views.messages()] == [True, True, False]
    assert len(store.work.new_messages()) == 3
    again = store.journal.append([fill.arrival("X", raw=raw) for raw in (b"one", b"two", b"three")], fill.now)
    assert [one.duplicate_of for one in again] == [first, other[0].id, other[1].id]


def test_a_conflict_within_a_batch_is_flagged_on_the_later_row(store, fill):
    stored = store.journal.append([fill.arrival("X", raw=raw) for raw in (b"one", b"two")], fill.now)
    assert receipts(stored) == ["stored", "conflict"]


@pytest.mark.parametrize("field", ["listener", "sender_application", "sender_facility"])
def test_another_sender_has_names_of_its_own(store, fill, field):
    stored = store.journal.append([fill.arrival("X"), fill.arrival("X", **{field: "other"})], fill.now)
    assert receipts(stored) == ["stored", "stored"]


def test_fields_do_not_run_into_each_other(store, fill):
    stored = store.journal.append(
        [
            fill.arrival("X", sender_application="AB", sender_facility="C"),
            fill.arrival("X", sender_application="A", sender_facility="BC"),
        ],
        fill.now,
    )
    assert receipts(stored) == ["stored", "stored"]


def test_after_the_window_a_message_is_new(store, fill):
    fill.message(control_id="X", received_at=fill.now)
    inside = store.journal.append([fill.arrival("X")], fill.now + SEVEN_DAYS)
    outside = store.journal.append([fill.arrival("X")], fill.now + SEVEN_DAYS + 1)
    assert receipts(inside + outside) == ["duplicate", "stored"]


def test_rejects_are_rows_that_are_done(store, fill):
    kinds = ["no-msh", "undecodable", "missing-type", "missing-control-id"]
    stored = store.journal.append(
        [fill.arrival("", raw=b"garbage", receipt=kind, message_type="") for kind in kinds], fill.now
    )
    assert receipts(stored) == kinds
    assert store.work.new_messages() == []
    rows = store.views.messages(MessageFilter(decision="reject"))
    assert {row.state for row in rows} == {"done"}
    assert [row.reasons[0]["code"] for row in rows] == kinds[::-1]
    assert store.views.message(stored[0].id).raw == b"garbage"
    assert receipts(store.journal.append([fill.arrival("", receipt="no-msh", raw=b"garbage")], fill.now)) == [
        "no-msh"
    ]


def test_odd_texts_do_not_keep_their_batch_out(store, fill):
    odd = ["\udcff\ud800", "nul\0nul", "\N{GRINNING FACE}", "x" * 100_000]
    stored = store.journal.append([fill.arrival(text, message_type=text) for text in odd], fill.now)
    assert receipts(stored) == ["stored"] * 4
    assert receipts(store.journal.append([fill.arrival(text) for text in odd], fill.now)) == ["duplicate"] * 4
    shown = store.views.messages()
    assert len(shown[0].control_id) == 250
    assert shown[2].control_id == "nul\N{REPLACEMENT CHARACTER}nul"
    # what the column cuts off still tells names apart
    assert receipts(store.journal.append([fill.arrival("x" * 100_001)], fill.now)) == ["stored"]


def test_a_part_may_be_made_in_one_thread_and_used_in_another(store, fill):
    journal, answers = store.journal, []
    thread = threading.Thread(target=lambda: answers.extend(journal.append([fill.arrival()], fill.now)))
    thread.start()
    thread.join()
    assert receipts(answers) == ["stored"]


def test_what_was_not_stored_leaves_nothing_and_the_journal_goes_on(sqlite_store, sqlite_fill):
    store, fill = sqlite_store, sqlite_fill
    fill.message()
    connection = store.journal._connection
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.rollback()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    connection.rollback()
    big = [fill.arrival("SECRET-ID", raw=b"DOE^JANE" * 10_000) for _ in range(2)]
    for _ in range(2):
        with pytest.raises(NotStored, match=r"^the store cannot be written: the disk is full$") as caught:
            store.journal.append(big, fill.now)
        assert caught.value.__cause__ is None
    assert len(store.work.new_messages()) == 1
    connection.exec_driver_sql("PRAGMA max_page_count=1073741823")
    connection.rollback()
    assert receipts(store.journal.append(big, fill.now)) == ["stored", "duplicate"]


def test_a_wider_window_finds_what_was_stored_long_ago(store, fill):
    one = fill.arrival("X", received_at=1000.0)
    later = fill.arrival("X", received_at=fill.now)
    store.journal.append([one], 1000.0)
    (again,) = store.journal.append([later], fill.now, window=fill.now)
    assert again.receipt == "duplicate"
    (within_a_week,) = store.journal.append([later], fill.now)
    assert within_a_week.receipt == "stored"
