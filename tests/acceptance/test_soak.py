"""A short soak of the installed program; `python -m benchmarks.soak` does it for as long as one likes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.append(ROOT)

from benchmarks.soak import soak  # noqa: E402


@pytest.mark.timeout(400)
def test_kills_stops_and_drains_cut_short_lose_nothing_and_turn_no_order_round(tmp_path: Path) -> None:
    found = soak(tmp_path, senders=8, seconds=1.0, every=1.0, rate=60.0, share=0.25, fewest=5)
    assert found.acked > 100
    assert set(found.kills) == {"work", "door", "both", "stop", "drain"}
    assert found.lost == 0
    assert found.twice == 0, "a message is stored twice"
    assert found.undecided == 0
    assert found.out_of_order == 0
    assert found.unmarked == 0, "a request arrived twice and is not marked as a possible duplicate"
