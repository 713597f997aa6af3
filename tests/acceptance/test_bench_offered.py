"""The benchmark's open loop against the installed program: every message's POST is found, and its age known."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)

from benchmarks.daemon import running  # noqa: E402
from benchmarks.offered import PANELS, offer  # noqa: E402


def test_every_message_that_is_offered_is_acked_and_posted_once(tmp_path: Path) -> None:
    with running(tmp_path / "site", datetime.now(UTC), api=PANELS) as daemon:
        run, _ = offer(daemon, rate=60.0, seconds=1.5)
        memory, posts = daemon.memory(), daemon.posts()
    assert len(run.acks) == len(run.posts) == 90
    assert (run.missing, run.unasked) == (0, 0)
    # a POST comes after the message was due, and goes out whether its ACK was read or not
    assert all(ack > 0 and post > 0 for ack, post in zip(run.acks, run.posts, strict=True))
    assert posts["told"] == 90 >= posts["posts"]
    assert {"door", "work"} <= set(memory)
    assert all(memory.values())
