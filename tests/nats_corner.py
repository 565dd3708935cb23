"""What the tests of the NATS providers share: a corner of a server, and what others see and do there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import uuid4

import nats
import psutil
import pytest
from nats.js import JetStreamContext

from wasicloud_lab.providers.blobstore.nats import NatsBlobstore
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.services import Service, Services

ODD = ["", ".", "..", "../../etc", "a/b", "a.b", ".a.", "a..b", "*", ">", "a b", "é🐕", "\0", "\0\0", "-", "a--"]
ODD += ["=20", "=_", "--3a", "--_", "user:ricochet", "x" * 1000, "é" * 512]

MIB = 1 << 20


@pytest.fixture
def own() -> Iterator[Services]:
    """Servers for one test."""
    with Services() as made:
        yield made


@pytest.fixture
def url(nats_server: Service) -> str:
    """A corner of the shared server that nobody else looks into."""
    return f"{nats_server.url}?prefix=t{uuid4().hex[:8]}-"


@pytest.fixture
def store(url: str) -> Iterator[NatsStore]:
    with closing(NatsStore(url)) as made:
        yield made


@pytest.fixture
def blobs(url: str) -> Iterator[NatsBlobstore]:
    with closing(NatsBlobstore(url)) as made:
        made.create_container("c")
        yield made


def as_others_do(url: str, work: Callable[[JetStreamContext], Awaitable[Any]]) -> Any:
    """What a program that knows only NATS's own client sees or does."""

    async def connected() -> Any:
        client = await nats.connect(url.partition("?")[0])
        try:
            return await work(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(connected())


@contextmanager
def stopped(server: Service) -> Iterator[psutil.Process]:
    """The server as if it hung: its process stands still, connections stay."""
    process = psutil.Process(server.pid)
    process.suspend()
    while any(psutil.Process(thread.id).status() != psutil.STATUS_STOPPED for thread in process.threads()):
        time.sleep(0.005)
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()
