"""A trace as a waterfall: SVG in HTML for a notebook, text for a terminal. No library, no scripts, no network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

from .units import fine_text, size_text

if TYPE_CHECKING:
    from .trace import HostCall, Trace

#: Calls that are drawn one by one; of more, repetitions are folded.
FOLD_ABOVE = 60
#: The longest group of calls whose repetition is recognised: ask for room, write, wait, …
PERIOD = 6

_LABEL, _BARS, _TIME = 430, 330, 72
_WIDTH = _LABEL + _BARS + _TIME
_ROW = 20
_TOP = 22
_MONO = 6.7
_INDENT = 14


@dataclass(frozen=True)
class Row:
    """One line of the waterfall.

    Attributes:
        title: what was called, and on what.
        arguments: with what, in brackets.
        answer: the result, or the error.
        failed: whether that is an error.
        kind: "keyvalue", "blobstore", "http", "io" or "other": its colour; empty where nothing is drawn.
        start, seconds: where the bar is.
        busy: seconds spent in the calls, if they are several.
        depth: how far it is indented.
        tip: all that is known, for the pointer.
    """

    title: str
    arguments: str
    answer: str
    failed: bool
    kind: str
    start: float
    seconds: float
    busy: float
    depth: int
    tip: str

    @property
    def text(self) -> str:
        """The row in words."""
        arrow = (" ✗ " if self.failed else " → ") if self.answer else ""
        return f"{self.title}{self.arguments}{arrow}{self.answer}"


def rows(trace: Trace) -> list[Row]:
    """The lines of a trace: each call, or folded where there are very many."""
    calls, gap = trace.calls, trace.gap_at
    before = [call for call in calls if gap is None or call.start < gap]
    after = calls[len(before) :]
    fold = len(calls) > FOLD_ABOVE
    if gap is None:
        return _fitting(_folded(calls) if fold else [_row(call) for call in calls], FOLD_ABOVE)
    half = FOLD_ABOVE // 2
    missing = _note(f"… {trace.not_kept:,} host calls more that were not kept", gap)
    return [*_fitting(_folded(before), half), missing, *_fitting(_folded(after), half)]


def _row(call: HostCall) -> Row:
    title, arguments = call.line
    answer = call.error if call.error is not None else call.result or ""
    name = f"{call.interface}#{call.function}" if call.interface else call.function
    tip = f"{name}\n{call}\n{call.app}, at {fine_text(call.start)}, took {fine_text(call.seconds)}"
    return Row(
        title, arguments, answer, call.error is not None, _kind(call.interface),
        call.start, call.seconds, call.seconds, call.depth, tip,
    )  # fmt: skip


def _kind(interface: str) -> str:
    package = interface.partition("/")[0]
    if interface.startswith("wasi:http/incoming-handler"):
        return "handler"
    return package[5:] if package in ("wasi:keyvalue", "wasi:blobstore", "wasi:http", "wasi:io") else "other"


def _folded(calls: list[HostCall]) -> list[Row]:
    """Rows for calls where a group that comes again and again is one row. A call that failed is always its own."""
    names = [(call.interface, call.function, call.depth, call.app) for call in calls]
    found: list[Row] = []
    at = 0
    while at < len(calls):
        best, length = 1, 1
        for period in range(1, PERIOD + 1):
            times = _repetitions(calls, names, at, period)
            if times >= 3 and times * period > best * length:
                best, length = times, period
        group = calls[at : at + best * length]
        found.append(_repeated(group, best, length) if best > 1 else _row(calls[at]))
        at += len(group)
    return found


def _repetitions(calls: list[HostCall], names: list[tuple[str, str, int, str]], at: int, period: int) -> int:
    """How often the `period` calls at `at` follow each other, all of them without an error."""
    group = names[at : at + period]
    end = at
    while names[end : end + period] == group and all(call.error is None for call in calls[end : end + period]):
        end += period
    return (end - at) // period


def _repeated(calls: list[HostCall], times: int, period: int) -> Row:
    titles = [call.title for call in calls[:period]]
    title = titles[0] if period == 1 else f"({', '.join(titles)})"
    start, end = calls[0].start, max(call.start + call.seconds for call in calls)
    outer = min(call.depth for call in calls)
    busy = sum(call.seconds for call in calls if call.depth == outer)
    when = f"from {fine_text(start)} to {fine_text(end)}, {fine_text(busy)} in them"
    tip = f"{times:,} times {', '.join(titles)}\n{when}"
    return Row(f"… {times:,} × {title}", "", "", False, _kind(calls[0].interface), start, end - start, busy, outer, tip)


def _fitting(found: list[Row], limit: int) -> list[Row]:
    """The rows, without those in the middle where they are still too many; those that failed stay."""
    if len(found) <= limit:
        return found
    first, last = limit * 2 // 3, limit // 3 - 1
    middle = found[first : len(found) - last]
    failed = [row for row in middle if row.failed][:limit]
    gap = _note(f"… {len(middle) - len(failed):,} rows more (app.trace.calls has them all)", middle[0].start)
    return [*found[:first], gap, *failed, *found[len(found) - last :]]


def _note(text: str, at: float) -> Row:
    return Row(text, "", "", False, "", at, 0.0, 0.0, 0, text)


def headline(trace: Trace) -> tuple[str, str]:
    """The request and its outcome, and where the time went."""
    outcome = f"failed: {trace.error}" if trace.error is not None else str(trace.status)
    if trace.error is not None and trace.status is not None:
        outcome = f"{trace.status}, then {outcome}"
    parts = [f"{trace.method} {trace.path} → {outcome}"]
    if trace.request_bytes:
        parts.append(f"{size_text(trace.request_bytes)} in")
    if trace.response_bytes is not None:
        parts.append(f"{size_text(trace.response_bytes)} out")
    count = sum(call.depth == 0 for call in trace.calls) + trace.not_kept
    times = [f"{fine_text(trace.seconds)} in all", f"{trace.app} {fine_text(trace.guest_seconds)}"]
    times.append(f"{count:,} host call{'' if count == 1 else 's'} {fine_text(trace.host_seconds)}")
    if _waited(trace):
        times.append(f"before it ran {fine_text(trace.wait_seconds)}")
    return " · ".join(parts), " · ".join(times)


def _waited(trace: Trace) -> bool:
    """Whether what came before the guest is worth a word."""
    return trace.wait_seconds > max(0.2 * trace.seconds, 0.001)


# --- text ----------------------------------------------------------------------------------------------

_CELLS = 28


def waterfall_text(trace: Trace) -> str:
    """For a terminal: one line for each row."""
    lines = list(headline(trace))
    whole = trace.seconds or 1.0
    shown = rows(trace)
    if trace.status is not None or shown:
        own = "".join("█" if busy else "·" for busy in _own_cells(trace, whole))
        lines.append(f"  {own}  {fine_text(trace.guest_seconds):>8}  {trace.app}, its own code")
    for row in shown:
        bar = "·" * _CELLS
        if row.kind:
            first = min(int(row.start / whole * _CELLS), _CELLS - 1)
            last = min(max(math.ceil((row.start + row.seconds) / whole * _CELLS), first + 1), _CELLS)
            bar = "·" * first + "█" * (last - first) + "·" * (_CELLS - last)
        took = fine_text(row.busy) if row.kind else ""
        said = _cut(row.text, 100)
        if row.failed:  # why is worth more than with what
            said = f"{_cut(row.title + row.arguments, 60)} ✗ {row.answer}"
        lines.append(f"  {bar}  {took:>8}  {'  ' * row.depth}{said}")
    return "\n".join(lines)


def _own_cells(trace: Trace, whole: float) -> list[bool]:
    """Where the guest runs its own code for at least half of a cell's time."""
    cell = whole / _CELLS
    filled = [0.0] * _CELLS
    for start, end in _own_spans(trace):
        for n in range(int(start / cell), min(math.ceil(end / cell), _CELLS)):
            filled[n] += max(0.0, min(end, (n + 1) * cell) - max(start, n * cell))
    return [part >= cell / 2 for part in filled]


