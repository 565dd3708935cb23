"""Bytes made visible: as text, JSON, a picture, a page or hex, as HTML that nothing in the bytes can break out of.

What is shown may come from anybody's store: text is escaped, a picture is an `<img>` with its bytes in the URL
(an SVG too: there its scripts do not run), a page sits in a frame without scripts, forms and network.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import unicodedata
from dataclasses import dataclass
from html import escape

from .units import size_text

#: Bytes of a value that are shown at most, …
SHOWN_BYTES = 64 * 1024
#: … and of a picture, which can't be shown in part.
PICTURE_BYTES = 1024 * 1024

TEXT, JSON, PICTURE, PAGE, HEX = KINDS = ("text", "json", "picture", "page", "hex")

#: Bytes of a JSON document that is taken apart: a longer one is shown as text.
_JSON_BYTES = 1024 * 1024

_CONTROLS = {**{code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}, 0x7F: 0x2421}
#: Turn the direction of the text that follows: what is shown would not be what is there.
_CONTROLS |= dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)

#: What stands for these in a name; no signs of their own, which not every font has.
_BREAKS = {"\n": r"‹\n›", "\r": r"‹\r›", "\t": r"‹\t›"}

#: The first bytes of pictures.
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}

#: What a page may do: draw itself. It comes first in the frame, so nothing that follows can loosen it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:"


@dataclass(frozen=True)
class Preview:
    """Bytes, ready to be shown.

    Attributes:
        kind: "text", "json", "picture", "page" or "hex".
        html: safe to be put into a page.
        note: what a person must know: the size, what was cut, why it is not shown as was asked; a sentence or two.
    """

    kind: str
    html: str
    note: str


def preview(data: bytes, *, kind: str | None = None, size: int | None = None, media_type: str = "") -> Preview:
    """Shows bytes.

    Args:
        data: the value, or its beginning.
        kind: how to show it, one of `KINDS`; None chooses. What can't be shown that way is shown another way,
            and the note says so.
        size: bytes of the whole value, where `data` is only its beginning.
        media_type: what its sender calls it ("text/html; charset=utf-8"); the bytes decide where it is empty.
    """
    size = len(data) if size is None else size
    whole = len(data) >= size
    wanted = kind or guess(data, media_type=media_type, whole=whole)
    notes = [size_text(size)]
    html: str | None = None
    cut = False
    if wanted == PICTURE:
        html, problem = _picture(data, media_type, whole)
        notes += [problem] if problem else []
    elif wanted == JSON:
        html, cut, problem = _json(data, whole)
        notes += [problem] if problem else []
    elif wanted == PAGE:
        html, cut = _page(data[:SHOWN_BYTES], media_type), size > SHOWN_BYTES
    if html is None and wanted in (PICTURE, JSON):
        wanted = TEXT if _decoded(data[:SHOWN_BYTES], whole=size <= SHOWN_BYTES) is not None else HEX
    if wanted == TEXT:
        html, cut = _pre(_readable(data[:SHOWN_BYTES], size <= SHOWN_BYTES)), size > SHOWN_BYTES
    elif wanted == HEX:
        html, cut = _pre(hex_dump(data[:SHOWN_BYTES]), " wl-wide"), size > SHOWN_BYTES
    if cut:
        notes.append(f"the first {size_text(SHOWN_BYTES)} are shown")
    if not size:
        html = '<p class="wl-nothing">(empty)</p>'
    assert html is not None
    return Preview(wanted, html, "; ".join(notes))


def guess(data: bytes, *, media_type: str = "", whole: bool = True) -> str:
    """The kind that suits bytes best."""
    bare = media_type.partition(";")[0].strip().lower()
    if picture_type(data):
        return PICTURE
    text = _decoded(data[:SHOWN_BYTES], whole=whole and len(data) <= SHOWN_BYTES)
    if text is None:
        return TEXT if _charset(media_type) and bare.startswith("text/") else HEX
    if bare in ("text/html", "application/xhtml+xml"):
        return PAGE
    if whole and text.lstrip()[:1] in ("{", "[") and _is_json(data):
        return JSON
    return TEXT


def picture_type(data: bytes) -> str | None:
    """The media type of a picture by its first bytes; None for what is no PNG, JPEG, GIF, WebP or SVG."""
    for magic, found in _MAGIC.items():
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    head = _decoded(data[:SHOWN_BYTES], whole=False)
    return "image/svg+xml" if head is not None and _is_svg(head) else None


def editable_text(data: bytes) -> str | None:
    """The text of bytes that a text field gives back unchanged; None for others.

    A browser's text field turns carriage returns into line feeds, and control characters do not show in it.
    """
    text = _decoded(data, whole=True)
    return None if text is None or "\r" in text else text


def from_hex(text: str) -> bytes:
    """The bytes that hex digits say, with any spaces and line breaks between them.

    Raises:
        ValueError: it is not hex; says what is wrong, and where.
    """
    digits = "".join(text.split())
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no hex digit; wanted pairs of 0-9 and a-f, as in 68 65 6c 6c 6f")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hex digits make no whole bytes: each byte has two")
    return bytes.fromhex(digits)


def to_hex(data: bytes) -> str:
    """Bytes as pairs of hex digits, 16 to a line: what `from_hex` reads."""
    return "\n".join(data[at : at + 16].hex(" ") for at in range(0, len(data), 16))


def hex_dump(data: bytes) -> str:
    """Bytes in rows of 16: offset, hex, and the characters of those that are printable ASCII."""
    rows = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        rows.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {shown}")
    return "\n".join(rows)


def pretty_json(text: str) -> str:
    """JSON laid out in lines. Numbers, strings and repeated names stay as they are written.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be checked.
    """
    try:
        json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    parts: list[str] = []
    depth = 0
    tokens = _TOKEN.findall(text)
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else ""
        if token in ("{", "["):
            depth += 1
            parts.append(token if following in ("}", "]") else token + _line(depth))
        elif token in ("}", "]"):
            depth -= 1
            parts.append(token if tokens[number - 1] in ("{", "[") else _line(depth) + token)
        elif token == ",":
            parts.append("," + _line(depth))
        else:
            parts.append(": " if token == ":" else token)
    return "".join(parts)


def visible_name(name: str) -> str:
    """A name of a key or object in one line, so that two names never look the same. Not escaped for HTML.

    What is not seen is shown by its code, a line break as ‹\\n›; an empty name is said, and so are spaces where a page
    would not draw them: at the ends, and after one another.
    """
    if not name:
        return "(empty name)"
    if not name.strip(" "):
        return f"({len(name)} space{'' if len(name) == 1 else 's'})"
    name = "".join(_visible(character) for character in name)
    return re.sub("^ +| +$| {2,}", lambda spaces: "\N{OPEN BOX}" * len(spaces[0]), name)


def data_url(data: bytes, media_type: str = "application/octet-stream") -> str:
    """Bytes as a `data:` URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def _visible(character: str) -> str:
    """A character of a name, or what stands for it. Joiners stay: they are part of words and of emoji."""
    if character in _BREAKS:
        return _BREAKS[character]
    if character in " \u3000\u200c\u200d":
        return character
    unseen = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    return f"‹U+{ord(character):04X}›" if unseen or character in "‹\N{OPEN BOX}" else character


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, 40)  # deeper, the lines would be longer than what they say


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_svg(text: str) -> bool:
    """Whether text is an SVG after its declaration, document type and comments."""
    rest = text.removeprefix("\ufeff").lstrip()
    for _ in range(20):  # more of them before a picture is none that we know
        if rest.startswith("<!--"):
            end = "-->"
        elif rest[:5].lower() == "<?xml":
            end = "?>"
        elif rest[:9].lower() == "<!doctype":
            end = ">"
        else:
            return re.match(r"<svg[\s>/]", rest, re.I) is not None
        _, found, rest = rest.partition(end)
        if not found:
            return False
        rest = rest.lstrip()
    return False


