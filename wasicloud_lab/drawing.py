"""An app's world as a picture: text for a terminal, SVG for a notebook. No library, no scripts, no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .host.types import Function, Interface

if TYPE_CHECKING:
    from .app import App

_ROW = 30
_BOX = 250
_WIRE = 70
_CORE = 190


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
                note = f"  ← {wiring[name]}" if wiring.get(name) else "  ← nothing (traps when called)"
            elif isinstance(item, Function):
                note = "  (function)"
            lines.append(f"{stem}{branch} {name:<{width}}{note}".rstrip())
    return "\n".join(lines)


def world_svg(app: App) -> str:
    """The world drawn: what is plugged in on the left, the component, what it exports on the right."""
    wiring = app.wiring
    imports = list(app.world.imports)
    exports = list(app.world.exports.items())
    rows = max(len(imports), len(exports), 2)
    height = rows * _ROW + 40
    core_x = _BOX + _WIRE
    export_x = core_x + _CORE + _WIRE
    width = export_x + _BOX
    middle = height / 2
    parts = [
        f'<svg class="wl-world" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'style="max-width:100%;height:auto" role="img" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{escape(app.name)}: {len(imports)} imports, {len(exports)} exports</title>",
        _STYLE,
        f'<rect class="core" x="{core_x}" y="14" width="{_CORE}" height="{height - 28}" rx="10"/>',
        f'<text class="name" x="{core_x + _CORE / 2}" y="{middle - 4}" text-anchor="middle">'
        f"{escape(_short(app.name, 22))}</text>",
        f'<text class="note" x="{core_x + _CORE / 2}" y="{middle + 14}" text-anchor="middle">'
        f"{app.size:,} bytes · {app.digest[:8]}</text>",
    ]
    for n, name in enumerate(imports):
        y = _y(n, len(imports), height)
        there = wiring.get(name)
        kind = "there" if there else "missing"
        parts += _box(0, y, name, there or "nothing: traps when called", kind)
        parts.append(_wire(_BOX, y, core_x, _spread(n, len(imports), height), kind))
    for n, (name, item) in enumerate(exports):
        y = _y(n, len(exports), height)
        note = "function" if isinstance(item, Function) else _functions(item)
        parts += _box(export_x, y, name, note, "export")
        parts.append(_wire(core_x + _CORE, _spread(n, len(exports), height), export_x, y, "export"))
    parts.append("</svg>")
    return "".join(parts)


def _functions(item: Interface) -> str:
    count = len(item.functions)
    return next(iter(item.functions)) if count == 1 else f"{count} functions"


def _y(n: int, count: int, height: float) -> float:
    return (height - count * _ROW) / 2 + n * _ROW + _ROW / 2


def _spread(n: int, count: int, height: float) -> float:
    return height / 2 + (n - (count - 1) / 2) * min(14.0, (height - 60) / max(count, 1))


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _box(x: float, y: float, title: str, note: str, kind: str) -> list[str]:
    return [
        f"<g><title>{escape(title)}: {escape(note)}</title>"
        f'<rect class="box {kind}" x="{x + 1}" y="{y - 13}" width="{_BOX - 2}" height="26" rx="6"/>',
        f'<text x="{x + 8}" y="{y - 1}">{escape(_short(title, 40))}</text>'
        f'<text class="note" x="{x + 8}" y="{y + 10}">{escape(_short(note, 46))}</text></g>',
    ]


def _wire(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    bend = (x2 - x1) / 2
    return f'<path class="wire {kind}" d="M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


# Colours that stand on a light and on a dark page alike; the text follows the page's own colour. Every rule
# is under one class: a style inside an inline picture would otherwise reach the whole notebook.
_STYLE = """<style>
.wl-world text{fill:currentColor}.wl-world .note{font-size:9.5px;opacity:.7}
.wl-world .name{font-size:15px;font-weight:600}
.wl-world .core{fill:#6b4fbb22;stroke:#6b4fbb;stroke-width:1.5}.wl-world .box{fill:#88888814;stroke:#888}
.wl-world .box.there{stroke:#2a9d6f}.wl-world .box.missing{stroke:#d08700;stroke-dasharray:4 3}
.wl-world .box.export{stroke:#3b82c4}.wl-world .wire{fill:none;stroke:#2a9d6f;stroke-width:1.5}
.wl-world .wire.missing{stroke:#d08700;stroke-dasharray:4 3}.wl-world .wire.export{stroke:#3b82c4}
</style>"""
