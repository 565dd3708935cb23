"""Any name, as NATS wants it, and back.

NATS allows a bucket `A-Z a-z 0-9 _ -` only, and a key the same with `/ = .` where no dot stands at an end or beside
another. A name that is already so stays as it is, so that the `nats` program shows what a guest wrote. In any other
name each byte that NATS refuses becomes an escape:

    bucket   user:ricochet   user--3aricochet        the empty one   --_
    key      my key          my=20key                the empty one   =_

An object's name may be any text that is not empty, and stands in its subject as base64. The empty one is stored as
one U+0000, and a name of nothing but those gets one more.

A bucket's name that would be too long for a stream becomes `--_` and its SHA-256; the name itself is then the
stream's description. A key that is too long is refused: its subject would not fit a line of the protocol.
"""

from __future__ import annotations

import base64
import hashlib
import re

from ..errors import ProviderError

#: Characters of a bucket's name in NATS, and of its prefix. Both stand twice in the subject that a value is got by.
BUCKET_LIMIT = 128
PREFIX_LIMIT = 32

#: Characters of a key in NATS: what a line of the protocol (4096) leaves beside the bucket and the reply's inbox.
KEY_LIMIT = 3500

#: Bytes of a name that goes into a stream's description.
_DESCRIPTION_LIMIT = 4096

_BUCKET_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_BUCKET_ESCAPE = re.compile(r"--([0-9a-f]{2}|_)")
_BUCKET_HASH = re.compile(r"--_[0-9a-f]{64}")
_BUCKET_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]|-(?![A-Za-z0-9_])")

_KEY_PLAIN = re.compile(r"[-/_=A-Za-z0-9]+(?:\.[-/_=A-Za-z0-9]+)*")
_KEY_ESCAPE = re.compile(r"=([0-9A-F]{2}|_)")
_KEY_UNSAFE = re.compile(rb"[^-/_.A-Za-z0-9]|^\.|\.$|\.(?=\.)|(?<=\.)\.")


def _utf8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise ProviderError(f"the name {name!r} is no UTF-8 text") from None


def bucket_to_nats(name: str) -> tuple[str, str | None]:
    """The name in NATS, and the description of the stream where the name alone does not say it.

    Raises:
        ProviderError: the name is too long even for a description.
    """
    raw = _utf8(name)
    if _BUCKET_PLAIN.fullmatch(name) and not _BUCKET_ESCAPE.search(name):
        known = name
    elif not name:
        known = "--_"
    else:
        known = _BUCKET_UNSAFE.sub(lambda found: b"--%02x" % ord(found[0]), raw).decode()
    if len(known) <= BUCKET_LIMIT:
        return known, None
    if len(raw) > _DESCRIPTION_LIMIT:
        raise ProviderError(
            f"a bucket's or container's name in NATS has at most {_DESCRIPTION_LIMIT} bytes; "
            f"{name[:20]!r}… has {len(raw)}"
        )
    return f"--_{hashlib.sha256(raw).hexdigest()}", name


def bucket_is_hash(known: str) -> bool:
    """Whether only the stream's description says the name."""
    return _BUCKET_HASH.fullmatch(known) is not None


def bucket_from_nats(known: str, description: str | None = None) -> str | None:
    """The name behind a name in NATS; None for one that `bucket_to_nats` never makes."""
    if bucket_is_hash(known):
        name = description or ""
    elif known == "--_":
        name = ""
    elif not _BUCKET_ESCAPE.search(known):
        return known if _BUCKET_PLAIN.fullmatch(known) and len(known) <= BUCKET_LIMIT else None
    else:
        try:
            name = _unescaped(_BUCKET_ESCAPE, known)
        except ValueError:
            return None
    return name if bucket_to_nats(name)[0] == known else None


def key_to_nats(key: str) -> str:
    """The key in NATS.

    Raises:
        ProviderError: it is too long.
    """
    if _KEY_PLAIN.fullmatch(key) and not ("=" in key and _KEY_ESCAPE.search(key)):
        known = key
    elif not key:
        known = "=_"
    else:
        known = _KEY_UNSAFE.sub(lambda found: b"=%02X" % ord(found[0]), _utf8(key)).decode()
    if len(known) > KEY_LIMIT:
        raise ProviderError(
            f"a key in NATS has at most {KEY_LIMIT} characters, three for each byte that NATS does not take as it is; "
            f"{key[:20]!r}… would have {len(known)}"
        )
    return known


def key_from_nats(known: str) -> str | None:
    """The key behind a key in NATS; None for one that `key_to_nats` never makes."""
    if "=" not in known or not _KEY_ESCAPE.search(known):
        return known
    if known == "=_":
        return ""
    try:
        key = _unescaped(_KEY_ESCAPE, known)
        return key if key_to_nats(key) == known else None
    except (ValueError, ProviderError):
        return None


def object_to_nats(name: str) -> tuple[str, str]:
    """The object's name in NATS, and as a token of a subject.

    Raises:
        ProviderError: it is too long.
    """
    known = name if name.strip("\0") else name + "\0"
    token = base64.urlsafe_b64encode(_utf8(known)).decode()
    if len(token) > KEY_LIMIT:
        raise ProviderError(
            f"an object's name in NATS has at most {KEY_LIMIT * 3 // 4} bytes; {name[:20]!r}… has {len(known.encode())}"
        )
    return known, token


def object_from_nats(token: str) -> str | None:
    """The object's name behind a token; None for one that is no name's."""
    try:
        known = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        return None
    return known if known.strip("\0") else known[1:]


def _unescaped(escape: re.Pattern[str], known: str) -> str:
    # Split at the escapes: text, hex digits, text, … A `_` is none and makes fromhex refuse the name.
    parts = escape.split(known)
    return b"".join(bytes.fromhex(p) if at % 2 else p.encode() for at, p in enumerate(parts)).decode()
