"""Lines of a terminal: text and tables in the width that there is, by what a character really takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

#: A column of text that would have to be narrower than this is hard to read: then each row is told by itself.
_NARROW = 16
_GAP = 2

_FIGURE = re.compile(r"[+−-]?[\d.,]+")


def taken(text: str) -> int:
    """Columns that a text takes: Chinese takes two a character, an accent of its own none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def folded(text: str, width: int, hang: str = "") -> list[str]:
    """A line as several, broken at spaces; a word that is too long stays whole, so that a URL can be copied.

    Args:
        text: one line; the spaces at its beginning are kept, on every line.
        width: columns.
        hang: what the lines after the first begin with, on top of these spaces.
    """
    lead = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    line = lead
    for space, word in re.findall(r"( *)([^ ]+)", text[len(lead) :]):
        if line.strip() and taken(line + space + word) > width:
            lines.append(line)
            line = lead + hang + word
        else:
            line += space + word
    return [*lines, line.rstrip()]


def table_text(head: Sequence[object], rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """A table in columns of text; figures stand to the right.

    Args:
        head: names of the columns.
        rows: their cells.
        width: columns of the terminal: cells are broken into lines, and where that is no good, each row is told by
            itself. None for as many as it takes.
    """
    names = [str(name) for name in head]
    cells = [[str(cell) for cell in row] for row in rows]
    figures = [all(_FIGURE.fullmatch(row[n]) or not row[n] for row in cells) for n in range(len(names))]
    widths = [max(taken(row[n]) for row in [names, *cells]) for n in range(len(names))]
    while width is not None and sum(widths) + _GAP * (len(widths) - 1) > width:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        words = [word for row in [names, *cells] for word in row[widest].split()]
        if widths[widest] < max(_NARROW, *map(taken, words)):
            return "\n".join(_told(names, cells, figures, width))
    lines = [*_lines(names, widths, figures), (" " * _GAP).join("─" * each for each in widths)]
    for row in cells:
        lines += _lines(row, widths, figures)
    return "\n".join(lines)


def _lines(row: Sequence[str], widths: Sequence[int], figures: Sequence[bool]) -> list[str]:
    """A row of a table; its cells may take several lines."""
    broken = [folded(cell, width) for cell, width in zip(row, widths)]
    lines = []
    for n in range(max(map(len, broken))):
        parts = [cell[n] if n < len(cell) else "" for cell in broken]
        padded = [
            " " * (width - taken(part)) + part if right else part + " " * (width - taken(part))
            for part, width, right in zip(parts, widths, figures)
        ]
        lines.append((" " * _GAP).join(padded).rstrip())
    return lines


def _told(names: Sequence[str], rows: Sequence[Sequence[str]], figures: Sequence[bool], width: int) -> list[str]:
    """Each row by itself: its first cell, and below it the others with their names; all figures in a line."""
    lines: list[str] = []
    for row in rows:
        lines += folded(row[0], width, "  ")
        numbers = [f"{names[n]} {row[n]}" for n in range(1, len(names)) if figures[n] and row[n]]
        words = [f"{names[n]}: {row[n]}" for n in range(1, len(names)) if not figures[n] and row[n]]
        for told in [*words, *([", ".join(numbers)] if numbers else [])]:
            lines += folded(f"  {told}", width, "  ")
    return lines
