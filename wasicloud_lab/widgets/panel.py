"""Panel: the running lab in a notebook: its wiring, its links to swap, and a tab for everything else.

A panel works while somebody looks. `wiring.js` says so each second; then a thread (ten times a second at most)
reads the lab and changes what is shown. Five seconds without a word and the thread ends, the meters are off and the
providers are left in peace; the next word starts it all again. So a panel whose cell was run again, or whose tab was
closed, costs nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import ipywidgets

from . import shells
from .board import board_of, said, used_links
from .copy import CopyCode
from .links import LinksSection
from .wiring import Picture, Wiring

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

#: Seconds between two looks at the lab.
TICK = 0.1
#: Seconds without a word from the front end after which nobody looks.
UNSEEN = 5.0

#: Title, module and class of each tab.
SECTIONS = (
    ("Traffic", "traffic", "TrafficSection"),
    ("Trace", "trace", "TraceSection"),
    ("Data", "data", "DataSection"),
    ("Request", "request", "RequestSection"),
    ("Trouble", "trouble", "TroubleSection"),
)


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """What `lab.panel()` answers. Any number may be open on one lab; they agree.

    Attributes:
        lab: the lab it shows.
        wiring: the picture.
        links: the section with the links.
        sections: the others by title.
        running: whether somebody looks, and so whether its thread runs.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._board = board_of(lab)
        self._picture = Picture(lab, self._board)
        self._metered: set[Link] = set()
        self._lock = threading.Lock()
        self._ticker: threading.Thread | None = None
        self._stop = threading.Event()
        self._main = Responsiveness()
        self._seen = 0.0
        self._done = False
        self.wiring = Wiring(self._picture.now(), self.looked_at)
        self.links = LinksSection(lab, self)
        self.sections: dict[str, Any] = {title: section(lab, self) for title, section in _sections()}
        self._trouble = ipywidgets.HTML()
        self._tabs = ipywidgets.Tab(
            [_tab(title, section) for title, section in self.sections.items()],
            titles=tuple(self.sections),
        )
        super().__init__([self.wiring, _heading("Links"), self.links.view, self._trouble, self._tabs])
        self.add_class("wl-panel")
        shells.free(self)

    # --- whether somebody looks --------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether somebody looks, and so whether its thread runs."""
        return self._ticker is not None

    def looked_at(self) -> None:
        """A front end shows the panel at this moment."""
        with self._lock:
            self._seen = time.monotonic()
            if self._done or self._ticker is not None:
                return
            self._stop.clear()
            self._ticker = threading.Thread(target=self._run, name="panel", daemon=True)
            self._ticker.start()

    def close(self) -> None:
        """Stops all that runs for this panel, and takes it off the page. Traffic and swaps, the lab's, go on."""
        with self._lock:
            if self._done:
                return
            self._done = True
            ticker = self._ticker
        self._stop.set()
        if ticker is not None and ticker is not threading.current_thread():
            ticker.join(UNSEEN)
        for section in (self.links, *self.sections.values()):
            section.close()
        for widget in list(shells.inside(self)):
            if widget is not self:
                widget.close()
        super().close()

    def _unseen(self) -> bool:
        """Whether nobody looks. While a cell holds up the kernel's messages nobody can say so: then somebody does."""
        return time.monotonic() - max(self._seen, self._main.held_up()) > UNSEEN

    def _run(self) -> None:
        self._board.join(self)
        beat = 0.0
        try:
            while not self._stop.wait(TICK) and not self._rested():
                self.refresh()
                if time.monotonic() - beat >= 1.0:
                    beat = time.monotonic()
                    self.wiring.alive()
                    shells.free(self)
        finally:
            with self._lock:
                self._rest()

    def _rested(self) -> bool:
        with self._lock:
            if self._unseen():
                self._rest()
            return self._ticker is None

    def _rest(self) -> None:
        """The thread is about to end. Under the lock, so that the next one finds everything let go."""
        if self._ticker is threading.current_thread():
            for link in self._metered:
                link.meter.off()
            self._metered = set()
            self._board.leave(self)
            self._ticker = None

    # --- what is shown -----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Shows what is now: the wiring, the links, and the tab that is in front."""
        trouble = ""
        for each in (self._draw, self.links.refresh, self._refresh_tab):
            try:
                each()
            except Exception as error:  # one section's trouble is not the others'
                trouble = f'<span class="wl-refused" role="alert">the panel: {escape(said(error))}</span>'
        self._trouble.value = trouble

    def _draw(self) -> None:
        if self._ticker is threading.current_thread():
            used = set(used_links(self.lab))
            for link in used - self._metered:
                link.meter.on()
            for link in self._metered - used:
                link.meter.off()
            self._metered = used
        self.wiring.state = self._picture.now()

    def _refresh_tab(self) -> None:
        number = self._tabs.selected_index
        if number is not None and number < len(self.sections):
            list(self.sections.values())[number].refresh()


class Responsiveness:
    """Whether the thread that made it, the kernel's main one, gets round to what is waiting for it.

    Where the front end sends a widget's messages there, those wait while a cell runs.
    """

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: nothing waits
            self._loop = None
        self._asked: float | None = None
        self._held_up = 0.0

    def held_up(self) -> float:
        """When it was last known to be held up, on the clock of `time.monotonic`."""
        now = time.monotonic()
        if self._loop is None or self._loop.is_closed():
            return self._held_up
        if self._asked is None:
            self._asked = now
            self._loop.call_soon_threadsafe(self._answer)
        elif now - self._asked > 2 * TICK:
            self._held_up = now
        return self._held_up

    def _answer(self) -> None:
        self._asked = None


def _heading(title: str) -> Any:
    heading = ipywidgets.HTML(f'<h3 class="wl-h">{escape(title)}</h3>')
    heading.add_class("wl-title")
    bar = ipywidgets.HBox([heading])
    bar.add_class("wl-bar")
    return bar


def _tab(title: str, section: Any) -> Any:
    """A section with its button "copy as code"; its title is on the tab."""
    bar = ipywidgets.HBox([CopyCode(section.code, title)])
    bar.add_class("wl-bar")
    bar.add_class("wl-right")
    return ipywidgets.VBox([bar, section.view])


def _sections() -> list[tuple[str, Any]]:
    return [(title, getattr(import_module(f".{module}", __package__), name)) for title, module, name in SECTIONS]
