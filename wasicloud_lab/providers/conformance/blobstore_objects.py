"""What every blobstore provider keeps: objects as they are named, each apart, copied and moved whole."""

from __future__ import annotations

import time

from ...errors import NotFound
from ..blobstore.base import ObjectInfo, fetch, put
from . import awkward
from .checks import Checks, expect, expect_names, expect_now, refused, short
from .stores import BlobstoreTrial

check: Checks[BlobstoreTrial] = Checks()


@check
def object_names(trial: BlobstoreTrial) -> None:
    """Any UTF-8 text is an object, kept as it is and apart from all others; long ones too."""
    store, container = trial.store, trial.container()
    wanted = awkward.names(trial.token)
    wanted = awkward.fewer(wanted) if trial.terms.quick else wanted
    content = {name: f"{number}: {name}".encode() for number, name in enumerate(wanted)}
    try:
        for name in wanted:
            put(store, container, name, content[name])
        expect_names("objects()", trial.objects(container), wanted)
        for number, name in enumerate(wanted):
            expect(f"object {short(name)}", fetch(store, container, name), content[name])
            info = store.object_info(container, name)
            expect(
                "name, container and size in object_info()",
                (*info[:2], info.size),
                (name, container, len(content[name])),
            )
            if number % 10 == 0:
                store.delete_object(container, name)
                expect(
                    f"object_exists() of {short(name)} after its delete", store.object_exists(container, name), False
                )
        left = [name for number, name in enumerate(wanted) if number % 10]
        expect_names("objects() after some were deleted", trial.objects(container), left)
        for name in left:
            expect(f"object_exists() of {short(name)}", store.object_exists(container, name), True)
        store.delete_objects(container, left)
        expect("objects() after all were deleted", trial.objects(container), [])
    finally:  # a careless provider has written some outside of the container, where its delete does not reach
        store.delete_objects(container, wanted)


@check
def slashes(trial: BlobstoreTrial) -> None:
    """An object may be named like another one's folder: `a` beside `a/b` and `a/`."""
    store, container = trial.store, trial.container()
    for wanted in (["a", "a/b", "a/", "a//b", f"/{trial.token}", "a/b/c", "/"], ["x/y/z", "x/y", "x"]):
        for name in wanted:
            put(store, container, name, name.encode())
        for name in wanted:
            expect(f"object {name!r}", fetch(store, container, name), name.encode())
        expect("objects()", trial.objects(container), sorted(wanted))
        while wanted:
            store.delete_object(container, wanted.pop(0))
            expect("objects() after a delete", trial.objects(container), sorted(wanted))


@check
def missing_object(trial: BlobstoreTrial) -> None:
    """Reading, copying or moving an object that is not there is `NotFound` at once; deleting it is no error."""
    store, container = trial.store, trial.container()
    put(store, container, "there", b"1")
    for missing in ("missing", "there/", "ther", "there/missing", ""):
        with refused(NotFound, f"object_info() of {missing!r}"):
            store.object_info(container, missing)
        with refused(NotFound, f"read() of {missing!r}, before the first chunk is asked for"):
            store.read(container, missing)
        for end in (0, None):
            with refused(NotFound, f"read() of a range of {missing!r}"):
                store.read(container, missing, 5, end)
        for what, operation in (("copy", store.copy_object), ("move", store.move_object)):
            with refused(NotFound, f"{what}_object() of {missing!r}"):
                operation(container, missing, container, "there")
            with refused(NotFound, f"{what}_object() of {missing!r} onto itself"):
                operation(container, missing, container, missing)
            with refused(NotFound, f"{what}_object() of {missing!r}"):
                operation(container, missing, container, "new")
        expect(f"object_exists() of {missing!r}", store.object_exists(container, missing), False)
        store.delete_object(container, missing)
        store.delete_objects(container, [missing, missing])
    store.delete_objects(container, [])
    expect("objects()", trial.objects(container), ["there"])
    expect("the object that is there", fetch(store, container, "there"), b"1")


