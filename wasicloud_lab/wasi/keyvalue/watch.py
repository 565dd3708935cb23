"""Guests that want to hear of changes: `wasi:keyvalue/watcher`, and `handle-watch` as it was called before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import eventual, store

if TYPE_CHECKING:
    from ...app import App
    from ...host.component import Component

WATCHER = "wasi:keyvalue/watcher"
HANDLE_WATCH = "wasi:keyvalue/handle-watch"


def watcher_export(component: Component) -> str | None:
    """The interface, with its version, at which a component wants to be told of changes; None if it does not."""
    return component.export_name(WATCHER) or component.export_name(HANDLE_WATCH)


def notify(app: App, export: str, bucket: str, key: str, value: bytes | None) -> None:
    """Tells a guest of one change, on this thread.

    Args:
        app: the guest.
        export: what `watcher_export` answered.
        value: None for a key that was deleted.

    Raises:
        GuestError, LinkError: as `App.call`.
    """
    if export.partition("@")[0] == WATCHER:
        handle: Any = store.Bucket(bucket)
        shown: Any = value
    else:
        handle = eventual.Bucket(bucket)
        shown = None if value is None else eventual.IncomingValue(value)
    if value is None:
        app.call(f"{export}#on-delete", handle, key)
    else:
        app.call(f"{export}#on-set", handle, key, shown)
