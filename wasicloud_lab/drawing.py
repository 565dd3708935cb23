"""An app's world as a picture: text for a terminal, SVG for a notebook. No library, no scripts, no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .host.types import Function, Interface

if TYPE_CHECKING:
    from .app import App

_ROW = 40
_WIRE = 56
#: Widths of a character, a little more than any common font needs: the browser chooses the font, not we.
_MONO, _SANS, _BOLD = 7.3, 6.4, 10.5
_NARROW, _WIDE = 180, 320


def world_tree(app: App) -> str:
    """The world as a tree of text, each import with what it is plugged into."""
    wiring = app.wiring
    lines = [f"{app.name}  ({app.size:,} bytes, sha256 {app.digest[:12]})"]
    sides = [("imports", app.world.imports), ("exports", app.world.exports)]
    for number, (title, side) in enumerate(sides):
        last_side = number == len(sides) - 1
        lines.append(f"{'└' if last_side else '├'}── {title}" + ("" if side else ": none"))
        stem = "    " if last_side else "│   "
        width = max((len(name) for name in side), default=0)
        for n, (name, item) in enumerate(side.items()):
            branch = "└──" if n == len(side) - 1 else "├──"
            note = ""
            if title == "imports":
                there = wiring.get(name)
                note = "  (types only)" if _types_only(item) else f"  ← {there or 'nothing (traps when called)'}"
            elif isinstance(item, Function):
                note = "  (function)"
            lines.append(f"{stem}{branch} {name:<{width}}{note}".rstrip())
    return "\n".join(lines)


def world_svg(app: App) -> str:
    """The world drawn: what is plugged in on the left, the component, what it exports on the right."""
    wiring = app.wiring
    imports = [(name, *_import_note(item, wiring.get(name))) for name, item in app.world.imports.items()]
    exports = [(name, _export_note(item), "export") for name, item in app.world.exports.items()]
    left, right = _width(imports), _width(exports)
    title = _short(app.name, 24)
    core = max(170.0, len(title) * _BOLD + 24)
    core_x = left + _WIRE
    export_x = core_x + core + _WIRE
    width = export_x + right
    height = max(len(imports), len(exports), 2) * _ROW + 20
    middle = height / 2
    centre = core_x + core / 2
    parts = [
        f'<svg class="wl-world" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" role="img" style="max-width:100%;min-width:{width * 0.8:.0f}px;height:auto">',
        f"<title>{escape(app.name)}: {len(imports)} imports, {len(exports)} exports</title>",
        _STYLE,
        f'<rect class="core" x="{core_x:g}" y="8" width="{core:g}" height="{height - 16:g}" rx="10"/>',
        f'<text class="name" x="{centre:g}" y="{middle - 8:g}">{escape(title)}</text>',
        f'<text class="note mid" x="{centre:g}" y="{middle + 11:g}">{app.size:,} bytes</text>',
        f'<text class="note mid" x="{centre:g}" y="{middle + 27:g}">sha256 {app.digest[:8]}</text>',
    ]
    for n, (name, note, kind) in enumerate(imports):
        y = _y(n, len(imports), height)
        parts.append(_box(0, y, left, name, note, kind))
        parts.append(_wire(left - 1, y, core_x, _spread(n, len(imports), height), kind))
    for n, (name, note, kind) in enumerate(exports):
        y = _y(n, len(exports), height)
        parts.append(_box(export_x, y, right, name, note, kind))
        parts.append(_wire(core_x + core, _spread(n, len(exports), height), export_x + 1, y, kind))
    for x, side, words in ((left / 2, imports, "imports nothing"), (export_x + right / 2, exports, "exports nothing")):
        if not side:
            parts.append(f'<text class="note mid" x="{x:g}" y="{middle + 4:g}">{words}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _types_only(item: Interface | Function) -> bool:
    """Whether an import is only there for its types: nothing to call, nothing to plug in."""
    return isinstance(item, Interface) and not item.functions and not item.resources


def _import_note(item: Interface | Function, there: str | None) -> tuple[str, str]:
    """What a box says below an import's name, and its kind."""
    if _types_only(item):
        return "types only", "plain"
    if there is None:
        return "nothing: traps when called", "missing"
    return there, "there" if there == "the lab" or there.startswith("denied") else "own"


def _export_note(item: Interface | Function) -> str:
    if isinstance(item, Function):
        return "function"
    count = len(item.functions)
    return next(iter(item.functions)) if count == 1 else f"{count} functions"


def _width(boxes: list[tuple[str, str, str]]) -> float:
    """Wide enough for each name and note, within bounds."""
    needed = max((max(len(name) * _MONO, len(note) * _SANS) for name, note, _ in boxes), default=0)
    return min(max(needed + 20, _NARROW), _WIDE)


def _y(n: int, count: int, height: float) -> float:
    return (height - count * _ROW) / 2 + n * _ROW + _ROW / 2


def _spread(n: int, count: int, height: float) -> float:
    return height / 2 + (n - (count - 1) / 2) * min(16.0, (height - 60) / max(count, 1))


def _short(text: str, length: float) -> str:
    return text if len(text) <= length else text[: int(length) - 1] + "…"


def _shorter(name: str, length: float) -> str:
    """A WIT name with its middle cut out where it is too long: its interface and version are at its end."""
    half = int(length) // 2
    return name if len(name) <= length else name[: half - 1] + "…" + name[-half:]


def _box(x: float, y: float, width: float, title: str, note: str, kind: str) -> str:
    name = _shorter(title, (width - 16) / _MONO)
    before, at, version = name.partition("@")
    return (
        f"<g><title>{escape(title)}: {escape(note)}</title>"
        f'<rect class="box {kind}" x="{x + 1:g}" y="{y - 17:g}" width="{width - 2:g}" height="34" rx="6"/>'
        f'<text class="wit" x="{x + 9:g}" y="{y - 3:g}">{escape(before)}<tspan class="dim">{at}{escape(version)}'
        f'</tspan></text><text class="note" x="{x + 9:g}" y="{y + 11:g}">'
        f"{escape(_short(note, (width - 16) / _SANS))}</text></g>"
    )


def _wire(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    bend = (x2 - x1) / 2
    return f'<path class="wire {kind}" d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"/>'


# Colours that stand on a light and on a dark page alike; the text follows the page's own colour. Every rule
# is under one class: a style inside an inline picture would otherwise reach the whole notebook.
_STYLE = """<style>
.wl-world text{fill:currentColor;font:11px system-ui,sans-serif}.wl-world .note{opacity:.75}
.wl-world .wit{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}.wl-world .dim{opacity:.6}
.wl-world .name{font-size:16px;font-weight:600;text-anchor:middle}.wl-world .mid{text-anchor:middle}
.wl-world .core{fill:#7d5fd022;stroke:#8a6de0;stroke-width:1.5}.wl-world .box{fill:#88888814;stroke:#888}
.wl-world .box.there,.wl-world .box.own{stroke:#2a9d6f}.wl-world .box.own{fill:#2a9d6f40;stroke-width:2}
.wl-world .box.missing{stroke:#d08700;stroke-dasharray:4 3}
.wl-world .box.export{stroke:#3b82c4}.wl-world .wire{fill:none;stroke:#888;stroke-width:1.5}
.wl-world .wire.there,.wl-world .wire.own{stroke:#2a9d6f}.wl-world .wire.own{stroke-width:2.5}
.wl-world .wire.missing{stroke:#d08700;stroke-dasharray:4 3}
.wl-world .wire.export{stroke:#3b82c4}
</style>"""
