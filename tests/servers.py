"""Real servers for the tests: each starts once in a run, on the first test that asks for it, and is gone at the end.

They are installed by `make test`; a missing one fails the test, it is never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from wasicloud_lab.errors import ToolMissing
from wasicloud_lab.services import Service, Services
from wasicloud_lab.services import free_port as find_free_port


def _started(start: Callable[[], Service]) -> Service:
    try:
        return start()
    except ToolMissing as error:
        raise AssertionError(f"{error} (`make test` installs it)") from None


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """For a server with options of one's own: `services.redis(new=True, …)`."""
    with Services() as made:
        yield made


@pytest.fixture(scope="session")
def redis_server(services: Services) -> Service:
    """A redis-server that all tests share: take names of buckets that are yours alone."""
    return _started(services.redis)


@pytest.fixture(scope="session")
def azurite(services: Services) -> Service:
    """Azure Blob Storage on this machine, shared as well."""
    return _started(services.azurite)


@pytest.fixture(scope="session")
def nats_server(services: Services) -> Service:
    """A nats-server with JetStream, shared as well."""
    return _started(services.nats)


@pytest.fixture
def free_port() -> int:
    """A port of this machine's loopback that nobody listens on."""
    return find_free_port()
