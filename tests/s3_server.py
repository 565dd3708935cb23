"""An S3 server on this machine for tests: moto's, in a process of its own, with a bucket in it.

from tests.s3_server import S3Server

def test_something(s3_server: S3Server) -> None:
    store = open_blobstore(s3_server.url)
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from wasicloud_lab.providers.blobstore.base import CHUNK
from wasicloud_lab.providers.blobstore.s3 import S3Store

BUCKET = "lab"

#: Bytes: more than one part of an upload.
MANY = 6 * CHUNK

_numbers = count()

#: Ends when the test process does, however that ends.
_SCRIPT = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.disable()
server = ThreadedMotoServer("127.0.0.1", int(sys.argv[1]), verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


class S3Server:
    """A running server, reached at `url` as a provider's URL; as a context manager it stops at the end.

    Args:
        port: 0 for any that is free.

    Attributes:
        endpoint: "http://127.0.0.1:…".
        bucket: one that is there, and empty at first.
        url: for `open_blobstore`.
    """

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert self._process.stdout is not None
            said = ""
            for said in self._process.stdout:
                if said.strip().isdigit():
                    break
            self.port = int(said)
            self.endpoint = f"http://127.0.0.1:{self.port}"
            self.bucket = BUCKET
            self.url = f"s3://{BUCKET}?endpoint={self.endpoint}&access_key=someone&secret_key=hush"
            self.request("PUT", f"/{BUCKET}")
        except BaseException:
            self.stop()
            raise

    def request(self, method: str, path: str, data: bytes | None = None, **headers: str) -> bytes:
        """A plain request, as another S3 tool might send it."""
        # Without a type, urllib says that it is a form, whose fields the server would take for parameters.
        headers = {"Content-Type": "application/octet-stream", **headers}
        request = urllib.request.Request(self.endpoint + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            body: bytes = answer.read()
            return body

    def stop(self) -> None:
        """Stops it. A second call does nothing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> S3Server:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    """A server for the tests of one module."""
    with S3Server() as server:
        yield server


def new_store(server: S3Server, prefix: str | None = None) -> S3Store:
    """A store with nothing in it: in a part of the bucket that no other test uses."""
    return S3Store(
        server.bucket,
        f"test-{next(_numbers)}" if prefix is None else prefix,
        endpoint=server.endpoint,
        access_key="someone",
        secret_key="hush",
        timeout=30,
    )