def _own_spans(trace: Trace) -> list[tuple[float, float]]:
    """Seconds between which the guest runs its own code; what happened in calls not kept is not known."""
    at, end = trace.guest_span
    gap = trace.gap_at
    spans = []
    for call in trace.calls:
        if call.depth:
            continue
        if gap is not None and at < gap <= call.start:
            at = call.start  # between these two nobody knows
        if call.start > at:
            spans.append((at, call.start))
        at = max(at, call.start + call.seconds)
    if end > at:
        spans.append((at, end))
    return spans


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


# --- SVG -----------------------------------------------------------------------------------------------


def waterfall_html(trace: Trace) -> str:
    """For a notebook: the request in words, and the waterfall."""
    shown = rows(trace)
    whole = trace.seconds or 1.0
    first, second = headline(trace)
    tops = [_TOP + _ROW]
    for row in shown:
        tops.append(tops[-1] + _ROW * (1 + len(_error(row))))
    height = tops[-1] + 6
    bad = trace.error is not None or (trace.status or 0) >= 500
    parts = [
        f'<div class="wl-trace"><div class="head{" bad" if bad else ""}">{escape(first)}</div>'
        f'<div class="times">{escape(second)}</div>',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" role="img" '
        f'aria-label="{escape(f"waterfall of {first}; {second}")}">',
        _STYLE,
        _axis(whole, height),
        _own_row(trace, whole),
    ]
    parts += [_row_svg(row, top, whole) for row, top in zip(shown, tops)]
    parts.append("</svg></div>")
    return "".join(parts)


