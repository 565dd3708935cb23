"""Colours for source text: WIT, Go, Rust, Python, YAML and diffs, cut into pieces that a widget dresses.

Enough to read by, from a back row: keywords, types, strings, comments, numbers. No grammar: text that none of the
patterns knows stays plain, and the pieces put together are the text again, always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: What a piece may be: plain, keyword, type, string, comment, number, added line, removed line, place in a diff.
CLASSES = ("", "k", "t", "s", "c", "n", "add", "del", "at")

Piece = tuple[str, str]


class _Language(NamedTuple):
    """How to read one: named groups of the pattern are classes; `w` is a word, looked up."""

    pattern: re.Pattern[str]
    keywords: frozenset[str]
    types: frozenset[str] = frozenset()


def _language(pattern: str, keywords: str, types: str = "") -> _Language:
    return _Language(
        re.compile(pattern, re.DOTALL | re.MULTILINE), frozenset(keywords.split()), frozenset(types.split())
    )


_C_COMMENT = r"(?P<c>//[^\n]*|/\*.*?(?:\*/|\Z))"
_QUOTED = r'"(?:\\.|[^"\\\n])*"?'
_NUMBER = r"(?P<n>\b\d[\w.]*)"

_LANGUAGES = {
    "wit": _language(
        _C_COMMENT + r"|(?P<n>@\d[\w.+-]*|\b\d+\b)|(?P<w>%?[A-Za-z][\w-]*)",
        "package world interface import export include use as with from func resource record variant enum flags type "
        "constructor static async",
        "bool s8 s16 s32 s64 u8 u16 u32 u64 f32 f64 char string list option result tuple borrow own stream future",
    ),
    "go": _language(
        _C_COMMENT + rf"|(?P<s>{_QUOTED}|`[^`]*`?|'(?:\\.|[^'\\\n])+'?)|{_NUMBER}|(?P<w>[^\W\d]\w*)",
        "break case chan const continue default defer else fallthrough for func go goto if import interface map "
        "package range return select struct switch type var nil true false iota",
        "any bool byte error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64",
    ),
    "rust": _language(
        _C_COMMENT
        + r'|(?P<s>b?r(?P<h>#*)".*?(?:"(?P=h)|\Z)|b?"(?:\\.|[^"\\])*"?|b?\'(?:\\[^\n]{1,8}?|[^\'\\\n])\')'
        + rf"|(?P<t>'\w+)|{_NUMBER}|(?P<w>[^\W\d]\w*!?)",
        "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod "
        "move mut pub ref return self Self static struct super trait true type unsafe use where while",
        "bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize String Vec Option Result Box",
    ),
    "python": _language(
        r"(?P<c>#[^\n]*)"
        r'|(?P<s>(?<!\w)[rbfuRBFU]{0,2}(?:"""(?:\\.|.)*?(?:"""|\Z)|'
        r"'''(?:\\.|.)*?(?:'''|\Z)"
        rf"|{_QUOTED}|'(?:\\.|[^'\\\n])*'?))"
        rf"|(?P<t>^[ \t]*@[\w.]+)|{_NUMBER}|(?P<w>[^\W\d]\w*)",
        "False None True and as assert async await break class continue def del elif else except finally for from "
        "global if import in is lambda nonlocal not or pass raise return try while with yield",
        "bool bytes dict float int list object set str tuple type self",
    ),
    "yaml": _language(
        r"(?P<c>(?:^|(?<=\s))#[^\n]*)"
        rf"|(?P<k>^[ \t]*(?:- +)*[\w./-]+(?=:(?:\s|$)))|(?P<s>{_QUOTED}|(?<=[\s\[,])'[^'\n]*'?)"
        r"|(?P<n>(?<=[\s\[,:])\d[\d.]*(?=[\s,\]]|$))",
        "",
    ),
}  # fmt: skip


def pieces(kind: str, text: str) -> list[Piece]:
    """A text in pieces, each with what it is.

    Args:
        kind: "wit", "go", "rust", "python", "yaml" or "diff"; any other is plain.
        text: the source.

    Returns:
        (class, text) pairs, neighbours of one class joined; see `CLASSES`.
    """
    if kind == "diff":
        return _joined(_diff(text))
    language = _LANGUAGES.get(kind)
    return _joined(iter([("", text)]) if language is None else _read(language, text))


def _read(language: _Language, text: str) -> Iterator[Piece]:
    at = 0
    for found in language.pattern.finditer(text):
        yield "", text[at : found.start()]
        at = found.end()
        name, word = str(found.lastgroup), found[0]
        if name == "w":
            name = "k" if word in language.keywords else "t" if word in language.types else ""
        yield name, word
    yield "", text[at:]


def _diff(text: str) -> Iterator[Piece]:
    for line in text.splitlines(keepends=True):
        if line.startswith(("+++", "---", "@@")):
            yield "at", line
        else:
            yield {"+": "add", "-": "del"}.get(line[:1], ""), line


def _joined(found: Iterator[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for name, text in found:
        if not text:
            continue
        if joined and joined[-1][0] == name:
            joined[-1] = name, joined[-1][1] + text
        else:
            joined.append((name, text))
    return joined
