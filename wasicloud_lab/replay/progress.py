"""What is kept of a replay, so that another kernel goes on where this one ended: the steps done, the clock."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..host.engine import cache_dir
from .step import MINUTES

_VERSION = 1


def place() -> Path:
    """The file that progress is kept in unless told otherwise: in the lab's cache folder."""
    return cache_dir() / "replay.json"


@dataclass
class Progress:
    """What is kept. Nothing that was typed or printed is in it.

    Attributes:
        current: the current step's number; None at the beginning.
        steps: number → (state, seconds) of those that are done or failed.
        elapsed: seconds on the clock.
    """

    current: str | None = None
    steps: dict[str, tuple[str, float]] = field(default_factory=dict)
    elapsed: float = 0.0

    @classmethod
    def load(cls, file: Path) -> Progress:
        """What the file says; the beginning, where there is none or it can't be read."""
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["version"] != _VERSION:
                return cls()
            steps = {
                str(number): (str(state), float(seconds))
                for number, (state, seconds) in found["steps"].items()
                if state in ("done", "failed")
            }
            current = found["current"]
            return cls(None if current is None else str(current), steps, max(0.0, float(found["elapsed"])))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def save(self, file: Path) -> None:
        """Writes the file in one step; where it can't be written, the replay goes on without."""
        text = json.dumps(
            {"version": _VERSION, "current": self.current, "steps": self.steps, "elapsed": round(self.elapsed, 1)}
        )
        part = file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            os.replace(part, file)


class Clock:
    """The real time of a talk, which may be held, beside the time that the talk had.

    Attributes:
        running: whether it goes on.
    """

    def __init__(self, elapsed: float = 0.0) -> None:
        self._before = elapsed
        self._since: float | None = None

    @property
    def running(self) -> bool:
        return self._since is not None

    @property
    def seconds(self) -> float:
        """Seconds that it has run."""
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def start(self) -> None:
        """Goes on, if it does not already."""
        if self._since is None:
            self._since = time.monotonic()

    def hold(self) -> None:
        """Stops until `start`."""
        self._before, self._since = self.seconds, None

    def reset(self) -> None:
        """Back to 0, and held."""
        self._before, self._since = 0.0, None

    def text(self, planned: float) -> str:
        """For people: "4:00 of the talk's 25:00; 3:12 by the clock, 0:48 ahead".

        Args:
            planned: minutes of the talk before the current step.
        """
        ahead = planned * 60 - self.seconds
        how = "ahead" if ahead >= 0 else "behind"
        return (
            f"{_minutes(planned * 60)} of the talk's {_minutes(MINUTES * 60)}; "
            f"{_minutes(self.seconds)} by the clock, {_minutes(abs(ahead))} {how}"
        )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
