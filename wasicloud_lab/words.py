"""Values on their way between guest and host, in a few words: what a trace keeps and says of them.

`keep` is done at the time of the call, and quick: small immutable values stay as they are, of others stay the first
bytes, the first elements, the name. So no resource, no body and nothing that changes later is held. `words` makes
text of that when somebody looks, with the secrets in it masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from types import MemberDescriptorType
from typing import Any, NamedTuple

from .errors import Err, GuestError
from .host.resources import GuestResource
from .host.values import Ok, Some, Variant
from .providers.address import MASK, masked
from .units import size_text

#: Characters of the words for one value at most.
LENGTH = 120
#: Bytes or characters that are kept of a value.
KEPT = 256
#: Characters of text that are shown.
SHOWN = 64
#: Bytes that are shown whole where they are text; of more, the beginning.
WHOLE, BEGINNING = 32, 24
#: Elements of a list that are kept.
ELEMENTS = 4
#: How deep lists, tuples and variants in each other are kept.
DEPTH = 4

#: Types whose values are small and never change.
PLAIN = frozenset((int, bool, float, type(None)))

#: Names of headers whose values are secrets.
SECRET_HEADERS = frozenset(
    (
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-amz-security-token",
    )
)


class Words(str):
    """Text that says a value, as against a value that is text."""

    __slots__ = ()


class Beginning(NamedTuple):
    """The first part of text or bytes, and the length of the whole."""

    part: str | bytes
    size: int


class Named(NamedTuple):
    """A resource with a name of its own: bucket 'visits'."""

    title: str
    name: str | Beginning


class Tagged(NamedTuple):
    """A case with its payload."""

    tag: str
    value: Any


class Several(NamedTuple):
    """The first elements of a list or tuple, the names of its fields if it has any, and how many there are."""

    brackets: str
    parts: list[Any]
    fields: Sequence[str]
    size: int


# --- at the time of the call ---------------------------------------------------------------------------


def keep(value: Any, depth: int = 0) -> Any:
    """What a trace keeps of a value. Never raises: a trace must not change what a guest sees."""
    kind = type(value)
    if kind in PLAIN:
        return value
    known = _known.get(kind)
    if known is not None:
        return known if isinstance(known, Words) else known(value, depth)
    if kind is Variant and value.value is None:
        return value
    try:
        return _kept(value, kind, depth)
    except Exception:
        return Words(kind.__name__)


def _kept(value: Any, kind: type, depth: int) -> Any:
    if depth >= DEPTH:
        return Words("…")
    if kind is Variant:
        return Tagged(value.tag, keep(value.value, depth + 1))
    if kind is Ok:
        return Tagged("ok", keep(value.value, depth + 1))
    if kind is list:
        return Several("[]", [keep(part, depth + 1) for part in value[:ELEMENTS]], (), len(value))
    if kind is Some or isinstance(value, Err):
        return Tagged("some" if kind is Some else "err", keep(value.value, depth + 1))
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", ())
        parts = islice(value, 8 if fields else ELEMENTS)
        return Several("()", [keep(part, depth + 1) for part in parts], fields, len(value))
    if kind is frozenset:
        return Words("{" + ", ".join(sorted(value)) + "}")
    if kind is GuestResource:
        return Words(f"{value.name} of the guest")
    if isinstance(value, (bytearray, memoryview, bytes)):
        view = memoryview(value)
        return Beginning(bytes(view.cast("B")[:KEPT]) if view.c_contiguous else b"", view.nbytes)
    if getattr(kind, "_resource_number", None) is not None:
        return _learn(kind, value)
    return Words(_kebab(kind.__name__))


def _start(value: Any, depth: int) -> Any:
    """Text or bytes, or the first part of it."""
    return value if len(value) <= KEPT else Beginning(value[:KEPT], len(value))


#: What keeps a value of a class, or the words for all of that class.
_known: dict[type, Callable[[Any, int], Any] | Words] = {str: _start, bytes: _start}
#: Classes in it at most: a notebook that is run again and again makes new ones of its own.
_KNOWN = 1000


def _learn(kind: type, resource: Any) -> Words | Named:
    """How the resources of a class are told: as WIT names them, and with their own name where they have one.

    The first one that is met says whether they have; looking for it in vain each time would be slow.
    """
    marked = [cls for cls in kind.__mro__ if "_resource_number" in vars(cls)]
    title = _kebab((marked[-1] if marked else kind).__name__)
    constant = Words(title)
    # Only what is stored in the object: a property or method could do anything, and so could a class that looks
    # names up in its own way.
    stored = (MemberDescriptorType, type(None))
    attribute = next((name for name in ("name", "_name") if isinstance(getattr(kind, name, None), stored)), "_name")
    plain = not any(name in vars(cls) for cls in kind.__mro__[:-1] for name in ("__getattribute__", "__getattr__"))

    def tell(resource: Any, depth: int) -> Words | Named:
        name = getattr(resource, attribute, None)
        return Named(title, _start(name, depth)) if type(name) is str else constant

    if len(_known) >= _KNOWN:
        _known.clear()
        _known.update({str: _start, bytes: _start})
    told = tell(resource, 0) if plain else constant
    _known[kind] = constant if told is constant else tell
    return told


def _kebab(name: str) -> str:
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).strip("-_")


# --- when somebody looks -------------------------------------------------------------------------------


def words(kept: Any) -> str:
    """The text for what `keep` answered."""
    return one_line(_text(kept))


def one_line(text: str, length: int = LENGTH) -> str:
    """Text on one line and not longer than that."""
    text = "".join(char if char.isprintable() else "�" for char in text[: length + 1].replace("\n", " "))
    return text if len(text) <= length else text[: length - 1] + "…"


def error_words(error: BaseException) -> str:
    """What a host function raised: the payload of an `Err`, or what the guest trapped with. Never raises."""
    if isinstance(error, Err):
        value = error.value
        text = "error" if value is None else value[:KEPT] if isinstance(value, str) else _text(keep(value))
    elif isinstance(error, GuestError):
        text = error.message
    else:
        try:
            text = f"{type(error).__name__}: {error}"
        except Exception:  # an exception that can't say itself
            text = type(error).__name__
    return one_line(safe(text[:1024], cut=len(text) > 1024), 200)


_OPEN_PASSWORD = re.compile(r"(://[^/?#\s@:]*:)[^\s@]*$")


def safe(text: str, cut: bool = False) -> str:
    """Text with its secrets masked.

    Args:
        cut: it goes on, so the @ that ends a password may be missing.
    """
    if "=" not in text and "://" not in text:
        return text
    text = masked(text)
    return _OPEN_PASSWORD.sub(rf"\1{MASK}", text) if cut else text


def _text(kept: Any) -> str:
    if isinstance(kept, Words):
        return safe(kept)
    if isinstance(kept, str):
        return _quoted(kept, len(kept))
    if isinstance(kept, bytes):
        return _bytes(kept, len(kept))
    if isinstance(kept, Beginning):
        return _quoted(kept.part, kept.size) if isinstance(kept.part, str) else _bytes(kept.part, kept.size)
    if isinstance(kept, Named):
        return f"{kept.title} {_text(kept.name)}"
    if isinstance(kept, Variant):
        return kept.tag
    if isinstance(kept, Tagged):
        return kept.tag if kept.value is None else f"{kept.tag}({_text(kept.value)})"
    if isinstance(kept, Several):
        return _several(kept)
    return repr(kept)


def _several(kept: Several) -> str:
    parts: Iterable[str] = map(_text, kept.parts)
    if kept.fields:
        parts = (f"{name}: {part}" for name, part in zip(kept.fields, parts))
    elif kept.size == 2 and isinstance(kept.parts[0], str) and kept.parts[0].lower() in SECRET_HEADERS:
        parts = (_text(kept.parts[0]), MASK)
    more = kept.size - len(kept.parts)
    return f"{kept.brackets[0]}{', '.join([*parts, *([f'… {more:,} more'] if more else [])])}{kept.brackets[1]}"


def _quoted(text: str, size: int) -> str:
    """Masked before it is cut to what is shown: half a URL would not be known as one."""
    text = safe(text, cut=len(text) < size)
    return repr(text) if len(text) <= SHOWN and size <= KEPT else f"{text[:SHOWN]!r}… {size:,} characters"


def _bytes(data: bytes, size: int) -> str:
    if size > len(data) * 16:
        return size_text(size)
    cut = len(data) < size
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if not cut or error.start < len(data) - 3:
            return repr(data) if size <= 8 else size_text(size)
        text = data[: error.start].decode()  # a character that the cut went through
    text = safe(text, cut)
    if size > WHOLE and sum(char.isprintable() or char in "\r\n\t" for char in text) < 0.9 * len(text):
        return size_text(size)
    return f"b{text!r}" if size <= WHOLE else f"b{text[:BEGINNING]!r}… {size_text(size)}"
