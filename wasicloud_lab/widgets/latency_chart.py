"""LatencyChart: how long requests took and how many failed in the last minute, with a mark at each swap.

A plotly FigureWidget, which needs no network. Times are on a logarithmic axis: a store in memory and one that
hung for two seconds are both to be seen. The colours are readable on light and dark; text takes the notebook's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as W
import plotly.graph_objects as go

from ..history import Swap
from ..tally import SLOT, Slot

#: Seconds that are shown.
SHOWN = 60.0
#: Characters of a mark's label.
_LABEL = 34
#: Labels of marks are written into so many rows, in turn.
_ROWS = 3

_P50, _P99, _FAILED, _SWAP, _TEXT, _GRID = (
    "#3b82f6",
    "#e8710a",
    "#e5484d",
    "#8b6fd6",
    "#808080",
    "rgba(128,128,128,.25)",
)

STYLE = """<style>
.wl-latency{overflow:hidden;min-height:300px}
.wl-latency .modebar-container{display:none!important}
.wl-latency .js-plotly-plot .main-svg text:not(.annotation-text){fill:var(--jp-ui-font-color1,#808080)!important}
.wl-latency .js-plotly-plot .hoverlayer text{fill:#fff!important}
</style>"""


class Fit(anywidget.AnyWidget):
    """Tells Python how wide the chart beside it may be, and when a page shows it."""

    _esm = Path(__file__).with_name("latency_chart.js")


class LatencyChart:
    """
    Attributes:
        view: the widget.
        figure: plotly's; a widget inside the view as soon as a page shows it. Its megabytes would hold up all that
            comes after them, and on a slow machine so long that the rest of the panel gives up.
        stale: a page shows the chart, or in another size; the next drawing sees to that.
    """

    def __init__(self) -> None:
        self.stale = self._shown = False
        self._width: int | None = None
        self._marks: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        self.figure: go.Figure | go.FigureWidget = go.Figure({"data": _TRACES, "layout": _LAYOUT})
        fit = Fit()
        fit.on_msg(self._told)
        self.view = W.Box(
            [W.HTML(STYLE, layout=W.Layout(display="none")), fit],
            layout=W.Layout(display="block", width="100%", min_width="0"),
        )
        self.view.add_class("wl-latency")

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
        shown = [(number, *each) for number, each in enumerate(done) if since < each[1].at <= until]
        shapes, labels = _marks(shown, since)
        self.stale = False
        if self._shown:
            self._shown = False
            self._renew()
        figure = self.figure
        with figure.batch_update():
            p99, p50, bars = figure.data
            p99.x = p50.x = [_moment(at) for at, _, _ in points]
            p99.y = [_milliseconds(slow) for _, _, slow in points]
            p50.y = [_milliseconds(half) for _, half, _ in points]
            bars.x = [_moment(at) for at in failed]
            bars.y = list(failed.values())
            if figure.layout.width != self._width:
                figure.layout.width = self._width
            figure.layout.xaxis.range = [_moment(since), _moment(until)]
            figure.layout.yaxis.range = _range(slots)
            # The bars keep to the lower third.
            figure.layout.yaxis2.range = [0, max(3, 3 * max(failed.values(), default=0))]
            figure.layout.yaxis2.showticklabels = bool(failed)
            if (shapes, labels) != self._marks:
                self._marks = (shapes, labels)
                figure.layout.shapes = shapes
                figure.layout.annotations = labels

    def _told(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content.get("type") == "width":
            self._width = max(int(content["width"]), 200)
        else:
            self._shown = True
        self.stale = True

    def _renew(self) -> None:
        """A page that was loaded again knows plotly's widget as it was made, not what came later: make it anew."""
        old, self.figure = self.figure, go.FigureWidget(self.figure)
        self.view.children = [*self.view.children[:2], self.figure]
        _close(old)

    def close(self) -> None:
        """Lets the browser forget it."""
        _close(self.figure)
        self.view.close()


def _close(figure: go.Figure | go.FigureWidget) -> None:
    if isinstance(figure, go.FigureWidget):
        figure.close()


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


def _marks(swaps: Sequence[tuple[int, str, Swap]], since: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines and labels of swaps (number, link's name, swap), and a pale band where data was moved."""
    shapes: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for number, name, swap in swaps:
        at = _moment(swap.at)
        upright = {"xref": "x", "yref": "paper", "x1": at, "y0": 0}
        top = 1.02 + 0.09 * (number % _ROWS)
        if swap.moved is not None and swap.seconds >= SLOT:
            began = _moment(max(swap.at - swap.seconds, since))
            band = {"type": "rect", "x0": began, "y1": 1, "fillcolor": _SWAP, "opacity": 0.18, "line": {"width": 0}}
            shapes.append({**upright, **band})
        line = {"color": _SWAP, "width": 1.5, "dash": "dash"}
        shapes.append({**upright, "type": "line", "x0": at, "y1": top + 0.05, "line": line})
        late = swap.at - since > SHOWN / 2
        side = {"xanchor": "right", "xshift": -3} if late else {"xanchor": "left", "xshift": 3}
        text = _short(f"{name} → {swap.after.partition(',')[0]}")
        labels.append(
            {
                **side, "x": at, "y": top, "xref": "x", "yref": "paper", "yanchor": "bottom", "showarrow": False,
                "text": escape(text, quote=False), "font": {"color": _SWAP, "size": 11},
            }
        )  # fmt: skip
    return shapes, labels


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


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


_LINE = {"type": "scatter", "mode": "lines", "hovertemplate": "%{y:.2~f} ms"}
_TRACES = [
    {**_LINE, "name": "p99", "line": {"color": _P99, "width": 1.5}},
    {**_LINE, "name": "p50", "line": {"color": _P50, "width": 2.5}},
    {
        "type": "bar", "name": "failed per second", "marker": {"color": _FAILED}, "yaxis": "y2",
        "width": 900, "offset": 0, "hovertemplate": "%{y}",
    },
]  # fmt: skip
_AXIS = {"fixedrange": True, "gridcolor": _GRID, "zeroline": False, "linecolor": _GRID}
_LAYOUT: dict[str, Any] = {
    "template": "none",
    "autosize": True,
    "height": 300,
    "margin": {"l": 64, "r": 36, "t": 62, "b": 56},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": _TEXT, "size": 12},
    "dragmode": False,
    "hovermode": "x",
    "hoverlabel": {"bgcolor": "#333", "font": {"color": "#fff"}},
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
