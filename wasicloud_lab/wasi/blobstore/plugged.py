"""The store that a call goes to, and its failures as wasi:blobstore says them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Err
from ..plugged import in_words, plugged

if TYPE_CHECKING:
    from ...providers.blobstore.base import BlobstoreProvider

SLOT = "wasi:blobstore"


def store() -> BlobstoreProvider:
    """The provider that the running call has pinned; as `plugged`."""
    return plugged(SLOT)  # type: ignore[no-any-return]


def failed(error: Exception, of: object) -> Err:
    """The `error` of wasi:blobstore, which is text; as `in_words`."""
    return Err(in_words(error, of))
