"""wasi:blobstore/types `outgoing-value`: bytes on their way into an object.

A guest writes the body before it calls `write-data`, after that, or both. What comes before has nowhere to go
yet and is spooled; from `write-data` on, bytes go straight to the store. Nothing is seen of the object until
all of it is there.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import Err
from ...host.interface import resource
from ...host.state import StoreState, current
from ..io import WRITE_LIMIT, OutputStream, stream_closed, stream_failed
from ..plugged import in_words
from .plugged import failed, store

if TYPE_CHECKING:
    from ...providers.blobstore.base import Writer

_log = logging.getLogger(__name__)

#: Bytes of a body that has nowhere to go yet: this many in memory, …
SPOOL_IN_MEMORY = 1024 * 1024
#: … and on disk at most as many as this.
SPOOL_LIMIT = 1024 * 1024 * 1024

#: Bytes that are moved from the spool to the store at a time.
PIECE = 1024 * 1024


@resource
class OutgoingValue:
    """wasi:blobstore/types `outgoing-value`, in the draft that ends it with `finish`.

    Without `finish` the object stays as it was.
    """

    def __init__(self) -> None:
        self._state = current()
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._writer: Writer | None = None
        self._place = ""  # the object's name, once there is one
        self._streamed = False
        self._open = False  # the stream
        self._ended = False  # committed or aborted
        self._failure: str | None = None

    # --- what the guest calls ----------------------------------------------------------------------

    @classmethod
    def new_outgoing_value(cls) -> OutgoingValue:
        return cls()

    def outgoing_value_write_body(self) -> OutputStream:
        if self._streamed:
            raise Err()
        self._streamed = self._open = True
        return _BodyStream(self)

    @staticmethod
    def finish(this: OutgoingValue) -> None:
        this._open = False
        if this._writer is None and this._failure is None:
            this._abort()
            raise Err("this outgoing-value was finished before container.write-data gave it an object")
        this._commit()

    def drop(self) -> None:
        """Dropped without `finish`: there is no object."""
        self._open = False
        self._abort()

    # --- what the container and the stream do ------------------------------------------------------

    def write_to(self, container: str, name: str) -> None:
        """Gives the value its object, and passes on what was written so far.

        Raises:
            Err: the store can't take it, or there is an object already.
        """
        if self._place:
            raise Err(f"this outgoing-value goes to {self._place!r} already; make one for each object")
        if self._failure is not None:
            raise Err(self._failure)
        provider = store()
        try:
            self._writer = provider.write(container, name)
        except Exception as error:
            raise failed(error, provider) from None
        self._place = name
        try:
            for piece in self._spooled():
                self._writer.write(piece)
        except Exception as error:
            raise Err(self._fail(error, provider)) from None

    def room(self) -> int:
        if self._failure is not None:
            raise stream_failed(self._failure)
        if not self._open:
            raise stream_closed()
        return WRITE_LIMIT

    def take(self, data: bytes) -> None:
        """Bytes from the stream."""
        self.room()
        if not data:
            return
        try:
            if self._writer is not None:
                self._writer.write(data)
            else:
                self._keep(data)
        except Exception as error:
            raise stream_failed(self._fail(error, self._writer)) from None

    def stream_dropped(self) -> None:
        """The guest has let go of the stream."""
        self._open = False

    # --- within ------------------------------------------------------------------------------------

    def _keep(self, data: bytes) -> None:
        if self._spool is None:
            self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115 - closed by _abort or _spooled
        if self._spool.tell() + len(data) > SPOOL_LIMIT:
            raise OSError(f"more than {SPOOL_LIMIT} bytes were written before container.write-data said where to")
        self._spool.write(data)

    def _spooled(self) -> Iterator[bytes]:
        """What was written before there was an object; it is the caller's now."""
        spool, self._spool = self._spool, None
        if spool is not None:
            with spool:
                spool.seek(0)
                while piece := spool.read(PIECE):
                    self._state.go_on()
                    yield piece

    def _commit(self) -> None:
        """
        Raises:
            Err: the object could not be stored, now or before.
        """
        if self._failure is not None:
            raise Err(self._failure)
        if not self._ended and self._writer is not None:
            try:
                self._writer.commit()
            except Exception as error:
                raise Err(self._fail(error, self._writer)) from None
            self._ended = True

    def _fail(self, error: Exception, of: object) -> str:
        """The value is lost; answers why, which is what the guest is told from now on."""
        self._abort()
        self._failure = f"the body can't be spooled: {error}" if of is None else in_words(error, of)
        return self._failure

    def _abort(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        if self._writer is not None:
            with suppress(Exception):  # the object stays as it was either way
                self._writer.abort()


class UnfinishedValue(OutgoingValue):
    """wasi:blobstore/types `outgoing-value`, in the draft without `finish`.

    The body is whole when its stream has been dropped. A guest that traps or is stopped drops nothing, and its
    object stays as it was.
    """

    def write_to(self, container: str, name: str) -> None:
        super().write_to(container, name)
        if self._streamed and not self._open:
            self._commit()

    def stream_dropped(self) -> None:
        super().stream_dropped()
        if self._writer is not None:
            self._end()

    def drop(self) -> None:
        if not self._open:
            self._end()
        elif not self._is_well():
            self._abort()

    def _end(self) -> None:
        """Commits what has an object; the guest can't be told any more when that fails, so the log is."""
        if self._ended or self._writer is None or not self._is_well():
            self._abort()
            return
        try:
            self._commit()
        except Err as error:
            _log.warning("the object %r was not stored: %s", self._place, error.value)

    def _is_well(self) -> bool:
        return _dropped_by_guest(self._state)


def _dropped_by_guest(state: StoreState) -> bool:
    """Whether a resource is dropped by its guest, or with an instance that ended well, and not after a trap."""
    try:
        return current() is state or not state.broken
    except RuntimeError:  # no guest runs here
        return not state.broken


class _BodyStream(OutputStream):
    """The stream of an outgoing value."""

    def __init__(self, value: OutgoingValue) -> None:
        super().__init__(_Sink(value))
        self._value = value

    def drop(self) -> None:
        self._value.stream_dropped()


class _Sink:
    """A `Sink` into an outgoing value."""

    def __init__(self, value: OutgoingValue) -> None:
        self.room = value.room
        self.write = value.take

    def flush(self) -> None:
        self.room()  # a failure is told once more

    def flushed(self) -> bool:
        return True
