"""The allow-list: which entries there are, and where each lets a guest go."""

from __future__ import annotations

import ipaddress

import pytest

from wasicloud_lab.wasi.allow import AllowList, split_authority


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
        "  ",
        "example.com/path",
        "a@b",
        "host:port",
        "127.0.0.1:",
        "127.0.0.1:70000",
        "127.0.0.1:http",
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
    with pytest.raises(ValueError, match="allow-list"):
        AllowList([pattern])


def test_nothing_is_reached_with_an_empty_list() -> None:
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
    address, another = ipaddress.ip_address("93.184.216.1"), ipaddress.ip_address("93.184.216.2")
    assert not allowed.reaches(address, 80)
    allowed.resolved("Example.COM.", [address])
    assert allowed.reaches(address, 80)
    assert allowed.reaches(address, 8080)
    assert not allowed.reaches(address, 22)
    assert not allowed.reaches(another, 80)
    allowed.resolved("other.test", [another])
    assert allowed.reaches(another, 22)
    allowed.resolved("unknown.test", [ipaddress.ip_address("93.184.216.3")])
    assert not allowed.reaches(ipaddress.ip_address("93.184.216.3"), 80)


def test_what_names_resolved_to_is_remembered_within_bounds() -> None:
    allowed = AllowList(["example.com:80"])
    first = ipaddress.ip_address("93.0.0.0")
    allowed.resolved("example.com", [first + n for n in range(5000)])
    assert not allowed.reaches(first, 80)
    assert allowed.reaches(first + 4999, 80)


def test_a_name_opens_no_way_to_private_addresses() -> None:
    allowed = AllowList(["example.com", "localhost"])
    for private in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "::1"):
        address = ipaddress.ip_address(private)
        allowed.resolved("example.com", [address])
        assert not allowed.reaches(address, 80)
    allowed.resolved("localhost", [ipaddress.ip_address("127.0.0.1")])
    assert allowed.reaches(ipaddress.ip_address("127.0.0.1"), 80)


@pytest.mark.parametrize(
    ("entry", "host", "port", "named"),
    [
        ("example.com", "example.com", 80, True),
        ("example.com", "Example.COM.", 443, True),
        ("example.com", "www.example.com", 80, False),
        ("example.com", "example.com.evil.org", 80, False),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 80, False),
        ("example.com:*", "example.com", 80, True),
        ("*.example.com", "a.b.example.com", 80, True),
        ("*.example.com", "example.com", 80, False),
        ("*.example.com", "badexample.com", 80, False),
        ("*.example.com:443", "a.example.com", 443, True),
        ("*.example.com:443", "a.example.com", 80, False),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8:80", "10.1.2.3", 81, False),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("::1", "::1", 81, True),
        ("fd00::/8", "fd12::1", 80, True),
        ("127.0.0.1", "localhost", 80, False),
        ("localhost", "127.0.0.1", 80, False),
    ],
)
def test_an_entry_names_a_host(entry: str, host: str, port: int, named: bool) -> None:
    assert AllowList([entry]).names(host, port) is named


@pytest.mark.parametrize("form", ["0x7f000001", "2130706433", "127.1", "0177.0.0.1", "::ffff:127.0.0.1", "[::]"])
def test_other_spellings_of_loopback_are_not_let_through(form: str) -> None:
    allow = AllowList(["example.com", "*.example.com", "localhost", "93.184.216.34"])
    assert not allow.names(form, 80)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("93.184.216.34", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
    ],
)
def test_a_name_reaches_public_addresses_only(resolver: dict[str, str], address: str, may: bool) -> None:
    resolver["name.example"] = address
    assert AllowList(["name.example"]).addresses("name.example", 80) == ([address] if may else [])


def test_a_private_address_is_reached_when_an_entry_covers_it(resolver: dict[str, str]) -> None:
    resolver["name.example"] = "10.1.2.3"
    assert AllowList(["name.example", "10.1.0.0/16"]).addresses("name.example", 80) == ["10.1.2.3"]


def test_localhost_is_loopback_and_nothing_else(resolver: dict[str, str]) -> None:
    assert AllowList(["localhost"]).addresses("localhost", 80)
    resolver["localhost"] = "10.0.0.1"
    assert AllowList(["localhost"]).addresses("localhost", 80) == []


def test_an_empty_list_is_false() -> None:
    assert not AllowList()
    assert AllowList(["example.com"])


def test_a_lone_text_is_one_entry() -> None:
    assert [rule.text for rule in AllowList("example.com").rules] == ["example.com"]


@pytest.mark.parametrize(
    ("text", "default", "parts"),
    [
        ("example.com", 80, ("example.com", 80)),
        ("example.com:81", 80, ("example.com", 81)),
        ("[::1]", 80, ("::1", 80)),
        ("[::1]:81", 80, ("::1", 81)),
        ("::1", None, ("::1", None)),
        ("example.com:*", 80, ("example.com", None)),
    ],
)
def test_an_authority_is_host_and_port(text: str, default: int | None, parts: tuple[str, int | None]) -> None:
    assert split_authority(text, default) == parts
