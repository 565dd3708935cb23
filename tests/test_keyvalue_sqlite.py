"""The key-value store in an SQLite file: restarts, several processes, and files that are not what they should be."""

from __future__ import annotations

import mmap
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from wasicloud_lab.errors import Denied, ProviderError, TooLarge, Unavailable
from wasicloud_lab.providers.keyvalue.sqlite import APPLICATION_ID, CONNECTIONS, VERSION, SqliteStore
from wasicloud_lab.providers.page import every
from wasicloud_lab.providers.registry import open_keyvalue


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "pets.db")) as store:
        yield store


@contextmanager
def other_process_writing(path: Path) -> Iterator[None]:
    """The file locked by a transaction of somebody else."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python that has `SqliteStore`."""
    setup = "import sys; from wasicloud_lab.providers.keyvalue.sqlite import SqliteStore\n"
    command = [sys.executable, "-c", setup + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    """What each has printed; all are at an end afterwards, whatever happens."""
    try:
        answers = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0] * len(processes), answers
    return [out for out, _ in answers]


# --- addresses ---------------------------------------------------------------------------------------------


def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    with closing(open_keyvalue("sqlite:///sub/my%20pets.db")) as relative:
        relative.set("b", "k", b"relative")
        monkeypatch.chdir("sub")
        assert relative.get("b", "k") == b"relative"
        assert relative.summary() == "SQLite file sub/my pets.db"
    absolute = tmp_path.as_posix() + "/sub/my pets.db"
    with closing(open_keyvalue("sqlite:///" + absolute)) as again:
        assert again.get("b", "k") == b"relative"
        assert again.summary() == f"SQLite file {absolute}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://pets.db", "sqlite:///file.db"),
        ("sqlite://user:hush@host/pets.db", "sqlite:///file.db"),
        ("sqlite:///pets.db?layout=hash", "layout"),
        ("sqlite:///pets.db?timeout=soon", "timeout=soon"),
        ("sqlite:///a%00b.db", "NUL"),
        ("sqlite:///nowhere/pets.db", "no folder .*nowhere"),
        ("sqlite:///~/pets.db", "no folder .*~.*home folder"),
        ("sqlite:///folder", "folder is a folder"),
    ],
)
def test_an_address_that_can_be_no_file_is_refused(
    url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ProviderError, match=says) as raised:
        open_keyvalue(url)
    assert "hush" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout: float, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="timeout"):
        SqliteStore(tmp_path / "x.db", timeout=timeout)


def test_making_one_does_not_touch_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db")
    assert list(tmp_path.iterdir()) == []
    store.close()
    store.close()
    assert list(tmp_path.iterdir()) == []


# --- what is stored ----------------------------------------------------------------------------------------


def test_it_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "pets.db"
    script = "store = SqliteStore(sys.argv[1]); store.set('pets', 'ricochet', b'dog'); store.increment('n', 'n', 41)\n"
    finish(start(script + "import os; os._exit(0)", path))  # no close, as in a crash
    with closing(SqliteStore(path)) as again:
        assert again.get("pets", "ricochet") == b"dog"
        assert again.increment("n", "n") == 42


def test_people_can_read_the_file_with_their_own_tools(store: SqliteStore, tmp_path: Path) -> None:
    store.set("pets", "ricochet", b"dog")
    with closing(sqlite3.connect(tmp_path / "pets.db")) as own:
        assert own.execute("SELECT bucket, key, value FROM entries").fetchall() == [("pets", "ricochet", b"dog")]
        assert own.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_names_with_nul_characters_are_names_like_others(store: SqliteStore) -> None:
    names = ["", "\0", "\0\0", "a", "a\0", "a\0b", "a\0c", "ab", "é", "\uffff", "🐕", "🐕" * 300]
    for name in reversed(names):
        store.set(name, name, name.encode())
        store.set("all", name, name.encode())
    assert list(every(lambda cursor: store.keys("all", cursor, 2))) == names
    assert list(every(lambda cursor: store.buckets(cursor, 2))) == sorted([*names, "all"])
    assert [store.get(name, name) for name in names] == [name.encode() for name in names]
    store.delete("all", "a\0b")
    assert store.get_many("all", ["a", "a\0", "a\0b", "a\0c"]) == [b"a", b"a\0", None, b"a\0c"]


def test_values_of_any_kind_of_bytes_come_back_as_bytes(store: SqliteStore) -> None:
    big = os.urandom(1 << 20) * 16
    store.set("b", "big", big)
    store.set("b", "array", bytearray(b"x"))
    store.set_many("b", [("view", memoryview(b"y")), ("empty", b"")])
    assert store.get("b", "big") == big
    assert store.get_many("b", ["array", "view", "empty"]) == [b"x", b"y", b""]
    with pytest.raises(TypeError, match="bytes-like"):
        store.set("b", "text", "text")  # type: ignore[arg-type]
    assert not store.exists("b", "text")


