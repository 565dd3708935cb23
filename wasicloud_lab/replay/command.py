"""What `wasicloud-lab replay` does: the talk in a terminal, step by step or all of it, for people or for a script."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ..errors import LabError
from .events import Event
from .runner import Replay
from .step import Step
from .terminal import Terminal, written

_HELP = """\
Enter  run the step, or go on to the next      r      run it (again)
b      back to the step before                 j N    jump to step N
n      presenter notes                         s      the Python that the step runs
a      run all from here                       l      list of steps, and the clock
q      quit"""


def run(options: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0: every step that ran showed what it must; 1: one did not; 2: there is no such step.
    """
    watched = not (options.auto or options.list or options.json or options.step)
    # A script's run is nobody's place in the talk: only a person's is kept.
    with Replay(
        resume=options.resume,
        quick=options.quick,
        port=options.port,
        place=None if watched or options.resume else False,
    ) as replay:
        if options.step is not None:
            try:
                step = replay.step(options.step)
            except LabError as error:
                print(f"wasicloud-lab: {error}", file=sys.stderr)
                return 2
            return _run(replay, options.json, lambda: [replay.run(step)])
        if options.list:
            if options.json:
                steps: list[dict[str, Any]] = [step.to_json() for step in replay.steps]
                print(json.dumps({"steps": steps, "to_come": [vars(coming) for coming in replay.to_come]}, indent=2))
            else:
                Terminal(sys.stdout).listing(replay)
            return 0
        if watched:
            return _Talk(replay, Terminal(sys.stdout)).play()
        first = replay.current if options.resume else replay.steps[0]
        return _run(replay, options.json, lambda: replay.run_all(first))


def _run(replay: Replay, as_json: bool, work: Callable[[], list[Any]]) -> int:
    """Runs steps and writes down what comes."""
    began = time.monotonic()
    terminal = Terminal(sys.stdout)

    def told(event: Event) -> None:
        if as_json:
            written(sys.stdout, json.dumps(event.to_json(), ensure_ascii=False))
            return
        if event.kind == "state" and event.data["state"] == "running":
            terminal.card(replay.step(event.step), replay.planned)
        terminal.told(event)

    replay.listen(told)
    records = work()
    failed = [record.step.number for record in records if record.state != "done"]
    seconds = time.monotonic() - began
    if as_json:
        end = {"kind": "end", "ok": not failed, "done": len(records) - len(failed), "failed": failed}
        written(sys.stdout, json.dumps({**end, "seconds": round(seconds, 1)}))
    else:
        terminal.line()
        how = "each showed what it must" if not failed else f"these did not show what they must: {', '.join(failed)}"
        steps = "1 step" if len(records) == 1 else f"{len(records)} steps"
        terminal.wrapped(f"{steps} in {seconds:.0f} s; {how}", "bold", "red" if failed else "green")
    return 1 if failed else 0


class _Talk:
    """A person at a terminal goes through the talk."""

    def __init__(self, replay: Replay, terminal: Terminal) -> None:
        self.replay = replay
        self.terminal = terminal

    def play(self) -> int:
        from . import SOURCE

        replay, terminal = self.replay, self.terminal
        replay.listen(terminal.told)
        terminal.line("The talk, step by step; everything in it runs.", "bold")
        terminal.wrapped(f"After {SOURCE}", "dim")
        terminal.wrapped(_HELP, "dim", hang=" " * 7)
        self._card()
        while not terminal.closed:
            record = replay.records[replay.current.number]
            after = replay.current is not replay.steps[-1]
            enter = "run" if record.state == "waiting" else "next" if after else "quit"
            try:
                word = input(
                    terminal.paint(f"[{replay.current.number}] Enter = {enter}, h = help > ", "yellow")
                ).strip()
            except (EOFError, KeyboardInterrupt, BrokenPipeError):
                terminal.line()
                word = "q"
            if word == "q" or (not word and enter == "quit"):
                break
            try:
                self._do(word or ("r" if enter == "run" else "next"))
            except LabError as error:
                terminal.wrapped(str(error), "red")
            except KeyboardInterrupt:
                terminal.line("stopped", "yellow")
        terminal.listing(replay)
        terminal.wrapped(replay.time, "dim")
        return 1 if any(record.state == "failed" for record in replay.records.values()) else 0

    def _do(self, word: str) -> None:
        replay, terminal = self.replay, self.terminal
        name, _, rest = word.partition(" ")
        if name == "r":
            replay.run()
        elif name == "next":
            replay.next()
            self._card()
        elif name == "b":
            replay.back()
            self._card()
        elif name == "j":
            if not rest.strip():
                raise LabError("j needs a step, such as: j 0b")
            replay.jump(rest)
            self._card()
        elif name == "a":
            for record in replay.run_all(replay.current):
                if record.state == "failed":
                    terminal.wrapped(f"step {record.step.number} did not show what it must", "red")
        elif name == "n":
            terminal.notes(replay.current)
        elif name == "s":
            terminal.line(replay.current.code or "Python keeps no source of this step")
        elif name == "l":
            terminal.listing(replay)
            terminal.wrapped(replay.time, "dim")
        else:
            terminal.wrapped(_HELP, hang=" " * 7)

    def _card(self) -> None:
        step: Step = self.replay.current
        self.terminal.card(step, self.replay.planned)
