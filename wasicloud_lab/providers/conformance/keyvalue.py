"""What every key-value provider keeps: values whole, each under its key, until the key is deleted."""

from __future__ import annotations

import random
from typing import Any

from ...errors import TooLarge, Unavailable
from .checks import Checks, NotApplicable, expect, expect_names, expect_words, refused, together
from .stores import KeyValueTrial

KIB, MIB = 1 << 10, 1 << 20

#: The largest value that is sent to see that it is refused.
_LARGEST_SENT = 65 * MIB

check: Checks[KeyValueTrial] = Checks()


@check
def answers(trial: KeyValueTrial) -> None:
    """A ping is answered."""
    trial.store.ping()


@check
def summary(trial: KeyValueTrial) -> None:
    """Its summary and its repr are a line each, without a secret."""
    expect_words(trial.store.summary(), repr(trial.store), trial.terms.hidden)


# --- values ------------------------------------------------------------------------------------------


@check
def set_get_delete(trial: KeyValueTrial) -> None:
    """What is set is there, a second set replaces it, and after a delete it is gone."""
    store, bucket = trial.store, trial.name()
    expect_absent(trial, bucket, "key")
    expect_names("keys() of a bucket that was never used", trial.keys(bucket), [])
    for value in (b"one", b"a longer second value", b"3"):
        store.set(bucket, "key", value)
        expect("get() after set()", store.get(bucket, "key"), value)
        expect("exists() after set()", store.exists(bucket, "key"), True)
        expect_names("keys() after set()", trial.keys(bucket), ["key"])
    expect_absent(trial, bucket, "another key")
    store.delete(bucket, "key")
    expect_absent(trial, bucket, "key")
    expect_names("keys() after delete()", trial.keys(bucket), [])


@check
def empty_values(trial: KeyValueTrial) -> None:
    """An empty value is a value, and not the same as none."""
    store, bucket = trial.store, trial.name()
    store.set(bucket, "empty", b"")
    store.set_many(bucket, [("also empty", b"")])
    for key in ("empty", "also empty"):
        expect(f"get() of {key!r}", store.get(bucket, key), b"")
        expect(f"exists() of {key!r}", store.exists(bucket, key), True)
    expect("get_many()", store.get_many(bucket, ["empty", "absent", "also empty"]), [b"", None, b""])
    expect_names("keys()", trial.keys(bucket), ["empty", "also empty"])


@check
def any_bytes(trial: KeyValueTrial) -> None:
    """A value may be any bytes, text or not, and comes back as `bytes`."""
    store, bucket = trial.store, trial.name()
    values = [
        bytes(range(256)),
        bytes(range(255, -1, -1)),
        b"\r\n",
        b"\0",
        b"\xff\xfe",
        b" 1 ",
        "é🦀".encode(),
        b"null",
    ]
    for number, value in enumerate(values):
        store.set(bucket, str(number), value)
    for number, value in enumerate(values):
        came = store.get(bucket, str(number))
        expect("get()", came, value)
        expect("the type of what get() answers", type(came), bytes)
    came_many = store.get_many(bucket, [str(number) for number in range(len(values))])
    expect("get_many()", came_many, values)
    expect("the types of what get_many() answers", {type(came) for came in came_many}, {bytes})


@check
def sizes(trial: KeyValueTrial) -> None:
    """Values from 1 byte to 16 MiB (or to the store's own limit) come back whole."""
    store, bucket = trial.store, trial.name()
    wanted = [1, 1000, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB] + ([] if trial.terms.quick else [16 * MIB])
    limit = store.value_limit
    fitting = [size for size in wanted if limit is None or size <= limit]
    if len(fitting) < len(wanted):
        trial.notes.append(f"up to its limit of {limit:,} bytes")
    for size in fitting:
        value = random.Random(size).randbytes(size)
        store.set(bucket, f"{size}", value)
        expect(f"get() of {size:,} bytes", store.get(bucket, f"{size}"), value)
    for size in fitting:  # none has been cut or mixed up by another
        value = random.Random(size).randbytes(size)
        expect(f"get_many() of {size:,} bytes", store.get_many(bucket, [f"{size}"]), [value])


