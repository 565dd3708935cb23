"""wasi:keyvalue in all its drafts, called by a guest that hands every function through, on stores good and bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests.guests import current_store, error_of
from tests.guests.drafts import component_of
from wasicloud_lab.errors import Denied, GuestTimeout, NotFound, ProviderError, TooLarge, Unavailable
from wasicloud_lab.host.values import Variant
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.wasi.keyvalue import eventual
from wasicloud_lab.wasi.keyvalue.cursors import Cursors
from wasicloud_lab.wasi.keyvalue.plugged import SLOT
from wasicloud_lab.wasi.keyvalue.store import Batch, Bucket

DRAFTS = ["talk", "draft", "draft2"]
SIGNED_MAX = 2**63 - 1

#: Names that are plain text to the interface, whatever they may mean elsewhere.
NAMES = ["", "key", "a/b", "..", "with space", "ünïcode", "🦊", "x" * 1024]


@pytest.fixture(scope="module")
def stores(lab: wl.Lab) -> wl.App:
    """The guest that hands every function through."""
    return lab.load("stores", deadline=60)


@pytest.fixture
def memory(lab: wl.Lab, stores: wl.App) -> MemoryStore:
    """What that guest is linked to, new for each test."""
    store = MemoryStore()
    lab.keyvalue.swap(store)
    return store


class Guest:
    """One draft, as the guest hands it through: `guest.get("bucket", "key")`."""

    def __init__(self, app: wl.App, draft: str) -> None:
        self.app = app
        self.draft = draft

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.app.call(f"lab:stores/{self.draft}#{name.replace('_', '-')}", *arguments)


@pytest.fixture(params=DRAFTS)
def guest(request: pytest.FixtureRequest, stores: wl.App, memory: MemoryStore) -> Guest:
    """Each draft in turn."""
    return Guest(stores, request.param)


@pytest.fixture
def talk(stores: wl.App, memory: MemoryStore) -> Guest:
    return Guest(stores, "talk")


@pytest.fixture
def draft(stores: wl.App, memory: MemoryStore) -> Guest:
    return Guest(stores, "draft")


@pytest.fixture
def draft2(stores: wl.App, memory: MemoryStore) -> Guest:
    return Guest(stores, "draft2")


# --- what every draft does ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"", b"dog", bytes(range(256)), b"x" * 300_000], ids=len)
def test_what_is_set_is_got_back(guest: Guest, memory: MemoryStore, value: bytes) -> None:
    guest.set("user:ricochet", "animal", value)
    assert guest.get("user:ricochet", "animal") == value == memory.get("user:ricochet", "animal")


@pytest.mark.parametrize("name", NAMES, ids=[name[:10] or "empty" for name in NAMES])
def test_any_text_is_a_name(guest: Guest, memory: MemoryStore, name: str) -> None:
    guest.set(name, name, b"here")
    assert guest.get(name, name) == b"here" == memory.get(name, name)
    assert guest.exists(name, name)


def test_a_key_that_is_not_there_has_no_value(guest: Guest) -> None:
    assert guest.get("pets", "nobody") is None
    assert guest.exists("pets", "nobody") is False


def test_a_deleted_key_is_gone_and_deleting_it_again_is_no_error(guest: Guest, memory: MemoryStore) -> None:
    memory.set("pets", "ricochet", b"dog")
    guest.delete("pets", "ricochet")
    guest.delete("pets", "ricochet")
    assert not guest.exists("pets", "ricochet")


def test_counters_start_at_nothing_and_are_decimal_text(guest: Guest, memory: MemoryStore) -> None:
    assert guest.increment("visits", "mossaka", 5) == 5
    assert guest.increment("visits", "mossaka", 2) == 7
    assert memory.get("visits", "mossaka") == b"7"


def test_a_value_that_is_no_counter_is_an_error(guest: Guest, memory: MemoryStore) -> None:
    memory.set("visits", "mossaka", b"often")
    with pytest.raises(wl.Err, match="is not a counter"):
        guest.increment("visits", "mossaka", 1)
    assert memory.get("visits", "mossaka") == b"often"


def test_batches_write_read_and_delete_in_the_order_of_the_keys(guest: Guest, memory: MemoryStore) -> None:
    guest.set_many("pets", [("a", b"1"), ("b", b""), ("c", b"3")])
    found = guest.get_many("pets", ["c", "nobody", "b"])
    if guest.draft == "talk":
        assert found == [b"3", None, b""]
    else:
        assert found == [("c", b"3"), None, ("b", b"")]
    guest.delete_many("pets", ["a", "nobody", "c"])
    assert memory.keys("pets").items == ["b"]
    assert guest.get_many("pets", []) == []


def test_a_handle_outlives_a_swap(lab: wl.Lab, stores: wl.App, memory: MemoryStore) -> None:
    memory.set("pets", "ricochet", b"dog")
    other = MemoryStore()
    other.set("pets", "ricochet", b"cat")
    with stores.instance() as instance:
        instance.call("lab:stores/draft#keep", "pets")
        assert instance.call("lab:stores/draft#kept-get", "ricochet") == b"dog"
        lab.keyvalue.swap(other)
        assert instance.call("lab:stores/draft#kept-get", "ricochet") == b"cat"


def test_without_a_link_the_error_says_so(own_lab: wl.Lab) -> None:
    app = own_lab.load("stores")
    app.links.clear()
    with pytest.raises(wl.LinkError, match="wasi:keyvalue, which is linked to no store"):
        app.call("lab:stores/draft#get", "pets", "ricochet")


# --- listings ----------------------------------------------------------------------------------------


def all_keys(guest: Guest) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = guest.list_keys("many", cursor)
        found += page.keys
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("name", ["draft", "draft2"])
def test_a_long_listing_comes_in_pages(stores: wl.App, memory: MemoryStore, name: str) -> None:
    memory.set_many("many", [(f"key {n:04}", b"") for n in range(2_500)])
    guest = Guest(stores, name)
    assert guest.list_keys("many", None).cursor is not None
    assert all_keys(guest) == [f"key {n:04}" for n in range(2_500)]
    assert guest.list_keys("none such", None) == ([], None)


def test_the_talks_draft_lists_all_keys_at_once(talk: Guest, memory: MemoryStore) -> None:
    memory.set_many("many", [(f"key {n:04}", b"") for n in range(2_500)])
    assert talk.keys("many") == [f"key {n:04}" for n in range(2_500)]


def test_a_key_that_a_store_lists_twice_is_there_once(lab: wl.Lab, talk: Guest) -> None:
    class Twice(MemoryStore):
        def keys(self, bucket: str, cursor: str | None = None, limit: int = 1000) -> Any:
            return (["a", "b"], "more") if cursor is None else (["b", "c"], None)

    lab.keyvalue.swap(Twice())
    assert talk.keys("pets") == ["a", "b", "c"]


def test_one_cursor_has_the_same_number_each_time(draft: Guest, memory: MemoryStore) -> None:
    memory.set_many("many", [(f"key {n:04}", b"") for n in range(1_500)])
    assert draft.list_keys("many", None).cursor == draft.list_keys("many", None).cursor


@pytest.mark.parametrize(("name", "cursor"), [("draft", 12345), ("draft2", "scan:12345")])
def test_a_cursor_from_nowhere_asks_to_start_again(
    stores: wl.App, memory: MemoryStore, name: str, cursor: object
) -> None:
    with pytest.raises(wl.Err, match="start the listing again"):
        Guest(stores, name).list_keys("many", cursor)


def test_the_cursors_not_asked_for_longest_are_forgotten() -> None:
    cursors = Cursors(limit=2)
    first, second = cursors.number("after:a"), cursors.number("after:b")
    assert cursors.cursor(first) == "after:a"
    cursors.number("after:c")
    assert cursors.cursor(first) == "after:a"
    with pytest.raises(ProviderError, match="start the listing again"):
        cursors.cursor(second)


# --- counts and swaps --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["talk", "draft"])
def test_counts_without_a_sign_have_their_bounds(stores: wl.App, memory: MemoryStore, name: str) -> None:
    guest = Guest(stores, name)
    assert guest.increment("visits", "a", SIGNED_MAX) == SIGNED_MAX
    with pytest.raises(wl.Err, match="can't be added"):
        guest.increment("visits", "b", SIGNED_MAX + 1)
    assert memory.get("visits", "b") is None
    with pytest.raises(wl.Err, match="overflow"):
        guest.increment("visits", "a", 1)
    memory.set("visits", "c", b"-5")
    with pytest.raises(wl.Err, match="the counter is -4 now"):
        guest.increment("visits", "c", 1)


def test_counts_with_a_sign_go_down_too(draft2: Guest) -> None:
    assert draft2.increment("visits", "a", -3) == -3
    assert draft2.increment("visits", "a", -(2**63) + 3) == -(2**63)
    with pytest.raises(wl.Err, match="overflow"):
        draft2.increment("visits", "a", -1)


def test_compare_and_swap_changes_the_counter_it_expects(talk: Guest, memory: MemoryStore) -> None:
    assert talk.compare_and_swap("visits", "a", 0, 1) is False  # not there: no counter
    memory.set("visits", "a", b"7")
    assert talk.compare_and_swap("visits", "a", 6, 8) is False
    assert talk.compare_and_swap("visits", "a", SIGNED_MAX + 1, 8) is False
    assert memory.get("visits", "a") == b"7"
    assert talk.compare_and_swap("visits", "a", 7, 8) is True
    assert memory.get("visits", "a") == b"8"
    with pytest.raises(wl.Err, match="counters go up to"):
        talk.compare_and_swap("visits", "a", 8, SIGNED_MAX + 1)


def test_a_swap_that_comes_too_late_gets_a_handle_on_what_is_there_now(draft2: Guest, memory: MemoryStore) -> None:
    memory.set("pets", "a", b"old")
    assert draft2.swap("pets", "a", b"new", 2) == [b"old", b"disturbance 0", b"disturbance 1"]
    assert memory.get("pets", "a") == b"new"


def test_a_swap_of_a_key_that_is_not_there_makes_it(draft2: Guest, memory: MemoryStore) -> None:
    assert draft2.swap("pets", "a", b"new", 0) == [None]
    assert memory.get("pets", "a") == b"new"


# --- the talk's values -------------------------------------------------------------------------------


def test_a_value_may_be_read_as_a_stream(talk: Guest, memory: MemoryStore) -> None:
    value = bytes(range(256)) * 1_000
    memory.set("pets", "a", value)
    assert talk.get_streamed("pets", "a") == (len(value), value)
    assert talk.get_streamed("pets", "nobody") is None
    memory.set("pets", "empty", b"")
    assert talk.get_streamed("pets", "empty") == (0, b"")


@pytest.mark.parametrize("pieces", [[], [b""], [b"one"], [b"one", b"two" * 50_000, b"three"]], ids=len)
@pytest.mark.parametrize("drop_first", [True, False])
def test_a_value_may_be_streamed_before_it_is_set(
    talk: Guest, memory: MemoryStore, pieces: list[bytes], drop_first: bool
) -> None:
    talk.set_streamed("pets", "a", pieces, drop_first)
    assert memory.get("pets", "a") == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[], [b"one"], [b"one", b"two" * 50_000, b"three"]], ids=len)
def test_a_value_may_be_streamed_after_it_was_set(talk: Guest, memory: MemoryStore, pieces: list[bytes]) -> None:
    memory.set("pets", "a", b"old")
    talk.set_first_streamed("pets", "a", pieces)
    assert memory.get("pets", "a") == b"".join(pieces)


def test_a_value_may_be_written_after_it_was_set(talk: Guest, memory: MemoryStore) -> None:
    talk.set_first("pets", "a", b"dog")
    assert memory.get("pets", "a") == b"dog"


def test_a_value_is_written_once(talk: Guest) -> None:
    with pytest.raises(wl.Err, match="written already"):
        talk.set_twice("pets", "a", b"dog")


def test_a_streamed_value_is_bounded(talk: Guest, memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventual, "VALUE_LIMIT", 10)
    talk.set_streamed("pets", "a", [b"x" * 10], True)
    with pytest.raises(wl.Err, match="more bytes than are taken"):
        talk.set_streamed("pets", "b", [b"x" * 6, b"x" * 5], True)
    assert memory.get("pets", "b") is None


def test_a_value_that_was_cut_short_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventual, "VALUE_LIMIT", 10)
    with current_store() as state:
        memory = MemoryStore()
        state.plugs = {SLOT: memory}
        value = eventual.OutgoingValue()
        stream = value.outgoing_value_write_body_async()
        stream.write(b"x" * 6)
        for _ in range(2):
            assert "more bytes than are taken" in error_of(stream.write, b"x" * 5).value.to_debug_string()
        stream.drop()
        for call in (
            lambda: eventual.Eventual().set(eventual.Bucket("pets"), "a", value),
            lambda: eventual.EventualBatch().set_many(eventual.Bucket("pets"), [("b", value)]),
        ):
            assert "more bytes than are taken" in error_of(call).trace()
        assert memory.keys("pets").items == []


def test_a_value_is_stored_again_only_when_more_was_written() -> None:
    class Counting(MemoryStore):
        sets = 0

        def set(self, bucket: str, key: str, value: bytes) -> None:
            self.sets += 1
            super().set(bucket, key, value)

    with current_store() as state:
        memory = Counting()
        state.plugs = {SLOT: memory}
        value = eventual.OutgoingValue()
        stream = value.outgoing_value_write_body_async()
        stream.blocking_write_and_flush(b"one")
        eventual.Eventual().set(eventual.Bucket("pets"), "a", value)
        stream.flush()
        assert (memory.sets, memory.get("pets", "a")) == (1, b"one")
        stream.blocking_write_and_flush(b"two")
        assert (memory.sets, memory.get("pets", "a")) == (2, b"onetwo")
        eventual.Eventual().set(eventual.Bucket("pets"), "b", value)
        stream.write(b"!")
        stream.drop()
        value.drop()
        assert memory.get_many("pets", ["a", "b"]) == [b"onetwo!", b"onetwo!"]
        assert memory.sets == 5


def test_a_value_that_is_set_and_never_written_is_empty_once_it_is_dropped() -> None:
    with current_store() as state:
        memory = MemoryStore()
        state.plugs = {SLOT: memory}
        value = eventual.OutgoingValue.new_outgoing_value()
        eventual.Eventual().set(eventual.Bucket("pets"), "a", value)
        eventual.EventualBatch().set_many(eventual.Bucket("pets"), [("b", value)])
        assert memory.keys("pets").items == []
        value.drop()
        assert memory.get_many("pets", ["a", "b"]) == [b"", b""]


def test_a_failure_after_the_last_word_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with current_store() as state:
        state.plugs = {SLOT: Broken(Unavailable("redis://:secret@host does not answer"))}
        value = eventual.OutgoingValue()
        stream = value.outgoing_value_write_body_async()
        eventual.Eventual().set(eventual.Bucket("pets"), "a", value)
        stream.write(b"dog")
        assert "does not answer" in error_of(stream.flush).value.to_debug_string()
        stream.drop()
    assert "'a' in the bucket 'pets' was not stored" in caplog.text
    assert "secret" not in caplog.text


# --- a store that fails ------------------------------------------------------------------------------


class Broken(KeyValueProvider):
    """A store of which every operation raises one exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise self.error

    get = set = delete = keys = exists = increment = _fail  # type: ignore[assignment]
    compare_and_swap = get_many = set_many = delete_many = _fail  # type: ignore[assignment]


