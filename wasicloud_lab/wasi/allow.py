"""Where a guest may go: one kind of allow-list for requests and for sockets, empty by default.

    example.com            a host by its name, on every port
    example.com:8080       on one port
    *.example.com:443      any name below a domain
    127.0.0.1:6379         an address; [::1]:80 for IPv6
    10.0.0.0/8             a network
    localhost              this machine, by that name
    *:443                  anything at all, on one port
    listen:127.0.0.1:*     for sockets: be reachable there

A name opens the way to the public addresses it resolves to. Addresses of this machine and of private
networks are reached only where an entry names that address or network itself (`localhost` names this
machine's), so that a name which somebody else controls can't lead a guest inside.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Addresses that are remembered for the names they came from.
REMEMBERED = 4096

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


@dataclass(frozen=True)
class Rule:
    """One entry of an allow-list.

    Attributes:
        text: the entry as it was written.
        listen: it is about being reachable, not about reaching.
        network: the addresses it covers; None where it is about a name, or anything.
        name: the name in lower case, perhaps with `*.` before it; None where it is about addresses.
        port: None for any.
    """

    text: str
    listen: bool
    network: Network | None
    name: str | None
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> Rule:
        """
        Raises:
            ValueError: the entry is not of a known form.
        """
        listen = entry.strip().startswith("listen:")
        try:
            host, port = split_authority(entry.strip().removeprefix("listen:"))
        except ValueError as error:
            raise ValueError(f"{entry!r} can't stand in an allow-list: {error}") from None
        host = folded(host)
        if host == "*":
            return cls(entry, listen, None, None, port)
        network = _network(host)
        if network is None and (listen or not _NAME.fullmatch(host) or not re.search(r"[a-z]", host)):
            raise ValueError(
                f"{entry!r} can't stand in an allow-list; wanted a host, an address or a network, and perhaps a port: "
                "'example.com', '*.example.com:443', '127.0.0.1:6379', '10.0.0.0/8', 'listen:127.0.0.1:8080'"
            )
        return cls(entry, listen, network, host if network is None else None, port)

    def covers(self, address: IPAddress, port: int) -> bool:
        """Whether it is about this address and port as such."""
        if self.name is not None or self.port not in (None, port):
            return False
        return self.network is None or (address.version == self.network.version and address in self.network)

    def names(self, name: str, port: int | None = None) -> bool:
        """Whether it is about this (folded) name, and this port where one is given."""
        if self.listen or self.network is not None or (port is not None and self.port not in (None, port)):
            return False
        if self.name is None:
            return True
        return name.endswith(self.name[1:]) if self.name.startswith("*.") else name == self.name


class AllowList:
    """What one app may reach.

    Args:
        entries: see the module.

    Raises:
        ValueError: an entry is not of a known form.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self.rules = tuple(Rule.parse(entry) for entry in ([entries] if isinstance(entries, str) else entries))
        self._resolved: OrderedDict[tuple[IPAddress, int | None], None] = OrderedDict()
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self.rules)

    def __str__(self) -> str:
        return ", ".join(rule.text for rule in self.rules)

    # --- for requests: a host and a port are known together ------------------------------------------

    def names(self, host: str, port: int) -> bool:
        """Whether a host, a name or an address, may be asked at all. It has not been resolved yet."""
        host = folded(host)
        literal = _literal(host)
        if literal is not None:
            return self._covers(literal, port)
        return any(rule.names(host, port) for rule in self.rules)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of an allowed host that may be connected to; empty when there is none.

        Raises:
            OSError: the name does not resolve.
        """
        host = folded(host)
        named = any(rule.names(host, port) for rule in self.rules)
        found: dict[str, None] = {}
        for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if self._covers(address, port) or (named and _may_lead_to(host, address)):
                found[str(address)] = None
        return list(found)

    # --- for sockets: names are looked up first, addresses come later --------------------------------

    def looks_up(self, name: str) -> bool:
        """Whether a guest may resolve a name. `localhost` says nothing about anybody, so it always may."""
        name = folded(name)
        return bool(self.rules) and (name == "localhost" or any(rule.names(name) for rule in self.rules))

    def resolved(self, name: str, addresses: Iterable[IPAddress]) -> None:
        """Remembers what a name resolved to: its ports may be reached at these addresses from now on."""
        name = folded(name)
        ports = {rule.port for rule in self.rules if rule.name is not None and rule.names(name)}
        with self._lock:
            for address in addresses:
                for port in ports if _may_lead_to(name, address) else ():
                    self._resolved.pop((address, port), None)
                    self._resolved[address, port] = None
            while len(self._resolved) > REMEMBERED:
                self._resolved.popitem(last=False)

    def reaches(self, address: IPAddress, port: int) -> bool:
        """Whether a guest may send to an address."""
        if self._covers(address, port):
            return True
        with self._lock:
            return (address, port) in self._resolved or (address, None) in self._resolved

    def listens(self, address: IPAddress, port: int) -> bool:
        """Whether a guest may be reached at an address of this host."""
        return any(rule.covers(address, port) for rule in self.rules if rule.listen)

    def _covers(self, address: IPAddress, port: int) -> bool:
        return any(rule.covers(address, port) for rule in self.rules if not rule.listen)


def _may_lead_to(name: str, address: IPAddress) -> bool:
    """Whether an allowed name may lead to an address that no entry names itself."""
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_global or (name == "localhost" and address.is_loopback)


def split_authority(text: str, default: int | None = None) -> tuple[str, int | None]:
    """`host:port` → (host, port); brackets around an IPv6 address are taken off.

    Raises:
        ValueError: the port is not a number from 0 to 65535 (or `*` for any).
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not re.fullmatch(r"(:.+)?", rest) or ":" not in host:
            raise ValueError(f"{text!r} is not an address in brackets")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(f"{text!r} has no port after its colon")
    else:
        host, port = text, ""
    if port in ("", "*"):
        return host, default if not port else None
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{text!r} has the port {port!r}, which is not a number from 0 to 65535")
    return host, int(port)


def folded(name: str) -> str:
    """A host's name as it is compared."""
    return name.lower().rstrip(".")


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(host: str) -> Network | None:
    try:
        return ipaddress.ip_network(host)
    except ValueError:
        return None
