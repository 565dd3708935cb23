"""Links as a picture and as text: who calls whom through which interface, from a manifest or from a running lab."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from ..providers.address import masked

if TYPE_CHECKING:
    from ..app import App
    from ..manifest import Plan

_WIDTH, _GAP, _ROW = 240, 200, 62
#: Widths of a character of a part's name and of its note, a little more than any common font needs.
_NAME, _NOTE = 8.0, 6.6


class Drawn(NamedTuple):
    """One link: from a part through an interface to another part."""

    source: str
    interface: str
    target: str
    note: str = ""


def planned(plan: Plan, url: str | None = None) -> list[Drawn]:
    """The links of a manifest.

    Args:
        plan: what deploying it does.
        url: where it is served in fact.
    """
    drawn = [
        Drawn("HTTP server", "wasi:http/incoming-handler", app, url or f"http://{address}")
        for app, address in plan.addresses.items()
    ]
    for link in plan.links:
        note = masked(link.target) if isinstance(link.target, str) and link.target != link.provider else ""
        drawn.append(Drawn(link.app, link.import_name, _provider(link.app, link.provider, plan), note))
    return drawn


def running(apps: Sequence[App]) -> list[Drawn]:
    """The links of running apps, as they are now."""
    return [
        Drawn(app.name, slot, link.summary(), f"{link.running} requests under way" if link.running else "")
        for app in apps
        for slot, link in app.links.items()
    ]


def links_text(drawn: Sequence[Drawn]) -> str:
    """A line for each link."""
    left = max((len(link.source) for link in drawn), default=0)
    middle = max((len(link.interface) for link in drawn), default=0) + 3
    lines = []
    for link in drawn:
        wire = f"{link.interface} ".ljust(middle, "─")
        lines.append(f"{link.source:>{left}} ── {wire}▶ {link.target}" + (f"  ({link.note})" if link.note else ""))
    return "\n".join(lines)


def links_svg(drawn: Sequence[Drawn]) -> str:
    """The links as a picture, callers to the left of what they call."""
    columns = _columns(drawn)
    places: dict[str, tuple[float, float]] = {}
    most = max((len(column) for column in columns), default=1)
    for n, column in enumerate(columns):
        for m, part in enumerate(column):
            places[part] = n * (_WIDTH + _GAP), (m + (most - len(column)) / 2) * _ROW + 12
    width, height = max(len(columns), 1) * (_WIDTH + _GAP) - _GAP, most * _ROW + 12
    notes = {link.target: link.note for link in drawn if link.note}
    parts = [
        f'<svg class="wl-drawn" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'role="img" style="max-width:100%;min-width:{width * 0.7:.0f}px;height:auto">',
        f"<title>{escape('; '.join(f'{link.source} to {link.target}' for link in drawn))}</title>",
        _STYLE,
    ]
    said: set[tuple[str, str]] = set()
    for link in drawn:
        (x1, y1), (x2, y2) = places[link.source], places[link.target]
        x1, y1, y2 = x1 + _WIDTH, y1 + 22, y2 + 22
        bend = (x2 - x1) / 2
        parts.append(f'<path d="M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"/>')
        # Next to where it ends, since links that begin together end apart, and on the side that the wire leaves free.
        if (link.interface, link.target) not in said:
            said.add((link.interface, link.target))
            from_above = any(places[other.source][1] + 22 < y2 for other in drawn if other.target == link.target)
            beside = y2 + 15 if from_above else y2 - 6
            parts.append(f'<text class="via" x="{x2 - 8:g}" y="{beside:g}">{escape(link.interface)}</text>')
    for part, (x, y) in places.items():
        note = notes.get(part, "")
        parts.append(
            f"<g><title>{escape(part + (': ' + note if note else ''))}</title>"
            f'<rect x="{x + 1:g}" y="{y:g}" width="{_WIDTH - 2}" height="44" rx="7"/>'
            f'<text class="part" x="{x + 12:g}" y="{y + (19 if note else 27):g}">{escape(_short(part, _NAME))}</text>'
            + (f'<text class="note" x="{x + 12:g}" y="{y + 35:g}">{escape(_short(note, _NOTE))}</text>' if note else "")
            + "</g>"
        )
    return "".join([*parts, "</svg>"])


def _provider(app: str, name: str, plan: Plan) -> str:
    """A provider's name in a manifest, told apart where two components have one each."""
    users = {link.app for link in plan.links if link.provider == name}
    targets = {str(link.target) for link in plan.links if link.provider == name}
    return name if len(users) == 1 or len(targets) == 1 else f"{name} of {app}"


def _columns(drawn: Sequence[Drawn]) -> list[list[str]]:
    """Parts in columns: each stands right of everything that calls it."""
    depth: dict[str, int] = {}
    for link in drawn:
        depth.setdefault(link.source, 0)
        depth.setdefault(link.target, 0)
    for _ in depth:  # at most as many rounds as there are parts, should two call each other
        for link in drawn:
            if link.source != link.target:
                depth[link.target] = max(depth[link.target], min(depth[link.source] + 1, len(depth) - 1))
    used = sorted(set(depth.values()))
    return [[part for part, at in depth.items() if at == level] for level in used]


def _short(text: str, width: float) -> str:
    """A text with its middle cut out where it is too long for a box."""
    most = int((_WIDTH - 24) / width)
    return text if len(text) <= most else text[: most // 2 - 1] + "…" + text[-(most // 2) :]


# Every rule is under one class, and text takes the page's own colour: it stands on a light and on a dark page alike.
_STYLE = """<style>
.wl-drawn text{fill:currentColor;font:11px system-ui,sans-serif}.wl-drawn .part{font-weight:600;font-size:12px}
.wl-drawn .note,.wl-drawn .via{opacity:.75}.wl-drawn .via{text-anchor:end}
.wl-drawn rect{fill:#7d5fd022;stroke:#8a6de0;stroke-width:1.2}
.wl-drawn path{fill:none;stroke:#8a6de0;stroke-width:1.5;opacity:.8}
</style>"""
