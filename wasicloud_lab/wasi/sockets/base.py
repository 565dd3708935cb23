"""What TCP and UDP sockets share: error codes, options, and how they wait."""

from __future__ import annotations

import errno
import functools
import ipaddress
import socket
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ...errors import Err
from ...host.interface import resource
from ...host.state import current
from ..allow import AllowList
from ..io import Pollable, stream_failed
from .address import Address
from .watch import ready, watcher

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Sockets that all instances of one app may have at once.
SOCKET_LIMIT = 256

#: Every case of the enum `error-code` that a system's error becomes. The others, `unknown` apart, are said
#: by this host itself.
CODES = {
    "access-denied": "EACCES EPERM",
    "not-supported": "EOPNOTSUPP ENOTSUP EPROTONOSUPPORT EPFNOSUPPORT ESOCKTNOSUPPORT ENOPROTOOPT ENOSYS",
    "invalid-argument": "EINVAL EAFNOSUPPORT EFAULT EDESTADDRREQ EDOM",
    "out-of-memory": "ENOMEM ENOBUFS",
    "timeout": "ETIMEDOUT",
    "concurrency-conflict": "EALREADY EINPROGRESS",
    "would-block": "EAGAIN EWOULDBLOCK",
    "invalid-state": "EBADF EISCONN ENOTCONN ESHUTDOWN",
    "new-socket-limit": "EMFILE ENFILE",
    "address-not-bindable": "EADDRNOTAVAIL",
    "address-in-use": "EADDRINUSE",
    "remote-unreachable": "EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN ENONET ENETRESET",
    "connection-refused": "ECONNREFUSED",
    "connection-reset": "ECONNRESET EPIPE",
    "connection-aborted": "ECONNABORTED",
    "datagram-too-large": "EMSGSIZE",
}
_BY_ERRNO = {
    getattr(errno, name): code for code, names in CODES.items() for name in names.split() if hasattr(errno, name)
}


def error_code(number: int | None) -> str:
    """The case of `error-code` for an errno."""
    return _BY_ERRNO.get(number or 0, "unknown")


def failure(code: str) -> Err:
    """What a function raises to answer with an error code."""
    return Err(code)


def answers(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function answer with an `error-code` where it meets an error of the operating system."""

    @functools.wraps(function)
    def answering(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise failure(error_code(error.errno)) from None

    return answering


class SocketError(str):
    """An `error-code` as the payload of a stream's error."""


def stream_error(error: OSError) -> Err:
    """The `stream-error` for an error of the operating system; `network-error-code` finds the code in it."""
    code = error_code(error.errno)
    return stream_failed(f"{code}: {error.strerror or error}", SocketError(code))


@resource
class Network:
    """wasi:sockets/network `network`. What it permits is the app's allow-list, which its sockets know."""


class Access:
    """What the sockets of one app share.

    Attributes:
        allowed: where they may go.
        slots: bounds how many there are.
    """

    def __init__(self, allowed: AllowList) -> None:
        self.allowed = allowed
        self.slots = threading.BoundedSemaphore(SOCKET_LIMIT)

    def take_slot(self) -> None:
        """Takes the slot that a socket holds until it is closed.

        Raises:
            Err: `access-denied` where nothing is allowed, `new-socket-limit`.
        """
        if not self.allowed:
            raise failure("access-denied")
        if not self.slots.acquire(blocking=False):
            raise failure("new-socket-limit")


class BaseSocket:
    """The part that both kinds of sockets have.

    Args:
        access: the app's.
        sock: a new socket, or an accepted one; a slot has been taken for it.
    """

    def __init__(self, access: Access, sock: socket.socket) -> None:
        self._access = access
        self._sock = sock
        self._pending: str | None = None
        sock.setblocking(False)

    @property
    def _is_ipv6(self) -> bool:
        return self._sock.family == socket.AF_INET6

    def _start(self, state_fits: bool) -> None:
        """What every `start-…` checks first."""
        if self._pending is not None:
            raise failure("concurrency-conflict")
        if not state_fits:
            raise failure("invalid-state")

    def _finish(self, operation: str) -> None:
        """What every `finish-…` checks first."""
        if self._pending != operation:
            raise failure("not-in-progress")
        self._pending = None

    def _check_family(self, address: Address) -> None:
        if not address.is_unicast or isinstance(address.ip, ipaddress.IPv6Address) != self._is_ipv6:
            raise failure("invalid-argument")

    def _bind(self, address: Address) -> None:
        """Binds: to any free port, as every client does, or where the app may be reached."""
        self._check_family(address)
        if address.port and not self._access.allowed.listens(address.ip, address.port):
            raise failure("access-denied")
        try:
            self._sock.bind(address.for_host())
        except OSError as error:
            # Winsock says so where no free port is left.
            raise failure("address-in-use" if error.errno == errno.ENOBUFS else error_code(error.errno)) from None

    def address_family(self) -> str:
        return "ipv6" if self._is_ipv6 else "ipv4"

    # --- options -----------------------------------------------------------------------------------

    def _option(self, level: int, name: str) -> int:
        if not hasattr(socket, name):
            raise failure("not-supported")
        return self._sock.getsockopt(level, getattr(socket, name))

    def _set_option(self, level: int, name: str, value: int) -> None:
        if not hasattr(socket, name):
            raise failure("not-supported")
        self._sock.setsockopt(level, getattr(socket, name), value)

    def _hops(self) -> tuple[int, str]:
        return (socket.IPPROTO_IPV6, "IPV6_UNICAST_HOPS") if self._is_ipv6 else (socket.IPPROTO_IP, "IP_TTL")

    def _buffer_size(self, name: str) -> int:
        size = self._option(socket.SOL_SOCKET, name)
        return size // 2 if sys.platform == "linux" else size  # Linux counts its own bookkeeping in

    def _set_buffer_size(self, name: str, value: int) -> None:
        if not value:
            raise failure("invalid-argument")
        self._set_option(socket.SOL_SOCKET, name, min(value, 1 << 30))

    @answers
    def receive_buffer_size(self) -> int:
        return self._buffer_size("SO_RCVBUF")

    @answers
    def set_receive_buffer_size(self, value: int) -> None:
        self._set_buffer_size("SO_RCVBUF", value)

    @answers
    def send_buffer_size(self) -> int:
        return self._buffer_size("SO_SNDBUF")

    @answers
    def set_send_buffer_size(self, value: int) -> None:
        self._set_buffer_size("SO_SNDBUF", value)


def new_socket(access: Access, family: str, kind: int) -> socket.socket:
    """A new socket of the system, with its slot taken.

    Raises:
        Err: nothing is allowed, there are too many, or the system won't.
    """
    access.take_slot()
    try:
        sock = socket.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET, kind)
    except OSError as error:
        access.slots.release()
        raise failure(error_code(error.errno)) from None
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def close_socket(access: Access, sock: socket.socket) -> None:
    """Closes a socket and gives its slot back."""
    watcher.forget(sock)
    sock.close()
    access.slots.release()


def ready_or_watched(sock: socket.socket, event: int) -> bool:
    """Whether a socket is ready; where it is not, the guest's wait ends when it is."""
    if ready(sock, event):
        return True
    watcher.watch(sock, event, current().waker.set)
    return False


def pollable(sock: socket.socket, event: int) -> Pollable:
    """A pollable for a socket's being ready."""
    return Pollable(lambda: ready_or_watched(sock, event))
