"""TCP sockets."""

from __future__ import annotations

import errno
import os
import socket

from ...host.interface import resource
from ...host.values import Variant
from ..clocks import BILLION
from ..io import InputStream, Pollable
from .address import Address
from .base import Access, BaseSocket, answers, close_socket, error_code, failure, new_socket, ready_or_watched
from .connection import Connection, TcpOutputStream, streams
from .watch import READ, WRITE, ready

#: What keep-alive times (in seconds) and counts are clamped to, as systems differ above it.
_LONGEST = 32767
_MOST = 127

_STARTED = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN}


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
        return streams(self._connection)

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
        return TcpSocket(self._access, sock, connection), *streams(connection)

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
