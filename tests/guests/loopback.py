"""Servers on loopback for guests to talk to, and short ways to say what tests of sockets say often."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.io import wait_for
from wasicloud_lab.wasi.sockets import Sockets

HUGE = 2**64 - 1


def ip4(text: str, port: int) -> Variant:
    return Variant("ipv4", SimpleNamespace(port=port, address=tuple(ipaddress.IPv4Address(text).packed)))


def ip6(text: str, port: int) -> Variant:
    packed = ipaddress.IPv6Address(text).packed
    parts = tuple(int.from_bytes(packed[n : n + 2], "big") for n in range(0, 16, 2))
    return Variant("ipv6", SimpleNamespace(port=port, flow_info=0, address=parts, scope_id=0))


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that hands each connection to `serve`, in a thread; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    serve(client)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def backwards(client: socket.socket) -> None:
    """Reads to the end, then answers with the same backwards."""
    received = b"".join(iter(lambda: client.recv(65536), b""))
    client.sendall(received[::-1])


@contextmanager
def udp_server() -> Iterator[int]:
    """Answers each datagram with itself in capitals, until an empty one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def run() -> None:
            while True:
                data, sender = server.recvfrom(65535)
                if not data:
                    return
                server.sendto(data.upper(), sender)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join(10)


def wait(subscribed: Any) -> None:
    wait_for([subscribed.subscribe()])


def connected(sockets: Sockets, port: int) -> tuple[Any, Any, Any]:
    tcp = sockets.create_tcp_socket("ipv4")
    tcp.start_connect(sockets.instance_network(), ip4("127.0.0.1", port))
    wait(tcp)
    return tcp, *tcp.finish_connect()


def drop(*resources: Any) -> None:
    for resource in resources:
        resource.drop()


def eventually(check: Callable[[], bool]) -> bool:
    """Whether it becomes true before long, whatever long is on this machine."""
    until = time.monotonic() + 20
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def bound(sockets: Sockets) -> Any:
    udp = sockets.create_udp_socket("ipv4")
    udp.start_bind(sockets.instance_network(), ip4("127.0.0.1", 0))
    udp.finish_bind()
    return udp


def udp_peer() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def datagram(data: bytes, address: Variant | None = None) -> SimpleNamespace:
    return SimpleNamespace(data=data, remote_address=address)
