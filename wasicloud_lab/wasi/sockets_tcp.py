"""TCP sockets, and the streams over a connection."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Callable

from ..host.interface import resource
from ..host.state import current
from ..host.values import Variant
from .io import InputStream, OutputStream, Pollable, stream_closed
from .sockets_base import (
    Access,
    Address,
    BaseSocket,
    answers,
    close_socket,
    error_code,
    failure,
    new_socket,
    ready_or_watched,
    stream_error,
)
from .sockets_watch import READ, WRITE, ready, watcher

#: Bytes read or written at a time.
CHUNK = 64 * 1024
#: Seconds that what was written before a socket was dropped may take to be sent.
LINGER = 10.0
#: What keep-alive times (in seconds) and counts are clamped to, as systems differ above it.
_LONGEST = 32767
_MOST = 127

_STARTED = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN}
BILLION = 1_000_000_000


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


@resource
class TcpSocket(BaseSocket):
    """wasi:sockets/tcp `tcp-socket`.

    It goes from unbound to bound to listening or connected, or to closed when connecting failed.
    """

    def __init__(self, access: Access, sock: socket.socket, connection: Connection | None = None) -> None:
        super().__init__(access, sock)
        self._state = "unbound" if connection is None else "connected"
        self._connection = connection
        self._backlog = 128

    @classmethod
    def create(cls, access: Access, family: str) -> TcpSocket:
        """A new socket; see `new_socket`."""
        return cls(access, new_socket(access, family, socket.SOCK_STREAM))

    def drop(self) -> None:
        if self._connection is not None:
            self._connection.release()
        else:
            close_socket(self._access, self._sock)

    # --- bind, connect, listen, accept -------------------------------------------------------------

    @answers
    def start_bind(self, network: object, local_address: Variant) -> None:
        self._start(self._state == "unbound")
        if os.name == "posix":  # elsewhere the option lets two programs take one port
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._bind(Address.of_guest(local_address))
        self._pending = "bind"
        self._state = "bound"

    def finish_bind(self) -> None:
        self._finish("bind")

    @answers
    def start_connect(self, network: object, remote_address: Variant) -> None:
        self._start(self._state in ("unbound", "bound"))
        address = Address.of_guest(remote_address)
        self._check_family(address)
        if not address.is_remote:
            raise failure("invalid-argument")
        if not self._access.allowed.reaches(address.ip, address.port):
            raise failure("access-denied")
        number = self._sock.connect_ex(address.for_host())
        if number and number not in _STARTED:
            self._state = "closed"
            raise failure(_connect_error(number))
        self._pending = "connect"
        self._state = "connecting"

    @answers
    def finish_connect(self) -> tuple[InputStream, TcpOutputStream]:
        if self._pending == "connect" and not ready(self._sock, WRITE):
            raise failure("would-block")
        self._finish("connect")
        number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._state = "closed"
            raise failure(_connect_error(number))
        self._state = "connected"
        self._connection = Connection(self._access, self._sock)
        return _streams(self._connection)

    @answers
    def start_listen(self) -> None:
        self._start(self._state == "bound")
        here = Address.of_host(self._sock.getsockname())
        if not self._access.allowed.listens(here.ip, here.port):
            raise failure("access-denied")
        self._sock.listen(self._backlog)
        self._pending = "listen"
        self._state = "listening"

    def finish_listen(self) -> None:
        self._finish("listen")

    @answers
    def accept(self) -> tuple[TcpSocket, InputStream, TcpOutputStream]:
        if self._state != "listening" or self._pending is not None:
            raise failure("invalid-state")
        self._access.take_slot()
        try:
            sock, _ = self._sock.accept()
        except BaseException:
            self._access.slots.release()
            raise
        connection = Connection(self._access, sock)
        return TcpSocket(self._access, sock, connection), *_streams(connection)

    @answers
    def shutdown(self, shutdown_type: str) -> None:
        if self._connection is None:
            raise failure("invalid-state")
        self._connection.shut_down(shutdown_type in ("receive", "both"), shutdown_type in ("send", "both"))

    def subscribe(self) -> Pollable:
        return Pollable(self._is_ready)

    def _is_ready(self) -> bool:
        if self._state == "connecting":
            return ready_or_watched(self._sock, WRITE)
        if self._state == "listening" and self._pending is None:
            return ready_or_watched(self._sock, READ)
        return True

    # --- what it is --------------------------------------------------------------------------------

    def _check_state(self, *states: str) -> None:
        if self._state not in states:
            raise failure("invalid-state")

    @answers
    def local_address(self) -> Variant:
        self._check_state("bound", "listening", "connected")
        return Address.of_host(self._sock.getsockname()).for_guest()

    @answers
    def remote_address(self) -> Variant:
        self._check_state("connected")
        return Address.of_host(self._sock.getpeername()).for_guest()

    def is_listening(self) -> bool:
        return self._state == "listening"

    @answers
    def set_listen_backlog_size(self, value: int) -> None:
        if not value:
            raise failure("invalid-argument")
        self._check_state("unbound", "bound", "listening")
        self._backlog = min(value, (1 << 31) - 1)
        if self._state == "listening":
            self._sock.listen(self._backlog)

    @answers
    def keep_alive_enabled(self) -> bool:
        return bool(self._option(socket.SOL_SOCKET, "SO_KEEPALIVE"))

    @answers
    def set_keep_alive_enabled(self, value: bool) -> None:
        self._set_option(socket.SOL_SOCKET, "SO_KEEPALIVE", int(value))

    @answers
    def keep_alive_idle_time(self) -> int:
        return self._option(socket.IPPROTO_TCP, _IDLE) * BILLION

    @answers
    def set_keep_alive_idle_time(self, value: int) -> None:
        self._set_option(socket.IPPROTO_TCP, _IDLE, _clamped(-(-value // BILLION), _LONGEST))

    @answers
    def keep_alive_interval(self) -> int:
        return self._option(socket.IPPROTO_TCP, "TCP_KEEPINTVL") * BILLION

    @answers
    def set_keep_alive_interval(self, value: int) -> None:
        self._set_option(socket.IPPROTO_TCP, "TCP_KEEPINTVL", _clamped(-(-value // BILLION), _LONGEST))

    @answers
    def keep_alive_count(self) -> int:
        return self._option(socket.IPPROTO_TCP, "TCP_KEEPCNT")

    @answers
    def set_keep_alive_count(self, value: int) -> None:
        self._set_option(socket.IPPROTO_TCP, "TCP_KEEPCNT", _clamped(value, _MOST))

    @answers
    def hop_limit(self) -> int:
        return self._option(*self._hops())

    @answers
    def set_hop_limit(self, value: int) -> None:
        self._set_option(*self._hops(), _clamped(value, 255))


_IDLE = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"  # the latter on macOS


def _clamped(value: int, most: int) -> int:
    if not value:
        raise failure("invalid-argument")
    return min(value, most)


def _connect_error(number: int) -> str:
    # Linux says so where no free port is left to connect from.
    return "address-in-use" if number == errno.EADDRNOTAVAIL else error_code(number)


def _streams(connection: Connection) -> tuple[InputStream, TcpOutputStream]:
    return InputStream(TcpSource(connection)), TcpOutputStream(TcpSink(connection))
