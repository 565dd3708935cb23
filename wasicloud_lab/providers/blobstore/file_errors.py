"""What a file system says, in the words of the lab's errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import Denied, NotFound, ProviderError, TooLarge
from .base import BlobstoreProvider

#: There is no such entry, or something on the way to it is no folder.
ABSENT = (FileNotFoundError, NotADirectoryError)

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_LINK = {errno.ELOOP, getattr(errno, "EMLINK", errno.ELOOP)}


@contextmanager
def plainly(store: BlobstoreProvider, what: str) -> Iterator[None]:
    """Raises what goes wrong with files as a `ProviderError` that says with which thing: "object 'a' …"."""
    try:
        yield
    except UnicodeEncodeError:
        raise ProviderError(f"the name of the {what} is no text: it holds half of a surrogate pair") from None
    except OSError as error:
        code = error.errno
        place = store.summary()
        if isinstance(error, ABSENT) or code in _LINK:
            raise NotFound(f"there is no {what} in {place}") from None
        if code in _FULL:
            raise ProviderError(f"the disk under {place} is full; the {what} could not be stored") from None
        if code == errno.EFBIG:
            raise TooLarge(f"the {what} is larger than a file in {place} may be") from None
        if code in _DENIED:
            raise Denied(f"{place} does not let this user at the {what}: {error.strerror}") from None
        if code == errno.ENAMETOOLONG:
            raise ProviderError(f"the name of the {what} is too long for the file system of {place}") from None
        if code in (errno.EISDIR, errno.EEXIST):
            thing = "folder" if code == errno.EISDIR else "file"
            raise ProviderError(f"a {thing} of that name is in the way of the {what} in {place}") from None
        raise ProviderError(f"the {what} in {place}: {error.strerror or error}") from None
