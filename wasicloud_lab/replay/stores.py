"""The stores that the steps run on: real servers where they are, embedded ones where not, and which it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ServeError, ToolMissing
from ..services import Service, Services

if TYPE_CHECKING:
    from ..providers.keyvalue.fake import FakeRedisStore


@dataclass(frozen=True)
class Store:
    """A store to link to.

    Attributes:
        url: a provider's.
        words: what it is, for people.
        real: whether a server of its kind runs, rather than what stands in for it.
        why: it does not, where it does not.
    """

    url: str
    words: str
    real: bool
    why: str = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])


class Stores:
    """Starts each server once, on first use, apart from any that the lab has started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services = Services()
        self._running: dict[str, Service] = {}
        self._embedded: FakeRedisStore | None = None
        self._why: dict[str, str] = {}
        self._broken: set[str] = set()

    def redis(self) -> Store:
        """A redis-server, or the embedded Redis on a socket of this machine."""
        server = self._server("redis")
        if server is not None:
            return Store(server.url, f"a real redis-server at 127.0.0.1:{server.port}", True)
        if self._embedded is None:
            from ..providers.keyvalue.fake import FakeRedisStore

            self._embedded = FakeRedisStore(port=0)
        url, why = str(self._embedded.url), self._why["redis"]
        return Store(url, f"the embedded Redis at {url[len('redis://') :]} ({why})", False, why)

    def azure(self) -> Store:
        """Azurite, or a second folder in its place."""
        server = self._server("azurite")
        if server is not None:
            return Store(server.url, f"Azurite, Azure Blob Storage on this machine, at 127.0.0.1:{server.port}", True)
        why = self._why["azurite"]
        return Store(self.files("cloud").url, f"a second folder ({why})", False, why)

    def files(self, name: str) -> Store:
        """A folder for a blob store."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return Store(folder.as_uri(), f"the folder {folder}", True)

    def sqlite(self, name: str) -> Store:
        """An SQLite file."""
        file = self._folder / f"{name}.db"
        return Store(f"sqlite:///{file.as_posix()}", f"the SQLite file {file}", True)

    def close(self) -> None:
        """Ends all that was started."""
        self._services.stop_all()
        self._running.clear()
        if self._embedded is not None:
            self._embedded.close()
            self._embedded = None

    def _server(self, kind: str) -> Service | None:
        """The server, started if it does not run; None, and why, where it can't be had."""
        server = self._running.get(kind)
        if server is not None and server.running:
            return server
        if kind in self._broken:  # one that does not start takes its time, each time
            return None
        try:
            start = self._services.redis if kind == "redis" else self._services.azurite
            self._running[kind] = server = start(new=True)
        except ToolMissing:
            self._why[kind] = f"no {'redis-server' if kind == 'redis' else kind} on this machine"
        except ServeError as error:
            self._why[kind] = str(error).splitlines()[0]
            self._broken.add(kind)
        else:
            return server
        return None
