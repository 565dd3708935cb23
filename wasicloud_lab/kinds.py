"""The kinds of link: what may be plugged in, how it is opened and asked for a sign of life, how data moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .app import HANDLER, App
from .errors import LinkError
from .migration import copy_containers, copy_keys
from .providers.address import masked
from .providers.blobstore.base import BlobstoreProvider
from .providers.keyvalue.base import KeyValueProvider
from .providers.registry import open_blobstore, open_keyvalue


@dataclass(frozen=True)
class Kind:
    """A kind of link.

    Attributes:
        name: "keyvalue", "blobstore" or "handler".
        slot: the WIT package or interface whose imports it wires.
        base: the class that providers subclass.
        open: makes a provider from a URL; None where there are no URLs.
        copy: copies all data from one provider to another; None where there is none.
    """

    name: str
    slot: str
    base: type
    open: Callable[[str], Any] | None
    copy: Callable[..., Any] | None

    def wires(self, imports: Iterable[str]) -> bool:
        """Whether any of these imports is of this kind."""
        return any(self.owns(name) for name in imports)

    def owns(self, import_name: str) -> bool:
        """Whether an import is of this kind: `wasi:keyvalue/store@0.2.0-draft` of `wasi:keyvalue`."""
        bare = import_name.partition("@")[0]
        return bare == self.slot or bare.partition("/")[0] == self.slot

    def provider(self, target: Any) -> tuple[Any, bool]:
        """A provider from a URL or an object, and whether it was made here.

        Raises:
            LinkError: the object can't be this kind of provider; says what it lacks.
            ProviderError, ToolMissing: the URL.
        """
        if isinstance(target, str) and self.open is not None:
            return self.open(target), True
        if isinstance(target, self.base):
            return target, False
        self._check(target)
        return target, False

    def _check(self, target: Any) -> None:
        """Whether an object of a class of its own does all that the base class does."""
        if self.open is None:
            shown = masked(repr(target))  # masked whole: a URL that was cut off might keep its password
            raise LinkError(f"{self.slot} is linked to another app, as lab.load answers it; got {shown:.80}")
        if isinstance(target, type):
            raise LinkError(f"give an object, not the class: {target.__name__}()")
        wanted = [name for name, item in vars(self.base).items() if callable(item) and not name.startswith("_")]
        missing = [name for name in wanted if not callable(getattr(target, name, None))]
        if missing:
            raise LinkError(
                f"{type(target).__name__} can't be a {self.name} provider: it has no {', '.join(missing)}. "
                f"As a subclass of wl.{self.base.__name__} it gets what can be made of its other methods."
            )


KEYVALUE = Kind("keyvalue", "wasi:keyvalue", KeyValueProvider, open_keyvalue, copy_keys)
BLOBSTORE = Kind("blobstore", "wasi:blobstore", BlobstoreProvider, open_blobstore, copy_containers)
HANDLERS = Kind("handler", HANDLER, App, None, None)
KINDS = (KEYVALUE, BLOBSTORE, HANDLERS)


def kind_of(import_name: str) -> Kind:
    """The kind of link that wires an import: `wasi:keyvalue/store@0.2.0-draft`, `wasi:keyvalue/store`, `wasi:keyvalue`.

    Raises:
        LinkError: imports of that name are not linked; says which are, and what to do for others.
    """
    for kind in KINDS:
        if kind.owns(import_name):
            return kind
    raise LinkError(
        f"{import_name!r} can't be linked; links are for {', '.join(kind.slot for kind in KINDS)}. "
        "Any other interface is plugged with lab.provide(…)"
    )
