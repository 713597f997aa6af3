"""What a message costs inside one process: reading it, deciding it, and which step takes which share.

The shares come from samples of the running stack (a timer signal, 250 a second or what the kernel gives): the
innermost frame that lies in a room of the product names the step. So C code counts for the step that called it, and
nothing is wrapped.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

from benchmarks.messages import Feed
from interface.chart.model import Chart

MESSAGES = 900
"""With orders: the first of them come after the groups in which nobody is booked yet."""
FIELDS = (
    *(("PID", number) for number in (3, 5, 7, 8, 11, 13, 14, 18)),
    *(("MSH", number) for number in (3, 4, 7, 10, 11)),
    *(("PV1", number) for number in (2, 3, 7, 8, 19)),
    *(("DG1", number) for number in (3, 5)),
)
"""The 20 fields that the comparison of readers takes."""
STEPS = ("parse", "rules", "chart", "compose", "validate")
_ROOMS = (
    ("interface/hl7/", "parse"),
    ("interface/rules/", "rules"),
    ("interface/contract/", "validate"),
    ("interface/chart/compose.py", "compose"),
    ("interface/chart/outcome.py", "compose"),
    ("interface/chart/settle.py", "compose"),
    ("interface/chart/", "chart"),
)


def main() -> int:
    """Measure `seconds` for each piece and print one line of JSON (a second, microseconds: of the processor; shares)."""
    now, seconds = datetime.fromisoformat(sys.argv[1]), float(sys.argv[2])
    feed = Feed(now)
    messages = [feed.message(index) for index in range(MESSAGES)]
    found = {"bytes": sum(map(len, messages)) / len(messages)}
    found |= readers(messages, seconds)
    found |= engine(messages, now, seconds)
    print(json.dumps(found))
    return 0


def readers(messages: list[bytes], seconds: float) -> dict[str, float]:
    """Messages a second: python-hl7's whole parse; ours opened; ours with 20 fields read."""
    import hl7

    from interface.hl7.message import Message

    texts = [message.decode() for message in messages]

    def some(raw: bytes) -> None:
        message = Message(raw)
        for name, number in FIELDS:
            segment = message.first(name)
            if segment is not None:
                segment.text(number)

    return {
        "python_hl7": _rate(hl7.parse, texts[-60:], seconds),
        "open": _rate(Message, messages[-60:], seconds),
        "fields_20": _rate(some, messages[-60:], seconds),
    }


def engine(messages: list[bytes], now: datetime, seconds: float) -> dict[str, float]:
    """Microseconds a message of `read` and `decide`, and the share of each step in their sum (0 to 1)."""
    from interface.chart.decide import Engine
    from interface.contract import v1
    from interface.rules import Policy, load_rulebook

    engine = Engine(load_rulebook(), Policy(decisions={"RDE^O11": "post"}, supersede=False))
    ids = itertools.count(1)
    spent = {"read": 0.0, "decide": 0.0}

    def forget() -> None:
        """Nothing that was read or checked before is known any more."""
        engine.book.memories.on("nothing")
        v1.forget()

    def story(forgetting: str = "") -> None:
        """All messages once. `forgetting`: before "all" of them (then every patient is new), or before "each"."""
        charts: dict[str, Chart] = {}
        clock = time.process_time  # others on the machine do not count
        if forgetting:
            forget()
        for raw in messages:
            if forgetting == "each":
                forget()
            t0 = clock()
            reading = engine.read(raw, received_at=now, listener="main")
            t1 = clock()
            known = {key: charts[key] for key in reading.keys if key in charts}
            outcome = engine.decide(reading, known, now=now, new_id=ids.__next__)
            t2 = clock()
            spent["read"] += t1 - t0
            spent["decide"] += t2 - t1
            if outcome.decision != "post":
                raise SystemExit(f"{reading.control_id} was to be posted, but is {outcome.decision}")
            if outcome.chart is not None:
                charts[reading.keys[0]] = outcome.chart

    story()  # warm: caches, compiled patterns

    def measured(work: Callable[[], None]) -> dict[str, float]:
        spent.update(read=0.0, decide=0.0)
        rounds, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            work()
            rounds += 1
        return {name: total / rounds / len(messages) * 1e6 for name, total in spent.items()}

    new = measured(lambda: story("all"))
    fresh = measured(lambda: story("each"))
    story()
    cost = {f"{name}_us": value for name, value in measured(story).items()}
    cost |= {"new_us": sum(new.values()), "fresh_us": sum(fresh.values())}
    shares = sampled(story, seconds)
    return cost | {f"share_{step}": shares.get(step, 0.0) for step in (*STEPS, "other")}


def sampled(work: Callable[[], None], seconds: float) -> dict[str, float]:
    """The share of each step while `work` runs over and over."""
    root = str(Path(__file__).resolve().parent.parent) + "/"
    seen: Counter[str] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        while frame is not None:
            name = frame.f_code.co_filename.removeprefix(root)
            for start, step in _ROOMS:
                if name.startswith(start):
                    seen[step] += 1
                    return
            frame = frame.f_back
        seen["other"] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    try:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    total = sum(seen.values()) or 1
    return {step: count / total for step, count in seen.items()}


def _rate(step: Callable[..., object], items: Sequence[object], seconds: float) -> float:
    done, began = 0, time.process_time()
    while (now := time.process_time()) < began + seconds:
        for item in items:
            step(item)
        done += len(items)
    return done / (now - began)


if __name__ == "__main__":
    sys.exit(main())
