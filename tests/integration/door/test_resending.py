"""A sender that sends again while the first is still being stored: one row, and an ACK for each that waits for one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from patience import until
from running_door import Door, message

Start = Callable[..., Door]


@contextmanager
def stalled(door: Door) -> Iterator[None]:
    """Nothing can be committed meanwhile: another program holds the store's lock."""
    (path,) = door.folder.rglob("*.db")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def until_waiting(door: Door, frames: int) -> None:
    until(f"{frames} frames waiting", lambda: door.metric("hl7_interface_waiting_messages") >= frames)


def test_the_same_message_on_two_connections_before_either_is_stored(start: Start) -> None:
    door = start()
    left, right = door.connect(), door.connect()
    with stalled(door):
        left.send(message("M0"))  # the journal's thread waits with this one
        until_waiting(door, 1)
        left.send(message("M1"))
        right.send(message("M1"))
        right.send(message("M1"))
        until_waiting(door, 4)
    assert left.answers(2) == [("AA", "M0"), ("AA", "M1")]
    assert right.answers(2) == [("AA", "M1"), ("AA", "M1")]
    assert [(row.control_id, row.duplicates) for row in door.rows()] == [("M0", 0), ("M1", 2)]


def test_a_sender_that_gives_up_waiting_and_sends_again_on_a_new_connection(start: Start) -> None:
    door = start()
    first = door.connect()
    with stalled(door):
        first.send(message("M1"))
        until_waiting(door, 1)
        first.close()
        second = door.connect()
        second.send(message("M1"))
        second.send(message("M2"))
        until_waiting(door, 3)
    assert second.answers(2) == [("AA", "M1"), ("AA", "M2")]
    assert [(row.control_id, row.duplicates) for row in door.rows()] == [("M1", 1), ("M2", 0)]


def test_other_content_under_the_same_id_is_a_row_of_its_own_and_flagged(start: Start) -> None:
    door = start()
    left, right = door.connect(), door.connect()
    with stalled(door):
        left.send(message("M1", text="one"))
        until_waiting(door, 1)
        right.send(message("M1", text="two"))
        until_waiting(door, 2)
    assert left.answer() == right.answer() == ("AA", "M1")
    assert [(row.control_id, row.conflict) for row in door.rows()] == [("M1", False), ("M1", True)]
