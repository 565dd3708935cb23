"""Addresses as guests, `ipaddress` and `socket` know them."""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple

from ...host.values import Variant
from ..allow import IPAddress


class Ipv4SocketAddress(NamedTuple):
    """The record `ipv4-socket-address`."""

    port: int
    address: tuple[int, ...]


class Ipv6SocketAddress(NamedTuple):
    """The record `ipv6-socket-address`."""

    port: int
    flow_info: int
    address: tuple[int, ...]
    scope_id: int


class Address(NamedTuple):
    """An address and port, as `ipaddress` and `socket` know them.

    Attributes:
        ip: without a scope.
        port: 0 where none is chosen.
        more: flow information and scope, for IPv6.
    """

    ip: IPAddress
    port: int
    more: tuple[int, ...] = ()

    @classmethod
    def of_guest(cls, value: Variant) -> Address:
        """From the variant `ip-socket-address`."""
        record: Any = value.value
        if value.tag == "ipv4":
            return cls(ipaddress.IPv4Address(bytes(record.address)), record.port)
        packed = b"".join(part.to_bytes(2, "big") for part in record.address)
        return cls(ipaddress.IPv6Address(packed), record.port, (record.flow_info, record.scope_id))

    @classmethod
    def of_host(cls, found: Any) -> Address:
        """From what `getsockname` and the like answer."""
        return cls(ipaddress.ip_address(found[0].partition("%")[0]), found[1], tuple(found[2:]))

    def for_guest(self) -> Variant:
        """As the variant `ip-socket-address`."""
        if isinstance(self.ip, ipaddress.IPv4Address):
            return Variant("ipv4", Ipv4SocketAddress(self.port, tuple(self.ip.packed)))
        flow, scope = self.more or (0, 0)
        return Variant("ipv6", Ipv6SocketAddress(self.port, flow, ip_for_guest(self.ip).value, scope))

    def for_host(self) -> tuple[Any, ...]:
        """As `bind`, `connect` and `sendto` take it."""
        if isinstance(self.ip, ipaddress.IPv4Address):
            return (str(self.ip), self.port)
        flow, scope = self.more or (0, 0)
        return (str(self.ip), self.port, flow & 0xFFFFF, scope)  # the field has 20 bits

    @property
    def is_unicast(self) -> bool:
        """Whether it can be one host's: no group, no broadcast, no IPv4 address in IPv6 clothes."""
        if isinstance(self.ip, ipaddress.IPv6Address) and self.ip.ipv4_mapped is not None:
            return False
        return not self.ip.is_multicast and self.ip != ipaddress.IPv4Address("255.255.255.255")

    @property
    def is_remote(self) -> bool:
        """Whether something can be sent there."""
        return not self.ip.is_unspecified and self.port != 0


def ip_for_guest(ip: IPAddress) -> Variant:
    """As the variant `ip-address`."""
    if isinstance(ip, ipaddress.IPv4Address):
        return Variant("ipv4", tuple(ip.packed))
    packed = ip.packed
    return Variant("ipv6", tuple(int.from_bytes(packed[n : n + 2], "big") for n in range(0, 16, 2)))
