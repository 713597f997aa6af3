"""What large messages cost to read and decide, inside one process: many diagnoses, many orders, an embedded document.

`python -m benchmarks.sizes NOW SECONDS` prints one line of JSON: milliseconds of the processor for each kind of message.
Before each all is forgotten, so that every segment is read.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from statistics import median

from benchmarks.messages import Feed, document

DOCUMENT = 2_000_000
"""Bytes of an embedded PDF, as base64 text."""
COUNTS = (3, 30, 300)
"""Diagnoses, orders."""


def main() -> int:
    """Measure each kind for some time, in turn, and print the medians."""
    now, seconds = datetime.fromisoformat(sys.argv[1]), float(sys.argv[2])
    cost = coster(now)
    messages = made(Feed(now))
    took: dict[str, list[float]] = {name: [] for name in messages}
    until = time.perf_counter() + seconds * len(messages)
    while time.perf_counter() < until or len(took["dg1_3"]) < 5:
        for name, message in messages.items():
            took[name].append(cost(message) * 1000)
    print(json.dumps({name: median(each) for name, each in took.items()}))
    return 0


def made(feed: Feed) -> dict[str, bytes]:
    """The messages, by name."""
    found = {"small": feed.message(1), "document": feed.message(1) + document(DOCUMENT)}
    found |= {f"dg1_{count}": feed.visit(4, count) for count in COUNTS}
    return found | {f"rxe_{count}": feed.order(2, count) for count in COUNTS}


def coster(now: datetime) -> Callable[[bytes], float]:
    """Gives the processor seconds of reading and deciding a message of whose patient nothing is known."""
    from interface.chart.decide import Engine
    from interface.contract import v1
    from interface.rules import Policy, load_rulebook

    engine = Engine(load_rulebook(), Policy(decisions={"RDE^O11": "chart"}, supersede=False))
    ids = itertools.count(1)

    def cost(message: bytes) -> float:
        engine.book.memories.on("nothing")
        v1.forget()
        began = time.process_time()
        reading = engine.read(message, received_at=now, listener="main")
        outcome = engine.decide(reading, {}, now=now, new_id=ids.__next__)
        took = time.process_time() - began
        if outcome.decision not in ("post", "chart"):
            raise SystemExit(f"{reading.control_id} is {outcome.decision}")
        return took

    return cost


if __name__ == "__main__":
    sys.exit(main())
