"""The one suite that every provider passes: the lab's own, and yours.

    from wasicloud_lab.providers import conformance

    conformance.check("redis://localhost:6379")  # the store behind a URL
    conformance.check(Shouting)  # a class written in a cell; what opens a provider may be any function
    conformance.check(Shouting())  # a provider; it is not closed

It works with names that nothing else on the store has and removes what it made, so that it may be run on a store
with other data. A report draws itself; `report.ok` says whether all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import ProviderError
from .. import registry
from ..address import Address, masked
from ..blobstore.base import BlobstoreProvider
from ..keyvalue.base import KeyValueProvider
from . import blobstore, blobstore_objects, blobstore_streams, keyvalue, keyvalue_atomics, keyvalue_names
from .checks import Check, Terms
from .report import Outcome, Report
from .running import run
from .stores import BlobstoreTrial, KeyValueTrial

__all__ = ["KINDS", "Outcome", "Report", "check", "kinds_of", "names"]

#: The kinds of provider there are.
KINDS = ("keyvalue", "blobstore")

_KEYVALUE: list[Check[KeyValueTrial]] = [*keyvalue.check, *keyvalue_names.check, *keyvalue_atomics.check]
_BLOBSTORE: list[Check[BlobstoreTrial]] = [*blobstore.check, *blobstore_objects.check, *blobstore_streams.check]

#: URL schemes whose stores end with the provider.
_FORGETFUL = ("memory", "fakeredis")


def names(kind: str) -> list[str]:
    """The names of all checks on one kind of provider, in order."""
    return [each.name for each in (_KEYVALUE if kind == "keyvalue" else _BLOBSTORE)]


def check(
    target: str | KeyValueProvider | BlobstoreProvider | Callable[[], Any],
    kind: str | None = None,
    *,
    quick: bool = False,
    only: Sequence[str] = (),
    limit: float = 120.0,
    persists: bool | None = None,
    progress: Callable[[Outcome], object] = lambda outcome: None,
) -> Report:
    """Runs the suite on a provider.

    Args:
        target: a URL; a provider; or what makes one when it is called, a class for example.
        kind: "keyvalue" or "blobstore"; None to see it from the target, and try both where it may be either.
        quick: with smaller values and fewer keys and objects.
        only: names of checks; all where it is empty.
        limit: seconds that a check may take.
        persists: whether what was stored must be there when the store is opened again; None to see it from the
            target: so it is with URLs, save those of stores in memory.
        progress: is called with each outcome as it comes.

    Raises:
        ProviderError: the target is no provider, its URL is wrong, or a check of that name does not exist.
        ToolMissing: a package that the URL needs is not installed.
    """
    kinds = kinds_of(target) if kind is None else [kind]
    for each in kinds:
        if each not in KINDS:
            raise ProviderError(f"{each!r} is no kind of provider; there are {' and '.join(KINDS)}")
    known = {name for each in kinds for name in names(each)}
    for name in only:
        if name not in known:
            raise ProviderError(f"there is no check {name!r}; there are {', '.join(sorted(known))}")
    kinds = [each for each in kinds if not only or set(only) & set(names(each))]
    hidden: list[str] = []
    if isinstance(target, str):
        address = Address.parse(target)
        hidden = _secrets(address)
        persists = address.scheme not in _FORGETFUL if persists is None else persists
    openers = {each: _opener(target, each) for each in kinds}
    opened: dict[str, Any] = {}
    try:
        for each, opener in openers.items():
            opened[each] = opener() if opener else target
        outcomes: list[Outcome] = []
        for each, provider in opened.items():
            terms: Terms[Any] = Terms(quick, openers[each], bool(persists), hidden)
            outcomes += _run(each, provider, terms, only, limit, progress)
        return Report({each: _said(provider, hidden) for each, provider in opened.items()}, outcomes)
    finally:
        for each, provider in opened.items():
            if openers[each]:
                provider.close()


def _run(
    kind: str,
    provider: Any,
    terms: Terms[Any],
    only: Sequence[str],
    limit: float,
    progress: Callable[[Outcome], object],
) -> list[Outcome]:
    if kind == "keyvalue":
        chosen = [one for one in _KEYVALUE if not only or one.name in only]
        return run(kind, chosen, lambda: KeyValueTrial(provider, terms), limit=limit, progress=progress)
    wanted = [one for one in _BLOBSTORE if not only or one.name in only]
    return run(kind, wanted, lambda: BlobstoreTrial(provider, terms), limit=limit, progress=progress)


def kinds_of(target: object) -> list[str]:
    """The kinds of provider that a URL, a provider, or a class of them may be.

    Raises:
        ProviderError: it can't be told.
    """
    if isinstance(target, str):
        scheme = Address.parse(target).scheme
        found = [kind for kind in KINDS if scheme in registry.schemes(kind)]
        if not found:
            there = sorted({f"{scheme}://" for kind in KINDS for scheme in registry.schemes(kind)})
            raise ProviderError(f"no provider for {scheme}://; there are {', '.join(there)}")
        return found
    bases = {"keyvalue": KeyValueProvider, "blobstore": BlobstoreProvider}
    if isinstance(target, type):
        found = [kind for kind, base in bases.items() if issubclass(target, base)]
    else:
        found = [kind for kind, base in bases.items() if isinstance(target, base)]
    if not found:
        raise ProviderError(
            f"{type(target).__name__} does not say what kind of provider it is; say kind='keyvalue' or kind='blobstore'"
        )
    return found


def _opener(target: Any, kind: str) -> Callable[[], Any] | None:
    if isinstance(target, str):
        open_url = registry.open_keyvalue if kind == "keyvalue" else registry.open_blobstore
        return lambda: open_url(target)
    if isinstance(target, (KeyValueProvider, BlobstoreProvider)) or not callable(target):
        return None
    opener: Callable[[], Any] = target
    return opener


def _secrets(address: Address) -> list[str]:
    """What must not be seen of a URL."""
    options = [value for name, value in address.options.items() if masked(f"{name}=x") != f"{name}=x"]
    return [secret for secret in [address.password, *options] if secret]


def _said(provider: Any, hidden: Sequence[str]) -> str:
    """A provider's summary, as far as it has one: a check of its own says what is wrong with it."""
    try:
        said = str(provider.summary())
    except Exception:
        said = type(provider).__name__
    for secret in hidden:
        said = said.replace(secret, "***")
    return masked(" ".join(said.split())) or type(provider).__name__
