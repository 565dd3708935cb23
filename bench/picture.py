"""One picture of a run, for the back row: few words, large, ours in blue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from .report import Group, number

OURS, PEER, GOOD, BAD, INK = "#1d5fbf", "#b9c0c9", "#2c8a4b", "#c8352b", "#20262e"


def draw(path: Path, about: dict[str, Any], groups: Sequence[Group]) -> None:
    """Draws what was measured into a PNG file; a panel without figures says so."""
    pyplot.rcParams.update({"font.size": 20, "axes.titlesize": 22, "text.color": INK, "axes.labelcolor": INK})
    layout: list[Any] = [["calls", "requests"], ["rates", "targets"], ["gets", "targets"]]
    figure, panels = pyplot.subplot_mosaic(layout, figsize=(20, 20), dpi=72)
    by_name = {group.name: group for group in groups}
    _calls(panels["calls"], by_name.get("hostcall"))
    _requests(panels["requests"], by_name.get("inprocess"))
    _rates(panels["rates"], by_name.get("served"))
    _gets(panels["gets"], by_name.get("stores"))
    _targets(panels["targets"], groups)
    machine = about["machine"]
    figure.text(
        0.5, 0.008,
        f"{about['date']} · {machine['cpu']}, {machine['cores']} cores · Python {machine['python']} · medians"
        + (" of a quick run" if about["quick"] else ""),
        ha="center", fontsize=15, color="#606872",
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.025, 1, 1), h_pad=2.5, w_pad=3)
    figure.savefig(path)
    pyplot.close(figure)


def _bars(axes: Axes, rows: Sequence[tuple[str, float, str, str]]) -> None:
    """Horizontal bars, the first on top: label, value, colour, the words at the bar's end."""
    places = range(len(rows), 0, -1)
    axes.barh(places, [value for _, value, _, _ in rows], color=[colour for _, _, colour, _ in rows], height=0.72)
    axes.set_yticks(list(places), [label for label, _, _, _ in rows])
    most = max(value for _, value, _, _ in rows)
    for place, (_, value, colour, words) in zip(places, rows):
        weight = "bold" if colour == OURS else "normal"
        halo = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(value + most * 0.015, place, words, va="center", fontweight=weight, bbox=halo, zorder=3)
    axes.set_xlim(0, most * 1.28)
    axes.set_ylim(0.5, len(rows) + 0.5)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _rows(group: Group | None, labels: dict[str, str], suffix: str, unit: str) -> list[tuple[str, float, str, str]]:
    """Bars for those of the figures that were measured; a peer's is grey."""
    rows = []
    for key, label in labels.items():
        figure = group.figure(key + suffix) if group else None
        if figure is not None:
            colour = PEER if key.startswith(("httpx", "jco", "wasmtime")) else OURS
            rows.append((label, figure.value, colour, number(figure.value, unit)))
    return rows


def _title(axes: Axes, words: str, unit: str) -> None:
    axes.set_title(f"{unit}\n", loc="left", fontsize=17, color="#606872", linespacing=0.4)
    axes.annotate(
        words, (0, 1), (0, 36), xycoords="axes fraction", textcoords="offset points",
        fontsize=26, fontweight="bold", va="bottom",
    )  # fmt: skip


def _empty(axes: Axes, title: tuple[str, str]) -> None:
    _title(axes, *title)
    axes.text(0.5, 0.5, "not measured in this run", ha="center", va="center")
    axes.set_axis_off()


def _calls(axes: Axes, group: Group | None) -> None:
    title = "A guest calls the host", "µs, less is better"
    rows = []
    for key, words in (("empty", "empty call"), ("get", "20-byte get")):
        ours = group.figure(f"{key}_ours") if group else None
        stock = group.figure(f"{key}_stock") if group else None
        if ours and stock:
            faster = f"{number(ours.value, 'µs')}  ({stock.value / ours.value:.1f}× faster)"
            rows.append((f"{words}, ours", ours.value, OURS, faster))
            rows.append((f"{words}, wasmtime-py", stock.value, PEER, number(stock.value, "µs")))
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    _title(axes, *title)
    return None


