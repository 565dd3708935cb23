"""What wrappers of both kinds of provider do round an operation: wait, fail, refuse changes.

`keyvalue/wrappers.py` and `blobstore/wrappers.py` make whole providers of these classes. A wrapper has the
provider it stands before as `.inner`, and one hook, `_do`, that every operation goes through; an operation
that streams has `_stream` besides, which says what happens at each step of the stream. `recorded.py` notes
operations down, `cache.py` keeps answers.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

from ..errors import Denied, ProviderError, Unavailable

_T = TypeVar("_T")

#: Operations that change what is stored.
CHANGES = frozenset(
    "set delete increment compare_and_swap set_many delete_many create_container delete_container clear_container "
    "write delete_object delete_objects copy_object move_object".split()
)


class Inner(Protocol):
    """What both kinds of provider have."""

    def ping(self) -> None: ...
    def summary(self) -> str: ...
    def close(self) -> None: ...


Provider = TypeVar("Provider", bound=Inner)


class Call(NamedTuple):
    """One operation that is about to be done.

    Attributes:
        operation: the method's name.
        group: the bucket or container as the caller says it; empty where there is none.
        name: the key or object, or how many of them.
        size: bytes that go in.
    """

    operation: str
    group: str = ""
    name: str = ""
    size: int = 0


class Steps:
    """What a wrapper does at the steps of one stream; this one does nothing."""

    def step(self, number: int) -> None:
        """Before each chunk, counted from 0."""

    def last(self) -> None:
        """Before a commit, or before a reader says that there is no more."""

    def over(self, size: int, error: str | None) -> None:
        """Once, when all is done, has failed or was given up, after `size` bytes."""


class Wrapper(Generic[Provider]):
    """A provider before another one; by itself it changes nothing.

    Attributes:
        inner: the provider that it stands before.
    """

    #: The class that `inner` must be of, and what that is called.
    _wraps: ClassVar[tuple[type, str]]

    def __init__(self, inner: Provider) -> None:
        kind, called = self._wraps
        if not isinstance(inner, kind):
            raise TypeError(f"{type(self).__name__} wraps a {called} provider, not {type(inner).__name__}")
        self.inner = inner
        self._closed = threading.Event()

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        """Every operation goes through here; `run` is the inner provider's own."""
        return run()

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        """Begins a stream; answers what the inner provider answered, and what to do at its steps."""
        return self._do(call, start), Steps()

    def ping(self) -> None:
        self._do(Call("ping"), self.inner.ping)

    def summary(self) -> str:
        return self.inner.summary()

    def close(self) -> None:
        """Closes the inner provider; who waits here at this moment is woken, with `Unavailable`."""
        self._closed.set()
        self.inner.close()

    def _wait(self, seconds: float) -> None:
        if seconds > 0 and self._closed.wait(seconds):
            raise Unavailable(f"{self.inner.summary()} was closed while the lab waited on purpose")


class Waiting(Wrapper[Provider]):
    """Each operation waits first: see `Latency`."""

    def __init__(self, inner: Provider, seconds: float, jitter: float = 0.0) -> None:
        super().__init__(inner)
        self.seconds = duration(seconds, "seconds")
        self.jitter = duration(jitter, "jitter")

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        self._pause()
        return run()

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        return self._do(call, start), _SlowSteps(call, self._pause)

    def _pause(self) -> None:
        self._wait(max(0.0, self.seconds + random.uniform(-self.jitter, self.jitter)))

    def summary(self) -> str:
        return f"{self.inner.summary()}, {_slower(self.seconds)}"


class _SlowSteps(Steps):
    """The first chunk of a read and the commit of a write are one more way to the store each."""

    def __init__(self, call: Call, pause: Callable[[], None]) -> None:
        self._reads, self._pause = call.operation == "read", pause

    def step(self, number: int) -> None:
        if number == 0 and self._reads:
            self._pause()

    def last(self) -> None:
        if not self._reads:
            self._pause()


