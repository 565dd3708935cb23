"""What a person sees of widgets and may do with them, without a browser."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import ipywidgets as W
import pytest

from tests.threads import until


def seen(widget: Any) -> str:
    """All HTML that is shown in a widget and those in it."""
    if getattr(widget.layout, "display", None) == "none":
        return ""
    if isinstance(widget, W.HTML):
        return str(widget.value)
    return "\n".join(filter(None, (seen(child) for child in getattr(widget, "children", ()))))


def fields(widget: Any) -> Iterator[Any]:
    """All widgets that a person can use, shown at this moment."""
    if getattr(widget.layout, "display", None) == "none":
        return
    if isinstance(widget, W.Box):
        for child in widget.children:
            yield from fields(child)
    elif not isinstance(widget, W.HTML):
        yield widget


def settled(section: Any) -> str:
    """What is seen when nothing is read or sent any more."""
    until(lambda: "wl-busy" not in seen(section.view))
    return html.unescape(seen(section.view))


def chosen(widget: Any) -> list[Any]:
    """The values that may be chosen."""
    return [value for _, value in widget.options]


@pytest.fixture(autouse=True)
def somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: single requests leave a trace."""
    monkeypatch.setattr("wasicloud_lab.app.interactive", lambda: True)
    monkeypatch.setattr("wasicloud_lab.trace.interactive", lambda: True)