def test_a_value_over_the_limit_is_too_large(store: SqliteStore) -> None:
    with closing(mmap.mmap(-1, store.value_limit + 1)) as huge:  # addresses, not memory: nobody touches it
        with pytest.raises(TooLarge, match=r"999,000,001 bytes"), memoryview(huge) as value:
            store.set("b", "k", value)
    assert store.get("b", "k") is None


def test_more_keys_at_once_than_a_statement_takes(store: SqliteStore) -> None:
    names = [f"{n:05}" for n in range(2500)]
    store.set_many("b", ((name, name.encode()) for name in names))
    assert store.get_many("b", [*reversed(names), "none"]) == [*(name.encode() for name in reversed(names)), None]
    store.delete_many("b", names[1:])
    assert store.keys("b").items == names[:1]


def test_several_values_are_set_all_or_none(store: SqliteStore) -> None:
    with pytest.raises(ProviderError, match="Unicode"):
        store.set_many("b", [("good", b"1"), ("bad \ud800", b"2")])
    assert store.keys("b").items == []
    store.set("b", "good", b"1")
    with pytest.raises(ProviderError, match="Unicode"):
        store.delete_many("b", ["good", "bad \ud800"])
    assert store.keys("b").items == ["good"]


# --- many at once ------------------------------------------------------------------------------------------


