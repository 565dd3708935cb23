"""One page of a long listing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

_T = TypeVar("_T")

#: Names on a page, unless the caller wants another number.
PAGE = 1000


class Page(NamedTuple, Generic[_T]):
    """Part of a listing, and where the rest begins.

    Attributes:
        items: what is on this page; may be empty even when more pages follow.
        cursor: to be given to the next call; None at the end.
    """

    items: list[_T]
    cursor: str | None


def every(list_page: Callable[[str | None], Page[_T]]) -> Iterator[_T]:
    """All items of a listing, page by page: `every(lambda cursor: store.keys("b", cursor))`."""
    cursor: str | None = None
    while True:
        items, cursor = list_page(cursor)
        yield from items
        if cursor is None:
            return
