"""Panels that are open on a lab with gopher, and what a person does in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest

import wasicloud_lab as wl
from tests.threads import until
from wasicloud_lab.errors import Unavailable
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.widgets.links import LinkRow
from wasicloud_lab.widgets.panel import Panel
from wasicloud_lab.widgets.shells import inside


class Slow(MemoryStore):
    """Gives no sign of life until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def ping(self) -> None:
        self.asked.set()
        self.let_go.wait(60)


class Away(MemoryStore):
    """Can be taken away; tells a secret when it is."""

    away = False

    def ping(self) -> None:
        if self.away:
            raise Unavailable("redis://:hunter2@localhost does not answer")


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    app = own_lab.load("gopher")
    own_lab.keyvalue.provider.set("default", "x", b"1")
    return app


@pytest.fixture
def opened(own_lab: wl.Lab, gopher: wl.App) -> Iterator[Callable[[], Panel]]:
    """Opens panels on the lab with gopher; all are closed at the end."""
    made: list[Panel] = []

    def open_one() -> Panel:
        made.append(own_lab.panel())
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def look_until(panel: Panel, holds: Callable[[], Any]) -> Any:
    """As a front end that shows the panel while it waits."""

    def looked() -> Any:
        panel.looked_at()
        return holds()

    return until(looked)


def row(panel: Panel, name: str) -> LinkRow:
    """The row of one link."""
    return next(row for link, row in panel.links.rows.items() if link.name == name)


def text(shown: Any) -> str:
    """All that the HTML in a widget or row says."""
    widget = getattr(shown, "view", shown)
    return "\n".join(each.value for each in inside(widget) if isinstance(each, ipywidgets.HTML))


def choose(line: LinkRow, beginning: str) -> None:
    dropdown = line.provider
    dropdown.index = next(n for n, (label, _) in enumerate(dropdown.options) if label.startswith(beginning))


def type_url(line: LinkRow, url: str, kind: str = "url") -> None:
    line.url.told({"type": kind, "url": url})
