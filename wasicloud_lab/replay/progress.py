"""What is kept of a replay, so that another kernel goes on where this one ended: the steps done, the clock."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

_VERSION = 2

#: Seconds between two times that a running clock is kept.
BEAT = 5.0
#: Seconds within which a running clock goes on across a restart. After that, nobody was waiting in the room.
CARRIED = 3600.0


def place() -> Path:
    """The file that progress is kept in unless told otherwise: in a folder of this person's own.

    Not in the compile cache, which a whole class may share.
    """
    return platformdirs.user_state_path("wasicloud-lab", appauthor=False) / "replay.json"


@dataclass
class Progress:
    """What is kept. Nothing that was typed or printed is in it.

    Attributes:
        current: the current step's number; None at the beginning.
        steps: number → (state, seconds) of those that are done or failed.
        elapsed: seconds on the clock.
        running: whether the clock ran when this was kept.
        saved: when that was, as `time.time()`.
        quick: whether what takes long is left out.
    """

    current: str | None = None
    steps: dict[str, tuple[str, float]] = field(default_factory=dict)
    elapsed: float = 0.0
    running: bool = False
    saved: float = 0.0
    quick: bool = False

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
            current, elapsed, saved = found["current"], float(found["elapsed"]), float(found["saved"])
            if not (math.isfinite(elapsed) and math.isfinite(saved)):
                return cls()
            return cls(
                None if current is None else str(current),
                steps,
                max(0.0, elapsed),
                found["running"] is True,
                saved,
                found["quick"] is True,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def save(self, file: Path) -> None:
        """Writes the file in one step; where it can't be written, the replay goes on without."""
        text = json.dumps({"version": _VERSION, **asdict(self)})
        part = file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            os.replace(part, file)

    def clock(self) -> Clock:
        """The clock as it would be now: one that ran and was kept a while ago has gone on, one from long ago waits."""
        away = time.time() - self.saved
        if not (self.running and 0 <= away <= CARRIED):
            return Clock(self.elapsed)
        clock = Clock(self.elapsed + away)
        clock.start()
        return clock


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

    def text(self, begin: float, minutes: float, whole: float) -> str:
        """For people: "3:12 by the clock, this step is 4:00 to 5:30 of 25:00, 0:48 ahead".

        Within the current step's own minutes one is on time, here as on the page.

        Args:
            begin: minutes of the talk before the current step.
            minutes: that this step has.
            whole: minutes of the talk.
        """
        seconds, start, end = self.seconds, begin * 60, (begin + minutes) * 60
        how = "on time"
        if seconds == 0 and not self.running:
            how = "it starts with the first step that runs"
        elif seconds < start:
            how = f"{_minutes(start - seconds)} ahead"
        elif seconds > end:
            how = f"{_minutes(seconds - end)} behind"
        step = f"{_minutes(start)} to {_minutes(end)} of {_minutes(whole * 60)}"
        return f"{_minutes(seconds)} by the clock, this step is {step}, {how}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
