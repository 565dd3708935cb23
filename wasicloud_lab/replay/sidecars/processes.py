"""The processes of a measurement: the store, the sidecars, the bare socket. None outlives it, however it ends."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from ...errors import ServeError, ToolMissing
from ...services import Service, Services

#: What the row of the gRPC sidecar says where grpcio is not installed.
GET_GRPC = "not measured: grpcio is not installed; get it with: pip install 'wasicloud-lab[grpc]'"

#: Runs a file with the search path of this process: a checkout need not be installed for its programs to run.
_RUN = (
    "import os, runpy, sys; sys.path[:] = sys.argv[1].split(os.pathsep); "
    "sys.argv[:2] = []; runpy.run_path(sys.argv[0], run_name='__main__')"
)


@dataclass(frozen=True)
class Processes:
    """What runs beside this process.

    Attributes:
        store: the Redis that everybody reads.
        words: what it is.
        http, hop: the HTTP sidecar and the bare socket.
        grpc: the gRPC sidecar; None where grpcio is not installed.
    """

    store: Service
    words: str
    http: Service
    hop: Service
    grpc: Service | None

    def memory(self) -> dict[str, float]:
        """MiB that each sidecar holds."""
        sidecars = {"http": self.http, "grpc": self.grpc}
        return {
            name: psutil.Process(one.pid).memory_info().rss / 2**20 for name, one in sidecars.items() if one is not None
        }

    def ended(self) -> Service | None:
        """The first that has ended by itself, or None."""
        started = (self.store, self.http, self.hop, self.grpc)
        return next((one for one in started if one is not None and not one.running), None)


@contextlib.contextmanager
def running(embedded: bool) -> Iterator[Processes]:
    """Starts them all, and stops them all.

    Args:
        embedded: the embedded Redis, even where there is a redis-server.

    Raises:
        ServeError: one does not start; the message shows its own words.
    """
    with contextlib.ExitStack() as stack:
        store, words = _store(stack, embedded)
        starts: dict[str, Callable[[], Service]] = {
            "http": lambda: _program("http_sidecar", store.url),
            "hop": lambda: _program("bare_hop"),
        }
        if has_grpc():
            starts["grpc"] = lambda: _program("grpc_sidecar", store.url)

        # An interpreter takes most of a second to start. Each is in the stack as soon as it runs, so that it is
        # stopped when another does not.
        def start(one: Callable[[], Service]) -> Service:
            return stack.enter_context(one())

        with ThreadPoolExecutor(len(starts)) as threads:
            waiting = {name: threads.submit(start, one) for name, one in starts.items()}
        started = {name: one.result() for name, one in waiting.items()}
        yield Processes(store, words, started["http"], started["hop"], started.get("grpc"))


def has_grpc() -> bool:
    """Whether grpcio is installed."""
    return importlib.util.find_spec("grpc") is not None


def _store(stack: contextlib.ExitStack, embedded: bool) -> tuple[Service, str]:
    words = "the embedded Redis (fakeredis, in Python), in a process of its own on this machine"
    if not embedded:
        try:
            return stack.enter_context(Services()).redis(), "redis-server, a process of its own on this machine"
        except ToolMissing:
            words += "; there is no redis-server here"
        except ServeError as error:
            words += f"; {str(error).splitlines()[0]}"
    return stack.enter_context(_program("embedded_redis")), words


def _program(name: str, *arguments: str) -> Service:
    file = str(Path(__file__).parent / "programs" / f"{name}.py")
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return Service(
        name.replace("_", "-"),
        lambda _folder, port: [sys.executable, "-c", _RUN, paths, file, str(port), *arguments],
        "ready",
        lambda port: f"redis://127.0.0.1:{port}" if name == "embedded_redis" else f"tcp://127.0.0.1:{port}",
    )
