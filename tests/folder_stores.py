"""A folder as a blobstore, new for each test, walked in each of the ways that systems need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wasicloud_lab.providers.blobstore import file_folders
from wasicloud_lab.providers.blobstore.file import FolderStore

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


@pytest.fixture(
    params=[True, False] if file_folders.RELATIVE else [False],
    ids=["relative", "by path"] if file_folders.RELATIVE else ["by path"],
)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderStore]:
    """A store in an empty folder."""
    monkeypatch.setattr(file_folders, "RELATIVE", request.param)
    made = FolderStore(tmp_path / "blobs")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where that store keeps things."""
    return tmp_path / "blobs"
