"""Every provider of the lab passes the suite, on the real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.s3_server import S3Server, s3_server  # noqa: F401
from wasicloud_lab.providers import conformance
from wasicloud_lab.services import Service

#: Kind of provider and name → its URL, where `{…}` is the URL of a server, or the test's own folder.
PROVIDERS = {
    "keyvalue memory": "memory://",
    "keyvalue fakeredis": "fakeredis://",
    "keyvalue redis hash": "{redis_server}",
    "keyvalue redis prefix": "{redis_server}?layout=prefix",
    "keyvalue sqlite": "sqlite:///{path}/file.db",
    "keyvalue nats": "{nats_server}",
    "blobstore memory": "memory://",
    "blobstore file": "{uri}/blobs",
    "blobstore azure": "{azurite}",
    "blobstore s3": "{s3_server}",
    "blobstore nats": "{nats_server}",
}

#: With these a whole run takes longer than ten seconds.
SLOW = {"blobstore azure", "blobstore s3", "blobstore nats", "keyvalue nats"}


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_provider_passes_every_check(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = PROVIDERS[name]
    for fixture in ("redis_server", "nats_server", "azurite", "s3_server"):
        if f"{{{fixture}}}" in url:
            server: Service | S3Server = request.getfixturevalue(fixture)
            url = url.replace(f"{{{fixture}}}", server.url)
    url = url.replace("{path}", tmp_path.as_posix()).replace("{uri}", tmp_path.as_uri())
    report = conformance.check(url, name.partition(" ")[0], quick=name in SLOW)
    assert report.ok, f"\n{report}"
