"""A folder as a blobstore: what names become in it, which folders it takes, and that nothing leads out."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests import folder_stores
from tests.blob_model import ODD_NAMES, check_names_that_are_no_text, names
from tests.folder_stores import posix
from wasicloud_lab.errors import NotFound, ProviderError
from wasicloud_lab.providers.blobstore.base import fetch, put
from wasicloud_lab.providers.blobstore.file import FolderStore
from wasicloud_lab.providers.blobstore.file_folders import Folder
from wasicloud_lab.providers.blobstore.file_names import COMPONENT_LIMIT, Names
from wasicloud_lab.providers.blobstore.file_places import Places
from wasicloud_lab.providers.registry import open_blobstore

store = folder_stores.store
folder = folder_stores.folder


# --- names -------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(names, st.booleans())
def test_a_name_comes_back_from_its_components(name: str, folds: bool) -> None:
    parts = Names(folds).parts(name)
    assert Names(folds).name(parts) == name
    for part in parts:
        assert 0 < len(part.encode()) <= COMPONENT_LIMIT
        assert part[0] != "."
        assert part[-1] not in ". "
        assert not set(part) & set('/\\:*?"<>|\0\x7f')
        assert part.isprintable() or not part.isascii()
        assert part.split(".")[0].rstrip(" ").lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")


def _as_folded(parts: list[str]) -> list[str]:
    """What a file system sees that takes case and the making of accents for nothing."""
    return [unicodedata.normalize("NFD", unicodedata.normalize("NFD", part).casefold()) for part in parts]


@settings(deadline=None)
@given(names, names)
@example("A", "a")
@example("\u1100\u1161", "가")
@example("ß", "ss")
@example("a/b", "a%2Fb")
def test_no_two_names_share_a_place(one: str, other: str) -> None:
    assume(one != other)
    assert Names(False).parts(one) != Names(False).parts(other)
    assert _as_folded(Names(True).parts(one)) != _as_folded(Names(True).parts(other))
    same = [unicodedata.normalize("NFC", part) for part in Names(False).parts(one)]
    assert same != [unicodedata.normalize("NFC", part) for part in Names(False).parts(other)]


@settings(deadline=None)
@given(st.lists(st.one_of(names, st.just("%"), st.just("a%"), st.just("+a")), min_size=1, max_size=3))
def test_what_others_put_there_has_one_name_or_none(parts: list[str]) -> None:
    assume(all(part and len(part.encode()) <= COMPONENT_LIMIT and not set(part) & set("/\0") for part in parts))
    name = Names(False).name(parts)
    if name is not None:
        assert Names(False).parts(name) == parts or ([name] == parts and Names(False).plain(name) == name)


@settings(deadline=None)
@given(names)
def test_where_case_folds_no_name_is_looked_up_as_a_stream_or_path_of_windows(name: str) -> None:
    if set(name) & set('/\\:*?"<>|'):
        assert Names(folds=True).plain(name) is None


def test_undecodable_file_names_have_none() -> None:
    assert Names(False).name(["\udcff"]) is None


@pytest.mark.parametrize("folds", [False, True])
def test_plain_names_stay_readable(folds: bool) -> None:
    for name in (
        "dog.txt",
        "a b.txt",
        "user-1_x.tar.gz",
        "日本.txt",
        "😀",
        "contact.txt",
        "+1",
        "x,y;z=(1)[2]{3}&#!$'@^`~",
    ):
        assert Names(folds).parts(name) == [name]
    assert Names(False).parts("Ätna.TXT") == ["Ätna.TXT"]


def test_where_case_folds_files_of_others_are_found_by_just_their_name(tmp_path: Path) -> None:
    (tmp_path / "Dog.txt").write_bytes(b"wuff")
    places = Places(Names(folds=True))
    with Folder.top(str(tmp_path)) as top:
        assert list(places.listed(top, folders=False)) == ["Dog.txt"]
        os.close(places.open(top, "Dog.txt"))
        for other in ("dog.txt", "DOG.txt"):
            with pytest.raises(FileNotFoundError):
                places.stat(top, other)
        (tmp_path / ".wasicloud-part").write_bytes(b"woof")
        places.put(top, ".wasicloud-part", top, "Dog.txt")
        assert (tmp_path / "Dog.txt").read_bytes() == b"woof"
        places.remove(top, "Dog.txt")
        assert list(tmp_path.iterdir()) == []


def test_the_odd_names_are_all_different() -> None:
    assert len(set(ODD_NAMES)) == len(ODD_NAMES)


# --- nothing leads out -------------------------------------------------------------------------------


@posix
def test_links_are_neither_listed_nor_followed(store: FolderStore, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store.create_container("c")
    (folder / "link").symlink_to(outside)
    (folder / "c" / "secret").symlink_to(outside / "secret")
    (folder / "c" / "long%").symlink_to(outside)
    (outside / "+secret").write_bytes(b"secret")
    assert store.containers().items == ["c"]
    assert store.objects("c").items == []
    for container, name in (("link", "secret"), ("c", "secret"), ("c", "longsecret")):
        with pytest.raises(NotFound):
            store.read(container, name)
        with pytest.raises(NotFound):
            store.object_info(container, name)
    with pytest.raises(NotFound):
        store.write("link", "new")
    with pytest.raises(NotFound):
        store.delete_container("link")
    store.delete_object("c", "secret")
    put(store, "c", "secret", b"mine")
    assert (outside / "secret").read_bytes() == b"secret"
    assert fetch(store, "c", "secret") == b"mine"


@posix
def test_pipes_and_sockets_are_not_opened(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    os.mkfifo(folder / "c" / "pipe")
    assert store.objects("c").items == []
    with pytest.raises(NotFound):
        store.read("c", "pipe")
    assert not store.object_exists("c", "pipe")


def test_no_name_reaches_what_is_beside_the_folder(store: FolderStore, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "file").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    for container in ("..", "../beside", str(tmp_path / "beside"), ".", "", "c/../../beside"):
        assert not store.container_exists(container)
    store.create_container("c")
    for name in ("../../beside/file", "..", str(tmp_path / "beside" / "file"), "../c"):
        assert not store.object_exists("c", name)
        put(store, "c", name, b"inside")
    store.create_container("..")
    assert sorted(path for path in tmp_path.rglob("*") if folder not in path.parents) == before


def test_half_a_surrogate_pair_is_no_name(store: FolderStore) -> None:
    check_names_that_are_no_text(store)


# --- addresses ---------------------------------------------------------------------------------------


def test_an_absolute_folder_and_one_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = open_blobstore((tmp_path / "with space").as_uri())
    absolute.create_container("c")
    assert (tmp_path / "with space" / "c").is_dir()
    monkeypatch.chdir(tmp_path)
    here = open_blobstore("file://./with%20space")
    assert here.containers().items == ["c"]
    assert repr(here) == f"<folder {tmp_path / 'with space'}>"
    monkeypatch.chdir("/")
    assert here.containers().items == ["c"]
    monkeypatch.chdir(tmp_path)
    assert open_blobstore("file://.").containers().items == ["with space"]


def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    FolderStore(tmp_path / "new").create_container("c")
    with pytest.raises(ProviderError, match="make that one first"):
        FolderStore(tmp_path / "slip" / "new")
    assert not (tmp_path / "slip").exists()
    (tmp_path / "file").touch()
    with pytest.raises(ProviderError, match="is a file; wanted a folder"):
        FolderStore(tmp_path / "file")


@pytest.mark.parametrize(
    "wrong", ["file://blobs", "file://blobs/x", "file://", "file:///", "file:///a#b", "file:///a%00b", "file:///a?x=1"]
)
def test_addresses_that_are_refused(wrong: str) -> None:
    with pytest.raises(ProviderError):
        open_blobstore(wrong)
