"""The panel's sections, without a browser: what a person does to their widgets, and what is seen then."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import ipywidgets as W
import pytest

import wasicloud_lab as wl
from wasicloud_lab.errors import ProviderError, RequestError
from wasicloud_lab.listing import ROWS, START, Pages, Place, read_rows
from wasicloud_lab.providers.blobstore.base import fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.providers.keyvalue.memory import MemoryStore
from wasicloud_lab.providers.page import Page
from wasicloud_lab.sending import as_curl, as_python, read_headers
from wasicloud_lab.trouble import CALM, Trouble, give_trouble, trouble_of
from wasicloud_lab.widgets.data import DataSection
from wasicloud_lab.widgets.request import RequestSection
from wasicloud_lab.widgets.trace import TraceSection
from wasicloud_lab.widgets.trouble import TroubleSection


def seen(widget: Any) -> str:
    """All HTML that is shown in a widget and those in it."""
    if getattr(widget.layout, "display", None) == "none":
        return ""
    if isinstance(widget, W.HTML):
        return str(widget.value)
    return "\n".join(filter(None, (seen(child) for child in getattr(widget, "children", ()))))


def fields(widget: Any) -> Iterator[Any]:
    """All widgets that a person can use, shown at this moment."""
    if getattr(widget.layout, "display", None) == "none":
        return
    if isinstance(widget, W.Box):
        for child in widget.children:
            yield from fields(child)
    elif not isinstance(widget, W.HTML):
        yield widget


def until(condition: Callable[[], Any], patience: float = 30.0) -> None:
    """Waits for another thread."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def settled(section: Any) -> str:
    """What is seen when nothing is read or sent any more."""
    until(lambda: "wl-busy" not in seen(section.view))
    return html.unescape(seen(section.view))


def chosen(widget: Any) -> list[Any]:
    """The values that may be chosen."""
    return [value for _, value in widget.options]


@pytest.fixture(autouse=True)
def somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook: single requests leave a trace."""
    monkeypatch.setattr("wasicloud_lab.app.interactive", lambda: True)
    monkeypatch.setattr("wasicloud_lab.trace.interactive", lambda: True)


@pytest.fixture
def stores() -> Iterator[wl.Lab]:
    """A lab with something in its stores."""
    keys, blobs = MemoryStore(), MemoryBlobstore()
    keys.set("user:ricochet", "animal", b"dog")
    keys.set("user:ricochet", "accept-language", b"en-US")
    keys.set("visits", "ricochet", b"41")
    blobs.create_container("animals")
    put(blobs, "animals", "dog.txt", b"woof")
    with wl.Lab(keyvalue=keys, blobstore=blobs) as lab:
        yield lab


@pytest.fixture
def data(stores: wl.Lab) -> Iterator[DataSection]:
    section = DataSection(stores)
    settled(section)
    yield section
    section.close()


class Slow(MemoryStore):
    """Answers `get` only after it was let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.asked = threading.Event()

    def get(self, bucket: str, key: str) -> bytes | None:
        self.asked.set()
        assert self.go.wait(60)
        return super().get(bucket, key)


# --- data: looking -------------------------------------------------------------------------------------


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


# --- data: changing ------------------------------------------------------------------------------------


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


def test_files_are_uploaded_and_not_kept_in_the_widget(stores: wl.Lab, data: DataSection) -> None:
    data.link.value = stores.blobstore
    settled(data)
    data.upload.value = (
        {
            "name": "cat.txt",
            "type": "text/plain",
            "size": 4,
            "content": memoryview(b"meow"),
            "last_modified": datetime.now(),
        },
    )
    assert "Uploaded cat.txt, 4 bytes" in settled(data)
    assert fetch(stores.blobstore.provider, "animals", "cat.txt") == b"meow"
    assert data.upload.value == ()
    assert data.names.value == "cat.txt"


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


# --- request -------------------------------------------------------------------------------------------


@pytest.fixture
def request_section(lab: wl.Lab) -> Iterator[RequestSection]:
    lab.load("echo")
    lab.load("trouble")
    section = RequestSection(lab)
    section.app.value = lab.apps["echo"]
    yield section
    section.close()


def test_a_request_is_sent_and_its_response_drawn(lab: wl.Lab, request_section: RequestSection) -> None:
    section = request_section
    section.method.value, section.path.value = "POST", "/?x=1"
    section.headers.value, section.body.value = "Content-Type: application/json\n\nX-Mine: <b>", '{"a":[1,2]}'
    section.send.click()
    shown = settled(section)
    assert section.response is not None
    assert ">200 OK<" in shown
    assert " ms<" in shown or " s<" in shown
    assert "<b>" not in seen(section.view)
    assert section.code() == (
        "lab.apps['echo'].post('/?x=1', headers={'Content-Type': 'application/json', 'X-Mine': '<b>'}, "
        "content='{\"a\":[1,2]}')"
    )
    again = eval(section.code(), {"lab": lab})
    assert (again.status_code, again.content) == (section.response.status_code, section.response.content)