def test_processes_that_make_the_file_at_the_same_moment_all_count(tmp_path: Path) -> None:
    path = tmp_path / "count.db"
    code = (
        "print('ready', flush=True); sys.stdin.readline(); store = SqliteStore(sys.argv[1], timeout=30)\n"
        "for _ in range(100): store.increment('b', 'n')\nstore.close()"
    )
    processes = [start(code, path) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    finish(*processes)
    with closing(SqliteStore(path)) as store:
        assert store.get("b", "n") == b"400"


def test_sixteen_threads_count_exactly_on_a_few_connections(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", counting)

    def work() -> None:
        for _ in range(50):
            store.increment("b", "n")
            store.get("b", "n")

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(work) for _ in range(16)]:
            done.result()
    assert store.get("b", "n") == b"800"
    assert 1 <= len(made) <= CONNECTIONS
    store.close()
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_closing_leaves_one_file(store: SqliteStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:  # connections of other threads, too
        list(pool.map(lambda n: store.set("b", str(n), b""), range(100)))
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["pets.db"]


def test_a_close_waits_for_an_operation_that_is_under_way(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set("b", "k", b"v")
    store.close()
    connect, reached, go_on = sqlite3.connect, threading.Event(), threading.Event()

    def stand_still(statement: str) -> None:
        if statement.startswith("SELECT value"):
            reached.set()
            go_on.wait(30)

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(stand_still)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    again = SqliteStore(tmp_path / "pets.db")
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(again.get, "b", "k")
        assert reached.wait(30)
        ending = pool.submit(again.close)
        try:
            with pytest.raises(StillWaiting):
                ending.result(0.2)
        finally:
            go_on.set()
        assert reading.result(30) == b"v"
        ending.result(30)
    assert [path.name for path in tmp_path.iterdir()] == ["pets.db"]


def test_what_was_answered_before_a_close_is_stored(store: SqliteStore) -> None:
    store.ping()
    answered: list[int] = []
    refused: list[str] = []

    def count() -> None:
        while True:
            try:
                answered.append(store.increment("b", "n"))
            except Unavailable as error:
                refused.append(str(error))
                return

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < 20:
        pass
    store.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(refused) == 4
    assert all("has been closed" in message for message in refused)
    with closing(SqliteStore(Path(store.summary().removeprefix("SQLite file ")))) as again:
        assert again.get("b", "n") == b"%d" % len(answered)


def test_locked_by_somebody_else_is_unavailable_and_then_well_again(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "x.db", timeout=0.1)) as store:
        store.set("b", "k", b"old")
        with other_process_writing(tmp_path / "x.db"):
            assert store.get("b", "k") == b"old"  # readers do not wait for a writer
            for change in (
                lambda: store.set("b", "k", b"new"),
                lambda: store.delete("b", "k"),
                lambda: store.increment("b", "n"),
                lambda: store.compare_and_swap("b", "k", b"old", b"new"),
                lambda: store.set_many("b", [("k", b"new")]),
                lambda: store.delete_many("b", ["k"]),
            ):
                with pytest.raises(Unavailable, match=r"SQLite file .*x\.db is locked.* 0\.1 s"):
                    change()
        assert store.get("b", "k") == b"old"
        assert store.compare_and_swap("b", "k", b"old", b"new")
        assert store.increment("b", "n") == 1


def test_a_change_waits_for_somebody_elses_to_end(store: SqliteStore, tmp_path: Path) -> None:
    store.ping()
    with ThreadPoolExecutor() as pool:
        with other_process_writing(tmp_path / "pets.db"):
            change = pool.submit(store.increment, "b", "n")
            assert store.get("b", "n") is None
        assert change.result(30) == 1


# --- files that are not what they should be ------------------------------------------------------------------


def test_a_full_disk_is_told_and_costs_nothing_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def small_disk(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small_disk)
    with closing(SqliteStore(tmp_path / "x.db")) as store:
        store.set("b", "k", b"old")
        for change in (
            lambda: store.set("b", "k", bytes(1 << 20)),
            lambda: store.compare_and_swap("b", "k", b"old", bytes(1 << 20)),
            lambda: store.set_many("b", [("small", b""), ("k", bytes(1 << 20))]),
        ):
            with pytest.raises(ProviderError, match=r"SQLite file .*x\.db .*disk is full"):
                change()
        assert store.get("b", "k") == b"old"
        assert store.keys("b").items == ["k"]
        store.set("b", "k", b"new")
        assert store.get("b", "k") == b"new"


@pytest.mark.parametrize("what", ["table", "application", "version"])
def test_another_programs_database_is_left_as_it_is(what: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as theirs:
        if what == "table":
            theirs.execute("CREATE TABLE people (name)")
        theirs.execute(f"PRAGMA {'user_version' if what == 'version' else 'application_id'} = 7")
        theirs.commit()
    before = path.read_bytes()
    with closing(SqliteStore(path)) as store:
        for call in (store.ping, lambda: store.set("b", "k", b"v")):
            with pytest.raises(ProviderError, match=r"theirs\.db is another program's database"):
                call()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["theirs.db"]


def test_a_file_of_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    with closing(sqlite3.connect(path)) as later:
        later.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        later.execute(f"PRAGMA user_version = {VERSION + 1}")
        later.commit()
    before = path.read_bytes()
    with closing(SqliteStore(path)) as store, pytest.raises(ProviderError, match=f"version {VERSION + 1}"):
        store.ping()
    assert path.read_bytes() == before


def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Dear diary, " * 100)
    with closing(SqliteStore(path)) as store, pytest.raises(ProviderError, match=r"notes\.txt is not an SQLite"):
        store.ping()
    assert path.read_bytes() == b"Dear diary, " * 100


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "new.db").touch()
    with closing(SqliteStore(tmp_path / "new.db")) as store:
        assert store.increment("b", "n") == 1


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with closing(SqliteStore(path)) as store:
        store.set_many("b", [(str(n), bytes(1000)) for n in range(100)])
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with closing(SqliteStore(path)) as store, pytest.raises(ProviderError, match=r"x\.db is damaged"):
        store.keys("b")


def test_a_database_whose_table_somebody_dropped_is_told(store: SqliteStore, tmp_path: Path) -> None:
    store.ping()
    with closing(sqlite3.connect(tmp_path / "pets.db")) as other:
        other.execute("DROP TABLE entries")
    with pytest.raises(ProviderError, match=r"pets\.db has lost its table"):
        store.get("b", "k")


def test_a_file_that_may_only_be_read_is_read_and_not_changed() -> None:
    with tempfile.TemporaryDirectory() as folder, ordinary_user(folder):
        path = Path(folder) / "x.db"
        with closing(SqliteStore(path)) as store:
            store.set("b", "k", b"old")
        path.chmod(0o444)
        with closing(SqliteStore(path)) as store:
            assert store.get("b", "k") == b"old"
            with pytest.raises(Denied, match=r"x\.db may not be written"):
                store.set("b", "k", b"new")
            with pytest.raises(Denied, match=r"x\.db may not be written"):
                store.increment("b", "n")
        path.chmod(0o644)
        with closing(SqliteStore(path)) as store:
            assert store.get("b", "k") == b"old"


@contextmanager
def ordinary_user(folder: str) -> Iterator[None]:
    """Whoever may write everywhere is somebody else meanwhile, whose folder it is."""
    if sys.platform == "win32" or os.geteuid() != 0:
        yield
        return
    nobody = 65534
    os.chown(folder, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_appears_in_the_files_place_or_vanishes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x.db"
    path.parent.mkdir()
    with closing(SqliteStore(path)) as store:
        path.mkdir()
        with pytest.raises(ProviderError, match=r"x\.db is a folder"):
            store.ping()
        path.rmdir()
        path.parent.rmdir()
        with pytest.raises(ProviderError, match=r"no folder .*sub"):
            store.ping()
        path.parent.mkdir()
        store.ping()


def test_a_file_that_was_deleted_is_made_again(store: SqliteStore, tmp_path: Path) -> None:
    store.set("b", "k", b"old")
    try:
        (tmp_path / "pets.db").unlink()
    except PermissionError:  # Windows keeps a file that is open
        assert store.get("b", "k") == b"old"
        return
    assert store.get("b", "k") is None
    store.set("b", "k", b"new")
    with closing(SqliteStore(tmp_path / "pets.db")) as other:
        assert other.get("b", "k") == b"new"
