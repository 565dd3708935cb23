"""The embedded Redis: `fakeredis://`, data in this process, Redis's own commands on it.

    fakeredis://                 a server of its own, empty
    fakeredis://workshop         one server per name, for as long as the process lives
    fakeredis://?port=6380       on a real socket as well (loopback), for redis-cli and others

All the code of the real one (`redis.py`) runs, on connections that end in the `fakeredis` package.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from fakeredis import FakeRedisConnection, FakeServer, TcpFakeServer

from ...errors import ProviderError, Unavailable
from ..address import Address
from .redis import MIB, RedisCommands
from .redis_wire import Wire

_HOST = "127.0.0.1"
_log = logging.getLogger(__name__)


class FakeRedisStore(RedisCommands):
    """Redis in this process.

        store = FakeRedisStore()
        store.listen()          # 'redis://127.0.0.1:40123': where redis-cli finds the same data

    Args:
        name: stores of one name share their data; without a name it is the store's own.
        layout: "hash" or "prefix".
        port: to listen on at once; 0 for a free one.

    Raises:
        ProviderError: there is no such layout, or the port is taken.
    """

    def __init__(self, name: str = "", layout: str = "hash", port: int | None = None) -> None:
        self._server = _Server.named(name) if name else _Server()
        self._listener: _Listener | None = None
        title = f"embedded Redis {name!r}" if name else "embedded Redis"
        super().__init__(Wire(title, None, None, FakeRedisConnection, server=self._server.data), layout)
        self._open = True
        if port is not None:
            self.listen(port)

    @property
    def url(self) -> str | None:
        """Where other programs find it; None while it does not listen."""
        return None if self._listener is None else f"redis://{_HOST}:{self._listener.port}"

    def listen(self, port: int = 0) -> str:
        """Serves the same data on a socket of this machine's loopback, until `close`.

        Args:
            port: 0 for a free one. A store that listens already goes on where it does.

        Returns:
            the URL.

        Raises:
            ProviderError: the port is taken, or the store listens on another one.
            Unavailable: the store has been closed.
        """
        if not self._open:
            raise Unavailable(f"{self._wire.name}: this store has been closed; open another")
        if self._listener is None:
            self._listener = self._server.listen(port)
        elif port not in (0, self._listener.port):
            raise ProviderError(f"{self.summary()} listens there already; close it first, or open another")
        return f"redis://{_HOST}:{self._listener.port}"

    def summary(self) -> str:
        place = f" at {_HOST}:{self._listener.port}" if self._listener else ""
        return f"{self._wire.name}{place}, {self._layout.words}"

    def close(self) -> None:
        self._open = False
        super().close()
        listener, self._listener = self._listener, None
        if listener is not None:
            self._server.leave(listener)


def open_fake(address: Address) -> FakeRedisStore:
    """The provider for a fakeredis:// URL."""
    options = address.take(layout="hash", port=None)
    if address.port is not None or address.user or address.password or address.path.strip("/"):
        raise ProviderError(f"{address}: wanted fakeredis://NAME, with ?port=… to listen and ?layout=hash|prefix")
    text = options["port"]
    if text is not None and not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise ProviderError(f"{address}: port={text} is no port")
    return FakeRedisStore(address.host, options["layout"] or "hash", None if text is None else int(text))


@dataclass
class _Server:
    """The data, and the sockets it is served on: stores that share the data share a port too."""

    data: FakeServer = field(default_factory=FakeServer)
    listeners: dict[int, _Listener] = field(default_factory=dict)

    @staticmethod
    def named(name: str) -> _Server:
        with _lock:
            return _named.setdefault(name, _Server())

    def __post_init__(self) -> None:
        # Made on first use otherwise, while another thread may be walking over them.
        for number in range(16):
            self.data.dbs[number]

    def listen(self, port: int) -> _Listener:
        with _lock:
            listener = self.listeners.get(port)
            if listener is None:
                try:
                    listener = _Listener(self.data, port)
                except OSError as error:
                    why = (error.strerror or str(error)).lower()
                    raise ProviderError(f"can't listen on {_HOST}:{port} ({why}); port=0 takes a free one") from None
                self.listeners[listener.port] = listener
            listener.users += 1
            return listener

    def leave(self, listener: _Listener) -> None:
        with _lock:
            listener.users -= 1
            if listener.users:
                return
            del self.listeners[listener.port]
        listener.stop()


_lock = threading.Lock()
_named: dict[str, _Server] = {}


class _Listener(TcpFakeServer):
    """fakeredis's server on a socket, but one that ends cleanly, whatever its clients do.

    Its threads are daemons, so that a forgotten store does not keep the process from ending; `stop` closes
    the clients' sockets and waits for the threads.
    """

    request_queue_size = 64

    def __init__(self, data: FakeServer, port: int) -> None:
        super().__init__((_HOST, port), bind_and_activate=False)
        self.fake_server = data
        self.users = 0
        self._sockets: dict[threading.Thread, socket.socket] = {}
        self._changing = threading.Lock()
        # On Windows the option would let two programs listen on one port.
        self.allow_reuse_address = os.name != "nt"
        try:
            self.server_bind()
            self.server_activate()
        except BaseException:
            self.server_close()
            raise
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="embedded redis", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No thread and no socket is left afterwards."""
        self.shutdown()
        self._thread.join()
        with self._changing:
            rest = dict(self._sockets)
        for connection in rest.values():
            _hang_up(connection)
        for thread in rest:
            thread.join()
        self.server_close()

    def get_request(self) -> tuple[Any, Any]:
        accepted, client = super().get_request()
        return _ClientSocket(accepted.family, accepted.type, accepted.proto, accepted.detach()), client

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="embedded redis", daemon=True
        )
        with self._changing:
            self._sockets[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changing:
                self._sockets.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up in the middle is no reason to print into a notebook.
        _log.debug("a client of the embedded Redis", exc_info=True)


class _ClientSocket(socket.socket):
    """A client's socket as fakeredis's handler needs it for large values.

    The handler makes the descriptor non-blocking behind the socket's back, which would cut off a reply larger than
    the system's buffer; and it reads by lines, which a value has thousands of, at a copy of all before it each.
    """

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            try:
                rest = rest[self.send(rest, flags) :]
            except BlockingIOError:
                select.select([], [self], [], 1)

    def makefile(self, *_: Any, **__: Any) -> Any:
        return _Incoming(self)


class _Incoming:
    """What the handler reads from. Its parser takes pieces of any size, so a "line" is all that is there by now."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def readline(self) -> bytes:
        """Empty where nothing is there yet, and at the end."""
        pieces: list[bytes] = []
        size = 0
        while size < 8 * MIB and select.select([self._connection], [], [], 0)[0]:
            piece = self._connection.recv(MIB)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """The socket is closed by the server."""


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be gone already
        connection.shutdown(socket.SHUT_RDWR)
