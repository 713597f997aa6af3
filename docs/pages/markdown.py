"""Markdown that says what is in it, whatever characters that has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MADE = "<!-- made by docs/generate.py: change the code, then run it again -->"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown, `<br>` breaks a line in them."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """Text as code, also within a table."""
    return f"`{text}`".replace("|", "\\|")


def link(text: str, heading: str) -> str:
    """A link to a heading of the same page."""
    return f"[{text}](#{anchor(heading)})"


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)
