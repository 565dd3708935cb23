"""What goes through a link: how many calls of which app, how many failed, and the time they took.

    with lab.keyvalue.meter as meter:
        app.get("/ricochet")
        meter.counts("gopher")     # Counts(calls=1, errors=0, seconds=0.00002)

Nothing is measured while nobody looks: a request that starts with the meter off goes straight to the provider.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from .errors import NotFound
from .providers.blobstore.base import Writer
from .providers.blobstore.forwarding import BlobstoreWrapper
from .providers.keyvalue.forwarding import KeyValueWrapper
from .providers.recorded import said
from .providers.trouble import Call
from .words import one_line

_T = TypeVar("_T")


class Counts(NamedTuple):
    """What has gone through a link.

    Attributes:
        calls: operations begun; on a link between apps, requests passed on.
        errors: of these, that failed. A container or object that is not there is an answer, not a failure.
        seconds: spent in the provider.
    """

    calls: int = 0
    errors: int = 0
    seconds: float = 0.0


class Passed(NamedTuple):
    """One operation that has gone through a link.

    Attributes:
        app: the name of the app whose request it was for.
        operation: the provider's method ("get", "increment", "write"), or "handle" for a request passed on.
        at: when it ended, in seconds since 1970.
        seconds: how long it took; of a stream, until it was begun.
        error: in words, or None.
    """

    app: str
    operation: str
    at: float
    seconds: float
    error: str | None


class Meter:
    """Counts and times the operations of one link, for as many as want to know. Used from any thread.

    Args:
        kind: of the link: "keyvalue", "blobstore" or "handler".

    Attributes:
        running: whether somebody looks. Requests that start while nobody does are not measured.
        last: the last operation; None before the first.
    """

    def __init__(self, kind: str) -> None:
        self.running = False
        self.last: Passed | None = None
        self._users = 0
        self._before: type = {"keyvalue": _MeteredKeys, "blobstore": _MeteredBlobs, "handler": _MeteredApp}[kind]
        self._counts: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def on(self) -> None:
        """One more looks; for each `on` there is to be an `off`."""
        with self._lock:
            self._users += 1
            self.running = True

    def off(self) -> None:
        """One fewer looks. What was counted stays; requests under way are measured to their end."""
        with self._lock:
            self._users = max(self._users - 1, 0)
            self.running = self._users > 0

    def __enter__(self) -> Meter:
        self.on()
        return self

    def __exit__(self, *_: object) -> None:
        self.off()

    @property
    def apps(self) -> list[str]:
        """The names of the apps that have been counted."""
        with self._lock:
            return list(self._counts)

    @property
    def total(self) -> Counts:
        """Of all apps together."""
        with self._lock:
            return _counts([sum(column) for column in zip(*self._counts.values())] or [0, 0, 0.0])

    def counts(self, app: str) -> Counts:
        """Of one app, since the lab began; differences are what a rate is made of."""
        with self._lock:
            return _counts(self._counts.get(app, [0, 0, 0.0]))

    # --- for links ---------------------------------------------------------------------------------

    def before(self, provider: Any, app: str) -> Any:
        """Stands before a provider for one request of an app."""
        return self._before(provider, self, app)

    def measured(self, app: str, operation: str, run: Callable[[], _T]) -> _T:
        """Does an operation and counts it, whatever comes of it."""
        started = perf_counter()
        try:
            result = run()
        except BaseException as error:
            self.add(app, operation, 1, perf_counter() - started, error)
            raise
        self.add(app, operation, 1, perf_counter() - started, None)
        return result

    def add(self, app: str, operation: str, calls: int, seconds: float, error: BaseException | None) -> None:
        """Counts `calls` more calls, none where it is a later part of one, and the time that it took."""
        failed = error is not None and not isinstance(error, NotFound)
        words = one_line(said(error), 200) if failed and error is not None else None
        with self._lock:
            counted = self._counts.setdefault(app, [0, 0, 0.0])
            counted[0] += calls
            counted[1] += failed
            counted[2] += seconds
            if calls or failed:
                self.last = Passed(app, operation, time.time(), seconds, words)

    def __repr__(self) -> str:
        calls, errors, seconds = self.total
        return f"<Meter {'on' if self.running else 'off'}: {calls:,} calls, {errors:,} errors, {seconds:.3g} s>"


def _counts(columns: list[float]) -> Counts:
    return Counts(int(columns[0]), int(columns[1]), columns[2])


class _MeteredKeys(KeyValueWrapper):
    """A key-value store whose operations are measured. Made anew for each request, so it does little when made.

    What is before it may be an object of any class that has the methods, with more of its own.
    """

    def __init__(self, inner: Any, meter: Meter, app: str) -> None:
        self.inner = inner
        self._meter, self._app = meter, app

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        return self._meter.measured(self._app, call.operation, run)

    def ping(self) -> None:
        self.inner.ping()

    def close(self) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not yet: it is being copied
            raise AttributeError(name)
        return getattr(self.inner, name)


class _MeteredBlobs(BlobstoreWrapper):
    """Likewise a blobstore. A stream is one call; the time of its chunks is added as they come."""

    def __init__(self, inner: Any, meter: Meter, app: str) -> None:
        self.inner = inner
        self._meter, self._app = meter, app

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        return self._meter.measured(self._app, call.operation, run)

    def read(self, container: str, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        part = _Part(self._meter, self._app, "read")
        begin = self.inner.read
        return _MeteredReader(self._meter.measured(self._app, "read", lambda: begin(container, name, start, end)), part)

    def write(self, container: str, name: str) -> Writer:
        part = _Part(self._meter, self._app, "write")
        begin = self.inner.write
        return _MeteredWriter(self._meter.measured(self._app, "write", lambda: begin(container, name)), part)

    def ping(self) -> None:
        self.inner.ping()

    def close(self) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not yet: it is being copied
            raise AttributeError(name)
        return getattr(self.inner, name)


class _Part:
    """The later parts of one stream: their time is added, and one that fails is the call's failure."""

    def __init__(self, meter: Meter, app: str, operation: str) -> None:
        self._meter, self._app, self._operation = meter, app, operation
        self._failed = False

    def measured(self, run: Callable[[], _T]) -> _T:
        started = perf_counter()
        failure: BaseException | None = None
        try:
            return run()
        except StopIteration:
            raise
        except BaseException as error:
            if not self._failed:  # a commit that fails after a write did is no second failure
                self._failed, failure = True, error
            raise
        finally:
            self._meter.add(self._app, self._operation, 0, perf_counter() - started, failure)


class _MeteredReader(Iterator[bytes]):
    """The inner provider's chunks."""

    def __init__(self, chunks: Iterator[bytes], part: _Part) -> None:
        self._chunks, self._part = iter(chunks), part

    def __next__(self) -> bytes:
        return self._part.measured(self._chunks.__next__)

    def close(self) -> None:
        """Lets go of what the inner provider holds for it."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


class _MeteredWriter(Writer):
    """The inner provider's writer."""

    def __init__(self, inner: Writer, part: _Part) -> None:
        self._inner, self._part = inner, part

    def write(self, data: bytes) -> None:
        self._part.measured(lambda: self._inner.write(data))

    def commit(self) -> None:
        self._part.measured(self._inner.commit)

    def abort(self) -> None:
        self._inner.abort()

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":
            raise AttributeError(name)
        return getattr(self._inner, name)


class _MeteredApp:
    """An app that requests are passed on to."""

    def __init__(self, inner: Any, meter: Meter, app: str) -> None:
        self.inner = inner
        self._meter, self._app = meter, app

    def take_over(self, request: Any, out: Any) -> None:
        self._meter.measured(self._app, "handle", lambda: self.inner.take_over(request, out))

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)