OPERATIONS: dict[str, list[tuple[Any, ...]]] = {
    "talk": [
        ("get", "b", "k"), ("set", "b", "k", b"v"), ("set-first", "b", "k", b"v"),
        ("set-streamed", "b", "k", [b"v"], True), ("set-first-streamed", "b", "k", [b"v"]), ("delete", "b", "k"),
        ("exists", "b", "k"), ("increment", "b", "k", 1), ("compare-and-swap", "b", "k", 1, 2),
        ("get-many", "b", ["k"]), ("keys", "b"), ("set-many", "b", [("k", b"v")]), ("delete-many", "b", ["k"]),
    ],
    "draft": [
        ("get", "b", "k"), ("set", "b", "k", b"v"), ("delete", "b", "k"), ("exists", "b", "k"),
        ("list-keys", "b", None), ("increment", "b", "k", 1), ("get-many", "b", ["k"]),
        ("set-many", "b", [("k", b"v")]), ("delete-many", "b", ["k"]),
    ],
    "draft2": [
        ("get", "b", "k"), ("set", "b", "k", b"v"), ("delete", "b", "k"), ("exists", "b", "k"),
        ("list-keys", "b", None), ("increment", "b", "k", -1), ("swap", "b", "k", b"v", 0), ("get-many", "b", ["k"]),
        ("set-many", "b", [("k", b"v")]), ("delete-many", "b", ["k"]),
    ],
}  # fmt: skip

