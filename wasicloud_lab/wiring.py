"""What each import of an app is plugged into, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .host.types import Interface, World

if TYPE_CHECKING:
    from .links import Link

#: Imports that the lab serves through links.
LINKED = ("wasi:keyvalue/", "wasi:blobstore/", "wasi:http/incoming-handler")
#: What stands for everything else that the lab itself serves.
OURS = "the lab"


def wiring(world: World, provided: Mapping[str, Any], links: Mapping[str, Link]) -> dict[str, str | None]:
    """Import name → words, or None where nothing provides it.

    Args:
        world: of the component.
        provided: import name → the Python object that serves it, or None.
        links: the app's.
    """
    found = {name: _import_words(name, by, links) for name, by in provided.items()}
    for name, item in world.imports.items():
        if found[name] is None and isinstance(item, Interface) and not item.functions and not item.resources:
            found[name] = "types only"
    return found


def _import_words(import_name: str, by: Any, links: Mapping[str, Link]) -> str | None:
    bare = import_name.partition("@")[0]
    words = _words(by)
    if words == OURS and bare.startswith(LINKED):
        link = links.get(bare) or links.get(bare.partition("/")[0])
        return link.summary() if link is not None else None
    return words


def _words(provider: Any) -> str | None:
    """What serves an import: its own summary, else where it comes from."""
    if provider is None:
        return None
    summary = getattr(type(provider), "summary", None)
    if summary is not None:
        return str(summary(provider))
    if type(provider).__module__.startswith(f"{__package__}.wasi"):
        return OURS
    return str(getattr(provider, "__name__", type(provider).__name__))
