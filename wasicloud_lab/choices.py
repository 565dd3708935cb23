"""Which providers can be chosen for a link: embedded ones, those found on this machine, URLs used before.

Looking around (`look`) takes a moment and is for a worker thread; `of` answers at once from what was seen last.
"""

from __future__ import annotations

import importlib.util
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .doctor import find_tool
from .errors import LabError, LinkError
from .kinds import HANDLERS
from .providers.address import MASK, Address, masked
from .providers.registry import schemes
from .services.service import HOST

if TYPE_CHECKING:
    from .lab import Lab
    from .links import Link

#: Seconds that a server on this machine has to accept a connection.
PATIENCE = 0.3


@dataclass(frozen=True)
class Choice:
    """One provider that can be chosen.

    Attributes:
        label: what people read; without secrets.
        url: the provider's, secrets and all; None where a server is started first, or an app is meant.
        service: the method of `lab.services` that starts it.
        app: the name of the app, for links to another app's handler.
    """

    label: str
    url: str | None = field(default=None, repr=False)
    service: str | None = None
    app: str | None = None

    def target(self, lab: Lab) -> Any:
        """What `link.swap` takes. Starts the server where one is meant, so it may take seconds.

        Raises:
            ToolMissing, ServeError: the server.
            LinkError: the app is not loaded any more.
        """
        if self.service is not None:
            return getattr(lab.services, self.service)().url
        if self.app is not None:
            if self.app not in lab.apps:
                raise LinkError(f"no app {self.app!r} is loaded any more")
            return lab.apps[self.app]
        return self.url

    def code(self) -> str:
        """The target as Python, without secrets."""
        if self.service is not None:
            return f"lab.services.{self.service}().url"
        if self.app is not None:
            return f"lab.apps[{self.app!r}]"
        return repr(masked(self.url or ""))


@dataclass(frozen=True)
class _Server:
    """A server that may be on this machine.

    Attributes:
        name: for people.
        port: where it is when nobody said otherwise.
        url: of a provider on that port.
        tools: what must be installed, among `doctor.TOOLS`.
        start: what the choice that starts one is called.
        package: the Python package that the provider needs, where that is an extra.
    """

    name: str
    port: int
    url: str
    tools: tuple[str, ...]
    start: str
    package: str | None = None


#: By the method of `lab.services` that starts it.
_SERVERS = {
    "redis": _Server("Redis", 6379, f"redis://{HOST}:6379", ("redis-server",), "start a redis-server"),
    "azurite": _Server(
        "Azurite", 10000, f"azure://devstoreaccount1@{HOST}:10000", ("azurite", "node"), "start Azurite"
    ),
    "nats": _Server("NATS", 4222, f"nats://{HOST}:4222", ("nats-server",), "start a nats-server", "nats"),
}
_FOR = {"keyvalue": ("redis", "nats"), "blobstore": ("azurite", "nats")}
_EMBEDDED = {
    "keyvalue": (
        Choice("memory, a new one", "memory://"),
        Choice("embedded Redis (fakeredis)", "fakeredis://"),
        Choice("SQLite, file keyvalue.db", "sqlite:///keyvalue.db"),
    ),
    "blobstore": (
        Choice("memory, a new one", "memory://"),
        Choice("files, folder blobs", "file://./blobs"),
    ),
}


class Choices:
    """What can be chosen in one lab. Calls may come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, dict[str, str]] = {}
        self._answering: frozenset[str] = frozenset()
        self._installed: frozenset[str] = frozenset()

    def look(self) -> None:
        """Looks which servers answer at their usual ports on this machine, and which are installed."""
        usable = [name for name, server in _SERVERS.items() if _has_package(server.package)]
        self._answering = frozenset(name for name in usable if _answers(_SERVERS[name].port))
        self._installed = frozenset(name for name in usable if all(map(find_tool, _SERVERS[name].tools)))

    def remember(self, kind: str, url: str) -> None:
        """A URL was used for a link of this kind: it can be chosen from now on."""
        with self._lock:
            used = self._used.setdefault(kind, {})
            used.pop(masked(url), None)
            used[masked(url)] = url

    def of(self, lab: Lab, link: Link) -> list[Choice]:
        """What a link can be swapped to, at once."""
        if link.kind is HANDLERS:
            return [
                Choice(app.name, app=app.name) for app in list(lab.apps.values()) if app.handler and app is not link.app
            ]
        kind = link.kind.name
        found = [*_EMBEDDED.get(kind, ()), *self._servers(lab, kind)]
        known = {choice.url for choice in found}
        with self._lock:
            used = list(self._used.get(kind, {}).items())
        return found + [Choice(f"{shown} (used before)", url) for shown, url in reversed(used) if url not in known]

    def _servers(self, lab: Lab, kind: str) -> list[Choice]:
        # Read without making it: a lab whose services nobody has asked for has none that run.
        services = lab.__dict__.get("services")
        running = services.running if services is not None else []
        own = [service for service in running if service.kind in _FOR.get(kind, ())]
        urls = {service.url for service in own}
        found = [Choice(f"{_SERVERS[each.kind].name} at {HOST}:{each.port}, started here", each.url) for each in own]
        startable = []
        for name in _FOR.get(kind, ()):
            server = _SERVERS[name]
            if name in self._answering and server.url not in urls:
                found.append(Choice(f"{server.name} at {HOST}:{server.port}, found here", server.url))
            if name in self._installed and not any(each.kind == name for each in own):
                startable.append(Choice(server.start, service=name))
        return found + startable


def objection(kind: str, url: str) -> str | None:
    """What is wrong with a URL, as far as it can be told by looking at it; None where nothing is.

    Args:
        kind: "keyvalue" or "blobstore".
    """
    if not url.strip():
        return "type the provider's URL, like " + (
            "redis://localhost:6379" if kind == "keyvalue" else "file:///tmp/blobs"
        )
    if MASK in url:
        return f"{MASK} stands for a secret that is not shown; type the URL anew, with its secret"
    try:
        address = Address.parse(url.strip())
    except LabError as error:
        return masked(str(error))
    known = schemes(kind)
    if address.scheme not in known:
        return f"no {kind} provider for {address.scheme}://; there are {', '.join(f'{each}://' for each in known)}"
    return None


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _has_package(name: str | None) -> bool:
    return name is None or importlib.util.find_spec(name) is not None
