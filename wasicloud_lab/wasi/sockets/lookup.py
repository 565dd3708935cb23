"""Name lookup: each in a thread of its own, as the system's resolver can't be asked without waiting."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

from ...errors import Err
from ...host.interface import resource
from ...host.state import current
from ...host.values import Variant
from ..allow import AllowList, IPAddress
from ..io import Pollable
from .address import ip_for_guest
from .base import failure

#: Lookups under way at once in this process: each takes a thread, perhaps for long.
LOOKUP_LIMIT = 16

_lookups = threading.BoundedSemaphore(LOOKUP_LIMIT)


@resource
class ResolveAddressStream:
    """wasi:sockets/ip-name-lookup `resolve-address-stream`.

    Attributes:
        outcome: the addresses, or the error; None while the lookup is under way.
    """

    def __init__(self) -> None:
        self.outcome: list[IPAddress] | Err | None = None

    def resolve_next_address(self) -> Variant | None:
        if self.outcome is None:
            raise failure("would-block")
        if isinstance(self.outcome, Err):
            raise self.outcome
        return ip_for_guest(self.outcome.pop(0)) if self.outcome else None

    def subscribe(self) -> Pollable:
        return Pollable(lambda: self.outcome is not None)


def resolve(name: str, allowed: AllowList, ask: Callable[..., Any]) -> ResolveAddressStream:
    """Starts a lookup.

    Args:
        name: a host's name, or an address, which is its own answer.
        allowed: says whether the name may be looked up, and remembers what it resolved to.
        ask: `socket.getaddrinfo`, or like it.

    Raises:
        Err: `access-denied`, `invalid-argument`, `temporary-resolver-failure` where too many are under way.
    """
    stream = ResolveAddressStream()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        if not allowed:
            raise failure("access-denied")
        stream.outcome = [_plain(address)]
        return stream
    ascii_name = _ascii(name)
    if not allowed.looks_up(ascii_name):
        raise failure("access-denied")
    if not _lookups.acquire(blocking=False):
        raise failure("temporary-resolver-failure")
    wake = current().waker.set

    def look_up() -> None:
        try:
            stream.outcome = _asked(ascii_name, allowed, ask)
        except Err as error:
            stream.outcome = error
        finally:
            _lookups.release()
            wake()

    try:
        threading.Thread(target=look_up, name="wasicloud-lab lookup", daemon=True).start()
    except BaseException:
        _lookups.release()
        raise
    return stream


def _asked(name: str, allowed: AllowList, ask: Callable[..., Any]) -> list[IPAddress]:
    try:
        found = ask(name, None, type=socket.SOCK_STREAM)
        addresses = [_plain(ipaddress.ip_address(entry[4][0].partition("%")[0])) for entry in found]
    except socket.gaierror as error:
        raise failure(_RESOLVER.get(error.errno or 0, "name-unresolvable")) from None
    except Exception:
        raise failure("permanent-resolver-failure") from None
    addresses = list(dict.fromkeys(addresses))
    allowed.resolved(name, addresses)
    return addresses


_RESOLVER = {
    getattr(socket, name): code
    for name, code in {
        "EAI_AGAIN": "temporary-resolver-failure",
        "EAI_FAIL": "permanent-resolver-failure",
        "EAI_MEMORY": "out-of-memory",
        "EAI_NONAME": "name-unresolvable",
    }.items()
    if hasattr(socket, name)
}


def _plain(address: IPAddress) -> IPAddress:
    """An IPv4 address also where it came in IPv6 clothes."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _ascii(name: str) -> str:
    """A host's name as the resolver takes it.

    Raises:
        Err: `invalid-argument`.
    """
    try:
        encoded = name.encode("idna").decode().lower()
    except UnicodeError:
        raise failure("invalid-argument") from None
    if not re.fullmatch(r"[a-z0-9_.-]{1,253}", encoded):
        raise failure("invalid-argument")
    return encoded