def test_what_can_not_be_sent_says_why(request_section: RequestSection) -> None:
    request_section.headers.value = "no colon"
    request_section.send.click()
    assert "line 1 of the headers, 'no colon'" in settled(request_section)
    request_section.headers.value, request_section.path.value = "", "no-slash"
    request_section.send.click()
    assert "does not start with '/'" in settled(request_section)
    assert request_section.response is None
    assert request_section.code().startswith("lab.apps['echo'].get(")


def test_a_guest_that_breaks_is_an_error_in_place(lab: wl.Lab, request_section: RequestSection) -> None:
    request_section.app.value = lab.apps["trouble"]
    request_section.path.value = "/trap"
    request_section.send.click()
    shown = settled(request_section)
    assert 'role="alert"' in shown
    assert not request_section.send.disabled
    assert request_section.response is None


def test_without_apps_nothing_can_be_sent(own_lab: wl.Lab) -> None:
    section = RequestSection(own_lab)
    assert section.send.disabled
    assert "No app" in seen(section.view)
    own_lab.load("hello-rust")
    section.refresh()
    assert not section.send.disabled
    assert "No app" not in seen(section.view)
    section.close()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/a?b=[1]&c={x}", "", ""),
        ("POST", "/it's", "X-Empty:\nAccept: */*", "@not-a-file 'quoted' $HOME\n`line`"),
        ("PUT", "/é ü", "Content-Type: a/b", "x"),
        ("DELETE", "/a/../b", "", ""),
        ("GET", "http://other.test/path", "", ""),
        ("OPTIONS", "/", "", "body"),
    ],
)
def test_the_curl_line_sends_the_same(
    lab: wl.Lab, request_section: RequestSection, method: str, path: str, headers: str, body: str
) -> None:
    section = request_section
    section.method.value, section.path.value, section.headers.value, section.body.value = method, path, headers, body
    section.as_curl.value = True
    assert "http://localhost:8080/" in settled(section)
    section.send.click()
    settled(section)
    assert section.response is not None
    with lab.serve(lab.apps["echo"], port=0) as server:
        section.refresh()
        line = section.curl()
        assert server.url in line
        answer = subprocess.run(["sh", "-c", f"{line} -s"], capture_output=True, check=True, timeout=60).stdout
    got = answer.partition(b"\r\n\r\n")[2].replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert got == section.response.content


def test_a_head_request_is_said_as_curl_and_python() -> None:
    assert shlex.split(as_curl("http://h:1", "HEAD", "/x", [], "ignored")) == ["curl", "--head", "http://h:1/x"]
    assert as_python("app", "PATCH", "/", [("A", "1"), ("a", "2")]) == (
        "app.request('PATCH', '/', headers=[('A', '1'), ('a', '2')])"
    )
    with pytest.raises(RequestError, match="line 3"):
        read_headers("A: 1\n\n: empty")


def test_a_request_can_be_sent_while_another_one_hangs(own_lab: wl.Lab) -> None:
    asked, go = threading.Event(), threading.Event()

    class Hanging(MemoryBlobstore):
        def container_exists(self, name: str) -> bool:
            asked.set()
            assert go.wait(60)
            return super().container_exists(name)

    own_lab.blobstore.swap(Hanging())
    own_lab.load("blobby", deadline=None)
    section = RequestSection(own_lab)
    section.send.click()
    try:
        assert asked.wait(30)
        section.method.value = "PATCH"
        section.send.click()
        assert "405" in settled(section)
    finally:
        go.set()
    until(lambda: own_lab.blobstore.running == 0)
    assert "405" in seen(section.view)
    section.close()


# --- trouble -------------------------------------------------------------------------------------------


def test_trouble_is_put_on_turned_and_taken_off(own_lab: wl.Lab) -> None:
    link = own_lab.keyvalue
    before = link.provider
    section = TroubleSection(own_lab)
    card = section.cards[0]
    card.latency.value = 250
    until(lambda: trouble_of(link) == Trouble(0.25, 0.0, False))
    wrapper = link.provider
    card.failures.value, card.down.value = 50, True
    until(lambda: trouble_of(link) == Trouble(0.25, 0.5, True))
    assert link.provider is wrapper
    assert section.code() == "lab.keyvalue.wrap(wl.Troubled, latency=0.25, failure_rate=0.5, down=True)"
    with pytest.raises(ProviderError, match="switched off"):
        link.provider.get("b", "k")
    card.calm.click()
    until(lambda: link.provider is before)
    assert trouble_of(link) == CALM
    assert (card.latency.value, card.failures.value, card.down.value) == (0, 0, False)
    section.close()


def test_several_panels_and_cells_agree_on_the_trouble(own_lab: wl.Lab) -> None:
    one, two = TroubleSection(own_lab), TroubleSection(own_lab)
    one.cards[1].down.value = True
    until(lambda: trouble_of(own_lab.blobstore).down)
    two.refresh()
    assert two.cards[1].down.value
    own_lab.blobstore.provider.down = False
    own_lab.blobstore.provider.latency = 3.0
    for section in (one, two):
        section.refresh()
        assert not section.cards[1].down.value
        assert section.cards[1].latency.value == 3000
        section.close()


