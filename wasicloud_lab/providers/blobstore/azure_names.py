"""How any name lands in Azure, whose containers and blobs may not have any name.

Containers (Azure: 3–63 lower-case letters, digits and single hyphens):

- a name that Azure takes stays itself: `photos` is the container `photos`;
- any other is `wl-SLUG-HASH`: a slug to recognise it by, and 160 bits of its SHA-256. The name itself is in the
  container's metadata (`wlname`), so a listing gives it back. Names that begin with `wl-` are of this kind too.

With a prefix, all of them begin with it, and what does not is not ours.

Objects:

- a name that is safe in a URL and in Azure's listing stays itself: `dog.txt`, `a/b.txt`, `日本 1.png`;
- any other is the blob `~wl/name/SLUG-HASH`, with its name in the metadata `wlname`. These are names with control
  characters, a backslash, characters from U+D800 on (emoji: Azure may sort them otherwise than by code point),
  slashes or spaces at an end, two slashes together, a segment that ends with a dot, more than 1024 bytes of
  UTF-8, or `~wl/` at the front.

Plain blobs are listed by Azure in the order of their code points; those under `~wl/name/` are listed apart and put
where they belong.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from ...errors import ProviderError

#: Bytes of UTF-8 that a name may have: encoded, it must fit Azure's 8 KiB of metadata.
LONGEST = 4096

#: Where the blobs are whose names Azure would not take.
MAPPED_OBJECTS = "~wl/name/"

#: Characters a container prefix may have, so that a mapped name after it still has room for a slug.
LONGEST_PREFIX = 20

_MAPPED_CONTAINER = "wl-"
_NAME = "wlname"
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_PREFIX = re.compile(r"(?:[a-z0-9]-?)*")
_OBJECT = re.compile(
    r"(?! |/|~wl/)"  # an end that URLs or portals cut off, or the reserved folder
    r"(?!.*//)(?!.*\.(?:/|$))"  # segments that URLs resolve (. and ..) or that Azure warns of
    r"[ -\[\]-~\u00a1-\ud7ff]{1,1024}"  # printable, no backslash, valid in XML, one UTF-16 unit each
    r"(?<![ /])"
)


class Stored(NamedTuple):
    """Where something is in Azure.

    Attributes:
        name: of the container or blob.
        metadata: what it must carry so that the name it was given can be read back; empty where `name` says it.
    """

    name: str
    metadata: dict[str, str]


def container_name(name: str, prefix: str = "") -> Stored:
    """Where the container of that name is.

    Raises:
        ProviderError: the name is longer than `LONGEST`, or no text that UTF-8 can carry.
    """
    _utf8(name)
    stored = prefix + name
    if 3 <= len(stored) <= 63 and _CONTAINER.fullmatch(name) and not name.startswith(_MAPPED_CONTAINER):
        return Stored(stored, {})
    slug = re.sub(r"[^a-z0-9]+", "-", name[:100].lower())[: 27 - len(prefix)].strip("-")
    return Stored(f"{prefix}{_MAPPED_CONTAINER}{slug + '-' if slug else ''}{_hash(name)}", _metadata(name))


def container_of(stored: str, metadata: Mapping[str, str] | None, prefix: str = "") -> str | None:
    """The name that lands in the container `stored`; None where it is none of ours."""
    for name in (stored[len(prefix) :], _from_metadata(metadata)):
        if name is not None and container_name(name, prefix).name == stored:
            return name
    return None


def object_name(name: str) -> Stored:
    """Where the object of that name is; raises as `container_name`."""
    if len(_utf8(name)) <= 1024 and _OBJECT.fullmatch(name):
        return Stored(name, {})
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", name[:400])[:40].strip("-.")
    return Stored(f"{MAPPED_OBJECTS}{slug + '-' if slug else ''}{_hash(name)}", _metadata(name))


def is_plain_object(stored: str) -> bool:
    """Whether a blob of that name is the object of that name."""
    return len(stored.encode()) <= 1024 and _OBJECT.fullmatch(stored) is not None


def mapped_object(stored: str, metadata: Mapping[str, str] | None) -> str | None:
    """The name that lands in a blob under `MAPPED_OBJECTS`; None where it is none of ours."""
    name = _from_metadata(metadata)
    return name if name is not None and object_name(name).name == stored else None


def check_prefix(prefix: str) -> str:
    """The prefix, if container names can begin with it.

    Raises:
        ProviderError: they can't.
    """
    if len(prefix) > LONGEST_PREFIX or not _PREFIX.fullmatch(prefix):
        raise ProviderError(
            f"prefix={prefix!r} can't begin a container's name in Azure; wanted at most {LONGEST_PREFIX} lower-case "
            "letters, digits and single hyphens, a letter or digit first"
        )
    return prefix


def _metadata(name: str) -> dict[str, str]:
    # The dot, because Azure takes no empty value and some object's name is empty.
    return {_NAME: "." + base64.urlsafe_b64encode(name.encode()).decode("ascii")}


def _from_metadata(metadata: Mapping[str, str] | None) -> str | None:
    encoded = (metadata or {}).get(_NAME) or ""
    try:
        name = base64.urlsafe_b64decode(encoded[1:]).decode()
    except ValueError:  # somebody else's
        return None
    return name if encoded and len(name.encode()) <= LONGEST else None


def _utf8(name: str) -> bytes:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise ProviderError(
            f"the name {name[:40]!r} has half a surrogate pair in it, which UTF-8 can't carry"
        ) from None
    if len(encoded) > LONGEST:
        raise ProviderError(
            f"the name {name[:40]!r}… has {len(encoded)} bytes; Azure's metadata has room for names of {LONGEST}"
        )
    return encoded


def _hash(name: str) -> str:
    return base64.b32encode(hashlib.sha256(name.encode()).digest()[:20]).decode("ascii").lower()
