"""wasi:sockets/tcp: the states of a socket, and connections on loopback."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.guests import current_store, error_of
from tests.guests.loopback import HUGE, backwards, connected, drop, eventually, ip4, ip6, tcp_server, wait
from wasicloud_lab.errors import Err, GuestTrap
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.sockets import Sockets, connection


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


def test_the_states_of_a_tcp_socket() -> None:
    sockets = Sockets(["127.0.0.1:*", "listen:127.0.0.1:*"])
    network = sockets.instance_network()
    tcp = sockets.create_tcp_socket("ipv4")
    for call in (tcp.finish_bind, tcp.finish_connect, tcp.finish_listen):
        assert error_of(call) == "not-in-progress"
    for call in (tcp.start_listen, tcp.accept, tcp.local_address, tcp.remote_address, lambda: tcp.shutdown("both")):
        assert error_of(call) == "invalid-state"
    tcp.start_bind(network, ip4("127.0.0.1", 0))
    for call in (
        tcp.start_listen,
        lambda: tcp.start_bind(network, ip4("127.0.0.1", 0)),
        lambda: tcp.start_connect(network, ip4("127.0.0.1", 1)),
    ):
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
    assert (
        error_of(client.start_connect, network, ip4("127.0.0.1", port))
        == error_of(client.start_listen)
        == "invalid-state"
    )
    assert error_of(client.set_listen_backlog_size, 5) == "invalid-state"
    there_out.blocking_write_and_flush(b"hello")
    assert client_in.blocking_read(HUGE) == b"hello"
    drop(there_in, there_out, there, client_in, client_out, client, tcp)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (ip4("127.0.0.1", 0), "invalid-argument"),
        (ip4("0.0.0.0", 80), "invalid-argument"),
        (ip4("224.0.0.1", 80), "invalid-argument"),
        (ip4("255.255.255.255", 80), "invalid-argument"),
        (ip6("::1", 80), "invalid-argument"),
        (ip4("127.0.0.2", 80), "access-denied"),
        (ip4("127.0.0.1", 81), "access-denied"),
    ],
)
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
        client.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0" if os.name == "posix" else b"\1\0\0\0"
        )

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
            assert (
                error_of(sock.set_receive_buffer_size, 0)
                == error_of(sock.set_send_buffer_size, 0)
                == "invalid-argument"
            )
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
