"""Which store a call goes to, and what a guest is told when it fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import GuestError, LinkError, ProviderError
from ...host.state import current
from ...providers.address import masked

if TYPE_CHECKING:
    from ...providers.keyvalue.base import KeyValueProvider
    from ...providers.page import Page

SLOT = "wasi:keyvalue"


def store() -> KeyValueProvider:
    """The provider that the running call has pinned. Asked at every call: a handle outlives a swap.

    Raises:
        LinkError: nothing is linked.
    """
    try:
        return current().plugs[SLOT]  # type: ignore[no-any-return]
    except KeyError:
        raise LinkError(f"the guest called {SLOT}, which is linked to no store here") from None


def in_words(error: Exception) -> str:
    """What a guest is told about a failed call, without secrets.

    Raises:
        GuestError: it is no failure of the store: the guest itself must end.
    """
    if isinstance(error, GuestError):
        raise error
    if isinstance(error, ProviderError):
        return masked(str(error))
    # A provider written in a cell may raise anything.
    return f"{type(store()).__name__} failed with {type(error).__name__}: {masked(str(error))}"


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
