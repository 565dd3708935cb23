"""Keeps a widget's clicks out of the queue behind a running cell.

JupyterLab sends a widget's messages to a subshell of the kernel, whose thread is free while a cell runs. Newer
versions of ipykernel send them back to the thread that published last on the same comm, so that a cell can
await an answer. For a widget made in a cell, or updated by a thread of ours, that is the main thread: a click
would wait until the running cell has ended; and after the page was reloaded, a subshell that is gone. The panel
awaits nothing, so for its widgets the front end's own choice counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets

#: How ipykernel's comm is asked where a message goes; versions without it need nothing.
_ROUTE = "_reply_subshell_for"


def free(root: ipywidgets.Widget) -> None:
    """For a widget and all that is in it: messages go where the front end sent them. Cheap when done already."""
    for widget in inside(root):
        comm = getattr(widget, "comm", None)
        if comm is not None and hasattr(comm, _ROUTE) and _ROUTE not in vars(comm):
            setattr(comm, _ROUTE, _as_sent)


def inside(root: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    """A widget and all that is in it, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        widget = waiting.pop()
        if id(widget) not in seen:
            seen.add(id(widget))
            yield widget
            waiting += getattr(widget, "children", ())


def close(root: ipywidgets.Widget) -> None:
    """Takes a widget and all that is in it off the page."""
    for widget in list(inside(root)):
        widget.close()


def _as_sent(data: Any, sent_to: str | None) -> str | None:
    return sent_to
