"""blobby's bodies: 64 MiB up and down without memory growing, and 1 MiB beside the store's own client.

Each measurement of memory is a process of its own, so that its peak is that of this transfer and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx

import wasicloud_lab as wl
from wasicloud_lab.providers.registry import open_blobstore
from wasicloud_lab.services import Services

from . import peers
from .measure import Run, Sample, each_timed, fresh_process, peak_resident, resident
from .report import Group
from .stores import url_of

NAME = "blobs"
TITLE = "blobby: objects up and down"

MIB = 1 << 20
#: MiB of the large object, and how much the peak of memory may grow meanwhile.
LARGE, GROWTH = 64, 32.0
#: What blobby may take for 1 MiB: so many times the client's own time, and so many milliseconds more.
TIMES, MORE = 2.0, 100.0
CONTAINER = "bench"
#: Seconds that a transfer may take.
PATIENCE = 120.0

#: What `large` does, in a fresh process.
_LARGE = "import sys; from bench.blobs import large; large(sys.argv[1], sys.argv[2], int(sys.argv[3]))"


@dataclass(frozen=True)
class Store:
    """A blob store to measure.

    Attributes:
        key: for JSON.
        label: for people.
        url: for the lab.
        client: what its own client is called.
    """

    key: str
    label: str
    url: str
    client: str

    def own_client(self) -> contextlib.AbstractContextManager[Client]:
        """The provider's own client, without the lab."""
        return _azure(self.url) if self.key == "azurite" else _folder()


@dataclass(frozen=True)
class Client:
    """Moves a whole object by the store's own client.

    Attributes:
        up: takes the object's bytes in pieces, and how many there are.
        down: answers the object's bytes in pieces.
    """

    up: Callable[[Iterable[bytes], int], Any]
    down: Callable[[], Iterable[bytes]]


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Services() as services:
        stores = [Store("file", "folder", (Path(folder).resolve() / "blobs").as_uri(), "open, read and write")]
        azurite = url_of(group, "Azure Blob Storage (Azurite)", services.azurite, open_blobstore)
        if azurite is not None:
            stores.append(Store("azurite", "Azurite", azurite, "azure-storage-blob"))
        for store in stores:
            _large(group, store, run)
        for store in stores:
            _small(group, store, run)
    return group


# --- 64 MiB ------------------------------------------------------------------------------------------


def _large(group: Group, store: Store, run: Run) -> None:
    times = run.of(5, 2)
    worst = 0.0
    for way, words in (("client", store.client), ("inprocess", "blobby in-process"), ("served", "blobby served")):
        found = json.loads(fresh_process(_LARGE, way, store.url, str(times), timeout=6 * PATIENCE))
        for step in ("up", "down"):
            rates = Sample(tuple(LARGE / seconds for seconds in found[step]))
            group.add(f"{store.key}_{way}_{step}", f"{LARGE} MiB {step}, {store.label}: {words}", rates, "MiB/s")
        if way == "client":
            continue
        grown = Sample((found["peak"] - found["before"],))
        note = f"{found['peak'] / MIB:.0f} MiB at the peak"
        label = f"  memory, peak less before, {store.label}: {words}"
        worst = max(worst, group.add(f"{store.key}_{way}_peak", label, grown, "MiB", 1 / MIB, note).value)
    words = f"{LARGE} MiB up and down, {store.label}: growth of memory"
    group.target(f"blobs.{store.key}_memory", words, worst, "<=", GROWTH, "MiB")


def large(way: str, url: str, times: int) -> None:
    """Moves a large object up and down, in a process of its own; prints what was found, as JSON.

    `up` and `down` are seconds of each time, `before` and `peak` bytes of memory of the process that runs blobby.

    Args:
        way: "client", "inprocess" or "served".
        url: the store's.
        times: how often.
    """
    piece = os.urandom(MIB)
    store = Store("azurite" if url.startswith("azure") else "file", "", url, "")
    with contextlib.ExitStack() as stack:
        pid = None
        if way == "client":
            client = stack.enter_context(store.own_client())
        else:
            if way == "served":
                server = stack.enter_context(peers.serving(_serving(url)))
                pid = server.pid
                sender = httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False)
            else:
                lab = stack.enter_context(wl.Lab(blobstore=url))
                sender = lab.client(lab.load("blobby", deadline=PATIENCE), timeout=PATIENCE)
            client = over_http(stack.enter_context(sender))
        _both_ways(client, piece, 2)  # what is made on first use is made
        before = resident(pid)
        seconds = [_both_ways(client, piece, LARGE) for _ in range(times)]
        peak = peak_resident(pid)
        wanted = 0
        for _ in range(LARGE):
            wanted = crc32(piece, wanted)
        got = 0
        for data in client.down():
            got = crc32(data, got)
        if got != wanted:
            raise AssertionError("the object came back changed")
    up, down = zip(*seconds)
    print(json.dumps({"up": up, "down": down, "before": before, "peak": max(peak, before)}))