@check
def too_large(trial: KeyValueTrial) -> None:
    """A value of the store's limit fits, a longer one is `TooLarge`, and what was there stays."""
    store, bucket = trial.store, trial.name()
    limit = store.value_limit
    if limit is None:
        raise NotApplicable("it has no limit")
    if limit >= _LARGEST_SENT:
        raise NotApplicable(f"its limit of {limit:,} bytes is more than this suite sends")
    fits = bytes(limit)
    store.set(bucket, "fits", fits)
    expect(f"get() of {limit:,} bytes", store.get(bucket, "fits"), fits)
    store.set(bucket, "key", b"before")
    longer = fits + b"1"
    with refused(TooLarge, f"set() of {len(longer):,} bytes"):
        store.set(bucket, "key", longer)
    with refused(TooLarge, f"set_many() of {len(longer):,} bytes"):
        store.set_many(bucket, [("key", longer)])
    with refused(TooLarge, f"compare_and_swap() to {len(longer):,} bytes"):
        store.compare_and_swap(bucket, "key", b"before", longer)
    expect("get() afterwards", store.get(bucket, "key"), b"before")


@check
def own_copy(trial: KeyValueTrial) -> None:
    """A bytearray or memoryview changed after it was handed in changes nothing in the store."""
    store, bucket = trial.store, trial.name()
    mine: Any = bytearray(b"before")  # not `bytes`, as the protocol says, but near enough that people try
    store.set(bucket, "bytearray", mine)
    view: Any = memoryview(mine)
    store.set(bucket, "memoryview", view)
    store.set_many(bucket, [("many", mine)])
    expect("compare_and_swap()", store.compare_and_swap(bucket, "swapped", None, mine), True)
    mine[:] = b"after!"
    for key in ("bytearray", "memoryview", "many", "swapped"):
        came = store.get(bucket, key)
        expect(f"get() of what was set as {key}", came, b"before")
        expect("the type of what get() answers", type(came), bytes)


# --- several at once ---------------------------------------------------------------------------------


@check
def batches(trial: KeyValueTrial) -> None:
    """Batches keep the order, answer None for what is absent, let the last of two count, may be empty."""
    store, bucket = trial.store, trial.name()
    store.set_many(bucket, [])
    store.delete_many(bucket, [])
    expect("get_many() of no keys", store.get_many(bucket, []), [])
    store.set_many(bucket, [("b", b"first"), ("a", b"1"), ("b", b"second"), ("c", b"3"), ("b", b"last")])
    asked = ["c", "absent", "b", "a", "c", "b"]
    expect(f"get_many({asked})", store.get_many(bucket, asked), [b"3", None, b"last", b"1", b"3", b"last"])
    large = random.Random(0).randbytes(min(store.value_limit or MIB, 100_000))
    mixed = {"none": b"", "large": large, "one": b"1", "as large": large[::-1]}
    store.set_many(bucket, iter(mixed.items()))
    expect("get_many() of mixed sizes", store.get_many(bucket, list(mixed)), list(mixed.values()))
    store.delete_many(bucket, ["b", "absent", "b", "large"])
    expect_names("keys() after delete_many()", trial.keys(bucket), ["a", "c", "none", "one", "as large"])


@check
def large_batches(trial: KeyValueTrial) -> None:
    """2,500 keys are set, got and deleted in one call each."""
    store, bucket = trial.store, trial.name()
    pairs = [(f"key {number}", str(number).encode() * (number % 40)) for number in range(2500)]
    store.set_many(bucket, pairs)
    backwards = pairs[::-1]
    expect("get_many()", store.get_many(bucket, [key for key, _ in backwards]), [value for _, value in backwards])
    store.delete_many(bucket, [key for key, _ in pairs[10:]])
    expect_names("keys() after delete_many()", trial.keys(bucket), [key for key, _ in pairs[:10]])


