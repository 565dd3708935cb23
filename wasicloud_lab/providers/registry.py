"""From a URL to a provider: the lab's own, and those that other packages bring.

A package adds one with an entry point in the group `wasicloud_lab.keyvalue` or `wasicloud_lab.blobstore`: the
name is the URL's scheme, the value a callable that takes an `Address` and answers a provider.

    [project.entry-points."wasicloud_lab.keyvalue"]
    etcd = "my_package:open_etcd"
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError, ToolMissing
from .address import Address

if TYPE_CHECKING:
    from .blobstore.base import BlobstoreProvider
    from .keyvalue.base import KeyValueProvider

GROUPS = {"keyvalue": "wasicloud_lab.keyvalue", "blobstore": "wasicloud_lab.blobstore"}

#: Scheme → module and function, and the extra that brings what the module imports.
_OWN: dict[str, dict[str, tuple[str, str, str | None]]] = {
    "keyvalue": {
        "memory": ("keyvalue.memory", "open_memory", None),
        "fakeredis": ("keyvalue.fake", "open_fake", None),
        "redis": ("keyvalue.redis", "open_redis", None),
        "rediss": ("keyvalue.redis", "open_redis", None),
        "sqlite": ("keyvalue.sqlite", "open_sqlite", None),
        "nats": ("keyvalue.nats", "open_nats", "nats"),
    },
    "blobstore": {
        "memory": ("blobstore.memory", "open_memory", None),
        "file": ("blobstore.file", "open_file", None),
        "azure": ("blobstore.azure", "open_azure", None),
        "s3": ("blobstore.s3", "open_s3", "s3"),
        "nats": ("blobstore.nats", "open_nats", "nats"),
    },
}


def schemes(kind: str) -> list[str]:
    """The URL schemes of one kind of provider ("keyvalue" or "blobstore"), the lab's own first."""
    found = list(_OWN[kind])
    return found + sorted({point.name for point in metadata.entry_points(group=GROUPS[kind])} - set(found))


def open_keyvalue(url: str) -> KeyValueProvider:
    """Makes the key-value provider for a URL. It may not have spoken to its store yet; `ping` does.

    Raises:
        ProviderError: the URL is not one, its scheme is unknown, an option is wrong, …
        ToolMissing: a package that it needs is not installed; the message says which.
    """
    provider: KeyValueProvider = _open("keyvalue", url)
    return provider


def open_blobstore(url: str) -> BlobstoreProvider:
    """Makes the blobstore provider for a URL; as `open_keyvalue`."""
    provider: BlobstoreProvider = _open("blobstore", url)
    return provider


def _open(kind: str, url: str) -> Any:
    address = Address.parse(url)
    return _opener(kind, address)(address)


def _opener(kind: str, address: Address) -> Callable[[Address], Any]:
    own = _OWN[kind].get(address.scheme)
    if own is None:
        return _third_party(kind, address)
    module, function, extra = own
    try:
        loaded = importlib.import_module(f"{__package__}.{module}")
    except ModuleNotFoundError as error:
        if extra is None or (error.name or "").startswith("wasicloud_lab"):
            raise
        raise ToolMissing(
            f"{address.scheme}:// needs the Python package {error.name!r}; "
            f"get it with: pip install 'wasicloud-lab[{extra}]'"
        ) from None
    opener: Callable[[Address], Any] = getattr(loaded, function)
    return opener


def _third_party(kind: str, address: Address) -> Callable[[Address], Any]:
    for point in metadata.entry_points(group=GROUPS[kind], name=address.scheme):
        try:
            opener: Callable[[Address], Any] = point.load()
        except Exception as error:
            raise ProviderError(
                f"{address.scheme}:// is served by {point.value}, which can't be loaded: {error}"
            ) from error
        return opener
    other = next((each for each in _OWN if each != kind and address.scheme in _OWN[each]), None)
    hint = f" (it is a {other} provider's)" if other else ""
    raise ProviderError(
        f"no {kind} provider for {address.scheme}://{hint}; there are {', '.join(f'{s}://' for s in schemes(kind))}"
    )
