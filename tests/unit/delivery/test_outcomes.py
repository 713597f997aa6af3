"""What webhooks say of a request: in any order, however often, the same comes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.outcomes import DELIVERED, FOUND, INSUFFICIENT, Event, Outcome, after

EVENTS = st.lists(
    st.builds(
        Event, st.sampled_from((FOUND, INSUFFICIENT, DELIVERED, "other")), st.floats(1, 1e9, allow_nan=False)
    ),
    max_size=12,
)


@given(EVENTS, st.randoms(), st.integers(0, 12))
def test_neither_order_nor_portions_matter(events, random, cut):
    mixed = random.sample(events, len(events))
    assert after(after(Outcome(), mixed[:cut]), mixed[cut:]) == after(Outcome(), events)


@given(EVENTS)
def test_nothing_that_was_said_is_taken_back(events):
    before = after(Outcome(), events)
    for kind in (FOUND, INSUFFICIENT, DELIVERED, "other"):
        later = after(before, [Event(kind, 2e9)])
        assert later.events == before.events + 1
        assert (before.found_at, before.insufficient_at, before.delivered_at) == tuple(
            new if old is not None else None
            for old, new in (
                (before.found_at, later.found_at),
                (before.insufficient_at, later.insufficient_at),
                (before.delivered_at, later.delivered_at),
            )
        )


@pytest.mark.parametrize(
    ("kinds", "name", "text"),
    [
        ((), "none", ""),
        (("other",), "none", "webhooks of other types only"),
        ((FOUND, "other"), "found", "found"),
        ((FOUND, INSUFFICIENT), "insufficient", "insufficient data"),
        ((INSUFFICIENT, FOUND), "insufficient", "insufficient data"),
        ((FOUND, DELIVERED), "delivered", "delivered (1 document)"),
        ((DELIVERED, DELIVERED), "delivered", "delivered (2 documents)"),
        (
            (INSUFFICIENT, DELIVERED),
            "delivered",
            "delivered (1 document), though insufficient data was said",
        ),
        (
            (DELIVERED, INSUFFICIENT),
            "delivered",
            "delivered (1 document), though insufficient data was said",
        ),
    ],
)
def test_what_is_said_of_it(kinds, name, text):
    outcome = after(Outcome(), [Event(kind, 1.0) for kind in kinds])
    assert (outcome.name, outcome.text) == (name, text)
    assert outcome.contradicting == ("though" in text)


def test_the_first_of_each_kind_counts():
    outcome = after(Outcome(), [Event(FOUND, 9.0), Event(FOUND, 3.0), Event(DELIVERED, 7.0)])
    assert outcome == Outcome(found_at=3.0, delivered_at=7.0, documents=1, events=3)
