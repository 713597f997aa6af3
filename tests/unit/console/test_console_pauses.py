"""Who types wrong passwords waits, longer each time; others do not."""

import pytest

from interface.console import pauses
from interface.console.pauses import Pauses


def failing(times: int, name: str = "mary", address: str = "10.0.0.1", at: float = 0.0) -> Pauses:
    kept = Pauses()
    for _ in range(times):
        kept.failed(name, address, at)
    return kept


def test_a_few_mistakes_cost_nothing() -> None:
    assert failing(pauses.FREE).left("mary", "10.0.0.1", 0.0) == 0.0


def test_pauses_grow_to_a_limit() -> None:
    found = [failing(pauses.FREE + more).left("mary", "10.0.0.9", 0.0) for more in (1, 2, 3, 4, 30)]
    assert found == [2.0, 4.0, 8.0, 16.0, pauses.LONGEST["name"]]


def test_a_pause_ends() -> None:
    kept = failing(pauses.FREE + 2)
    assert kept.left("mary", "10.0.0.9", 3.0) == 1.0
    assert kept.left("mary", "10.0.0.9", 4.0) == 0.0


def test_an_address_that_tries_many_names_waits() -> None:
    kept = Pauses()
    for number in range(pauses.FREE + 3):
        kept.failed(f"user{number}", "10.0.0.1", 0.0)
    assert kept.left("adam", "10.0.0.1", 0.0) == 8.0
    assert kept.left("adam", "10.0.0.2", 0.0) == 0.0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_this_machines_address_keeps_nobody_out_a_proxy_may_stand_there(address: str) -> None:
    kept = Pauses()
    for number in range(pauses.FREE + 3):
        kept.failed(f"user{number}", address, 0.0)
    assert kept.left("adam", address, 0.0) == 0.0
    assert failing(pauses.FREE + 1, "mary", address).left("mary", address, 0.0) == 2.0


def test_upper_and_lower_case_is_the_same_name() -> None:
    kept = failing(pauses.FREE, "mary")
    kept.failed("MARY", "10.0.0.2", 0.0)
    assert kept.left("Mary", "10.0.0.3", 0.0) == 2.0


def test_the_right_password_ends_the_pauses_of_the_name_but_not_of_the_address() -> None:
    kept = failing(pauses.FREE + 1)
    kept.succeeded("mary")
    assert kept.left("mary", "10.0.0.2", 0.0) == 0.0
    assert kept.left("mary", "10.0.0.1", 0.0) == 2.0


def test_after_an_hour_of_quiet_all_is_forgotten() -> None:
    kept = failing(pauses.FREE + 5)
    kept.failed("mary", "10.0.0.1", pauses.FORGET_SECONDS + 1)
    assert kept.left("mary", "10.0.0.1", pauses.FORGET_SECONDS + 1) == 0.0


def test_a_clock_that_is_set_back_makes_nobody_wait_longer() -> None:
    assert failing(pauses.FREE + 1, at=1000.0).left("mary", "10.0.0.1", 0.0) == 2.0


def test_what_is_remembered_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(pauses, "MOST", 10)
    kept = Pauses()
    for number in range(100):
        kept.failed(f"user{number}", f"10.0.0.{number}", 0.0)
    assert len(kept._failures) == 10
