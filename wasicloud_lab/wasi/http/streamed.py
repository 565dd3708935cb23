"""An exchange whose response is read by another thread while the guest still runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ...errors import Err, GuestNoResponse
from ...host.state import StoreState
from ..io import stream_failed
from ..pipe import Pipe
from .exchange import Exchange

#: Bytes of a response after which its reader is told without waiting for the guest to pause.
BATCH = 64 * 1024

#: Seconds a guest may go on after its client has hung up, to notice and clean up.
GRACE = 1.0


class StreamedExchange(Exchange):
    """A request and its response, the body in a pipe of bounded size.

    The guest runs in one thread, another reads. `on_change` is called by the guest's thread when there is
    something new for the reader. A quick guest causes one such call, with head, body and end all there;
    one that waits, computes for long or writes much causes more.

    Attributes:
        pipe: the response body.
        failure: what the guest's call raised, or the fault found after it; None while all is well.
        returned: the guest's call is over.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pipe = Pipe()
        self.failure: BaseException | None = None
        self.returned = False
        self.hung_up = False
        self.on_change: Callable[[], None] = lambda: None
        self._state: StoreState | None = None
        self._lock = threading.Lock()  # of `_state`: a client may hang up just as the guest returns
        self._untold = 0
        self._head_told = False

    def bind(self, state: StoreState) -> None:
        self.pipe.on_writable = state.waker.set
        if isinstance(self.body, Pipe):
            self.body.on_readable = state.waker.set
        state.on_pause = self._pause
        with self._lock:
            self._state = state
            if self.hung_up:
                state.give_up_at = 0.0

    def unbind(self) -> None:
        with self._lock:
            state, self._state = self._state, None
        if state is not None:
            state.give_up_at = float("inf")

    # --- the guest's side --------------------------------------------------------------------------

    def room(self) -> int:
        return self.pipe.room()

    def write(self, data: bytes) -> None:
        if self.bodiless:
            return
        self.pipe.write(data)
        self._untold += len(data)
        if self._untold > BATCH:
            self._untold = 0
            self.on_change()

    def _pause(self) -> None:
        if self._untold or (self.status is not None and not self._head_told):
            self._untold = 0
            self._head_told = True
            self.on_change()

    def on_end(self) -> None:
        if self.body_error is None:
            self.pipe.end(self.trailers)
        else:
            self.pipe.fail(stream_failed("the body is not whole"))

    def finished(self, failure: BaseException | None) -> None:
        """The guest's call is over, well or not."""
        self.failure = failure
        self.returned = True
        if failure is not None:
            self.pipe.fail(stream_failed("the guest failed"))
        self.on_change()

    # --- the reader's side -------------------------------------------------------------------------

    @property
    def headed(self) -> bool:
        """Whether there is a head to send, or there will never be one."""
        return self.status is not None or self.error is not None or self.returned

    def hang_up(self) -> None:
        """The reader has gone: writes fail from now on, and a guest that does not notice is ended."""
        self.hung_up = True
        self.pipe.close()
        if isinstance(self.body, Pipe):
            self.body.fail(stream_failed("the client hung up"))
        with self._lock:
            state = self._state
            if state is not None:
                state.give_up_at = time.monotonic() + GRACE
                state.waker.set()


def broken(exchange: StreamedExchange) -> BaseException:
    """Why a response that has broken off did: what the guest's call raised."""
    return exchange.failure or GuestNoResponse("the guest did not give a whole response")


class BlockingReader:
    """Reads a `StreamedExchange` from an ordinary thread."""

    def __init__(self, exchange: StreamedExchange) -> None:
        self.exchange = exchange
        self._changed = threading.Event()
        exchange.on_change = self._changed.set

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for the exchange to get somewhere."""
        while not condition():
            self._changed.clear()
            if not condition():
                self._changed.wait(0.25)  # in slices, so that Ctrl-C is heard on every platform

    def head(self) -> None:
        """Waits for status and headers.

        Raises:
            GuestError: there will be none.
        """
        exchange = self.exchange
        self.until(lambda: exchange.headed)
        if exchange.status is None:
            self.until(lambda: exchange.returned)
            raise broken(exchange)

    def chunks(self) -> Iterator[bytes]:
        """The body, as the guest writes it.

        Raises:
            GuestError: it broke off.
        """
        pipe = self.exchange.pipe
        while True:
            self.until(pipe.readable)
            try:
                data = pipe.read(1 << 20)
            except Err:
                break
            yield data
        if not pipe.ended:
            self.until(lambda: self.exchange.returned)
            raise broken(self.exchange)
