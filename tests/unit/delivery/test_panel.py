"""Who shares a panel, and what its reply says of each: never another patient's id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.delivery.panel import alone, correlation_ids, of_each, parcels
from interface.delivery.verdict import Reply, judge


@pytest.mark.parametrize(
    ("responses", "count", "ids"),
    [
        # as the contract has it
        (((0, "a"), (1, "b")), 2, ("a", "b")),
        (((1, "b"), (0, "a")), 2, ("a", "b")),
        (((0, "a"),), 1, ("a",)),
        # what is missing is missing
        (((0, "a"), (2, "c")), 3, ("a", "", "c")),
        (((0, "a"), (1, "")), 2, ("a", "")),
        ((), 3, ("", "", "")),
        ((), 1, ("",)),
        # counted from 1, all there
        (((1, "a"), (2, "b")), 2, ("a", "b")),
        (((1, "a"),), 1, ("a",)),
        (((7, "a"),), 1, ("a",)),
        # no numbers, one for each
        (((None, "a"), (None, "b")), 2, ("a", "b")),
        (((None, "a"),), 1, ("a",)),
        # whose it is can't be told
        (((1, "a"),), 2, ("", "")),
        (((1, "a"), (2, "b")), 3, ("", "", "")),
        (((0, "a"), (0, "b")), 2, ("", "")),
        (((0, "a"), (5, "b")), 2, ("", "")),
        (((0, "a"), (-1, "b")), 2, ("", "")),
        (((None, "a"),), 2, ("", "")),
        (((0, "a"), (None, "b")), 2, ("", "")),
        (((None, "a"), (None, "b"), (None, "c")), 2, ("", "")),
        (((0, "a"), (1, "b"), (2, "c")), 2, ("", "")),
    ],
)
def test_each_patient_has_the_id_that_is_certainly_his(responses, count, ids):
    assert correlation_ids(responses, count) == ids


@given(
    st.lists(st.tuples(st.none() | st.integers(-2, 4), st.text(max_size=2)), max_size=5), st.integers(1, 4)
)
def test_any_responses_give_one_id_or_none_for_each(responses, count):
    found = correlation_ids(tuple(responses), count)
    assert len(found) == count
    assert {own for own in found if own} <= {own for _, own in responses}


def test_a_reply_is_told_apart_with_the_panels_id_beside_each_patients():
    reply = Reply(
        200, is_json_object=True, correlation_id="p", responses=((0, "a"), (1, "b")), excerpt=b"PHI"
    )
    first, second = of_each(reply, 2)
    assert (first.correlation_id, first.panel_id, first.together) == ("a", "p", 2)
    assert (second.correlation_id, second.panel_id, second.together) == ("b", "p", 2)
    assert (first.excerpt, second.excerpt) == (b"", b""), "it may repeat what is another patient's"
    assert of_each(reply, 1)[0].excerpt == b"PHI"


def test_an_id_that_names_several_patients_is_nobodys_own():
    reply = Reply(
        200, is_json_object=True, correlation_id="p", responses=((0, "a"), (1, "a"), (2, "p"), (3, "d"))
    )
    assert [own.correlation_id for own in of_each(reply, 4)] == ["", "", "", "d"]
    assert {own.panel_id for own in of_each(reply, 4)} == {"p"}


def test_a_panel_of_one_may_bear_its_patients_id():
    reply = Reply(200, is_json_object=True, correlation_id="p", responses=((0, "p"),))
    assert of_each(reply, 1)[0].correlation_id == "p"


def test_the_reply_to_a_single_request_is_its_own():
    reply = Reply(200, is_json_object=True, correlation_id="c")
    assert alone(reply, 1) == (reply,)


@pytest.mark.parametrize("status", [200, 202])
def test_a_patient_without_an_id_in_a_panel_that_has_one_is_delivered_and_that_is_said(status):
    reply = Reply(status, is_json_object=True, correlation_id="p", responses=((0, "a"),))
    first, second = (judge(own) for own in of_each(reply, 2))
    assert (first.kind, first.code) == ("delivered", "delivered")
    assert (second.kind, second.code) == ("delivered", "delivered-no-correlation-id")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_panel_is_taken_apart_and_a_refused_request_is_not(status):
    apart = judge(Reply(status, together=2))
    assert (apart.kind, apart.code, apart.possible_duplicate) == ("apart", "refused-together", False)
    assert judge(Reply(status, together=1)).kind == ("pause" if status == 413 else "dead")


@pytest.mark.parametrize(
    "reply", [Reply(503), Reply(429), Reply(401), Reply(failure="timeout-read")], ids=str
)
def test_any_other_reply_means_for_each_what_it_would_mean_alone(reply):
    assert [judge(own) for own in of_each(reply, 3)] == [judge(reply)] * 3


def test_what_may_share_goes_together_in_order():
    assert list(parcels(range(7), lambda _: 3)) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert list(parcels(range(3), lambda _: 1)) == [(0,), (1,), (2,)]
    assert list(parcels([], lambda _: 3)) == []


def test_what_may_share_with_fewer_goes_by_itself():
    limits = {"a": 4, "b": 1, "c": 4, "d": 2, "e": 2, "f": 2}
    made = list(parcels("abcdef", limits.__getitem__))
    assert sorted(made) == [("a", "c"), ("b",), ("d", "e"), ("f",)]


@given(st.lists(st.integers(1, 5), max_size=30))
def test_every_item_is_in_one_parcel_of_a_size_it_may_have(limits):
    made = list(parcels(range(len(limits)), limits.__getitem__))
    assert sorted(item for parcel in made for item in parcel) == list(range(len(limits)))
    assert all(len(parcel) <= limits[item] for parcel in made for item in parcel)