class _Draws:
    """Who fails, and where: a stream before it begins, at one of its first chunks, or at its end."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def fails(self, rate: float) -> bool:
        return self._random.random() < rate

    def fate(self, rate: float) -> int | None:
        """None for all goes well, -1 for before the beginning, else the number of the chunk."""
        return self._random.choice((-1, 0, 1)) if self.fails(rate) else None


class _DoomedSteps(Steps):
    """Fails at the chunk of that number, and at the end of a stream that has less."""

    def __init__(self, fate: int, error: Callable[[], Unavailable]) -> None:
        self._fate, self._error = fate, error

    def step(self, number: int) -> None:
        if number == self._fate:
            raise self._error()

    def last(self) -> None:
        raise self._error()


class Unlucky(Wrapper[Provider]):
    """A share of the operations fails: see `Failing`."""

    def __init__(self, inner: Provider, rate: float, seed: int | None = None) -> None:
        super().__init__(inner)
        self.rate = _share(rate, "rate")
        self._draws = _Draws(seed)

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        if call.operation != "ping" and self._draws.fails(self.rate):
            raise self._error()
        return run()

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        fate = self._draws.fate(self.rate)
        if fate == -1:
            raise self._error()
        return start(), Steps() if fate is None else _DoomedSteps(fate, self._error)

    def _error(self) -> Unavailable:
        return Unavailable(f"{self.inner.summary()} fails on purpose (Failing, {_percent(self.rate)})")

    def summary(self) -> str:
        return f"{self.inner.summary()}, {_percent(self.rate)} fail"


class Switched(Wrapper[Provider]):
    """Latency, failures and an off switch, turned while requests flow: see `Troubled`."""

    def __init__(self, inner: Provider, latency: float = 0.0, failure_rate: float = 0.0, down: bool = False) -> None:
        super().__init__(inner)
        self._draws = _Draws()
        self.latency = latency
        self.failure_rate = failure_rate
        #: Whether the store is switched off; may be set at any time, from any thread.
        self.down = down

    @property
    def latency(self) -> float:
        """Seconds that each operation waits first; may be set at any time, from any thread."""
        return self._latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._latency = duration(seconds, "latency")

    @property
    def failure_rate(self) -> float:
        """The share of operations that fail, 0 to 1; may be set at any time, from any thread."""
        return self._failure_rate

    @failure_rate.setter
    def failure_rate(self, rate: float) -> None:
        self._failure_rate = _share(rate, "failure_rate")

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        self._pause()
        if call.operation != "ping" and self._draws.fails(self._failure_rate):
            raise self._error()
        return run()

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        self._pause()
        fate = self._draws.fate(self._failure_rate)
        if fate == -1:
            raise self._error()
        doom = Steps() if fate is None else _DoomedSteps(fate, self._error)
        return start(), _SwitchedSteps(_SlowSteps(call, self._pause), doom, self._check)

    def _pause(self) -> None:
        self._check()
        self._wait(self._latency)
        self._check()  # it may have been switched off in the meantime

    def _check(self) -> None:
        if self.down:
            raise Unavailable(f"{self.inner.summary()} is switched off")

    def _error(self) -> Unavailable:
        rate = _percent(self._failure_rate)
        return Unavailable(f"{self.inner.summary()} fails on purpose (failure_rate, {rate})")

    def summary(self) -> str:
        parts = [self.inner.summary()]
        if self.down:
            parts.append("switched off")
        if self._latency:
            parts.append(_slower(self._latency))
        if self._failure_rate:
            parts.append(f"{_percent(self._failure_rate)} fail")
        return ", ".join(parts)


class _SwitchedSteps(Steps):
    def __init__(self, slow: Steps, doom: Steps, check: Callable[[], None]) -> None:
        self._slow, self._doom, self._check = slow, doom, check

    def step(self, number: int) -> None:
        self._check()
        self._slow.step(number)
        self._doom.step(number)

    def last(self) -> None:
        self._slow.last()
        self._doom.last()


class Guarded(Wrapper[Provider]):
    """Changes are refused: see `ReadOnly`."""

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        if call.operation in CHANGES:
            raise Denied(f"{self.inner.summary()} is linked read-only: {call.operation} is refused")
        return run()

    def summary(self) -> str:
        return f"{self.inner.summary()}, read-only"


class Renaming(Wrapper[Provider]):
    """Buckets or containers are called something else in the store: see `Renamed`.

    Attributes:
        names: as the guest says them → as they are in the store.
        back: the other way.
        what: "bucket" or "container".
    """

    what: str

    def __init__(self, inner: Provider, names: Mapping[str, str]) -> None:
        super().__init__(inner)
        self.names = dict(names)
        self.back: dict[str, str] = {}
        for said, stored in self.names.items():
            if stored in self.back:
                raise ValueError(
                    f"{self.what}s {self.back[stored]!r} and {said!r} would both be {stored!r} in the store"
                )
            self.back[stored] = said

    def _stored(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        if name in self.back:
            raise ProviderError(
                f"the {self.what} {name!r} of the store is called {self.back[name]!r} here; "
                f"nothing is called {name!r} unless the names given to Renamed say so"
            )
        return name

    def _said(self, stored: Iterable[str]) -> list[str]:
        """Names in the store as a guest says them, without those that it has no name for."""
        return [self.back.get(name, name) for name in stored if name in self.back or name not in self.names]

    def summary(self) -> str:
        count = len(self.names)
        return f"{self.inner.summary()}, {count} {self.what}{'' if count == 1 else 's'} renamed"


def duration(seconds: float, what: str) -> float:
    """The seconds.

    Raises:
        ValueError: it is not a number of seconds, 0 or more.
    """
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"{what}={seconds} is not a number of seconds, 0 or more")
    return float(seconds)


def _share(rate: float, what: str) -> float:
    if not 0 <= rate <= 1:
        raise ValueError(f"{what}={rate} is not a share between 0 and 1")
    return float(rate)


def _percent(rate: float) -> str:
    return f"{rate * 100:g} %"


def _slower(seconds: float) -> str:
    return f"{seconds * 1000:g} ms slower" if seconds < 1 else f"{seconds:g} s slower"
