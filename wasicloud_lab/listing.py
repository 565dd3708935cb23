"""A long listing in pages of a person's size, forwards and back, whatever size the store's own pages have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .providers.page import Page

#: Names shown at a time.
ROWS = 50


class Place(NamedTuple):
    """Where a page begins.

    Attributes:
        cursor: of the store's page it begins in; None for the first one.
        skip: names of the store's page that come before it.
        ordered: the store answers all it has at once, so it is put in order before it is cut.
    """

    cursor: str | None = None
    skip: int = 0
    ordered: bool = False


START = Place()


def read_rows(
    list_page: Callable[[str | None, int], Page[str]], place: Place = START, rows: int = ROWS
) -> tuple[list[str], Place | None]:
    """A page of names in the order of their code points, and where the next one begins; None at the end.

    A store may answer more than was asked for (a small Redis hash comes whole) or less, even nothing with more to
    follow: the first is cut, the second goes on until there is something. A page is never longer than `rows`. From
    page to page the names are in the store's own order, unless it answers all of them at once.

    Args:
        list_page: asks the store: cursor and how many → its page.
        place: START, or what the page before answered.
    """
    cursor, skip, ordered = place
    while True:
        page = list_page(cursor, rows + skip if skip else rows)
        # Where a page is cut, later ones must be cut from the same order.
        ordered = ordered if skip else cursor is None and page.cursor is None
        items = sorted(page.items) if ordered else page.items
        shown = sorted(items[skip : skip + rows])
        if len(items) > skip + rows:
            return shown, Place(cursor, skip + rows, ordered)
        if shown or page.cursor is None:
            return shown, None if page.cursor is None else Place(page.cursor)
        if page.cursor == cursor:
            return [], None  # a store that goes round in circles has no more to say
        cursor, skip = page.cursor, 0


class Pages:
    """Where a person is in a long listing: the place of this page, of those before it, and of the next one."""

    def __init__(self) -> None:
        self.before: list[Place] = []
        self.here: Place = START
        self.next: Place | None = None

    @property
    def number(self) -> int:
        """Counted from 1."""
        return len(self.before) + 1

    @property
    def several(self) -> bool:
        """Whether there is another page."""
        return bool(self.before) or self.next is not None

    def forward(self) -> None:
        """To the next page, if there is one."""
        if self.next is not None:
            self.before.append(self.here)
            self.here, self.next = self.next, None

    def back(self) -> None:
        """To the page before, if there is one."""
        if self.before:
            self.here, self.next = self.before.pop(), None
