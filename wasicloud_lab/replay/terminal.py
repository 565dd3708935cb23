"""A replay in a terminal: events as lines, with colours where they are wanted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from .events import Event
from .lines import folded, table_text
from .runner import Replay
from .step import MINUTES, Step

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "magenta": "35"}
_MARKS = {"waiting": ("·", "dim"), "running": ("…", "yellow"), "done": ("✓", "green"), "failed": ("✗", "red")}

#: Lines of a source or document that are shown before it is cut. What a picture says in words is never cut.
_LINES = 40
_WORDS = ("table", "svg", "html")
_INDENT = "    "


def coloured(out: TextIO) -> bool:
    """Whether a stream wants colours: a terminal, unless NO_COLOR says no."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not out.isatty():
        return False
    if sys.platform == "win32":
        os.system("")  # older consoles understand colours after this only
    return True


def written(out: TextIO, line: str) -> bool:
    """Writes a line; answers whether somebody may read it.

    Behind `… | head` nobody does after a while: what comes then is let go, and the steps run on, since it is their
    outcome that the exit status tells.
    """
    try:
        print(line, file=out, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return False
    return True


class Terminal:
    """Writes a replay down, in lines that fit; source text, and words without a space such as URLs, stay as they are.

    Args:
        out: where to.
        colours: None asks the stream.
        width: columns; None asks the system, which says 80 where there is no terminal.

    Attributes:
        closed: whether nobody reads any more.
    """

    def __init__(self, out: TextIO, colours: bool | None = None, width: int | None = None) -> None:
        self._out = out
        self._colours = coloured(out) if colours is None else colours
        self._width = max(min(width or shutil.get_terminal_size((80, 24)).columns, 110), 30)
        self.closed = False

    def told(self, event: Event) -> None:
        """Writes an event."""
        getattr(self, f"_{event.kind}")(event)

    def card(self, step: Step, planned: float) -> None:
        """What a step is about, before it runs."""
        till = planned + step.minutes
        self.line()
        self.wrapped(f"{step.number}  {step.title}", "bold", "magenta")
        self.wrapped(f"{step.part}; minutes {planned:g} to {till:g} of the talk's {MINUTES}", "dim")
        self.line()
        self.wrapped(step.point)
        if step.typed:
            self.line()
            self.line("Typed on stage:", "dim")
            for command in step.typed:
                self.line(f"{_INDENT}{command}", "dim")
        self.line()
        self.wrapped(f"Here: {step.instead}.")

    def notes(self, step: Step) -> None:
        """What the presenter wants to know."""
        self.wrapped(f"Look at: {step.look_at}")
        self.wrapped(f"Ask: {step.question}")
        self.wrapped(f"Notes: {step.notes}")
        self.line("It counts when this is seen:")
        for what in step.must_show:
            self.wrapped(f"{_INDENT}- {what}", hang="  ")

    def listing(self, replay: Replay) -> None:
        """All steps with their state."""
        at = 0.0
        for step in replay.steps:
            record = replay.records[step.number]
            mark, colour = _MARKS[record.state]
            took = f"{record.seconds:.1f} s" if record.seconds else ""
            here = "→" if step is replay.current else " "
            row = f"{here} {mark} {step.number:>2}  {at:4.1f} min  {step.title:<50}  {took}".rstrip()
            for line in folded(row, self._width, " " * 18):
                self.line(line.replace(f"{here} {mark}", f"{here} {self.paint(mark, colour)}", 1))
            at += step.minutes
        for coming in replay.to_come:
            row = f"· {coming.number:>2}            {coming.title}, to come: {coming.why}"
            self.wrapped(f"  {row}", "dim", hang=" " * 16)

    def line(self, text: str = "", *colours: str) -> None:
        """One line, however long."""
        if not written(self._out, self.paint(text, *colours)):
            self.closed = True

    def wrapped(self, text: str, *colours: str, hang: str = "") -> None:
        """A text, in lines of a width that reads well; `hang` is before those after the first."""
        for line in text.split("\n"):
            for part in folded(line, self._width, hang):
                self.line(part, *colours)

    def paint(self, text: str, *colours: str) -> str:
        """The text in colours, where they are wanted."""
        if not self._colours or not colours or not text:
            return text
        return f"\x1b[{';'.join(_COLOURS[colour] for colour in colours)}m{text}\x1b[0m"

    # --- events --------------------------------------------------------------------------------------

    def _state(self, event: Event) -> None:
        state = event.data["state"]
        stopped = event.data["stopped"]
        if state == "running" or (state == "waiting" and not stopped):
            return
        mark, colour = _MARKS[state]
        words = "was stopped; it can be run again" if stopped else state
        self.line(f"{mark} step {event.step} {words} ({event.data['seconds']:.1f} s)", "bold", colour)
        if state == "failed":
            self.wrapped(f"  expected: {event.data['expected']}", "red", hang=" " * 10)
            self.wrapped(f"  came:     {_first_lines(event.data['got'], 12)}", "red", hang=" " * 10)
            for line in event.data["details"].splitlines()[-6:]:
                self.line(f"{_INDENT}{line}", "dim")

    def _say(self, event: Event) -> None:
        self.wrapped(event.text)

    def _typed(self, event: Event) -> None:
        self.line(f"{'>>>' if event.data['cell'] else '$'} {event.text}", "bold", "cyan")

    def _output(self, event: Event) -> None:
        self.wrapped(f"{_INDENT}{event.text}".rstrip(), hang=_INDENT)

    def _show(self, event: Event) -> None:
        if event.data["title"]:
            self.wrapped(f"── {event.data['title']}", "dim", hang="   ")
        if event.data["kind"] in _WORDS:
            for part in _words(event):
                text = part if isinstance(part, str) else table_text(**part, width=self._width - len(_INDENT))
                for line in text.split("\n"):
                    self.wrapped(f"{_INDENT}{line}".rstrip(), hang=_INDENT)
            return
        lines = event.text.split("\n")
        for line in lines[:_LINES]:
            self.line(f"{_INDENT}{line}".rstrip(), *_diff_colour(event.data, line))
        if len(lines) > _LINES:
            self.line(f"{_INDENT}… {len(lines) - _LINES} more lines", "dim")

    def _expect(self, event: Event) -> None:
        ok = event.data["ok"]
        got = event.data["got"].split("\n")[0]
        said = f"{'✓' if ok else '✗'} {event.data['what']}" + (f": {got}" if got else "")
        self.wrapped(said, "green" if ok else "red", hang="  ")


def _words(event: Event) -> list[str | Mapping[str, Any]]:
    """Texts and tables of what is shown."""
    if event.data["kind"] == "table":
        return [event.data["content"]]
    return list(event.data.get("words", [event.text]))


def _diff_colour(data: Any, line: str) -> tuple[str, ...]:
    if data["kind"] != "diff" or line.startswith(("+++", "---")):
        return ()
    return ("green",) if line.startswith("+") else ("red",) if line.startswith("-") else ()


def _first_lines(text: str, most: int) -> str:
    lines = text.split("\n")
    return "\n            ".join(lines[:most] + ([f"… {len(lines) - most} more lines"] if len(lines) > most else []))