def _x(seconds: float, whole: float) -> float:
    return _LABEL + min(max(seconds / whole, 0.0), 1.0) * _BARS


def _axis(whole: float, height: float) -> str:
    """Lines at round times, three to six of them."""
    step = 10.0 ** math.floor(math.log10(whole / 3))
    step = next(step * factor for factor in (5, 2, 1) if whole / (step * factor) >= 2.5)
    marks = []
    for n in range(int(whole / step) + 1):
        x = _x(n * step, whole)
        label = "0" if n == 0 else fine_text(n * step)
        if x + len(label) * 3 > _LABEL + _BARS + 8:
            continue
        marks.append(
            f'<path class="grid" d="M{x:.1f} {_TOP - 5}V{height - 4}"/>'
            f'<text class="tick" x="{x:.1f}" y="{_TOP - 9}">{escape(label)}</text>'
        )
    return "".join(marks)


def _own_row(trace: Trace, whole: float) -> str:
    """The guest's own time, and before it what it waited for."""
    begin, _ = trace.guest_span
    middle = _TOP + _ROW / 2
    path = []
    spans: list[tuple[float, float]] = []
    for start, end in _own_spans(trace):
        left, right = _x(start, whole), _x(end, whole)
        if spans and left - spans[-1][1] < 0.3:  # a gap too small to be seen
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    path = [f"M{left:.1f} {middle}H{max(right, left + 0.4):.1f}" for left, right in spans]
    waiting = ""
    if begin > 0:
        waiting = (
            f"<g><title>{escape(f'before the guest ran: {fine_text(begin)}')}</title>"
            f'<rect class="wait" x="{_LABEL}" y="{_TOP + 7}" width="{max(_x(begin, whole) - _LABEL, 0.5):.1f}" '
            f'height="6"/></g>'
        )
    name = escape(_cut(trace.app, 40))
    return (
        f'<text x="0" y="{_TOP + 14}"><tspan class="what">{name}</tspan>'
        f'<tspan class="dim">, its own code</tspan></text>'
        f"{waiting}<g><title>{name}: {fine_text(trace.guest_seconds)} in its own code</title>"
        f'<path class="own" d="{"".join(path) or "M0 0"}"/></g>'
        f'<text class="took" x="{_WIDTH}" y="{_TOP + 14}">{fine_text(trace.guest_seconds)}</text>'
    )


