"""Which hosts a guest may reach: an allow-list of names, checked again after they have been resolved."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Rule:
    """One entry of an allow-list.

    `example.com`, `example.com:8080`, `*.example.com`, `127.0.0.1:6379`, `[::1]:80`, `10.0.0.0/8`;
    without a port, or with `*`, every port.
    """

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """
        Raises:
            ValueError: not of that form; the message says what is.
        """
        host, port = split_authority(text.strip())
        if not host or ("/" in host and _network(host) is None) or "@" in host:
            raise ValueError(
                f"{text!r} is not an entry for an allow-list; wanted host, host:port, *.domain or address/bits"
            )
        return cls(host.lower().rstrip("."), port)

    def names(self, host: str, port: int) -> bool:
        """Whether the entry allows this host by its name (or literal address)."""
        if self.port is not None and self.port != port:
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host) - 1
        return self.host == host

    def covers(self, address: Address, port: int) -> bool:
        """Whether the entry allows this address as such."""
        if self.port is not None and self.port != port:
            return False
        network = _network(self.host)
        return network is not None and address.version == network.version and address in network


class AllowList:
    """Decides, for a host and port, which addresses may be connected to.

    A name's entry allows the public addresses it resolves to. An address of this machine or of a private
    network is only reached when an entry names that address or network itself (`localhost` names this
    machine's), so a name that someone else controls can't lead a guest inside.

    Args:
        entries: see `Rule`. Empty: nothing is allowed.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        if isinstance(entries, str):
            entries = (entries,)
        self.rules = tuple(Rule.parse(entry) for entry in entries)

    def names(self, host: str, port: int) -> bool:
        """Whether a host is allowed before it is resolved."""
        host = host.lower().rstrip(".")
        literal = _literal(host)
        if literal is not None:
            return any(rule.covers(literal, port) or rule.names(host, port) for rule in self.rules)
        return any(rule.names(host, port) for rule in self.rules)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of an allowed host that may be connected to; empty when there is none.

        Raises:
            OSError: the name does not resolve.
        """
        host = host.lower().rstrip(".")
        allowed = []
        for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if self._may(host, address, port) and str(address) not in allowed:
                allowed.append(str(address))
        return allowed

    def _may(self, host: str, address: Address, port: int) -> bool:
        if any(rule.covers(address, port) for rule in self.rules):
            return True
        mapped = getattr(address, "ipv4_mapped", None) or address
        if mapped.is_global:
            return any(rule.names(host, port) for rule in self.rules)
        return host == "localhost" and mapped.is_loopback and any(rule.names(host, port) for rule in self.rules)

    def __bool__(self) -> bool:
        return bool(self.rules)


def split_authority(text: str, default: int | None = None) -> tuple[str, int | None]:
    """`host:port` → (host, port); brackets around an IPv6 address are taken off.

    Raises:
        ValueError: the port is not a number from 0 to 65535 (or `*` for any).
    """
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if port in ("", "*"):
        return host, default if not port else None
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} has the port {port!r}, which is not a number from 0 to 65535")
    return host, int(port)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(host: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None
