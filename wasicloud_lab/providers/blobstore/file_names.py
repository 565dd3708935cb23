"""Names of containers and objects as names of folders and files: any text, reversibly, readable where that is safe.

`dog.txt` is the file `dog.txt`. What some file system can't hold, or would take for something else, is
percent-encoded, on every system alike, so that a folder can be carried from one to another:

    a/b          a%2Fb            separators, NUL, control characters and `\\ : * ? " < > | %`
    ..           %2E.             a dot at the front (such entries are hidden, and ours), a dot or space at the end
    con.txt      %63on.txt        the names of Windows' devices
    (empty)      %-

Where a file system takes `A` and `a`, or two spellings of `é`, for one name, upper case and all letters with such
twins are encoded too (`Names(folds=True)`).

File systems stop at 255 bytes. A longer name goes over nested folders: all but the last part end in `%`, all but
the first begin with `+`. Nothing else looks like that, so no two names share a place.
"""

from __future__ import annotations

import re
import unicodedata

#: Bytes that one component of a path may have on every file system we know.
COMPONENT_LIMIT = 255

_EMPTY = "%-"
_ESCAPE = re.compile(r"%([0-9A-F]{2})")
#: Most names, in which nothing but slashes is encoded; by whether case folds.
_SIMPLE = {
    True: re.compile(r"[a-z0-9_/-](?:[a-z0-9_./ -]{0,200}[a-z0-9_/-])?"),
    False: re.compile(r"[A-Za-z0-9_/-](?:[A-Za-z0-9_./ -]{0,200}[A-Za-z0-9_/-])?"),
}
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)", re.I | re.S)
_RESERVED = frozenset('/\\:*?"<>|\x7f') | frozenset(map(chr, range(32)))


class Names:
    """How names are written on one file system.

    Args:
        folds: it takes names for one that differ in case, or in how an accent is put together.
    """

    def __init__(self, folds: bool) -> None:
        self.folds = folds
        self._simple = _SIMPLE[folds].fullmatch

    def parts(self, name: str) -> list[str]:
        """The components for a name: one, or more where one would be too long.

        Raises:
            UnicodeEncodeError: the name holds half of a surrogate pair, and so is no text.
        """
        simple = self._simple(name) and not _DEVICE.match(name)
        text = name.replace("/", "%2F") if simple else self._encode(name)
        if _size(text) <= COMPONENT_LIMIT:
            return [text]
        parts = _split(text, COMPONENT_LIMIT - len("+%"))
        last = len(parts) - 1
        return [("+" if at else "") + part + ("%" if at < last else "") for at, part in enumerate(parts)]

    def name(self, parts: list[str]) -> str | None:
        """The name that components stand for; None where they stand for none.

        A single component that `parts` would never make, because somebody else chose it (`100%.txt`,
        `Dog.txt` where case folds), is its own name.
        """
        first = parts[0]
        simple = first.replace("%2F", "/")
        if len(parts) == 1 and self._simple(simple) and not _DEVICE.match(simple):
            return simple
        try:
            name = self._decode("".join(part[at > 0 :].removesuffix("%") for at, part in enumerate(parts)))
            if name is not None and self.parts(name) == parts:
                return name
            if len(parts) > 1 or first.startswith(".") or first.endswith("%"):
                return None
            if self.folds and set(first) & _RESERVED:
                return None  # Windows would take `a:b` for a stream of `a`
            first.encode()
        except UnicodeError:
            return None
        return first

    def plain(self, name: str) -> str | None:
        """The other component under which an object of this name may be found: the name itself, put there by others."""
        if not name or "/" in name or "\0" in name or _size(name) > COMPONENT_LIMIT or self.parts(name) == [name]:
            return None
        return name if self.name([name]) == name else None

    def _encode(self, name: str) -> str:
        if not name:
            return _EMPTY
        name.encode()  # what is no text fails here rather than half-way
        device = bool(_DEVICE.match(name))
        last = len(name) - 1
        whole = self.folds or unicodedata.is_normalized("NFC", name)
        out = []
        for at, char in enumerate(name):
            if char < "\x80":
                escape = (
                    char in _RESERVED
                    or char == "%"
                    or (at == 0 and (char == "." or device))
                    or (at == last and char in ". ")
                    or (self.folds and "A" <= char <= "Z")
                )
            else:
                escape = not whole or (self.folds and _has_twin(char))
            out.append("".join(f"%{byte:02X}" for byte in char.encode()) if escape else char)
        return "".join(out)

    @staticmethod
    def _decode(text: str) -> str | None:
        if text == _EMPTY:
            return ""
        pieces = _ESCAPE.split(text)
        if any("%" in piece for piece in pieces[::2]):
            return None
        return b"".join(bytes.fromhex(piece) if at % 2 else piece.encode() for at, piece in enumerate(pieces)).decode()


def _has_twin(char: str) -> bool:
    """Whether another text may be taken for this character: one in another case, or put together otherwise."""
    return (
        not char.lower() == char.upper() == char.casefold() == char
        or unicodedata.normalize("NFKD", char) != char
        or unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf", "Cn", "Co")
    )


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def _split(text: str, limit: int) -> list[str]:
    """Cuts between characters, and never inside of an escape."""
    parts: list[str] = []
    part: list[str] = []
    size = 0
    for unit in re.findall(r"%[0-9A-F]{2}|.", text, re.S):
        length = _size(unit)
        if size + length > limit:
            parts.append("".join(part))
            part, size = [], 0
        part.append(unit)
        size += length
    parts.append("".join(part))
    return parts