def _is_json(data: bytes) -> bool:
    if len(data) > _JSON_BYTES:
        return False
    try:
        json.loads(data.decode(), parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(data: bytes, *, whole: bool) -> str | None:
    """UTF-8 text without the control characters that only binary data has; the end may be half a character."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError:
        return None
    return None if re.search("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", text) else text


def _charset(media_type: str) -> str | None:
    """The charset a media type names, if Python knows it."""
    found = re.search(r'charset\s*=\s*"?([\w.:-]+)', media_type, re.I)
    try:
        return codecs.lookup(found[1]).name if found else None
    except (LookupError, ValueError):
        return None


def _readable(data: bytes, whole: bool) -> str:
    """Text as well as it goes: what is no UTF-8 shows as �."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=whole).translate(_CONTROLS)


def _pre(text: str, look: str = "") -> str:
    return f'<pre class="wl-bytes{look}" tabindex="0" dir="auto">{escape(text)}</pre>'


def _picture(data: bytes, media_type: str, whole: bool) -> tuple[str | None, str]:
    found = picture_type(data)
    if found is None:
        return None, "no picture that a browser knows"
    if not whole or len(data) > PICTURE_BYTES:
        return None, f"a picture over {size_text(PICTURE_BYTES)} is not drawn here"
    name = found.partition("/")[2].partition("+")[0].upper()
    return f'<img class="wl-picture" alt="{name} picture, {size_text(len(data))}" src="{data_url(data, found)}">', ""


def _json(data: bytes, whole: bool) -> tuple[str | None, bool, str]:
    if not whole or len(data) > _JSON_BYTES:
        return None, False, f"JSON over {size_text(_JSON_BYTES)} is not laid out here"
    try:
        text = pretty_json(data.decode())
    except ValueError as error:
        return (
            None,
            False,
            f"not JSON ({error})" if not isinstance(error, UnicodeDecodeError) else "not JSON (no UTF-8)",
        )
    return _pre(text[:SHOWN_BYTES].translate(_CONTROLS)), len(text) > SHOWN_BYTES, ""


def _page(data: bytes, media_type: str) -> str:
    text = data.decode(_charset(media_type) or "utf-8", "replace")
    document = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{_POLICY}">{text}'
    return (
        '<iframe class="wl-page" sandbox="" referrerpolicy="no-referrer" title="The response as a page" '
        f'srcdoc="{escape(document)}"></iframe>'
    )
