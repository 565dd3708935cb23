"""Steps of a talk for tests."""

from __future__ import annotations

from wasicloud_lab.replay import Stage, Step


class Silent(Step):
    """One that shows nothing of what it must."""

    number, title, part, minutes, point, instead = "1", "t", "p", 1, "p", "i"
    must_show = ("something",)
    look_at = question = notes = ""

    def run(self, stage: Stage) -> None:
        stage.say("nothing to see here")
