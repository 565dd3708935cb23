"""What every blobstore does, for tests that run the same against several: any names, a model, many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st

from wasicloud_lab.errors import NotFound, ProviderError, Unavailable
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, fetch, put
from wasicloud_lab.providers.page import every

#: Names that some store could trip over.
ODD_NAMES = [
    *("", "a", "A", "a/b", "a//b", "a/", "/", ".", "..", "../../etc/passwd", "/etc/passwd", ".hidden", "a\\b", "C:\\x"),
    *(" ", " a ", "a.", "a ", "CON", "nul.txt", "com1", "LPT9.a", "a:b", 'a*?"<>|', "100%", "100%.txt", "%2F", "a%2Fb"),
    *(
        "%-",
        "%",
        "+a",
        "~",
        "~container",
        "~x/2f",
        "~~",
        "\0",
        "a\nb",
        "\x7f",
        "é",
        "e\u0301",
        "É",
        "ß",
        "SS",
        "ss",
        "가",
    ),
    *("\u1100\u1161", "😀", "\ufffe", "\u202e", "a&b=<c>#d?", "x" * 255, "x" * 256, "x" * 1024, "/" * 1024, "é" * 512),
    *("CON" * 341, "." * 300, "%" * 400, "a" * 253 + "/b", "A" * 300, "a" * 300, "😀" * 256),
]

#: Text as a WIT string has it, near the limits of stores more often than by chance.
names = st.one_of(
    st.sampled_from(ODD_NAMES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(st.sampled_from("aA./%~+- \0é\u0301"), max_size=12),
    st.text(st.sampled_from("aA./%é😀"), min_size=200, max_size=300),
)

_FEW = st.sampled_from(["a", "b", "a/b", ""])
_OPERATIONS = {
    "create": (_FEW,),
    "drop": (_FEW,),
    "clear": (_FEW,),
    "put": (_FEW, _FEW, st.binary(max_size=20)),
    "give up": (_FEW, _FEW),
    "delete": (_FEW, st.lists(_FEW, max_size=3)),
    "copy": (_FEW, _FEW, _FEW, _FEW),
    "move": (_FEW, _FEW, _FEW, _FEW),
}

#: What happens to a store: an operation's name and its arguments, some times over.
histories = st.lists(
    st.one_of([st.tuples(st.just(name), *arguments) for name, arguments in _OPERATIONS.items()]), max_size=30
)


def check_history(store: BlobstoreProvider, history: list[tuple]) -> None:  # type: ignore[type-arg]
    """Does the same to an empty store and to a dict of dicts, and finds no difference."""
    model: dict[str, dict[str, bytes]] = {}
    for step in history:
        expected = _to_model(model, *step)
        try:
            _to_store(store, *step)
        except ProviderError as error:
            assert type(error) is expected, step  # noqa: PT017
        else:
            assert expected is None, step
    assert list(every(lambda cursor: store.containers(cursor, 2))) == sorted(model)
    for container, objects in model.items():
        assert list(every(lambda cursor: store.objects(container, cursor, 2))) == sorted(objects)  # noqa: B023
        for name, data in objects.items():
            assert fetch(store, container, name) == data
            assert store.object_info(container, name).size == len(data)


def _to_model(model: dict[str, dict[str, bytes]], step: str, container: str, *rest: object) -> type[Exception] | None:
    """Changes the model; answers the error that the store has to raise."""
    if step == "create":
        if container in model:
            return ProviderError
        model[container] = {}
        return None
    if container not in model:
        return NotFound
    objects = model[container]
    if step == "drop":
        del model[container]
    elif step == "clear":
        objects.clear()
    elif step == "put":
        objects[rest[0]] = rest[1]  # type: ignore[index, assignment]
    elif step == "delete":
        for name in rest[0]:  # type: ignore[attr-defined]
            objects.pop(name, None)
    elif step in ("copy", "move"):
        name, to_container, to_name = rest
        if name not in objects or to_container not in model:
            return NotFound
        model[to_container][to_name] = objects[name]  # type: ignore[index]
        if step == "move" and (container, name) != (to_container, to_name):
            del objects[name]  # type: ignore[arg-type]
    return None


def _to_store(store: BlobstoreProvider, step: str, *arguments: object) -> None:
    act: dict[str, Callable[..., object]] = {
        "create": store.create_container,
        "drop": store.delete_container,
        "clear": store.clear_container,
        "put": lambda container, name, data: put(store, container, name, data),
        "give up": lambda container, name: _give_up(store, container, name),
        "delete": store.delete_objects,
        "copy": store.copy_object,
        "move": store.move_object,
    }
    act[step](*arguments)


def _give_up(store: BlobstoreProvider, container: str, name: str) -> None:
    writer = store.write(container, name)
    writer.write(b"never seen")
    writer.abort()


def check_odd_names(store: BlobstoreProvider, containers: list[str] = ODD_NAMES) -> None:
    """Objects of all odd names, in containers of odd names, none in the way of another."""
    full, *others = sorted(containers, key=len, reverse=True)
    for container in containers:
        assert store.create_container(container).name == container
    for container in others:
        for name in {"a", container}:
            put(store, container, name, f"{container}|{name}".encode())
    for name in ODD_NAMES:
        put(store, full, name, name.encode())
    assert list(every(lambda cursor: store.containers(cursor, 7))) == sorted(containers)
    assert list(every(lambda cursor: store.objects(full, cursor, 7))) == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert fetch(store, full, name) == name.encode()
    for container in others:
        assert store.objects(container).items == sorted({"a", container})
        assert fetch(store, container, container) == f"{container}|{container}".encode()
    store.delete_objects(full, ODD_NAMES[::2])
    assert store.objects(full).items == sorted(ODD_NAMES[1::2])
    for container in containers:
        store.delete_container(container)
        assert not store.container_exists(container)
    assert store.containers().items == []


def check_versions_do_not_mix(store: BlobstoreProvider, size: int, rounds: int) -> None:
    """Threads write and read one object: each reader gets the bytes of one version, all of them.

    Args:
        size: of a version, in bytes; more than a chunk, so that there is something to mix.
    """
    store.create_container("shared")
    put(store, "shared", "object", bytes(size))
    writing = threading.Event()

    def write(digit: int) -> None:
        for _ in range(rounds):
            with store.write("shared", "object") as writer:
                half = bytes([digit]) * (size // 2)
                writer.write(half)
                writer.write(half)

    def read() -> int:
        seen = 0
        while not writing.is_set() or not seen:
            data = fetch(store, "shared", "object")
            assert len(data) == size
            assert len(set(data)) == 1
            seen += 1
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, digit) for digit in (1, 2)]
        try:
            for each in writers:
                each.result()
        finally:
            writing.set()
        assert sum(reader.result() for reader in readers) >= 2


def check_ranges(store: BlobstoreProvider) -> None:
    """Ranges have inclusive ends, and end where the object does."""
    store.create_container("ranges")
    put(store, "ranges", "digits", b"0123456789")
    put(store, "ranges", "nothing", b"")
    for start, end, expected in [
        *((0, None, b"0123456789"), (3, 5, b"345"), (3, 3, b"3"), (0, 0, b"0"), (8, 99, b"89"), (4, None, b"456789")),
        *(
            (9, 9, b"9"),
            (9, 2**64 - 1, b"9"),
            (2**64 - 1, 2**64 - 1, b""),
            (10, None, b""),
            (10, 12, b""),
            (99, None, b""),
            (5, 4, b""),
            (5, 2, b""),
        ),
    ]:
        assert b"".join(store.read("ranges", "digits", start, end)) == expected, (start, end)
    for start, end in [(0, None), (0, 0), (0, 5), (3, None)]:
        assert list(store.read("ranges", "nothing", start, end)) == []
    for start, end in [(0, None), (5, 2), (99, None)]:
        with pytest.raises(NotFound):
            store.read("ranges", "none", start, end)


def check_names_that_are_no_text(store: BlobstoreProvider) -> None:
    """Half a surrogate pair is in no text, and so in no name."""
    store.create_container("c")
    for operation in (
        lambda: store.create_container("\ud800"),
        lambda: store.write("c", "a\udfff"),
        lambda: store.object_info("c", "\udcff/"),
    ):
        with pytest.raises(ProviderError, match="is no text"):
            operation()


def check_closed(store: BlobstoreProvider) -> None:
    """Closes it, twice: whatever is asked of it then is unavailable, and is said to be closed."""
    store.create_container("c")
    store.close()
    store.close()
    for operation in (
        store.ping,
        store.containers,
        lambda: store.object_exists("c", "o"),
        lambda: store.write("c", "o"),
    ):
        with pytest.raises(Unavailable, match="closed"):
            operation()
