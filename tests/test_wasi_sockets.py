"""wasi:sockets: denied unless allowed, then real sockets on loopback, from a guest and without one."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.guests import current_store, error_of, python_guest
from wasicloud_lab.errors import Err, GuestTimeout, GuestTrap
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.io import IoError, wait_for
from wasicloud_lab.wasi.sockets import Sockets, base, connection, interfaces, lookup
from wasicloud_lab.wasi.sockets.allow import AllowList
from wasicloud_lab.wasi.sockets.udp import BATCH
from wasicloud_lab.wasi.sockets.watch import READ, WRITE, Watcher, watcher

HUGE = 2**64 - 1


def ip4(text: str, port: int) -> Variant:
    return Variant("ipv4", SimpleNamespace(port=port, address=tuple(ipaddress.IPv4Address(text).packed)))


def ip6(text: str, port: int) -> Variant:
    packed = ipaddress.IPv6Address(text).packed
    parts = tuple(int.from_bytes(packed[n : n + 2], "big") for n in range(0, 16, 2))
    return Variant("ipv6", SimpleNamespace(port=port, flow_info=0, address=parts, scope_id=0))


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


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


# --- a guest ---------------------------------------------------------------------------------------


def test_a_guest_talks_tcp() -> None:
    with tcp_server(backwards) as port, python_guest(allow_sockets=[f"127.0.0.1:{port}"]) as run:
        assert run("tcp_exchange", "127.0.0.1", port, "hello") == "olleh"
        assert run("tcp_exchange", "127.0.0.1", port, "x" * 3_000_000 + "y") == "y" + "x" * 3_000_000


def test_a_guest_connects_to_a_name() -> None:
    with tcp_server(backwards) as port, python_guest(allow_sockets=[f"localhost:{port}"]) as run:
        assert run("tcp_exchange", "localhost", port, "hello") == "olleh"
        assert error_of(run, "tcp_exchange", "example.com", port, "hello").startswith("EACCES")
        source = "answer = sorted({entry[4][0] for entry in socket.getaddrinfo('localhost', 80)} & {'127.0.0.1'})"
        assert run("python", source) == "['127.0.0.1']"


def test_a_guest_talks_udp() -> None:
    with udp_server() as port, python_guest(allow_sockets=[f"127.0.0.1:{port}"]) as run:
        assert run("udp_exchange", "127.0.0.1", port, "hello") == f"HELLO from 127.0.0.1:{port}"


def test_a_guest_listens() -> None:
    source = """
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
client = socket.create_connection(server.getsockname())
there, address = server.accept()
there.sendall(b"x" * 10)
client.settimeout(5)
answer = client.recv(4), client.recv(100), address == client.getsockname() == there.getpeername()
"""
    with python_guest(allow_sockets=["127.0.0.1:*", "listen:127.0.0.1:*"]) as run:
        assert run("python", source) == "(b'xxxx', b'xxxxxx', True)"
    with python_guest(allow_sockets=["127.0.0.1:*"]) as run:
        assert error_of(run, "python", source).startswith("EACCES")


def test_a_guest_may_do_nothing_unless_allowed() -> None:
    with tcp_server(backwards) as port, python_guest() as run:
        assert error_of(run, "tcp_exchange", "127.0.0.1", port, "x").startswith("EACCES")
        assert error_of(run, "tcp_exchange", "localhost", port, "x").startswith("EACCES")
        assert error_of(run, "udp_exchange", "127.0.0.1", port, "x").startswith("EACCES")
    with tcp_server(backwards) as port, python_guest(allow_sockets=["127.0.0.1:1"]) as run:
        assert error_of(run, "tcp_exchange", "127.0.0.1", port, "x").startswith("EACCES")
        assert error_of(run, "tcp_exchange", "127.0.0.1", 1, "x").startswith("ECONNREFUSED")


def test_a_guest_that_waits_for_ever_is_stopped() -> None:
    def silent(client: socket.socket) -> None:
        client.recv(1)

    with tcp_server(silent) as port, python_guest(allow_sockets=["127.0.0.1:*"], deadline=0.3) as run, pytest.raises(GuestTimeout):  # fmt: skip
        run("python", f"socket.create_connection(('127.0.0.1', {port})).recv(1)")
    assert eventually(lambda: watcher.waiting == 0)


def test_guests_wait_at_the_same_time() -> None:
    """Two instances that talk to each other through the host: each must be woken by what the other does."""
    server = """
