"""Asking so many days before the visit, seen from outside: the installed daemon, its clock set by `run --now`."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE, until
from running_program import Program, Site, call, calls, simulated_api, states, tell

SETTINGS = """
[site]
timezone = "America/Chicago"
[[listener]]
port = {port}
[api]
base_url = "{api}"
[mappings]
overlay = "site-mappings"
[forward]
send_days_before = 14
[store]
url = "sqlite:///store.db"
[web]
port = {web}
"""
RULE = """rules:
  walk_in: {field: appointment.sendDaysBefore, type: fixed, value: 0, when: {appointment_type: WALKIN}}
"""
MESSAGE = "\r".join(
    (
        "MSH|^~\\&|APP|FAC|R|R|20260302080000||SIU^S12|M{n}|P|2.5.1",
        "SCH||F{n}||||||{kind}|||^^^{day:%Y%m%d}0930",
        "PID|1||T{n}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
        "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
    )
)
FIRST = date(2026, 3, 2)


def booking(number: int, days: int, kind: str = "") -> bytes:
    """The message that books a visit so many days after the first day."""
    return MESSAGE.format(n=number, kind=kind, day=FIRST + timedelta(days=days)).encode()


def at(day: date, time: str = "09:00") -> str:
    return f"{day}T{time}:00-06:00" if day < date(2026, 3, 8) else f"{day}T{time}:00-05:00"


def metrics(site: Site) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.web}/metrics", timeout=PATIENCE) as reply:
        return bytes(reply.read())


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    with simulated_api("--quiet", "--today", "2026-03-02", folder=tmp_path) as address:
        yield address


class Early(Site):
    """A site that asks so many days before the visit; its clock is set at each start."""

    def __init__(self, folder: Path, api: str):
        super().__init__(folder, api, SETTINGS)
        (folder / "site-mappings").mkdir()
        (folder / "site-mappings" / "days.yaml").write_text(RULE)

    def run(self, now: str) -> Program:
        self.start(now)
        self.daemon.says("event=work-started")
        return self.daemon

    def asked(self) -> list[str]:
        """The days of the visits that the API was asked for."""
        return sorted(entry["body"]["upcomingAppointmentDate"] for entry in calls(self.api))

    def wait(self, **counts: int) -> None:
        def look() -> bool:
            found = states(self.store)
            return {state: found.count(state) for state in counts} == counts

        until(f"{counts}", look)


@pytest.fixture
def site(tmp_path: Path, api: str) -> Early:
    return Early(tmp_path, api)


def test_a_feed_of_all_future_visits_asks_for_each_on_its_day_over_restarts_and_a_reload(site: Early) -> None:
    daemon = site.run(at(FIRST))
    try:
        for number in range(20):  # every second day, the last 38 days away
            tell(site.port, booking(number, 2 * number))
        tell(site.port, booking(99, 60, "WALKIN"))
        site.wait(delivered=9, held=12)
        near = [str(FIRST + timedelta(days=2 * number)) for number in range(8)]
        walk_in = str(FIRST + timedelta(days=60))
        assert site.asked() == [*near, walk_in]
        timed = site.json("requests", "--needs", "time")["requests"]
        assert {row["state"] for row in timed} == {"held"} and len(timed) == 12
        assert site.json("requests", "--needs", "somebody")["requests"] == []
        assert len(site.json("messages", "--needs", "time")["messages"]) == 12
        listed = site.command("requests", "--state", "held")
        assert "until" in listed.splitlines()[0]
        assert "asked for on 2026-03-04, 14 days before the visit" in listed
        until("the figure of what is held", lambda: b"work_requests_held_for_time 12.0" in metrics(site))
    finally:
        daemon.end()
    later = FIRST + timedelta(
        days=6
    )  # it was off over the days of two visits; this day's all have had their moments
    daemon = site.run(at(later, "08:00"))
    try:
        site.wait(delivered=12, held=9)
        site.path.write_text(site.path.read_text().replace("send_days_before = 14", "send_days_before = 16"))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("event=mappings-reloaded")
        site.wait(delivered=13, held=8)
    finally:
        daemon.end()
    assert site.asked() == sorted(
        [walk_in, *(str(FIRST + timedelta(days=2 * number)) for number in range(12))]
    ), "each once"


def test_needs_is_of_what_is_held(site: Early) -> None:
    daemon = site.run(at(FIRST))
    daemon.end()
    said = site.command("requests", "--needs", "time", "--state", "dead", code=2)
    assert "--needs is for --state held, not for --state dead" in said
    said = site.command("requests", "retry", "--needs", "time", "--yes", code=2)
    assert "not held" in said


def test_check_tells_what_the_setting_means(site: Early) -> None:
    lines = site.command("check").splitlines()
    assert "ok    lead time: asks 14 days before the visit, between 00:00 and 08:00 at the site" in lines
    assert "ok    lead time: site-mappings/days.yaml#walk_in: asks at once" in lines
    assert any(
        line.endswith("days.yaml#walk_in: fills appointment.sendDaysBefore for appointment_type WALKIN")
        for line in lines
    )


def explained(site: Early, now: str, *more: str) -> Any:
    (site.folder / "m.hl7").write_bytes(booking(1, 20))
    done = call("explain", "-c", "site.toml", "--now", now, *more, "m.hl7", folder=site.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_explain_shows_the_day_and_on_that_day_the_request(site: Early) -> None:
    said = explained(site, at(FIRST))
    assert "hold" in said.splitlines()[0]
    assert "asked for on 2026-03-08, 14 days before the visit" in said
    assert "released by: the time, by itself" in said
    answer = json.loads(explained(site, at(date(2026, 3, 8), "08:00"), "--json"))["messages"][0]
    assert answer["decision"] == "post"
