"""Messages offered at a fixed rate, open loop: what a feed does, which does not wait because we are slow."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.ages import STEP, Offered, highest_kept, post_ages
from benchmarks.daemon import Daemon, running
from benchmarks.figures import Figure
from benchmarks.load import percentile
from benchmarks.messages import mrn_of
from benchmarks.processes import BenchError, python, run_json
from benchmarks.sink import ask_told
from benchmarks.suite import WAY, Effort, Figures, missing, way

WAY_RATE, PANEL_RATE, ACK_RATE = 800, 1500, 4000
"""Messages a second that are offered: to the whole way, with panels of version 2, and for ACKs alone."""
WINDOWS = 5
PANELS = "version = 2\nbatch = 100"
LATE_SECONDS = 0.005
"""When the generator itself was later than this with one message of a hundred, it may be what was measured."""
DRAIN_SECONDS = 120


def offer(daemon: Daemon, rate: float, seconds: float, *, posts: bool = True) -> tuple[Offered, str]:
    """Offer messages for a time, await their ACKs and (`posts`) their POSTs; what came of it, and a warning or nothing."""
    first, count = daemon.next_index, max(int(rate * seconds), WAY)
    before = int(daemon.posts()["told"])
    options = ("--port", daemon.port, "--connections", WAY, "--rate", rate, "--count", count)
    command = python("benchmarks.open_load", *options, "--first", first, "--now", daemon.now.isoformat())
    sent = run_json("load generator", command, timeout=seconds * 10 + DRAIN_SECONDS)
    daemon.next_index += count
    if sent["wrong"]:
        raise BenchError(f"{sent['wrong']} of {count} messages were not answered AA")
    ages: list[float] = []
    unasked = 0
    if posts:
        daemon.until_told(before + count)
        mrns = [mrn_of(index) for index in range(first, first + count)]
        told = ask_told(daemon.sink, before)
        ages, unasked = post_ages(mrns, lambda place: float(sent["began"]) + place / rate, told)
    warning = f"generator late by {sent['late_p99'] * 1000:.0f} ms" if sent["late_p99"] > LATE_SECONDS else ""
    return Offered(rate, sent["acks"], ages, unasked), warning


def offered(effort: Effort) -> Figures:
    """The whole way at the rate to be reached, and the highest rate that is kept."""
    with running(effort.folder / "offered", effort.now) as daemon:
        closed = way(daemon, WAY, 1000 if effort.rounds > 1 else 500)["rate"]  # warm; where the search begins
        yield from at_rate(daemon, WAY_RATE, effort.open_seconds, "open", "whole way")
        yield from sustained(
            daemon, 0.9 * closed, effort, "sustained", "whole way, highest rate that is kept"
        )


def panels(effort: Effort) -> Figures:
    """Version 2, several patients in a POST."""
    with running(effort.folder / "panels", effort.now, api=PANELS) as daemon:
        rate = way(daemon, WAY, 500)["rate"]
        count = int(min(max(rate * effort.way_seconds / 2, 200), 15_000))
        runs = [way(daemon, WAY, count) for _ in range(effort.rounds)]
        note = f"{count} messages a run{missing(runs)}"
        yield Figure.of("panels", "whole way, version 2, 64 conn", "/s", [run["rate"] for run in runs], note)
        yield Figure.of("panels_cpu", "  processor a message", "ms", [run["cpu"] for run in runs])
        patients, posts = daemon.posts()["told"], daemon.posts()["posts"]
        yield Figure("panels_size", "  patients in a panel", "", patients / posts, (patients / posts,))
        yield from at_rate(daemon, PANEL_RATE, effort.open_seconds / 3, "panels_open", "whole way, version 2")
        yield from sustained(
            daemon, 0.9 * rate, effort, "panels_sustained", "version 2, highest rate that is kept"
        )


def acks_offered(effort: Effort) -> Figures:
    """ACKs at a fixed rate while the work decides and POSTs; it stays behind, and is not waited for."""
    with running(effort.folder / "acks-offered", effort.now) as daemon:
        daemon.load(WAY, count=1000)  # warm, and from here on the work has something to do
        found = [offer(daemon, ACK_RATE, effort.ack_seconds, posts=False) for _ in range(effort.rounds)]
        behind = daemon.next_index - daemon.posts()["told"]
    title = f"durable ACKs, everything running, offered {ACK_RATE:,}/s"
    note = "; ".join(filter(None, (f"{behind:,.0f} messages behind at the end", found[-1][1])))
    yield Figure.of("ack_open", title, "/s", [run.answered for run, _ in found], note)
    yield from _shares([run.acks for run, _ in found], "ack_open", "due to ACK")


def at_rate(daemon: Daemon, rate: int, seconds: float, key: str, title: str) -> Figures:
    """One run at a rate. Shares are of pieces of it; what may never happen is of the whole run."""
    run, warning = offer(daemon, rate, seconds)
    title = f"{title}, offered {rate:,}/s for {seconds:.0f} s"
    note = "kept" if run.kept else "NOT KEPT"
    if run.missing or run.unasked:
        note += f"; POSTs MISSING {run.missing}, twice {run.unasked}"
    note += f"; {run.behind:,} behind at the end" + (f"; {warning}" if warning else "")
    yield Figure.of(key, title, "/s", [run.posted], note)
    yield Figure.of(f"{key}_oldest", "  oldest message waiting", "s", [run.oldest])
    pieces = run.windows(WINDOWS)
    yield from _shares([piece.posts for piece in pieces], key, "due to POST", "post_")
    yield from _shares([piece.acks for piece in pieces], key, "due to ACK", "ack_")


def sustained(daemon: Daemon, start: float, effort: Effort, key: str, title: str) -> Figures:
    """Search from `start`, then again from what was found."""
    rates: list[float] = []
    for _ in range(effort.rounds):
        tried = rates[-1] if rates and rates[-1] else round(start, -1)
        rates.append(highest_kept(tried, lambda rate: offer(daemon, rate, effort.probe_seconds)[0].kept))
    yield Figure.of(key, title, "/s", rates, f"in steps of {STEP - 1:.0%}, {effort.probe_seconds:.0f} s each")


def _shares(runs: list[Sequence[float]], key: str, what: str, part: str = "") -> Figures:
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        milliseconds = [percentile(run, share) * 1000 for run in runs]
        yield Figure.of(f"{key}_{part}{name}", f"  {what}, {name}", "ms", milliseconds)
