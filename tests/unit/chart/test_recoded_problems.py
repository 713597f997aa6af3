"""A problem that was coded anew (PRB-4 the same, PRB-3 another): what ended it under the code of before stays known."""

from __future__ import annotations

import itertools

import pytest
from telling import AIP, PID, segment, visit

from interface.chart.shown import shown

BEFORE, SINCE = "E11.9^Diabetes^I10", "E11.65^Diabetes with hyperglycemia^I10"


def at(minute):
    return f"2026030208{minute:02d}"


def prb(code, number="77^EHR", action="UP", **fields):
    return ("PPR^PC2", segment(f"PRB|{action}|20260301", **{"f3": code, "f4": number, **fields}))


def seen(number="V1", code=BEFORE):
    return ("ADT^A08", visit(number), f"DG1|1||{code}")


def stated(story, messages, order, pids=None):
    """Of version 2 each code, and whether it is active, after the messages (of one minute each) came in this order."""
    told = story(api_version=2)
    for index in order:
        kind, *segments = messages[index]
        told.tell(kind, (pids or {}).get(index, PID), *segments, at=at(index))
    if pids:
        told.tell("ADT^A40", PID, "MRG|T2^^^LFC^MR", at=at(20))
    answer = told.tell("SIU^S12", "SCH||LAST|||||||||^^^20260320093000", PID, AIP, at=at(59))
    return {entry["code"]: entry["active"] for entry in answer["request"].get("diagnoses", ())}


STORIES = [
    ([seen(), prb(BEFORE), prb(BEFORE, f14="Resolved"), prb(SINCE)], {"E11.9": False, "E11.65": False}),
    ([seen(), prb(BEFORE), prb(BEFORE, f9="20260301"), prb(SINCE)], {"E11.9": False, "E11.65": False}),
    ([prb(BEFORE), prb(BEFORE, f14="Resolved"), seen(), prb(SINCE)], {"E11.9": True, "E11.65": False}),
    (
        [seen(), prb(BEFORE), prb(BEFORE, f14="Resolved"), prb(SINCE), prb(SINCE, f14="Active")],
        {"E11.9": False, "E11.65": True},
    ),
    ([seen(), prb(BEFORE, f14="Resolved"), prb(SINCE), prb(BEFORE)], {"E11.9": False}),
    (
        [seen(), prb(BEFORE, f14="Resolved"), prb(SINCE, f14="Active"), prb(BEFORE)],
        {"E11.9": True},
    ),
]


@pytest.mark.parametrize(("messages", "found"), STORIES)
def test_the_end_counts_in_whichever_order_messages_come(story, messages, found):
    for order in itertools.permutations(range(len(messages))):
        assert stated(story, messages, order) == found, order


@pytest.mark.parametrize("order", [(1, 2, 3, 0), (3, 2, 1, 0), (1, 3, 0, 2)])
@pytest.mark.parametrize("others", [{0}, {1, 2}, {3}, {2, 3}])
def test_so_it_does_where_two_charts_become_one(story, order, others):
    messages, found = STORIES[0]
    pids = dict.fromkeys(others, "PID|1||T2^^^LFC^MR||Sample^Robin||19700131|F")
    assert stated(story, messages, order, pids) == found


def test_an_end_under_a_code_of_before_is_shown_as_such_in_the_chart(story):
    told = story()
    for kind, segments in (prb(BEFORE), prb(BEFORE, f14="Resolved"), prb(SINCE)):
        told.tell(kind, PID, segments)
    document = shown(told.chart, told.engine.book, told.engine.policy, told.now.date())
    assert [(entry["code"], entry["active"], entry["why"]) for entry in document["problems"]] == [
        ("E11.9", False, "coded otherwise since"),
        ("E11.65", False, "no longer active: PRB-14 says so"),
    ]
