"""Wakes guests that wait for a socket: one thread for the process, there only while somebody waits."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

#: Seconds the thread stays after the last wait.
LINGER = 2.0

READ = 1
WRITE = 2


def ready(sock: socket.socket, events: int) -> bool:
    """Whether a socket is ready for one of the events now. A closed or failed one is: using it tells."""
    fd = sock.fileno()
    return fd < 0 or bool(_select({fd: events}, 0))


def _select(wanted: dict[int, int], timeout: float) -> list[int]:
    """The file descriptors that are ready, failed ones among them."""
    if hasattr(select, "poll"):
        poll = select.poll()
        for fd, events in wanted.items():
            poll.register(fd, (select.POLLIN if events & READ else 0) | (select.POLLOUT if events & WRITE else 0))
        return [fd for fd, _ in poll.poll(timeout * 1000)]
    reading = [fd for fd, events in wanted.items() if events & READ]
    writing = [fd for fd, events in wanted.items() if events & WRITE]
    # On Windows a connection that fails shows among the exceptional ones only.
    found = select.select(reading, writing, writing, timeout)
    return list({fd for fds in found for fd in fds})


class Watcher:
    """Calls back once when a socket gets ready.

    What is waited for is kept in a dictionary that the thread looks at anew for each turn, so a socket
    that is closed, or whose number is taken by another, costs a needless wake-up at worst.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[int, dict[int, Callable[[], object]]] = {}
        self._thread: threading.Thread | None = None
        self._doorbell: socket.socket | None = None

    @property
    def waiting(self) -> int:
        """How many sockets are waited for."""
        return len(self._wanted)

    def watch(self, sock: socket.socket, event: int, wake: Callable[[], object]) -> None:
        """Calls `wake` from another thread, once, when `sock` is ready for `event`, or perhaps is.

        Args:
            sock: `forget` it before closing it.
            event: READ or WRITE; a second call for the same replaces the first.
            wake: looks whether it really is. Must not wait.
        """
        fd = sock.fileno()
        if fd < 0:
            wake()
            return
        with self._lock:
            known = self._wanted.setdefault(fd, {})
            news = event not in known
            known[event] = wake
            if self._thread is None:
                doorbell, self._doorbell = socket.socketpair()
                doorbell.setblocking(False)
                self._doorbell.setblocking(False)
                self._thread = threading.Thread(
                    target=self._run, args=(doorbell,), name="wasicloud-lab sockets", daemon=True
                )
                self._thread.start()
            elif news:
                self._ring()

    def forget(self, sock: socket.socket) -> None:
        """Waits no longer for a socket."""
        with self._lock:
            if self._wanted.pop(sock.fileno(), None) is not None:
                self._ring()  # while the thread waits for it, closing it would not really close it

    def _ring(self) -> None:
        if self._doorbell is not None:
            with contextlib.suppress(OSError):  # full: then it rings already
                self._doorbell.send(b"\0")

    def _run(self, doorbell: socket.socket) -> None:
        bell = doorbell.fileno()
        quiet = False
        while True:
            with self._lock:
                wanted = {fd: sum(events) for fd, events in self._wanted.items()}
                if not wanted and quiet:
                    self._thread = None
                    other, self._doorbell = self._doorbell, None
                    break
            try:
                found = _select({**wanted, bell: READ}, LINGER)
            except OSError:  # one of them was closed just now: all look again
                found = list(wanted)
            quiet = not found and not wanted
            wakes: list[Callable[[], object]] = []
            with self._lock:
                for fd in found:
                    if fd in wanted:
                        wakes += self._wanted.pop(fd, {}).values()
            with contextlib.suppress(OSError):
                doorbell.recv(4096)
            for wake in wakes:
                wake()
        doorbell.close()
        if other is not None:
            other.close()


#: The watcher of this process.
watcher = Watcher()
