"""Notices wait for a channel in order, are tried again ever more seldom, and not for ever; a book survives as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interface.alerting.book import MOST_SAID, Book
from interface.alerting.conditions import Condition
from interface.alerting.facts import Limits
from interface.alerting.kinds import BY_CODE
from interface.alerting.state import UNWATCHED, Edge
from interface.alerting.telling import (
    KEPT_SECONDS,
    LONGEST_WAIT,
    MOST_NOTICES,
    Notice,
    Queue,
    Sender,
    body,
    subject,
    text,
)

AT = 1_772_460_000.0
LIMITS = Limits()


def notice(number: int, what: str = "begins", at: float = AT) -> Notice:
    return Notice(f"n{number}", Edge(what, "disk-low", "", at, at - 60, "10 MiB are free"))  # type: ignore[arg-type]


def test_the_first_is_told_before_the_second_however_often_it_fails() -> None:
    queue = Queue().with_more([notice(1), notice(2, "ends")])
    waits, now = [], AT
    for _ in range(9):
        first = queue.next(now)
        assert first is not None and first.id == "n1"
        queue = queue.missed(now)
        assert queue.next(now) is None
        waits.append(queue.wait(now))
        now += waits[-1] or 0
    assert waits == [10, 20, 40, 80, 160, 320, 600, LONGEST_WAIT, LONGEST_WAIT]
    queue = queue.told("n1")
    assert queue.next(now) == notice(2, "ends")
    assert queue.told("n2") == Queue()


def test_what_is_too_old_is_given_up_and_counted() -> None:
    queue = Queue().with_more([notice(1), notice(2, at=AT + 10)])
    assert queue.fresh(AT + KEPT_SECONDS - 1) == queue
    left = queue.fresh(AT + KEPT_SECONDS)
    assert ([one.id for one in left.notices], left.lost) == (["n2"], 1)


@given(st.lists(st.integers(0, 1000), max_size=400))
def test_a_queue_is_bounded_has_nothing_twice_and_keeps_its_order(numbers: list[int]) -> None:
    queue = Queue()
    for number in numbers:
        queue = queue.with_more([notice(number)])
    assert len(queue.notices) <= MOST_NOTICES
    ids = [one.id for one in queue.notices]
    assert len(set(ids)) == len(ids)


def test_the_one_on_its_way_stays_when_there_are_too_many() -> None:
    queue = Queue().with_more(notice(number) for number in range(MOST_NOTICES + 5))
    assert queue.notices[0].id == "n0"
    assert queue.notices[1].id == "n6"
    assert queue.lost == 5


def look(book: Book, case: str, now: float, channels: tuple[str, ...] = ("mail",)) -> Book:
    found = [Condition("disk-low", case, "10 MiB")]  # type: ignore[arg-type]
    return book.after(found, LIMITS, now, channels, "m")[0]


def test_a_book_is_the_same_after_it_was_stored() -> None:
    book = look(look(look(Book(), "bad", AT), "good", AT + 1), "bad", AT + 2)
    again = Book.of_text(book.text())
    assert again == book
    assert [one.edge.what for one in again.queues["mail"].notices] == ["begins", "ends", "begins"]
    assert [one.id for one in again.said] == ["m1", "m2", "m3"]


def test_a_book_keeps_the_latest_that_was_said() -> None:
    book = Book()
    for number in range(MOST_SAID):
        book = look(look(book, "bad", AT + number), "good", AT + number)
    assert len(book.said) == MOST_SAID
    assert book.number == 2 * MOST_SAID
    assert len(book.text()) < 200_000


@given(st.one_of(st.none(), st.text(), st.from_regex(r"\{.*\}")))
def test_any_other_text_is_an_empty_book(told: str | None) -> None:
    assert isinstance(Book.of_text(told), Book)


def test_an_old_book_of_odd_values_is_taken_as_far_as_it_is_understood() -> None:
    assert Book.of_text('{"on": 3, "said": {}, "queues": [1], "number": true, "heard": {"a": "b"}}') == Book()


def test_a_channel_that_is_no_more_is_forgotten_with_the_next_notice() -> None:
    book = look(look(Book(), "bad", AT, ("mail", "webhook")), "good", AT + 1, ("webhook",))
    assert set(book.queues) == {"webhook"}


def test_what_was_said_while_the_store_could_not_be_read_is_put_behind_what_is_stored() -> None:
    stored = look(look(Book(), "bad", AT), "good", AT + 1)
    found = [Condition("wal-large", "bad", "300 MiB")]
    memory, _ = Book().after(found, LIMITS, AT + 60, ("mail",), "n")
    both = memory.joined(stored)
    assert [one.edge.code for one in both.said] == ["disk-low", "disk-low", "wal-large"]
    assert [one.id for one in both.queues["mail"].notices] == ["m1", "m2", "n1"]
    assert set(both.alerts.on) == {("wal-large", "")}
    twice, _ = Book().after([Condition("disk-low", "bad", "5 MiB")], LIMITS, AT + 60, (), "n")
    again = twice.joined(look(Book(), "bad", AT))
    assert again.alerts.on["disk-low", ""].since == AT


SENDER = Sender("Lakeside Family Clinic", "production", "adapter-1")


def test_what_a_webhook_gets_says_what_where_since_when_and_what_to_do() -> None:
    told = body(notice(7), SENDER)
    assert told == {
        "id": "n7",
        "event": "begins",
        "alert": "disk-low",
        "scope": "",
        "level": "bad",
        "title": BY_CODE["disk-low"].title,
        "text": "10 MiB are free",
        "what_to_do": BY_CODE["disk-low"].todo,
        "at": "2026-03-02T14:00:00Z",
        "since": "2026-03-02T13:59:00Z",
        "site": "Lakeside Family Clinic",
        "environment": "production",
        "node": "adapter-1",
        "dedup_key": "Lakeside Family Clinic/adapter-1/disk-low",
    }


def test_begin_and_end_have_one_key_and_scopes_have_different_ones() -> None:
    assert body(notice(1), SENDER)["dedup_key"] == body(notice(2, "ends"), SENDER)["dedup_key"]
    other = Notice("n", Edge("begins", "feed-silent", "main: A/B", AT, AT, "x"))
    assert body(other, SENDER)["dedup_key"] == "Lakeside Family Clinic/feed-silent/main: A/B"


def test_an_end_does_not_say_what_was_as_if_it_were_so_still() -> None:
    ended = body(notice(1, "ends"), SENDER)["text"]
    assert ended == "over after 1 min; it was: 10 MiB are free"
    assert ended in text(notice(1, "ends"), SENDER)
    unwatched = Notice("n", Edge("ends", "feed-silent", "main", AT, AT - 60, UNWATCHED))
    assert body(unwatched, SENDER)["text"] == UNWATCHED


def test_a_mail_says_the_same_in_words() -> None:
    assert subject(notice(1), SENDER) == "[Lakeside Family Clinic] Alert: Room on the disk runs out"
    assert subject(notice(1, "ends"), SENDER).endswith("Over: Room on the disk runs out")
    written = text(notice(1, "goes-on"), SENDER)
    assert "10 MiB are free" in written
    assert "What to do: make room" in written
    assert "What to do" not in text(notice(1, "ends"), SENDER)
