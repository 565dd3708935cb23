"""What a request keeps of its links while it runs. This is the hot path: no lock is taken here.

A request pins the provider of each link when it starts, and lets go when it ends. A link that is swapped
flips to a new `Plug`; the old one ends with its last request. Adding to a set, discarding from it and looking
at an attribute are each one step under the interpreter's lock, which is all that the order below needs: the
request first counts itself in, then looks whether the link is still on this plug.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import LinkError
from .host.state import enclosing_plugs

if TYPE_CHECKING:
    from .links import Link


class Plug:
    """A provider in a link, and the requests that run on it.

    Attributes:
        provider: the key-value or blob store, or the app.
        owned: whether the link made the provider, and so closes it.
        url: the provider's, with its secrets masked; None for one that was given as an object.
        running: the pins of the requests under way.
    """

    __slots__ = ("__weakref__", "_emptied", "draining", "owned", "provider", "running", "url")

    def __init__(self, provider: Any, owned: bool, url: str | None = None) -> None:
        self.provider = provider
        self.owned = owned
        self.url = url
        self.running: set[Pins] = set()
        self.draining = False
        self._emptied = threading.Event()

    def leave(self, pins: Pins) -> None:
        """A request has ended, or found that it came too late."""
        self.running.discard(pins)
        if self.draining and not self.running:
            self._emptied.set()

    def drained(self, timeout: float) -> bool:
        """Waits until no request runs on it; False when `timeout` seconds were not enough."""
        until = time.monotonic() + timeout
        self.draining = True
        try:
            while self.running:
                self._emptied.clear()
                if self.running:
                    left = until - time.monotonic()
                    if left <= 0:
                        return False
                    self._emptied.wait(min(left, 0.25))  # in slices, so that Ctrl-C is heard on every platform
            return True
        finally:
            self.draining = False


class Pins:
    """The plugs of one request.

    Attributes:
        plugs: what host functions see as `state.plugs`: slot → provider, and link → plug.
    """

    __slots__ = ("_held", "plugs")

    def __init__(self, links: Mapping[str, Link], app: str) -> None:
        """Pins each link's provider, waiting where data is being moved.

        Args:
            links: those of the app that the request goes to.
            app: its name, for those that count what goes through a link.

        A request made inside another one (a component that calls a component) keeps what that one has
        pinned: it would otherwise wait for a move that waits for it.
        """
        around = enclosing_plugs()
        self.plugs: dict[Any, Any] = {key: plug for key, plug in around.items() if not isinstance(key, str)}
        self._held: list[Plug] = []
        try:
            for slot in tuple(links):  # while it waits for one, another may be made or taken away
                link = links.get(slot)
                while link is not None:
                    plug = self.plugs.get(link)
                    if plug is None:
                        plug = link.enter(self)
                        if plug is None:  # it was taken away just now: what is wired instead?
                            closed, link = link, links.get(slot)
                            if link is closed:
                                raise LinkError(f"{app} has been closed; load it again")
                            continue
                        self.plugs[link] = plug
                        self._held.append(plug)
                    self.plugs[slot] = link.shown(plug.provider, app)
                    break
        except BaseException:  # Ctrl-C while it waits
            self.release()
            raise

    def release(self) -> None:
        """The request has ended."""
        for plug in self._held:
            plug.leave(self)
