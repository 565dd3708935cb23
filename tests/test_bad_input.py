"""Bad input: each gets one clear error of the right class, and the next load works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl

CORE_MODULE = b"\0asm\x01\0\0\0"
EMPTY_COMPONENT = b"\0asm\x0d\0\x01\0"


def refused(lab: wl.Lab, source: Any, said: str, **options: Any) -> str:
    """The message of the ComponentError for a source; nothing is left behind and the next load works."""
    with pytest.raises(wl.ComponentError, match=said) as caught:
        lab.load(source, **options)
    assert lab.apps == {}
    assert lab.load("tiny").get("/").text == "hello\n"
    return str(caught.value)


# --- the bytes ---------------------------------------------------------------------------------------


def test_an_empty_component_loads(own_lab: wl.Lab) -> None:
    app = own_lab.load(EMPTY_COMPONENT)
    assert (app.world.imports, app.world.exports) == ({}, {})
    with pytest.raises(wl.LinkError, match="it exports nothing"):
        app.get("/")


def test_no_bytes_are_empty(own_lab: wl.Lab) -> None:
    refused(own_lab, b"", r"^component is empty; a component starts with the bytes \\0asm$")


@pytest.mark.parametrize("data", [b"hello", b"PK\x03\x04zip", b"<html>", bytes(100), "ÿþ".encode("latin-1")])
def test_what_is_not_wasm_shows_how_it_starts(own_lab: wl.Lab, data: bytes) -> None:
    message = refused(own_lab, data, "is not WebAssembly")
    assert repr(data[:8]) in message


def test_a_core_module_has_the_command_that_wraps_it(own_lab: wl.Lab, tmp_path: Path) -> None:
    file = tmp_path / "core.wasm"
    file.write_bytes(CORE_MODULE)
    message = refused(own_lab, file, "is a core WebAssembly module, not a component")
    assert "wasm-tools component new" in message
    assert "--adapt wasi_snapshot_preview1=" in message
    assert "wasm-tools component embed" in message


def test_a_core_module_as_text_is_one_too(own_lab: wl.Lab) -> None:
    refused(own_lab, b"(module)", "is a core WebAssembly module, not a component")


def test_text_that_does_not_assemble_says_where(own_lab: wl.Lab) -> None:
    refused(own_lab, b"(component (func $nope", r"the WebAssembly text does not assemble: [\s\S]*1:")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_the_first_bytes_alone_are_truncated(own_lab: wl.Lab, size: int) -> None:
    refused(own_lab, EMPTY_COMPONENT[:size], rf"is truncated: it ends after {size} byte\(s\)")


@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_component_is_truncated(own_lab: wl.Lab, dist: Path, part: float) -> None:
    data = (dist / "hello-rust.wasm").read_bytes()
    refused(own_lab, data[: max(9, int(len(data) * part))], "is truncated", name="half")


def test_a_component_without_its_last_byte_is_truncated(own_lab: wl.Lab, dist: Path) -> None:
    refused(own_lab, (dist / "hello-rust.wasm").read_bytes()[:-1], "is truncated")


@pytest.mark.parametrize("version", [b"\x02\0\0\0", b"\x0c\0\x01\0", b"\x0e\0\x01\0", b"\xff\xff\xff\xff"])
def test_another_binary_version_is_shown(own_lab: wl.Lab, version: bytes) -> None:
    refused(own_lab, b"\0asm" + version, f"has the binary version {version.hex()}")


def test_bytes_that_were_flipped_are_not_a_valid_component(own_lab: wl.Lab, dist: Path) -> None:
    data = bytearray((dist / "tiny.wasm").read_bytes())
    data[8] ^= 0x7F
    refused(own_lab, bytes(data), "is not a valid component")


def test_an_import_of_a_core_module_is_refused_by_its_name(own_lab: wl.Lab) -> None:
    refused(own_lab, b'(component (import "plug" (core module)))', "imports 'plug' as a core module or component")


def test_a_feature_of_wasi_0_3_says_so(own_lab: wl.Lab) -> None:
    refused(
        own_lab,
        b'(component (import "f" (func async (param "s" (stream u8)))))',
        "uses a feature that this host does not have: .*stream",
    )


# --- the place ---------------------------------------------------------------------------------------


def test_an_unknown_name_lists_the_bundled_ones(own_lab: wl.Lab) -> None:
    message = refused(own_lab, "helo", "there is no file 'helo'")
    assert "the bundled components are blobby, echo, gopher, hello, hello-rust, shapes, stores, " in message


@pytest.mark.parametrize("kind", [str, Path])
def test_a_missing_file_is_named(own_lab: wl.Lab, tmp_path: Path, kind: Any) -> None:
    place = kind(tmp_path / "nothing.wasm")
    refused(own_lab, place, re.escape(f"there is no file {str(place)!r}"))


def test_a_folder_is_named(own_lab: wl.Lab, tmp_path: Path) -> None:
    refused(own_lab, tmp_path, "is a folder; name the .wasm file in it")


def test_a_bundled_name_as_a_path_is_a_file(own_lab: wl.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(own_lab, Path("hello"), "there is no file 'hello'")


@pytest.mark.parametrize("place", ["", "\0", "a\0b.wasm"])
def test_what_can_be_no_path_is_refused(own_lab: wl.Lab, place: str) -> None:
    refused(own_lab, place, "no file|folder")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.wasm", "http://", "https://[bad/x.wasm", "http://127.0.0.1:x/"])
def test_a_url_that_does_not_answer_is_named(own_lab: wl.Lab, url: str) -> None:
    refused(own_lab, url, re.escape(url) + " can't be fetched")


@pytest.mark.parametrize("source", [None, 5, ["hello"]])
def test_what_is_no_source_is_a_type_error(own_lab: wl.Lab, source: Any) -> None:
    with pytest.raises(TypeError):
        own_lab.load(source)


# --- the options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [0, -1, -0.5, float("nan")])
def test_a_deadline_is_a_number_above_zero_or_none(own_lab: wl.Lab, deadline: Any) -> None:
    with pytest.raises(ValueError, match="a deadline is a number of seconds above 0, or None"):
        own_lab.load("tiny", deadline=deadline)


@pytest.mark.parametrize("limit", ["memory", "body"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None, "1"])
def test_a_limit_is_a_number_of_bytes_above_zero(own_lab: wl.Lab, limit: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"the limit '{limit}' is a number of bytes above 0"):
        own_lab.load("tiny", **{limit: value})


@pytest.mark.parametrize("isolation", ["", "none", "Request"])
def test_an_unknown_isolation_lists_the_known_ones(own_lab: wl.Lab, isolation: Any) -> None:
    with pytest.raises(wl.LinkError, match="isolation is one of 'reuse', 'request'"):
        own_lab.load("tiny", isolation=isolation)
    assert own_lab.apps == {}


@pytest.mark.parametrize("workers", [0, -1, None, 1.5])
def test_workers_are_a_number_above_zero(own_lab: wl.Lab, workers: Any) -> None:
    with pytest.raises(ValueError, match="workers"):
        own_lab.load("tiny", workers=workers)


@pytest.mark.parametrize(
    "entry", ["", "http://example.com", "user@example.com", "example.com:99999", "example.com:http"]
)
def test_an_entry_of_an_allow_list_that_is_none_is_refused(own_lab: wl.Lab, entry: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(entry))):
        own_lab.load("echo", allow_http=[entry])


@pytest.mark.parametrize("place", ["nothing", "file"])
def test_a_preopened_folder_must_be_one(own_lab: wl.Lab, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises((wl.LabError, OSError, ValueError), match=place):
        own_lab.load("tiny", dirs={"/data": tmp_path / place})
