"""What was measured: rows, and the words, numbers and picture made of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .ways import WAYS, Way

SCHEMA = "wasicloud-lab-sidecars/1"

#: Said where it was so: see `Measurement.busy`.
BUSY = "Others kept this machine busy meanwhile: look at the spread, and measure again when it is idle."

_WAYS = {way.key: way for way in WAYS}


@dataclass(frozen=True)
class Row:
    """One way, one size of value.

    Attributes:
        way: the way's key: "import", "http", … as in `WAYS`.
        size: bytes of the value.
        median, p5, p95: microseconds of one get, over the rounds; None where it was not measured.
        n: how many rounds.
        note: why it was not measured, and what to do about it.
    """

    way: str
    size: int
    median: float | None = None
    p5: float | None = None
    p95: float | None = None
    n: int = 0
    note: str = ""

    @property
    def name(self) -> str:
        """The way in words."""
        return _WAYS[self.way].words


@dataclass(frozen=True)
class Measurement:
    """What the ways cost, side by side. Draws itself in a notebook.

    Attributes:
        rows: by size, then in the order of `WAYS`.
        store: what everybody read from.
        gets: size → gets in a round, whose mean is the round's figure.
        rounds: size → rounds.
        memory: sidecar → MiB of memory that its process holds.
        machine: system, cores, versions.
        quick: whether it was a short one.
    """

    rows: tuple[Row, ...]
    store: str
    gets: dict[int, int]
    rounds: dict[int, int]
    memory: dict[str, float]
    machine: dict[str, Any]
    quick: bool = False

    @property
    def sizes(self) -> list[int]:
        """The sizes of value, in bytes."""
        return sorted({row.size for row in self.rows})

    def row(self, way: str, size: int) -> Row:
        """One row.

        Raises:
            KeyError: there is no such way or size.
        """
        for row in self.rows:
            if (row.way, row.size) == (way, size):
                return row
        raise KeyError(f"no way {way!r} with {size} bytes; ways are {', '.join(_WAYS)}, sizes {self.sizes}")

    def added(self, row: Row) -> float | None:
        """Microseconds that a way has on top of the store itself; None where that means nothing."""
        store = self.row("provider", row.size).median
        if _WAYS[row.way].kind not in ("component", "sidecar") or row.median is None or store is None:
            return None
        return row.median - store

    def verdict(self, size: int) -> str:
        """The outcome for a size in a few words, whichever way it went."""
        own, sidecars = self._compared(size)
        if not sidecars:
            return "nothing to compare"
        slower = sum(median >= own for _, median in sidecars)
        if slower == len(sidecars):
            return "import beats every sidecar"
        return f"import beats {slower} of {len(sidecars)} sidecars" if slower else "every sidecar beats import"

    def finding(self) -> list[str]:
        """A sentence for each size: what the numbers say."""
        found = []
        for size in self.sizes:
            own, sidecars = self._compared(size)
            parts = "; ".join(f"{way.words} {ratio(median / own)}" for way, median in sidecars)
            found.append(
                f"{bytes_of(size)}: {self.verdict(size)}" + (f" (a component's import 1×; {parts})" if parts else "")
            )
        return found

    def summary(self) -> str:
        """What the numbers say, in one sentence."""
        said = []
        for size in self.sizes:
            own, sidecars = self._compared(size)
            slower = sum(median >= own for _, median in sidecars)
            of = "every sidecar" if slower == len(sidecars) else f"{slower or 'none'} of {len(sidecars)} sidecars"
            if sidecars:
                said.append(f"{of} at {bytes_of(size)}")
        return f"A component's import beats {', '.join(said)}." if said else "There is no sidecar to compare with."

    def _compared(self, size: int) -> tuple[float, list[tuple[Way, float]]]:
        """A component's import, and the sidecars that were measured."""
        medians = [(way, self.row(way.key, size).median) for way in WAYS if way.kind == "sidecar"]
        own = self.row("import", size).median
        return own or 0.0, [(way, median) for way, median in medians if median is not None and own]

    @property
    def busy(self) -> bool:
        """Whether others kept the machine busy, so that the spread says more about them than about the ways."""
        own = [row for row in self.rows if row.way == "provider" and row.median and row.p95]
        return any((row.p95 or 0) > 1.6 * (row.median or 0) for row in own)

    @property
    def memory_words(self) -> str:
        """What the processes hold, in a sentence."""
        held = ", ".join(f"{_WAYS[way].name} {mib:.0f} MiB" for way, mib in self.memory.items())
        return f"And a process each, in Python here: {held} of memory."

    @property
    def notes(self) -> list[str]:
        """How it was measured and what to make of it, a sentence or two each."""
        counts = ", ".join(f"{self.rounds[size]} × {self.gets[size]} for {bytes_of(size)}" for size in self.sizes)
        return [
            f"Store: {self.store}. Every way reads the same key of it, and gives back the same bytes.",
            f"One get, in µs: the median over rounds of the mean of a round's gets ({counts}), and the 5th and 95th "
            "percentile of these means. The ways take turns in every round, in a shuffled order, from one thread; all "
            "connections are open and warm; the garbage collector waits for the end of a round.",
            "A component's get is one of many inside a running call, and a sidecar's one of many on a connection that "
            "is open: neither entering a component nor connecting is what is compared.",
            "The business logic is a component in the component ways, and Python in the others. The sidecars are "
            "Python with C parsers and the lab's own provider behind, as fast as we could make them: no framework, no "
            "protobuf, no TLS, no other client. The bare socket says what the fastest one in another language would "
            "still add.",
            f"{self.memory_words} A component is in the process that runs it.",
            f"{self.large_words} That is what large values show, and no property of components.",
            *([BUSY] if self.busy else []),
        ]

    @property
    def large_words(self) -> str:
        """Why large values cost a component what they do here, in a sentence."""
        return (
            "Wasmtime's C interface, all that Python has, hands a component a value byte by byte, "
            f"{self._per_byte():.0f} ns each; a host in Rust copies a block."
        )

    def _per_byte(self) -> float:
        """Nanoseconds that each byte more costs a component's import over the store itself."""
        small, large = self.sizes[0], self.sizes[-1]
        more = (self.added(self.row("import", large)) or 0.0) - (self.added(self.row("import", small)) or 0.0)
        return more * 1000 / max(large - small, 1)

    @property
    def foot(self) -> list[str]:
        """What belongs below the numbers, a sentence each; `notes` has all there is to say."""
        return [f"Store: {self.store}.", self.memory_words, self.large_words, *([BUSY] if self.busy else [])]

    def words(self) -> list[str | dict[str, Any]]:
        """The numbers in pieces, for a terminal of any width: a table for each size, and what belongs below."""
        pieces: list[str | dict[str, Any]] = []
        for size in self.sizes:
            head = [f"{bytes_of(size)}: one get, µs", "median", "p5", "p95", "n", "over store"]
            rows = [self._cells(row) for row in self.rows if row.size == size]
            pieces += [{"head": head, "rows": rows}, ""]
        notes = [f"{row.name}: {row.note}" for row in self.rows if row.note and row.size == self.sizes[0]]
        return [*pieces, *notes, *self.foot]

    def table(self) -> str:
        """The rows as text, with how they were measured."""
        width = max(len(way.words) for way in WAYS)
        lines = []
        for size in self.sizes:
            head = f"{bytes_of(size)}: one get, µs"
            lines.append(f"{head:<{width + 2}}{'median':>9}{'p5':>9}{'p95':>9}{'n':>6}  over the store itself")
            for row in self.rows:
                if row.size == size:
                    lines.append(self._line(row, width))
            lines.append("")
        lines += self.finding()
        lines.append("")
        lines += self.notes
        lines.append("")
        lines += [f"{way.words}: {way.includes}." for way in WAYS]
        return "\n".join(lines)

    def _line(self, row: Row, width: int) -> str:
        if row.median is None or row.p5 is None or row.p95 is None:
            return f"  {row.name:<{width}}  {row.note}"
        name, median, p5, p95, rounds, added = self._cells(row)
        return f"  {name:<{width}}{median:>9}{p5:>9}{p95:>9}{rounds:>6}  {added}".rstrip()

    def _cells(self, row: Row) -> list[str]:
        """A row as text, cell by cell; empty ones where there is no figure."""
        if row.median is None or row.p5 is None or row.p95 is None:
            return [row.name, "", "", "", "", ""]
        added = self.added(row)
        over = "" if added is None else f"{'+' if added >= 0 else '−'}{micro(abs(added))}"
        return [row.name, micro(row.median), micro(row.p5), micro(row.p95), str(row.n), over]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data: `json.dumps` takes it."""
        return {
            "schema": SCHEMA,
            "unit": "µs",
            "quick": self.quick,
            "store": self.store,
            "machine": self.machine,
            "busy": self.busy,
            "memory_mib": self.memory,
            "gets": {str(size): count for size, count in self.gets.items()},
            "rounds": {str(size): count for size, count in self.rounds.items()},
            "ways": [asdict(way) for way in WAYS],
            "rows": [{**asdict(row), "name": row.name, "added": self.added(row)} for row in self.rows],
            "finding": self.finding(),
            "notes": self.notes,
        }

    def chart_html(self) -> str:
        """The picture: an SVG in a piece of HTML, without scripts or anything from elsewhere."""
        from .chart import chart

        return chart(self)

    def _repr_html_(self) -> str:
        return self.chart_html()

    def __repr__(self) -> str:
        return self.table()


def row_of(way: str, size: int, seconds: Sequence[float]) -> Row:
    """A row from the means of the rounds."""
    micros = sorted(value * 1e6 for value in seconds)
    return Row(way, size, statistics.median(micros), _at(micros, 0.05), _at(micros, 0.95), len(micros))


def _at(ordered: Sequence[float], share: float) -> float:
    """The value below which that share lies, interpolated."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def micro(value: float) -> str:
    """Microseconds with as many digits as say something."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}"


def bytes_of(size: int) -> str:
    """A size in words: 64 KiB."""
    return f"{size // 1024} KiB" if size >= 1024 and size % 1024 == 0 else f"{size} B"


def ratio(value: float) -> str:
    """A ratio for people: 3.4×, 0.09×, 12×."""
    return f"{value:.0f}×" if value >= 9.95 else f"{value:.2f}×" if value < 0.1 else f"{value:.1f}×"
