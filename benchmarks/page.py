"""The run as one page: goals, charts, every figure. No script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from benchmarks import charts, goals
from benchmarks.charts import Dot, Row
from benchmarks.figures import Figure, Section, number
from benchmarks.report import PEERS, Run, change

_CONNECTIONS = ("1", "8", "64")
_ENGINE = ("parse", "rules", "chart", "compose", "validate", "other")

_STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Speed</title>'
    f"<style>{_STYLE}</style>"
)


def page(run: Run, before: dict[str, float], peers: dict[str, str]) -> str:
    """The whole page. `before`: the values of earlier runs; `peers`: further receivers measured, see `report`."""
    sections = run.sections
    known = {figure.key: figure for section in sections for figure in section.figures}
    machine = " · ".join(f"{name} {value}" for name, value in run.environment.items())
    parts = [
        f"<h1>Speed, {escape(run.when[:16].replace('T', ' '))}</h1><p>{escape(run.mode)} run · {escape(machine)}</p>",
        *_goals(sections),
        *_chart("ACKs a second", _KEY, _dots(_acks(peers), known)),
        *_chart("Whole way: messages a second from the socket to the POST", _KEY, _dots(_ways(peers), known)),
        *_chart(
            "Processor time of a message",
            "Each bar is the whole of it, in microseconds.",
            _costs(known),
        ),
        "<h2>Every figure</h2><p>The median of the runs, the lowest and highest, the change against the run before.</p>",
        _table(sections, before),
    ]
    return f'<!doctype html><html lang="en"><head>{_HEAD}</head><body>{"".join(parts)}</body></html>\n'


_KEY = (
    'To a logarithmic scale; thin lines: lowest to highest run. <span class="key">'
    + "".join(f'<i class="k{n}"></i>{words}' for n, words in enumerate(("1 connection", "8", "64")))
    + "</span>"
)


def _goals(sections: Sequence[Section]) -> Iterable[str]:
    found = goals.judged(sections)
    if not found:
        return
    reached = sum(goal.reached(figure.value) for figure, goal in found)
    rows = [
        (goal.words, goal.margin(figure.value), goal.reached(figure.value),
         f"{number(figure.value)} {figure.unit} (goal {goal})")
        for figure, goal in found
    ]  # fmt: skip
    yield f'<p class="sum">{reached} of {len(found)} goals reached</p>'
    yield f'<div class="wide">{charts.about_goals(rows)}</div>'


def _chart(title: str, words: str, svg: str) -> Iterable[str]:
    if svg:
        yield f'<h2>{escape(title)}</h2><p>{words}</p><div class="wide">{svg}</div>'


def _acks(peers: dict[str, str]) -> list[tuple[str, str, bool]]:
    """Words, key (`{}` for the connections), whether it is ours."""
    return [
        ("durable, work standing still", "ack_still_{}", True),
        ("… over TLS", "ack_tls_{}", True),
        ("durable, everything running", "ack_busy_{}", True),
        *((title, f"ack_{key}_{{}}", False) for key, title in (PEERS | peers).items()),
        ("limit: rows into SQLite, 1 and 64 a commit", "limit_sqlite_{}", False),
    ]


def _ways(peers: dict[str, str]) -> list[tuple[str, str, bool]]:
    return [
        ("closed loop", "way_{}", True),
        ("highest offered rate that is kept", "sustained", True),
        ("an API that takes 50 ms", "way_slow_api", True),
        ("version 2", "panels", True),
        ("version 2, highest rate that is kept", "panels_sustained", True),
        ("PostgreSQL, one node", "pg_way", True),
        *((title, f"way_{key}_{{}}", False) for key, title in peers.items()),
        ("python-hl7's server: ACK only", "ack_python_hl7_{}", False),
        ("limit: POSTs by the client alone", "limit_posts", False),
    ]


def _dots(lines: Sequence[tuple[str, str, bool]], known: dict[str, Figure]) -> str:
    """A row for each that was measured; what has no number of connections was measured with 64."""
    rows = []
    for label, key, ours in lines:
        found = [
            (n, known[name])
            for n in _CONNECTIONS
            if (name := key.format(n)) in known and ("{}" in key or n == "64")
        ]
        found = [(n, figure) for n, figure in found if figure.value > 0]
        if found:
            marks = tuple(_dot(n, figure) for n, figure in found)
            rows.append(Row(label, marks, " · ".join(number(figure.value) for _, figure in found), ours))
    return charts.dots(rows) if rows else ""


def _dot(connections: str, figure: Figure) -> Dot:
    low, high = (min(figure.runs), max(figure.runs)) if figure.runs else (figure.value, figure.value)
    says = f"{figure.what.strip()}: {number(figure.value)} {figure.unit}"
    return Dot(_CONNECTIONS.index(connections), figure.value, low, high, says)


def _costs(known: dict[str, Figure]) -> str:
    """The engine by its steps, and each process."""
    rows = []
    processes = {key[8:]: figure.value * 1000 for key, figure in known.items() if key.startswith("way_cpu_")}
    steps = {step: known[f"engine_{step}"].value for step in _ENGINE if f"engine_{step}" in known}
    for label, parts in (("whole way, by process", processes), ("engine alone, by step", steps)):
        if parts:
            said = [(f"{name} {number(value)}", value) for name, value in parts.items()]
            rows.append((label, said, f"{number(sum(parts.values()))} us"))
    return charts.stacked(rows) if rows else ""


def _table(sections: Sequence[Section], before: dict[str, float]) -> str:
    rows = []
    for section in sections:
        if section.figures:
            rows.append(f'<tr><th colspan="6">{escape(section.title)}</th></tr>')
        rows.extend(_row(figure, before) for figure in section.figures)
    return f'<div class="wide"><table>{"".join(rows)}</table></div>'


def _row(figure: Figure, before: dict[str, float]) -> str:
    said = goals.verdict(figure)
    spread = f"{number(min(figure.runs))} to {number(max(figure.runs))}" if len(figure.runs) > 1 else ""
    indent = (len(figure.what) - len(figure.what.lstrip())) * 8
    return (
        f'<tr><td style="padding-left:{indent}px">{escape(figure.what.strip())}</td>'
        f'<td class="n">{number(figure.value)} {escape(figure.unit)}</td>'
        f'<td class="{"missed" if said.endswith("MISSED") else "reached"}">{escape(said)}</td>'
        f'<td class="n s">{spread}</td><td class="n s">{change(figure, before)}</td>'
        f'<td class="s">{escape(figure.note)}</td></tr>'
    )
