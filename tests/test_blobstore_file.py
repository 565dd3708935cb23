"""A folder as a blobstore: as any other, with what is there already, and when the system says no."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests import folder_stores
from tests.blob_model import (
    check_closed,
    check_history,
    check_odd_names,
    check_ranges,
    check_versions_do_not_mix,
    histories,
)
from tests.folder_stores import posix
from wasicloud_lab.errors import Denied, NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.blobstore import file_folders
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.file import FolderStore
from wasicloud_lab.providers.blobstore.file_errors import plainly
from wasicloud_lab.providers.page import every

store = folder_stores.store
folder = folder_stores.folder


# --- as any blobstore --------------------------------------------------------------------------------


def test_any_names(tmp_path: Path) -> None:
    check_odd_names(FolderStore(tmp_path))
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None)
@given(history=histories)
def test_it_does_what_a_dict_of_dicts_would(history: list[tuple]) -> None:  # type: ignore[type-arg]
    with tempfile.TemporaryDirectory() as place:
        check_history(FolderStore(place), history)


def test_ranges(store: FolderStore) -> None:
    check_ranges(store)


@posix
def test_threads_see_whole_versions(store: FolderStore) -> None:
    check_versions_do_not_mix(store, 2 * CHUNK + 10, 20)


def test_after_close_it_says_so(store: FolderStore) -> None:
    check_closed(store)


@posix
def test_threads_with_long_names_do_not_take_each_others_folders(store: FolderStore) -> None:
    store.create_container("c")
    prefix = "long" * 100

    def work(digit: int) -> None:
        for _ in range(50):
            put(store, "c", f"{prefix}{digit}", b"x")
            store.delete_object("c", f"{prefix}{digit}")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, digit) for digit in range(4)]:
            done.result()
    assert store.objects("c").items == []


def test_thousands_of_objects_page_by_page(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create_container("c")
    for number in range(3_000):
        open(tmp_path / "c" / f"key%2F{number:05}", "x").close()
    assert list(every(lambda cursor: store.objects("c", cursor))) == [f"key/{number:05}" for number in range(3_000)]


def test_data_stays_when_it_is_opened_again(store: FolderStore, folder: Path) -> None:
    made = store.create_container("c")
    put(store, "c", "o", b"bytes")
    info = store.object_info("c", "o")
    store.close()
    again = FolderStore(folder)
    assert fetch(again, "c", "o") == b"bytes"
    assert (again.container_info("c"), again.object_info("c", "o")) == (made, info)


def test_the_time_of_a_container_does_not_change_with_its_objects(store: FolderStore, folder: Path) -> None:
    made = store.create_container("c")
    put(store, "c", "o", b"")
    os.utime(folder / "c", (1, 1))
    assert store.container_info("c") == made


# --- other people's files ----------------------------------------------------------------------------


def test_folders_and_files_that_are_there_are_containers_and_objects(store: FolderStore, folder: Path) -> None:
    animals = folder / "animals"
    (animals / "wild").mkdir(parents=True)
    (animals / "dog.txt").write_bytes(b"wuff")
    (animals / "Cat 100%.txt").write_bytes(b"miau")
    (animals / ".hidden").write_bytes(b"")
    (animals / "wild" / "fox.txt").write_bytes(b"?")
    (folder / "README.txt").write_bytes(b"no container")
    assert store.containers().items == ["animals"]
    assert store.objects("animals").items == ["Cat 100%.txt", "dog.txt"]
    assert fetch(store, "animals", "dog.txt") == b"wuff"
    assert fetch(store, "animals", "Cat 100%.txt") == b"miau"
    assert store.container_info("animals").created_at > 0
    for absent in ("wild", "wild/fox.txt", ".hidden", "wild%2Ffox.txt"):
        with pytest.raises(NotFound):
            store.read("animals", absent)
    put(store, "animals", "Cat 100%.txt", b"purr")
    put(store, "animals", "new.txt", b"new")
    assert (animals / "Cat 100%.txt").read_bytes() == b"purr"
    assert (animals / "new.txt").read_bytes() == b"new"
    store.move_object("animals", "Cat 100%.txt", "animals", "cat.txt")
    assert store.objects("animals").items == ["cat.txt", "dog.txt", "new.txt"]


def test_a_container_that_holds_other_things_is_not_deleted(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    put(store, "c", "o", b"bytes")
    (folder / "c" / "own").mkdir()
    with pytest.raises(ProviderError, match="holds 'own', which is no object"):
        store.delete_container("c")
    assert fetch(store, "c", "o") == b"bytes"
    (folder / "c" / "own").rmdir()
    (folder / "c" / ".DS_Store").touch()
    store.delete_container("c")
    assert list(folder.iterdir()) == []


def test_a_folder_or_file_in_the_way_is_named_as_such(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    (folder / "c" / "sub").mkdir()
    (folder / "file").touch()
    with pytest.raises(ProviderError, match=r"in the way|denied"):
        put(store, "c", "sub", b"")
    with pytest.raises(ProviderError, match="in the way"):
        store.create_container("file")
    assert not store.container_exists("file")
    assert sorted(path.name for path in (folder / "c").iterdir()) == [".wasicloud-created", "sub"]


def test_what_a_crash_leaves_is_not_seen_and_goes_with_the_container(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    (folder / "c" / ".wasicloud-part-0123456789abcdef").write_bytes(b"half")
    (folder / ".wasicloud-deleted-0123456789abcdef").mkdir()
    assert store.objects("c").items == []
    assert store.containers().items == ["c"]
    store.delete_container("c")
    assert not (folder / "c").exists()


# --- reading and writing -----------------------------------------------------------------------------


@posix
def test_a_reader_keeps_its_version(store: FolderStore) -> None:
    store.create_container("c")
    put(store, "c", "o", b"a" * (2 * CHUNK))
    first, second = store.read("c", "o"), store.read("c", "o")
    put(store, "c", "o", b"b")
    assert b"".join(first) == b"a" * (2 * CHUNK)
    store.delete_container("c")
    assert b"".join(second) == b"a" * (2 * CHUNK)


def test_an_abort_leaves_what_was_there_and_nothing_else(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    put(store, "c", "o", b"old")
    before = sorted(folder.rglob("*"))
    writer = store.write("c", "o")
    writer.write(b"x" * (3 * CHUNK))
    writer.abort()
    writer.abort()
    with pytest.raises(ProviderError, match="already"):
        writer.write(b"more")
    with pytest.raises(RuntimeError), store.write("c", "new") as writer:
        writer.write(b"x")
        raise RuntimeError
    del writer
    store.write("c", "forgotten").write(b"x")
    assert sorted(folder.rglob("*")) == before
    assert fetch(store, "c", "o") == b"old"


def test_a_commit_into_a_deleted_container_is_refused(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    writer = store.write("c", "o")
    writer.write(b"x")
    if file_folders.RELATIVE:  # elsewhere an open file can keep its folder from being deleted
        store.delete_container("c")
        with pytest.raises(NotFound):
            writer.commit()
    writer.abort()
    assert list(folder.rglob("*o*")) == [] or not file_folders.RELATIVE


@posix
def test_closing_a_reader_early_closes_its_file(store: FolderStore) -> None:
    store.create_container("c")
    put(store, "c", "o", b"a" * (3 * CHUNK))
    fds = Path("/dev/fd")
    before = len(list(fds.iterdir()))
    readers = [store.read("c", "o") for _ in range(20)]
    next(readers[0])
    for reader in readers[:10]:
        reader.close()  # type: ignore[attr-defined]
    assert list(readers[0]) == []
    del reader, readers
    assert len(list(fds.iterdir())) == before


def test_copies_are_whole_and_of_their_own(store: FolderStore) -> None:
    store.create_container("c")
    store.create_container("d")
    data = os.urandom(3 * CHUNK + 7)
    put(store, "c", "o", data)
    store.copy_object("c", "o", "d", "x/y")
    store.copy_object("c", "o", "c", "o")
    put(store, "c", "o", b"other")
    assert fetch(store, "d", "x/y") == data
    with pytest.raises(NotFound, match="no container 'e'"):
        store.copy_object("c", "o", "e", "o")
    with pytest.raises(NotFound, match="no object 'p' in the container 'c'"):
        store.move_object("c", "p", "d", "p")


@posix
def test_a_file_that_gets_shorter_under_a_reader_is_an_error(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    put(store, "c", "o", b"a" * (3 * CHUNK))
    reader = store.read("c", "o")
    next(reader)
    os.truncate(folder / "c" / "o", 10)
    with pytest.raises(ProviderError, match="shorter"):
        list(reader)


# --- when the system says no -------------------------------------------------------------------------


def _in_a_process(script: str, folder: Path) -> str:
    """Runs a script with what it needs imported; answers what it printed."""
    head = """
        import errno, os, sys
        from wasicloud_lab.errors import ProviderError
        from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
        from wasicloud_lab.providers.blobstore.file import FolderStore
        store = FolderStore(sys.argv[1])
        store.containers()
    """
    program = textwrap.dedent(head) + textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@posix
def test_a_file_larger_than_the_system_allows_leaves_the_old_object(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    put(store, "c", "o", b"old")
    said = _in_a_process(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, CHUNK))
        for size in (CHUNK, 2 * CHUNK):
            try:
                put(store, "c", "o" if size > CHUNK else "fits", b"x" * size)
            except ProviderError as error:
                print(type(error).__name__, error)
        with open(sys.argv[1] + "/big", "wb") as file:
            pass
        print(fetch(store, "c", "o"))
        """,
        folder,
    )
    assert said.splitlines() == [
        f"TooLarge the object 'o' in the container 'c' is larger than a file in folder {folder} may be",
        "b'old'",
    ]
    assert sorted(path.name for path in (folder / "c").iterdir()) == [".wasicloud-created", "fits", "o"]


