"""wasi:sockets/udp: the states of a socket, and datagrams on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.guests import current_store, error_of
from tests.guests.loopback import HUGE, bound, datagram, drop, ip4, ip6, udp_peer, udp_server, wait
from wasicloud_lab.errors import GuestTrap
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.sockets import Sockets
from wasicloud_lab.wasi.sockets.udp import BATCH


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


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
        (datagram(b"x", elsewhere), "access-denied"),
        (datagram(b"x"), "invalid-argument"),
        (datagram(b"x", ip4("127.0.0.1", 0)), "invalid-argument"),
        (datagram(bytes(70_000), here), "datagram-too-large"),
    ):
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
    with udp_peer() as friend, udp_peer() as stranger:
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
    with udp_peer() as one, udp_peer() as other:
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
