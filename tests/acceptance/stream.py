"""A stream of messages to one or several daemons, and what must have come of it, whatever happened meanwhile.

Version after version the same appointment of each patient; each sender keeps its patients' order, as an interface engine
does. Nothing is lost, nothing goes backwards, and what arrives twice is marked as a possible duplicate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from patience import PATIENCE
from running_program import Engine, calls

FIRST_DAY = date(2026, 4, 1)


def message(patient: int, version: int) -> bytes:
    """Version after version the same appointment, each a day later."""
    kind = "SIU^S12" if version == 0 else "SIU^S13"
    start = (FIRST_DAY + timedelta(days=version)).strftime("%Y%m%d") + "0930"
    return "\r".join(
        (
            f"MSH|^~\\&|APP|FAC|R|R|202603020800{version:02d}||{kind}|P{patient}V{version}|P|2.5.1",
            f"SCH||F{patient}|||||||||^^^{start}",
            f"PID|1||{patient:05d}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI^53703",
            "AIP|1||1234567893^Quill^Avery^^^^^^NPI",
        )
    ).encode()


class Stream:
    """Senders, each with patients of its own, and one or several ports that each of them goes to in turn."""

    def __init__(self, ports: Sequence[int], senders: int, patients: int, versions: int):
        self.ports, self.patients, self.versions = ports, senders * patients, versions
        self.acked: set[str] = set()
        self.total = senders * patients * versions
        self._threads = [
            threading.Thread(target=self._send, args=(range(n * patients, (n + 1) * patients), n))
            for n in range(senders)
        ]
        self._failed: list[BaseException] = []

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        assert self._failed == []
        assert len(self.acked) == self.total

    def reached(self, share: float) -> Callable[[], bool]:
        """Whether so much of it is acknowledged."""
        return lambda: bool(self._failed) or len(self.acked) >= share * self.total

    def _send(self, patients: range, turn: int) -> None:
        """Send as an interface engine does: each message until it is ACKed, in order, here or there."""
        engines = [Engine(port, timeout=10) for port in self.ports]
        try:
            for version in range(self.versions):
                for patient in patients:
                    deadline = time.monotonic() + PATIENCE
                    while True:
                        assert time.monotonic() < deadline
                        turn += 1
                        try:
                            answer = engines[turn % len(engines)].send(message(patient, version))
                        except OSError:
                            time.sleep(0.05)
                            continue
                        assert f"MSA|AA|P{patient}V{version}".encode() in answer
                        self.acked.add(f"P{patient}V{version}")
                        break
        except BaseException as failed:
            self._failed.append(failed)
        finally:
            for engine in engines:
                engine.close()

    def holds(self, api: str, messages: list[dict[str, Any]], requests: list[dict[str, Any]]) -> None:
        """What must be true once everything has come to rest."""
        assert {row["control_id"] for row in messages} == self.acked, "an ACKed message is not in the journal"
        assert len(messages) == self.total, "a resent message made a second row"
        assert {row["state"] for row in messages} == {"done"}
        arrived: dict[int, list[int]] = {}
        for asked in calls(api):
            if asked["accepted"]:
                patient = int(asked["body"]["patient"]["mrn"]["extension"])
                day = date.fromisoformat(asked["body"]["upcomingAppointmentDate"])
                arrived.setdefault(patient, []).append((day - FIRST_DAY).days)
        assert set(arrived) == set(range(self.patients))
        for patient, versions in arrived.items():
            assert versions == sorted(versions), f"patient {patient} out of order: {versions}"
            assert versions[-1] == self.versions - 1, f"the last word of patient {patient} did not arrive"
        repeated = sum(len(versions) - len(set(versions)) for versions in arrived.values())
        marked = [row for row in requests if row["possible_duplicate"]]
        assert repeated <= len(marked) * 4, f"{repeated} arrived again, {len(marked)} marked"
        assert repeated == 0 or marked
