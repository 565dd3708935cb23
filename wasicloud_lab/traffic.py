"""Traffic: requests to an app at a steady rate, from this process, and how they fared.

    traffic = lab.traffic("gopher", "/ricochet", rate=200)
    traffic           # /ricochet: 1,234 answered, 0 failed, p50 0.9 ms, p99 2.1 ms, 198/s
    traffic.stop()

The moments of the requests are fixed ahead (an open loop): a slow answer does not thin out the requests
after it, as long as a client is free to send them. What could not be sent in time is left out and not made
up for in a burst. One client at a time waits for the next moment and then sends; the others wait for its place.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import LabError, LinkError
from .message import Headers, prepare
from .providers.address import masked
from .tally import SLOT, Slot, Tally
from .units import seconds_text
from .wasi.http.bodies import BytesSource
from .wasi.http.exchange import BufferedExchange

if TYPE_CHECKING:
    from .app import App

__all__ = ["SLOT", "Slot", "Traffic"]

#: Seconds that traffic may be behind and still catch up: a scheduler's hiccup, not a store that hung.
CATCH_UP = 0.05
#: Different errors that are kept.
ERRORS = 20
#: Clients that are of use in one process: each may hold an instance of the component.
MOST_CLIENTS = 256
#: Characters of an error, and bytes of a failing answer's body, that are kept.
_WORDS = 300
#: Seconds a waiting client sleeps at most before it looks at the rate again.
_SLICE = 0.2

_running: weakref.WeakSet[Traffic] = weakref.WeakSet()


class Traffic:
    """Requests that go on until `stop()`, the end of their lab, or of the process. Made by `Lab.traffic`.

    Attributes:
        app: the app they go to.
        method, path: of each request.
        clients: requests under way at once, at most; each has a thread, started when it is first needed.
        ended: why it stopped by itself; None otherwise.
    """

    def __init__(
        self,
        app: App,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Headers | None = None,
        content: bytes | str | None = None,
        rate: float | None = 200.0,
        clients: int = 16,
        expect: int | Iterable[int] | None = None,
    ) -> None:
        """
        Raises:
            RequestError, LinkError: the request is not valid HTTP, or the app answers none.
            ValueError: a rate or number of clients that can't be.
        """
        if isinstance(clients, bool) or not isinstance(clients, int) or not 1 <= clients <= MOST_CLIENTS:
            raise ValueError(f"clients is a whole number from 1 to {MOST_CLIENTS}; got {clients!r}")
        if content is not None and not isinstance(content, (bytes, str)):
            raise ValueError(f"content is bytes or text, sent with every request; got {type(content).__name__}")
        app.check_handler()
        self.app = app
        self.path = path
        self.clients = clients
        self.ended: str | None = None
        self._rate = _checked(rate)
        self._expect = expect if expect is None else frozenset([expect] if isinstance(expect, int) else expect)
        request = prepare(BufferedExchange, method, path, headers=headers, content=content, limit=0)
        self.method = request.method
        self._request = request
        assert isinstance(request.body, BytesSource)
        self._content = b"" if content is None else content.encode() if isinstance(content, str) else content
        self._errors: dict[str, None] = {}  # in order
        self._noting = threading.Lock()
        self._over = threading.Event()
        self._place = threading.Lock()  # whoever holds it waits for the moment of the next request
        self._due = time.perf_counter()
        self._since_epoch = time.time() - time.perf_counter()
        self._idle: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._tally = Tally(time.time())

    def start(self) -> Traffic:
        """Lets the requests flow, once; `Lab.traffic` has done so."""
        if not self._threads and not self._over.is_set():
            _running.add(self)
            with self._place:
                self._another_client()
        return self

    def stop(self, wait: float = 5.0) -> None:
        """Ends it: nothing is sent any more.

        Args:
            wait: seconds to wait for the answers of requests under way; 0 returns at once.
        """
        self._over.set()
        until = time.monotonic() + wait
        for thread in self._threads:  # also one that is started while we wait for another
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        self._tally.end(time.time())

    def __enter__(self) -> Traffic:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- how it fares ------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether requests are still being sent."""
        return not self._over.is_set()

    @property
    def rate(self) -> float | None:
        """Requests per second that are aimed at, all clients together; None: as fast as they go. May be set."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = _checked(rate)
        if rate is not None:
            self._due = min(self._due, time.perf_counter() + 1 / rate)

    @property
    def throughput(self) -> float:
        """Requests per second: of the last two seconds while it runs, of the whole run afterwards."""
        return self._tally.throughput(2.0 if self.running else None)

    @property
    def answered(self) -> int:
        """Requests that ended well."""
        return self._tally.counts()[0]

    @property
    def failed(self) -> int:
        """Requests that ended in an error, or with a status that counts as one."""
        return self._tally.counts()[1]

    @property
    def p50(self) -> float | None:
        """Seconds that half of all requests took at most, within 2 %; None before the first."""
        return self._tally.percentile(0.50)

    @property
    def p99(self) -> float | None:
        """Seconds that 99 of 100 requests took at most, within 2 %; None before the first."""
        return self._tally.percentile(0.99)

    @property
    def errors(self) -> list[str]:
        """The last different errors in words, without secrets, newest last."""
        with self._noting:
            return list(self._errors)

    def window(self, since: float = 0.0) -> list[Slot]:
        """What happened in each fifth of a second, oldest first; at most the last five minutes.

        Args:
            since: a `time.time()`; slots that began before it are left out.
        """
        return self._tally.window(since)

    def __repr__(self) -> str:
        answered, failed = self._tally.counts()
        p50, p99 = self.p50, self.p99
        method = "" if self.method == "GET" else f"{self.method} "
        parts = [f"{method}{masked(self.path)}: {answered:,} answered", f"{failed:,} failed"]
        if p50 is not None and p99 is not None:
            parts += [f"p50 {seconds_text(p50)}", f"p99 {seconds_text(p99)}"]
        parts.append(f"{self.throughput:,.0f}/s")
        if not self.running:
            parts.append(f"stopped: {self.ended}" if self.ended else "stopped")
        return ", ".join(parts)

    # --- the clients -------------------------------------------------------------------------------

    def _another_client(self) -> None:
        name = f"{self.app.name} traffic {len(self._threads) + 1}"
        thread = threading.Thread(target=self._client, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)  # now: `stop` joins what it finds here, which must have started

    def _client(self) -> None:
        me = threading.get_ident()
        while True:
            self._idle.add(me)
            with self._place:
                self._idle.discard(me)
                if not self._moment():
                    return
                if not self._idle and len(self._threads) < self.clients:
                    self._another_client()
            self._send()

    def _moment(self) -> bool:
        """Waits for the moment of the next request; False when there is none any more."""
        while not self._over.is_set():
            rate = self._rate
            if rate is None:
                return True
            now = time.perf_counter()
            self._due = max(self._due, now - CATCH_UP)
            left = self._due - now
            if left <= 0:
                self._due += 1 / rate
                return True
            self._over.wait(min(left, _SLICE))
        return False

    def _send(self) -> None:
        request = self._request
        exchange = _Glimpse(
            request.method, request.path_with_query, list(request.headers),
            authority=request.authority, scheme=request.scheme, body=BytesSource(self._content),
        )  # fmt: skip
        words: str | None = None
        started = time.perf_counter()
        try:
            self.app.run(exchange)
        except Exception as error:
            words = _words(error)
            if isinstance(error, LinkError) and self._app_closed():
                self.ended = words
                self._over.set()
                self._tally.end(time.time())
                return
        ended = time.perf_counter()
        if words is None and not self._fine(exchange.status):
            words = f"{exchange.status}: {exchange.glimpse}" if exchange.glimpse else f"{exchange.status}"
        self._tally.add(ended + self._since_epoch, ended - started, words is not None)
        if words is not None:
            self._note(words)

    def _fine(self, status: Any) -> bool:
        return status < 500 if self._expect is None else status in self._expect

    def _app_closed(self) -> bool:
        try:
            _ = self.app.pool
        except LinkError:
            return True
        return False

    def _note(self, words: str) -> None:
        words = masked(words)
        with self._noting:
            self._errors.pop(words, None)
            self._errors[words] = None  # at the end: it is the newest
            if len(self._errors) > ERRORS:
                del self._errors[next(iter(self._errors))]


class _Glimpse(BufferedExchange):
    """An exchange that throws the response's body away, but for its beginning: it may say what went wrong."""

    def write(self, data: bytes) -> None:
        if not self.chunks and not self.bodiless:
            self.chunks.append(bytes(data[:_WORDS]))

    @property
    def glimpse(self) -> str:
        """The first line of the body."""
        return _first_line(b"".join(self.chunks).decode(errors="replace"))


def _checked(rate: float | None) -> float | None:
    if rate is not None and (isinstance(rate, bool) or not 0 < rate <= 1_000_000):
        raise ValueError(f"rate is a number of requests per second above 0, or None for no limit; got {rate!r}")
    return rate


def _words(error: Exception) -> str:
    words = _first_line(str(error))
    return words if isinstance(error, LabError) else f"{type(error).__name__}: {words}"


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"


def _stop_all() -> None:
    """Before the interpreter goes: a thread that it freezes inside a guest could take the process down."""
    running = list(_running)
    for traffic in running:
        traffic.stop(wait=0)
    for traffic in running:
        traffic.stop(wait=1.0)


atexit.register(_stop_all)
