"""The time line of a message and its request: one order, whatever clock each part was noted by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interface.console.story import story
from interface.store.records.lists import AttemptView, MessageSummary, RequestDetail, RequestSummary
from interface.store.records.webhooks import WebhookSummary

AT = 1_800_000_000.0
WEEK = 7 * 86400.0


def message(decided: float) -> MessageSummary:
    names = ("main", "EPIC", "LKSM", "C1", "SIU^S12", "P", "127.0.0.1:1")
    return MessageSummary(
        1, *names, AT, 100, "stored", False, 0, None, "done", "post", [], decided, 1, 1, 1, False
    )


def request(at: float) -> RequestDetail:
    row = RequestSummary(
        1, 1, 1, "delivered", None, [], 1, False, "c-1", None, None, at, at + 2, "delivered", 200, None,
        taken_at=at + 2,
    )  # fmt: skip
    attempt = AttemptView(at + 1, at + 2, 200, "delivered", "", False, None, None)
    told = WebhookSummary(7, AT + 60, "127.0.0.1:2", "patient.found", None, "c-1", 10, 0, None, "joined")
    return RequestDetail(row, "A1", b"{}", b"{}", (attempt,), webhooks=(told,))


@pytest.mark.parametrize("ahead", [0.0, WEEK, -WEEK], ids=["one clock", "ahead", "behind"])
def test_all_is_told_in_the_order_in_which_it_happened(ahead: float) -> None:
    entries = story(AT + 100, message(AT + 0.1 + ahead), "Acknowledged: AA", request(AT + 0.2 + ahead), ahead)
    assert [entry["title"] for entry in entries] == [
        "Message 1 received",
        "Acknowledged: AA",
        "Decided: post",
        "Request 1 composed",
        "Sent, attempt 1",
        "Answered: 200 delivered",
        "Taken in by the API",
        "The patient was found",
    ]
    assert entries[-1]["text"] == "webhook 7, 57 s after it was taken in"
    assert AT <= entries[2]["at"] < AT + 1


def test_a_clock_that_was_set_a_moment_late_puts_nothing_before_the_message() -> None:
    entries = story(AT + 100, message(AT - 1 + WEEK), "", None, WEEK)
    assert [(entry["title"], entry["at"]) for entry in entries] == [
        ("Message 1 received", AT),
        ("Decided: post", AT),
    ]


@pytest.mark.parametrize("ahead", [WEEK, -WEEK], ids=["ahead", "behind"])
def test_what_was_rejected_at_receipt_is_decided_then_whatever_the_works_clock_says(ahead: float) -> None:
    rejected = replace(message(AT), receipt="no-msh", decision="reject")
    entries = story(AT + 100, rejected, "Acknowledged: AR", None, ahead)
    assert [(entry["title"], entry["at"]) for entry in entries][-1] == ("Decided: reject", AT)
