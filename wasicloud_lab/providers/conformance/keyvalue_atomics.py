"""What every key-value provider keeps when many change one key: each increment counts, each swap has one winner."""

from __future__ import annotations

from ...errors import ProviderError
from ..keyvalue.base import INT64_MAX, INT64_MIN
from .checks import THREADS, Checks, expect, refused, together
from .stores import KeyValueTrial

check: Checks[KeyValueTrial] = Checks()

_NO_COUNTERS = [
    *(b"", b" ", b"007", b"00", b"-0", b"+7", b" 7", b"7 ", b"7\n", b"7\0", b"7.0", b"1e3", b"0x10", b"1_000"),
    *(b"--1", b"-", b"seven", "٧".encode(), b"\x07", b"\0\0\0\0\0\0\0\x07"),
    *(b"9223372036854775808", b"-9223372036854775809", b"9" * 5000),  # just too large, and far too large
]  # fmt: skip


# --- counters ----------------------------------------------------------------------------------------


@check
def counters(trial: KeyValueTrial) -> None:
    """An increment adds any number to a counter that begins at 0, and answers the new count."""
    store, bucket = trial.store, trial.name()
    total = 0
    for delta in (1, 1, 40, 0, -50, -1, 9, 2**40, -(2**40), 100):
        total += delta
        expect(f"increment() by {delta}", store.increment(bucket, "counter", delta), total)
        expect("get() of the counter", store.get(bucket, "counter"), str(total).encode())
    expect("increment() without a number", store.increment(bucket, "counter"), total + 1)
    expect("increment() of an absent key by 0", store.increment(bucket, "zero", 0), 0)
    expect("get() of that counter", store.get(bucket, "zero"), b"0")
    expect("increment() of an absent key by -3", store.increment(bucket, "negative", -3), -3)
    expect("get() of that counter", store.get(bucket, "negative"), b"-3")
    store.delete(bucket, "counter")
    expect("increment() after delete()", store.increment(bucket, "counter"), 1)
    expect("the type of what increment() answers", type(store.increment(bucket, "counter")), int)


@check
def counters_are_text(trial: KeyValueTrial) -> None:
    """A counter is its decimal text: one that was set as text is incremented, and the sum is text again."""
    store, bucket = trial.store, trial.name()
    for before, delta, after in (
        (b"41", 1, b"42"),
        (b"0", -1, b"-1"),
        (b"-1", 1, b"0"),
        (b"99", 1, b"100"),
        (str(INT64_MAX - 1).encode(), 1, str(INT64_MAX).encode()),
        (str(INT64_MIN).encode(), 0, str(INT64_MIN).encode()),
    ):
        store.set(bucket, "counter", before)
        expect(f"increment() of {before!r} by {delta}", store.increment(bucket, "counter", delta), int(after))
        expect("get() of the counter", store.get(bucket, "counter"), after)
        expect("get_many() of the counter", store.get_many(bucket, ["counter"]), [after])
    swapped = store.compare_and_swap(bucket, "counter", str(INT64_MIN).encode(), b"7")
    expect("compare_and_swap() of a counter, by its text", swapped, True)


@check
def no_counters(trial: KeyValueTrial) -> None:
    """An increment of what is no counter is a `ProviderError`, and the value stays."""
    store, bucket = trial.store, trial.name()
    for value in _NO_COUNTERS:
        store.set(bucket, "key", value)
        with refused(ProviderError, f"increment() of {value[:30]!r}"):
            store.increment(bucket, "key")
        expect("get() afterwards", store.get(bucket, "key"), value)


@check
def counter_overflow(trial: KeyValueTrial) -> None:
    """An increment out of the signed 64-bit integers is a `ProviderError`, and the counter stays."""
    store, bucket = trial.store, trial.name()
    for before, delta in ((INT64_MAX, 1), (INT64_MIN, -1), (INT64_MAX - 5, 6), (-2, INT64_MIN), (2, INT64_MAX)):
        text = str(before).encode()
        store.set(bucket, "counter", text)
        with refused(ProviderError, f"increment() of {before} by {delta}"):
            store.increment(bucket, "counter", delta)
        expect("get() afterwards", store.get(bucket, "counter"), text)
    expect("increment() of an absent key to the largest", store.increment(bucket, "most", INT64_MAX), INT64_MAX)
    expect("increment() of an absent key to the least", store.increment(bucket, "least", INT64_MIN), INT64_MIN)


@check
def counting_together(trial: KeyValueTrial) -> None:
    """Increments from 16 threads add up exactly, and each answers a count of its own."""
    store, bucket = trial.store, trial.name()
    turns = 10 if trial.terms.quick else 50
    answers = together(lambda thread: [store.increment(bucket, "counter") for _ in range(turns)])
    counts = sorted(count for own in answers for count in own)
    expect("get() of the counter", store.get(bucket, "counter"), str(THREADS * turns).encode())
    expect("what the increments answered, sorted", counts, list(range(1, THREADS * turns + 1)))


# --- compare and swap --------------------------------------------------------------------------------


@check
def swaps(trial: KeyValueTrial) -> None:
    """A swap stores if the value is the expected one, None meaning none at all; otherwise it changes nothing."""
    store, bucket = trial.store, trial.name()

    def swap(expected: bytes | None, value: bytes, stored: bool, left: bytes | None) -> None:
        came = store.compare_and_swap(bucket, "key", expected, value)
        expect(f"compare_and_swap() from {expected!r} to {value!r}", came, stored)
        expect("get() afterwards", store.get(bucket, "key"), left)

    swap(b"", b"1", False, None)
    swap(b"1", b"2", False, None)
    swap(None, b"1", True, b"1")
    swap(None, b"2", False, b"1")
    swap(b"2", b"3", False, b"1")
    swap(b"1 ", b"3", False, b"1")
    swap(b"1", b"1", True, b"1")
    swap(b"1", b"", True, b"")
    swap(None, b"2", False, b"")  # an empty value is there
    swap(b"", b"\0\xff", True, b"\0\xff")
    swap(b"\0", b"2", False, b"\0\xff")
    swap(b"\0\xff", b"end", True, b"end")
    store.delete(bucket, "key")
    swap(b"end", b"2", False, None)
    swap(None, b"anew", True, b"anew")


@check
def swap_races(trial: KeyValueTrial) -> None:
    """Of 16 swaps from one value, at the same moment, one wins, and its value is there."""
    store, bucket = trial.store, trial.name()
    for turn in range(5 if trial.terms.quick else 20):
        present: bytes | None = None
        for step in ("of an absent key", "of its value"):
            mine = [f"{step} {turn} {thread}".encode() for thread in range(THREADS)]
            expected = present
            won = together(lambda n: store.compare_and_swap(bucket, str(turn), expected, mine[n]))  # noqa: B023
            expect(f"the swaps {step} that won", won.count(True), 1)
            present = mine[won.index(True)]
            expect("get() after the race", store.get(bucket, str(turn)), present)


@check
def swap_loops(trial: KeyValueTrial) -> None:
    """A counter made of get() and compare_and_swap(), tried until it is stored, adds up exactly from 16 threads."""
    store, bucket = trial.store, trial.name()
    turns = 2 if trial.terms.quick else 5

    def count(_: int) -> None:
        for _ in range(turns):
            while True:
                value = store.get(bucket, "count")
                if store.compare_and_swap(bucket, "count", value, str(int(value or 0) + 1).encode()):
                    break

    together(count)
    expect("get() of the count", store.get(bucket, "count"), str(THREADS * turns).encode())
