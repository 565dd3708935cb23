"""One page of a long listing, and cursors for stores that list in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from ..errors import ProviderError

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


def after(cursor: str | None) -> str | None:
    """The name a listing goes on after, for providers that list in order. `after:NAME` is such a cursor.

    Raises:
        ProviderError: the cursor is another kind of provider's.
    """
    if cursor is None:
        return None
    kind, colon, name = cursor.partition(":")
    if kind != "after" or not colon:
        raise foreign_cursor()
    return name


def foreign_cursor() -> ProviderError:
    """The error for a cursor that another provider gave out, before a swap perhaps."""
    return ProviderError("this cursor is not of this store (was the provider swapped?); start the listing again")


def ordered_page(names: Sequence[str], limit: int) -> Page[str]:
    """A page of sorted names, of which there may be one more than `limit` to show that others follow."""
    shown = list(names[:limit])
    return Page(shown, f"after:{shown[-1]}" if len(names) > limit else None)
