"""What every blobstore provider keeps of bytes: streamed whole, in one version, seen when committed and not before."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ...errors import ProviderError, TooLarge, Unavailable
from ..blobstore.base import CHUNK, fetch, put
from .checks import THREADS, Checks, NotApplicable, Surprise, expect, expect_names, meanwhile, pages, refused, together
from .keyvalue_names import FOREIGN_CURSORS
from .stores import BlobstoreTrial

KIB, MIB = 1 << 10, 1 << 20

#: The largest object that is sent to see that it is refused.
_LARGEST_SENT = 65 * MIB

check: Checks[BlobstoreTrial] = Checks()


# --- sizes -------------------------------------------------------------------------------------------


@check
def sizes(trial: BlobstoreTrial) -> None:
    """Objects from none to 16 MiB (or to the store's own limit) come back whole, in chunks of at most `CHUNK`."""
    store, container = trial.store, trial.container()
    wanted = [0, 1, 1000, 64 * KIB - 1, 64 * KIB + 1, MIB - 1, MIB, MIB + 1] + ([] if trial.terms.quick else [16 * MIB])
    limit = store.object_limit
    fitting = [size for size in wanted if limit is None or size <= limit]
    if len(fitting) < len(wanted):
        trial.notes.append(f"up to its limit of {limit:,} bytes")
    for size in fitting:
        data = random.Random(size).randbytes(size)
        put(store, container, f"{size}", data)
        expect("size in object_info()", store.object_info(container, f"{size}").size, size)
        chunks = list(store.read(container, f"{size}"))
        expect(f"the types of the chunks of {size:,} bytes", {type(chunk) for chunk in chunks} - {bytes}, set())
        expect("the longest chunk is at most CHUNK", max(map(len, chunks), default=0) <= CHUNK, True)
        expect(f"an object of {size:,} bytes", b"".join(chunks), data)


@check
def too_large(trial: BlobstoreTrial) -> None:
    """An object of the store's limit fits, a longer one is `TooLarge`, and what was there stays."""
    store, container = trial.store, trial.container()
    limit = store.object_limit
    if limit is None:
        raise NotApplicable("it has no limit")
    if limit >= _LARGEST_SENT:
        raise NotApplicable(f"its limit of {limit:,} bytes is more than this suite sends")
    put(store, container, "fits", bytes(limit))
    expect("size of the longest object", store.object_info(container, "fits").size, limit)
    put(store, container, "object", b"before")
    with refused(TooLarge, f"writing {limit + 1:,} bytes"):
        put(store, container, "object", bytes(limit + 1))
    expect("the object afterwards", fetch(store, container, "object"), b"before")


@check
def large_stream(trial: BlobstoreTrial) -> None:
    """An object of 64 MiB is written and read in chunks."""
    store, container = trial.store, trial.container()
    count = 8 if trial.terms.quick else 64
    if store.object_limit is not None and store.object_limit < count * MIB:
        raise NotApplicable(f"its limit is {store.object_limit:,} bytes")
    sent, came, size = hashlib.sha256(), hashlib.sha256(), 0
    block = random.Random(1).randbytes(MIB)
    with store.write(container, "large") as writer:
        for number in range(count):
            chunk = number.to_bytes(8, "big") + block[8:]  # so that two in the wrong order show
            sent.update(chunk)
            writer.write(chunk)
    for chunk in store.read(container, "large"):
        expect("a chunk of at most CHUNK", len(chunk) <= CHUNK, True)
        came.update(chunk)
        size += len(chunk)
    expect("the bytes that came", size, count * MIB)
    expect("their digest", came.hexdigest(), sent.hexdigest())
    tail = store.read(container, "large", count * MIB - 3)
    expect("the last three bytes", b"".join(tail), block[-3:])


@check
def writes_of_any_size(trial: BlobstoreTrial) -> None:
    """A writer takes no bytes, single ones and several MiB at a time, in a buffer that is used again."""
    store, container = trial.store, trial.container()
    sizes = [0, 1, 0, 3 * MIB + 17, *([1] * 300), 100_000, 0, MIB, 5 * MIB, 0, 7]
    if store.object_limit is not None and store.object_limit < sum(sizes):
        sizes = [0, 1, 0, *([1] * 300), 0]
    data, at = random.Random(2).randbytes(sum(sizes)), 0
    with store.write(container, "object") as writer:
        for size in sizes:
            buffer: Any = bytearray(data[at : at + size])
            writer.write(buffer)
            buffer[:] = bytes(size)
            at += size
    expect("the object", fetch(store, container, "object"), data)
    with store.write(container, "nothing"):
        pass
    expect("an object of which nothing was written", fetch(store, container, "nothing"), b"")
    with store.write(container, "nothing") as writer:
        writer.write(b"")
    expect("an object of which b'' was written", fetch(store, container, "nothing"), b"")


@check
def ranges(trial: BlobstoreTrial) -> None:
    """A range is read with both its ends; where nothing is, nothing comes, and no error."""
    store, container = trial.store, trial.container()
    size = 2 * MIB + 11
    if store.object_limit is not None:
        size = min(size, store.object_limit)
    data, last = random.Random(3).randbytes(size), size - 1
    put(store, container, "object", data)
    put(store, container, "empty", b"")
    spans: list[tuple[int, int | None]] = [
        *((0, 0), (0, 1), (1, 1), (5, 14), (0, last), (0, last - 1), (1, last), (last, last), (last - 1, last)),
        *((0, None), (7, None), (last, None), (size, None), (size + 1, None), (size * 3, None)),
        *((0, size), (5, size + 1), (last, size * 9), (0, 2**63 - 1), (0, 2**64 - 1)),
        *((size, size), (size, size + 5), (size + 100, size + 200), (2**40, 2**41)),
        *((1, 0), (5, 4), (last, 0), (size + 5, 1), (9, 0)),
        *((size // 2, size // 2 + 1000), (1000, size - 1000)),
    ]
    for start, end in spans:
        wanted = data[start : None if end is None else end + 1]
        chunks = list(store.read(container, "object", start, end))
        expect(f"bytes {start} to {end} of {size}", b"".join(chunks), wanted)
        expect("the longest chunk is at most CHUNK", max(map(len, chunks), default=0) <= CHUNK, True)
    for start, end in ((0, None), (0, 0), (0, 10), (1, None), (5, 10), (3, 1)):
        expect(f"bytes {start} to {end} of none", b"".join(store.read(container, "empty", start, end)), b"")


# --- when writes are seen ----------------------------------------------------------------------------


@check
def overwrite(trial: BlobstoreTrial) -> None:
    """A write over another object replaces it whole, be it shorter, longer or empty."""
    store, container = trial.store, trial.container()
    for data in (b"first" * 1000, b"2nd", b"third" * 70_000, b"", b"a", random.Random(4).randbytes(MIB), b"last"):
        put(store, container, "object", data)
        expect("the object", fetch(store, container, "object"), data)
        expect("its size", store.object_info(container, "object").size, len(data))
        expect("objects()", trial.objects(container), ["object"])


@check
def uncommitted(trial: BlobstoreTrial) -> None:
    """Nothing is seen of a write before its commit, and after an abort or an exception all is as it was."""
    store, container = trial.store, trial.container()
    put(store, container, "old", b"before")
    info = store.object_info(container, "old")
    size = (2 if trial.terms.quick else 9) * MIB  # more than a store's client sends at once
    data = random.Random(5).randbytes(min(store.object_limit or size, size))

    def as_before(when: str) -> None:
        expect(f"the old object {when}", fetch(store, container, "old"), b"before")
        expect(f"its object_info() {when}", store.object_info(container, "old"), info)
        expect(f"object_exists() of the new one {when}", store.object_exists(container, "new"), False)
        expect(f"objects() {when}", trial.objects(container), ["old"])

    for name in ("old", "new"):
        writer = store.write(container, name)
        as_before(f"while {name!r} is written")
        writer.write(data)
        as_before(f"while {name!r} is written")
        writer.abort()
        as_before("after an abort")
        writer.abort()
        with refused(ZeroDivisionError, "an exception in the writer's block"), store.write(container, name) as writer:
            writer.write(data)
            raise ZeroDivisionError
        as_before("after an exception in the writer's block")
        store.write(container, name)  # forgotten
        as_before("with a writer left alone")
    writer = store.write(container, "new")
    writer.write(b"after")
    writer.commit()
    writer.abort()
    expect("the new object after commit() and abort()", fetch(store, container, "new"), b"after")


@check
def ended_writers(trial: BlobstoreTrial) -> None:
    """A write after commit or abort is an error and changes nothing; a commit after an abort stores nothing."""
    store, container = trial.store, trial.container()
    errors = (ProviderError, ValueError)
    writer = store.write(container, "object")
    writer.write(b"1")
    writer.commit()
    with refused(errors, "write() after commit()"):
        writer.write(b"2")
    expect("the object afterwards", fetch(store, container, "object"), b"1")
    writer = store.write(container, "object")
    writer.write(b"3")
    writer.abort()
    with refused(errors, "write() after abort()"):
        writer.write(b"4")
    with suppress(*errors):  # a block of `with` that has aborted ends like this
        writer.commit()
    expect("the object afterwards", fetch(store, container, "object"), b"1")


@check
def overwrite_while_reading(trial: BlobstoreTrial) -> None:
    """A read gives the bytes of one version, or ends in a `ProviderError`, when the object changes meanwhile."""
    store, container = trial.store, trial.container()
    size = (3 if trial.terms.quick else 5) * MIB
    size = min(store.object_limit or size, size)
    versions = [bytes([n]) * size for n in range(1, 5)]
    for change in ("overwritten", "overwritten with less", "deleted"):
        put(store, container, "object", versions[0])
        chunks = store.read(container, "object")
        came = next(chunks)
        if change == "deleted":
            store.delete_object(container, "object")
        else:
            put(store, container, "object", versions[1] if change == "overwritten" else b"\2" * 10)
        whole = _rest(chunks, came)
        if whole is not None and whole != versions[0]:
            raise Surprise(f"the whole of one version of an object {change} during the read", _mixture(whole))
    put(store, container, "object", versions[0])

    def write(turn: int) -> None:
        put(store, container, "object", versions[turn % len(versions)])

    def read(_: int) -> None:
        for _ in range(2 if trial.terms.quick else 4):
            whole = _rest(store.read(container, "object"), b"")
            if whole is not None and whole not in versions:
                raise Surprise("the whole of one version of an object that others overwrite", _mixture(whole))

    with meanwhile(write):
        together(read, 4)


@check
def early_end(trial: BlobstoreTrial) -> None:
    """A reader that is closed or left early holds nothing: the object can be overwritten and deleted."""
    store, container = trial.store, trial.container()
    data = bytes(min(store.object_limit or 3 * MIB, 3 * MIB))
    put(store, container, "object", data)
    for _ in range(50):
        chunks = store.read(container, "object")
        next(chunks)
        close = getattr(chunks, "close", None)
        if close is None:
            raise Surprise("a reader with close(), such as a generator", type(chunks).__name__)
        close()
        expect("chunks after close()", list(chunks), [])
    put(store, container, "object", b"2")
    expect("the object", fetch(store, container, "object"), b"2")
    for _ in range(50):
        store.read(container, "object")  # asked for, and never begun
    store.delete_object(container, "object")
    store.delete_container(container)
    expect("container_exists()", store.container_exists(container), False)


@check
def writing_together(trial: BlobstoreTrial) -> None:
    """Of 16 writers of one object at the same moment, one wins whole."""
    store, container = trial.store, trial.container()
    versions = [bytes([n]) * (200_000 + n) for n in range(THREADS)]

    def write(thread: int) -> None:
        with store.write(container, "object") as writer:
            for at in range(0, len(versions[thread]), 50_000):
                writer.write(versions[thread][at : at + 50_000])

    for _ in range(2 if trial.terms.quick else 5):
        together(write)
        came = fetch(store, container, "object")
        if came not in versions:
            raise Surprise("the whole of what one writer wrote", _mixture(came))
        expect("size in object_info()", store.object_info(container, "object").size, len(came))
        expect("objects()", trial.objects(container), ["object"])


@check
def own_writes(trial: BlobstoreTrial) -> None:
    """16 threads that write, read, copy and delete objects of their own each see what they did."""
    store, container = trial.store, trial.container()

    def work(thread: int) -> None:
        for turn in range(2 if trial.terms.quick else 5):
            name, data = f"{thread}/{turn}", f"{thread} says {turn}".encode() * 500
            put(store, container, name, data)
            expect(f"object {name!r} in the thread that wrote it", fetch(store, container, name), data)
            store.move_object(container, name, container, f"{thread}")
            expect(f"object {name!r} in the thread that moved it", store.object_exists(container, name), False)
            expect("the object that it was moved over", fetch(store, container, f"{thread}"), data)

    together(work)
    expect_names("objects()", trial.objects(container), [f"{thread}" for thread in range(THREADS)])


# --- listings ----------------------------------------------------------------------------------------


@check
def listing_order(trial: BlobstoreTrial) -> None:
    """objects() lists by code points, each once, in pages of at most the size asked for."""
    store, container = trial.store, trial.container()
    wanted = [
        "b",
        "a",
        "B",
        "a/b",
        "a.b",
        "a b",
        "a!",
        "é",
        "e\u0301",
        "z",
        "\uffff",
        "\U00010000",
        "🦀",
        "",
        "10",
        "9",
        "~",
        "Z",
    ]
    trial.fill(container, wanted)
    expect("objects()", trial.objects(container), sorted(wanted))
    for limit in (1, 4, len(wanted)):
        found = list(pages(lambda cursor: store.objects(container, cursor, limit), 100))  # noqa: B023
        expect(f"objects() in pages of {limit}", [name for page in found for name in page], sorted(wanted))
        expect(f"the longest page is at most {limit}", max(map(len, found)) <= limit, True)


@check
def listing_while_writing(trial: BlobstoreTrial) -> None:
    """Of 2,000 objects, each that is there all the while is listed once, in order, while others write."""
    store, container = trial.store, trial.container()
    count = 300 if trial.terms.quick else 2000
    stable = [f"object {number:05}" for number in range(count)]
    trial.fill(container, stable)

    def come_and_go(turn: int) -> None:
        number = turn // 2 % 20
        some = [f"a passing {number}", f"object {number * count // 20:05} passing", f"z passing {number}"]
        if turn % 2:
            store.delete_objects(container, some)
        else:
            for name in some:
                put(store, container, name, b"passing")

    def rewrite(turn: int) -> None:
        put(store, container, stable[turn * 7 % count], b"again")

    with meanwhile(come_and_go, rewrite) as another_turn:
        for _ in range(2):
            found = []
            for page in pages(lambda cursor: store.objects(container, cursor, count // 10), count):
                found += page
                another_turn()
            expect("objects() in order", found, sorted(found))
            expect_names("objects()", [name for name in found if "passing" not in name], stable)


@check
def foreign_cursors(trial: BlobstoreTrial) -> None:
    """A cursor that is not this store's is a `ProviderError`, and no empty or first page."""
    store, container = trial.store, trial.container()
    trial.fill(container, [f"{number}" for number in range(20)])
    for cursor in FOREIGN_CURSORS:
        with refused(ProviderError, f"objects() from cursor {cursor!r}"):
            store.objects(container, cursor)
        with refused(ProviderError, f"containers() from cursor {cursor!r}"):
            store.containers(cursor)


# ------------------------------------------------------------------------------------------------------


def _rest(chunks: Iterator[bytes], came: bytes) -> bytes | None:
    """All of a read that has begun; None where the store says that it can't go on."""
    try:
        return came + b"".join(chunks)
    except Unavailable:
        raise
    except ProviderError:
        return None


def _mixture(came: bytes) -> str:
    """What is in bytes that should all be the same."""
    return f"{len(came):,} bytes, of {len(set(came))} kinds"
