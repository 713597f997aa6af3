"""The installed daemon and the simulated API, which plays all that webhooks may be: late, twice, lost, in a wrong order,
early, contradicting, of ids and types that nobody knows; while the daemon is killed.
"""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import until
from ports import free_port
from running_program import Site, get, simulated_api, states, tell

SETTINGS = """
[site]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
base_url = "{api}"
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M{n}|P|2.5.1",
        "SCH||F{n}|||||||||^^^202604100930",
        "PID|1||T{n}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)
PLAY = (
    *("--webhook-delay", "0-0.3", "--webhook-pause", "0.1", "--webhook-attempts", "30", "--webhook-shuffle"),
    *("--webhook-repeat", "0.3", "--webhook-lose", "0.1", "--webhook-contradict", "0.3"),
    *("--webhook-early", "0.3", "--webhook-unknown", "0.3", "--insufficient", "0.3", "--no-answer", "0.1"),
    *("--drop", "0.2", "--seed", "11"),
)
PATIENTS = 40


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    web = free_port()
    to = f"http://127.0.0.1:{web}/webhooks/connective-health"
    with simulated_api("--quiet", "--today", "2026-03-02", "--webhooks", to, *PLAY, folder=tmp_path) as api:
        one = Site(tmp_path, api, SETTINGS, web=web)
        with one.running():
            yield one


def what_was_said(sent: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By correlation id, from the simulated API's own record: what must be known of a request."""
    received: dict[str, set[str]] = defaultdict(set)
    types: dict[str, list[str]] = defaultdict(list)
    for hook in sent:
        own, body = hook["event"]["correlationId"], json.dumps(hook["event"])
        if hook["state"] == "delivered" and body not in received[own]:
            received[own].add(body)
            types[own].append(hook["event"]["type"])
    return {own: outcome(told) for own, told in types.items()}


def outcome(types: list[str]) -> dict[str, Any]:
    documents, insufficient = types.count("document.deliveryComplete"), "patient.insufficientData" in types
    found = "found" if "patient.found" in types else "none"
    return {
        "outcome": "delivered" if documents else "insufficient" if insufficient else found,
        "contradicting": bool(documents) and insufficient,
        "documents": documents,
    }


def test_what_came_of_each_request_is_what_was_sent_though_the_daemon_is_killed(site: Site) -> None:
    for number in range(PATIENTS):
        tell(site.port, MESSAGE.format(n=number).encode())
        if number == PATIENTS // 2:
            until("half of the requests", lambda: states(site.store).count("delivered") > 5)
            site.daemon.end(signal.SIGKILL)
            site.start()
    store = site.store
    until("all requests", lambda: states(store).count("delivered") == PATIENTS)
    sent = get(f"{site.api}/_sandbox/webhooks?wait=60")
    assert {hook["state"] for hook in sent} == {"delivered", "lost"}
    assert {hook["kind"] for hook in sent} == {"plain", "repeat", "lost", "early", "unknown", "contradiction"}
    until("all webhooks", lambda: "new" not in states(store, "webhooks"))

    said = what_was_said(sent)
    requests = site.json("requests", "--limit", "200")["requests"]
    known = {request["correlation_id"]: {name: request[name] for name in outcome([])} for request in requests}
    assert known == {own: said.get(own, outcome([])) for own in known}
    assert {one["outcome"] for one in known.values()} >= {"delivered", "insufficient", "none"}

    unmatched = site.json("webhooks", "--unmatched", "--limit", "500")["webhooks"]
    assert {hook["correlation_id"] for hook in unmatched} == set(said) - set(known)
    assert unmatched, "replies were dropped, and ids made up"