@check
def deleting_nothing(trial: KeyValueTrial) -> None:
    """Deleting what is not there, or is not there any more, is no error and makes nothing."""
    store, bucket = trial.store, trial.name()
    store.delete(bucket, "key")
    store.delete_many(bucket, ["key", "another"])
    expect_absent(trial, bucket, "key")
    store.set(bucket, "key", b"1")
    store.delete(bucket, "key")
    store.delete(bucket, "key")
    store.delete_many(bucket, ["key", "key"])
    expect_absent(trial, bucket, "key")
    expect_names("keys()", trial.keys(bucket), [])
    store.set(bucket, "key", b"2")
    expect("get() of a key set again", store.get(bucket, "key"), b"2")


@check
def own_writes(trial: KeyValueTrial) -> None:
    """16 threads that set, get and delete keys of their own each see what they did."""
    store, bucket = trial.store, trial.name()

    def work(thread: int) -> None:
        for turn in range(5 if trial.terms.quick else 20):
            key, value = f"{thread}/{turn}", f"{thread} says {turn}".encode() * (1 + turn)
            store.set(bucket, key, value)
            expect(f"get() of key {key!r} in the thread that set it", store.get(bucket, key), value)
            expect("increment() in a thread of its own", store.increment(bucket, f"{thread} counts"), turn + 1)
            store.delete(bucket, key)
            expect(f"get() of key {key!r} in the thread that deleted it", store.get(bucket, key), None)

    together(work)
    expect_names("keys() afterwards", trial.keys(bucket), [f"{thread} counts" for thread in range(16)])


# --- opening and closing -----------------------------------------------------------------------------


@check
def close(trial: KeyValueTrial) -> None:
    """After close() every operation is `Unavailable`, and a second close() does nothing."""
    store, bucket = trial.another(), trial.name()
    trial.store.set(bucket, "key", b"1")
    store.close()
    store.close()
    for what, operation in (
        ("get()", lambda: store.get(bucket, "key")),
        ("set()", lambda: store.set(bucket, "key", b"2")),
        ("delete()", lambda: store.delete(bucket, "key")),
        ("exists()", lambda: store.exists(bucket, "key")),
        ("keys()", lambda: store.keys(bucket)),
        ("increment()", lambda: store.increment(bucket, "counter")),
        ("compare_and_swap()", lambda: store.compare_and_swap(bucket, "key", b"1", b"2")),
        ("get_many()", lambda: store.get_many(bucket, ["key"])),
        ("set_many()", lambda: store.set_many(bucket, [("key", b"2")])),
        ("delete_many()", lambda: store.delete_many(bucket, ["key"])),
        ("ping()", store.ping),
    ):
        with refused(Unavailable, f"{what} after close()"):
            operation()
    expect("get() through another provider of the store", trial.store.get(bucket, "key"), b"1")


@check
def reopen(trial: KeyValueTrial) -> None:
    """What was stored is there when the store is opened again."""
    if not trial.terms.persists:
        raise NotApplicable("it is not known to keep anything")
    store, bucket = trial.another(), trial.name("é/🦀")
    values = {key: key.encode() for key in ("key", "", "é/🦀", "..")}
    trial.store.set_many(bucket, values.items())  # through this one too, so that all is removed afterwards
    for key, value in values.items():
        store.set(bucket, key, value + b", again")
    store.increment(bucket, "counter", 41)
    store.close()
    again = trial.another()
    trial.store.increment(bucket, "counter")
    for key, value in values.items():
        expect(f"get() of key {key!r}, opened again", again.get(bucket, key), value + b", again")
    expect("get() of the counter, opened again", again.get(bucket, "counter"), b"42")


def expect_absent(trial: KeyValueTrial, bucket: str, key: str) -> None:
    """Holds a key to be not there."""
    expect("get() of a key that is not there", trial.store.get(bucket, key), None)
    expect("get_many() of a key that is not there", trial.store.get_many(bucket, [key]), [None])
    expect("exists() of a key that is not there", trial.store.exists(bucket, key), False)
