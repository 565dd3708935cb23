"""Browsing: a store's groups, the names in one of them, one value; read in a thread, shown while they are true.

The part of the data view that only looks. Each answer of the store is shown only if the section still shows the
link, the provider and the names that it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets as W

from .. import stores
from ..errors import Denied, ProviderError, Unavailable
from ..listing import Pages, Place
from ..preview import HEX, JSON, PICTURE, TEXT, visible_name
from .parts import Drawing, Worker, button, field, html, note, offer, show, store_links, words
from .viewer import Viewer

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

_T = TypeVar("_T")

#: Labels that stand one under the other; the longest is "Container".
_LABELS = "66px"


class Browsing:
    """What `DataSection` stands on.

    Attributes:
        link, group, names: the fields to choose with.
        viewer: shows the value.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._drawing = Drawing()
        self._worker = Worker("wasicloud-lab data")
        self._turn = 0
        self._link: Link | None = None
        self._identity: list[Any] = []
        self._group_pages, self._name_pages = Pages(), Pages()
        self._group: str | None = None
        self._name: str | None = None
        self._found: stores.Found | None = None
        self._unseen = ""
        self.link = field(W.Dropdown, "Store", options=[], label_width=_LABELS, tooltip="Whose data is shown")
        self._where = html()
        self.group = field(
            W.Dropdown, "Bucket", options=[], label_width=_LABELS, tooltip="The bucket or container that is shown"
        )
        self.group_back = button("Previous", "The buckets or containers before these", lambda: self._turn_groups(False))
        self.group_on = button("Next", "Further buckets or containers", lambda: self._turn_groups(True))
        self.other = field(
            W.Text, "Go to", continuous_update=False, placeholder="a bucket or container by its name",
            tooltip="Shows a bucket or container that is not in the list",
        )  # fmt: skip
        self.again = button("Refresh", "Read it again from the store", self.reload, icon="refresh")
        self.names = field(
            W.Select, "Keys", options=[], rows=9, label_width=_LABELS, layout={"flex": "1 1 auto"},
            tooltip="Choose one to see its value",
        )  # fmt: skip
        self.names.add_class("wl-names")
        self.back = button("Previous", "The page before", lambda: self._turn_names(False), icon="chevron-left")
        self.on = button("Next", "The next page", lambda: self._turn_names(True), icon="chevron-right")
        self._page = html()
        self._title = html()
        self.viewer = Viewer(self._drawing, TEXT, JSON, HEX, PICTURE)
        self._status = html()
        show(self.other, False)
        for widget, chosen in (
            (self.link, self._link_chosen), (self.group, self._group_chosen), (self.names, self._name_chosen),
            (self.other, self._other_chosen),
        ):  # fmt: skip
            widget.observe(chosen, "value")

    def refresh(self) -> None:
        """Notices new links and swapped providers; reads from the store only when there is something new."""
        links = store_links(self._lab)
        with self._drawing:
            offer(self.link, [(link.name, link) for link in links])
            link = self.link.value
            if link is None:
                return
            now = stores.identity(link.provider)
            if link is not self._link or not stores.same_store(now, self._identity):
                swapped = link is self._link
                group, name = (self._group, self._name) if swapped else (None, None)
                self._link, self._identity = link, now
                self._worker.abandon()  # what was asked of the old one may hang
                self._forget()
                self._group_pages, self._name_pages = Pages(), Pages()
                self._load_groups("The provider was swapped; this is the new one." if swapped else "", group, name)
            self._set(self._where, f'<span class="wl-dim">{escape(link.summary())}</span>')

    def reload(self) -> None:
        """Reads again what is shown."""
        with self._drawing:
            self._worker.abandon()
            self._load_groups("", self._group, self._name, unlisted=True)

    def close(self) -> None:
        """Ends the thread."""
        self._turn += 1
        self._worker.close()

    # --- reading -----------------------------------------------------------------------------------

    @property
    def _blobs(self) -> bool:
        return self._link is not None and self._link.kind.name == "blobstore"

    def _ask(self, doing: str, job: Callable[[Any], _T], done: Callable[[_T], None]) -> None:
        """Has the store asked something in the worker; an answer that comes too late is not shown."""
        link, asked = self._link, self._identity
        if link is None:
            return
        self._turn += 1
        turn = self._turn

        def current() -> bool:
            return turn == self._turn and stores.same_store(stores.identity(link.provider), asked)

        def work() -> None:
            if not current():
                return
            try:
                answer = job(link.provider)
            except Exception as error:
                with self._drawing:
                    if current():
                        self._say(words(error), "error")
                return
            with self._drawing:
                if current():
                    done(answer)

        self._say(doing, "busy")
        self._worker.start(work)

    def _load_groups(
        self, said: str = "", wanted: str | None = None, name: str | None = None, *, unlisted: bool = False
    ) -> None:
        """Reads a page of groups, then the names in one of them, then one value.

        Args:
            said: to be told when all is there.
            wanted, name: what to show, if it is there; else the first.
            unlisted: the group is shown also when it is not on this page: its last key may have gone.
        """
        pages, blobs = self._group_pages, self._blobs

        def ask(provider: Any) -> tuple[list[str], Place | None, str]:
            try:
                return (*stores.groups(provider, pages.here), "")
            except (Denied, Unavailable):
                raise
            except ProviderError as error:  # one that can't list; its groups can be looked at by their names
                return [], None, f"{error}. Write the name of one into Go to."

        def done(answer: tuple[list[str], Place | None, str]) -> None:
            found, pages.next, problem = answer
            if unlisted and wanted is not None and wanted not in found:
                found = [wanted, *found]
            self.group.options = [(label(name), name) for name in found]
            self.group.description = "Container" if blobs else "Bucket"
            for each in (self.group_back, self.group_on):
                show(each, pages.several)
            show(self.other, pages.several or bool(problem))
            self.group_back.disabled, self.group_on.disabled = not pages.before, pages.next is None
            if not found:
                self._forget()
                self._group = None
                empty = problem or f"There is no {'container' if blobs else 'bucket'} yet. Add makes one."
                self._end(f"{said} {empty}".strip())
                return
            chosen = wanted if wanted in found else found[0]
            self.group.value = chosen
            if chosen != self._group:
                self._name_pages = Pages()
            self._group = chosen
            self._load_names(said, name)

        self._ask(f"Reading the {'containers' if blobs else 'buckets'} …", ask, done)

    def _load_names(self, said: str = "", wanted: str | None = None) -> None:
        group, pages = self._group, self._name_pages
        if group is None:
            return

        def done(answer: tuple[list[str], Place | None]) -> None:
            found, pages.next = answer
            self.names.options = [(label(name), name) for name in found]
            self.names.description = "Objects" if self._blobs else "Keys"
            show(self.back, pages.several)
            show(self.on, pages.several)
            self.back.disabled, self.on.disabled = not pages.before, pages.next is None
            self._set(self._page, f'<span class="wl-dim">page {pages.number}</span>' if pages.several else "")
            if not found:
                self._forget_value()
                self._end(f"{said} There is nothing in {label(group)}.".strip())
                return
            self.names.value = self._name = wanted if wanted in found else found[0]
            self._load_value(said)

        self._ask("Reading the names …", lambda provider: stores.names(provider, group, pages.here), done)

    def _load_value(self, said: str = "") -> None:
        group, name = self._group, self._name
        if group is None or name is None:
            return
        self._forget_value(name)

        def done(found: stores.Found | None) -> None:
            if found is None:
                self._end(f"{label(name)} is not there any more.")
                return
            self._found = found
            self.viewer.show(found.data, size=found.size)
            self._mode("look")
            self._end(said, "good")

        self._ask("Reading …", lambda provider: stores.read(provider, group, name), done)

    # --- choosing ----------------------------------------------------------------------------------

    def _link_chosen(self, _: Any) -> None:
        if not self._drawing.mine:
            self._group = None
            self.refresh()

    def _group_chosen(self, change: Any) -> None:
        if self._drawing.mine or change["new"] is None:
            return
        with self._drawing:
            self._forget()
            self._group = change["new"]
            self._name_pages = Pages()
            self._load_names()

    def _other_chosen(self, change: Any) -> None:
        if self._drawing.mine or not change["new"]:
            return
        with self._drawing:
            self._forget()
            self._group = change["new"]
            self._name_pages = Pages()
            if self._group not in [value for _, value in self.group.options]:
                self.group.options = [(label(self._group), self._group), *self.group.options]
            self.group.value = self._group
            self._load_names()

    def _name_chosen(self, change: Any) -> None:
        if self._drawing.mine or change["new"] is None:
            return
        with self._drawing:
            self._name = change["new"]
            self._load_value()

    def _turn_groups(self, on: bool) -> None:
        with self._drawing:
            self._group_pages.forward() if on else self._group_pages.back()
            self._forget()
            self._load_groups()

    def _turn_names(self, on: bool) -> None:
        with self._drawing:
            self._name_pages.forward() if on else self._name_pages.back()
            self._load_names()

    # --- drawing -----------------------------------------------------------------------------------

    def _mode(self, mode: str) -> None:
        """What the right side is for: "look", and what else there is in `DataSection`."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Nothing that is shown is of the store that is asked now."""
        self.names.options = []
        self._set(self._page, "")
        show(self.back, False)
        show(self.on, False)
        self._forget_value()

    def _forget_value(self, name: str | None = None) -> None:
        self._name, self._found = name, None
        self.viewer.clear()
        self._set(self._title, "" if name is None else f'<span class="wl-key">{escape(visible_name(name))}</span>')
        self._mode("look")

    def _end(self, text: str = "", kind: str = "info") -> None:
        """All is read: says so, but for a change that has failed meanwhile, which must not go unseen."""
        failed, self._unseen = self._unseen, ""
        self._say(failed or text, "error" if failed else kind)

    def _say(self, text: str, kind: str = "info") -> None:
        self._set(self._status, note(text, kind))

    @staticmethod
    def _set(widget: Any, text: str) -> None:
        if widget.value != text:
            widget.value = text


def label(name: str) -> str:
    """A name for a list or a sentence: one line, not too long."""
    shown = visible_name(name)
    return shown if len(shown) <= 120 else f"{shown[:80]}…{shown[-39:]}"