server = socket.socket(); server.bind(("127.0.0.1", int(args[0]))); server.listen()
there, _ = server.accept(); answer = 0
while data := there.recv(4096): there.sendall(data); answer += len(data)
"""
    client = """
for _ in range(400):
    try: here = socket.create_connection(("127.0.0.1", int(args[0]))); break
    except ConnectionRefusedError: time.sleep(0.01)
answer = 0
for n in range(50): here.sendall(b"x" * 1000); answer += len(here.recv(1000, socket.MSG_WAITALL) if False else here.recv(1000))
"""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    allowed = [f"127.0.0.1:{port}", f"listen:127.0.0.1:{port}"]
    answers: dict[str, str] = {}

    def go(name: str, source: str) -> None:
        with python_guest(allow_sockets=allowed) as run:
            answers[name] = run("python", source, port)

    threads = [threading.Thread(target=go, args=pair) for pair in (("server", server), ("client", client))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"server": "50000", "client": "50000"}


def test_every_socket_function_from_a_guest() -> None:
    source = """
def address(port): return network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, (127, 0, 0, 1)))
def code(call, *args):
    try: call(*args)
    except Err as error: return error.value.name.lower()
V4, port, udp_port = network.IpAddressFamily.IPV4, int(args[0]), int(args[1])
net = instance_network.instance_network()
found = []
with ip_name_lookup.resolve_addresses(net, "127.0.0.1") as names:
    with names.subscribe() as soon: soon.block()
    found.append(names.resolve_next_address().value); found.append(names.resolve_next_address())
