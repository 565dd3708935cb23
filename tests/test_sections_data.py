"""The panel's section that shows data, without a browser: what of a store is seen, also when it changes or fails."""

from __future__ import annotations

import time
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import shown, stocked_stores
from tests.shown import chosen, seen, settled
from tests.stocked_stores import Slow
from tests.threads import until
from wasicloud_lab.listing import ROWS, START, Pages, Place, read_rows
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page
from wasicloud_lab.trouble import give_trouble
from wasicloud_lab.widgets import looking
from wasicloud_lab.widgets.data import DataSection

somebody_types = shown.somebody_types
stores = stocked_stores.stores
data = stocked_stores.data


def test_the_data_view_opens_with_the_first_value(data: DataSection) -> None:
    assert data.group.value == "user:ricochet"
    assert chosen(data.names) == ["accept-language", "animal"]
    shown = settled(data)
    assert "en-US" in shown
    assert "Text, 5 bytes" in shown
    assert data.code() == "lab.keyvalue.provider.get('user:ricochet', 'accept-language')"


def test_another_bucket_and_key_are_chosen(data: DataSection) -> None:
    data.group.value = "visits"
    settled(data)
    assert chosen(data.names) == ["ricochet"]
    assert ">41<" in settled(data)
    data.group.value = "user:ricochet"
    settled(data)
    data.names.value = "animal"
    assert ">dog<" in settled(data)


