"""What /healthz and /readyz say, out of a state."""

from __future__ import annotations

from interface.services.door_state import DoorState, ListenerState
from interface.services.health import against, healthz
from interface.services.life_signs import line_of


def test_a_door_that_is_well_has_nothing_against_it() -> None:
    assert against(DoorState()) == []


def test_each_reason_is_said_and_a_full_disk_once() -> None:
    state = DoorState(
        stopping=True,
        journal_alive=False,
        journal_failing="disk full",
        webhooks_failing="disk full",
        work_alive=False,
        trouble="the key is wrong",
    )
    assert against(state) == [
        "stopping",
        "journal: disk full",
        "journal: its thread has ended",
        "work: not running",
        "work: the key is wrong",
    ]
    assert against(DoorState(webhooks_failing="locked")) == ["webhooks: locked"]


def test_a_listener_that_takes_nobody_is_a_reason_and_says_why() -> None:
    state = DoorState(
        (ListenerState("adt", "::", 2575, 0, "c.pem has expired"), ListenerState("siu", "::", 2576, 1))
    )
    assert against(state) == ["listener adt: c.pem has expired"]
    assert healthz(state, "sandbox", rehearsal=False)["listeners"] == {
        "adt": {"host": "::", "port": 2575, "connections": 0, "closed": "c.pem has expired"},
        "siu": {"host": "::", "port": 2576, "connections": 1},
    }
    assert line_of(state) == "takes messages on 1 port; listener adt takes nobody: c.pem has expired"


def test_who_listens_where_and_how_the_work_is() -> None:
    state = DoorState((ListenerState("adt", "127.0.0.1", 2575, 3),), work_pid=42, work_restarts=1)
    said = healthz(state, "sandbox", rehearsal=False)
    assert said["listeners"] == {"adt": {"host": "127.0.0.1", "port": 2575, "connections": 3}}
    assert said["work"] == {"alive": True, "pid": 42, "restarts": 1}
    assert (said["alive"], said["environment"], said["rehearsal"]) == (True, "sandbox", False)
