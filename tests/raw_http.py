"""Served guests, and a raw connection to see byte by byte what goes over it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import TracebackType

import pytest

import wasicloud_lab as wl

MIB = 1024 * 1024


class Wire:
    """A raw connection to a server."""

    def __init__(self, url: str, patience: float = 60) -> None:
        host, port = url.removeprefix("http://").rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=patience)
        self.file = self.socket.makefile("rb")

    def send(self, text: str | bytes) -> None:
        """Sends bytes; a text's line ends become CR LF."""
        self.socket.sendall(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode("latin-1"))

    def head(self) -> tuple[int, dict[str, str]]:
        """Reads a status line and headers."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def chunk(self) -> bytes:
        """Reads one chunk of a chunked body; empty at the end, with the trailers still to come."""
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        if size:
            assert self.file.readline() == b"\r\n"
        return data

    def trailers(self) -> list[bytes]:
        """Reads what follows the last chunk."""
        lines = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            lines.append(line.rstrip())
        return lines

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """Reads a whole response."""
        status, headers = self.head()
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
            self.trailers()
        else:
            body = self.file.read(int(headers.get("content-length", 0)))
        return status, headers, body

    def rest(self) -> bytes:
        """Reads until the other side closes; a reset counts as the end."""
        data = b""
        try:
            while got := self.socket.recv(65536):
                data += got
        except ConnectionResetError:
            pass
        return data

    def close(self) -> None:
        """Hangs up."""
        self.file.close()
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


GET = "GET / HTTP/1.1\nHost: x\n\n"


@pytest.fixture(scope="module")
def echo_url(lab: wl.Lab, echo: wl.App) -> Iterator[str]:
    """Where echo is served."""
    with lab.serve(echo, port=0) as server:
        yield server.url


@pytest.fixture(scope="module")
def trouble_url(lab: wl.Lab) -> Iterator[str]:
    """Where trouble is served, with a short deadline."""
    with lab.serve(lab.load("trouble", name="served trouble", deadline=1.0), port=0) as server:
        yield server.url


@pytest.fixture(scope="module")
def hello_url(lab: wl.Lab, hello: wl.App) -> Iterator[str]:
    """Where hello is served."""
    with lab.serve(hello, port=0) as server:
        yield server.url
