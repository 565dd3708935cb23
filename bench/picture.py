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
    pyplot.rcParams.update({"font.size": 17, "axes.titlesize": 22, "text.color": INK, "axes.labelcolor": INK})
    figure, ((calls, requests), (rates, targets)) = pyplot.subplots(2, 2, figsize=(20, 12.5), dpi=90)
    by_name = {group.name: group for group in groups}
    _calls(calls, by_name.get("hostcall"))
    _requests(requests, by_name.get("inprocess"))
    _rates(rates, by_name.get("served"))
    _targets(targets, groups)
    machine = about["machine"]
    figure.text(
        0.5, 0.012,
        f"{about['date']} · {machine['cpu']}, {machine['cores']} cores · Python {machine['python']} · medians"
        + (" of a quick run" if about["quick"] else ""),
        ha="center", fontsize=15, color="#606872",
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.035, 1, 1), h_pad=3, w_pad=3)
    figure.savefig(path)
    pyplot.close(figure)


def _bars(axes: Axes, rows: Sequence[tuple[str, float, str, str]]) -> None:
    """Horizontal bars, the first on top: label, value, colour, the words at the bar's end."""
    places = range(len(rows), 0, -1)
    axes.barh(places, [value for _, value, _, _ in rows], color=[colour for _, _, colour, _ in rows], height=0.72)
    axes.set_yticks(list(places), [label for label, _, _, _ in rows])
    most = max(value for _, value, _, _ in rows)
    for place, (_, value, colour, words) in zip(places, rows):
        axes.text(value + most * 0.015, place, words, va="center", fontweight="bold" if colour == OURS else "normal")
    axes.set_xlim(0, most * 1.24)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _empty(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontweight="bold")
    axes.text(0.5, 0.5, "not measured in this run", ha="center", va="center")
    axes.set_axis_off()


def _calls(axes: Axes, group: Group | None) -> None:
    title = "A guest calls the host: µs, less is better"
    rows = []
    for key, words in (("empty", "empty call"), ("get", "20-byte get")):
        ours = group.figure(f"{key}_ours") if group else None
        stock = group.figure(f"{key}_stock") if group else None
        if ours and stock:
            rows.append((f"{words}, ours", ours.value, OURS, f"{number(ours.value, 'µs')}  ({stock.value / ours.value:.1f}× faster)"))
            rows.append((f"{words}, wasmtime-py", stock.value, PEER, number(stock.value, "µs")))
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    axes.set_title(title, loc="left", fontweight="bold")
    return None


def _requests(axes: Axes, group: Group | None) -> None:
    title = "app.get(\"/\"), in-process: µs, less is better"
    labels = (("tiny", "tiny"), ("hello", "hello, Go"), ("hello-rust", "hello, Rust"), ("httpx", "httpx.Client\nwith no server"))
    found = [(label, group.figure(key), OURS if key != "httpx" else PEER) for key, label in labels] if group else []
    rows = [(label, one.value, colour, number(one.value, "µs")) for label, one, colour in found if one]
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.axvline(150, color=INK, linestyle=":", linewidth=2)
    axes.text(150, len(rows) + 0.55, " target for tiny: 150", fontsize=15)
    return None


def _rates(axes: Axes, group: Group | None) -> None:
    title = "tiny served, 16 connections: requests/s, more is better"
    labels = (
        ("ours", "ours"), ("ours_request", "ours, instance\na request"), ("jco", "jco serve"),
        ("wasmtime", "wasmtime serve"), ("wasmtime_reuse", "wasmtime serve,\nreusing"),
    )  # fmt: skip
    found = [(label, group.figure(f"{key}_16"), OURS if key.startswith("ours") else PEER) for key, label in labels] if group else []
    rows = [(label, one.value, colour, number(one.value, "requests/s")) for label, one, colour in found if one]
    if not rows:
        return _empty(axes, title)
    _bars(axes, rows)
    axes.set_title(title, loc="left", fontweight="bold")
    return None


#: Short words for the targets.
SHORT = {
    "hostcall.empty": "empty host call", "hostcall.get": "20-byte get", "inprocess.tiny": "tiny in-process",
    "inprocess.hello": "Go over tiny", "inprocess.hello-rust": "Rust over tiny", "served.jco": "served, as jco",
    "bodies.inprocess": "1 MiB echo", "bodies.served": "1 MiB echo, served", "memory.inprocess": "memory flat",
    "memory.served": "memory flat, served", "startup.load": "load", "startup.import": "import",
}  # fmt: skip


def _targets(axes: Axes, groups: Sequence[Group]) -> None:
    title = "Targets: how much of the allowance is used"
    all_targets = [target for group in groups for target in group.targets]
    if not all_targets:
        return _empty(axes, title)
    rows = [
        (SHORT.get(one.key, one.key), min(max(one.used, 0.0), 2.0), GOOD if one.met else BAD, f"{max(one.used, 0) * 100:.0f} %")
        for one in all_targets
    ]
    _bars(axes, rows)
    axes.set_xlim(0, max(1.25, max(value for _, value, _, _ in rows) * 1.2))
    axes.axvline(1, color=INK, linestyle=":", linewidth=2)
    kept = sum(one.met for one in all_targets)
    axes.set_title(f"{title} ({kept} of {len(rows)} met)", loc="left", fontweight="bold")
    return None
