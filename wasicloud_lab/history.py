"""What has happened to a link: each swap, done or refused, as a line and as a row of a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from .migration import Moved
from .units import seconds_text

if TYPE_CHECKING:
    from .links import Link

#: Swaps that `lab.links` draws; `lab.links.history` has them all.
SHOWN = 8


@dataclass(frozen=True)
class Waits:
    """How long requests waited while data was moved.

    Attributes:
        count: how many waited.
        median, longest: seconds.
    """

    count: int = 0
    median: float = 0.0
    longest: float = 0.0

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        return cls(len(seconds), statistics.median(seconds), max(seconds)) if seconds else cls()

    def __str__(self) -> str:
        if not self.count:
            return "no request waited"
        who = "1 request waited" if self.count == 1 else f"{self.count:,} requests waited"
        return f"{who}, {seconds_text(self.longest)} at most"


@dataclass(frozen=True)
class Swap:
    """One swap of a link's provider.

    Attributes:
        at: `time.time()` when it was done or refused.
        before, after: one line about each provider, without secrets.
        seconds: what it took, from the call to the flip.
        moved: what was copied; None for a swap without migration.
        waits: of the requests that had to wait for the copy.
        refused: why the link kept the provider it had; None for a swap that was done.
    """

    at: float
    before: str
    after: str
    seconds: float
    moved: Moved | None = None
    waits: Waits = Waits()
    refused: str | None = None

    def __str__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(self.at))
        if self.refused is not None:
            return f"{clock}  {self.before} stays: {self.refused}"
        return f"{clock}  {self.before} → {self.after}, {self._how()}"

    def _how(self) -> str:
        if self.moved is None:
            return f"in {seconds_text(self.seconds)}"
        return f"{self.moved} moved in {seconds_text(self.seconds)}, {self.waits}"

    def row(self, link: str) -> str:
        """As a row of an HTML table."""
        clock = time.strftime("%H:%M:%S", time.localtime(self.at))
        how = self._how() if self.refused is None else f"refused: {self.refused}"
        return (
            "<tr>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in (clock, link, self.before, self.after, how))
            + "</tr>"
        )


class Links:
    """All links of a lab: what is plugged in where, and what has happened. Draws itself as two tables."""

    def __init__(self, links: Sequence[tuple[Link, Sequence[str]]]) -> None:
        """
        Args:
            links: each link, with the names of the apps whose imports it wires.
        """
        self._links = links

    def __iter__(self) -> Iterator[Link]:
        return (link for link, _ in self._links)

    def __len__(self) -> int:
        return len(self._links)

    def __getitem__(self, name: str) -> Link:
        for link in self:
            if link.name == name:
                return link
        raise KeyError(f"no link {name!r}; there are {', '.join(link.name for link in self)}")

    @property
    def history(self) -> list[tuple[str, Swap]]:
        """Every swap of every link with the link's name, oldest first."""
        return sorted(((link.name, swap) for link in self for swap in link.history), key=lambda each: each[1].at)

    def __repr__(self) -> str:
        width = max((len(link.name) for link in self), default=0)
        lines = [
            f"{link.name:<{width}}  → {link.summary()}" + (f"  ({', '.join(apps)})" if apps else "")
            for link, apps in self._links
        ]
        lines += [_earlier(self.history)] if len(self.history) > SHOWN else []
        return "\n".join(lines + [f"{swap}  [{name}]" for name, swap in self.history[-SHOWN:]])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td>{escape(cell)}</td>"
                for cell in (link.name, link.kind.slot, link.summary(), ", ".join(apps) or "–")
            )
            + "</tr>"
            for link, apps in self._links
        )
        shown = _table("Link|Import|Provider|Apps", rows)
        if self.history:
            rows = "".join(swap.row(name) for name, swap in self.history[-SHOWN:])
            if len(self.history) > SHOWN:
                rows = f"<tr><td colspan=5>{_earlier(self.history)}</td></tr>{rows}"
            shown += _table("When|Link|From|To|How", rows)
        return shown


def _earlier(history: Sequence[tuple[str, Swap]]) -> str:
    return f"… {len(history) - SHOWN} earlier swaps are in lab.links.history"


def _table(heads: str, rows: str) -> str:
    cells = "".join(f"<th>{head}</th>" for head in heads.split("|"))
    style = "<style>.wl-links td,.wl-links th{text-align:left!important;vertical-align:top}</style>"
    return f'{style}<table class="wl-links"><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>'
