"""wasi:http/types `fields`: header and trailer rules.

Names are compared and kept in lower case. Values are bytes as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import Err, GuestOutOfMemory, RequestError
from ...host.interface import resource
from ...host.values import Variant

#: One header: a lower-case name and the bytes of its value.
Header = tuple[str, bytes]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

#: Bytes of names and values that one `fields` may hold.
SIZE_LIMIT = 1024 * 1024

#: Names that belong to the connection and not to the message: the host sets them, a guest may not.
FORBIDDEN = frozenset(
    "connection host http2-settings keep-alive proxy-authenticate proxy-authorization proxy-connection "
    "transfer-encoding upgrade".split()
)

_INVALID = Variant("invalid-syntax")
_FORBIDDEN = Variant("forbidden")
_IMMUTABLE = Variant("immutable")


def valid_name(name: str) -> bool:
    """Whether a header may be called so."""
    return _TOKEN.fullmatch(name) is not None


def valid_value(value: bytes) -> bool:
    """Whether a header may have this value: no line breaks, no NULs, no other control characters."""
    return _BAD_VALUE.search(value) is None


def request_headers(headers: Iterable[tuple[str, str | bytes]]) -> list[Header]:
    """The headers of a request as a guest is shown them: checked, in lower case, without the connection's.

    Raises:
        RequestError: a name or value that HTTP does not allow; the message shows which.
    """
    checked = []
    for name, value in headers:
        raw = _encoded(value) if isinstance(value, str) else value
        if not _TOKEN.fullmatch(name):
            raise RequestError(
                f"{name!r} can't be the name of a header: only letters, digits and !#$%&'*+-.^_`|~ may stand there"
            )
        if _BAD_VALUE.search(raw):
            raise RequestError(f"the value of the header {name!r} has a line break or control character: {raw[:60]!r}")
        name = name.lower()
        if name not in FORBIDDEN:
            checked.append((name, raw.strip(b" \t")))
    return checked


def _encoded(value: str) -> bytes:
    """Latin-1 as HTTP/1.1 once had it, UTF-8 for what that can't write."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode(errors="replace")  # halves of characters, which no encoding has


@resource
class Fields:
    """wasi:http/types `fields`.

    Args:
        entries: taken over, not copied.
        immutable: changes are refused, as for the headers of a request that came in.
    """

    __slots__ = ("_size", "entries_list", "immutable")

    def __init__(self, entries: list[Header] | None = None, immutable: bool = False) -> None:
        self.entries_list = [] if entries is None else entries
        self.immutable = immutable
        self._size = _size(self.entries_list) if entries and not immutable else 0

    @staticmethod
    def from_list(entries: list) -> Fields:  # type: ignore[type-arg]
        fields = Fields()
        for name, value in entries:
            fields.append(name, value)
        return fields

    def get(self, name: str) -> list[bytes]:
        name = name.lower()
        return [value for known, value in self.entries_list if known == name]

    def has(self, name: str) -> bool:
        name = name.lower()
        return any(known == name for known, _ in self.entries_list)

    def set(self, name: str, values: list) -> None:  # type: ignore[type-arg]
        name = self._changeable(name, values)
        kept = [entry for entry in self.entries_list if entry[0] != name]
        self._size = 0
        self._count(kept := [*kept, *((name, value) for value in values)])
        self.entries_list[:] = kept

    def delete(self, name: str) -> None:
        name = self._changeable(name, ())
        self.entries_list[:] = [entry for entry in self.entries_list if entry[0] != name]
        self._size = _size(self.entries_list)

    def append(self, name: str, value: bytes) -> None:
        entry = (self._changeable(name, (value,)), value)
        self._count((entry,))
        self.entries_list.append(entry)

    def entries(self) -> list[Header]:
        return self.entries_list

    def copy_all(self) -> list[Header]:
        """The entries, in a list of their own."""
        return list(self.entries_list)

    def clone(self) -> Fields:
        return Fields(list(self.entries_list))

    def first(self, name: str) -> bytes | None:
        """The first value under a name, or None."""
        for known, value in self.entries_list:
            if known == name:
                return value
        return None

    def _count(self, entries: Iterable[Header]) -> None:
        self._size += _size(entries)
        if self._size > SIZE_LIMIT:
            raise GuestOutOfMemory(f"the guest put more than {SIZE_LIMIT} bytes into the fields of one message")

    def _changeable(self, name: str, values: Iterable[bytes]) -> str:
        if self.immutable:
            raise Err(_IMMUTABLE)
        if not _TOKEN.fullmatch(name) or not all(valid_value(value) for value in values):
            raise Err(_INVALID)
        name = name.lower()
        if name in FORBIDDEN:
            raise Err(_FORBIDDEN)
        return name


def _size(entries: Iterable[Header]) -> int:
    """Bytes of names and values, with 32 for each entry."""
    return sum(len(name) + len(value) + 32 for name, value in entries)


def content_length(fields: list[Header]) -> int | None:
    """The number in `content-length`, or None where there is none or it is not one number."""
    values = {value for name, value in fields if name == "content-length"}
    if len(values) == 1:
        value = values.pop()
        if value.isdigit() and len(value) < 20:
            return int(value)
    return None
