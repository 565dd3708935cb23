"""What every key-value provider keeps: names as they are, buckets from leaking, listings complete."""

from __future__ import annotations

from ...errors import ProviderError, Unavailable
from . import awkward
from .checks import Checks, NotApplicable, Surprise, expect, expect_names, meanwhile, pages, refused, short
from .stores import KeyValueTrial

#: Cursors that no store gives out.
FOREIGN_CURSORS = ("", "nonsense", "nonsense:1", "🧭", "-1", "after")

check: Checks[KeyValueTrial] = Checks()


# --- names -------------------------------------------------------------------------------------------


@check
def key_names(trial: KeyValueTrial) -> None:
    """Any UTF-8 text is a key, kept as it is and apart from all others; long ones too."""
    store, bucket = trial.store, trial.name()
    keys = awkward.names(trial.token)
    values = {key: f"{number}: {key}".encode() for number, key in enumerate(keys)}
    half = len(keys) // 2
    for key in keys[:half]:
        store.set(bucket, key, values[key])
    store.set_many(bucket, [(key, values[key]) for key in keys[half:]])
    for key in keys:
        expect(f"get() of key {short(key)}", store.get(bucket, key), values[key])
        expect(f"exists() of key {short(key)}", store.exists(bucket, key), True)
    expect_names("keys()", trial.keys(bucket), keys)
    expect_names("keys() in pages of 7", trial.keys(bucket, 7), keys)
    _expect_values(trial, bucket, values)
    while keys:
        gone = keys.pop()
        del values[gone]
        if len(keys) % 2:
            store.delete(bucket, gone)
        else:
            store.delete_many(bucket, [gone])
        expect(f"exists() of key {short(gone)} after its delete", store.exists(bucket, gone), False)
        _expect_values(trial, bucket, values)


@check
def bucket_names(trial: KeyValueTrial) -> None:
    """Any UTF-8 text is a bucket, kept as it is and apart from all others; long ones too."""
    store = trial.store
    key = trial.name()  # a bucket of such a name may be somebody's: only this key in it is ours
    values = {bucket: f"{number}: {bucket}".encode() for number, bucket in enumerate(awkward.names(trial.token))}
    for bucket, value in values.items():
        expect(f"exists() in bucket {short(bucket)}", store.exists(bucket, key), False)
        store.set(bucket, key, value)
    for bucket, value in values.items():
        expect(f"get() in bucket {short(bucket)}", store.get(bucket, key), value)
        expect(f"our key in keys() of bucket {short(bucket)}", trial.keys(bucket).count(key), 1)
    for n, bucket in enumerate(values):
        store.delete(bucket, key)
        if n % 16 == 0:
            for other in list(values)[n + 1 :]:
                expect(
                    f"get() in bucket {short(other)} after a delete in {short(bucket)}",
                    store.get(other, key),
                    values[other],
                )
    for bucket in values:
        expect(f"exists() in bucket {short(bucket)} after its delete", store.exists(bucket, key), False)