def test_blobs_are_shown_in_their_containers(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    assert "woof" in settled(data)
    assert (data.group.description, data.names.description) == ("Container", "Objects")
    assert data.code() == "b\"\".join(lab.blobstore.provider.read('animals', 'dog.txt'))"


def test_the_way_a_value_is_shown_can_be_changed(data: DataSection) -> None:
    data.viewer.kind.value = "hex"
    assert "65 6e 2d 55 53" in settled(data)
    data.names.value = "animal"
    assert "64 6f 67" in settled(data)


def test_markup_in_names_and_values_is_escaped(stores: wl.Lab, data: DataSection) -> None:
    evil = "<img src=x onerror=alert(1)>"
    stores.keyvalue.provider.set("<b>", evil, f"{evil}</pre>".encode())
    data.reload()
    settled(data)
    data.group.value = "<b>"
    settled(data)
    data.remove.click()
    assert "<img" not in seen(data.view)
    assert "<b>" not in seen(data.view)
    assert seen(data.view).count("&lt;img src=x") == 3


def test_many_keys_come_in_pages(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.provider.set_many("many", [(f"{n:04}", b"%d" % n) for n in range(2 * ROWS + 5)])
    data.reload()
    settled(data)
    data.group.value = "many"
    settled(data)
    assert len(data.names.options) == ROWS
    assert data.back.disabled
    data.on.click()
    settled(data)
    data.on.click()
    assert "page 3" in settled(data)
    assert chosen(data.names) == ["0100", "0101", "0102", "0103", "0104"]
    assert data.on.disabled
    data.back.click()
    settled(data)
    assert chosen(data.names)[0] == "0050"


def test_many_buckets_come_in_pages_and_one_can_be_named(stores: wl.Lab, data: DataSection) -> None:
    for n in range(ROWS):
        stores.keyvalue.provider.set(f"b{n:03}", "k", b"%d" % n)
    data.reload()
    settled(data)
    data.group_on.click()
    settled(data)
    assert chosen(data.group) == ["user:ricochet", "visits"]
    data.other.value = "b007"
    assert ">7<" in settled(data)


def test_a_store_that_cannot_list_its_buckets_is_looked_at_by_name(stores: wl.Lab, data: DataSection) -> None:
    class Plain(KeyValueProvider):
        def get(self, bucket: str, key: str) -> bytes | None:
            return bucket.encode()

        def keys(self, bucket: str, cursor: str | None = None, limit: int = 1000) -> Page[str]:
            return Page(["k"], None)

    stores.keyvalue.swap(Plain())
    data.refresh()
    assert "can't list its buckets" in settled(data)
    data.other.value = "mine"
    assert ">mine<" in settled(data)


def test_a_swap_shows_the_new_provider_and_keeps_the_place(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    other = MemoryStore()
    other.set("another", "x", b"1")
    other.set("user:ricochet", "animal", b"wolf")
    stores.keyvalue.swap(other)
    data.refresh()
    assert "dog" not in seen(data.view)
    shown = settled(data)
    assert (data.group.value, data.names.value) == ("user:ricochet", "animal")
    assert ">wolf<" in shown
    assert "swapped" in shown


def test_an_answer_of_the_provider_that_was_swapped_away_is_not_shown(stores: wl.Lab, data: DataSection) -> None:
    slow = Slow()
    slow.set("old", "key", b"stale")
    stores.keyvalue.swap(slow)
    data.refresh()
    assert slow.asked.wait(30)
    stores.keyvalue.swap(MemoryStore())
    data.refresh()
    assert "no bucket yet" in settled(data)  # without waiting for the one that hangs
    slow.go.set()
    time.sleep(0.05)
    assert "stale" not in seen(data.view)
    assert "no bucket yet" in seen(data.view)


def test_a_store_that_is_down_says_so_and_is_read_again(stores: wl.Lab, data: DataSection) -> None:
    give_trouble(stores.keyvalue, down=True)
    data.reload()
    assert "switched off" in settled(data)
    assert data.group.value == "user:ricochet"  # what was there stays, it is the same store
    give_trouble(stores.keyvalue)
    data.reload()
    assert "switched off" not in settled(data)


def test_wrappers_do_not_make_it_another_store(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    stores.keyvalue.wrap(wl.Latency, 0.0)
    data.refresh()
    assert "swapped" not in settled(data)
    assert data.names.value == "animal"


def test_a_new_link_can_be_chosen(stores: wl.Lab, data: DataSection) -> None:
    app = stores.load("stores")
    own = MemoryStore()
    own.set("b", "own key", b"own value")
    link = stores.link(app, "wasi:keyvalue/store", own)
    data.refresh()
    data.link.value = link
    assert "own value" in settled(data)
    assert data.code() == "lab.links[\"stores keyvalue\"].provider.get('b', 'own key')"
    stores.unlink(app, "wasi:keyvalue/store")
    data.refresh()
    settled(data)
    assert data.link.value is stores.keyvalue


def test_pages_are_cut_and_filled_whatever_the_store_answers() -> None:
    asked = {None: Page([], "1"), "1": Page(list("abcdefg"), "2"), "2": Page([], None)}
    seen_names, place, pages = [], START, Pages()
    while True:
        names, following = read_rows(lambda cursor, limit: asked[cursor], place, 3)
        seen_names.append("".join(names))
        pages.next = following
        if following is None:
            break
        pages.forward()
        place = pages.here
    assert seen_names == ["abc", "def", "g", ""]
    pages.back()
    assert pages.here == Place("1", 6)
    assert pages.number == 3


def test_names_are_in_order_whatever_order_the_store_has() -> None:
    def hashed(cursor: str | None, limit: int) -> Page[str]:
        return Page(list("gcaebdf"), None)

    first, following = read_rows(hashed, START, 3)
    assert (first, following) == (list("abc"), Place(None, 3, True))
    assert following is not None
    assert read_rows(hashed, following, 3) == (list("def"), Place(None, 6, True))

    scanned = {None: Page(list("gcae"), "1"), "1": Page(list("bdf"), None)}  # cut where the store's own order says
    pages, place = [], START
    while place is not None:
        names, place = read_rows(lambda cursor, limit: scanned[cursor], place, 3)  # type: ignore[assignment]
        pages.append("".join(names))
    assert pages == ["acg", "e", "bdf"]


def test_a_key_is_gone_to_by_its_name(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.provider.set_many("many", [(f"{n:04}", b"value %d" % n) for n in range(3 * ROWS)])
    assert data.sought.layout.display == "none"
    data.reload()
    settled(data)
    data.group.value = "many"
    settled(data)
    assert data.sought.layout.display is None
    data.sought.value = "0123"
    assert ">value 123<" in settled(data)
    assert (data.names.value, data.sought.value) == ("0123", "")
    data.sought.value = "nobody"
    assert "There is no key nobody in many" in settled(data)
    assert ">value 123<" in seen(data.view)
    data.reload()
    assert ">value 123<" in settled(data)
    data.add.click()
    data.editor.name.value, data.editor.value.value = "9999", "last"
    data.editor.save.click()
    assert ">last<" in settled(data)


def test_an_object_that_is_not_there_is_not_gone_to(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    settled(data)
    data.sought.value = "cat.txt"
    assert "There is no object cat.txt in animals" in settled(data)
    assert "woof" in seen(data.view)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is looked at as often as the panel calls."""
    monkeypatch.setattr(looking, "AGAIN", 0.0)


def comes(data: DataSection, text: str) -> bool:
    """Whether something is seen after a while in which the panel calls."""

    def there() -> bool:
        data.refresh()
        return text in settled(data)

    until(there)
    return True


def test_a_tab_that_is_opened_again_shows_what_is_in_the_store_now(
    stores: wl.Lab, data: DataSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "AGAIN", 1000.0)
    monkeypatch.setattr(looking, "OPENED", 0.2)
    stores.keyvalue.provider.set("a new bucket", "k", b"1")
    stores.keyvalue.provider.set("user:ricochet", "accept-language", b"zh-CN")
    time.sleep(0.3)
    data.refresh()
    until(lambda: "zh-CN" in seen(data.view))
    assert chosen(data.group) == ["a new bucket", "user:ricochet", "visits"]
    assert (data.group.value, data.names.value) == ("user:ricochet", "accept-language")


@pytest.mark.usefixtures("often")
def test_what_changes_in_the_store_is_shown_while_the_tab_is_in_front(stores: wl.Lab, data: DataSection) -> None:
    provider = stores.keyvalue.provider
    provider.set("user:ricochet", "accept-language", b"fr-FR")
    assert comes(data, "fr-FR")
    provider.set("user:ricochet", "aaa", b"1")
    until(lambda: data.refresh() or chosen(data.names) == ["aaa", "accept-language", "animal"])
    assert data.names.value == "accept-language"
    provider.delete("user:ricochet", "accept-language")
    assert comes(data, "accept-language is not there any more")
    assert data.names.value == "aaa"
    for key in ("aaa", "animal"):
        provider.delete("user:ricochet", key)
    assert comes(data, "There is nothing in user:ricochet")
    assert data.group.value == "user:ricochet"


@pytest.mark.usefixtures("often")
def test_an_empty_store_that_is_filled_is_shown(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.swap(MemoryStore())
    data.refresh()
    assert "no bucket yet" in settled(data)
    stores.keyvalue.provider.set("first", "k", b"hello")
    assert comes(data, ">hello<")


@pytest.mark.usefixtures("often")
def test_a_container_that_is_deleted_is_not_shown_any_more(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    settled(data)
    stores.blobstore.provider.delete_container("animals")
    assert comes(data, "animals is not there any more")
    assert not data.names.options


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("doing", ["change", "remove", "on"])
def test_nothing_changes_under_the_hands_of_somebody(stores: wl.Lab, data: DataSection, doing: str) -> None:
    stores.keyvalue.provider.set_many("many", [(f"{n:04}", b"%d" % n) for n in range(2 * ROWS)])
    data.reload()
    settled(data)
    data.group.value = "many"
    settled(data)
    getattr(data, doing).click()
    settled(data)
    before = chosen(data.names), seen(data.view)
    stores.keyvalue.provider.set_many("many", [(f"{n:04}", b"other") for n in range(50, 3 * ROWS)])
    stores.keyvalue.provider.set("many", "0000 and a half", b"new")
    for _ in range(10):
        data.refresh()
        time.sleep(0.02)
    assert (chosen(data.names), seen(data.view)) == before


@pytest.mark.usefixtures("often")
def test_a_click_does_not_wait_for_a_look_that_hangs(stores: wl.Lab, data: DataSection) -> None:
    class Hanging(Slow):
        def buckets(self, *arguments: Any, **options: Any) -> Page[str]:
            if self.asked.is_set():
                assert self.go.wait(60)
            return MemoryStore.buckets(self, *arguments, **options)

        def get(self, bucket: str, key: str) -> bytes | None:
            return MemoryStore.get(self, bucket, key)

    slow = Hanging()
    slow.set("b", "k", b"1")
    slow.set("b", "other", b"2")
    stores.keyvalue.swap(slow)
    data.refresh()
    settled(data)
    slow.asked.set()
    data.refresh()
    data.names.value = "other"
    assert ">2<" in settled(data)
    slow.go.set()


@pytest.mark.usefixtures("often")
def test_a_store_that_answers_again_is_shown_without_a_click(stores: wl.Lab, data: DataSection) -> None:
    give_trouble(stores.keyvalue, down=True)
    data.reload()
    assert "switched off" in settled(data)
    give_trouble(stores.keyvalue)
    until(lambda: data.refresh() or "switched off" not in settled(data))
    assert "en-US" in seen(data.view)
