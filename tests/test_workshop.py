"""The guide for teachers says what is there: its links, its plan of the talk, its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wasicloud_lab.replay.steps import STEPS

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "workshop.md"
TEXT = GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)\s]+)\)", TEXT))))
def test_its_links_lead_somewhere(link: str) -> None:
    assert (GUIDE.parent / link).is_file()


def test_its_plan_of_the_talk_is_the_one_that_is_replayed() -> None:
    rows = re.findall(r"^\| (\w+) \| ([^|]+) \| ([\d.]+) \| \"", TEXT, flags=re.MULTILINE)
    talk = [(step.number, step.title, step.minutes) for step in STEPS]
    assert [(number, title, float(minutes)) for number, title, minutes in rows] == talk
    assert sum(float(minutes) for *_, minutes in rows) == 25


def test_the_plan_for_ninety_minutes_is_one() -> None:
    starts = [
        int(hours) * 60 + int(minutes) for hours, minutes in re.findall(r"^\| (\d):(\d\d) \|", TEXT, flags=re.MULTILINE)
    ]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] < 90
