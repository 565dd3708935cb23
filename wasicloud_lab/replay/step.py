"""Step: one piece of the talk, as data, with the code that does it."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .stage import Stage

#: Minutes the talk has; the steps share them out.
MINUTES = 25


class Step:
    """A step of the talk. Subclasses say the attributes and write `run`; one without state, so that any may run again.

    Attributes:
        number: "0a", "1", … "10".
        title: a few words.
        part: the part of the talk that it belongs to.
        minutes: its share of the talk's 25.
        point: what it is about, in two to four sentences.
        typed: what was typed on stage, a line each.
        instead: what the lab runs in its place.
        must_show: what must be seen for the step to count; `run` shows each with `stage.expect`.
        look_at: where to look.
        question: one for the audience.
        notes: for the presenter.
        needs: numbers of the steps whose outcome it goes on from; `prepare` sets up what they would have left.
    """

    number: ClassVar[str]
    title: ClassVar[str]
    part: ClassVar[str]
    minutes: ClassVar[float]
    point: ClassVar[str]
    typed: ClassVar[tuple[str, ...]] = ()
    instead: ClassVar[str]
    must_show: ClassVar[tuple[str, ...]]
    look_at: ClassVar[str]
    question: ClassVar[str]
    notes: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()

    def prepare(self, stage: Stage) -> None:
        """Sets up what the step goes on from. Run before every `run`, and when somebody goes back to the step."""

    def run(self, stage: Stage) -> None:
        """Does it, telling the stage as it goes.

        Raises:
            ExpectationFailed: what had to be seen was not.
            LabError: something else went wrong.
        """
        raise NotImplementedError

    @property
    def code(self) -> str:
        """The Python that the step runs; empty where it was typed into something that keeps no source."""
        try:
            return textwrap.dedent(inspect.getsource(type(self).run))
        except (OSError, TypeError):
            return ""

    def to_json(self) -> dict[str, Any]:
        """The step as data."""
        names = "number title part minutes point typed instead must_show look_at question notes needs".split()
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}

    def __repr__(self) -> str:
        return f"<Step {self.number}: {self.title}>"


@dataclass(frozen=True)
class ToCome:
    """A step of the talk that the lab can't do yet.

    Attributes:
        number, title, part: as a step's.
        why: what it waits for.
    """

    number: str
    title: str
    part: str
    why: str
