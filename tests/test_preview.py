"""What bytes look like to a person: chosen by what they are, never able to break out, cut where they are long."""

from __future__ import annotations

import json
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasicloud_lab import preview as p
from wasicloud_lab.preview import preview
from wasicloud_lab.units import size_text

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SVG = b'<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


class Tags(HTMLParser):
    """Collects the tags, their attributes and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"dog", "text"), (b"", "text"), (b"42", "text"), ("日本".encode(), "text"), (b'{"a": 1}', "json"),
        (b"[1, 2", "text"), (b" [1]", "json"), (b"[NaN]", "text"), (b"\x00\x01", "hex"), (b"\xff\xfe", "hex"),
        (PNG, "picture"), (b"\xff\xd8\xff\xe0JFIF", "picture"), (b"GIF89a...", "picture"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "picture"), (SVG, "picture"), (b"<svg/>", "picture"),
        (b"<!---->" * 5000 + b"<svg", "text"),
        (b"\xef\xbb\xbf<!DOCTYPE svg PUBLIC 'x'>\n<SVG>", "picture"), (b"<!-- <svg>", "text"), (b"<svgs>", "text"),
        (b"RIFF\x10\0\0\0WAVE", "hex"), (b"<!doctype html><p>x", "text"), (b"\x1b[31mred\x1b[0m", "text"),
    ],
)  # fmt: skip
def test_the_kind_is_chosen_by_the_bytes(data: bytes, kind: str) -> None:
    assert preview(data).kind == kind


def test_a_media_type_makes_a_page_but_no_picture_of_what_is_none() -> None:
    assert preview(b"<p>hello", media_type="text/html; charset=utf-8").kind == "page"
    assert preview(b"hello", media_type="image/png").kind == "text"
    assert preview(b"caf\xe9", media_type="text/plain; charset=latin-1").kind == "text"


def test_markup_in_a_value_is_shown_not_obeyed() -> None:
    evil = b"</pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    tags = Tags(preview(evil).html)
    assert [tag for tag, _ in tags.found] == ["pre"]
    assert tags.text == evil.decode()


@given(st.text())
def test_text_comes_back_whole_from_the_html(text: str) -> None:
    tags = Tags(preview(text.encode(), kind="text").html)
    assert len(tags.found) == 1
    if text and text.isprintable():
        assert tags.text == text


@given(st.binary(max_size=300), st.sampled_from([*p.KINDS, None]), st.sampled_from(["", "text/html", "image/png"]))
def test_whatever_the_bytes_the_html_is_one_element(data: bytes, kind: str | None, media_type: str) -> None:
    made = preview(data, kind=kind, media_type=media_type)
    assert len(Tags(made.html).found) == 1
    assert made.note.startswith(size_text(len(data)))


def test_a_drawing_is_an_image_whose_scripts_do_not_run() -> None:
    [(tag, attributes)] = Tags(preview(SVG).html).found
    assert tag == "img"
    assert (attributes["src"] or "").startswith("data:image/svg+xml;base64,")
    assert "onload" not in attributes


def test_a_page_is_in_a_frame_that_may_do_nothing() -> None:
    [(tag, attributes)] = Tags(preview(b'"><script>alert(1)</script>', kind="page").html).found
    assert tag == "iframe"
    assert attributes["sandbox"] == ""
    document = attributes["srcdoc"] or ""
    assert document.index("default-src 'none'") < document.index("<script>")


def test_a_long_value_is_cut_and_its_size_said() -> None:
    made = preview(b"x" * 100_000)
    assert Tags(made.html).text == "x" * p.SHOWN_BYTES
    assert made.note == "97.7 KiB; the first 64 KiB are shown"
    assert preview(b"x" * p.SHOWN_BYTES, size=3 << 30).note == "3 GiB; the first 64 KiB are shown"
    assert "the first 64 KiB" in preview(b"\0" * 100_000).note


def test_a_character_that_is_cut_in_half_does_not_make_text_binary() -> None:
    text = "a" + "é" * 40_000
    made = preview(text.encode())
    assert made.kind == "text"
    assert "�" not in made.html


def test_what_can_not_be_shown_as_asked_is_shown_otherwise_and_says_so() -> None:
    assert preview(b"dog", kind="picture").note == "3 bytes; no picture that a browser knows"
    assert preview(b"dog", kind="picture").kind == "text"
    made = preview(b"\0dog", kind="json")
    assert (made.kind, "not JSON" in made.note) == ("hex", True)
    big = preview(PNG + b"\0" * p.PICTURE_BYTES)
    assert big.kind == "hex"
    assert "over 1 MiB is not drawn" in big.note
    assert "no UTF-8" in preview(b"[\xff]", kind="json").note


def test_json_is_laid_out_as_it_is_written() -> None:
    text = '{"b":1.10,"a":{},"a":[1e999,"\\u00e9{,"],"c":[[],null]}'
    laid_out = p.pretty_json(text)
    assert laid_out == (
        '{\n  "b": 1.10,\n  "a": {},\n  "a": [\n    1e999,\n    "\\u00e9{,"\n  ],\n  "c": [\n    [],\n    null\n  ]\n}'
    )
    assert preview(b'{"n": 12345678901234567890}').kind == "json"


def test_json_that_is_nested_without_end_is_text() -> None:
    assert preview(b"[" * 50_000 + b"]" * 50_000).kind == "text"
    with pytest.raises(ValueError, match="nested"):
        p.pretty_json("[" * 50_000 + "]" * 50_000)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=12,
)


@given(_JSON)
def test_laid_out_json_says_the_same(value: object) -> None:
    assert json.loads(p.pretty_json(json.dumps(value))) == value
    assert json.loads(p.pretty_json(json.dumps(value, ensure_ascii=False))) == value


def test_a_hex_dump_has_offset_bytes_and_characters() -> None:
    lines = p.hex_dump(bytes(range(0x38, 0x58))).splitlines()
    assert lines[0] == "00000000  38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47  89:;<=>?@ABCDEFG"
    assert lines[1].startswith("00000010  48")
    assert p.hex_dump(b"\0a").endswith("  ·a")


@given(st.binary(max_size=100))
def test_hex_that_is_written_is_read_again(data: bytes) -> None:
    assert p.from_hex(p.to_hex(data)) == data


@pytest.mark.parametrize(("text", "said"), [("6g", "'g'"), ("123", "3 hex digits"), ("0x41", "'x'")])
def test_what_is_no_hex_is_said_to_be_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        p.from_hex(text)


def test_text_that_a_field_would_change_is_not_edited_as_text() -> None:
    assert p.editable_text("naïve\n\ttext".encode()) == "naïve\n\ttext"
    assert p.editable_text(b"line\r\n") is None
    assert p.editable_text(b"\0") is None
    assert p.editable_text(b"\xc3") is None


def test_control_and_direction_characters_are_seen() -> None:
    assert unescape(Tags(preview(b"a\x1bb", kind="text").html).text) == "a␛b"
    assert "\u202e" not in preview("abc\u202egnp.exe".encode()).html
    assert p.visible_name("") == "(empty name)"
    assert p.visible_name("a\nb\0") == r"a‹\n›b‹U+0000›"
    assert p.visible_name("  ") == "(2 spaces)"
    assert p.visible_name("\u3042\u3000\U0001f468\u200d\U0001f469 x") == "\u3042\u3000\U0001f468\u200d\U0001f469 x"


def test_no_two_names_look_the_same() -> None:
    names = [
        "", " ", "  ", "\n", "\t", "\\n", r"‹\n›", "␣", "ab", "a b", "a  b", " a b", "a b ",
        "a\nb", "a\\nb", "a␣b", "a\u00a0b", "a\u200bb",
        "\u202eab", "\u202dab", "a\u2028b", "\ufeffab",
    ]  # fmt: skip
    shown = [p.visible_name(name) for name in names]
    assert len(set(shown)) == len(names)
    assert all(text == " ".join(text.split()) for text in shown)  # as a page draws it