sock = tcp_create_socket.create_tcp_socket(V4)
sock.set_keep_alive_enabled(True); sock.set_keep_alive_idle_time(5_000_000_000); sock.set_keep_alive_interval(6_000_000_001)
sock.set_keep_alive_count(7); sock.set_hop_limit(33); sock.set_receive_buffer_size(50000); sock.set_send_buffer_size(60000); sock.set_listen_backlog_size(3)
found += [sock.keep_alive_enabled(), sock.keep_alive_idle_time(), sock.keep_alive_interval(), sock.keep_alive_count(), sock.hop_limit()]
found += [sock.receive_buffer_size() > 0, sock.send_buffer_size() > 0, sock.is_listening(), sock.address_family() == V4]
found += [code(sock.set_hop_limit, 0), code(sock.local_address), code(sock.start_listen), code(sock.shutdown, tcp.ShutdownType.BOTH)]
sock.start_bind(net, address(0)); found.append(code(sock.start_connect, net, address(port))); sock.finish_bind()
sock.start_connect(net, address(port))
with sock.subscribe() as soon: soon.block()
receiving, sending = sock.finish_connect()
found += [sock.remote_address() == address(port), sock.local_address().value.port > 0, code(sock.finish_connect), code(sock.accept)]
sending.blocking_write_and_flush(b"abc"); sock.shutdown(tcp.ShutdownType.SEND)
with receiving.subscribe() as soon: soon.block()
found.append(receiving.blocking_read(10))
with receiving, sending: pass
with sock: pass
sock = udp_create_socket.create_udp_socket(V4)
sock.set_unicast_hop_limit(9); sock.set_receive_buffer_size(50000); sock.set_send_buffer_size(60000)
found += [sock.unicast_hop_limit(), sock.receive_buffer_size() > 0, sock.send_buffer_size() > 0, sock.address_family() == V4, code(sock.stream, None)]
sock.start_bind(net, address(0)); sock.finish_bind()
with sock.subscribe() as soon: soon.block()
receiving, sending = sock.stream(address(udp_port))
found += [sock.remote_address() == address(udp_port), sock.local_address().value.port > 0, receiving.receive(5)]
with sending.subscribe() as soon: soon.block()
found.append(sending.check_send() > 0); found.append(sending.send([udp.OutgoingDatagram(b"udp", None)]))
with receiving.subscribe() as soon: soon.block()
found += [datagram.data for datagram in receiving.receive(2 ** 64 - 1)]
with receiving, sending: pass
with sock: pass
answer = found
"""
    with tcp_server(backwards) as port, udp_server() as udp_port, python_guest(allow_sockets=["127.0.0.1:*"]) as run:
        assert run("python", source, port, udp_port) == str(
            [(127, 0, 0, 1), None, True, 5 * 10**9, 7 * 10**9, 7, 33, True, True, False, True]
            + ["invalid_argument", "invalid_state", "invalid_state", "invalid_state", "concurrency_conflict"]
            + [True, True, "not_in_progress", "invalid_state", b"cba"]
            + [9, True, True, True, "invalid_state", True, True, [], True, 1, b"UDP"]
        )


# --- what is allowed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern, reached, not_reached",
    [
        ("127.0.0.1:6379", [("127.0.0.1", 6379)], [("127.0.0.1", 6380), ("127.0.0.2", 6379), ("::1", 6379)]),
        ("10.0.0.0/8:*", [("10.1.2.3", 1), ("10.255.0.1", 65535)], [("11.0.0.1", 1)]),
        ("[::1]:80", [("::1", 80)], [("::2", 80), ("127.0.0.1", 80)]),
        ("[fd00::/8]:*", [("fd12::1", 5)], [("fe80::1", 5)]),
        ("*:443", [("1.2.3.4", 443), ("::1", 443)], [("1.2.3.4", 80)]),
        ("*:*", [("1.2.3.4", 1), ("::1", 2)], []),
        ("localhost:*", [], [("127.0.0.1", 80), ("::1", 80)]),
        ("listen:127.0.0.1:*", [], [("127.0.0.1", 80)]),
    ],
)
def test_patterns(pattern: str, reached: list[tuple[str, int]], not_reached: list[tuple[str, int]]) -> None:
    allowed = AllowList([pattern])
    assert allowed
    assert all(allowed.reaches(ipaddress.ip_address(ip), port) for ip, port in reached)
    assert not any(allowed.reaches(ipaddress.ip_address(ip), port) for ip, port in not_reached)


@pytest.mark.parametrize(
    "pattern",
    ["", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:http", "::1:80", "[::1]", "[localhost]:80", "a b:80",
     "10.0.0.1/8:80", "256.0.0.1:80", "http://example.com:80", "listen:localhost:80", "-a:80", "*a.com:80", "a..b:80", "127.0.0.1:80:90"],
)  # fmt: skip
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"allow|neither"):
        AllowList([pattern])


def test_the_list_is_a_list() -> None:
    with pytest.raises(ValueError, match="is a list"):
        interfaces("127.0.0.1:80")
    assert not AllowList()
    assert not AllowList().reaches(ipaddress.ip_address("127.0.0.1"), 80)


def test_names_that_may_be_looked_up() -> None:
    allowed = AllowList(["example.com:80", "*.lab.test:443", "127.0.0.1:1"])
    for name in ("example.com", "EXAMPLE.com.", "a.lab.test", "a.b.lab.test", "localhost"):
        assert allowed.looks_up(name)
    for name in ("lab.test", "evillab.test", "example.com.evil.test", "sub.example.com", "com"):
        assert not allowed.looks_up(name)
    assert AllowList(["*:80"]).looks_up("anything.test")
    assert not AllowList(["listen:*:80"]).looks_up("anything.test")
    assert not AllowList().looks_up("localhost")


def test_a_name_opens_the_way_to_its_addresses_and_ports_only() -> None:
    allowed = AllowList(["example.com:80", "example.com:8080", "other.test:*"])
    address, another = ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("192.0.2.2")
    assert not allowed.reaches(address, 80)
    allowed.resolved("Example.COM.", [address])
    assert allowed.reaches(address, 80)
    assert allowed.reaches(address, 8080)
    assert not allowed.reaches(address, 22)
    assert not allowed.reaches(another, 80)
    allowed.resolved("other.test", [another])
    assert allowed.reaches(another, 22)
    allowed.resolved("unknown.test", [ipaddress.ip_address("192.0.2.3")])
    assert not allowed.reaches(ipaddress.ip_address("192.0.2.3"), 80)


def test_what_names_resolved_to_is_remembered_within_bounds() -> None:
    allowed = AllowList(["example.com:80"])
    first = ipaddress.ip_address("10.0.0.0")
    allowed.resolved("example.com", [first + n for n in range(5000)])
    assert not allowed.reaches(first, 80)
    assert allowed.reaches(first + 4999, 80)


# --- names -----------------------------------------------------------------------------------------


def found_by(*addresses: str) -> Callable[..., Any]:
    return lambda name, port, type: [(0, 0, 0, "", (address, 0)) for address in addresses]


def resolved(stream: Any) -> list[Any]:
    wait(stream)
    return list(iter(stream.resolve_next_address, None))


def test_lookups() -> None:
    sockets = Sockets(["example.com:80"], found_by("192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2", "fe80::1%lo"))
    stream = sockets.resolve_addresses(sockets.instance_network(), "example.com")
    assert resolved(stream) == [
        Variant("ipv4", (192, 0, 2, 1)), Variant("ipv4", (192, 0, 2, 2)), Variant("ipv6", (0xFE80, 0, 0, 0, 0, 0, 0, 1))
    ]  # fmt: skip
    assert stream.resolve_next_address() is None
    assert sockets.access.allowed.reaches(ipaddress.ip_address("192.0.2.2"), 80)


def test_a_lookup_under_way_would_block() -> None:
    answer = threading.Event()

    def slow(name: str, port: None, type: int) -> Any:
        answer.wait(20)
        return found_by("192.0.2.1")(name, port, type)

    sockets = Sockets(["example.com:80"], slow)
    streams = [sockets.resolve_addresses(sockets.instance_network(), "example.com") for _ in range(lookup.LOOKUP_LIMIT)]
    assert error_of(streams[0].resolve_next_address) == "would-block"
    assert error_of(sockets.resolve_addresses, None, "example.com") == "temporary-resolver-failure"
    answer.set()
    assert all(len(resolved(stream)) == 1 for stream in streams)


@pytest.mark.parametrize(
    "error, code",
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "name-unresolvable"), (socket.gaierror(socket.EAI_AGAIN, ""), "temporary-resolver-failure"),
        (socket.gaierror(socket.EAI_FAIL, ""), "permanent-resolver-failure"), (socket.gaierror(socket.EAI_MEMORY, ""), "out-of-memory"),
        (socket.gaierror(-999, ""), "name-unresolvable"), (OSError("?"), "permanent-resolver-failure"),
    ],
)  # fmt: skip
def test_lookups_that_fail(error: Exception, code: str) -> None:
    def fails(name: str, port: None, type: int) -> Any:
        raise error

    stream = Sockets(["example.com:80"], fails).resolve_addresses(object(), "example.com")
    wait(stream)
    assert error_of(stream.resolve_next_address) == error_of(stream.resolve_next_address) == code


def test_names_that_are_none() -> None:
    sockets = Sockets(["*:80"], found_by("192.0.2.1"))
    for name in ("", "a b", "a/b", "a\0b", "x" * 64 + ".test", "a" * 300, "exa_mple.com/", "a..b"):
        assert error_of(sockets.resolve_addresses, None, name) == "invalid-argument", name
    assert len(resolved(sockets.resolve_addresses(None, "bücher.test"))) == 1
    assert resolved(sockets.resolve_addresses(None, "::1")) == [Variant("ipv6", (0, 0, 0, 0, 0, 0, 0, 1))]


def test_everything_is_denied_by_default() -> None:
    sockets = Sockets()
    network = sockets.instance_network()
    for call in (
        lambda: sockets.create_tcp_socket("ipv4"), lambda: sockets.create_udp_socket("ipv6"),
        lambda: sockets.resolve_addresses(network, "localhost"), lambda: sockets.resolve_addresses(network, "127.0.0.1"),
    ):  # fmt: skip
        assert error_of(call) == "access-denied"


# --- TCP -------------------------------------------------------------------------------------------


def test_the_states_of_a_tcp_socket() -> None:
    sockets = Sockets(["127.0.0.1:*", "listen:127.0.0.1:*"])
    network = sockets.instance_network()
    tcp = sockets.create_tcp_socket("ipv4")
    for call in (tcp.finish_bind, tcp.finish_connect, tcp.finish_listen):
        assert error_of(call) == "not-in-progress"
    for call in (tcp.start_listen, tcp.accept, tcp.local_address, tcp.remote_address, lambda: tcp.shutdown("both")):
        assert error_of(call) == "invalid-state"
    tcp.start_bind(network, ip4("127.0.0.1", 0))
    for call in (tcp.start_listen, lambda: tcp.start_bind(network, ip4("127.0.0.1", 0)), lambda: tcp.start_connect(network, ip4("127.0.0.1", 1))):  # fmt: skip
        assert error_of(call) == "concurrency-conflict"
    assert error_of(tcp.finish_connect) == "not-in-progress"
    wait(tcp)
    tcp.finish_bind()
    assert error_of(tcp.start_bind, network, ip4("127.0.0.1", 0)) == "invalid-state"
    port = tcp.local_address().value.port
    tcp.start_listen()
    assert error_of(tcp.accept) == "invalid-state"
    tcp.finish_listen()
    assert tcp.is_listening()
    tcp.set_listen_backlog_size(HUGE)
    assert error_of(tcp.accept) == "would-block"
    assert error_of(tcp.start_connect, network, ip4("127.0.0.1", 1)) == error_of(tcp.start_listen) == "invalid-state"
    client, client_in, client_out = connected(sockets, port)
    wait(tcp)
    there, there_in, there_out = tcp.accept()
    assert there.remote_address().value.port == client.local_address().value.port
    assert error_of(client.start_connect, network, ip4("127.0.0.1", port)) == error_of(client.start_listen) == "invalid-state"
    assert error_of(client.set_listen_backlog_size, 5) == "invalid-state"
    there_out.blocking_write_and_flush(b"hello")
    assert client_in.blocking_read(HUGE) == b"hello"
    drop(there_in, there_out, there, client_in, client_out, client, tcp)


@pytest.mark.parametrize(
    "address, code",
    [
        (ip4("127.0.0.1", 0), "invalid-argument"), (ip4("0.0.0.0", 80), "invalid-argument"), (ip4("224.0.0.1", 80), "invalid-argument"),
        (ip4("255.255.255.255", 80), "invalid-argument"), (ip6("::1", 80), "invalid-argument"), (ip4("127.0.0.2", 80), "access-denied"),
        (ip4("127.0.0.1", 81), "access-denied"),
    ],
)  # fmt: skip
def test_addresses_that_are_not_connected_to(address: Variant, code: str) -> None:
    sockets = Sockets(["127.0.0.1:80", "224.0.0.1:*", "0.0.0.0:*"])
    tcp = sockets.create_tcp_socket("ipv4")
    assert error_of(tcp.start_connect, None, address) == code
    tcp.drop()


def test_ipv4_in_ipv6_clothes_is_no_way_around() -> None:
    sockets = Sockets(["[::]:*", "[::/0]:*"])
    for make in (sockets.create_tcp_socket, sockets.create_udp_socket):
        sock = make("ipv6")
        assert error_of(sock.start_bind, None, ip6("::ffff:127.0.0.1", 0)) == "invalid-argument"
        sock.drop()
    tcp = sockets.create_tcp_socket("ipv6")
    assert error_of(tcp.start_connect, None, ip6("::ffff:127.0.0.1", 80)) == "invalid-argument"
    tcp.drop()


def test_binding_where_the_guest_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        sockets = Sockets([f"listen:127.0.0.1:{taken}"])
        tcp = sockets.create_tcp_socket("ipv4")
        assert error_of(tcp.start_bind, None, ip4("127.0.0.1", taken)) == "address-in-use"
        assert error_of(tcp.start_bind, None, ip4("127.0.0.1", 1)) == "access-denied"
        assert error_of(tcp.start_bind, None, ip4("192.0.2.1", 0)) == "address-not-bindable"
        tcp.start_bind(None, ip4("127.0.0.1", 0))  # a failed bind may be tried again; any free port is anybody's
        tcp.finish_bind()
        assert error_of(tcp.start_listen) == "access-denied"
        tcp.drop()


def test_a_connection_that_is_refused_closes_the_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sockets = Sockets(["127.0.0.1:*"])
    tcp = sockets.create_tcp_socket("ipv4")
    tcp.start_connect(None, ip4("127.0.0.1", port))
    wait(tcp)
    assert error_of(tcp.finish_connect) == "connection-refused"
    assert error_of(tcp.finish_connect) == "not-in-progress"
    assert error_of(tcp.start_connect, None, ip4("127.0.0.1", port)) == error_of(tcp.local_address) == "invalid-state"
    wait(tcp)
    tcp.drop()


def test_a_connection_under_way_would_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasicloud_lab.wasi.sockets.tcp.ready", lambda sock, event: False)
    with tcp_server(backwards) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp = sockets.create_tcp_socket("ipv4")
        tcp.start_connect(None, ip4("127.0.0.1", port))
        assert error_of(tcp.finish_connect) == error_of(tcp.finish_connect) == "would-block"
        assert error_of(tcp.local_address) == "invalid-state"
        tcp.drop()


def test_the_end_of_a_connection() -> None:
    with tcp_server(backwards) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp, receiving, sending = connected(sockets, port)
        assert receiving.read(100) == b""
        assert receiving.read(0) == b""
        sending.blocking_write_and_flush(b"abc")
        tcp.shutdown("send")
        tcp.shutdown("send")
        assert error_of(sending.check_write).tag == "closed"
        assert receiving.blocking_read(2) == b"cb"
        assert receiving.blocking_read(HUGE) == b"a"
        assert error_of(receiving.blocking_read, 1).tag == "closed"
        assert receiving.subscribe().ready()
        drop(receiving, sending, tcp)
        tcp, receiving, sending = connected(sockets, port)
        tcp.shutdown("receive")
        assert error_of(receiving.read, 1).tag == "closed"
        sending.drop()  # ends what the peer reads
        tcp.shutdown("both")
        drop(tcp, receiving)


def test_a_reset_connection_is_a_failure_with_its_code() -> None:
    def reset(client: socket.socket) -> None:
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0" if os.name == "posix" else b"\1\0\0\0")

    with tcp_server(reset) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp, receiving, sending = connected(sockets, port)
        sending.blocking_write_and_flush(b"x")
        failure = error_of(receiving.blocking_read, 1)
        assert failure.tag == "last-operation-failed"
        assert sockets.network_error_code(failure.value) == "connection-reset"
        assert error_of(receiving.read, 1).tag == "closed"
        assert eventually(lambda: _fails(sending))
        drop(receiving, sending, tcp)


def _fails(sending: Any) -> bool:
    try:
        if sending.check_write():
            sending.write(b"x")
    except Err:
        return True
    return False


def test_a_slow_peer_makes_the_writer_wait() -> None:
    go = threading.Event()
    received: list[int] = []

    def slow(client: socket.socket) -> None:
        go.wait(20)
        received.append(sum(len(data) for data in iter(lambda: client.recv(65536), b"")))

    with tcp_server(slow) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp, receiving, sending = connected(sockets, port)
        written = 0
        while room := sending.check_write():
            sending.write(bytes(room))
            written += room
        assert not sending.subscribe().ready()
        with pytest.raises(GuestTrap, match="check-write"):
            sending.write(b"x")
        sending.flush()
        go.set()
        wait(sending)
        sending.blocking_write_and_flush(bytes(3_000_000))
        drop(sending, receiving, tcp)
        assert eventually(lambda: received == [written + 3_000_000])


def test_what_was_written_arrives_though_the_guest_lets_go_at_once() -> None:
    go = threading.Event()
    received: list[int] = []

    def slow(client: socket.socket) -> None:
        go.wait(20)
        received.append(sum(len(data) for data in iter(lambda: client.recv(65536), b"")))

    with tcp_server(slow) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp, receiving, sending = connected(sockets, port)
        written = 0
        while room := sending.check_write():
            sending.write(bytes(room))
            written += room
        drop(sending, receiving, tcp)
        go.set()
        assert eventually(lambda: received == [written])


def test_what_was_written_is_sent_while_the_guest_waits_for_the_answer() -> None:
    """What the system did not take at once must not wait for the guest to write again."""
    go = threading.Event()

    def slow(client: socket.socket) -> None:
        go.wait(20)
        size = int.from_bytes(client.recv(4, socket.MSG_WAITALL), "big")
        while size:
            size -= len(client.recv(min(size, 65536)))
        client.sendall(b"all there")

    with tcp_server(slow) as port:
        sockets = Sockets(["127.0.0.1:*"])
        tcp, receiving, sending = connected(sockets, port)
        payload = 200 * connection.CHUNK
        sending.write(payload.to_bytes(4, "big"))
        written = 0
        while written < payload and (room := sending.check_write()):
            written += min(room, payload - written)
            sending.write(bytes(min(room, payload)))
        go.set()
        sending.blocking_write_and_flush(bytes(payload - written))
        assert receiving.blocking_read(100) == b"all there"
        drop(sending, receiving, tcp)


def test_options() -> None:
    sockets = Sockets(["*:*"])
    for family in ("ipv4", "ipv6"):
        tcp, udp = sockets.create_tcp_socket(family), sockets.create_udp_socket(family)
        assert tcp.address_family() == udp.address_family() == family
        for sock in (tcp, udp):
            assert error_of(sock.set_receive_buffer_size, 0) == error_of(sock.set_send_buffer_size, 0) == "invalid-argument"
            sock.set_receive_buffer_size(HUGE)
            sock.set_send_buffer_size(HUGE)
            assert sock.receive_buffer_size() > 0 < sock.send_buffer_size()
        for name in ("keep_alive_idle_time", "keep_alive_interval", "keep_alive_count", "hop_limit"):
            assert error_of(getattr(tcp, f"set_{name}"), 0) == "invalid-argument"
            getattr(tcp, f"set_{name}")(1)
            assert getattr(tcp, name)() in (1, 10**9)
        for name in ("keep_alive_idle_time", "keep_alive_interval", "keep_alive_count"):
            getattr(tcp, f"set_{name}")(2**32 - 1 if name.endswith("count") else HUGE)
        assert not tcp.keep_alive_enabled()
        assert error_of(udp.set_unicast_hop_limit, 0) == error_of(tcp.set_listen_backlog_size, 0) == "invalid-argument"
        drop(tcp, udp)


# --- UDP -------------------------------------------------------------------------------------------


def bound(sockets: Sockets) -> Any:
    udp = sockets.create_udp_socket("ipv4")
    udp.start_bind(sockets.instance_network(), ip4("127.0.0.1", 0))
    udp.finish_bind()
    return udp


def datagram(data: bytes, address: Variant | None = None) -> SimpleNamespace:
    return SimpleNamespace(data=data, remote_address=address)


def test_the_states_of_a_udp_socket() -> None:
    sockets = Sockets(["127.0.0.1:*"])
    udp = sockets.create_udp_socket("ipv4")
    assert error_of(udp.finish_bind) == "not-in-progress"
    assert error_of(udp.stream, None) == error_of(udp.local_address) == error_of(udp.remote_address) == "invalid-state"
    udp.start_bind(None, ip4("127.0.0.1", 0))
    assert error_of(udp.start_bind, None, ip4("127.0.0.1", 0)) == error_of(udp.stream, None) == "concurrency-conflict"
    udp.finish_bind()
    assert error_of(udp.start_bind, None, ip4("127.0.0.1", 0)) == "invalid-state"
    for address in (ip4("127.0.0.1", 0), ip4("0.0.0.0", 1), ip6("::1", 1)):
        assert error_of(udp.stream, address) == "invalid-argument"
    assert error_of(udp.stream, ip4("192.0.2.1", 1)) == "access-denied"
    assert error_of(udp.remote_address) == "invalid-state"
    old_in, old_out = udp.stream(None)
    new_in, new_out = udp.stream(ip4("127.0.0.1", 9))
    assert udp.remote_address() == Variant("ipv4", (9, (127, 0, 0, 1)))
    assert error_of(old_in.receive, 1) == error_of(old_out.check_send) == error_of(old_out.send, []) == "invalid-state"
    assert new_in.receive(1) == new_in.receive(0) == []
    wait(udp)
    drop(udp, old_in, old_out, new_in, new_out)


def test_sending_and_receiving() -> None:
    sockets = Sockets(["127.0.0.1:*"])
    with udp_server() as port:
        udp = bound(sockets)
        receiving, sending = udp.stream(None)
        assert not receiving.subscribe().ready()
        wait(sending)
        assert sending.check_send() == BATCH
        there = ip4("127.0.0.1", port)
        assert sending.send([datagram(b"a", there), datagram(b"b", there)]) == 2
        answers: list[Any] = []
        while len(answers) < 2:
            wait(receiving)
            answers += receiving.receive(HUGE)
        assert [answer.data for answer in answers] == [b"A", b"B"]
        assert answers[0].remote_address == Variant("ipv4", (port, (127, 0, 0, 1)))
        drop(receiving, sending, udp)


def test_sending_what_may_not_be_sent() -> None:
    sockets = Sockets(["127.0.0.1:9"])
    udp = bound(sockets)
    _, sending = udp.stream(None)
    here, elsewhere = ip4("127.0.0.1", 9), ip4("127.0.0.1", 10)
    with pytest.raises(GuestTrap, match="check-send"):
        sending.send([datagram(b"x", here)])
    for bad, code in (
        (datagram(b"x", elsewhere), "access-denied"), (datagram(b"x"), "invalid-argument"),
        (datagram(b"x", ip4("127.0.0.1", 0)), "invalid-argument"), (datagram(bytes(70_000), here), "datagram-too-large"),
    ):  # fmt: skip
        sending.check_send()
        assert error_of(sending.send, [bad]) == code
        sending.check_send()
        assert sending.send([datagram(b"x", here), bad]) == 1
    _, sending = udp.stream(here)
    sending.check_send()
    assert error_of(sending.send, [datagram(b"x", elsewhere)]) == "invalid-argument"
    sending.check_send()
    assert sending.send([datagram(b"x"), datagram(b"x", here)]) == 2
    with pytest.raises(GuestTrap, match="check-send"):
        sending.send([datagram(b"x")])
    udp.drop()


def test_a_guest_hears_only_whom_it_may_talk_to() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:  # fmt: skip
        for sock in (friend, stranger):
            sock.bind(("127.0.0.1", 0))
        sockets = Sockets([f"127.0.0.1:{friend.getsockname()[1]}"])
        udp = bound(sockets)
        receiving, _ = udp.stream(None)
        there = ("127.0.0.1", udp.local_address().value.port)
        for n in range(20):
            stranger.sendto(b"stranger %d" % n, there)
        friend.sendto(b"friend", there)
        heard: list[bytes] = []
        while not heard:
            wait(receiving)
            heard += [found.data for found in receiving.receive(HUGE)]
        assert heard == [b"friend"]
        udp.drop()


def test_a_guest_that_may_be_reached_hears_everybody_and_with_a_peer_only_that() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:  # fmt: skip
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        sockets = Sockets(["listen:127.0.0.1:*", "127.0.0.1:*"])
        udp = bound(sockets)
        there = ("127.0.0.1", udp.local_address().value.port)
        receiving, _ = udp.stream(None)
        one.sendto(b"one", there)
        wait(receiving)
        assert [found.data for found in receiving.receive(5)] == [b"one"]
        receiving, _ = udp.stream(ip4("127.0.0.1", other.getsockname()[1]))
        one.sendto(b"one", there)
        other.sendto(b"other", there)
        heard: list[bytes] = []
        while not heard:
            wait(receiving)
            heard += [found.data for found in receiving.receive(5)]
        assert heard == [b"other"]
        udp.drop()


# --- errors, limits, leaks -------------------------------------------------------------------------


@pytest.mark.parametrize("code", base.CODES)
def test_error_codes(code: str) -> None:
    for name in base.CODES[code].split():
        number = getattr(errno, name, None)
        if number is not None:
            assert base.error_code(number) == code
            failure = base.stream_error(OSError(number, os.strerror(number))).value.value
            assert Sockets().network_error_code(failure) == code


def test_errors_of_no_name_are_unknown() -> None:
    assert base.error_code(None) == base.error_code(99999) == "unknown"
    assert Sockets().network_error_code(IoError("of another kind", "io")) is None


def test_the_number_of_sockets_is_bounded() -> None:
    sockets = Sockets(["127.0.0.1:*"])
    held = [sockets.create_udp_socket("ipv4") for _ in range(base.SOCKET_LIMIT)]
    assert error_of(sockets.create_tcp_socket, "ipv4") == error_of(sockets.create_udp_socket, "ipv4") == "new-socket-limit"
    held.pop().drop()
    sockets.create_tcp_socket("ipv4").drop()
    drop(*held)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not list open files")
def test_no_socket_stays_open() -> None:
    sockets = Sockets(["127.0.0.1:*", "listen:127.0.0.1:*"])
    assert eventually(lambda: not any(thread.name == "wasicloud-lab sockets" for thread in threading.enumerate()))
    before = len(os.listdir("/dev/fd"))
    with tcp_server(backwards) as port:
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)):
            resources = connected(sockets, port)
            resources[1].subscribe().ready()  # somebody waits as it is let go of
            drop(*[resources[n] for n in order])
        udp = bound(sockets)
        drop(*udp.stream(None), udp)
        udp = bound(sockets)
        drop(udp, *udp.stream(None))
        sockets.create_tcp_socket("ipv6").drop()
    assert watcher.waiting == 0
    assert eventually(lambda: len(os.listdir("/dev/fd")) == before)


def test_what_was_let_go_of_is_ready_and_closed() -> None:
    with tcp_server(backwards) as port:
        tcp, receiving, sending = connected(Sockets(["127.0.0.1:*"]), port)
        soon, room = receiving.subscribe(), sending.subscribe()
        drop(receiving, sending, tcp)
        assert soon.ready()
        assert room.ready()
        assert error_of(tcp.local_address) == "invalid-state"


def test_the_watcher_comes_and_goes() -> None:
    own = Watcher()
    woken = threading.Event()
    one, other = socket.socketpair()
    with one, other:
        own.watch(one, READ, woken.set)
        own.watch(one, READ, woken.set)
        assert own.waiting == 1
        assert not woken.is_set()
        other.send(b"x")
        assert woken.wait(20)
        assert own.waiting == 0
        woken.clear()
        own.watch(one, WRITE, woken.set)
        assert woken.wait(20)
        own.watch(other, READ, woken.set)
        own.forget(other)
        own.forget(other)
        assert own.waiting == 0
    woken.clear()
    own.watch(one, READ, woken.set)  # closed: whoever waits is told at once
    assert woken.is_set()
