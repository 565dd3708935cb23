"""A sidecar that speaks HTTP: `python http_sidecar.py PORT STORE-URL`, then `GET /bucket/key`.

As lean as HTTP in Python gets, so that nobody can say that the sidecar was held back: a thread per connection that
stays in blocking calls, llhttp (in C) to parse, one write per answer. 404 for no such key, 502 with the store's words.
"""

from __future__ import annotations

import gc
import socket
import sys
import threading

import httptools

from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.registry import open_keyvalue


class Connection:
    """One client's connection, and the parser's callbacks."""

    def __init__(self, client: socket.socket, store: KeyValueProvider) -> None:
        self._client = client
        self._store = store
        self._target = b""

    def serve(self) -> None:
        """Answers until the client hangs up."""
        parser = httptools.HttpRequestParser(self)
        with self._client:
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := self._client.recv(65536):
                parser.feed_data(data)

    def on_message_begin(self) -> None:
        """A request starts."""
        self._target = b""

    def on_url(self, part: bytes) -> None:
        """A part of the path."""
        self._target += part

    def on_message_complete(self) -> None:
        """The whole request is there."""
        bucket, _, key = self._target.decode().strip("/").partition("/")
        try:
            value = self._store.get(bucket, key)
            status, body = (b"404 Not Found", b"no such key") if value is None else (b"200 OK", value)
        except ProviderError as error:
            status, body = b"502 Bad Gateway", str(error).encode()
        head = b"HTTP/1.1 %b\r\ncontent-type: application/octet-stream\r\ncontent-length: %d\r\n\r\n"
        self._client.sendall(head % (status, len(body)) + body)


def main(port: int, url: str) -> None:
    """Serves until the process is stopped."""
    store = open_keyvalue(url)
    with socket.create_server(("127.0.0.1", port)) as server:
        gc.freeze()
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=Connection(client, store).serve, daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
