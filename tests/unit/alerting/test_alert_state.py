"""Begin and end take turns for each alert and scope, whatever is seen and wherever a restart comes between."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interface.alerting.conditions import Case, Condition
from interface.alerting.facts import Limits
from interface.alerting.kinds import BY_CODE, KINDS
from interface.alerting.state import UNWATCHED, Alerts, Edge

LIMITS = Limits(hold=60, settle=120, repeat=3600, grace=900)
CODES = sorted(BY_CODE)
CASES: tuple[Case, ...] = ("bad", "between", "good")

looks = st.lists(
    st.tuples(
        st.lists(
            st.builds(
                Condition,
                st.sampled_from(CODES),
                st.sampled_from(CASES),
                st.sampled_from(("", "why")),
                st.sampled_from(("", "a", "b")),
            ),
            unique_by=lambda one: (one.code, one.scope),
            max_size=6,
        ),
        st.integers(-400, 4000),
        st.booleans(),
    ),
    max_size=30,
)


def run(alerts: Alerts, cases: list[tuple[float, Case]], code: str, limits: Limits = LIMITS) -> list[Edge]:
    said: list[Edge] = []
    for now, case in cases:
        alerts, edges = alerts.after([Condition(code, case, "why")], limits, now)
        said += edges
    return said


def whats(edges: list[Edge]) -> list[str]:
    return [edge.what for edge in edges]


@given(looks)
def test_no_alert_begins_twice_without_an_end_between(told: list[tuple[list[Condition], int, bool]]) -> None:
    alerts, now = Alerts(), 1_000_000.0
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for found, later, restart in told:
        now += later
        if restart:  # what is stored is all that a restart knows
            alerts = Alerts.restored(json.loads(json.dumps(alerts.kept())))
        alerts, edges = alerts.after(found, LIMITS, now)
        for edge in edges:
            said[edge.code, edge.scope].append(edge.what)
            assert edge.since <= edge.at
    for key, sequence in said.items():
        pairs = [what for what in sequence if what != "goes-on"]
        assert pairs == ["begins", "ends"] * (len(pairs) // 2) + ["begins"] * (len(pairs) % 2)
        assert (key in alerts.on) == (len(pairs) % 2 == 1)
        assert sequence[0] == "begins"


@given(looks)
def test_what_is_kept_is_what_was_known(told: list[tuple[list[Condition], int, bool]]) -> None:
    alerts, now = Alerts(), 1_000_000.0
    for found, later, _ in told:
        now += later
        alerts, _ = alerts.after(found, LIMITS, now)
        assert Alerts.restored(json.loads(json.dumps(alerts.kept()))) == alerts


@given(st.lists(st.sampled_from(CASES), max_size=40), st.sampled_from(CODES))
def test_a_value_that_sways_between_bad_and_in_between_is_said_once(cases: list[Case], code: str) -> None:
    swaying = [(10.0 * place, case) for place, case in enumerate(cases) if case != "good"]
    limits = replace(LIMITS, repeat=0)
    assert whats(run(Alerts(), swaying, code, limits)) in ([], ["begins"])


@given(st.lists(st.sampled_from(CASES), max_size=60))
def test_what_gets_well_for_a_moment_only_is_not_said_to_be_over(cases: list[Case]) -> None:
    limits = replace(LIMITS, repeat=0)
    seen = [(10.0 * place, case) for place, case in enumerate(cases)]
    said = run(Alerts(), seen, "destination-paused", limits)
    for edge in said:
        if edge.what == "ends":
            before = [case for at, case in seen if edge.at - limits.settle <= at < edge.at]
            assert "bad" not in before


def test_a_blip_says_nothing() -> None:
    assert run(Alerts(), [(0, "bad"), (59, "bad"), (60, "good")], "journal-failing") == []
    assert whats(run(Alerts(), [(0, "bad"), (59, "bad"), (60, "bad")], "journal-failing")) == ["begins"]


def test_what_has_levels_of_its_own_is_said_at_once() -> None:
    assert whats(run(Alerts(), [(0, "bad"), (5, "good")], "disk-low")) == ["begins", "ends"]


def test_what_goes_on_is_said_again_as_often_as_the_settings_say_and_never_when_they_say_never() -> None:
    bad: list[tuple[float, Case]] = [(60.0 * minute, "bad") for minute in range(181)]
    assert whats(run(Alerts(), bad, "disk-low")) == ["begins", "goes-on", "goes-on", "goes-on"]
    assert whats(run(Alerts(), bad, "disk-low", replace(LIMITS, repeat=0))) == ["begins"]


def test_what_is_unknown_after_a_restart_stays_on_and_what_cleared_meanwhile_is_said_to_have() -> None:
    alerts, edges = Alerts().after([Condition("disk-low", "bad", "10 MiB")], LIMITS, 0)
    assert whats(list(edges)) == ["begins"]
    again = Alerts.restored(json.loads(json.dumps(alerts.kept())))
    again, edges = again.after([Condition("disk-low", "between")], LIMITS, 500)
    assert edges == ()
    again, edges = again.after([Condition("disk-low", "good")], LIMITS, 510)
    assert edges == (Edge("ends", "disk-low", "", 510, 0, "10 MiB"),)
    assert again.on == {}


def test_what_follows_from_a_cause_is_not_said_beside_it_and_gets_time_to_pass_by_itself() -> None:
    def look(alerts: Alerts, now: float, paused: Case, oldest: Case) -> tuple[Alerts, list[str]]:
        found = [Condition("oldest-waiting", oldest, "old"), Condition("destination-paused", paused, "key")]
        alerts, edges = alerts.after(found, LIMITS, now)
        return alerts, [f"{edge.code} {edge.what}" for edge in edges]

    alerts, said = look(Alerts(), 0, "bad", "bad")
    assert said == ["destination-paused begins"]
    for now in range(10, 7000, 600):
        alerts, said = look(alerts, now, "bad", "bad")
        assert "oldest-waiting" not in " ".join(said)
    alerts, said = look(alerts, 7000, "good", "bad")
    assert said == []
    alerts, said = look(alerts, 7121, "good", "bad")
    assert said == ["destination-paused ends"]
    alerts, said = look(alerts, 7500, "good", "bad")
    assert said == []
    _, said = look(alerts, 8500, "good", "bad")
    assert said == ["oldest-waiting begins"], "it did not pass by itself"
    alerts, said = look(alerts, 7600, "good", "good")
    assert said == []
    assert alerts.standing == {}


def test_a_cause_that_is_kept_elsewhere_covers_too() -> None:
    alerts, edges = Alerts().after([Condition("decisions-late", "bad", "x")], LIMITS, 0, also=["work-dying"])
    assert edges == ()
    assert alerts.on == {}


def test_what_was_said_before_its_cause_held_stays_until_it_is_over() -> None:
    alerts, _ = Alerts().after([Condition("oldest-waiting", "bad", "x")], LIMITS, 0)
    found = [Condition("oldest-waiting", "bad", "x"), Condition("destination-away", "bad", "y")]
    alerts, edges = alerts.after(found, LIMITS, 10)
    assert [(edge.code, edge.what) for edge in edges] == [("destination-away", "begins")]
    assert set(alerts.on) == {("oldest-waiting", ""), ("destination-away", "")}


def test_what_is_watched_no_longer_is_said_to_be() -> None:
    alerts, _ = Alerts().after([Condition("feed-silent", "bad", "x", "main")], LIMITS, 0)
    alerts, edges = alerts.after([], LIMITS, 10)
    assert [(edge.what, edge.text) for edge in edges] == [("ends", UNWATCHED)]


def test_a_clock_that_is_set_back_neither_says_again_nor_forgets() -> None:
    seen: list[tuple[float, Case]] = [(10_000, "bad"), (20, "bad"), (30, "bad"), (40, "good")]
    assert whats(run(Alerts(), seen, "disk-low")) == ["begins", "ends"]


@pytest.mark.parametrize(
    "told", [None, 3, [3], [{}], [{"code": "x", "since": 1}], [{"code": "disk-low", "since": "y"}]]
)
def test_what_is_not_understood_is_as_if_it_had_never_been(told: object) -> None:
    assert Alerts.restored(told) == Alerts()


def test_each_kind_covers_what_is_there_and_no_two_each_other() -> None:
    for kind in KINDS:
        for covered in kind.covers:
            assert kind.code not in BY_CODE[covered].covers
    assert len(BY_CODE) == len(KINDS)
