"""Load: `wrk` where it is installed, else a small generator of our own, in a process of its own, for all peers alike.

python -m bench.load URL CONNECTIONS SECONDS     prints what the own generator counted, as JSON
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import urlsplit

from .measure import ROOT, quantile


@dataclass(frozen=True)
class Load:
    """What came back.

    Attributes:
        rate: whole answers a second.
        p50, p99: milliseconds from request to whole answer.
        errors: answers that were not 2xx or 3xx, and broken connections.
    """

    rate: float
    p50: float
    p99: float
    errors: int


def generator() -> str:
    """The name of what makes the load."""
    return "wrk" if shutil.which("wrk") else "the bench's own asyncio generator (install wrk for higher loads)"


def load(url: str, connections: int, seconds: float) -> Load:
    """Sends requests over kept-alive connections, each the next one as soon as it has its answer."""
    wrk = shutil.which("wrk")
    limit = seconds + 20
    if wrk is None:
        command = [sys.executable, "-m", "bench.load", url, str(connections), str(seconds)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=True)
        return Load(**json.loads(done.stdout))
    command = [wrk, "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--latency", url]
    return _wrk(subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True).stdout)


def _wrk(text: str) -> Load:
    """Reads what wrk printed."""

    def latency(share: str) -> float:
        found = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)\s*$", text, re.MULTILINE)
        return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]] if found else float("nan")

    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.MULTILINE)
    if rate is None:
        raise RuntimeError(f"wrk printed no rate: {text[-200:]!r}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = (int(bad[1]) if bad else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Load(float(rate[1]), latency("50"), latency("99"), errors)


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self.times: list[float] = []
        self.errors = 0
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its base class
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", lower)
        whole = len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")
        if not whole:
            return
        self._buffer = b""
        self.times.append(time.perf_counter() - self._sent)
        self.errors += not lower.startswith((b"http/1.1 2", b"http/1.1 3"))
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.errors += exc is not None


async def _own(url: str, connections: int, seconds: float) -> Load:
    parts = urlsplit(url)
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    made = [await loop.create_connection(lambda: _Connection(request), host, port) for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    times = [value for _, connection in made for value in connection.times]
    if not times:
        raise RuntimeError(f"{url} gave no answer in {seconds:g} s")
    for transport, _ in made:
        transport.abort()
    errors = sum(connection.errors for _, connection in made)
    return Load(len(times) / elapsed, quantile(times, 0.5) * 1e3, quantile(times, 0.99) * 1e3, errors)


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    print(json.dumps(asdict(asyncio.run(_own(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))))