def _both_ways(client: Client, piece: bytes, count: int) -> tuple[float, float]:
    """Seconds that an object of `count` times the piece takes up, and down."""
    started = time.perf_counter()
    client.up(itertools.repeat(piece, count), count * len(piece))
    between = time.perf_counter()
    size = sum(map(len, client.down()))
    ended = time.perf_counter()
    if size != count * len(piece):
        raise AssertionError(f"{size} bytes came back of {count * len(piece)}")
    return between - started, ended - between


def _serving(url: str) -> peers.Peer:
    """`wasicloud-lab serve blobby` on a store."""
    own = peers.ours("blobby")
    return peers.Peer("blobby", "blobby", (*own.command, "--blobstore", url, "--deadline", str(PATIENCE)))


def over_http(sender: httpx.Client) -> Client:
    """blobby behind an `httpx.Client`, in-process or not; bodies stream."""

    def up(pieces: Iterable[bytes], _size: int) -> None:
        _done(sender.put("/large", content=iter(pieces)))

    def down() -> Iterator[bytes]:
        with sender.stream("GET", "/large") as response:
            yield from response.iter_raw()
        _done(response)

    return Client(up, down)


def _done(response: httpx.Response) -> None:
    if response.status_code not in (200, 201):
        raise AssertionError(f"blobby answered {response.status_code}")


# --- 1 MiB -------------------------------------------------------------------------------------------


def _small(group: Group, store: Store, run: Run) -> None:
    """One object of 1 MiB by blobby in-process, by blobby over HTTP, by the client, in turn."""
    data = os.urandom(MIB)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(store.own_client())
        lab = stack.enter_context(wl.Lab(blobstore=store.url))
        app = lab.load("blobby", deadline=PATIENCE)
        server = stack.enter_context(peers.serving(_serving(store.url)))
        sender = httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False)
        served = stack.enter_context(sender)
        ups: dict[str, Callable[[], Any]] = {
            "inprocess": lambda: _done(app.put("/small", content=data)),
            "served": lambda: _done(served.put("/served", content=data)),
            "client": lambda: client.up([data], MIB),
        }
        downs: dict[str, Callable[[], bytes]] = {
            "inprocess": lambda: app.get("/small").content,
            "served": lambda: served.get("/served").content,
            "client": lambda: b"".join(client.down()),
        }
        for actions in (ups, downs):
            each_timed(actions, 1, 2)
        if any(get() != data for get in downs.values()):
            raise AssertionError(f"1 MiB came back changed from {store.label}")
        found = {"up": each_timed(ups, run.of(10, 4), 4), "down": each_timed(downs, run.of(10, 4), 4)}
    words = {"inprocess": "blobby in-process", "served": "blobby served", "client": store.client}
    for step, samples in found.items():
        for way, sample in samples.items():
            label = f"1 MiB {step}, {store.label}: {words[way]}"
            group.add(f"{store.key}_small_{way}_{step}", label, sample, "ms", 1e3)
        slower = max(samples["inprocess"].median, samples["served"].median) * 1e3
        limit = TIMES * samples["client"].median * 1e3 + MORE
        label = f"1 MiB {step}, {store.label}, the slower way: {TIMES:g} times the client's own and {MORE:.0f} ms"
        group.target(f"blobs.{store.key}_{step}", label, slower, "<=", limit, "ms")


# --- the stores' own clients ---------------------------------------------------------------------------


@contextlib.contextmanager
def _folder() -> Iterator[Client]:
    """A plain file, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "object"

        def up(pieces: Iterable[bytes], _size: int) -> None:
            with path.open("wb") as file:
                for piece in pieces:
                    file.write(piece)

        def down() -> Iterator[bytes]:
            with path.open("rb") as file:
                while piece := file.read(MIB):
                    yield piece

        yield Client(up, down)


@contextlib.contextmanager
def _azure(url: str) -> Iterator[Client]:
    """Azure's client as it comes, on a container of its own."""
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob import BlobServiceClient

    from wasicloud_lab.providers.address import Address
    from wasicloud_lab.providers.blobstore.azure_address import account_of

    account = account_of(Address.parse(url), {})
    credential = {"account_name": account.name, "account_key": account.key or ""}
    with BlobServiceClient(account.endpoint, credential=credential) as service:
        container = service.get_container_client(CONTAINER)
        with contextlib.suppress(ResourceExistsError):
            container.create_container()
        with container.get_blob_client("object") as blob:

            def up(pieces: Iterable[bytes], size: int) -> None:
                # It takes an iterator as well, and is three times slower with one.
                data = b"".join(pieces) if size <= MIB else io.BufferedReader(_Pieces(pieces), MIB)
                blob.upload_blob(data, length=size, overwrite=True)

            yield Client(up, lambda: blob.download_blob().chunks())


class _Pieces(io.RawIOBase):
    """A file to read, from pieces."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._left or memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(data))
        buffer[:count], self._left = data[:count], data[count:]
        return count
