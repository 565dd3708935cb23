"""The talk as data, and what runs it: each step says what it is about, does it for real, and shows that it did.

    from wasicloud_lab.replay import Replay
    replay = Replay()
    replay.run("5")

`runner.py` has the `Replay`, `steps/` the steps, `stage.py` what they act on. Nothing here knows of widgets.
"""

from __future__ import annotations

from .events import Event, ExpectationFailed, Stopped
from .record import Failure, Record
from .runner import Busy, Replay
from .stage import Stage
from .step import MINUTES, Step, ToCome
from .steps import STEPS, TO_COME

#: The talk that the steps follow, named here once.
SOURCE = "WASI Cloud with LLMs, KubeCon EU 2024 (Wasm Day): https://github.com/ricochet/kubecon-eu-2024"

__all__ = [
    "MINUTES", "SOURCE", "STEPS", "TO_COME", "Busy", "Event", "ExpectationFailed", "Failure", "Record", "Replay",
    "Stage", "Step", "Stopped", "ToCome",
]  # fmt: skip
