"""The measurement as a picture for the back row: a row for each way, a column for each size of value.

An SVG by hand, no script, nothing loaded. Text and thin lines take the page's own colour, so that it stands on a light
page and on a dark one.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .measurement import bytes_of, micro, ratio
from .ways import WAYS, Way

if TYPE_CHECKING:
    from .measurement import Measurement, Row

_WIDTH = 1360.0
_LEFT = 346.0
_ROW = 64.0
_TOP = 150.0
_BAR = 28.0
#: What a column keeps free to the right of its longest bar, for the number and the ratio.
_LABEL = 180.0


def chart(measurement: Measurement) -> str:
    """The picture, and below it, folded away, the table and how it was measured."""
    drawn = [way for way in WAYS if way.key != "provider"]
    bottom = _TOP + len(drawn) * _ROW
    foot = _foot(measurement)
    height = bottom + 46 + 27 * len(foot)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" role="img">',
        f"<title>{escape('One key, one store: what a get takes. ' + '. '.join(measurement.finding()))}</title>",
        '<text class="head" x="0" y="40">One get from one store, on one machine: µs, shorter is better</text>',
        *_labels(drawn),
    ]
    column = (_WIDTH - _LEFT) / len(measurement.sizes)
    for number, size in enumerate(measurement.sizes):
        parts += _column(measurement, size, drawn, _LEFT + number * column, column, bottom)
    parts += _unmeasured(measurement, drawn)
    for number, line in enumerate(foot):
        parts.append(f'<text class="foot" x="0" y="{bottom + 66 + 27 * number:g}">{escape(line)}</text>')
    parts.append("</svg>")
    return (
        f'<div class="wl-sidecars">{_STYLE}{"".join(parts)}'
        f"<details><summary>The numbers, and how they were measured</summary><pre>{escape(measurement.table())}</pre>"
        "</details></div>"
    )


def _foot(measurement: Measurement) -> list[str]:
    return [
        "Grey, up to the dashed line: the store itself. Coloured: what the way adds. × is beside a component's import.",
        "Each column has its own scale, linear, from 0. Thin line: 5th to 95th percentile, an arrow where it goes on.",
        *measurement.foot,
    ]


def _labels(drawn: list[Way]) -> list[str]:
    parts = []
    for number, way in enumerate(drawn):
        y = _middle(number)
        parts.append(f'<text class="name" x="0" y="{y - 2:g}">{escape(way.name)}</text>')
        parts.append(f'<text class="detail" x="0" y="{y + 20:g}">{escape(way.detail)}</text>')
        if number and way.kind != drawn[number - 1].kind:
            line = y - _ROW / 2
            parts.append(f'<line class="rule" x1="0" x2="{_WIDTH:g}" y1="{line:g}" y2="{line:g}"/>')
    return parts


def _column(measurement: Measurement, size: int, drawn: list[Way], x: float, width: float, bottom: float) -> list[str]:
    rows = [measurement.row(way.key, size) for way in drawn]
    scale = (width - _LABEL) / max((row.median for row in rows if row.median), default=1.0)
    store = measurement.row("provider", size).median or 0.0
    own = measurement.row("import", size).median
    mark = x + store * scale
    parts = [
        f'<text class="size" x="{x:g}" y="96">{bytes_of(size)}</text>',
        f'<text class="short" x="{x:g}" y="127">{escape(measurement.verdict(size))}</text>',
    ]
    for number, (way, row) in enumerate(zip(drawn, rows)):
        parts += _bar(way, row, own, (x, _middle(number) - 5), scale, mark, x + width - 24)
    parts.append(f'<line class="store-line" x1="{mark:.1f}" x2="{mark:.1f}" y1="{_TOP - 6:g}" y2="{bottom + 6:g}"/>')
    words = f'store itself <tspan class="strong">{micro(store)}</tspan>'
    parts.append(f'<text class="foot" x="{x:g}" y="{bottom + 28:g}">{words}</text>')
    return parts


def _bar(
    way: Way, row: Row, own: float | None, at: tuple[float, float], scale: float, mark: float, end: float
) -> list[str]:
    """A way's bar, its number and its spread.

    Args:
        own: the median of a component's import.
        at: where the bar starts, and its middle.
        scale: pixels of a microsecond.
        mark: where the store itself ends.
        end: where the thin line must stop.
    """
    if row.median is None or row.p5 is None or row.p95 is None:
        return []
    x, y = at
    length = row.median * scale
    shared = 0.0 if way.kind == "floor" else min(mark - x, length)
    top, under = y - _BAR / 2, y + 21
    spread = f"{micro(row.p5)} to {micro(row.p95)} in {row.n} rounds"
    words = f"{row.name}, {bytes_of(row.size)}: {micro(row.median)} µs, {spread}"
    low, high = min(x + row.p5 * scale, end), min(x + row.p95 * scale, end)
    cut = x + row.p95 * scale > end
    tip = f"M{high - 7:.1f} {under - 5:g}L{high:.1f} {under:g}L{high - 7:.1f} {under + 5:g}"
    cap = f"M{high:.1f} {under - 5:g}v10"
    ratios = ""
    if own and way.kind in ("component", "sidecar"):
        ratios = f'<tspan class="ratio" dx="8">{ratio(row.median / own)}</tspan>'
    return [
        f"<g><title>{escape(words)}</title>",
        f'<rect class="shared" x="{x:g}" y="{top:g}" width="{shared:.1f}" height="{_BAR:g}"/>',
        f'<rect class="{way.kind}" x="{x + shared:.1f}" y="{top:g}" width="{length - shared:.1f}" height="{_BAR:g}"/>',
        f'<path class="spread" d="M{low:.1f} {under - 5:g}v10M{low:.1f} {under:g}H{high:.1f}{tip if cut else cap}"/>',
        f'<text class="number" x="{max(x + length, mark) + 10:.1f}" y="{y + 9:g}">{micro(row.median)}{ratios}</text>',
        "</g>",
    ]


def _unmeasured(measurement: Measurement, drawn: list[Way]) -> list[str]:
    """What is to be said of ways without numbers, across the columns."""
    parts = []
    for number, way in enumerate(drawn):
        note = measurement.row(way.key, measurement.sizes[0]).note
        if note:
            parts.append(f'<text class="foot" x="{_LEFT:g}" y="{_middle(number) + 6:g}">{escape(note)}</text>')
    return parts


def _middle(number: int) -> float:
    return _TOP + number * _ROW + _ROW / 2


# Under one class: a style inside a cell's output reaches the whole notebook. The three colours stand on light and dark.
_STYLE = """<style>
.wl-sidecars{max-width:1360px}.wl-sidecars svg{width:100%;height:auto;display:block}
.wl-sidecars text{fill:currentColor;font-family:system-ui,sans-serif}
.wl-sidecars .head{font-size:34px;font-weight:700}.wl-sidecars .size{font-size:36px;font-weight:700}
.wl-sidecars .short{font-size:21px}.wl-sidecars .name{font-size:23px;font-weight:600}
.wl-sidecars .detail{font-size:18px;opacity:.8}.wl-sidecars .number{font-size:25px;font-weight:700}
.wl-sidecars .ratio{font-size:20px;font-weight:400}.wl-sidecars .foot{font-size:19px}
.wl-sidecars .strong{font-weight:700}.wl-sidecars .shared{fill:#8b8f98}.wl-sidecars .store{fill:#8b8f98}
.wl-sidecars .component{fill:#2a9d6f}.wl-sidecars .sidecar{fill:#e07a1f}.wl-sidecars .floor{fill:#8b8f98}
.wl-sidecars .spread{stroke:currentColor;stroke-width:2.5;fill:none}
.wl-sidecars .store-line{stroke:currentColor;stroke-width:2;stroke-dasharray:6 5;opacity:.7}
.wl-sidecars .rule{stroke:currentColor;opacity:.2}
.wl-sidecars summary{cursor:pointer;margin-top:8px}.wl-sidecars pre{white-space:pre-wrap;font-size:13px}
</style>"""
