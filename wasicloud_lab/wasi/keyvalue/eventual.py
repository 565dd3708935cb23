"""wasi:keyvalue as the talk's guests know it: 0.1.0, which was called 0.2.0-draft for some weeks of 2024.

Values are resources, read and written at once or through streams; an error is a resource that says itself.
"""

from __future__ import annotations

import logging
from typing import Any

from ...errors import Denied, Err, NotFound, ProviderError
from ...host.interface import interface, resource
from ...host.state import current
from ...providers.keyvalue.base import INT64_MAX
from ...providers.page import every
from ..http.bodies import BytesSource
from ..io import WRITE_LIMIT, InputStream, OutputStream, stream_closed, stream_failed
from .plugged import failure, key_page, store, value_bytes, values
from .store import add_unsigned

_log = logging.getLogger(__name__)

#: Bytes that a value may have which comes through a stream; it is held in memory.
VALUE_LIMIT = 64 * 1024 * 1024

_TOO_LONG = "the value has more bytes than are taken through a stream"


@resource
class Error:
    """wasi:keyvalue/wasi-keyvalue-error `error`."""

    def __init__(self, message: str) -> None:
        self.message = message

    def trace(self) -> str:
        return self.message


def failed(error: Exception) -> Err:
    """The `error` for a provider's failure.

    Raises:
        GuestError: it is not the provider's: the guest itself must end.
    """
    return Err(Error(_trace(error)))


def _trace(error: Exception) -> str:
    kind = "access denied: " if isinstance(error, Denied) else "no such store: " if isinstance(error, NotFound) else ""
    return kind + failure(error)


@resource
class Bucket:
    """wasi:keyvalue/types `bucket`: a name. What holds it is looked up at each call."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def open_bucket(name: str) -> Bucket:
        store()
        return Bucket(name)


@resource
class IncomingValue:
    """wasi:keyvalue/types `incoming-value`: a value that has been read from the store."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    # Some guests call these as methods, others as static functions that use the value up.

    def incoming_value_consume_sync(self) -> bytes:
        return self.data

    def incoming_value_consume_async(self) -> InputStream:
        return InputStream(BytesSource(self.data))

    def incoming_value_size(self) -> int:
        return len(self.data)

    size = incoming_value_size


@resource
class OutgoingValue:
    """wasi:keyvalue/types `outgoing-value`: a value on its way into the store.

    The guest may write it before it calls `set`, after that, or both: what is set is stored as soon as there
    is something, and again when more has been written since.
    """

    def __init__(self) -> None:
        self._state = current()
        self._body = bytearray()
        self._begun = False  # written at once, or through a stream
        self._open = False  # that stream
        self._unsaved = False  # since the last time it was stored
        self._too_long = False
        self._places: list[tuple[str, str]] = []

    @staticmethod
    def new_outgoing_value() -> OutgoingValue:
        return OutgoingValue()

    def outgoing_value_write_body_sync(self, value: bytes) -> None:
        self._begin()
        self._body += value
        try:
            self.save()
        except Exception as error:
            raise failed(error) from None

    def outgoing_value_write_body_async(self) -> OutputStream:
        self._begin()
        self._open = True
        return _ValueStream(self)

    def drop(self) -> None:
        """A value that was set and never written is empty."""
        if not self._begun:
            self.save_quietly()

    # --- what `set` and the stream do --------------------------------------------------------------

    @property
    def whole(self) -> bool:
        """Whether there is something to be stored: all of it, or what an open stream has passed on so far."""
        return self._begun and (not self._open or bool(self._body))

    def put(self, bucket: str, key: str) -> None:
        """Gives the value a place; stores it there if it is there to be stored.

        Raises:
            Exception: the provider's.
        """
        if not self.whole:
            self._unsaved = True
            self._places.append((bucket, key))
            return
        store().set(bucket, key, self.body())
        self.placed(bucket, key)

    def body(self) -> bytes:
        """What there is of it.

        Raises:
            ProviderError: the guest wrote more than is taken.
        """
        if self._too_long:
            raise ProviderError(_TOO_LONG)
        return bytes(self._body)

    def placed(self, bucket: str, key: str) -> None:
        """It has been stored in one more place, as it is now."""
        if not self._places:
            self._unsaved = False
        self._places.append((bucket, key))

    def add(self, data: bytes) -> None:
        """Bytes from the stream."""
        if not self._open:
            raise stream_closed()
        self._too_long = self._too_long or len(self._body) + len(data) > VALUE_LIMIT
        if self._too_long:
            raise stream_failed(_TOO_LONG)
        self._body += data
        self._unsaved = True

    def save(self) -> None:
        """Stores it in the places that `set` has named, if there is something new.

        Raises:
            Exception: the provider's.
        """
        if self._places:
            for bucket, key in self._places:
                store().set(bucket, key, self.body())
            self._unsaved = False

    def flush(self) -> None:
        if self._unsaved:
            try:
                self.save()
            except Exception as error:
                raise stream_failed(_trace(error)) from None

    def close(self) -> None:
        """The stream has been dropped: the value is whole."""
        self._open = False
        self.save_quietly()

    def save_quietly(self) -> None:
        """Where the guest can't be told of a failure any more, the log is."""
        if not self._unsaved or not self._guest_runs():
            return
        for bucket, key in self._places:
            try:
                store().set(bucket, key, self.body())
            except Exception as error:
                _log.warning("the value for %r in the bucket %r was not stored: %s", key, bucket, _trace(error))

    def _guest_runs(self) -> bool:
        """Whether the guest itself lets go, so that there are links, and not its instance after a trap."""
        try:
            return current() is self._state
        except RuntimeError:
            return False

    def _begin(self) -> None:
        if self._begun:
            raise Err(Error("this outgoing-value has been written already; make another"))
        self._begun = True