@posix
def test_what_the_user_may_not_do_is_denied() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        store = FolderStore(folder)
        store.create_container("c")
        put(store, "c", "o", b"old")
        os.chmod(folder / "c" / "o", 0o000)
        os.chmod(folder / "c", 0o555)
        os.chmod(folder, 0o555)
        said = _in_a_process(
            """
            if os.getuid() == 0:  # whom nothing is denied
                os.setgroups([])
                os.setuid(65534)
            for act in (
                lambda: store.create_container("d"),
                lambda: put(store, "c", "o", b"new"),
                lambda: fetch(store, "c", "o"),
                lambda: store.delete_object("c", "o"),
                lambda: store.delete_container("c"),
            ):
                try:
                    act()
                except ProviderError as error:
                    print(type(error).__name__)
            """,
            folder,
        )
        os.chmod(folder, 0o755)
        os.chmod(folder / "c", 0o755)
        assert said.split() == ["Denied"] * 5


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, ProviderError, "the disk under folder .* is full; the object 'o' could not be stored"),
        (errno.EFBIG, TooLarge, "larger than a file in folder"),
        (errno.EROFS, Denied, "does not let this user at the object 'o'"),
        (errno.ENAMETOOLONG, ProviderError, "too long for the file system"),
        (errno.ENOENT, NotFound, "no object 'o' in folder"),
        (errno.EIO, ProviderError, "object 'o' in folder .*: "),
    ],
)
def test_errors_of_the_system_say_what_happened(
    store: FolderStore, code: int, kind: type[ProviderError], words: str
) -> None:
    with pytest.raises(ProviderError, match=words) as caught, plainly(store, "object 'o'"):
        raise OSError(code, os.strerror(code))
    assert type(caught.value) is kind


def test_a_folder_that_goes_away_makes_it_unavailable_until_it_is_back(store: FolderStore, folder: Path) -> None:
    store.create_container("c")
    folder.rename(folder.with_name("moved"))
    for operation in (store.ping, store.containers, lambda: store.container_exists("c"), lambda: store.write("c", "o")):
        with pytest.raises(Unavailable, match="is not there; has it been moved"):
            operation()
    folder.with_name("moved").rename(folder)
    store.ping()
    assert store.container_exists("c")
