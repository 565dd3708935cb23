"""What a run found: figures, targets and what could not be measured, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .measure import Sample

SCHEMA = "wasicloud-lab-bench/1"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        key: unique in its group; stays the same from run to run.
        value: the median.
        low, high: the quartiles of the rounds or calls it is the median of; None where there was one.
        samples: how many these were.
    """

    key: str
    label: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    samples: int = 1
    note: str = ""


@dataclass(frozen=True)
class Target:
    """A promise, what was measured against it, and whether it is kept."""

    key: str
    text: str
    value: float
    relation: str  # "<=" or ">="
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the limit."""
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit

    @property
    def used(self) -> float:
        """The share of what is allowed that was needed: at most 1 when the target is met."""
        if self.relation == ">=":
            return self.limit / max(self.value, 1e-9)
        if not self.limit:  # none is allowed
            return 2.0 if self.value > 0 else 0.0
        return self.value / self.limit


@dataclass(frozen=True)
class Gap:
    """Something that was not measured, and what it would take."""

    what: str
    how: str


@dataclass
class Group:
    """The figures of one group of measures."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: str | None = None

    def add(self, key: str, label: str, sample: Sample, unit: str, scale: float = 1.0, note: str = "") -> Figure:
        """A figure from a sample; `scale` turns the sample's unit into `unit`."""
        figure = Figure(
            key, label, sample.median * scale, unit, sample.low * scale, sample.high * scale, len(sample.values), note
        )
        self.figures.append(figure)
        return figure

    def target(self, key: str, text: str, value: float, relation: str, limit: float, unit: str) -> None:
        """A target and the value that is held against it."""
        self.targets.append(Target(key, text, value, relation, limit, unit))

    def figure(self, key: str) -> Figure | None:
        """The figure of that key, or None where it was not measured."""
        return next((figure for figure in self.figures if figure.key == key), None)


def as_json(about: dict[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """The whole run as plain data; `about` says when, where and with what."""
    targets = [target for group in groups for target in group.targets]
    return {
        "schema": SCHEMA,
        **about,
        "met": all_met(groups),
        "unmet": [target.key for target in targets if not target.met],
        "groups": [
            {**asdict(group), "targets": [{**asdict(one), "met": one.met} for one in group.targets]} for group in groups
        ],
    }


def all_met(groups: Sequence[Group]) -> bool:
    """Whether every target that was measured is met and no group failed."""
    return all(target.met for group in groups for target in group.targets) and not any(group.failed for group in groups)


def number(value: float, unit: str) -> str:
    """A number with as many digits as say something."""
    if unit == "of stock":
        return f"{value:.3f}"
    if not value:
        return "0"
    if unit == "requests/s" or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def table(about: dict[str, Any], groups: Sequence[Group]) -> str:
    """The run for people."""
    return "\n".join(_lines(about, groups))


def _lines(about: dict[str, Any], groups: Sequence[Group]) -> Iterator[str]:
    machine, noise = about["machine"], about["noise"]
    yield f"{about['date']}  {machine['cpu']}, {machine['cores']} cores, {machine['system']}"
    versions = {"Python": machine["python"], **about["versions"]}
    yield ", ".join(f"{name} {version}" for name, version in versions.items())
    yield (
        f"load average {noise['load_before']:.2f} before, {noise['load_after']:.2f} after; "
        f"the same Python loop took {noise['loop_ms']['low']:.1f} to {noise['loop_ms']['high']:.1f} ms"
    )
    for group in groups:
        yield f"\n{group.title}"
        if group.failed:
            yield f"  FAILED: {group.failed}"
        width = max((len(figure.label) for figure in group.figures), default=0)
        for figure in group.figures:
            line = f"  {figure.label:<{width}}  {number(figure.value, figure.unit):>9} {figure.unit:<10}"
            if figure.samples > 1 and figure.low is not None and figure.high is not None:
                line += f"  {number(figure.low, figure.unit)} to {number(figure.high, figure.unit)}"
            yield (line + (f"  ({figure.note})" if figure.note else "")).rstrip()
        for target in group.targets:
            sign = "≤" if target.relation == "<=" else "≥"
            yield (
                f"  {'met   ' if target.met else 'UNMET '} {target.text}: {number(target.value, target.unit)} "
                f"{sign} {number(target.limit, target.unit)} {target.unit}".rstrip()
            )
        for gap in group.gaps:
            yield f"  not measured: {gap.what}: {gap.how}"
        for note in group.notes:
            yield f"  {note}"
    targets = [target for group in groups for target in group.targets]
    yield f"\n{sum(target.met for target in targets)} of {len(targets)} targets met"