def test_a_wrapper_that_a_cell_has_put_on_is_turned_but_stays(own_lab: wl.Lab) -> None:
    mine = own_lab.keyvalue.wrap(wl.Troubled, latency=0.1)
    own_lab.keyvalue.wrap(wl.Latency, 0.0)
    section = TroubleSection(own_lab)
    assert section.cards[0].latency.value == 100
    section.cards[0].calm.click()
    until(lambda: mine.latency == 0.0)
    assert own_lab.keyvalue.provider.inner is mine
    section.close()


def test_turning_one_control_leaves_what_the_others_can_not_show(own_lab: wl.Lab) -> None:
    give_trouble(own_lab.keyvalue, latency=0.0104, failure_rate=0.125)
    section = TroubleSection(own_lab)
    section.cards[0].down.value = True
    until(lambda: trouble_of(own_lab.keyvalue).down)
    assert trouble_of(own_lab.keyvalue) == Trouble(0.0104, 0.125, True)
    section.close()


def test_trouble_under_another_wrapper_stays_at_zero(own_lab: wl.Lab) -> None:
    give_trouble(own_lab.keyvalue, down=True)
    outer = own_lab.keyvalue.wrap(wl.Logged)
    give_trouble(own_lab.keyvalue)
    assert own_lab.keyvalue.provider is outer
    assert trouble_of(own_lab.keyvalue) == CALM


def test_a_swap_takes_the_trouble_along_and_says_so(own_lab: wl.Lab) -> None:
    section = TroubleSection(own_lab)
    section.cards[0].latency.value = 50
    until(lambda: trouble_of(own_lab.keyvalue).latency == 0.05)
    section.refresh()
    own_lab.keyvalue.swap("memory://")
    section.refresh()
    assert "the trouble went with the old one" in seen(section.view)
    assert section.cards[0].latency.value == 0
    section.cards[0].latency.value = 60
    until(lambda: trouble_of(own_lab.keyvalue).latency == 0.06 and "went with" not in seen(section.view))
    section.close()


def test_trouble_during_a_swap_is_refused_in_words(own_lab: wl.Lab) -> None:
    asked, go = threading.Event(), threading.Event()

    class Hanging(MemoryStore):
        def ping(self) -> None:
            asked.set()
            assert go.wait(60)

    section = TroubleSection(own_lab)
    swap = threading.Thread(target=own_lab.keyvalue.swap, args=(Hanging(),))
    swap.start()
    try:
        assert asked.wait(30)
        section.cards[0].down.value = True
        until(lambda: "being swapped" in seen(section.view))
        assert not section.cards[0].down.value
    finally:
        go.set()
        swap.join()
        section.close()


# --- trace ---------------------------------------------------------------------------------------------


def test_the_last_requests_are_listed_newest_first(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    section = TraceSection(own_lab)
    assert "no request yet" in seen(section.view)
    app.get("/first")
    app.get("/second")
    until(lambda: (section.refresh(), len(section.requests.options) == 2)[1])
    assert [" GET /second  404 " in label for label, _ in section.requests.options] == [True, False]
    assert section.trace is app.traces[-1]
    assert "<svg" in seen(section.view)
    section.export.click()
    found = re.search(r'href="data:application/json;base64,([^"]*)"', seen(section.view))
    assert found
    assert json.loads(base64.b64decode(found[1]))["path"] == "/second"
    section.close()


def test_a_request_that_was_chosen_stays_while_others_come(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    app.get("/first")
    app.get("/second")
    section = TraceSection(own_lab)
    section.requests.value = app.traces[0]
    assert not section.follow.value
    app.get("/third")
    section.refresh()
    assert section.trace is app.traces[0]
    assert section.code() == "lab.apps['blobby'].traces[-3]"
    section.follow.value = True
    assert section.trace is app.traces[-1]
    assert len(section.requests.options) == 3
    assert section.code() == "lab.apps['blobby'].trace"
    section.close()


def test_traffic_is_traced_when_asked_for(own_lab: wl.Lab) -> None:
    app = own_lab.load("blobby")
    section = TraceSection(own_lab)
    section.traffic.value = True
    assert app.tracing == "all"
    assert section.code() == "lab.apps['blobby'].tracing = \"all\"\nlab.apps['blobby'].trace"
    app.tracing = "off"
    section.refresh()
    assert not section.traffic.value
    section.close()


# --- all of them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [DataSection, RequestSection, TroubleSection, TraceSection])
def test_every_field_and_button_has_a_label(own_lab: wl.Lab, make: Any) -> None:
    own_lab.load("blobby")
    section = make(own_lab)
    settled(section)
    found = list(fields(section.view))
    assert found
    for each in found:
        assert each.description or each.tooltip
        assert isinstance(each, (W.Textarea, W.Text)) or each.tooltip or each.description
    section.close()


@pytest.mark.parametrize("make", [DataSection, RequestSection, TroubleSection, TraceSection])
def test_a_section_can_be_closed_and_the_lab_refreshed_after_it(own_lab: wl.Lab, make: Any) -> None:
    section = make(own_lab)
    section.close()
    section.close()
    section.refresh()
    assert section.code()
