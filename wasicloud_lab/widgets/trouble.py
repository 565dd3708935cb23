"""TroubleSection: makes any store slow, failing or away, while requests flow.

What the sliders show is read from the provider each time, so that several panels and the notebook's cells agree.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from ..errors import LabError
from ..trouble import CALM, Trouble, give_trouble, store_of, trouble_code, trouble_of
from .parts import Drawing, Worker, button, column, field, html, link_code, note, row, section, show, store_links, words

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

#: Milliseconds at the end of the latency slider.
SLOWEST = 2000

#: A slider shorter than that can't be aimed with: it goes to the next line instead.
_ROOM = {"flex": "1 1 20em"}


_LOST = "The provider was swapped, and the trouble went with the old one."


class TroubleSection:
    """The trouble of each store of a lab.

    Attributes:
        view: the widget.
        cards: the controls of each link.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        """
        Args:
            lab: whose stores get the trouble.
            panel: the panel that this is a section of; its ticker calls `refresh`.
        """
        self._lab = lab
        self._drawing = Drawing()
        self._worker = Worker("wasicloud-lab trouble")
        self.cards: list[Card] = []
        self._last: Card | None = None
        self._cards = column(margin="6px 0 0")
        self.view: Any = section(self._cards)
        self.refresh()

    def refresh(self) -> None:
        """Shows the links that there are, and what their stores suffer now."""
        links = store_links(self._lab)
        with self._drawing:
            if [card.link for card in self.cards] != links:
                kept = {card.link: card for card in self.cards}
                self.cards = [
                    kept.get(link) or Card(link, link_code(self._lab, link), self._drawing, self._worker, self._touched)
                    for link in links
                ]
                self._cards.children = [card.view for card in self.cards]
            for card in self.cards:
                card.refresh()

    def code(self) -> str:
        """The Python that makes the same trouble; where there is none, what would make some."""
        troubles = [(card.code, card.trouble) for card in self.cards]
        lines = [trouble_code(code, trouble) for code, trouble in troubles if trouble != CALM]
        if lines:
            return "\n".join(lines)
        last = self._last or next(iter(self.cards), None)
        return trouble_code(last.code if last else "lab.keyvalue", Trouble(latency=0.2))

    def close(self) -> None:
        """Ends the thread. The trouble stays: it is the provider's, not the panel's."""
        self._worker.close()

    def _touched(self, card: Card) -> None:
        self._last = card


class Card:
    """The controls of one link.

    Attributes:
        link: whose store it is.
        code: the expression for the link in a cell.
        view: the widget.
    """

    def __init__(self, link: Link, code: str, drawing: Drawing, worker: Worker, touched: Any) -> None:
        self.link = link
        self.code = code
        self._drawing = drawing
        self._worker = worker
        self._touched = touched
        self._wanted: Trouble | None = None
        self._store: Any = None
        self._before = CALM
        self._title = html(flex="1 1 12em")
        self.latency = field(
            W.IntSlider, "Latency, ms", min=0, max=SLOWEST, step=10, layout=_ROOM,
            tooltip=f"Milliseconds that each operation of {link.name} waits first",
        )  # fmt: skip
        self.failures = field(
            W.IntSlider, "Failures, %", min=0, max=100, layout=_ROOM,
            tooltip=f"The share of operations of {link.name} that fail",
        )  # fmt: skip
        self.down = field(
            W.Checkbox, "Down", wide=False, indent=False, tooltip=f"Switch {link.name} off: every operation fails"
        )
        self.calm = button("All well", f"No trouble for {link.name} any more", self._all_well, icon="heart")
        self._status = html()
        self.view: Any = column(row(self._title, self.down, self.calm), row(self.latency, self.failures), self._status)
        self.view.add_class("wl-trouble")
        self.latency.observe(lambda change: self._turned("latency", change["new"] / 1000), "value")
        self.failures.observe(lambda change: self._turned("failure_rate", change["new"] / 100), "value")
        self.down.observe(lambda change: self._turned("down", change["new"]), "value")

    @property
    def trouble(self) -> Trouble:
        """What the store suffers, or is about to."""
        return self._wanted or trouble_of(self.link)

    def refresh(self) -> None:
        """Shows what the store suffers, unless a person's wish is still on its way to it."""
        if self._wanted is not None:
            return
        now = trouble_of(self.link)
        store = store_of(self.link.provider)
        if store is not self._store:
            lost = self._store is not None and self._before != CALM and now == CALM
            self._status.value = note(_LOST) if lost else ""
            self._store = store
        elif now != self._before:
            self._status.value = ""
        self._before = now
        self._show(now)

    def _show(self, now: Trouble) -> None:
        latency = round(now.latency * 1000)
        if latency > self.latency.max:  # a cell has asked for more than the slider has
            self.latency.max = latency
        for widget, value in (
            (self.latency, latency), (self.failures, round(now.failure_rate * 100)), (self.down, now.down),
        ):  # fmt: skip
            if widget.value != value:
                widget.value = value
        show(self.calm, now != CALM)
        title = (
            f'<span class="wl-key">{escape(self.link.name)}</span> '
            f'<span class="wl-dim">{escape(self.link.summary())}</span>'
        )
        if self._title.value != title:
            self._title.value = title

    def _all_well(self) -> None:
        with self._drawing:
            self._show(CALM)
            self._wish(CALM)

    def _turned(self, what: str, value: Any) -> None:
        """One control was turned: the others may show a rounded value, so only this one is set."""
        if not self._drawing.mine:
            with self._drawing:
                self._wish(self.trouble._replace(**{what: value}))

    def _wish(self, wanted: Trouble) -> None:
        """What is to be: the latest counts, so a slider that is drawn makes no queue."""
        self._touched(self)
        waiting, self._wanted = self._wanted is not None, wanted
        if not waiting:
            self._worker.start(self._work)

    def _work(self) -> None:
        while True:
            with self._drawing:
                wanted = self._wanted
            if wanted is None:
                return
            said = ""
            try:
                give_trouble(self.link, latency=wanted.latency, failure_rate=wanted.failure_rate, down=wanted.down)
            except LabError as error:
                said = note(str(error), "error")
            except Exception as error:
                said = note(words(error), "error")
            with self._drawing:
                if self._status.value != said:
                    self._status.value = said
                if self._wanted == wanted:
                    self._wanted = None
                    self.refresh()
                    return
