"""wasi:sockets 0.2: TCP, UDP and name lookup, within an allow-list that is empty unless given.

Where nothing is allowed every socket and every lookup answers `access-denied`. See `sockets_allow` for
what may stand in the list.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import Err
from ..host.interface import interface, resource
from ..host.state import current
from ..host.values import Variant
from . import sockets_tcp, sockets_udp
from .io import IoError, Pollable
from .sockets_allow import AllowList, IPAddress
from .sockets_base import Access, SocketError, failure, ip_for_guest

#: Lookups under way at once in this process: each takes a thread, perhaps for long.
LOOKUP_LIMIT = 16

_lookups = threading.BoundedSemaphore(LOOKUP_LIMIT)


@resource
class Network:
    """wasi:sockets/network `network`. What it permits is the app's allow-list, which its sockets know."""


@resource
class ResolveAddressStream:
    """wasi:sockets/ip-name-lookup `resolve-address-stream`.

    Attributes:
        outcome: the addresses, or the error; None while the lookup is under way.
    """

    def __init__(self) -> None:
        self.outcome: list[IPAddress] | Err | None = None

    def resolve_next_address(self) -> Variant | None:
        if self.outcome is None:
            raise failure("would-block")
        if isinstance(self.outcome, Err):
            raise self.outcome
        return ip_for_guest(self.outcome.pop(0)) if self.outcome else None

    def subscribe(self) -> Pollable:
        return Pollable(lambda: self.outcome is not None)


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
        resolve: looks a name up, like `socket.getaddrinfo`.

    Raises:
        ValueError: an entry of the list is not of a known form.
    """

    Network = Network
    ResolveAddressStream = ResolveAddressStream
    TcpSocket = sockets_tcp.TcpSocket
    UdpSocket = sockets_udp.UdpSocket
    IncomingDatagramStream = sockets_udp.IncomingDatagramStream
    OutgoingDatagramStream = sockets_udp.OutgoingDatagramStream

    def __init__(self, allow: Iterable[str] = (), resolve: Callable[..., Any] = socket.getaddrinfo) -> None:
        self.access = Access(AllowList(allow))
        self._resolve = resolve

    def network_error_code(self, err: IoError) -> str | None:
        code = err.payload if isinstance(err, IoError) else None
        return str(code) if isinstance(code, SocketError) else None

    def instance_network(self) -> Network:
        return Network()

    def create_tcp_socket(self, address_family: str) -> sockets_tcp.TcpSocket:
        return sockets_tcp.TcpSocket.create(self.access, address_family)

    def create_udp_socket(self, address_family: str) -> sockets_udp.UdpSocket:
        return sockets_udp.UdpSocket.create(self.access, address_family)

    def resolve_addresses(self, network: Network, name: str) -> ResolveAddressStream:
        allowed = self.access.allowed
        stream = ResolveAddressStream()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            pass
        else:
            if not allowed:
                raise failure("access-denied")
            stream.outcome = [_plain(address)]
            return stream
        ascii_name = _ascii(name)
        if not allowed.looks_up(ascii_name):
            raise failure("access-denied")
        if not _lookups.acquire(blocking=False):
            raise failure("temporary-resolver-failure")
        wake = current().waker.set
        try:
            threading.Thread(
                target=self._look_up, args=(stream, ascii_name, wake), name="wasicloud-lab lookup", daemon=True
            ).start()
        except BaseException:
            _lookups.release()
            raise
        return stream

    def _look_up(self, stream: ResolveAddressStream, name: str, wake: Callable[[], None]) -> None:
        try:
            found = self._resolve(name, None, type=socket.SOCK_STREAM)
            addresses = [_plain(ipaddress.ip_address(entry[4][0].partition("%")[0])) for entry in found]
            outcome = list(dict.fromkeys(addresses))
            self.access.allowed.resolved(name, outcome)
            stream.outcome = outcome
        except socket.gaierror as error:
            stream.outcome = failure(_RESOLVER.get(error.errno or 0, "name-unresolvable"))
        except Exception:
            stream.outcome = failure("permanent-resolver-failure")
        finally:
            _lookups.release()
            wake()


def interfaces(allow: Iterable[str] = ()) -> list[Any]:
    """The interface objects of wasi:sockets for one app."""
    return [Sockets(allow)]


_RESOLVER = {
    getattr(socket, name): code
    for name, code in {
        "EAI_AGAIN": "temporary-resolver-failure",
        "EAI_FAIL": "permanent-resolver-failure",
        "EAI_MEMORY": "out-of-memory",
        "EAI_NONAME": "name-unresolvable",
    }.items()
    if hasattr(socket, name)
}


def _plain(address: IPAddress) -> IPAddress:
    """An IPv4 address also where it came in IPv6 clothes."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _ascii(name: str) -> str:
    """A host's name as the resolver takes it.

    Raises:
        Err: `invalid-argument`.
    """
    try:
        encoded = name.encode("idna").decode().lower()
    except UnicodeError:
        raise failure("invalid-argument") from None
    if not re.fullmatch(r"[a-z0-9_.-]{1,253}", encoded):
        raise failure("invalid-argument")
    return encoded
