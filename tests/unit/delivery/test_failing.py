"""When the API is told to be away by time: a quiet night's few requests never open the circuit."""

from __future__ import annotations

import json

import pytest

from interface.delivery.destination import Destination
from interface.delivery.failing import Failing, failing_after
from interface.delivery.pacing import Pacing
from interface.delivery.verdict import Reply, judge

NOW = 1_780_000_000.0
TAKEN = Reply(200, is_json_object=True, correlation_id="c")
REFUSED, SERVER, NO_NAME = Reply(failure="refused"), Reply(500), Reply(failure="dns")


def tried(*tries: tuple[Reply, int, float]) -> Failing | None:
    """What is known after (reply, patient, seconds) tries."""
    known: Failing | None = None
    for reply, patient, seconds in tries:
        known = failing_after(known, judge(reply), patient, NOW + seconds)
    return known


def since(*tries: tuple[Reply, int, float]) -> float | None:
    known = tried(*tries)
    return None if known is None or known.away_since is None else known.away_since - NOW


def test_one_patients_request_is_enough_where_the_api_is_not_reached() -> None:
    assert since((REFUSED, 1, 0), (NO_NAME, 1, 59)) is None, "a moment is nothing"
    assert since((REFUSED, 1, 5), (NO_NAME, 1, 65)) == 5


def test_what_the_api_fails_on_may_be_one_requests_own_fault_and_is_not_twos() -> None:
    assert since((SERVER, 1, 0), (SERVER, 1, 3600)) is None
    assert since((REFUSED, 1, 0), (SERVER, 1, 3600)) is None, "it was reached"
    assert since((SERVER, 1, 0), (SERVER, 2, 61)) == 0


def test_what_is_known_no_further_failure_takes_back() -> None:
    """The alert ends when a request is delivered."""
    assert since((REFUSED, 1, 0), (REFUSED, 1, 90), (SERVER, 1, 300)) == 0


@pytest.mark.parametrize("answer", [TAKEN, Reply(400), Reply(401)])
def test_an_answer_of_the_api_ends_it(answer: Reply) -> None:
    assert tried((REFUSED, 1, 0), (REFUSED, 2, 900), (answer, 3, 901)) is None
    assert since((REFUSED, 1, 0), (answer, 3, 900), (REFUSED, 1, 901), (REFUSED, 1, 970)) == 901


def test_who_asks_to_wait_says_neither() -> None:
    assert since((REFUSED, 1, 0), (Reply(429), 2, 30), (REFUSED, 1, 60)) == 0


def test_a_clock_that_was_set_back_begins_it_anew() -> None:
    assert since((REFUSED, 1, 0), (REFUSED, 1, 90), (REFUSED, 1, -7200)) is None


def test_it_is_told_once_and_outlives_a_restart() -> None:
    destination = Destination()
    for seconds in (0.0, 70.0, 300.0):
        destination = destination.after(judge(REFUSED), 1, 1, now=NOW + seconds, steady=seconds)
    later = destination.after(judge(REFUSED), 1, 1, now=NOW + 600, steady=600.0)
    assert destination.state(300.0) == "passing"
    assert destination.news(300.0) == later.news(600.0)
    kept = json.loads(json.dumps(destination.kept(NOW + 300, 300.0)))
    again = Destination.restored(kept, Pacing(), NOW + 400, 0.0)
    assert again.away_since == NOW
    assert again.after(judge(SERVER), 1, 1, now=NOW + 401, steady=1.0).away_since == NOW
    assert again.after(judge(TAKEN), 1, 1, now=NOW + 401, steady=1.0).away_since is None


@pytest.mark.parametrize("told", [None, True, "yesterday", NOW + 3600])
def test_what_was_kept_and_is_no_time_that_was_counts_as_nothing(told: object) -> None:
    assert Destination.restored({"away_since": told}, Pacing(), NOW, 0.0) == Destination()
