"""What the tests of the Redis provider share: servers for one test, and a database that is theirs alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from wasicloud_lab.services import Service, Services


@pytest.fixture
def own() -> Iterator[Services]:
    """Servers for one test."""
    with Services() as made:
        yield made


@pytest.fixture
def raw(redis_server: Service) -> Iterator[redis.Redis]:
    """The database of these tests as another program sees it."""
    with redis.Redis.from_url(f"{redis_server.url}/1") as client:
        client.flushdb()
        yield client
