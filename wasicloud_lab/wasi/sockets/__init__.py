"""wasi:sockets 0.2: TCP, UDP and name lookup, within an allow-list that is empty unless given.

Where nothing is allowed every socket and every lookup answers `access-denied`. See `wasi.allow` for
what may stand in the list.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from ...host.interface import interface
from ..allow import AllowList
from ..io import IoError
from . import base, lookup, tcp, udp
from .base import Access, SocketError


@interface(
    "wasi:sockets/network@0.2.0",
    "wasi:sockets/instance-network@0.2.0",
    "wasi:sockets/ip-name-lookup@0.2.0",
    "wasi:sockets/tcp@0.2.0",
    "wasi:sockets/tcp-create-socket@0.2.0",
    "wasi:sockets/udp@0.2.0",
    "wasi:sockets/udp-create-socket@0.2.0",
)
class Sockets:
    """The interfaces of wasi:sockets.

    Args:
        allow: where the guest may go: "127.0.0.1:6379", "localhost:*", "example.com:80"; and where it may
            be reached: "listen:127.0.0.1:8080".
        ask: looks a name up, like `socket.getaddrinfo`.

    Raises:
        ValueError: an entry of the list is not of a known form.
    """

    Network = base.Network
    ResolveAddressStream = lookup.ResolveAddressStream
    TcpSocket = tcp.TcpSocket
    UdpSocket = udp.UdpSocket
    IncomingDatagramStream = udp.IncomingDatagramStream
    OutgoingDatagramStream = udp.OutgoingDatagramStream

    def __init__(self, allow: Iterable[str] = (), ask: Callable[..., Any] = socket.getaddrinfo) -> None:
        self.access = Access(AllowList(allow))
        self._ask = ask

    def network_error_code(self, err: IoError) -> str | None:
        code = err.payload if isinstance(err, IoError) else None
        return str(code) if isinstance(code, SocketError) else None

    def instance_network(self) -> base.Network:
        return base.Network()

    def create_tcp_socket(self, address_family: str) -> tcp.TcpSocket:
        return tcp.TcpSocket.create(self.access, address_family)

    def create_udp_socket(self, address_family: str) -> udp.UdpSocket:
        return udp.UdpSocket.create(self.access, address_family)

    def resolve_addresses(self, network: object, name: str) -> lookup.ResolveAddressStream:
        return lookup.resolve(name, self.access.allowed, self._ask)


def interfaces(allow: Iterable[str] = ()) -> list[Any]:
    """The interface objects of wasi:sockets for one app."""
    return [Sockets(allow)]
