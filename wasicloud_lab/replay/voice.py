"""Voice: how a step tells what it does, as it does it. A terminal, a notebook and a test each listen in their way."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from .events import ExpectationFailed, Stopped
from .lines import table_text

#: Told of everything: kind, text, data.
Listener = Callable[[str, str, Mapping[str, Any]], None]

#: Seconds that a command may be silent.
PATIENCE = 120.0


def nobody(kind: str, text: str, data: Mapping[str, Any]) -> None:
    """Nobody listens."""


class Voice:
    """Tells a listener, notes what was seen, and ends the step when somebody asks for it.

    Attributes:
        listener: who is told.
        stopping: set to end the step under way; each call here then raises `Stopped`.
        seen: what has been expected and seen since the step began.
    """

    def __init__(self, listener: Listener = nobody) -> None:
        self.listener = listener
        self.stopping = threading.Event()
        self.seen: list[str] = []

    def say(self, text: str) -> None:
        """A sentence for the audience."""
        self._tell("say", text, {})

    def typed(self, command: str, *, cell: bool = False) -> None:
        """A command, as one would type it in a shell, or in a cell of a notebook."""
        self._tell("typed", command, {"cell": cell})

    def output(self, line: str) -> None:
        """What a command printed."""
        self._tell("output", line, {})

    def show(
        self,
        kind: str,
        content: Any,
        *,
        title: str = "",
        text: str | Sequence[str | Mapping[str, Any]] | None = None,
    ) -> None:
        """Something to look at.

        Args:
            kind: "wit", "go", "rust", "python", "yaml", "diff": source text; "svg", "html": a picture or a chart;
                "table": `{"head": [...], "rows": [[...], ...]}`; "compare": `[{"title", "kind", "text"}, ...]`, which
                belong side by side.
            content: as `kind` says.
            title: a line above it.
            text: what a terminal shows of a picture, in one or in several pieces, of which each may be a table; made
                from the content where it is left out.
        """
        data = {"kind": kind, "title": title, "content": content}
        if text is None:
            text = _as_text(kind, content)
        elif not isinstance(text, str):
            data["words"] = list(text)
            text = "\n".join(part if isinstance(part, str) else _as_text("table", part) for part in data["words"])
        self._tell("show", text, data)

    def expect(self, what: str, condition: bool, got: object) -> None:
        """Something that must be seen for the step to count.

        Args:
            what: as the step's `must_show` has it.
            condition: whether it was seen.
            got: what came.

        Raises:
            ExpectationFailed: it was not.
        """
        shown = str(got).strip()
        self._tell("expect", f"{what}: {shown}" if shown else what, {"what": what, "ok": bool(condition), "got": shown})
        if not condition:
            raise ExpectationFailed(what, shown or "nothing")
        self.seen.append(what)

    def go_on(self) -> None:
        """
        Raises:
            Stopped: somebody asked the step to end.
        """
        if self.stopping.is_set():
            raise Stopped("the step was stopped")

    def pause(self, seconds: float) -> None:
        """Waits, but not for a step that is being stopped."""
        self.stopping.wait(seconds)
        self.go_on()

    def command(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        quiet: bool = False,
        cwd: Any = None,
        patience: float = PATIENCE,
    ) -> tuple[int, str]:
        """Runs a program and tells each line that it prints, as it prints it.

        Args:
            words: program and arguments.
            env: variables on top of this process's own.
            quiet: tell nobody.
            cwd: the folder to run it in.
            patience: seconds that it may be silent.

        Returns:
            exit status and all that it printed, on stdout and stderr.

        Raises:
            ExpectationFailed: it neither ends nor says anything for too long.
            Stopped: somebody asked the step to end; the program is ended too.
            OSError: there is no such program.
        """
        lines: SimpleQueue[str | None] = SimpleQueue()
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
            env={**os.environ, **(env or {})},
        ) as process:  # fmt: skip
            reader = threading.Thread(target=_read, args=(process, lines), name=f"output of {words[0]}", daemon=True)
            reader.start()
            whole: list[str] = []
            try:
                while (line := self._next(lines, words[0], patience)) is not None:
                    whole.append(line)
                    if not quiet:
                        self.output(line.rstrip("\r\n"))
            except BaseException:
                process.kill()
                raise
            finally:
                reader.join(1.0)
        return process.returncode, "".join(whole)

    def _next(self, lines: SimpleQueue[str | None], program: str, patience: float) -> str | None:
        """The next line; None after the last."""
        until = time.monotonic() + patience
        while True:
            self.go_on()
            try:
                return lines.get(timeout=0.1)
            except Empty:
                if time.monotonic() > until:
                    raise ExpectationFailed(f"{program} ends", f"it was silent for {patience:.0f} s") from None

    def _tell(self, kind: str, text: str, data: Mapping[str, Any]) -> None:
        self.go_on()
        self.listener(kind, text, data)


def _read(process: subprocess.Popen[bytes], lines: SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with suppress(OSError, ValueError):  # it was killed, and its pipe closed
        for line in process.stdout:
            lines.put(line.decode("utf-8", "replace"))  # its end as it is: HTTP heads have one of their own
    lines.put(None)


def _as_text(kind: str, content: Any) -> str:
    """How a terminal shows it."""
    if kind == "table":
        return table_text(content["head"], content["rows"])
    if kind == "compare":
        return "\n\n".join(f"── {side['title']}\n{side['text'].rstrip()}" for side in content)
    return str(content).rstrip()
