"""A site whose messages are decided as they come, for the commands that look at charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from made_up import AIP

from interface.chart.decide import Engine
from interface.rules import load_rulebook
from interface.services.clock import Clock
from interface.services.offline import work_off
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.arrivals import Arrival
from interface.store.store import open_store

NOW = "2026-03-02T15:00:00+00:00"


class Clinic:
    """A site whose messages are decided as they come; nothing is sent."""

    def __init__(self, folder: Path, authority: str = '["LFC"]'):
        self.folder = folder
        self.settings = folder / "site.toml"
        self.set(authority)
        self.count = 0

    def set(self, authority: str) -> None:
        self.settings.write_text(f'[site]\nmrn_authority = {authority}\n[store]\nurl = "sqlite:///i.db"\n')

    def tell(self, kind: str, *segments: str, pid: str = "T1^^^LFC^MR", name: str = "Sample^Robin") -> int:
        self.count += 1
        head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{self.count:02d}||{kind}|M{self.count}|P|2.5.1|||||||UNICODE UTF-8"
        person = f"PID|1||{pid}||{name}||19700131|F|||12 Birch Ln^^Madison^WI^53703"
        raw = "\r".join((head, person, *segments)).encode()
        at = datetime.fromisoformat(NOW) + timedelta(seconds=10 * self.count)  # each clock begins later
        settings = load_settings(self.settings)
        keyring = load_or_create(None, self.folder, lambda _: None)
        with open_store(settings.store_url, keyring) as store:
            arrival = Arrival(
                "main", "APP", "FAC", f"M{self.count}", kind, "P", "x", raw, "stored", at.timestamp()
            )
            store.journal.append([arrival], at.timestamp())
            work_off(store, Engine(load_rulebook(), settings.policy()), Clock(at, UTC))
        return self.count

    def book(self, number: str, day: str = "20260410", **parts: str) -> int:
        return self.tell("SIU^S12", f"SCH||{number}|||||||||^^^{day}0930", AIP, **parts)