FAILURES = [
    (
        Unavailable("Redis at redis://:hunter2@db:6379 does not answer"),
        Variant("other", "Redis at redis://:***@db:6379 does not answer"),
    ),
    (Denied("not for you"), Variant("access-denied")),
    (NotFound("no bucket"), Variant("no-such-store")),
    (TooLarge("more than 1 MiB"), Variant("other", "more than 1 MiB")),
    (KeyError("pw"), Variant("other", "Broken failed with KeyError: 'pw'")),
    (wl.Err("oops"), Variant("other", "Broken failed with Err: the result is an error: oops")),
    (ZeroDivisionError("password=hunter2"), Variant("other", "Broken failed with ZeroDivisionError: password=***")),
]


@pytest.mark.parametrize(("error", "said"), FAILURES, ids=[type(error).__name__ for error, _ in FAILURES])
@pytest.mark.parametrize("name", DRAFTS)
def test_a_failure_is_the_error_of_the_interface(
    lab: wl.Lab, stores: wl.App, name: str, error: Exception, said: Variant
) -> None:
    lab.keyvalue.swap(Broken(error))
    for operation, *arguments in OPERATIONS[name]:
        with pytest.raises(wl.Err) as caught:
            stores.call(f"lab:stores/{name}#{operation}", *arguments)
        if name != "talk":
            assert caught.value.value == said, operation
        else:
            words = {"access-denied": "access denied: not for you", "no-such-store": "no such store: no bucket"}
            assert caught.value.value == words.get(said.tag, said.value), operation


