"""What every blobstore provider keeps: containers, as they are named, each apart, until they are deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...errors import NotFound, ProviderError, Unavailable
from ..blobstore.base import ContainerInfo, fetch, put
from . import awkward
from .checks import Checks, NotApplicable, expect, expect_names, expect_now, expect_words, refused, short, together
from .stores import BlobstoreTrial

check: Checks[BlobstoreTrial] = Checks()


@check
def answers(trial: BlobstoreTrial) -> None:
    """A ping is answered."""
    trial.store.ping()


@check
def summary(trial: BlobstoreTrial) -> None:
    """Its summary and its repr are a line each, without a secret."""
    expect_words(trial.store.summary(), repr(trial.store), trial.terms.hidden)


# --- containers --------------------------------------------------------------------------------------


@check
def create_and_delete(trial: BlobstoreTrial) -> None:
    """A container is there from its creation to its deletion; made again, it is empty."""
    store, name = trial.store, trial.name()
    for turn in range(2):
        expect("container_exists() before", store.container_exists(name), False)
        info = store.create_container(name)
        expect("the name that create_container() answers", info.name, name)
        expect("container_exists()", store.container_exists(name), True)
        expect("the name in container_info()", store.container_info(name).name, name)
        expect("our container in containers()", trial.containers().count(name), 1)
        expect_names(f"objects() of container {'made again' if turn else 'just made'}", trial.objects(name), [])
        put(store, name, "object", b"1")
        put(store, name, "a/b", b"2")
        store.delete_container(name)
        expect("container_exists() after its delete", store.container_exists(name), False)
        expect("our container in containers() after its delete", trial.containers().count(name), 0)
        with refused(NotFound, "reading from a deleted container"):
            store.read(name, "object")


@check
def create_twice(trial: BlobstoreTrial) -> None:
    """Creating a container that is there is a `ProviderError`, and leaves what is in it."""
    container = trial.container()
    put(trial.store, container, "object", b"1")
    with refused(ProviderError, "create_container() of one that is there"):
        trial.store.create_container(container)
    expect("the object afterwards", fetch(trial.store, container, "object"), b"1")
    name = trial.name("together")

    def create(_: int) -> bool:
        try:
            trial.store.create_container(name)
        except Unavailable:
            raise
        except ProviderError:
            return False
        return True

    expect("of 16 threads that create it, those that did", together(create).count(True), 1)


@check
def container_times(trial: BlobstoreTrial) -> None:
    """A container's created_at is the time when it was made, and stays the same whatever is put in."""
    store, name = trial.store, trial.name()
    made = store.create_container(name)
    expect("the type of what create_container() answers", isinstance(made, ContainerInfo), True)
    expect_now("created_at of a container", made.created_at)
    expect("created_at in container_info()", store.container_info(name).created_at, made.created_at)
    for n in range(5):
        put(store, name, f"object {n}", b"1")
        time.sleep(0.01)
    store.delete_object(name, "object 1")
    expect("created_at after writes and deletes", store.container_info(name).created_at, made.created_at)


@check
def missing_container(trial: BlobstoreTrial) -> None:
    """Every operation on a container that is not there is `NotFound`."""
    store, missing, container = trial.store, trial.name("missing"), trial.container()
    put(store, container, "object", b"1")

    def write() -> None:
        put(store, missing, "object", b"1")

    operations: list[tuple[str, Callable[[], object]]] = [
        ("container_info()", lambda: store.container_info(missing)),
        ("objects()", lambda: store.objects(missing)),
        ("object_info()", lambda: store.object_info(missing, "object")),
        ("object_exists()", lambda: store.object_exists(missing, "object")),
        ("read()", lambda: store.read(missing, "object")),
        ("write(), or the commit that follows,", write),
        ("delete_object()", lambda: store.delete_object(missing, "object")),
        ("delete_objects()", lambda: store.delete_objects(missing, ["object", "another"])),
        ("copy_object() from it", lambda: store.copy_object(missing, "object", container, "object")),
        ("copy_object() to it", lambda: store.copy_object(container, "object", missing, "object")),
        ("move_object() from it", lambda: store.move_object(missing, "object", container, "object")),
        ("move_object() to it", lambda: store.move_object(container, "object", missing, "object")),
        ("clear_container()", lambda: store.clear_container(missing)),
        ("delete_container()", lambda: store.delete_container(missing)),
    ]
    for what, operation in operations:
        with refused(NotFound, f"{what} of a container that is not there"):
            operation()
    expect("container_exists()", store.container_exists(missing), False)
    expect("the object that was to be copied and moved", fetch(store, container, "object"), b"1")


