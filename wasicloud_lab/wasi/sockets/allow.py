"""Which addresses a guest may talk to: an allow-list, empty by default.

127.0.0.1:6379       one address
10.0.0.0/8:*         a network, any port
[::1]:5432           IPv6 in brackets
localhost:*          a name: the addresses it resolved to for the guest, and no others
*.example.com:443    any name below a domain
*:80                 anything at all
listen:127.0.0.1:*   be reachable there: TCP listening, UDP from anybody
"""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Addresses that are remembered for the names they came from.
REMEMBERED = 4096

_PATTERN = re.compile(r"(?P<listen>listen:)?(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\s]+)):(?P<port>\*|\d{1,5})")
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.?")


@dataclass(frozen=True)
class Rule:
    """One pattern of an allow-list.

    Attributes:
        listen: it is about being reachable, not about reaching.
        network: the addresses it covers; None where it is about a name, or anything.
        name: the name in lower case, perhaps with `*.` before it; None where it is about addresses.
        port: None for any.
    """

    listen: bool
    network: _Network | None
    name: str | None
    port: int | None

    @classmethod
    def parse(cls, pattern: str) -> Rule:
        """
        Raises:
            ValueError: the pattern is not of a known form.
        """
        match = _PATTERN.fullmatch(pattern.strip())
        port = None if match is None or match["port"] == "*" else int(match["port"])
        if match is None or (port is not None and port > 65535):
            raise ValueError(
                f"{pattern!r} is not an address to allow; wanted HOST:PORT, like '127.0.0.1:6379', '[::1]:*', "
                "'example.com:80' or 'listen:127.0.0.1:8080'"
            )
        host = match["ipv6"] or match["host"].lower()
        listen = bool(match["listen"])
        if host == "*":
            return cls(listen, None, None, port)
        try:
            return cls(listen, ipaddress.ip_network(host), None, port)
        except ValueError:
            if match["ipv6"] or listen or not _NAME.fullmatch(host) or re.fullmatch(r"[\d./]+", host):
                raise ValueError(
                    f"{pattern!r}: {host!r} is neither an address or network"
                    f"{'' if listen else ' nor the name of a host'}"
                ) from None
            return cls(listen, None, host.rstrip("."), port)

    def covers(self, address: IPAddress, port: int) -> bool:
        """Whether it is about this address and port, as far as the pattern alone says."""
        if self.name is not None or self.port not in (None, port):
            return False
        return self.network is None or address in self.network

    def names(self, name: str) -> bool:
        """Whether it lets a guest look this name up."""
        if self.listen or self.network is not None:
            return False
        if self.name is None:
            return True
        return name.endswith(self.name[1:]) if self.name.startswith("*.") else name == self.name


class AllowList:
    """What one app may reach, and which addresses its names have resolved to.

    Args:
        patterns: see the module.

    Raises:
        ValueError: a pattern is not of a known form.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        if isinstance(patterns, str):
            raise ValueError(f"the allow-list is a list of addresses: [{patterns!r}]")
        self.rules = tuple(Rule.parse(pattern) for pattern in patterns)
        self._resolved: OrderedDict[tuple[IPAddress, int | None], None] = OrderedDict()
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self.rules)

    def reaches(self, address: IPAddress, port: int) -> bool:
        """Whether a guest may send to an address."""
        if any(rule.covers(address, port) for rule in self.rules if not rule.listen):
            return True
        with self._lock:
            return (address, port) in self._resolved or (address, None) in self._resolved

    def listens(self, address: IPAddress, port: int) -> bool:
        """Whether a guest may be reached at an address of this host."""
        return any(rule.covers(address, port) for rule in self.rules if rule.listen)

    def looks_up(self, name: str) -> bool:
        """Whether a guest may resolve a name. `localhost` says nothing about anybody, so it always may."""
        name = _folded(name)
        return bool(self.rules) and (name == "localhost" or any(rule.names(name) for rule in self.rules))

    def resolved(self, name: str, addresses: Iterable[IPAddress]) -> None:
        """Remembers what a name resolved to: its ports may be reached at these addresses from now on."""
        name = _folded(name)
        ports = {rule.port for rule in self.rules if rule.name is not None and rule.names(name)}
        with self._lock:
            for address in addresses:
                for port in ports:
                    self._resolved.pop((address, port), None)
                    self._resolved[address, port] = None
            while len(self._resolved) > REMEMBERED:
                self._resolved.popitem(last=False)


def _folded(name: str) -> str:
    return name.lower().rstrip(".")
