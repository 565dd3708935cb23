"""UDP sockets and their streams of datagrams."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from ...errors import Err, GuestTrap
from ...host.interface import resource
from ...host.values import Variant
from ..io import Pollable, always_ready
from .address import Address
from .base import Access, BaseSocket, answers, close_socket, error_code, failure, new_socket, pollable
from .watch import READ, WRITE, ready

#: Datagrams sent or received by one call.
BATCH = 16
#: Datagrams looked at by one call: those from elsewhere than the guest may hear are passed over.
LOOKED_AT = 64
#: The largest there are.
DATAGRAM_LIMIT = 65535


class IncomingDatagram(NamedTuple):
    """The record `incoming-datagram`."""

    data: bytes
    remote_address: Variant


@resource
class UdpSocket(BaseSocket):
    """wasi:sockets/udp `udp-socket`.

    The remote address that `stream` may be given is kept here rather than by the system, which has no
    portable way to forget one again.
    """

    def __init__(self, access: Access, sock: socket.socket) -> None:
        super().__init__(access, sock)
        self._bound = False
        self._remote: Address | None = None
        self._streams = 0  # the number of the pair that works
        self._holders = 1

    @classmethod
    def create(cls, access: Access, family: str) -> UdpSocket:
        """A new socket; see `new_socket`."""
        return cls(access, new_socket(access, family, socket.SOCK_DGRAM))

    def drop(self) -> None:
        self._holders -= 1
        if not self._holders:
            close_socket(self._access, self._sock)

    @answers
    def start_bind(self, network: object, local_address: Variant) -> None:
        self._start(not self._bound)
        self._bind(Address.of_guest(local_address))
        self._pending = "bind"
        self._bound = True

    def finish_bind(self) -> None:
        self._finish("bind")

    @answers
    def stream(self, remote_address: Variant | None) -> tuple[IncomingDatagramStream, OutgoingDatagramStream]:
        self._start(self._bound)
        remote = None if remote_address is None else Address.of_guest(remote_address)
        if remote is not None:
            self._check_remote(remote)
        self._remote = remote
        self._streams += 1
        self._holders += 2
        return IncomingDatagramStream(self), OutgoingDatagramStream(self)

    def _check_remote(self, remote: Address) -> None:
        self._check_family(remote)
        if not remote.is_remote:
            raise failure("invalid-argument")
        if not self._access.allowed.reaches(remote.ip, remote.port):
            raise failure("access-denied")

    @answers
    def local_address(self) -> Variant:
        if not self._bound:
            raise failure("invalid-state")
        return Address.of_host(self._sock.getsockname()).for_guest()

    def remote_address(self) -> Variant:
        if self._remote is None:
            raise failure("invalid-state")
        return self._remote.for_guest()

    @answers
    def unicast_hop_limit(self) -> int:
        return self._option(*self._hops())

    @answers
    def set_unicast_hop_limit(self, value: int) -> None:
        if not value:
            raise failure("invalid-argument")
        self._set_option(*self._hops(), value)

    def subscribe(self) -> Pollable:
        return always_ready()  # binding is done by the time `start-bind` returns

    # --- for the streams ---------------------------------------------------------------------------

    def number(self) -> int:
        """The number of the newest pair of streams."""
        return self._streams

    def poll(self, event: int) -> Pollable:
        """A pollable for the socket's being ready."""
        return pollable(self._sock, event)

    def can_send(self) -> bool:
        """Whether the system takes a datagram now."""
        return ready(self._sock, WRITE)

    def receive_one(self) -> tuple[bytes, Address] | None:
        """The next datagram, or None; `b""` and an address the guest may not hear are told apart by `hears`."""
        try:
            data, sender = self._sock.recvfrom(DATAGRAM_LIMIT)
        except (BlockingIOError, InterruptedError):
            return None
        return data, Address.of_host(sender)

    def hears(self, sender: Address) -> bool:
        """Whether a datagram is for the guest: from its peer, from where it may send, or being reachable."""
        if self._remote is not None:
            return (sender.ip, sender.port) == (self._remote.ip, self._remote.port)
        allowed = self._access.allowed
        if allowed.reaches(sender.ip, sender.port):
            return True
        here = Address.of_host(self._sock.getsockname())
        return allowed.listens(here.ip, here.port)

    def send_one(self, data: bytes, address: Variant | None) -> bool:
        """Sends a datagram; answers whether the system took it."""
        target = self._remote if address is None else Address.of_guest(address)
        if target is None or (self._remote is not None and target[:2] != self._remote[:2]):
            raise failure("invalid-argument")
        self._check_remote(target)
        try:
            self._sock.sendto(data, target.for_host())
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            raise failure(error_code(error.errno)) from None
        return True


class _Stream:
    """One of a pair of streams; only the newest pair of a socket works."""

    def __init__(self, udp: UdpSocket) -> None:
        self._udp = udp
        self._number = udp.number()

    def _check(self) -> None:
        if self._number != self._udp.number():
            raise failure("invalid-state")

    def drop(self) -> None:
        self._udp.drop()


@resource
class IncomingDatagramStream(_Stream):
    """wasi:sockets/udp `incoming-datagram-stream`."""

    @answers
    def receive(self, max_results: int) -> list[IncomingDatagram]:
        self._check()
        found: list[IncomingDatagram] = []
        for _ in range(LOOKED_AT):
            if len(found) >= min(max_results, BATCH):
                break
            try:
                received = self._udp.receive_one()
            except ConnectionResetError:  # Windows: something sent before reached nobody
                continue
            except OSError:
                if found:
                    break
                raise
            if received is None:
                break
            data, sender = received
            if self._udp.hears(sender):
                found.append(IncomingDatagram(data, sender.for_guest()))
        return found

    def subscribe(self) -> Pollable:
        return self._udp.poll(READ)


@resource
class OutgoingDatagramStream(_Stream):
    """wasi:sockets/udp `outgoing-datagram-stream`."""

    def __init__(self, udp: UdpSocket) -> None:
        super().__init__(udp)
        self._permitted = 0

    def check_send(self) -> int:
        self._check()
        self._permitted = BATCH if self._udp.can_send() else 0
        return self._permitted

    @answers
    def send(self, datagrams: list[Any]) -> int:
        self._check()
        if len(datagrams) > self._permitted:
            raise GuestTrap("the guest sent more datagrams than check-send had permitted")
        self._permitted = 0
        sent = 0
        for datagram in datagrams:
            try:
                if not self._udp.send_one(datagram.data, datagram.remote_address):
                    break
            except Err:
                if sent:  # the guest learns of it when it sends the rest
                    break
                raise
            sent += 1
        return sent

    def subscribe(self) -> Pollable:
        return self._udp.poll(WRITE)
