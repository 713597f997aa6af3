"""What the production test lets go: what was chosen, is complete, and has a slot or finds one free."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.chart.guarding import Case
from interface.chart.holds import release_of
from interface.chart.model import Appointment, Asked, Chart
from interface.chart.reciprocity import REASONS, Ledger, Share
from interface.delivery.guards import guard_of
from interface.delivery.guards.life import Life
from interface.delivery.guards.production_test import (
    DEMANDED,
    ProductionTestGuard,
    RoundNow,
    exceptions,
    lacking,
    preferred,
)
from interface.delivery.guards.staging import ElsewhereGuard

ADDRESS = {"lines": ["12 Birch Ln"], "city": "Madison", "state": "WI", "zip": "53703"}
WHOLE = {
    1: {"patient": {"gender": "FEMALE", "address": ADDRESS}},
    2: {"patient": {"gender": "FEMALE", "addresses": [ADDRESS, {"zip": "53704"}]}},
}
ALL = Ledger(Share(2, 2), Share(1, 1))


def codes(guard, asked=None, request=None, version=1, known=ALL):
    entry = Appointment("S:1", "", {}, asked=asked)
    case = Case(
        WHOLE[version] if request is None else request,
        version,
        Chart([]),
        entry,
        datetime(2026, 3, 5, tzinfo=UTC),
        known=lambda: known,
    )
    ruling = guard(case)
    return [why.code for why in ruling.holds], [why.code for why in ruling.another]


def asked(chosen=0, state="waiting"):
    return Asked(7, state, b"", chosen=chosen)


def test_nothing_goes_that_was_not_chosen_for_this_round():
    guard = ProductionTestGuard(RoundNow(2, {}, 10))
    assert codes(guard) == (["production-test"], [])
    assert codes(guard, asked(chosen=1)) == (["production-test"], [])
    assert codes(guard, asked(chosen=2, state="held")) == ([], [])


def test_what_was_chosen_is_held_when_no_slot_is_left_unless_it_has_one():
    full = RoundNow(1, {7: False}, 0)
    assert codes(ProductionTestGuard(full), asked(chosen=1)) == ([], [])
    assert codes(ProductionTestGuard(RoundNow(1, {8: True}, 0)), asked(chosen=1)) == (["production-test"], [])


def test_what_follows_a_request_that_went_out_is_held_and_what_follows_one_that_did_not_takes_its_place():
    assert codes(ProductionTestGuard(RoundNow(1, {7: True}, 3)), asked(chosen=1)) == ([], ["production-test"])
    assert codes(ProductionTestGuard(RoundNow(1, {7: False}, 3)), asked(chosen=1)) == ([], [])


@pytest.mark.parametrize("version", [1, 2])
def test_each_field_that_a_complete_request_has_beyond_the_contract_is_asked_for(version):
    whole = WHOLE[version]["patient"]
    address = "address" if version == 1 else "addresses"
    for part in ("lines", "city", "state"):
        without = {name: value for name, value in ADDRESS.items() if name != part}
        request = {"patient": {**whole, address: without if version == 1 else [without]}}
        assert lacking(request, version) == (f"patient.{address}.{part}",)
    assert lacking({"patient": {**whole, "gender": "UNKNOWN"}}, version) == ("patient.gender",)
    assert len(lacking({}, version)) == len(DEMANDED[version]) == 4
    assert lacking(WHOLE[version], version) == ()


def test_each_reason_tells_what_releases_it():
    everything_lacks = [
        code
        for version in (1, 2)
        for code in codes(
            ProductionTestGuard(RoundNow(1)),
            None,
            {},
            version,
            Ledger(Share(1, 0, {"withheld": 1}), Share(1, 0, {"no-drug": 1})),
        )[0]
    ]
    assert {code for code in everything_lacks if "incomplete:" in code} >= {
        "incomplete:patient.gender",
        "incomplete:patient.addresses.city",
        "incomplete:problems",
        "incomplete:medications",
    }
    assert all(release_of(code) for code in everything_lacks)
    assert "PID-11.3" in release_of("incomplete:patient.address.city")


@pytest.mark.parametrize("why", sorted(REASONS))
def test_what_is_known_active_and_left_out_makes_a_request_incomplete(why):
    known = Ledger(Share(3, 2, {why: 1}), Share(0, 0))
    found, _ = codes(ProductionTestGuard(RoundNow(1, {7: False}, 9)), asked(1), known=known)
    assert found == ([] if why in ("over", "not-seen") else ["incomplete:problems"])


def test_what_is_missing_for_no_reason_makes_it_incomplete_too():
    assert exceptions(Share(2, 1, {}, ("ICD10|E11.9",))) == {"missing": 1}


def test_problems_medications_and_a_phone_number_are_preferred():
    assert preferred({}) == ()
    assert preferred({"diagnoses": [{}], "medications": [{}]}) == ("problems", "medications")
    assert preferred({"patient": {"contactPoints": [{}]}, "activeIcd9Diagnoses": [{}]}) == (
        "problems",
        "patient.contactPoints",
    )


def test_it_is_the_guard_of_the_production_test_alone():
    for environment in ("sandbox", "production"):
        assert codes(guard_of(Life(environment, 0.0, live=True))) == ([], [])
    inner = ProductionTestGuard(RoundNow(3))
    assert guard_of(Life("production-test", 0.0), test=RoundNow(3)) == ElsewhereGuard(inner)
    # before anything is known of the round nothing goes
    assert codes(guard_of(Life("production-test", 0.0)), asked(chosen=0)) == (["production-test"], [])


PARTS = st.one_of(st.none(), st.just(""), st.just([]), st.just({}), st.text(max_size=3), st.integers())


@given(
    st.recursive(
        PARTS, lambda inner: st.dictionaries(st.sampled_from(["patient", "address", "addresses"]), inner)
    )
)
def test_whatever_a_request_is_like_it_is_judged(request):
    for version in (1, 2):
        lacking(request if isinstance(request, dict) else {}, version)
