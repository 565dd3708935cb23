"""Links of one app: to stores of its own, to another component, and to the watchers that a guest exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import link_stores
from tests.link_stores import user
from tests.threads import Gate, until
from wasicloud_lab.providers.blobstore.base import ensure_container, fetch, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.keyvalue.memory import MemoryStore

gopher = link_stores.gopher
in_thread = link_stores.in_thread


# --- to stores of its own ----------------------------------------------------------------------------


def test_one_app_has_a_provider_of_its_own(own_lab: wl.Lab, gopher: wl.App) -> None:
    other = own_lab.load("gopher", name="other")
    mine = MemoryStore()
    user(mine, "ada", "cat")
    user(own_lab.keyvalue.provider, "ada", "dog")
    link = own_lab.link("other", "wasi:keyvalue/store", mine)
    assert "cat" in other.get("/ada").text
    assert "dog" in gopher.get("/ada").text
    assert link.name == "other keyvalue"
    assert [each.name for each in own_lab.links] == ["keyvalue", "blobstore", "other keyvalue"]
    assert own_lab.links["other keyvalue"] is link

    again = MemoryStore()
    user(again, "ada", "fox")
    assert own_lab.link(other, "wasi:keyvalue/atomics@0.2.0-draft", again) is link
    assert "fox" in other.get("/ada").text
    assert len(link.history) == 1

    own_lab.unlink(other, "wasi:keyvalue")
    assert "dog" in other.get("/ada").text
    with pytest.raises(wl.LinkError, match="no link of its own"):
        own_lab.unlink(other, "wasi:keyvalue")


def test_a_link_goes_with_its_app(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:keyvalue", "memory://")
    own_lab.load("gopher")
    assert len(own_lab.links) == 2
    own_lab.link("gopher", "wasi:keyvalue", "memory://")
    own_lab.unload("gopher")
    assert len(own_lab.links) == 2
    assert own_lab.apps == {}


def test_what_can_not_be_linked_is_refused(own_lab: wl.Lab, gopher: wl.App, free_port: int) -> None:
    hello = own_lab.load("hello")
    with pytest.raises(wl.LinkError, match="hello does not import wasi:keyvalue"):
        own_lab.link(hello, "wasi:keyvalue/store", "memory://")
    with pytest.raises(wl.LinkError, match=r"can't be linked; links are for wasi:keyvalue.*lab.provide"):
        own_lab.link(gopher, "wasi:random/random", "memory://")
    with pytest.raises(wl.LinkError, match="no app 'nobody' is loaded; there are gopher, hello"):
        own_lab.link("nobody", "wasi:keyvalue", "memory://")
    with pytest.raises(wl.SwapRefused, match="can't be linked to Redis"):
        own_lab.link(gopher, "wasi:keyvalue", f"redis://127.0.0.1:{free_port}")
    assert gopher.links["wasi:keyvalue"] is own_lab.keyvalue


def test_a_read_only_link_lets_nothing_change(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = MemoryStore()
    user(store, "ada", "dog")
    own_lab.link(gopher, "wasi:keyvalue", store, read_only=True)
    answer = gopher.get("/ada")
    assert answer.status_code == 503
    assert "denied" in answer.text
    assert store.get("visits", "ada") is None
    own_lab.keyvalue.swap(store, read_only=True)
    with pytest.raises(wl.Denied, match="read-only"):
        own_lab.keyvalue.provider.set("b", "k", b"v")


def test_buckets_have_other_names_behind_a_link(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = MemoryStore()
    user(store, "ada", "dog")
    own_lab.link(gopher, "wasi:keyvalue", store, bucket_map={"visits": "gopher-visits"})
    assert gopher.get("/ada").status_code == 200
    assert store.get("gopher-visits", "ada") == b"1"
    assert store.get("visits", "ada") is None


def test_wrappers_go_on_and_come_off_while_the_store_stays_open(own_lab: wl.Lab, gopher: wl.App) -> None:
    from wasicloud_lab.providers.keyvalue.wrappers import Troubled

    user(own_lab.keyvalue.provider, "ada", "dog")
    trouble = own_lab.keyvalue.wrap(Troubled)
    assert gopher.get("/ada").status_code == 200
    trouble.down = True
    answer = gopher.get("/ada")
    assert answer.status_code == 503
    assert "switched off" in answer.text
    trouble.down = False
    assert "visit number 2" in gopher.get("/ada").text
    assert own_lab.keyvalue.unwrap() is trouble
    assert "visit number 3" in gopher.get("/ada").text
    with pytest.raises(wl.LinkError, match="wraps nothing"):
        own_lab.keyvalue.unwrap()


# --- component to component --------------------------------------------------------------------------


def test_a_component_answers_for_another(own_lab: wl.Lab, gopher: wl.App) -> None:
    blobby = own_lab.load("blobby", config={"mount": "/files"})
    assert gopher.wiring["wasi:http/incoming-handler@0.2.0"] is None
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/dog.txt")
    link = own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    assert gopher.wiring["wasi:http/incoming-handler@0.2.0"] == "blobby"
    assert gopher.put("/files/dog.txt", content=b"woof").status_code == 201
    assert gopher.get("/files/dog.txt").content == b"woof"
    assert fetch(own_lab.blobstore.provider, "default", "dog.txt") == b"woof"
    assert gopher.get("/").status_code == 200

    link.swap(own_lab.load("hello"))
    assert gopher.get("/files/dog.txt").text.startswith("Hello")
    with pytest.raises(wl.SwapRefused, match="no data to move"):
        link.swap(blobby, migrate=True)
    with pytest.raises(wl.SwapRefused, match="another app"):
        link.swap("redis://localhost")
    own_lab.unlink(gopher, "wasi:http/incoming-handler")
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/dog.txt")


def test_a_component_that_is_loaded_again_is_linked_again(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.load("blobby", config={"mount": "/files"})
    own_lab.link(gopher, "wasi:http/incoming-handler", "blobby")
    assert gopher.get("/files/x").status_code == 404
    own_lab.load("hello", name="blobby")
    assert gopher.get("/files/x").text.startswith("Hello")


def test_large_bodies_stream_through_both_components(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("blobby", config={"mount": "/files"}, deadline=60))
    chunk = bytes(range(256)) * 1024
    with own_lab.client(gopher) as client:
        assert client.put("/files/large", content=(chunk for _ in range(32))).status_code == 201
        with client.stream("GET", "/files/large") as response:
            assert sum(map(len, response.iter_bytes())) == 32 * len(chunk)


def test_what_the_second_component_does_wrong_is_told(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("gopher", name="second"))
    with pytest.raises(wl.GuestTrap, match="linked to nothing"):
        gopher.get("/files/x")
    assert gopher.get("/").status_code == 200
    with pytest.raises(wl.SwapRefused, match="shapes exports no wasi:http/incoming-handler"):
        own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("shapes"))
    with pytest.raises(wl.LinkError, match="no app 'nobody'"):
        own_lab.link(gopher, "wasi:http/incoming-handler", "nobody")
    with pytest.raises(wl.SwapRefused, match=r"another app.*'redis://:\*\*\*@h'"):
        gopher.links["wasi:http/incoming-handler"].swap("redis://:s3cret@h")


def test_a_component_linked_to_itself_ends_with_an_error(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", gopher)
    with pytest.raises(wl.LinkError, match="already run inside each other"):
        gopher.get("/files/x")
    assert gopher.get("/").status_code == 200


def test_a_migration_does_not_wait_for_a_request_that_waits_for_it(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    """A request inside another one keeps what the outer one has pinned."""
    old, new = MemoryBlobstore(), MemoryBlobstore()
    ensure_container(old, "default")
    put(old, "default", "x", b"x")
    own_lab.blobstore.swap(old)
    blobby = own_lab.load("blobby", config={"mount": "/files"}, deadline=60)
    own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    gate = Gate()
    blobby.check_handler = gate.hold  # type: ignore[method-assign]
    answer = in_thread(gopher.get, "/files/x")
    assert gate.reached.wait(60)
    swap = in_thread(own_lab.blobstore.swap, new, migrate=True)
    until(lambda: own_lab.blobstore.moved is not None)
    gate.opened.set()
    assert answer.result(60).content == b"x"
    assert swap.result(60).moved is not None
    assert fetch(new, "default", "x") == b"x"


# --- guests that watch -------------------------------------------------------------------------------


def test_a_guest_that_exports_a_watcher_is_told_whatever_link_it_has(own_lab: wl.Lab, tmp_path: Path) -> None:
    watcher = own_lab.load("stores-watch")
    heard: list[Any] = []
    watcher.call = lambda *arguments, **_: heard.append(arguments[2:])  # type: ignore[method-assign]
    assert own_lab.keyvalue.watchers
    own_lab.keyvalue.provider.set("b", "k", b"1")
    own_lab.keyvalue.swap(f"sqlite:///{(tmp_path / 's.db').as_posix()}", migrate=True)
    own_lab.load("gopher").get("/")
    own_lab.keyvalue.provider.delete("b", "k")
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard == [("k", b"1"), ("k",)]

    link = own_lab.link(watcher, "wasi:keyvalue", MemoryStore())
    own_lab.keyvalue.provider.set("b", "elsewhere", b"2")
    link.provider.set("b", "mine", b"3")
    assert link.watchers.wait(60)
    assert heard[2:] == [("mine", b"3")]
    own_lab.unlink(watcher, "wasi:keyvalue")
    own_lab.keyvalue.provider.set("b", "again", b"4")
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard[3:] == [("again", b"4")]
    own_lab.unload(watcher)
    assert not own_lab.keyvalue.watchers


def test_a_watched_store_inside_another_is_heard_once(own_lab: wl.Lab, in_thread: Callable[..., Any]) -> None:
    watcher = own_lab.load("stores-watch")
    heard: list[Any] = []
    watcher.call = lambda *arguments, **_: heard.append(arguments[2:])  # type: ignore[method-assign]
    own_lab.keyvalue.swap(wl.Cached(own_lab.keyvalue.provider))
    own_lab.keyvalue.swap(own_lab.keyvalue.provider)
    in_thread(own_lab.keyvalue.provider.set, "b", "k", b"1").result(60)
    assert own_lab.keyvalue.watchers.wait(60)
    assert heard == [("k", b"1")]