class _ValueStream(OutputStream):
    """The stream into an outgoing value; `_Sink` is its other side."""

    def __init__(self, value: OutgoingValue) -> None:
        super().__init__(_Sink(value))
        self._value = value

    def drop(self) -> None:
        self._value.close()


class _Sink:
    """A `Sink` that adds to a value."""

    def __init__(self, value: OutgoingValue) -> None:
        self.write = value.add
        self.flush = value.flush

    def room(self) -> int:
        return WRITE_LIMIT

    def flushed(self) -> bool:
        return True


@interface("wasi:keyvalue/wasi-keyvalue-error@0.1.0", "wasi:keyvalue/wasi-keyvalue-error@0.2.0-draft")
class KeyValueError:
    """The interface wasi:keyvalue/wasi-keyvalue-error."""

    Error = Error


@interface("wasi:keyvalue/types@0.1.0", "wasi:keyvalue/types@0.2.0-draft")
class Types:
    """The interface wasi:keyvalue/types."""

    Bucket = Bucket
    OutgoingValue = OutgoingValue
    IncomingValue = IncomingValue


@interface("wasi:keyvalue/eventual@0.1.0", "wasi:keyvalue/eventual@0.2.0-draft")
class Eventual:
    """The interface wasi:keyvalue/eventual."""

    def get(self, bucket: Bucket, key: str) -> IncomingValue | None:
        provider = store()
        try:
            value = value_bytes(provider.get(bucket.name, key))
        except Exception as error:
            raise failed(error) from None
        return None if value is None else IncomingValue(value)

    def set(self, bucket: Bucket, key: str, outgoing_value: OutgoingValue) -> None:
        store()
        try:
            outgoing_value.put(bucket.name, key)
        except Exception as error:
            raise failed(error) from None

    def delete(self, bucket: Bucket, key: str) -> None:
        provider = store()
        try:
            provider.delete(bucket.name, key)
        except Exception as error:
            raise failed(error) from None

    def exists(self, bucket: Bucket, key: str) -> bool:
        provider = store()
        try:
            return bool(provider.exists(bucket.name, key))
        except Exception as error:
            raise failed(error) from None


@interface("wasi:keyvalue/atomic@0.1.0", "wasi:keyvalue/atomic@0.2.0-draft")
class Atomic:
    """The interface wasi:keyvalue/atomic."""

    def increment(self, bucket: Bucket, key: str, delta: int) -> int:
        return add_unsigned(bucket.name, key, delta, failed)

    def compare_and_swap(self, bucket: Bucket, key: str, old: int, new: int) -> bool:
        provider = store()
        if new > INT64_MAX:
            raise Err(Error(f"counters go up to {INT64_MAX}; one can't be {new}"))
        try:
            return bool(provider.compare_and_swap(bucket.name, key, str(old).encode(), str(new).encode()))
        except Exception as error:
            raise failed(error) from None


@interface("wasi:keyvalue/eventual-batch@0.1.0", "wasi:keyvalue/eventual-batch@0.2.0-draft")
class EventualBatch:
    """The interface wasi:keyvalue/eventual-batch."""

    def get_many(self, bucket: Bucket, keys: list[str]) -> list[Any]:
        provider = store()
        try:
            found = values(provider.get_many(bucket.name, keys), len(keys))
        except Exception as error:
            raise failed(error) from None
        return [None if value is None else IncomingValue(value) for value in found]

    def keys(self, bucket: Bucket) -> list[str]:
        provider, state = store(), current()

        def page(cursor: str | None) -> Any:
            state.go_on()  # a long listing must not outlast the call's deadline
            return key_page(provider.keys(bucket.name, cursor))

        try:
            return list(dict.fromkeys(every(page)))  # some stores list a key twice while others write
        except Exception as error:
            raise failed(error) from None

    def set_many(self, bucket: Bucket, key_values: list[tuple[str, OutgoingValue]]) -> None:
        provider = store()
        try:
            for key, value in key_values:
                if not value.whole:
                    value.put(bucket.name, key)
            whole = [(key, value) for key, value in key_values if value.whole]
            if whole:
                provider.set_many(bucket.name, [(key, value.body()) for key, value in whole])
            for key, value in whole:
                value.placed(bucket.name, key)
        except Exception as error:
            raise failed(error) from None

    def delete_many(self, bucket: Bucket, keys: list[str]) -> None:
        provider = store()
        try:
            provider.delete_many(bucket.name, keys)
        except Exception as error:
            raise failed(error) from None
