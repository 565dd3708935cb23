"""LatencyChart: how long requests took and how many failed in the last minute, with a mark at each swap.

Drawn by plotly's JavaScript as it is in plotly's package, which needs no network; its Python, slow to import and far
more than is needed here, stays out. Times are on a logarithmic axis: a store in memory and one that
hung for two seconds are both to be seen. The colours are readable on light and dark; text takes the notebook's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import traitlets

from ..history import Swap
from ..tally import SLOT, Slot

#: Seconds that are shown.
SHOWN = 60.0
#: Characters of a mark's label.
_LABEL = 28
#: Labels of marks are written into so many rows.
_ROWS = 3
#: Pixels that a character of a label takes, rather too many, and what is left free round it.
_CHARACTER, _AIR = 6.4, 8
#: A chart that is narrower has no room for labels.
_ROOMY = 400
#: Pixels between two labels of the time axis, at least.
_TICK = 110
#: What the chart is wide until a page has said so.
_USUAL = 700
_MARGIN = {"l": 64, "r": 36, "t": 62, "b": 56}

_P50, _P99, _FAILED, _SWAP, _TEXT, _GRID = (
    "#3b82f6",
    "#e8710a",
    "#e5484d",
    "#8b6fd6",
    "#808080",
    "rgba(128,128,128,.25)",
)

_STYLE = """
.wl-latency{overflow:hidden;min-height:300px}
.wl-latency .js-plotly-plot .main-svg text:not(.annotation-text){fill:var(--jp-ui-font-color1,#808080)!important}
.wl-latency .js-plotly-plot .hoverlayer text{fill:#fff!important}
"""


class Chart(anywidget.AnyWidget):
    """What plotly is to draw. Tells Python how wide it may be, and asks for plotly where the page has none yet.

    Attributes:
        picture: "data" and "layout" as plotly wants them; empty before the first drawing.
    """

    _esm = Path(__file__).with_name("latency_chart.js")
    _css = _STYLE
    picture = traitlets.Dict().tag(sync=True)


class LatencyChart:
    """
    Attributes:
        view: the widget.
        stale: the page shows the chart in another size; the next drawing sees to that.
    """

    def __init__(self) -> None:
        self.stale = False
        self._width = _USUAL
        self.view = Chart(layout=W.Layout(width="100%", min_width="0"))
        self.view.add_class("wl-latency")
        self.view.on_msg(self._told)

    @property
    def data(self) -> list[dict[str, Any]]:
        """What is drawn: p99, p50, and the failures per second."""
        return list(self.view.picture.get("data", ()))

    @property
    def layout(self) -> dict[str, Any]:
        """How: axes, lines and labels."""
        return dict(self.view.picture.get("layout", {}))

    def draw(self, slots: Sequence[Slot], until: float, rate: float | None, swaps: Sequence[tuple[str, Swap]]) -> None:
        """Draws the minute before `until`, in one message to the browser.

        Args:
            slots: what happened, oldest first.
            until: a `time.time()`: the right end.
            rate: requests per second that are aimed at; a gap that it explains is drawn through.
            swaps: of any link, with its name; those within the minute are marked.
        """
        since = until - SHOWN
        slots = [slot for slot in slots if slot.at >= since]
        points = _points(slots, max(1.0, 3 / rate) if rate else 1.0)
        failed: dict[int, int] = {}
        for slot in slots:
            if slot.errors:
                failed[int(slot.at)] = failed.get(int(slot.at), 0) + slot.errors
        done = [(name, swap) for name, swap in swaps if swap.refused is None]
        shown = [(number, *each) for number, each in enumerate(done, 1) if since < each[1].at <= until]
        shapes, labels = _marks(shown, since, self._width)
        self.stale = False
        times = [_moment(at) for at, _, _ in points]
        p99, p50, bars = _TRACES
        most = max(failed.values(), default=0)
        self.view.picture = {
            "data": [
                {**p99, "x": times, "y": [_milliseconds(slow) for _, _, slow in points]},
                {**p50, "x": times, "y": [_milliseconds(half) for _, half, _ in points]},
                {**bars, "x": [_moment(at) for at in failed], "y": list(failed.values())},
            ],
            "layout": {
                **_LAYOUT,
                "xaxis": {
                    **_LAYOUT["xaxis"],
                    "range": [_moment(since), _moment(until)],
                    "nticks": max(2, round(_room(self._width) / _TICK)),
                },
                "yaxis": {**_LAYOUT["yaxis"], "range": _range(slots)},
                # The bars keep to the lower third.
                "yaxis2": {**_LAYOUT["yaxis2"], "range": [0, max(3, 3 * most)], "showticklabels": bool(failed)},
                "shapes": shapes,
                "annotations": labels,
            },
        }

    def _told(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content.get("type") == "width":
            self._width = max(int(content["width"]), 200)
            self.stale = True
        elif content.get("type") == "library":
            self.view.send({"type": "library"}, [_library()])

    def close(self) -> None:
        """Lets the browser forget it."""
        self.view.close()


@cache
def _library() -> bytes:
    """plotly's JavaScript."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


def _points(slots: Sequence[Slot], gap: float) -> list[tuple[float, float | None, float | None]]:
    """Time, p50 and p99; a gap of more than so many seconds is a point without values, where the lines break."""
    points: list[tuple[float, float | None, float | None]] = []
    last: float | None = None
    for slot in slots:
        if slot.count:
            if last is not None and slot.at - last > gap + SLOT:
                points.append((last + SLOT, None, None))
            points.append((slot.at + SLOT / 2, slot.p50, slot.p99))
            last = slot.at
    return points


def _marks(
    swaps: Sequence[tuple[int, str, Swap]], since: float, width: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines and labels of swaps (number, link's name, swap), and a pale band where data was moved."""
    shapes: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    several = len({name for _, name, _ in swaps}) > 1
    places = _Places(width, [_across(swap.at - since, width) for _, _, swap in swaps])
    # The newest first: it has the lowest row, and an older one's label passes over its line.
    for number, name, swap in reversed(swaps):
        words = escape(f"{name} → {_few(swap.after)}" if several else f"→ {_few(swap.after)}", quote=False)
        texts = (words, str(number)) if width >= _ROOMY else ()
        text, row, side = places.take(_across(swap.at - since, width), texts)
        at = _moment(swap.at)
        upright = {"xref": "x", "yref": "paper", "x1": at, "y0": 0}
        top = 1.02 + 0.09 * row
        if swap.moved is not None and swap.seconds >= SLOT:
            began = _moment(max(swap.at - swap.seconds, since))
            band = {"type": "rect", "x0": began, "y1": 1, "fillcolor": _SWAP, "opacity": 0.18, "line": {"width": 0}}
            shapes.append({**upright, **band})
        line = {"color": _SWAP, "width": 1.5, "dash": "dash"}
        shapes.append({**upright, "type": "line", "x0": at, "y1": top + (0.05 if text != _FLAG else 0), "line": line})
        labels.append(
            {
                **_SIDES[side], "x": at, "y": top, "xref": "x", "yref": "paper", "yanchor": "bottom",
                "showarrow": False, "text": text, "font": {"color": _SWAP, "size": 11},
                "hovertext": escape(f"{name}: {swap}", quote=False), "hoverlabel": _HOVER,
            }
        )  # fmt: skip
    return shapes, labels


class _Places:
    """Where labels still have room over a chart that is so wide."""

    def __init__(self, width: int, lines: Sequence[float]) -> None:
        self._all = lines
        self._left, self._right = -_MARGIN["l"], _room(width) + _MARGIN["r"]
        self._lines: list[tuple[float, int]] = []  # which go up to the label's row, that included
        self._labels: list[tuple[float, float, int]] = []

    def take(self, x: float, texts: Sequence[str]) -> tuple[str, int, str]:
        """The first of those texts that has room beside the line at x, its row, and on which side; else a flag."""
        for text in texts:
            long = len(text) * _CHARACTER + _AIR
            for side, start in (("right", x), ("left", x - long)):
                # Over lines that are still to come: they end below it.
                over = any(start < other < start + long for other in self._all if other != x)
                for row in reversed(range(_ROWS)) if over and side == "left" else range(_ROWS):
                    if self._free(x, start, start + long, row):
                        self._lines.append((x, row))
                        self._labels.append((start, start + long, row))
                        return text, row, side
        self._lines.append((x, 0))
        return _FLAG, 0, "middle"

    def _free(self, x: float, start: float, end: float, row: int) -> bool:
        return (
            self._left <= start
            and end <= self._right
            and not any(start < other < end for other, top in self._lines if top >= row)
            and not any(left < end and start < right for left, right, at in self._labels if at == row)
            and not any(left < x < right for left, right, at in self._labels if at <= row)
        )


def _room(width: int) -> int:
    """Pixels between the axes of a chart that is so wide."""
    return width - _MARGIN["l"] - _MARGIN["r"]


def _across(seconds: float, width: int) -> float:
    """Pixels from the left axis."""
    return seconds / SHOWN * _room(width)


def _few(provider: str) -> str:
    """The few words of a provider's summary that say what it is: "Redis", "SQLite", "folder"."""
    words = re.split(r""",| (?:at|file|bucket|account)\b|(?<=^folder) | ['"]""", provider, maxsplit=1)[0]
    return words if len(words) <= _LABEL else words[: _LABEL - 1] + "…"


def _range(slots: Sequence[Slot]) -> list[float]:
    """The ends of the time axis as powers of ten, whole ones and halves so that it seldom changes."""
    low = min((slot.p50 for slot in slots if slot.p50), default=1e-4) * 1000
    high = max((slot.p99 for slot in slots if slot.p99), default=1e-2) * 1000
    bottom = math.floor(math.log10(low) * 2 - 0.2) / 2
    return [bottom, max(math.ceil(math.log10(high) * 2 + 0.2) / 2, bottom + 1.5)]


def _moment(at: float) -> str:
    """A moment as plotly's time axis wants it, in the kernel's local time."""
    return datetime.fromtimestamp(at).isoformat(" ", "milliseconds")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


_LINE = {"type": "scatter", "mode": "lines", "hovertemplate": "%{y:.2~f} ms"}
_TRACES: list[dict[str, Any]] = [
    {**_LINE, "name": "p99", "line": {"color": _P99, "width": 1.5}},
    {**_LINE, "name": "p50", "line": {"color": _P50, "width": 2.5}},
    {
        "type": "bar", "name": "failed per second", "marker": {"color": _FAILED}, "yaxis": "y2",
        "width": 900, "offset": 0, "hovertemplate": "%{y}",
    },
]  # fmt: skip
#: Stands on a line that has no room for a label.
_FLAG = "▾"
_SIDES: dict[str, dict[str, Any]] = {
    "right": {"xanchor": "left", "xshift": 3},
    "left": {"xanchor": "right", "xshift": -3},
    "middle": {"xanchor": "center", "xshift": 0},
}
_HOVER = {"bgcolor": "#333", "font": {"color": "#fff"}}
_AXIS = {"fixedrange": True, "gridcolor": _GRID, "zeroline": False, "linecolor": _GRID}
_LAYOUT: dict[str, Any] = {
    "template": "none",
    "autosize": True,
    "height": 300,
    "margin": _MARGIN,
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": _TEXT, "size": 12},
    "dragmode": False,
    "hovermode": "x",
    "hoverlabel": _HOVER,
    "legend": {"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top", "traceorder": "normal"},
    "xaxis": {**_AXIS, "type": "date", "tickformat": "%H:%M:%S", "nticks": 5, "tickangle": 0},
    "yaxis": {
        **_AXIS, "type": "log", "range": [-1, 2], "dtick": 1, "ticksuffix": " ms", "exponentformat": "none",
        "minor": {"dtick": "D1", "ticks": "outside", "ticklen": 3, "tickcolor": _GRID},
    },
    "yaxis2": {
        **_AXIS, "overlaying": "y", "side": "right", "showgrid": False, "showline": False, "rangemode": "tozero",
        "tickmode": "auto", "nticks": 3,
        "tickfont": {"color": _FAILED}, "range": [0, 3], "showticklabels": False, "tickformat": "d",
    },
}  # fmt: skip
