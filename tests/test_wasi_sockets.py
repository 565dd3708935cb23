"""wasi:sockets: from a guest; error codes, limits and leaks."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.guests import current_store, error_of, python_guest
from tests.guests.loopback import backwards, bound, connected, drop, eventually, tcp_server, udp_server
from wasicloud_lab.errors import GuestTimeout
from wasicloud_lab.wasi.io import IoError
from wasicloud_lab.wasi.sockets import Sockets, base
from wasicloud_lab.wasi.sockets.watch import READ, WRITE, Watcher, watcher


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


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

    source = "socket.create_connection(('127.0.0.1', int(args[0]))).recv(1)"
    with tcp_server(silent) as port, python_guest(allow_sockets=["127.0.0.1:*"], deadline=0.3) as run:
        with pytest.raises(GuestTimeout):
            run("python", source, port)
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
for n in range(50): here.sendall(b"x" * 1000); answer += len(here.recv(1000))
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
sock.set_keep_alive_enabled(True); sock.set_keep_alive_idle_time(5_000_000_000); sock.set_keep_alive_count(7)
sock.set_keep_alive_interval(6_000_000_001); sock.set_hop_limit(33); sock.set_listen_backlog_size(3)
sock.set_receive_buffer_size(50000); sock.set_send_buffer_size(60000)
found += [sock.keep_alive_enabled(), sock.keep_alive_idle_time(), sock.keep_alive_interval()]
found += [sock.keep_alive_count(), sock.hop_limit()]
found += [sock.receive_buffer_size() > 0, sock.send_buffer_size() > 0, sock.is_listening(), sock.address_family() == V4]
found += [code(sock.set_hop_limit, 0), code(sock.local_address), code(sock.start_listen)]
found += [code(sock.shutdown, tcp.ShutdownType.BOTH)]
sock.start_bind(net, address(0)); found.append(code(sock.start_connect, net, address(port))); sock.finish_bind()
sock.start_connect(net, address(port))
with sock.subscribe() as soon: soon.block()
receiving, sending = sock.finish_connect()
found += [sock.remote_address() == address(port), sock.local_address().value.port > 0]
found += [code(sock.finish_connect), code(sock.accept)]
sending.blocking_write_and_flush(b"abc"); sock.shutdown(tcp.ShutdownType.SEND)
with receiving.subscribe() as soon: soon.block()
found.append(receiving.blocking_read(10))
with receiving, sending: pass
with sock: pass
sock = udp_create_socket.create_udp_socket(V4)
sock.set_unicast_hop_limit(9); sock.set_receive_buffer_size(50000); sock.set_send_buffer_size(60000)
found += [sock.unicast_hop_limit(), sock.receive_buffer_size() > 0, sock.send_buffer_size() > 0]
found += [sock.address_family() == V4, code(sock.stream, None)]
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
            [
                *[(127, 0, 0, 1), None, True, 5 * 10**9, 7 * 10**9, 7, 33, True, True, False, True],
                *["invalid_argument", "invalid_state", "invalid_state", "invalid_state", "concurrency_conflict"],
                *[True, True, "not_in_progress", "invalid_state", b"cba"],
                *[9, True, True, True, "invalid_state", True, True, [], True, 1, b"UDP"],
            ]
        )


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
    assert (
        error_of(sockets.create_tcp_socket, "ipv4") == error_of(sockets.create_udp_socket, "ipv4") == "new-socket-limit"
    )
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
