"""A TCP connection and the streams over it."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Callable

from ...host.state import current
from ..io import InputStream, OutputStream, stream_closed
from .base import Access, close_socket, ready_or_watched, stream_error
from .watch import READ, WRITE, ready, watcher

#: Bytes read or written at a time.
CHUNK = 64 * 1024
#: Seconds that what was written before a socket was dropped may take to be sent.
LINGER = 10.0


class Connection:
    """A connected socket, held by its resource and both streams. The last one to let go closes it.

    What the system does not take at once is kept (one chunk at most) and sent by the watcher's thread,
    whatever the guest does meanwhile: it may wait for an answer, or drop the socket.
    """

    def __init__(self, access: Access, sock: socket.socket) -> None:
        self.sock = sock
        self.receiving = True
        self.sending = True
        self._access = access
        self._holders = 3
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._failed: OSError | None = None
        self._waker: Callable[[], None] = current().waker.set

    def room(self) -> int:
        """Bytes that `send` takes now."""
        with self._lock:
            self._pump()
            self._raise_failure()
            if not self.sending:
                raise stream_closed()
            if not self._unsent and ready(self.sock, WRITE):
                return CHUNK
        self._watch_writing()
        return 0

    def send(self, data: bytes) -> None:
        """Sends, or keeps what can't be sent now."""
        with self._lock:
            self._unsent += data
            self._pump()
            self._raise_failure()
            left = bool(self._unsent)
        if left:
            self._watch_writing()

    def sent(self) -> bool:
        """Whether all has been handed to the system."""
        with self._lock:
            self._pump()
            self._raise_failure()
            if not self._unsent:
                return True
        self._watch_writing()
        return False

    def shut_down(self, receive: bool, send: bool) -> None:
        """Ends one direction or both; sending, after what is still to be sent."""
        if receive and self.receiving:
            self.receiving = False
            self._shut(socket.SHUT_RD)
        if send:
            with self._lock:
                self.sending = False
                self._pump()
                left = bool(self._unsent)
            if left:
                self._watch_writing()

    def release(self) -> None:
        """One holder less."""
        self._holders -= 1
        if self._holders:
            return
        watcher.forget(self.sock)
        with self._lock:
            self._pump()
            unsent = bytes(self._unsent)
            self._unsent.clear()  # the watcher may be about to send it as well
        if unsent:
            threading.Thread(target=self._send_last, args=(unsent,), name="wasicloud-lab sockets", daemon=True).start()
        else:
            close_socket(self._access, self.sock)

    def _send_last(self, unsent: bytes) -> None:
        with contextlib.suppress(OSError):
            self.sock.settimeout(LINGER)
            self.sock.sendall(unsent)
        close_socket(self._access, self.sock)

    def _pump(self) -> None:
        """Sends what can be sent. The lock is held."""
        try:
            while self._unsent:
                del self._unsent[: self.sock.send(self._unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._failed = error
            self._unsent.clear()
        if not self.sending:
            self._shut(socket.SHUT_WR)

    def _shut(self, how: int) -> None:
        with contextlib.suppress(OSError):  # the peer may have ended it already
            self.sock.shutdown(how)

    def _raise_failure(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            self.sending = False
            raise stream_closed() if failed.errno in (errno.EPIPE, errno.ESHUTDOWN) else stream_error(failed)

    def _watch_writing(self) -> None:
        watcher.watch(self.sock, WRITE, self._on_writable)

    def _on_writable(self) -> None:
        with self._lock:
            self._pump()
            left = bool(self._unsent)
        if left:
            self._watch_writing()
        self._waker()


class TcpSource:
    """The source of a connection's input stream."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        connection = self._connection
        return not connection.receiving or ready_or_watched(connection.sock, READ)

    def read(self, limit: int) -> bytes:
        connection = self._connection
        if not connection.receiving:
            raise stream_closed()
        if not limit:
            return b""
        try:
            data = connection.sock.recv(min(limit, CHUNK))
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            connection.receiving = False
            raise stream_error(error) from None
        if not data:
            connection.receiving = False
            raise stream_closed()
        return data

    def close(self) -> None:
        self._connection.receiving = False
        self._connection.release()


class TcpSink:
    """The sink of a connection's output stream."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.room = connection.room
        self.write = connection.send
        self.flushed = connection.sent

    def flush(self) -> None:
        """Nothing is held back but what `flushed` waits for."""

    def close(self) -> None:
        self._connection.shut_down(receive=False, send=True)
        self._connection.release()


class TcpOutputStream(OutputStream):
    """An output stream whose end is the end of what the peer reads."""

    sink: TcpSink

    def drop(self) -> None:
        self.sink.close()


def streams(connection: Connection) -> tuple[InputStream, TcpOutputStream]:
    """Both streams of a connection."""
    return InputStream(TcpSource(connection)), TcpOutputStream(TcpSink(connection))
