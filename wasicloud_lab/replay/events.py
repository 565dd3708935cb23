"""What is told while a step runs: one `Event` for each thing said, typed, printed, shown or expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import LabError

#: What `Event.kind` may be. "state": the step's state changed; "say": a sentence; "typed": a command;
#: "output": a line a command printed; "show": something to look at; "expect": something that had to be seen.
KINDS = ("state", "say", "typed", "output", "show", "expect")


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: one of `KINDS`.
        step: the step's number.
        at: seconds since the step began.
        text: for a terminal.
        data: for "state": `state`, `seconds`, `stopped` (whether somebody ended it), and of a failed step `expected`,
            `got`, `details`. For "typed": `cell`, whether it is Python. For "show": `kind`, `title`, `content`, as in
            `Voice.show`, and `words` where its text is in pieces. For "expect": `what`, `ok`, `got`.
            Anything in it can be written as JSON.
    """

    kind: str
    step: str
    at: float
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The event as data."""
        return asdict(self)


class ExpectationFailed(LabError):
    """Something that a step had to show was not seen.

    Attributes:
        expected: what had to be seen.
        got: what came instead.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected: {expected}; came: {got}")
        self.expected = expected
        self.got = got


class Stopped(Exception):
    """Somebody stopped the step. No `LabError`: nothing on the way mistakes it for a failure of its own."""
