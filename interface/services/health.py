"""What /healthz and /readyz say of the door, out of its state."""

from __future__ import annotations

import os
from typing import Any

import interface
from interface.services.door_state import DoorState


def healthz(state: DoorState, environment: str, rehearsal: bool) -> dict[str, Any]:
    """Who runs and listens where; the JSON of /healthz."""
    return {
        "alive": True,
        "stopping": state.stopping,
        "version": interface.__version__,
        "environment": environment,
        "rehearsal": rehearsal,
        "pid": os.getpid(),
        "listeners": {
            one.name: {"host": one.host, "port": one.port, "connections": one.connections}
            | ({"closed": one.closed} if one.closed else {})
            for one in state.listeners
        },
        "work": {"alive": state.work_alive, "pid": state.work_pid, "restarts": state.work_restarts},
        "destination": state.destination,
    }


def against(state: DoorState) -> list[str]:
    """The reasons against sending messages here, as /readyz says them; whether the store can be written is told apart."""
    reasons = []
    if state.stopping:
        reasons.append("stopping")
    reasons += [f"listener {one.name}: {one.closed}" for one in state.listeners if one.closed]
    if state.journal_failing:
        reasons.append(f"journal: {state.journal_failing}")
    if state.webhooks_failing and not state.journal_failing:
        reasons.append(f"webhooks: {state.webhooks_failing}")
    if not state.journal_alive:
        reasons.append("journal: its thread has ended")
    if not state.work_alive:
        reasons.append("work: not running")
    if state.trouble:
        reasons.append(f"work: {state.trouble}")
    return reasons
