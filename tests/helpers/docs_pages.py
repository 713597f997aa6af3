"""What a page of docs/ has to run: its `console` blocks, and what comments beside them say.

A page is read from above. These comments, which a reader does not see, say what the text takes for granted:

| comment | says |
| --- | --- |
| `<!-- from: STATE -->` | what the page starts from (`docs_states.py`); without it from an empty folder |
| `<!-- not run: WHY -->` | the next block can't be run here |
| `<!-- ends: 1 -->` | the commands of the next block end with this exit code |
| `<!-- typed: FIRST, SECOND -->` | what is typed when the next block's command asks |
| `<!-- file: NAME -->` | the next block, of whatever kind, is the content of this file |
| `<!-- settings -->`, `<!-- settings: TOML -->` | the next block, or this, goes into the settings file |
| `<!-- do -->` | the next block, of whatever kind, is done by the reader: all of its lines |
| `<!-- run: COMMAND -->` | the reader has done this as well |
| `<!-- stop: NAME -->` | the reader has stopped `hl7-interface NAME` |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GAP = "…"
"""On a line of its own: any lines. Within a line: any text."""

_PIECE = re.compile(
    r"^(?P<fence>```)(?P<language>\w*)\n(?P<block>.*?)^```$|^<!-- (?P<comment>.*?) -->$",
    re.MULTILINE | re.DOTALL,
)
_DOINGS = ("from", "run", "stop", "settings")
_ABOUT_NEXT = ("not run", "ends", "typed", "file", "settings", "do")
_WHOLE = {"file": "file", "settings": "settings", "do": "run"}
"""What makes one doing of a whole block."""


@dataclass(frozen=True)
class Command:
    """A command of a `console` block, with the lines that the page shows of its answer."""

    text: str
    line: int
    shown: tuple[str, ...] = ()
    ends: int = 0
    typed: tuple[str, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class Doing:
    """What is done beside the commands: `file`, `settings`, `run`, `stop`, each with what and where."""

    kind: str
    what: str
    line: int
    name: str = ""


@dataclass(frozen=True)
class Page:
    """A page: what it starts from, and what is done in which order."""

    path: Path
    start: str = ""
    steps: tuple[Command | Doing, ...] = field(default_factory=tuple)

    @property
    def commands(self) -> list[Command]:
        """The commands that a reader sees."""
        return [step for step in self.steps if isinstance(step, Command)]

    @property
    def runs(self) -> bool:
        """Whether there is anything to run."""
        return any(not command.not_run for command in self.commands)


def read(path: Path) -> Page:
    """The page at `path`. Raises ValueError for a comment that says nothing known."""
    text = path.read_text("utf-8")
    start, steps, about = "", [], {}
    for piece in _PIECE.finditer(text):
        line = text.count("\n", 0, piece.start()) + 1
        if piece["comment"] is not None:
            kind, _, what = (part.strip() for part in piece["comment"].partition(":"))
            if kind == "from":
                start = what
            elif kind in _ABOUT_NEXT and bool(what) != (kind in ("settings", "do")):
                about[kind] = what
            elif kind in _DOINGS:
                steps.append(Doing(kind, what, line))
        elif whole := _WHOLE.keys() & about.keys():
            (kind,) = whole
            steps.append(Doing(_WHOLE[kind], piece["block"], line, about[kind]))
            about = {}
        elif piece["language"] == "console":
            steps += _commands(piece["block"], line, about)
            about = {}
    if about:
        raise ValueError(f"{path.name}: no block behind the comment {', '.join(about)}")
    return Page(path, start, tuple(steps))


def _commands(block: str, line: int, about: dict[str, str]) -> Iterator[Command]:
    found: list[tuple[str, int, list[str]]] = []
    for number, text in enumerate(block.splitlines(), line + 1):
        if text.startswith("$ "):
            found.append((text[2:], number, []))
        elif not found:
            raise ValueError(f"line {number}: a console block begins with a command")
        else:
            found[-1][2].append(text)
    typed = tuple(part.strip() for part in about.get("typed", "").split(",") if part.strip())
    for text, number, shown in found:
        yield Command(text, number, tuple(shown), int(about.get("ends", 0)), typed, about.get("not run", ""))


_HARMLESS = re.compile(
    r"(hl7-interface(?! install-service)|cd|mkdir|cp|mv|install|curl|grep|export|[A-Z]+=\S*)( |$)"
)
_SYSTEM = re.compile(r"(^|[\s=>\"'])/(etc|opt|usr|var|lib|root|boot|srv)\b")


def out_of_bounds(command: str) -> str:
    """Why a command is not for a machine on which tests run; empty: it keeps to its home."""
    if not _HARMLESS.match(command):
        return "begins with a word that the runner does not know as harmless"
    return "names a folder of the system" if _SYSTEM.search(command) else ""


_VOLATILE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?"), "TIME"),
    (re.compile(r"\b\d{8}T\d{6}Z"), "TIME"),
    (re.compile(r"\bpid=\d+"), "pid=N"),
    (re.compile(r"\bprocess \(\d+\)"), "process (N)"),
    (re.compile(r"\b(127\.0\.0\.1):\d{5}\b"), r"\1:PORT"),
    (re.compile(r"\b(?=\w*\d)[0-9a-f]{8}\b"), "KEY"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|KiB|MiB|GiB)\b"), r"N \2"),
    (re.compile(r"(?<![\d.])\d+\.\d{3}(?![\d.])"), "SECONDS"),
    (re.compile(r"\bbytes +\d+"), "bytes N"),
    (re.compile(r"-{3,}|─{3,}"), "---"),
)
"""What differs each time: ids, times, process ids, ports, sizes."""


def plain(line: str) -> str:
    """A line without what differs each time, and with single blanks (columns are as wide as they have to be)."""
    for pattern, instead in _VOLATILE:
        line = pattern.sub(instead, line)
    return " ".join(line.split())


def differs(shown: tuple[str, ...], told: str) -> str:
    """How an answer differs from what a page shows of it; empty: it does not. Nothing shown: anything fits."""
    wanted = [plain(line) for line in shown if line.strip()]
    answered = [line for line in (plain(line) for line in told.splitlines()) if line]
    if not wanted or _fits(wanted, answered):
        return ""
    lacking = [line for line in wanted if line != GAP and not any(_fits([line], [one]) for one in answered)]
    said = "\n".join(f"    {line}" for line in answered) or "    nothing"
    what = "\n".join(f"    {line}" for line in lacking) or "    nothing, but the order or lines between them"
    return f"the answer lacks\n{what}\n  in\n{said}"


def _fits(wanted: list[str], answered: list[str]) -> bool:
    """Whether lines are what is wanted, with gaps. `places`: how many lines may be used up so far."""
    places = {0}
    for line in wanted:
        if line == GAP:
            places = set(range(min(places), len(answered) + 1))
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split(GAP)))
        places = {at + 1 for at in places if at < len(answered) and pattern.fullmatch(answered[at])}
        if not places:
            return False
    return len(answered) in places
