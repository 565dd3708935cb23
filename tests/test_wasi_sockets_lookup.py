"""wasi:sockets: what the allow-list lets a guest do, and looking names up."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.guests import current_store, error_of
from tests.guests.loopback import wait
from wasicloud_lab.host.values import Variant
from wasicloud_lab.wasi.sockets import Sockets, lookup


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


def found_by(*addresses: str) -> Callable[..., Any]:
    return lambda name, port, type: [(0, 0, 0, "", (address, 0)) for address in addresses]


def resolved(stream: Any) -> list[Any]:
    wait(stream)
    return list(iter(stream.resolve_next_address, None))


# --- names -----------------------------------------------------------------------------------------


def test_lookups() -> None:
    sockets = Sockets(["example.com:80"], found_by("93.184.216.1", "93.184.216.1", "::ffff:93.184.216.2", "fe80::1%lo"))
    stream = sockets.resolve_addresses(sockets.instance_network(), "example.com")
    assert resolved(stream) == [
        Variant("ipv4", (93, 184, 216, 1)),
        Variant("ipv4", (93, 184, 216, 2)),
        Variant("ipv6", (0xFE80, 0, 0, 0, 0, 0, 0, 1)),
    ]
    assert stream.resolve_next_address() is None
    assert sockets.access.allowed.reaches(ipaddress.ip_address("93.184.216.2"), 80)


def test_a_lookup_under_way_would_block() -> None:
    answer = threading.Event()

    def slow(name: str, port: None, type: int) -> Any:
        answer.wait(20)
        return found_by("93.184.216.1")(name, port, type)

    sockets = Sockets(["example.com:80"], slow)
    streams = [sockets.resolve_addresses(sockets.instance_network(), "example.com") for _ in range(lookup.LOOKUP_LIMIT)]
    assert error_of(streams[0].resolve_next_address) == "would-block"
    assert error_of(sockets.resolve_addresses, None, "example.com") == "temporary-resolver-failure"
    answer.set()
    assert all(len(resolved(stream)) == 1 for stream in streams)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "name-unresolvable"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "temporary-resolver-failure"),
        (socket.gaierror(socket.EAI_FAIL, ""), "permanent-resolver-failure"),
        (socket.gaierror(socket.EAI_MEMORY, ""), "out-of-memory"),
        (socket.gaierror(-999, ""), "name-unresolvable"),
        (OSError("?"), "permanent-resolver-failure"),
    ],
)
def test_lookups_that_fail(error: Exception, code: str) -> None:
    def fails(name: str, port: None, type: int) -> Any:
        raise error

    stream = Sockets(["example.com:80"], fails).resolve_addresses(object(), "example.com")
    wait(stream)
    assert error_of(stream.resolve_next_address) == error_of(stream.resolve_next_address) == code


def test_names_that_are_none() -> None:
    sockets = Sockets(["*:80"], found_by("93.184.216.1"))
    for name in ("", "a b", "a/b", "a\0b", "x" * 64 + ".test", "a" * 300, "exa_mple.com/", "a..b"):
        assert error_of(sockets.resolve_addresses, None, name) == "invalid-argument", name
    assert len(resolved(sockets.resolve_addresses(None, "bücher.test"))) == 1
    assert resolved(sockets.resolve_addresses(None, "::1")) == [Variant("ipv6", (0, 0, 0, 0, 0, 0, 0, 1))]


def test_everything_is_denied_by_default() -> None:
    sockets = Sockets()
    network = sockets.instance_network()
    for call in (
        lambda: sockets.create_tcp_socket("ipv4"),
        lambda: sockets.create_udp_socket("ipv6"),
        lambda: sockets.resolve_addresses(network, "localhost"),
        lambda: sockets.resolve_addresses(network, "127.0.0.1"),
    ):
        assert error_of(call) == "access-denied"
