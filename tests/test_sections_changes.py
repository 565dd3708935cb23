"""The panel's section that shows data, without a browser: what a person changes, adds, deletes and takes along."""

from __future__ import annotations

import base64
import re
from typing import Any

import wasicloud_lab as wl
from tests import shown, stocked_stores
from tests.shown import chosen, seen, settled
from tests.stocked_stores import Slow
from wasicloud_lab.providers.blobstore.base import fetch, put
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.widgets.data import DataSection

somebody_types = shown.somebody_types
stores = stocked_stores.stores
data = stocked_stores.data


def test_a_value_is_changed(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    data.change.click()
    assert data.editor.value.value == "dog"
    data.editor.value.value = "cat"
    assert data.code() == "lab.keyvalue.provider.set('user:ricochet', 'animal', b'cat')"
    data.editor.save.click()
    assert "Stored animal, 3 bytes" in settled(data)
    assert stores.keyvalue.provider.get("user:ricochet", "animal") == b"cat"
    assert ">cat<" in seen(data.view)


def test_a_value_that_somebody_else_changed_is_written_over_only_when_said_twice(
    stores: wl.Lab, data: DataSection
) -> None:
    data.names.value = "animal"
    settled(data)
    data.change.click()
    data.editor.value.value = "cat"
    stores.keyvalue.provider.set("user:ricochet", "animal", b"owl")
    data.editor.save.click()
    assert "changed by somebody else" in settled(data)
    assert stores.keyvalue.provider.get("user:ricochet", "animal") == b"owl"
    data.editor.save.click()
    settled(data)
    assert stores.keyvalue.provider.get("user:ricochet", "animal") == b"cat"


def test_a_key_is_added_in_a_new_bucket(stores: wl.Lab, data: DataSection) -> None:
    data.add.click()
    data.editor.group.value, data.editor.name.value, data.editor.value.value = "user:mossaka", "animal", "猫"
    data.editor.save.click()
    settled(data)
    assert stores.keyvalue.provider.get("user:mossaka", "animal") == "猫".encode()
    assert (data.group.value, data.names.value) == ("user:mossaka", "animal")


def test_adding_what_is_there_asks_first_and_only_for_that_name(stores: wl.Lab, data: DataSection) -> None:
    data.add.click()
    data.editor.name.value, data.editor.value.value = "animal", "cat"
    data.editor.save.click()
    assert "is there already" in settled(data)
    data.editor.name.value = "accept-language"
    data.editor.save.click()
    assert "'accept-language' is there already" in settled(data)
    assert stores.keyvalue.provider.get("user:ricochet", "accept-language") == b"en-US"


def test_bytes_that_are_no_text_are_changed_as_hex(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.provider.set("visits", "ricochet", b"\x00\xffa\r\n")
    data.group.value = "visits"
    settled(data)
    data.change.click()
    assert data.editor.value.value == "00 ff 61 0d 0a"
    data.editor.form.value = "text"
    assert data.editor.form.value == "hex"
    assert "no text that this field gives back" in seen(data.view)
    data.editor.value.value = "00 f"
    data.editor.save.click()
    assert "3 hex digits" in settled(data)
    data.editor.value.value = "00 fe"
    data.editor.save.click()
    settled(data)
    assert stores.keyvalue.provider.get("visits", "ricochet") == b"\x00\xfe"


def test_a_huge_value_is_cut_and_not_edited(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.provider.set("visits", "ricochet", b"x" * (16 << 20))
    data.group.value = "visits"
    assert "16 MiB; the first 64 KiB are shown" in settled(data)
    assert len(seen(data.view)) < 100_000
    data.change.click()
    assert "too much to be changed here" in settled(data)
    assert not data.editor.is_open


def test_deleting_asks_once_more(stores: wl.Lab, data: DataSection) -> None:
    data.remove.click()
    assert "Delete" in seen(data.view)
    assert data.code() == "lab.keyvalue.provider.delete('user:ricochet', 'accept-language')"
    data.keep.click()
    assert stores.keyvalue.provider.exists("user:ricochet", "accept-language")
    data.remove.click()
    data.really.click()
    assert "Deleted accept-language" in settled(data)
    assert not stores.keyvalue.provider.exists("user:ricochet", "accept-language")
    assert chosen(data.names) == ["animal"]


def test_a_bucket_whose_last_key_went_is_shown_empty(stores: wl.Lab, data: DataSection) -> None:
    data.group.value = "visits"
    settled(data)
    data.remove.click()
    data.really.click()
    assert "Deleted ricochet" in settled(data)
    assert data.group.value == "visits"
    assert not data.names.options


def test_a_change_that_is_refused_says_why(stores: wl.Lab, data: DataSection) -> None:
    stores.keyvalue.wrap(wl.ReadOnly)
    data.remove.click()
    data.really.click()
    assert "read-only" in settled(data)


def test_nothing_is_written_to_a_provider_that_was_swapped_in_meanwhile(stores: wl.Lab, data: DataSection) -> None:
    slow = Slow()
    slow.set("b", "k", b"1")
    stores.keyvalue.swap(slow)
    data.refresh()
    assert slow.asked.wait(30)
    data.add.click()
    data.editor.name.value = "new"
    data.editor.save.click()  # waits for the read that hangs
    fresh = MemoryStore()
    stores.keyvalue.swap(fresh)
    slow.go.set()
    assert "swapped in the meantime" in settled(data)
    assert not fresh.buckets().items
    assert not slow.exists("b", "new")


def test_an_object_is_added_with_its_container(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    settled(data)
    data.add.click()
    data.editor.group.value, data.editor.name.value, data.editor.value.value = "new", "a/b.txt", "hello"
    assert data.code() == (
        "lab.blobstore.provider.create_container('new')\n"
        "with lab.blobstore.provider.write('new', 'a/b.txt') as writer:\n    writer.write(b'hello')"
    )
    data.editor.save.click()
    settled(data)
    assert fetch(stores.blobstore.provider, "new", "a/b.txt") == b"hello"


def test_a_value_is_downloaded_by_a_link(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    settled(data)
    data.download.click()
    found = re.search(r'download="dog.txt" href="data:[^"]*;base64,([^"]*)"', settled(data))
    assert found
    assert base64.b64decode(found[1]) == b"woof"


def test_a_huge_object_is_shown_in_part_and_downloaded_by_python(
    stores: wl.Lab, data: DataSection, tmp_path: Any
) -> None:
    put(stores.blobstore.provider, "animals", "big", bytes(9 << 20))
    data.link.value = stores.blobstore
    settled(data)
    data.names.value = "big"
    assert "9 MiB; the first 64 KiB" in settled(data)
    data.download.click()
    code = re.search(r"<pre[^>]*>(with open.*?)</pre>", settled(data), re.S)
    assert code
    exec(code[1].replace("'big', \"wb\"", f'{str(tmp_path / "big")!r}, "wb"'), {"lab": stores})
    assert (tmp_path / "big").stat().st_size == 9 << 20


def test_a_value_over_what_a_link_holds_is_not_downloaded_and_says_so(stores: wl.Lab, data: DataSection) -> None:
    data.group.value = "visits"
    settled(data)
    stores.keyvalue.provider.set("visits", "ricochet", bytes(9 << 20))  # since it was shown
    data.download.click()
    assert "'ricochet' has 9 MiB, and a page carries at most 8 MiB" in settled(data)


def test_what_is_written_outlives_a_swap_and_is_saved_to_the_new_provider(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    data.change.click()
    data.editor.value.value = "half a thou"
    other = MemoryStore()
    other.set("user:ricochet", "hobby", b"chess")
    stores.keyvalue.swap(other)
    data.refresh()
    assert "was swapped" in settled(data)
    assert "Save writes it to the new one, memory" in settled(data)
    assert data.editor.is_open
    assert data.editor.value.value == "half a thou"
    assert not data.names.options  # those of the old one
    data.editor.save.click()
    assert "Stored animal" in settled(data)
    assert other.get("user:ricochet", "animal") == b"half a thou"
    assert chosen(data.names) == ["animal", "hobby"]


def test_what_is_in_the_new_provider_is_not_written_over_unasked(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    data.change.click()
    data.editor.value.value = "cat"
    other = MemoryStore()
    other.set("user:ricochet", "animal", b"wolf")
    stores.keyvalue.swap(other)
    data.refresh()
    data.editor.save.click()
    assert "is there already. Save again to write over it" in settled(data)
    assert other.get("user:ricochet", "animal") == b"wolf"
    data.editor.save.click()
    assert "Stored animal" in settled(data)
    assert other.get("user:ricochet", "animal") == b"cat"


def test_leaving_the_form_after_a_swap_shows_the_new_provider(stores: wl.Lab, data: DataSection) -> None:
    data.names.value = "animal"
    settled(data)
    data.change.click()
    other = MemoryStore()
    other.set("user:ricochet", "animal", b"wolf")
    stores.keyvalue.swap(other)
    data.refresh()
    data.editor.cancel.click()
    assert ">wolf<" in settled(data)
    assert "this is the new one" in seen(data.view)
    assert not data.editor.is_open


def test_names_that_a_field_would_change_are_shown_by_signs_and_kept(stores: wl.Lab, data: DataSection) -> None:
    provider = stores.keyvalue.provider
    provider.set(" odd\tbucket", "new\nline", b"1")
    provider.set(" odd\tbucket", "newline", b"2")
    data.reload()
    settled(data)
    data.group.value = " odd\tbucket"
    settled(data)
    data.names.value = "new\nline"
    settled(data)
    data.change.click()
    assert (data.editor.group.value, data.editor.name.value) == (r"␣odd‹\t›bucket", r"new‹\n›line")
    assert "signs stand for them" in seen(data.view)
    data.editor.value.value = "3"
    assert "'new\\nline', b'3'" in data.code()
    data.editor.save.click()
    settled(data)
    assert [provider.get(" odd\tbucket", name) for name in ("new\nline", "newline")] == [b"3", b"2"]
    data.add.click()
    assert data.editor.group.disabled
    data.editor.name.value, data.editor.value.value = "more", "4"
    data.editor.save.click()
    settled(data)
    assert provider.get(" odd\tbucket", "more") == b"4"


def test_two_data_views_agree_after_a_refresh(stores: wl.Lab, data: DataSection) -> None:
    other = DataSection(stores)
    settled(other)
    data.add.click()
    data.editor.name.value, data.editor.value.value = "zebra", "stripes"
    data.editor.save.click()
    settled(data)
    other.reload()
    settled(other)
    assert chosen(other.names) == chosen(data.names)
    other.close()
