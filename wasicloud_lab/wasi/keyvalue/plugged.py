"""The store that a call goes to, its failures in words, and its answers checked: it may be anybody's class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..plugged import in_words, plugged

if TYPE_CHECKING:
    from ...providers.keyvalue.base import KeyValueProvider
    from ...providers.page import Page

SLOT = "wasi:keyvalue"


def store() -> KeyValueProvider:
    """The provider that the running call has pinned; as `plugged`."""
    return plugged(SLOT)  # type: ignore[no-any-return]


def failure(error: Exception) -> str:
    """What a guest is told about a failed call; as `in_words`."""
    return in_words(error, store())


def value_bytes(value: Any) -> bytes | None:
    """What a provider answered as a value. Its own class may be any that holds bytes.

    Raises:
        TypeError: it holds none.
    """
    if value is None or type(value) is bytes:
        return value
    if isinstance(value, (bytearray, memoryview, bytes)):
        return bytes(value)
    raise TypeError(f"a value is bytes, and it answered {type(value).__name__}")


def whole_number(value: Any) -> int:
    """What a provider answered as a count.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"a count is a whole number, and it answered {type(value).__name__}")


def key_page(page: Page[str]) -> tuple[list[str], str | None]:
    """What a provider answered as part of a listing.

    Raises:
        TypeError: it is none.
    """
    items, cursor = page
    keys = [text(key) for key in items]
    return keys, None if cursor is None else text(cursor)


def values(found: Iterable[Any], wanted: int) -> list[bytes | None]:
    """What a provider answered for several keys.

    Raises:
        TypeError: not one value for each of them.
    """
    several = [value_bytes(value) for value in found]
    if len(several) != wanted:
        raise TypeError(f"it answered {len(several)} values for {wanted} keys")
    return several


def text(value: Any) -> str:
    """
    Raises:
        TypeError: it is no text.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"a key is text, and it answered {type(value).__name__}")
