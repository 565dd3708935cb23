"""An object's bytes on their way down from Azure, piece by piece, and up to it, block by block."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient

from ...errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from .azure_client import BLOCK, Session, Where
from .base import CHUNK, Writer

if TYPE_CHECKING:
    from .azure import AzureBlobstore

#: Azure takes this many blocks for one blob.
MOST_BLOCKS = 50_000


class _Piece(NamedTuple):
    data: bytes
    left: int
    etag: str


def read_blob(session: Session, blob: BlobClient, where: Where, start: int, end: int | None) -> Iterator[bytes]:
    """The bytes from `start` to `end`, inclusive, in chunks. The first piece has come when this returns."""
    length = None if end is None else end - start + 1
    piece = _fetch(session, blob, where, start, length, None)
    if piece is not None and piece.left and session.account.is_emulator:
        piece = _first_of_its_etag(session, blob, where, start, length)
    return _chunks(session, blob, where, start, piece) if piece else iter(())


def _first_of_its_etag(
    session: Session, blob: BlobClient, where: Where, start: int, length: int | None
) -> _Piece | None:
    """The first piece of a large object from Azurite.

    Where a commit falls into a GET, Azurite answers the old bytes with the new ETag, and all that follows would be
    of another version. So the ETag is asked for first. Azure itself does not mix them up.
    """
    give_up = time.monotonic() + session.timeout
    while True:
        etag = str(session.call(where, blob.get_blob_properties).etag)
        try:
            piece = _fetch(session, blob, where, start, length, etag)
        except (Denied, NotFound, Unavailable):
            raise
        except ProviderError:  # changed in between: nothing has been handed out, so begin anew
            if time.monotonic() > give_up:
                raise
            continue
        if piece is None or piece.etag == etag:
            return piece
        if time.monotonic() > give_up:
            raise _changed(session, where)


def _chunks(session: Session, blob: BlobClient, where: Where, start: int, piece: _Piece) -> Iterator[bytes]:
    while True:
        data, left, etag = piece
        for at in range(0, len(data), CHUNK):
            yield data[at : at + CHUNK]
        if left <= 0:
            return
        start += len(data)
        del data
        following = _fetch(session, blob, where, start, min(left, BLOCK), etag)
        if following is None or following.etag != etag:
            raise _changed(session, where)
        piece = _Piece(following.data, left - len(following.data), etag)


def _fetch(
    session: Session, blob: BlobClient, where: Where, start: int, length: int | None, etag: str | None
) -> _Piece | None:
    """The next `BLOCK` bytes at most; None where the object ends before `start`.

    Azure's client asks again when a connection breaks, a few times, and within the time of the session.
    """

    def download() -> _Piece | None:
        same: dict[str, Any] = {} if etag is None else {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        try:
            stream = blob.download_blob(start, length, max_concurrency=1, decompress=False, **same)
        except HttpResponseError as error:
            if error.status_code == 416:  # also the answer for any range of an empty blob
                return None
            raise
        size = stream.size
        data = stream.read(min(size, BLOCK))
        return _Piece(data, size - len(data), str(stream.properties.etag))

    return session.call(where, download)


def _changed(session: Session, where: Where) -> ProviderError:
    return ProviderError(f"{session.summary}: {where} was changed or deleted while it was being read; read it again")


class AzureWriter(Writer):
    """Keeps up to one block; more go up as they fill, under ids of this writer's own, and count only at `commit`."""

    def __init__(
        self, store: AzureBlobstore, session: Session, blob: BlobClient, where: Where, metadata: dict[str, str]
    ) -> None:
        self._store = store
        self._session = session
        self._blob = blob
        self._where = where
        self._metadata = metadata
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._size = 0
        self._id = uuid.uuid4().hex
        self._blocks: list[str] = []
        self._ended = ""

    def write(self, data: bytes) -> None:
        """Adds bytes, any number of them.

        Raises:
            TooLarge: they are more than the provider's `object_limit`.
        """
        self._must_be_open()
        limit = self._store.object_limit
        if limit is not None and self._size + len(data) > limit:
            raise TooLarge(f"{self._session.summary}: {self._where} would be larger than {limit:,} bytes")
        view = memoryview(data)
        self._size += len(view)
        while len(view) > 0:
            if self._pending_size == BLOCK:
                self._stage()
            taken = bytes(view[: BLOCK - self._pending_size])
            self._pending.append(taken)
            self._pending_size += len(taken)
            view = view[len(taken) :]

    def commit(self) -> None:
        """Makes the object what was written: one request for a small one, the list of its blocks for a large one."""
        self._must_be_open()
        if self._blocks:
            self._stage()
            blocks = [BlobBlock(block) for block in self._blocks]
            self._session.call(self._where, lambda: self._blob.commit_block_list(blocks, metadata=self._metadata))
        else:
            data = self._take()
            self._session.call(
                self._where,
                lambda: self._blob.upload_blob(data, length=len(data), overwrite=True, metadata=self._metadata),
            )
        self._ended = "committed"

    def abort(self) -> None:
        """Throws away what was written. Azure forgets blocks that no commit names, at the latest after a week."""
        self._ended = self._ended or "aborted"
        self._pending.clear()

    def _must_be_open(self) -> None:
        if self._ended:
            raise ProviderError(f"{self._session.summary}: {self._where} has been {self._ended} by this writer already")

    def _take(self) -> bytes:
        data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
        self._pending.clear()
        self._pending_size = 0
        return data

    def _stage(self) -> None:
        data = self._take()
        block = base64.b64encode(f"{self._id}{len(self._blocks):05d}".encode()).decode("ascii")
        self._session.call(self._where, lambda: self._blob.stage_block(block, data, length=len(data)))
        self._blocks.append(block)