def _row_svg(row: Row, y: float, whole: float) -> str:
    indent = _indent(row)
    error = _error(row)
    row = _squeezed(replace(row, answer="") if error else row, int((_LABEL - 12 - indent) / _MONO))
    label = (
        f'<text x="{indent}" y="{y + 14:g}"><tspan class="what">{escape(row.title)}</tspan>'
        f'<tspan class="dim">{escape(row.arguments + (" → " if row.answer else ""))}</tspan>'
        f'<tspan class="answer">{escape(row.answer)}</tspan></text>'
    )
    label += "".join(
        f'<text class="wrong" x="{indent + _INDENT}" y="{y + _ROW * n + 14:g}">{escape(line)}</text>'
        for n, line in enumerate(error, 1)
    )
    if not row.kind:
        return f'<g class="note">{label}</g>'
    left, right = _x(row.start, whole), _x(row.start + row.seconds, whole)
    left = min(left, _LABEL + _BARS - 1.5)
    colour = "failed" if row.failed else row.kind
    return (
        f"<g><title>{escape(row.tip)}</title>"
        f'<rect class="row" x="0" y="{y:g}" width="{_WIDTH}" '
        f'height="{_ROW * (1 + len(error))}"/>{label}'
        f'<rect class="bar {colour}" x="{left:.1f}" y="{y + 4:g}" width="{max(right - left, 1.5):.1f}" '
        f'height="12" rx="2"/>'
        f'<text class="took" x="{_WIDTH}" y="{y + 14:g}">{fine_text(row.busy)}</text></g>'
    )


def _indent(row: Row) -> int:
    return min(row.depth, 8) * _INDENT


def _error(row: Row) -> list[str]:
    """What went wrong, whole, in lines of its own across the picture: it is what one looks for."""
    if not (row.failed and row.answer):
        return []
    room = int((_WIDTH - _indent(row) - _INDENT) / _MONO)
    return wrap(f"✗ {row.answer}", room, subsequent_indent="  ")


def _squeezed(row: Row, room: int) -> Row:
    """The row's words in so many characters: the answer keeps its place, arguments are cut before it."""
    title = _cut(row.title, room)
    left = room - len(title)
    answer = _cut(row.answer, max(left // 2, left - len(row.arguments) - 3)) if left > 8 else ""
    left -= len(answer) + 3 if answer else 0
    arguments = _cut(row.arguments, left) if left > 1 else ""
    return replace(row, title=title, arguments=arguments, answer=answer)


# Colours that stand on a light and on a dark page alike; the text follows the page's own colour. Every rule
# is under one class: a style inside an inline picture would otherwise reach the whole notebook.
_STYLE = """<style>
.wl-trace{max-width:100%;overflow-x:auto;color:var(--jp-content-font-color1,inherit)}
.wl-trace svg{width:100%;max-width:1080px;min-width:640px;height:auto;display:block}
.wl-trace .head{font-weight:600;overflow-wrap:anywhere}.wl-trace .head.bad{color:#d0463b}
.wl-trace .times{font-size:12px;opacity:.75;margin:2px 0 6px}
.wl-trace text{fill:currentColor;font:11px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.wl-trace .dim{opacity:.65}.wl-trace .answer{opacity:.9}.wl-trace .wrong{fill:#d0463b}
.wl-trace .tick{font:10px system-ui,sans-serif;opacity:.65;text-anchor:middle}
.wl-trace .took{text-anchor:end;font:11px system-ui,sans-serif;opacity:.85}.wl-trace .note{opacity:.7}
.wl-trace .grid{stroke:currentColor;stroke-width:1;opacity:.13}.wl-trace .row{fill:transparent}
.wl-trace g:hover>.row{fill:#88888826}.wl-trace .own{fill:none;stroke:#8a6de0;stroke-width:8}
.wl-trace .wait{fill:#888;opacity:.35}.wl-trace .bar{fill:#8d8d8d}.wl-trace .bar.keyvalue{fill:#2a9d6f}
.wl-trace .bar.blobstore{fill:#3b82c4}.wl-trace .bar.http{fill:#b58a2a}.wl-trace .bar.io{fill:#4fa3a8}
.wl-trace .bar.handler{fill:#8a6de0}.wl-trace .bar.failed{fill:#d0463b}
</style>"""
