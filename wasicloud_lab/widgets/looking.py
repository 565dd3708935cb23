"""Looking: what is shown of a store follows what is in it, while somebody looks and is not in the middle of something.

The panel calls `refresh` ten times a second while the section is in front. A swapped provider is noticed at once. What
the store holds is read when the section has come to the front, and then again every few seconds: in a thread of its
own, so that no click waits for it, and nothing is redrawn that is as it was.
"""

from __future__ import annotations

import time
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import stores
from ..errors import NotFound
from ..listing import Pages, Place
from ..preview import SHOWN_BYTES
from .browsing import Browsing, Listed, label, list_groups, read_if_there
from .parts import Worker, offer, store_links, words

if TYPE_CHECKING:
    from ..lab import Lab
    from ..links import Link

#: Seconds without a call of `refresh` after which the section has been out of sight, …
OPENED = 1.0
#: … and between two readings while it is in front.
AGAIN = 3.0


class _Seen(NamedTuple):
    """What a reading has found; None where it did not look, or where there is nothing."""

    groups: Listed
    names: tuple[list[str], Place | None] | None
    value: stores.Found | None


class Looking(Browsing):
    """`Browsing` that keeps up with the store."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._looker = Worker("wasicloud-lab data, looking")
        self._looking: object | None = None
        self._refreshed = self._looked = time.monotonic()

    def refresh(self) -> None:
        """Notices new links, swapped providers, and what has changed in the store."""
        now = time.monotonic()
        opened, self._refreshed = now - self._refreshed > OPENED, now
        links = store_links(self._lab)
        with self._drawing:
            offer(self.link, [(link.name, link) for link in links])
            link = self.link.value
            if link is None:
                return
            identity = stores.identity(link.provider)
            if link is not self._link or not stores.same_store(identity, self._identity):
                self._other_store(link, identity)
            elif opened or now - self._looked > AGAIN:
                self._looked = now
                self._look(opened)
            self._set(self._where, f'<span class="wl-dim">{escape(link.summary())}</span>')

    def close(self) -> None:
        """Ends the threads."""
        super().close()
        self._looker.close()

    # --- another store -----------------------------------------------------------------------------

    def _other_store(self, link: Link, identity: list[Any]) -> None:
        swapped = link is self._link
        self._link, self._identity, self._looking = link, identity, None
        for each in (self._worker, self._looker):
            each.abandon()  # what was asked of the old one may hang
        self._group_pages, self._name_pages = Pages(), Pages()
        if swapped and self._writing:
            self._behind = True
            self._forget_names()
            if self._group is not None:
                self._offer(self.group, [self._group])
            self._say(
                f"The provider was swapped; what you are writing is still here. Save writes it to the new one, "
                f"{link.summary()}; Cancel shows what is there."
            )
            return
        group, name = (self._group, self._name) if swapped else (None, None)
        self._forget()
        self._load_groups("The provider was swapped; this is the new one." if swapped else "", group, name)

    @property
    def _writing(self) -> bool:
        """Whether somebody is writing a value, which must not be lost."""
        return False

    @property
    def _held(self) -> bool:
        """Whether somebody is in the middle of something, so that nothing may change under their hands."""
        return self._writing

    # --- the same store ----------------------------------------------------------------------------

    def _look(self, opened: bool) -> None:
        """Reads what is shown, and shows what of it has changed. Further pages only when the section was opened."""
        link, asked, turn = self._link, self._identity, self._turn
        group, name, before = self._group, self._name, self._found
        if link is None or self._looking is not None or self._busy or self._held:
            return
        if not opened and (self._group_pages.before or self._name_pages.before):
            return
        places = self._group_pages.here, self._name_pages.here
        if not opened and before is not None and before.size > SHOWN_BYTES:
            name = None  # too much to be read again and again
        mine = self._looking = object()

        def current() -> bool:
            same = turn == self._turn and link is self._link and not self._held
            return same and stores.same_store(stores.identity(link.provider), asked)

        def work() -> None:
            seen, problem = None, ""
            try:
                if current():
                    seen = _read(link.provider, places, group, name)
            except Exception as error:
                problem = words(error)
            with self._drawing:
                if self._looking is mine:
                    self._looking = None
                if not current():
                    return
                if seen is not None:
                    self._show_seen(seen, looked=name is not None)
                elif opened:
                    self._say(problem, "error")
                    self._lost = True

        self._looker.start(work)

    def _show_seen(self, seen: _Seen, looked: bool) -> None:
        if self._lost:
            self._say("")
        if self._group is None:
            if seen.groups[0]:
                self._load_groups()
            return
        if not seen.groups[2]:  # of a store that can't list them, those that were asked for by name stay
            self._show_groups(seen.groups, self._group)
            self.group.value = self._group
        if seen.names is None:
            self._forget()
            self._say(f"{label(self._group)} is not there any more.")
            return
        found, following = seen.names
        name = self._name
        if name is None or (looked and seen.value is None) or (not looked and name not in found and following is None):
            if found or name is not None:
                self._load_names("" if name is None else f"{label(name)} is not there any more.")
            return
        self._show_names(found if name in found else [name, *found], following)
        self.names.value = name
        if looked and seen.value is not None and seen.value != self._found:
            self._forget_value(name)
            self._show_value(seen.value)


def _read(provider: Any, places: tuple[Place, Place], group: str | None, name: str | None) -> _Seen:
    """What is in a store now, of what is shown.

    Raises:
        ProviderError: it does not answer.
    """
    groups = list_groups(provider, places[0])
    names = value = None
    if group is not None:
        with suppress(NotFound):
            names = stores.names(provider, group, places[1])
        if names is not None and name is not None:
            value = read_if_there(provider, group, name)
    return _Seen(groups, names, value)
