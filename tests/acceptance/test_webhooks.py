"""Webhooks from outside: the installed program and a vendor that is late, early, repeats and contradicts itself."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up import AIP
from patience import PATIENCE, until
from ports import free_port
from running_program import Site, get, simulated_api, states, tell

SECRET = "open-sesame-1234567"
SETTINGS = """
[site]
mrn_authority = ["LFC"]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
base_url = "{api}"
[store]
url = "sqlite:///store.db"
[web]
port = {web}
[webhooks]
secret = "file:secret"
max_body_bytes = 4096
per_minute = 30
"""
FOUND, INSUFFICIENT, DELIVERED = "patient.found", "patient.insufficientData", "document.deliveryComplete"


class Told(Site):
    """A site, and a vendor who sends webhooks to it."""

    def __init__(self, folder: Path, api: str, web: int | None = None):
        super().__init__(folder, api, SETTINGS, web=web)
        (folder / "secret").write_text(SECRET)
        (folder / "secret").chmod(0o600)

    def book(self, number: int) -> dict[str, Any]:
        """An appointment whose request is delivered."""
        lines = (
            f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||SIU^S12|M{number}|P|2.5.1",
            f"PID|1||T{number}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            f"SCH||F{number}|||||||||^^^202604100930",
            AIP,
        )
        tell(self.port, "\r".join((*lines, "")).encode())
        until("it is delivered", lambda: states(self.store).count("delivered") == number)
        return self.request(number)

    def request(self, number: int) -> dict[str, Any]:
        return self.json("requests", "show", str(number))  # type: ignore[no-any-return]

    def post(
        self, body: Any, path: str = f"/webhooks/connective-health/{SECRET}", method: str = "POST"
    ) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=PATIENCE)
        connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body).encode())
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def joined(self, number: int, events: int) -> dict[str, Any]:
        """The request once it has so many webhooks."""
        return until("webhooks are joined", lambda: (row := self.request(number))["events"] == events and row)  # type: ignore[no-any-return]


def said(correlation_id: str, kind: str = FOUND, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "correlationId": correlation_id,
        "batchId": "b-1",
        "timestamp": "2026-03-02T15:04:05.123456789Z",
        "data": {"documentType": "Made Up"},
    } | more


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Told]:
    with simulated_api() as api:
        site = Told(tmp_path, api)
        with site.running():
            yield site


def test_what_came_of_a_request_is_seen(site: Told) -> None:
    request = site.book(1)
    named = request["correlation_id"]
    assert (request["outcome"], request["awaited_since"] is None) == ("none", False)
    for body in (said(named), said(named), said(named, INSUFFICIENT), said(named, DELIVERED)):
        assert site.post(body) == 204
    row = site.joined(1, events=3)
    assert (row["outcome"], row["contradicting"], row["documents"]) == ("delivered", True, 1)
    assert [one["duplicates"] for one in row["webhooks"]] == [1, 0, 0]
    assert row["awaited_since"] is None
    assert row["webhooks"][0]["event_at"] == "2026-03-02T15:04:05.123Z"
    shown = site.command("requests", "show", "1")
    assert "outcome" in shown and "delivered (1 document), though insufficient data was said" in shown
    assert "2026-03-02 09:04:05" in shown  # the site's time
    assert "delivered (1 document)" in site.command("requests", "--outcome", "contradicting")
    assert "no requests" in site.command("requests", "--outcome", "none")
    assert "no requests" in site.command("requests", "--unanswered")


def test_early_unknown_and_odd_webhooks_are_kept(site: Told) -> None:
    assert site.post(said("not-yet-known")) == 204
    assert site.post(said("c-2", "patient.merged", timestamp="soon", batchId=None)) == 204
    until("they are looked at", lambda: set(states(site.store, "webhooks")) == {"unmatched"})
    listed = site.json("webhooks", "list", "--unmatched")["webhooks"]
    assert [(row["type"], row["correlation_id"]) for row in listed] == [
        ("other", "c-2"),
        (FOUND, "not-yet-known"),
    ]
    assert site.json("webhooks", "--type", "other")["webhooks"] == listed[:1]
    masked = site.command("webhooks", "show", "1")
    assert "Made Up" not in masked and "Xxxx Xx" in masked
    assert "Made Up" in site.command("webhooks", "show", "1", "--body")
    assert site.json("webhooks", "show", "1")["masked"]
    assert "there is no webhook 9" in site.command("webhooks", "show", "9", code=1)


def test_what_is_refused(site: Told) -> None:
    good = f"/webhooks/connective-health/{SECRET}"
    assert site.post(b"<html>") == 400
    assert site.post({"type": FOUND}) == 400
    assert site.post(said("c", data={"x": "x" * 5000})) == 413
    assert site.post(said("c"), path="/webhooks/connective-health") == 404
    assert site.post(said("c"), path=good + "x") == 404
    assert site.post(b"", method="GET") == 405
    assert 429 in {site.post(said(f"c-{number}")) for number in range(40)}
    assert SECRET not in site.daemon.text
    assert "Traceback" not in site.daemon.text


def test_killed_between_its_answer_and_the_joining_nothing_is_lost(site: Told) -> None:
    named = site.book(1)["correlation_id"]
    work = get(f"http://127.0.0.1:{site.web}/healthz")["work"]["pid"]
    os.kill(work, signal.SIGSTOP)  # so that it can't be joined
    assert site.post(said(named, DELIVERED)) == 204
    site.daemon.process.kill()
    os.kill(work, signal.SIGKILL)
    site.daemon.end()
    assert states(site.store, "webhooks") == ["new"]
    site.start()
    assert site.joined(1, events=1)["outcome"] == "delivered"
    assert site.post(said(named, DELIVERED)) == 204  # the vendor never saw our answer
    assert site.json("webhooks")["webhooks"][0]["duplicates"] == 1
    assert site.request(1)["documents"] == 1


def test_the_simulated_vendor_repeats_loses_and_mixes_up(tmp_path: Path) -> None:
    web = free_port()
    options = (
        "--webhook-repeat",
        "0.5",
        "--webhook-early",
        "0.5",
        "--webhook-unknown",
        "0.5",
        "--webhook-shuffle",
    )
    url = f"http://127.0.0.1:{web}/webhooks/connective-health/{SECRET}"
    with simulated_api("--webhooks", url, "--webhook-delay", "0", *options) as address:
        site = Told(tmp_path, address, web)
        with site.running():
            for number in range(1, 7):
                site.book(number)
            until(
                "all are answered",
                lambda: all(row["events"] for row in site.json("requests")["requests"]),
            )
            ids = {row["correlation_id"] for row in site.json("requests")["requests"]}
            sent = [call for call in get(f"{address}/_sandbox/webhooks") if call.get("status") == 204]
            assert sent
            for row in site.json("webhooks", "--limit", "500")["webhooks"]:
                assert (row["state"] == "joined") == (row["correlation_id"] in ids)
