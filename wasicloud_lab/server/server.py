"""Server: an app behind uvicorn, in a background thread or in the foreground."""

from __future__ import annotations

import errno
import os
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from ..errors import ServeError
from .asgi import GuestApplication
from .protocol import LabProtocol

if TYPE_CHECKING:
    from ..app import App

#: Seconds that requests under way get to finish when the server stops.
GRACE = 3


class Server:
    """Serves one app.

    Args:
        app: what answers.
        host: an address of this machine; loopback unless told otherwise.
        port: 0 takes a free one.

    Attributes:
        url: where it listens, once started.
    """

    def __init__(self, app: App, host: str = "127.0.0.1", port: int = 8080) -> None:
        app.check_handler()
        self.app = app
        self.host = host
        self.port = port
        self.url = ""
        self._thread: threading.Thread | None = None
        self._uvicorn: uvicorn.Server | None = None
        self._socket: socket.socket | None = None

    def start(self) -> Server:
        """Listens, and serves from a background thread.

        Raises:
            ServeError: the address can't be had; the message says why and what else could be.
        """
        if self._thread is None:
            # The port takes connections from here on; they wait until the loop runs.
            listener = self._listen()
            self._thread = threading.Thread(
                target=self._make().run, args=([listener],), name=f"serve {self.app.name}", daemon=True
            )
            self._thread.start()
        return self

    def run(self) -> None:
        """Serves in this thread until Ctrl-C or SIGTERM.

        Raises:
            ServeError: the address can't be had.
        """
        listener = self._listen()
        self._make().run(sockets=[listener])

    @property
    def running(self) -> bool:
        """Whether it serves from its background thread."""
        return self._thread is not None

    def listen(self) -> str:
        """Takes the address without serving yet; answers the URL."""
        self._listen()
        return self.url

    def stop(self) -> None:
        """Lets requests under way finish, for some seconds, and closes the port."""
        server, self._uvicorn = self._uvicorn, None
        if server is not None:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join(GRACE + 2)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _listen(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        if not 0 <= self.port <= 65535:  # getaddrinfo would take what is left of it in 16 bits
            raise ServeError(f"{self.host}:{self.port} can't be served on: a port is a number from 0 to 65535")
        try:
            family, kind, proto, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, proto)
        except (OSError, OverflowError, UnicodeError) as error:
            raise ServeError(f"{self.host}:{self.port} is not an address to serve on: {error}") from None
        try:
            if os.name != "nt":  # there the option would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(512)
        except OSError as error:
            listener.close()
            hint = {
                errno.EADDRINUSE: "another program has it; port=0 takes a free one",
                errno.EACCES: "it is kept for the system; ports from 1024 on are free for all",
            }.get(error.errno or 0, "try another address")
            raise ServeError(
                f"{self.host}:{self.port} can't be served on: {error.strerror or error} ({hint})"
            ) from None
        self._socket = listener
        host, port = listener.getsockname()[:2]
        self.port = port
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        return listener

    def _make(self) -> uvicorn.Server:
        config = uvicorn.Config(
            GuestApplication(self.app),
            http=LabProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=True,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=30,
            backlog=512,
        )
        self._uvicorn = uvicorn.Server(config)
        return self._uvicorn

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "serving" if self.running else "stopped"
        return f"<Server of {self.app.name}: {state} at {self.url or 'no address yet'}>"
