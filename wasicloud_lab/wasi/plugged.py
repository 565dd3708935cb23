"""Which provider a call goes to, and what a guest is told when it fails: for every interface behind a link."""

from __future__ import annotations

from typing import Any

from ..errors import GuestError, LinkError, ProviderError
from ..host.state import current
from ..providers.address import masked


def plugged(slot: str) -> Any:
    """The provider that the running call has pinned. Asked at every call: a handle outlives a swap.

    Raises:
        LinkError: nothing is linked.
    """
    try:
        return current().plugs[slot]
    except KeyError:
        raise LinkError(f"the guest called {slot}, which is linked to no store here") from None


def in_words(error: Exception, of: object) -> str:
    """What a guest is told about a failed call, without secrets.

    Args:
        of: the provider, or a writer of it.

    Raises:
        GuestError: it is no failure of the store: the guest itself must end.
    """
    if isinstance(error, GuestError):
        raise error
    if isinstance(error, ProviderError):
        return masked(str(error))
    # A provider written in a cell may raise anything.
    return f"{type(of).__name__} failed with {type(error).__name__}: {masked(str(error))}"
