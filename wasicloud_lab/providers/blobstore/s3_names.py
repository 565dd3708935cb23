"""Names of containers and objects as S3 keys: what another S3 tool would write, wherever a key can say it.

    animals/dog.txt                       the object "dog.txt" in the container "animals"
    animals/wild/fox.txt                  the object "wild/fox.txt"; a slash means nothing to S3
    animals/~container                    marks the container, empty or not; its bytes are the container's name
    animals/~x/2f2f                       the object "//": in hexadecimal, since clients trip over such keys
    animals/~h/<SHA-256>, ~n/<SHA-256>    an object whose name is longer than a key may be, and the name
    ~<SHA-256>/…                          a container whose name is no part of a key, or too long for one

All of these list in the order of the names' code points, apart from the hashed ones.
"""

from __future__ import annotations

import hashlib
import re

#: Bytes of UTF-8. A key has 1024 at most: prefix, container and object, and the slashes between them.
KEY_LIMIT = 1024
PREFIX_LIMIT = 120
CONTAINER_LIMIT = 200
OBJECT_LIMIT = KEY_LIMIT - PREFIX_LIMIT - CONTAINER_LIMIT - 2

MARKER = "~container"
#: What follows everything that begins with the store's own mark, and nothing that does not.
BEYOND_OWN = "~~"

_PART = r"(?!\.\.?(?:/|\Z))[^/\x00-\x1f\x7f\ufffe\uffff]+"
_CONTAINER = re.compile(rf"(?!~){_PART}")
_OBJECT = re.compile(rf"(?!~){_PART}(?:/{_PART})*")
_HASHED = re.compile(r"[0-9a-f]{64}")


def container_key(name: str) -> str:
    """The part of a key that stands for a container.

    Raises:
        UnicodeEncodeError: the name holds half of a surrogate pair, and so is no text.
    """
    return name if _fits(_CONTAINER, name, CONTAINER_LIMIT) else f"~{_hash(name)}"


def container_name(key: str) -> str | None:
    """The name that a part of a key says by itself: None for a hash or for what is no container's."""
    return key if _fits(_CONTAINER, key, CONTAINER_LIMIT) else None


def is_hashed_container(key: str) -> bool:
    """Whether the marker has the container's name."""
    return key.startswith("~") and bool(_HASHED.fullmatch(key[1:]))


def object_key(name: str) -> str:
    """The part of a key that stands for an object in its container.

    Raises:
        UnicodeEncodeError: the name holds half of a surrogate pair, and so is no text.
    """
    if _fits(_OBJECT, name, OBJECT_LIMIT):
        return name
    hexadecimal = name.encode().hex()
    # An empty last part is no key: the empty name has a dash, which comes before all digits.
    return f"~x/{hexadecimal or '-'}" if len(hexadecimal) + 3 <= OBJECT_LIMIT else f"~h/{_hash(name)}"


def object_name(key: str) -> str | None:
    """The name that a part of a key says by itself: None for a hash or for what is no object's."""
    if _fits(_OBJECT, key, OBJECT_LIMIT):
        return key
    try:
        name = bytes.fromhex(key[3:].removeprefix("-")).decode()
        return name if key == object_key(name) else None
    except ValueError:
        return None


def name_key(key: str) -> str | None:
    """Where the name is that the key of an object stands for; None if the key says it by itself."""
    return f"~n/{key[3:]}" if key.startswith("~h/") else None


def offset(name: str) -> str:
    """The last key that a client can ask to start after without missing an object whose key is its name."""
    if name.startswith("~"):
        return BEYOND_OWN  # all that follows such a name begins with something greater
    while name and not _fits(_OBJECT, name, OBJECT_LIMIT):
        name = name[:-1]
    return name


def hexadecimal_offset(name: str) -> str:
    """The same for objects whose keys are hexadecimal."""
    return f"~x/{(name.encode().hex() or '-')[: OBJECT_LIMIT - 3]}"


def _fits(pattern: re.Pattern[str], name: str, limit: int) -> bool:
    return len(name.encode()) <= limit and bool(pattern.fullmatch(name))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
