"""Where `explain` prints: a terminal of some width, with or without colours, or a pipe where nothing is folded.

Text of messages goes through `safe_text` here, so no caller can forget it.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from interface.cli.output import UNLIMITED, is_terminal, plain_lines, safe_text

if TYPE_CHECKING:
    from rich.text import Text

ColourChoice = Literal["auto", "always", "never"]
COLOUR_CHOICES: tuple[ColourChoice, ...] = ("auto", "always", "never")

Cell = tuple[str, str]
"""A text and its style, as rich names styles; no style: plain."""

_FOLDED = 20  # columns that a folded text needs to be readable
_GAP = 2


def wants_colours(choice: ColourChoice) -> bool:
    """Whether to colour: `auto` where a terminal can, unless NO_COLOR (no-color.org) or TERM says otherwise."""
    if choice != "auto":
        return choice == "always"
    return is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"


def open_screen(choice: ColourChoice = "auto") -> Screen:
    """The screen that standard output is."""
    folds, colours = is_terminal(sys.stdout), wants_colours(choice)
    return Terminal(folds=folds, colours=colours) if folds or colours else Pipe()


class Screen(ABC):
    """Prints lines and tables on standard output."""

    def line(self, *cells: Cell, indent: int = 0, sep: str = "  ") -> None:
        """One line of cells, `indent` columns from the left; where it has to be folded, so is the rest of it."""
        self._line([(safe_text(text), style) for text, style in cells if text], indent, sep)

    def gap(self) -> None:
        """An empty line."""
        print()

    def heading(self, text: str) -> None:
        """A heading with an empty line before it."""
        self.gap()
        self.line((text, "bold"))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, folded: str, spared: str = ""
    ) -> None:
        """A table. Where a terminal is too narrow the column `folded` is, and if that does not do, rows are paragraphs.

        Args:
            columns: headings, two at least.
            rows: cells, one for each column.
            folded: the column whose texts may be long.
            spared: the last column, if it is left out where it is empty, or where there is no room for it.

        """
        shown = [[(safe_text(text), style) for text, style in row] for row in rows]
        place = list(columns).index(folded)
        if spared and not (any(row[-1][0] for row in shown) and self._has_room(columns, shown, place)):
            columns, shown = columns[:-1], [row[:-1] for row in shown]
        self._table(columns, shown, place)

    def _has_room(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], folded: int) -> bool:  # noqa: ARG002
        """Whether a table stands side by side here."""
        return True

    @abstractmethod
    def _line(self, cells: Sequence[Cell], indent: int, sep: str) -> None: ...

    @abstractmethod
    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], folded: int) -> None: ...


class Pipe(Screen):
    """A file or another program: nothing is folded, nothing coloured."""

    def _line(self, cells: Sequence[Cell], indent: int, sep: str) -> None:
        print(" " * indent + sep.join(text for text, _ in cells))

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], folded: int) -> None:  # noqa: ARG002
        for line in plain_lines(columns, [[text for text, _ in row] for row in rows]):
            print(line)


class Terminal(Screen):
    """A terminal, folded to its width; or a pipe that is to be coloured, not folded."""

    def __init__(self, *, folds: bool, colours: bool):
        from rich.console import Console  # not needed where the output is a plain pipe

        self._console = Console(
            width=None if folds else UNLIMITED,
            color_system="standard" if colours else None,
            force_terminal=colours,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def _line(self, cells: Sequence[Cell], indent: int, sep: str) -> None:
        from rich.padding import Padding
        from rich.text import Text

        text = Text(sep).join(Text(text, style=style) for text, style in cells)
        if text.cell_len + indent <= self._console.width:
            self._console.print(Text(" " * indent) + text)
        else:
            self._console.print(Padding(text, (0, 0, 0, indent)))

    def _has_room(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], folded: int) -> bool:
        from rich.cells import cell_len

        widths = [
            max([cell_len(name), *(cell_len(row[number][0]) for row in rows)])
            for number, name in enumerate(columns)
        ]
        widths[folded] = min(widths[folded], _FOLDED)
        return sum(widths) + _GAP * (len(widths) - 1) <= self._console.width

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], folded: int) -> None:
        from rich.table import Table

        if not self._has_room(columns, rows, folded):
            self._paragraphs(rows)
            return
        drawn = Table(box=None, pad_edge=False, header_style="dim", padding=(0, _GAP, 0, 0))
        for number, column in enumerate(columns):
            drawn.add_column(_text(column), overflow="fold", no_wrap=number != folded)
        for row in rows:
            drawn.add_row(*(_text(text, style) for text, style in row))
        self._console.print(drawn)

    def _paragraphs(self, rows: Sequence[Sequence[Cell]]) -> None:
        """The first two cells of each row, and below them, indented, the rest."""
        for first, second, *rest in rows:
            self._line([first, second], 0, "  ")
            if rest:
                self._line(rest, 4, "  ")


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)