def _requests(axes: Axes, group: Group | None) -> None:
    title = "A request, in-process", "µs for app.get('/'), less is better"
    labels = {
        "tiny": "tiny", "hello": "hello, Go", "hello-rust": "hello, Rust", "httpx": "httpx.Client,\nnothing behind",
    }  # fmt: skip
    rows = _rows(group, labels, "", "µs")
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    _title(axes, *title)
    axes.plot([150, 150], [len(rows) - 0.42, len(rows) + 0.42], color=INK, linestyle=":", linewidth=3)
    axes.text(153, len(rows) - 0.5, "target 150", va="center", fontsize=16)  # below: at the bar's end stands its value
    return None


def _rates(axes: Axes, group: Group | None) -> None:
    title = "The guest tiny, served", "requests/s at 16 connections, more is better"
    labels = {
        "ours": "ours", "ours_request": "ours, instance\na request", "jco": "jco serve",
        "wasmtime": "wasmtime serve", "wasmtime_reuse": "wasmtime serve,\nreusing",
    }  # fmt: skip
    rows = _rows(group, labels, "_16", "requests/s")
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    _title(axes, *title)
    return None


def _gets(axes: Axes, group: Group | None) -> None:
    title = "A guest gets 20 bytes", "µs, and by the store's own client (grey), less is better"
    stores = {"memory": "memory", "sqlite": "SQLite", "fakeredis": "fakeredis", "redis": "Redis", "nats": "NATS"}
    rows = []
    for key, label in stores.items():
        guest = group.figure(f"{key}_guest") if group else None
        client = group.figure(f"{key}_client") if group else None
        if guest and client:
            rows.append((label, guest.value, OURS, number(guest.value, "µs")))
            rows.append(("", client.value, PEER, number(client.value, "µs")))
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    _title(axes, *title)
    return None


#: Short words for the targets.
SHORT = {
    "hostcall.empty": "empty host call", "hostcall.get": "20-byte get", "inprocess.tiny": "tiny in-process",
    "inprocess.hello": "Go over tiny", "inprocess.hello-rust": "Rust over tiny", "served.jco": "served, as jco",
    "bodies.inprocess": "1 MiB echo", "bodies.served": "1 MiB echo, served", "memory.inprocess": "memory flat",
    "memory.served": "memory flat, served", "startup.load": "load", "startup.import": "import",
    "stores.get": "get, the lab's share", "stores.gopher": "get by gopher", "swaps.pause": "pause of a swap",
    "swaps.migration": "10,000 keys moved", "swaps.lost": "keys lost in it", "swaps.without_failed": "swaps: failures",
    "swaps.without_counter": "swaps: miscounted", "swaps.migration_failed": "to Redis: failures",
    "swaps.migration_counter": "to Redis: miscounted", "swaps.around_failed": "all stores: failures",
    "swaps.around_counter": "all stores: miscounted", "blobs.file_memory": "64 MiB, folder: memory",
    "blobs.azurite_memory": "64 MiB, Azurite: memory", "blobs.file_up": "1 MiB up, folder",
    "blobs.file_down": "1 MiB down, folder", "blobs.azurite_up": "1 MiB up, Azurite",
    "blobs.azurite_down": "1 MiB down, Azurite",
}  # fmt: skip


def _targets(axes: Axes, groups: Sequence[Group]) -> None:
    title = "Targets", "used of each allowance, less is better"
    all_targets = [target for group in groups for target in group.targets]
    if not all_targets:
        return _empty(axes, title)
    rows = []
    for one in all_targets:
        used = max(one.used, 0.0)
        rows.append((SHORT.get(one.key, one.key), min(used, 2.0), GOOD if one.met else BAD, f"{used * 100:.0f} %"))
    _bars(axes, rows)
    axes.set_xlim(0, max(1.25, max(value for _, value, _, _ in rows) * 1.2))
    axes.axvline(1, color=INK, linestyle=":", linewidth=2)
    kept = sum(one.met for one in all_targets)
    _title(axes, f"{kept} of {len(rows)} targets met", title[1])
    return None
