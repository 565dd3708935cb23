"""A replay in a terminal: events as lines, with colours where they are wanted."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import Any, TextIO

from .events import Event
from .runner import Replay
from .step import MINUTES, Step

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "magenta": "35"}
_MARKS = {"waiting": ("·", "dim"), "running": ("…", "yellow"), "done": ("✓", "green"), "failed": ("✗", "red")}

#: Lines of a source or document that are shown before it is cut.
_LINES = 40


def coloured(out: TextIO) -> bool:
    """Whether a stream wants colours: a terminal, unless NO_COLOR says no."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not out.isatty():
        return False
    if sys.platform == "win32":
        os.system("")  # older consoles understand colours after this only
    return True


class Terminal:
    """Writes a replay down.

    Args:
        out: where to.
        colours: None asks the stream.
    """

    def __init__(self, out: TextIO, colours: bool | None = None) -> None:
        self._out = out
        self._colours = coloured(out) if colours is None else colours
        self._width = min(shutil.get_terminal_size((100, 24)).columns, 110)

    def told(self, event: Event) -> None:
        """Writes an event."""
        getattr(self, f"_{event.kind}")(event)

    def card(self, step: Step, planned: float) -> None:
        """What a step is about, before it runs."""
        till = planned + step.minutes
        self.line()
        self.line(f"{step.number}  {step.title}", "bold", "magenta")
        self.line(f"{step.part}; minutes {planned:g} to {till:g} of the talk's {MINUTES}", "dim")
        self.line()
        self.wrapped(step.point)
        if step.typed:
            self.line()
            self.line("Typed on stage:", "dim")
            for command in step.typed:
                self.line(f"    {command}", "dim")
        self.line()
        self.wrapped(f"Here: {step.instead}.")

    def notes(self, step: Step) -> None:
        """What the presenter wants to know."""
        self.wrapped(f"Look at: {step.look_at}")
        self.wrapped(f"Ask: {step.question}")
        self.wrapped(f"Notes: {step.notes}")
        self.line("It counts when this is seen:")
        for what in step.must_show:
            self.wrapped(f"- {what}", "    ")

    def listing(self, replay: Replay) -> None:
        """All steps with their state."""
        at = 0.0
        for step in replay.steps:
            record = replay.records[step.number]
            mark, colour = _MARKS[record.state]
            took = f"{record.seconds:.1f} s" if record.seconds else ""
            here = "→" if step is replay.current else " "
            self.line(
                f"{here} {self.paint(mark, colour)} {step.number:>2}  {at:4.1f} min  {step.title:<50}  {took}".rstrip()
            )
            at += step.minutes
        for coming in replay.to_come:
            self.line(f"  · {coming.number:>2}            {coming.title:<50}  to come: {coming.why}", "dim")

    def line(self, text: str = "", *colours: str) -> None:
        """One line."""
        print(self.paint(text, *colours), file=self._out, flush=True)

    def wrapped(self, text: str, indent: str = "") -> None:
        """A text, in lines of a width that reads well."""
        for line in textwrap.wrap(text, self._width, initial_indent=indent, subsequent_indent=indent):
            self.line(line)

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
            self.line(f"  expected: {event.data['expected']}", "red")
            self.line(f"  came:     {_first_lines(event.data['got'], 12)}", "red")
            for line in event.data["details"].splitlines()[-6:]:
                self.line(f"    {line}", "dim")

    def _say(self, event: Event) -> None:
        self.wrapped(event.text)

    def _typed(self, event: Event) -> None:
        self.line(f"{'>>>' if event.data['cell'] else '$'} {event.text}", "bold", "cyan")

    def _output(self, event: Event) -> None:
        self.line(f"    {event.text}".rstrip())

    def _show(self, event: Event) -> None:
        if event.data["title"]:
            self.line(f"── {event.data['title']}", "dim")
        lines = event.text.split("\n")
        for line in lines[:_LINES]:
            self.line(f"    {line}".rstrip(), *_diff_colour(event.data, line))
        if len(lines) > _LINES:
            self.line(f"    … {len(lines) - _LINES} more lines", "dim")

    def _expect(self, event: Event) -> None:
        ok = event.data["ok"]
        got = event.data["got"].split("\n")[0]
        self.line(f"{'✓' if ok else '✗'} {event.data['what']}" + (f": {got}" if got else ""), "green" if ok else "red")


def _diff_colour(data: Any, line: str) -> tuple[str, ...]:
    if data["kind"] != "diff" or line.startswith(("+++", "---")):
        return ()
    return ("green",) if line.startswith("+") else ("red",) if line.startswith("-") else ()


def _first_lines(text: str, most: int) -> str:
    lines = text.split("\n")
    return "\n            ".join(lines[:most] + ([f"… {len(lines) - most} more lines"] if len(lines) > most else []))