@check
def buckets_apart(trial: KeyValueTrial) -> None:
    """Buckets do not leak into each other, however bucket and key read when put together."""
    store, base = trial.store, trial.name()
    pairs = [(base, "c"), (base + "b", "c"), (base, "bc"), (base + "*", "c"), (base + "?", "c"), (base + "[b]", "c")]
    for mark in (":", "/", ".", "::", "\0", "|", "%3A", "%", "\\", "_", "-", " ", "\n", "🦀"):
        pairs += [
            (f"{base}a{mark}b", "c"),
            (f"{base}a", f"b{mark}c"),
            (f"{base}a{mark}", "c"),
            (f"{base}a", f"{mark}c"),
        ]
    values = {pair: f"{number}".encode() for number, pair in enumerate(pairs)}
    keys: dict[str, list[str]] = {}
    for (bucket, key), value in values.items():
        store.set(bucket, key, value)
        keys.setdefault(bucket, []).append(key)

    def all_there() -> None:
        for (bucket, key), value in values.items():
            expect(f"get({bucket!r}, {key!r})", store.get(bucket, key), value)
        for bucket, own in keys.items():
            expect_names(f"keys({bucket!r})", trial.keys(bucket), own)

    all_there()
    for bucket, key in pairs[: len(pairs) // 2]:
        store.delete(bucket, key)
        del values[bucket, key]
        keys[bucket].remove(key)
    all_there()


def _expect_values(trial: KeyValueTrial, bucket: str, values: dict[str, bytes]) -> None:
    if not values:
        return
    for key, came in zip(values, trial.store.get_many(bucket, list(values))):
        expect(f"get_many() of key {short(key)}", came, values[key])


# --- listings ----------------------------------------------------------------------------------------


@check
def listing_in_pages(trial: KeyValueTrial) -> None:
    """A listing comes in pages of about the size asked for, ends, and has each key once."""
    store, bucket = trial.store, trial.name()
    few = [f"few {number}" for number in range(5)]
    store.set_many(bucket, [(key, b"") for key in few])
    for limit in (1, 2, 5, 6):
        expect_names(f"keys() in pages of {limit}", trial.keys(bucket, limit), few)
    count, bucket = 2000, trial.name()
    many = [f"key {number}" for number in range(count)]
    store.set_many(bucket, [(key, b"value") for key in many])
    limit = count // 20
    found = list(pages(lambda cursor: store.keys(bucket, cursor, limit), count))
    expect_names(f"keys() in pages of {limit}", [key for page in found for key in page], many)
    longest = max(len(page) for page in found)
    if longest > 10 * limit:  # Redis's own pages are a few names longer than asked for
        raise Surprise(f"pages of about {limit} keys", f"one of {longest:,}")
    expect_names("keys() in pages as they come", trial.keys(bucket), many)


@check
def listing_while_writing(trial: KeyValueTrial) -> None:
    """Of 10,000 keys, each that is there all the while is listed while others write, and the listing ends."""
    store, bucket = trial.store, trial.name()
    count = 1000 if trial.terms.quick else 10_000
    stable = [f"key {number:05}" for number in range(count)]
    store.set_many(bucket, [(key, b"value") for key in stable])
    passing = [f"{'a' if number % 2 else 'z'} passing {number:05}" for number in range(50)]

    def come_and_go(turn: int) -> None:
        some = passing[turn // 2 % 5 :: 5]
        if turn % 2:
            store.delete_many(bucket, some)
        else:
            store.set_many(bucket, [(key, b"passing") for key in some])

    def overwrite(turn: int) -> None:
        store.set(bucket, stable[turn * 7 % count], f"turn {turn}".encode())

    with meanwhile(come_and_go, overwrite) as another_turn:
        for _ in range(2):
            found = []
            for page in pages(lambda cursor: store.keys(bucket, cursor, count // 10), count):
                found += page
                another_turn()
            stayed = [key for key in found if key.startswith("key ")]
            expect_names("keys()", stayed, stable, twice=store.lists_twice)
            unknown = set(found) - set(stable) - set(passing)
            expect("keys() that nobody ever set", unknown, set())


@check
def listing_while_deleting(trial: KeyValueTrial) -> None:
    """Deleting each page's keys before the next page is asked for leaves none behind."""
    store, bucket = trial.store, trial.name()
    stable = [f"key {number}" for number in range(1000)]
    store.set_many(bucket, [(key, b"value") for key in stable])
    found = []
    for page in pages(lambda cursor: store.keys(bucket, cursor, 70), 2000):
        found += page
        store.delete_many(bucket, page)
    expect_names("keys()", found, stable, twice=store.lists_twice)
    expect_names("keys() afterwards", trial.keys(bucket), [])


@check
def foreign_cursors(trial: KeyValueTrial) -> None:
    """A cursor that is not this store's is a `ProviderError`, and no empty or first page."""
    store, bucket = trial.store, trial.name()
    store.set_many(bucket, [(f"{number}", b"") for number in range(20)])
    for cursor in FOREIGN_CURSORS:
        with refused(ProviderError, f"keys() from cursor {cursor!r}"):
            store.keys(bucket, cursor)
    if _lists_buckets(trial):
        for cursor in FOREIGN_CURSORS:
            with refused(ProviderError, f"buckets() from cursor {cursor!r}"):
                store.buckets(cursor)


@check
def buckets_listed(trial: KeyValueTrial) -> None:
    """buckets() lists each bucket that holds keys, once and in pages, and none that was emptied."""
    store = trial.store
    if not _lists_buckets(trial):
        raise NotApplicable("it can't list its buckets")
    filled = [f"{trial.token}{name}" for name in ("", " ", "/a", ":b", "é", "e\u0301", "🦀", "*", "Case", "case", "\0")]
    filled += [trial.name(str(number)) for number in range(20)]
    emptied, deleted = trial.name("emptied"), trial.name("deleted")
    for bucket in [*filled, emptied, deleted]:
        store.set(bucket, "key", b"1")
        store.set(bucket, "another", b"2")
    store.delete(emptied, "key")
    store.delete(emptied, "another")
    store.delete_many(deleted, ["key", "another"])
    store.get(trial.name("asked"), "key")

    def ours(found: list[str]) -> list[str]:
        return [bucket for bucket in found if trial.token in bucket]

    expect_names("buckets()", ours(trial.buckets()), filled, twice=store.lists_twice)
    expect_names("buckets() in pages of 4", ours(trial.buckets(4)), filled, twice=store.lists_twice)


def _lists_buckets(trial: KeyValueTrial) -> bool:
    """Whether the provider can list its buckets: the protocol allows one that can't."""
    try:
        trial.store.buckets()
    except Unavailable:
        raise
    except ProviderError:
        return False
    return True
