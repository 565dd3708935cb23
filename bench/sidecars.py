"""What a sidecar costs: one store, one key, through a component's import and through HTTP and gRPC sidecars.

The measuring is the lab's own (`wasicloud_lab.replay.sidecars`), which the talk's step 0c shows to an audience.
"""

from __future__ import annotations

from wasicloud_lab.replay.sidecars import Measurement, measure
from wasicloud_lab.replay.sidecars.measurement import bytes_of

from .measure import Run
from .report import Figure, Gap, Group

NAME = "sidecars"
TITLE = "One get from one store: by a component's import, component to component, through sidecars, by the raw client"


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    found = measure(quick=run.quick)
    _figures(group, found)
    group.notes += [*found.finding(), "the ranges of this group: 5th to 95th percentile", *found.notes]
    return group


def _figures(group: Group, found: Measurement) -> None:
    for row in found.rows:
        label = f"{bytes_of(row.size)}: {row.name}"
        if row.median is None:
            group.gaps.append(Gap(label, row.note))
            continue
        key = f"{row.way.replace('-', '_')}_{row.size}"
        group.figures.append(Figure(key, label, row.median, "µs", row.p5, row.p95, row.n))