@pytest.mark.parametrize("error", [GuestTimeout("its time is over"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", DRAFTS)
def test_what_must_end_the_guest_ends_it(lab: wl.Lab, stores: wl.App, name: str, error: BaseException) -> None:
    lab.keyvalue.swap(Broken(error))
    for operation, *arguments in OPERATIONS[name]:
        with pytest.raises(type(error)):
            stores.call(f"lab:stores/{name}#{operation}", *arguments)


class Odd(KeyValueProvider):
    """A store in a cell that answers what it should not."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def _say(self, *_: Any, **__: Any) -> Any:
        return self.answer

    get = keys = increment = get_many = _say  # type: ignore[assignment]


@pytest.mark.parametrize("answer", ["text", 3.5, [1], object()], ids=["text", "float", "list", "object"])
@pytest.mark.parametrize("name", DRAFTS)
def test_an_answer_of_the_wrong_kind_is_an_error_that_names_the_provider(
    lab: wl.Lab, stores: wl.App, name: str, answer: Any
) -> None:
    lab.keyvalue.swap(Odd(answer))
    listing = ("keys", "b") if name == "talk" else ("list-keys", "b", None)
    for operation, *arguments in [("get", "b", "k"), ("get-many", "b", ["k"]), ("increment", "b", "k", 1), listing]:
        with pytest.raises(wl.Err, match="Odd failed with"):
            stores.call(f"lab:stores/{name}#{operation}", *arguments)


@pytest.mark.parametrize("answer", [bytearray(b"dog"), memoryview(b"dog"), type("Own", (bytes,), {})(b"dog")], ids=type)
def test_whatever_holds_bytes_is_a_value(lab: wl.Lab, stores: wl.App, answer: Any) -> None:
    lab.keyvalue.swap(Odd(answer))
    for name in DRAFTS:
        assert stores.call(f"lab:stores/{name}#get", "b", "k") == b"dog"


# --- the shapes that drafts have had -----------------------------------------------------------------

WORLDS = {
    "0.1.0": ("0.1.0", "imports", []),
    "0.1.0, values consumed by methods": (
        "0.1.0",
        "imports",
        [("consume-sync: static func(this: incoming-value)", "consume-sync: func()"),
         ("consume-async: static func(this: incoming-value)", "consume-async: func()")],
    ),
    "the talk's 0.2.0-draft": ("0.1.0", "imports", [("keyvalue@0.1.0;", "keyvalue@0.2.0-draft;")]),
    "0.2.0-draft": ("0.2.0-draft", "imports", []),
    "0.2.0-draft2": ("0.2.0-draft2", "imports", []),
    "0.2.0-draft2, every key named": (
        "0.2.0-draft2",
        "imports",
        [("list<option<tuple<string, list<u8>>>>", "list<tuple<string, option<list<u8>>>>")],
    ),
    "0.1.0 watched": ("0.1.0", "keyvalue-handle-watch", []),
    "0.2.0-draft watched": ("0.2.0-draft", "watch-service", []),
    "0.2.0-draft2 watched": ("0.2.0-draft2", "watch-service", []),
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_a_guest_that_imports_all_of_a_draft_is_wired(own_lab: wl.Lab, tmp_path: Path, world: str) -> None:
    version, name, changes = WORLDS[world]
    app = own_lab.load(component_of(f"wasi-keyvalue-{version}.wit", name, tmp_path, changes))
    assert any(each.startswith("wasi:keyvalue/") for each in app.world.imports)
    assert [each for each, there in app.wiring.items() if there is None] == []
    providers = app.pool.linker.provided
    assert [each for each in app.world.imports if providers[each] is None] == []


def test_get_many_has_the_shape_that_the_import_asks_for(own_lab: wl.Lab, tmp_path: Path) -> None:
    version, name, changes = WORLDS["0.2.0-draft2, every key named"]
    app = own_lab.load(component_of(f"wasi-keyvalue-{version}.wit", name, tmp_path, changes))
    keyed = app.pool.linker.provided["wasi:keyvalue/batch@0.2.0-draft2"]
    with current_store() as state:
        memory = MemoryStore()
        memory.set("pets", "a", b"1")
        state.plugs = {SLOT: memory}
        assert keyed.get_many(Bucket("pets"), ["a", "nobody"]) == [("a", b"1"), ("nobody", None)]
        assert Batch().get_many(Bucket("pets"), ["a", "nobody"]) == [("a", b"1"), None]


@pytest.fixture(autouse=True)
def back_to_memory(lab: wl.Lab) -> Iterator[None]:
    """No test leaves its store to the next one."""
    yield
    lab.keyvalue.swap(MemoryStore())
