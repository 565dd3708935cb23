"""LinksSection: a row for each link, to swap its provider; and what has been swapped.

The rows show what the lab and its board say: a swap that was asked for in another panel, or in a cell, shows here too.
"""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from ..choices import Choice, objection
from ..history import Swap
from ..kinds import HANDLERS
from ..providers.address import masked
from . import shells
from .board import Board, board_of, wires_of
from .copy import CopyCode
from .url import UrlField
from .wiring import short

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

OTHER = Choice("other URL …")
#: Swaps that the history shows.
SHOWN = 100


class LinksSection:
    """The rows and the history.

    Attributes:
        view: the widget.
        rows: by link.
    """

    def __init__(self, lab: Lab, panel: Any = None) -> None:
        self._lab = lab
        self._board = board_of(lab)
        self.rows: dict[Link, LinkRow] = {}
        self._shown: tuple[int, Swap | None] = (-1, None)
        self._list = ipywidgets.VBox()
        self._list.add_class("wl-rows")
        self._history = ipywidgets.HTML()
        self._history.add_class("wl-history")
        self.view = ipywidgets.VBox([self._list, self._history])
        self.refresh()

    def refresh(self) -> None:
        """Shows what is now."""
        apps: dict[Link, list[str]] = {}
        for app, link in wires_of(self._lab):
            apps.setdefault(link, []).append(app.name)
        if list(apps) != list(self.rows) or not self._list.children:
            before = self.rows
            self.rows = {link: before.get(link) or LinkRow(self._lab, link, self._board) for link in apps}
            self._list.children = [row.view for row in self.rows.values()] or [_nothing()]
            for link, row in before.items():
                if link not in self.rows:
                    row.close()
        for link, row in self.rows.items():
            row.refresh(apps[link])
        self._show_history()

    def code(self) -> str:
        """What the Swap buttons would do, a line for each."""
        return "\n".join(row.code() for row in self.rows.values()) or "lab.links"

    def close(self) -> None:
        """There is nothing to end: swaps under way are the lab's."""

    def _show_history(self) -> None:
        history = self._lab.links.history
        latest = (len(history), history[-1][1] if history else None)
        if latest == self._shown:
            return
        self._shown = latest
        lines = "".join(_line(name, swap) for name, swap in reversed(history[-SHOWN:]))
        empty = '<li class="wl-when">nothing has been swapped yet</li>'
        self._history.value = (
            '<ul class="wl-log" role="log" tabindex="0" aria-label="History of swaps, newest first">'
            f"{lines or empty}</ul>"
        )


