"""Record: what came of a step, and of one that failed, why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .events import Event
from .step import Step

#: What a record's state may be.
STATES = ("waiting", "running", "done", "failed")


@dataclass
class Failure:
    """Why a step does not count.

    Attributes:
        expected: what had to be seen.
        got: what came.
        details: where in the code, for an error that no step foresaw; else empty.
    """

    expected: str
    got: str
    details: str = ""

    def __str__(self) -> str:
        return f"expected: {self.expected}\ncame: {self.got}"


@dataclass
class Record:
    """What came of a step.

    Attributes:
        step: the step.
        state: one of `STATES`.
        seconds: that its last run took.
        failure: of a failed one.
        events: of its last run in this process, oldest first.
    """

    step: Step
    state: str = "waiting"
    seconds: float = 0.0
    failure: Failure | None = None
    events: list[Event] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The record as data, without its events."""
        failure = None if self.failure is None else {"expected": self.failure.expected, "got": self.failure.got}
        return {"step": self.step.number, "state": self.state, "seconds": round(self.seconds, 3), "failure": failure}
