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
from ..errors import Denied, NotFound, ProviderError, Unavailable
from ..listing import START, Pages, Place
from ..preview import HEX, JSON, PICTURE, TEXT, visible_name
from .parts import Drawing, Worker, button, field, html, note, show, words
from .viewer import Viewer

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

_T = TypeVar("_T")

#: Labels that stand one under the other; the longest is "Go to object".
_LABELS = "80px"

#: A page of names, where the next one begins, and why the store can't list them.
Listed = tuple[list[str], Place | None, str]


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
        self._unseen: tuple[str, str] | None = None
        self._behind = False
        self._said = "info"
        self._lost = False
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
        self.sought = field(
            W.Text, "Go to key", label_width=_LABELS, continuous_update=False, placeholder="its whole name",
            tooltip="Shows one that is not on this page", layout={"flex": "0 0 auto"},
        )  # fmt: skip
        self.back = button("Previous", "The page before", lambda: self._turn_names(False), icon="chevron-left")
        self.on = button("Next", "The next page", lambda: self._turn_names(True), icon="chevron-right")
        self._page = html()
        self._title = html()
        self.viewer = Viewer(self._drawing, TEXT, JSON, HEX, PICTURE)
        self._status = html()
        show(self.other, False)
        show(self.sought, False)
        for widget, chosen in (
            (self.link, self._link_chosen), (self.group, self._group_chosen), (self.names, self._name_chosen),
            (self.other, self._other_chosen), (self.sought, self._sought_chosen),
        ):  # fmt: skip
            widget.observe(chosen, "value")

    def refresh(self) -> None:
        """What the panel calls again and again while the section is in front."""
        raise NotImplementedError

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
                        self._lost = True
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
        place, blobs = self._group_pages.here, self._blobs
        self._behind = False

        def done(answer: Listed) -> None:
            found = self._show_groups(answer, wanted if unlisted else None)
            problem = answer[2]
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

        doing = f"Reading the {'containers' if blobs else 'buckets'} …"
        self._ask(doing, lambda provider: list_groups(provider, place), done)

    def _load_names(self, said: str = "", wanted: str | None = None) -> None:
        group, place = self._group, self._name_pages.here
        if group is None:
            return

        def ask(provider: Any) -> Listed:
            found, following = stores.names(provider, group, place)
            alone = wanted is None or wanted in found or (place == START and following is None)
            if not alone and wanted is not None and stores.exists(provider, group, wanted):
                found = [wanted, *found]  # it is on another page
            return found, following, ""

        def done(answer: Listed) -> None:
            found = answer[0]
            self._show_names(found, answer[1])
            if not found:
                self._forget_value()
                self._end(f"{said} There is nothing in {label(group)}.".strip())
                return
            self.names.value = self._name = wanted if wanted in found else found[0]
            self._load_value(said)

        self._ask("Reading the names …", ask, done)

    def _load_value(self, said: str = "") -> None:
        group, name = self._group, self._name
        if group is None or name is None:
            return
        self._forget_value(name)

        def done(found: stores.Found | None) -> None:
            if found is None:
                self._end(f"{label(name)} is not there any more.")
                return
            self._show_value(found)
            self._end(said, "good")

        self._ask("Reading …", lambda provider: stores.read(provider, group, name), done)

    def _look_up(self, group: str, name: str) -> None:
        """Shows a value by its name, which need not be on this page; what is shown stays if there is none."""

        def done(found: stores.Found | None) -> None:
            if found is None:
                self._say(f"There is no {'object' if self._blobs else 'key'} {label(name)} in {label(group)}.", "error")
                return
            listed = [each for _, each in self.names.options]
            if name not in listed:
                self.names.options = choices([name, *listed])
            self.names.value, self.sought.value = name, ""
            self._forget_value(name)
            self._show_value(found)
            self._end()

        self._ask("Reading …", lambda provider: read_if_there(provider, group, name), done)

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
                self.group.options = [*choices([self._group]), *self.group.options]
            self.group.value = self._group
            self._load_names()

    def _name_chosen(self, change: Any) -> None:
        if self._drawing.mine or change["new"] is None:
            return
        with self._drawing:
            self._name = change["new"]
            self._load_value()

    def _sought_chosen(self, change: Any) -> None:
        if not self._drawing.mine and change["new"] and self._group is not None:
            with self._drawing:
                self._look_up(self._group, change["new"])

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

    def _show_groups(self, listed: Listed, also: str | None = None) -> list[str]:
        """Shows a page of groups, with one that may be missing there; answers them."""
        pages = self._group_pages
        found, pages.next, problem = listed
        if also is not None and also not in found:
            found = [also, *found]
        self._offer(self.group, found)
        self.group.description = "Container" if self._blobs else "Bucket"
        for each in (self.group_back, self.group_on):
            show(each, pages.several)
        show(self.other, pages.several or bool(problem))
        self.group_back.disabled, self.group_on.disabled = not pages.before, pages.next is None
        return found

    def _show_names(self, found: list[str], following: Place | None) -> None:
        pages, blobs = self._name_pages, self._blobs
        pages.next = following
        self._offer(self.names, found)
        self.names.description = "Objects" if blobs else "Keys"
        self.sought.description = "Go to object" if blobs else "Go to key"
        for each in (self.back, self.on, self.sought):
            show(each, pages.several)
        self.back.disabled, self.on.disabled = not pages.before, pages.next is None
        self._set(self._page, f'<span class="wl-dim">page {pages.number}</span>' if pages.several else "")

    def _show_value(self, found: stores.Found) -> None:
        self._found = found
        self.viewer.show(found.data, size=found.size)
        self._mode("look")

    @staticmethod
    def _offer(widget: Any, found: list[str]) -> None:
        """Gives a list its names, unless it has them: a person may be half way down in it."""
        if [name for _, name in widget.options] != found:
            widget.options = choices(found)

    def _forget_names(self) -> None:
        self.names.options = []
        self._set(self._page, "")
        for each in (self.back, self.on, self.sought):
            show(each, False)

    def _forget(self) -> None:
        """Nothing that is shown is of the store that is asked now."""
        self._forget_names()
        self._forget_value()

    def _forget_value(self, name: str | None = None) -> None:
        self._name, self._found = name, None
        self.viewer.clear()
        self._set(self._title, "" if name is None else f'<span class="wl-key">{escape(visible_name(name))}</span>')
        self._mode("look")

    def _end(self, text: str = "", kind: str = "info") -> None:
        """All is read: says so, but for what was to be said meanwhile, which must not go unseen."""
        unseen, self._unseen = self._unseen, None
        self._say(*(unseen or (text, kind)))

    def _tell(self, text: str, kind: str) -> None:
        """Says something beside what is read; if something is, at its end."""
        if self._busy:
            self._unseen = text, kind
        else:
            self._say(text, kind)

    @property
    def _busy(self) -> bool:
        return self._said == "busy"

    def _say(self, text: str, kind: str = "info") -> None:
        self._said, self._lost = kind, False
        self._set(self._status, note(text, kind))

    @staticmethod
    def _set(widget: Any, text: str) -> None:
        if widget.value != text:
            widget.value = text


def list_groups(provider: Any, place: Place) -> Listed:
    """A page of groups; of a store that can't list them none, and what to do.

    Raises:
        ProviderError: the store does not answer.
    """
    try:
        return (*stores.groups(provider, place), "")
    except (Denied, Unavailable):
        raise
    except ProviderError as error:
        return [], None, f"{error}. Write the name of one into Go to."


def read_if_there(provider: Any, group: str, name: str) -> stores.Found | None:
    """A value as `stores.read` answers it; None also for an object that is not there.

    Raises:
        ProviderError: the store does not answer.
    """
    try:
        return stores.read(provider, group, name)
    except NotFound:
        return None


def choices(found: list[str]) -> list[tuple[str, str]]:
    """Names for a list: what is shown, and what is meant."""
    return [(label(name), name) for name in found]


def label(name: str) -> str:
    """A name for a list or a sentence: one line, not too long."""
    shown = visible_name(name)
    return shown if len(shown) <= 120 else f"{shown[:80]}…{shown[-39:]}"