class LinkRow:
    """One link: what is plugged in, what could be, Swap.

    Attributes:
        view: the widget.
        provider, url, move, swap, cancel, copy: its controls.
        says: what happens, or has happened last.
    """

    def __init__(self, lab: Lab, link: Link, board: Board) -> None:
        self._lab = lab
        self._link = link
        self._board = board
        self._objection: str | None = None
        self._offering = False
        self._now = _html("wl-now")
        self.says = _html("wl-says")
        options = self._options()
        self.provider = ipywidgets.Dropdown(
            options=options, index=_first(link, options), description="Provider",
            tooltip=f"What {link.name} is swapped to",
        )  # fmt: skip
        self.move = ipywidgets.Checkbox(
            True,
            description="Move the data along",
            indent=False,
            tooltip="Copies all data first; new requests wait meanwhile",
        )
        self.swap = ipywidgets.Button(
            description="Swap", button_style="primary", tooltip=f"Swaps the provider of {link.name}"
        )
        self.cancel = ipywidgets.Button(description="Cancel", tooltip=f"Ends the swap of {link.name} that is under way")
        self.swap.add_class("wl-swap")
        self.cancel.add_class("wl-cancel")
        self.copy = CopyCode(self.code, f"swap {link.name}")
        self.url = UrlField(_hint(link), self._typed, self._clicked)
        if link.kind is HANDLERS:
            _show(self.move, False)
        self._controls = ipywidgets.HBox([self.provider, self.move, self.swap, self.cancel, self.copy, self.url])
        self._controls.add_class("wl-controls")
        for button in (self.swap, self.cancel):
            button.layout.width = "92px"
        self.view = ipywidgets.VBox([self._now, self.says, self._controls])
        self.view.add_class("wl-row")
        self.provider.observe(self._chosen, "value")
        self.swap.on_click(lambda _: self._clicked())
        self.cancel.on_click(lambda _: self._cancelled())
        self._chosen()

    # --- what is shown -----------------------------------------------------------------------------

    def refresh(self, apps: list[str]) -> None:
        """
        Args:
            apps: the names of the apps whose imports it wires.
        """
        link = self._link
        self._now.value = (
            f"<b>{escape(link.name)}</b> · {escape(link.kind.slot)} of {escape(', '.join(apps))} · "
            f"now on {_provider(link.summary())}"
        )
        job = self._board.job(link)
        moved = link.moved
        busy = self._busy()
        if not busy:  # what is being swapped to stays in sight
            self._offer(self._options())
        self._dim(busy)
        _show(self.cancel, busy)
        if job is not None and job.cancelled:
            job.cancel()
        self.says.value = self._words(job, moved)

    def _dim(self, busy: bool) -> None:
        """Dims Swap where it does nothing; `wiring.js` says so to screen readers. Disabled it would lose the focus."""
        if busy:
            tooltip = f"{self._link.name} is being swapped"
        elif self._already():
            tooltip = self._already_words()
        else:
            tooltip = f"Swaps the provider of {self._link.name}"
        if self.swap.tooltip != tooltip:
            self.swap.tooltip = tooltip
        off = busy or self._already()
        if off != ("wl-off" in self.swap._dom_classes):
            (self.swap.add_class if off else self.swap.remove_class)("wl-off")

    def _already(self) -> bool:
        """Whether what is chosen is what is plugged in."""
        choice, link = self._choice(), self._link
        if choice is None:
            return False
        if choice.app is not None:
            return self._lab.apps.get(choice.app) is link.provider
        # Each memory is a new one. A URL with a secret is never the same: the link tells its own without.
        return choice.url is not None and choice.url != "memory://" and choice.url == link.url

    def _already_words(self) -> str:
        return f"{self._link.name} is on {short(self._link.summary())[0]} already; choose another provider"

    def _offer(self, options: list[tuple[str, Choice]]) -> None:
        if options == list(self.provider.options):
            return
        chosen = self.provider.value
        # New options choose the first for a moment. Were the URL's field hidden meanwhile, who is typing in it would
        # type on into the notebook, where keys are commands.
        self._offering = True
        try:
            self.provider.options = options
            labels = [label for label, _ in options]
            if chosen is not None and chosen.label in labels:
                self.provider.index = labels.index(chosen.label)
            else:  # a server that has been started since is what the link is on now, and can't be started again
                here = [choice.url is not None and masked(choice.url) == self._link.url for _, choice in options]
                self.provider.index = here.index(True) if True in here else _first(self._link, options)
        finally:
            self._offering = False
        self._chosen()

    def _words(self, job: Any, moved: Any) -> str:
        link = self._link
        if moved is not None:
            waiting = f"; {link.waiting:,} request{'' if link.waiting == 1 else 's'} waiting" if link.waiting else ""
            return f'<span class="wl-running">moving the data: {escape(str(moved))}{waiting}</span>'
        if job is not None:
            words = "being cancelled …" if job.cancelled else f"{job.step} {time.monotonic() - job.started:.0f} s"
            return f'<span class="wl-running">{escape(words)}</span>'
        if self._objection is not None and self.provider.value == OTHER:
            return _refused(self._objection)
        outcome = self._board.outcome(link)
        if outcome is None:
            return ""
        return f'<span class="wl-done">✓ {escape(outcome.words)}</span>' if outcome.done else _refused(outcome.words)

    def _options(self) -> list[tuple[str, Choice]]:
        choices = self._board.choices.of(self._lab, self._link)
        if self._link.kind is not HANDLERS:
            choices.append(OTHER)
        return [(choice.label, choice) for choice in choices]

    # --- what is done ------------------------------------------------------------------------------

    def code(self) -> str:
        """The swap as Python, without secrets."""
        link = self._link
        name = f"lab.{link.kind.name}" if link.app is None else f"lab.links[{link.name!r}]"
        choice = self._choice()
        target = choice.code() if choice is not None else "..."
        return f"{name}.swap({target}{', migrate=True' if self._migrate() else ''})"

    def close(self) -> None:
        """The link is gone."""
        shells.close(self.view)

    def _choice(self) -> Choice | None:
        choice: Choice | None = self.provider.value
        if choice == OTHER:
            return Choice("other URL", self.url.url or _hint(self._link))
        return choice

    def _busy(self) -> bool:
        return self._board.job(self._link) is not None or self._link.moved is not None

    def _migrate(self) -> bool:
        return bool(self.move.value) and self._link.kind.copy is not None

    def _chosen(self, _change: Any = None) -> None:
        if self._offering:
            return
        _show(self.url, self.provider.value == OTHER)
        self._dim(self._busy())

    def _typed(self) -> None:
        self._objection = objection(self._link.kind.name, self.url.url) if self.url.url else None
        self._board.forget(self._link)
        self._dim(self._busy())
        self.says.value = self._words(None, None)

    def _clicked(self) -> None:
        if self._busy():
            return
        choice = self._choice()
        if choice is None:
            self._board.objected(self._link, "there is nothing to swap to")
            return
        if self.provider.value == OTHER:
            self._objection = objection(self._link.kind.name, self.url.url)
            if self._objection is not None:
                self.says.value = _refused(self._objection)
                return
            self.url.used()
        if self._already():
            self._board.objected(self._link, self._already_words())
            self.says.value = self._words(None, None)
            return
        self._board.swap(self._link, choice, self._migrate())

    def _cancelled(self) -> None:
        job = self._board.job(self._link)
        if job is not None:
            job.cancel()
        else:
            self._link.cancel()


def _html(name: str) -> Any:
    made = ipywidgets.HTML()
    made.add_class("wl-says")
    made.add_class(name)
    return made


def _show(widget: Any, shown: bool) -> None:
    display = None if shown else "none"
    if widget.layout.display != display:
        widget.layout.display = display


def _first(link: Link, options: list[tuple[str, Choice]]) -> int | None:
    """What is chosen at first: something else than what is plugged in."""
    if not options:
        return None
    same = [(choice.url or "").partition(":")[0] == (link.url or "").partition(":")[0] for _, choice in options]
    return same.index(False) if False in same else 0


def _provider(summary: str) -> str:
    name, rest = short(summary)
    more = f'<span class="wl-rest">, {escape(rest)}</span>' if rest else ""
    return f'<b title="{escape(summary)}">{escape(name)}</b>{more}'


def _refused(words: str) -> str:
    return f'<span class="wl-refused" role="alert">{escape(words)}</span>'


def _line(name: str, swap: Swap) -> str:
    clock, _, rest = str(swap).partition("  ")
    kind = ' class="wl-refused"' if swap.refused is not None else ""
    return f'<li{kind}><span class="wl-when">{clock}</span>{escape(name)}: {escape(rest)}</li>'


def _hint(link: Link) -> str:
    return "redis://:password@host:6379" if link.kind.name == "keyvalue" else "file:///tmp/blobs"


def _nothing() -> Any:
    made = _html("wl-now")
    made.value = "No loaded app imports something that is linked."
    return made