@check
def object_times(trial: BlobstoreTrial) -> None:
    """An object's size and created_at are those of its present bytes: both follow an overwrite."""
    store, container = trial.store, trial.container()
    put(store, container, "object", b"twelve bytes")
    first = store.object_info(container, "object")
    expect("the type of what object_info() answers", isinstance(first, ObjectInfo), True)
    expect("size", first.size, 12)
    expect_now("created_at of an object", first.created_at)
    expect("object_info(), asked again", store.object_info(container, "object"), first)
    later = first
    for _ in range(50):  # until the store's clock has moved on: some count whole seconds
        put(store, container, "object", b"3 B")
        later = store.object_info(container, "object")
        if later.created_at != first.created_at:
            break
        time.sleep(0.05)
    expect("size after an overwrite", later.size, 3)
    expect("created_at is later 2.5 s later", later.created_at > first.created_at, True)
    expect_now("created_at of an object", later.created_at)


@check
def delete_many(trial: BlobstoreTrial) -> None:
    """1,500 objects are deleted in one call, some of them not there, some named twice."""
    store, container = trial.store, trial.container()
    count = 300 if trial.terms.quick else 1500
    wanted = [f"object/{number}" for number in range(count)]
    trial.fill(container, wanted)
    kept, gone = wanted[:5], wanted[5:]
    store.delete_objects(container, [*gone, "missing", *gone[:50]])
    expect("objects() afterwards", trial.objects(container), kept)


# --- copy and move -----------------------------------------------------------------------------------


@check
def copy(trial: BlobstoreTrial) -> None:
    """A copy, to a new name or over another object, within or across containers, is whole and a thing of its own."""
    store, container, other = trial.store, trial.container(), trial.container()
    content = b"some bytes" * 1000
    put(store, container, "from/é", content)
    put(store, container, "over", b"a longer one that is there" * 2000)
    targets = [(container, "to"), (container, "over"), (other, "from/é"), (other, "🦀"), (container, "from/é/deeper")]
    for target in targets:
        store.copy_object(container, "from/é", *target)
        expect(f"the copy at {target[1]!r}", fetch(store, *target), content)
        info = store.object_info(*target)
        expect("name, container and size in object_info()", info[:2] + info[3:], (target[1], target[0], len(content)))
        expect("the original afterwards", fetch(store, container, "from/é"), content)
    before = store.object_info(container, "from/é")
    store.copy_object(container, "from/é", container, "from/é")
    expect("object_info() after a copy onto itself", store.object_info(container, "from/é"), before)
    expect("the object after a copy onto itself", fetch(store, container, "from/é"), content)
    put(store, container, "empty", b"")
    store.copy_object(container, "empty", other, "empty")
    expect("the copy of an empty object", fetch(store, other, "empty"), b"")
    put(store, container, "from/é", b"changed")
    store.delete_object(container, "to")
    expect("a copy after the original has changed", fetch(store, other, "🦀"), content)
    expect("objects() of the target", trial.objects(other), ["empty", "from/é", "🦀"])


@check
def move(trial: BlobstoreTrial) -> None:
    """A move, to a new name or over another object, within or across containers, leaves nothing behind."""
    store, container, other = trial.store, trial.container(), trial.container()
    content = b"some bytes" * 1000
    put(store, container, "over", b"a longer one that is there" * 2000)
    put(store, container, "object", content)
    put(store, container, "stays", b"1")
    here = (container, "object")
    for target in ((container, "new"), (container, "over"), (other, "object"), (other, "a/b")):
        store.move_object(*here, *target)
        expect(f"the object at {target[1]!r}", fetch(store, *target), content)
        expect(f"object_exists() of {here[1]!r}, from which it was moved", store.object_exists(*here), False)
        here = target
    store.move_object(*here, *here)
    expect("the object after a move onto itself", fetch(store, *here), content)
    expect("objects() of the one", trial.objects(container), ["stays"])
    expect("objects() of the other", trial.objects(other), ["a/b"])
