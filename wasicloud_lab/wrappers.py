"""Wrappers that stack on any provider, for either kind: what a guest sees when its store is slow, fails, is away.

    lab.keyvalue.wrap(wl.Latency, 0.05)          # 50 ms slower
    lab.keyvalue.swap(wl.Cached(MyProvider()))   # around one of your own

Each answers a provider of the kind it was given, with the wrapped one as `.inner`. What they take and do is
documented where they are: `wasicloud_lab.providers.keyvalue.wrappers` and `….blobstore.wrappers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .providers.blobstore import wrappers as blobstore
from .providers.blobstore.base import BlobstoreProvider
from .providers.keyvalue import wrappers as keyvalue

_P = TypeVar("_P")


def _kind(inner: Any) -> Any:
    """The module of the wrappers for a provider; one that has no base class is known by what it does."""
    return blobstore if isinstance(inner, BlobstoreProvider) or hasattr(inner, "container_exists") else keyvalue


def Latency(inner: _P, seconds: float, jitter: float = 0.0) -> _P:
    """Each operation waits first: `seconds`, more or less by up to `jitter`."""
    return _kind(inner).Latency(inner, seconds, jitter)  # type: ignore[no-any-return]


def Failing(inner: _P, rate: float, seed: int | None = None) -> _P:
    """A share of the operations, from 0 to 1, raises `Unavailable`."""
    return _kind(inner).Failing(inner, rate, seed)  # type: ignore[no-any-return]


def Troubled(inner: Any, latency: float = 0.0, failure_rate: float = 0.0, down: bool = False) -> Any:
    """As the two above, with attributes `latency`, `failure_rate` and `down` that may be changed at any time."""
    return _kind(inner).Troubled(inner, latency, failure_rate, down)


def Logged(inner: Any, log: Callable[[Any], None] | None = None) -> Any:
    """Keeps the last operations in `.records`, and draws them as a table."""
    return _kind(inner).Logged(inner, log)


def Cached(inner: Any, seconds: float = 5.0, size: int = 1000) -> Any:
    """Answers what was read or written not long ago from memory; `.hits` and `.misses` count."""
    return _kind(inner).Cached(inner, seconds, size)


def ReadOnly(inner: _P) -> _P:
    """Refuses every change with `Denied`."""
    return _kind(inner).ReadOnly(inner)  # type: ignore[no-any-return]


def Renamed(inner: _P, names: Mapping[str, str]) -> _P:
    """Buckets or containers have other names behind it: name as the guest says it → as it is in the store."""
    return _kind(inner).Renamed(inner, names)  # type: ignore[no-any-return]
