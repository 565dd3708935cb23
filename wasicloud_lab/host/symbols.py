"""Names of guest functions as people write them."""

from __future__ import annotations

import re

# An identifier of Rust's v0 mangling: perhaps a disambiguator, then the length, then the name.
_IDENTIFIER = re.compile(r"(?:s[0-9A-Za-z]*_)?(\d+)_?")


def readable(name: str) -> str:
    """A Rust symbol as a path (`_RNv…7trouble4trap` → `trouble::trap`); anything else as it is.

    Only plain paths are known: generics and trait implementations keep their mangled form.
    """
    if not name.startswith("_R"):
        return name
    at, depth = 2, 0
    while name[at : at + 1] in ("I", "N"):
        if name[at] == "N":
            at, depth = at + 2, depth + 1
        else:
            at += 1
    if name[at : at + 1] != "C":
        return name
    at += 1
    parts = []
    for _ in range(depth + 1):
        found = _IDENTIFIER.match(name, at)
        if found is None:
            return name
        length = int(found[1])
        at = found.end() if length else found.end(1)
        parts.append(name[at : at + length] or "{closure}")
        at += length
    return "::".join(parts)
