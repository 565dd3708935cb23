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
from wasicloud_lab.wasi.sockets import Sockets, interfaces, lookup
from wasicloud_lab.wasi.sockets.allow import AllowList


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with current_store():
        yield


def found_by(*addresses: str) -> Callable[..., Any]:
    return lambda name, port, type: [(0, 0, 0, "", (address, 0)) for address in addresses]


def resolved(stream: Any) -> list[Any]:
    wait(stream)
    return list(iter(stream.resolve_next_address, None))


# --- what is allowed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "reached", "not_reached"),
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
    [
        "",
        "localhost",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:70000",
        "127.0.0.1:http",
        "::1:80",
        "[::1]",
        "[localhost]:80",
        "a b:80",
        "10.0.0.1/8:80",
        "256.0.0.1:80",
        "http://example.com:80",
        "listen:localhost:80",
        "-a:80",
        "*a.com:80",
        "a..b:80",
        "127.0.0.1:80:90",
    ],
)
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


def test_lookups() -> None:
    sockets = Sockets(["example.com:80"], found_by("192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2", "fe80::1%lo"))
    stream = sockets.resolve_addresses(sockets.instance_network(), "example.com")
    assert resolved(stream) == [
        Variant("ipv4", (192, 0, 2, 1)),
        Variant("ipv4", (192, 0, 2, 2)),
        Variant("ipv6", (0xFE80, 0, 0, 0, 0, 0, 0, 1)),
    ]
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
    sockets = Sockets(["*:80"], found_by("192.0.2.1"))
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
