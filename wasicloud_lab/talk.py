"""`wl.replay()`: the talk as something to click through in a notebook. Widgets are imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lab import Lab
    from .replay.step import Step
    from .widgets.replay import Talk


def replay(
    lab: Lab | None = None,
    resume: bool = False,
    *,
    quick: bool | None = None,
    port: int = 8080,
    steps: Sequence[Step] | None = None,
    place: Path | bool | None = None,
) -> Talk:
    """The talk "WASI Cloud with LLMs", step by step, in a notebook.

        talk = wl.replay()
        talk.runner.run("5")    # the same by code

    One is open at a time: another call, as when the cell is run again, closes the one before.

    Args:
        lab: the lab to play on; None for one of its own.
        resume: go on where your last replay on this machine was: after a restart of the kernel. A clock that ran goes
            on with the time that went by; after more than an hour it is held.
        quick: leave out what takes long; None: as the replay did that is gone on with, else no.
        port: where components are served; a busy one is replaced by a free one.
        steps: other steps than the talk's.
        place: the file that progress is kept in; None for the usual one, False for none.
    """
    from .widgets.replay import open_talk

    return open_talk(lab, resume=resume, quick=quick, port=port, steps=steps, place=place)


class Face(ModuleType):
    """The class of the module `wasicloud_lab`: there, `replay` is the function above and stays it.

    Python would put the folder `replay` in the function's place when it is first imported. As a folder it is found
    where it is asked for by name: `from wasicloud_lab.replay import Step`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "replay" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)