@check
def container_names(trial: BlobstoreTrial) -> None:
    """Any UTF-8 text is a container, kept as it is and apart from all others; long ones too."""
    store = trial.store
    before = set(trial.containers())
    ours = awkward.containers(trial.token)
    made = [name for name in awkward.EXACT if name not in before]
    for name in made:
        # Nothing is made or deleted where something is, be it only the store's own folder behind "..".
        expect(f"container_exists() of {short(name)}, which is not listed", store.container_exists(name), False)
    made += awkward.fewer(ours) if trial.terms.quick else ours
    for name in made:
        expect("the name that create_container() answers", store.create_container(name).name, name)
        put(store, name, "object", name.encode())
    expect_names("containers()", [name for name in trial.containers() if name in set(made)], made)
    while made:
        for name in made[:: max(1, len(made) // 10)]:
            expect(f"the object in container {short(name)}", fetch(store, name, "object"), name.encode())
        gone, made = made[:10], made[10:]
        for name in gone:
            expect("the name in container_info()", store.container_info(name).name, name)
            expect(f"the container in objects() of {short(name)}", trial.objects(name), ["object"])
            store.delete_container(name)
            expect(f"container_exists() of {short(name)} after its delete", store.container_exists(name), False)
        expect_names("containers() still there", [name for name in trial.containers() if name in set(made)], made)


@check
def containers_listed(trial: BlobstoreTrial) -> None:
    """containers() lists all of them, each once, by code points, in pages of the size asked for."""
    labels = ["b", "a", "B", "é", "z", "\uffff", "\U00010000", "a/b", " "]
    made = [f"check-{trial.token}{label}" for label in labels]
    for name in made:
        trial.store.create_container(name)
    for limit in (1000, 3):
        found = trial.containers(limit)
        expect("containers() in order", found, sorted(found))
        expect_names("containers()", [name for name in found if trial.token in name], made)
    expect("the names on a page of 3", len(trial.store.containers(None, 3).items) <= 3, True)


@check
def containers_apart(trial: BlobstoreTrial) -> None:
    """Containers do not leak into each other, however container and object read when put together."""
    store, base = trial.store, trial.name()
    pairs = [(f"{base}a{mark}b", "c") for mark in "/.:\\ "] + [(f"{base}a", f"b{mark}c") for mark in "/.:\\ "]
    pairs += [(base, "c"), (f"{base}b", "c"), (base, "bc"), (f"{base}a", "c"), (f"{base}a/b/c", "d")]
    for container in dict.fromkeys(container for container, _ in pairs):
        store.create_container(container)
    for number, (container, name) in enumerate(pairs):
        put(store, container, name, str(number).encode())

    def all_there(pairs: Sequence[tuple[str, str]], first: int) -> None:
        for number, (container, name) in enumerate(pairs, first):
            expect(f"object {name!r} in container {container!r}", fetch(store, container, name), str(number).encode())
            own = [name for other, name in pairs if other == container]
            expect(f"objects() of container {container!r}", trial.objects(container), sorted(own))

    all_there(pairs, 0)
    for container, name in pairs[:5]:
        store.delete_object(container, name)
    all_there(pairs[5:], 5)
    store.clear_container(f"{base}a")
    left = [pair for pair in pairs[5:] if pair[0] != f"{base}a"]
    for container, name in left:
        expect(f"object_exists() of {name!r} in {container!r}", store.object_exists(container, name), True)
    store.delete_container(base)
    expect(f"container_exists() of {base + 'b'!r}", store.container_exists(base + "b"), True)
    expect(f"object_exists() of 'c' in {base + 'b'!r}", store.object_exists(base + "b", "c"), True)


@check
def clear(trial: BlobstoreTrial) -> None:
    """Clearing a container removes all objects and leaves the container, its time, and all other containers."""
    store, container, other = trial.store, trial.container(), trial.container()
    info = store.container_info(container)
    for name in ("object", "a", "a/b", "a/b/c", "é", ".hidden", ""):
        put(store, container, name, b"1")
        put(store, other, name, b"2")
    store.clear_container(container)
    expect("objects() after clear_container()", trial.objects(container), [])
    expect("container_info() after clear_container()", store.container_info(container), info)
    expect("object_exists() after clear_container()", store.object_exists(container, "a/b"), False)
    expect("the number of objects in another container", len(trial.objects(other)), 7)
    store.clear_container(container)
    put(store, container, "a", b"3")
    expect("objects() after another write", trial.objects(container), ["a"])


# --- opening and closing -----------------------------------------------------------------------------


@check
def close(trial: BlobstoreTrial) -> None:
    """After close() every operation is `Unavailable`, and a second close() does nothing."""
    store, container = trial.another(), trial.container()
    put(trial.store, container, "object", b"1")
    store.close()
    store.close()
    new = trial.name("new")
    operations: list[tuple[str, Callable[[], object]]] = [
        ("create_container()", lambda: store.create_container(new)),
        ("container_info()", lambda: store.container_info(container)),
        ("container_exists()", lambda: store.container_exists(container)),
        ("containers()", store.containers),
        ("objects()", lambda: store.objects(container)),
        ("object_info()", lambda: store.object_info(container, "object")),
        ("object_exists()", lambda: store.object_exists(container, "object")),
        ("read()", lambda: store.read(container, "object")),
        ("write(), or the commit that follows,", lambda: put(store, container, "object", b"2")),
        ("copy_object()", lambda: store.copy_object(container, "object", container, "copy")),
        ("move_object()", lambda: store.move_object(container, "object", container, "moved")),
        ("delete_object()", lambda: store.delete_object(container, "object")),
        ("delete_objects()", lambda: store.delete_objects(container, ["object"])),
        ("clear_container()", lambda: store.clear_container(container)),
        ("delete_container()", lambda: store.delete_container(container)),
        ("ping()", store.ping),
    ]
    for what, operation in operations:
        with refused(Unavailable, f"{what} after close()"):
            operation()
    expect("the object through another provider of the store", fetch(trial.store, container, "object"), b"1")


@check
def reopen(trial: BlobstoreTrial) -> None:
    """What was stored is there when the store is opened again."""
    if not trial.terms.persists:
        raise NotApplicable("it is not known to keep anything")
    store, container = trial.another(), trial.container("é/🦀")
    info = store.container_info(container)
    wanted = ["", "..", "a", "a/b", "é/🦀"]
    for name in wanted:
        put(store, container, name, name.encode())
    objects = [store.object_info(container, name) for name in wanted]
    store.close()
    again = trial.another()
    expect("container_info(), opened again", again.container_info(container), info)
    expect("objects(), opened again", again.objects(container).items, wanted)
    for name, before in zip(wanted, objects):
        expect(f"object {name!r}, opened again", fetch(again, container, name), name.encode())
        expect("object_info(), opened again", again.object_info(container, name), before)
