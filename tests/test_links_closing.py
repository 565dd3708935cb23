"""Links that end: who closes a provider and when, and what becomes of requests that wait on a link meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import wasicloud_lab as wl
from tests import link_stores
from tests.link_stores import Held, SlowToFill, user
from tests.threads import until
from wasicloud_lab.providers.keyvalue.memory import MemoryStore

gopher = link_stores.gopher
in_thread = link_stores.in_thread


# --- who closes what ---------------------------------------------------------------------------------


def test_a_provider_that_the_link_opened_is_closed_when_its_last_request_has_ended(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    held = Held()
    user(held, "ada", "dog")
    monkeypatch.setattr(memory, "open_memory", lambda address: held)
    own_lab.keyvalue.swap("memory://held")
    answer = in_thread(gopher.get, "/ada")
    assert held.asked.wait(60)
    own_lab.keyvalue.swap(MemoryStore())
    assert not held.closed.is_set()
    held.let_go.set()
    assert answer.result(60).status_code == 200
    assert held.closed.wait(60)


def test_a_provider_given_as_an_object_is_left_open(own_lab: wl.Lab) -> None:
    mine = MemoryStore()
    own_lab.keyvalue.swap(mine)
    own_lab.keyvalue.swap("memory://")
    mine.set("b", "k", b"v")
    assert mine.get("b", "k") == b"v"


def test_a_swap_to_the_present_provider_or_around_it_leaves_it_open(own_lab: wl.Lab) -> None:
    from wasicloud_lab.providers.keyvalue.wrappers import Cached

    store = own_lab.keyvalue.provider
    own_lab.keyvalue.swap(store)
    own_lab.keyvalue.swap(Cached(store))
    own_lab.keyvalue.provider.set("b", "k", b"v")
    assert store.get("b", "k") == b"v"
    own_lab.keyvalue.swap("memory://")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_a_provider_is_closed_when_the_last_link_lets_go_of_it(own_lab: wl.Lab, gopher: wl.App) -> None:
    store = own_lab.keyvalue.provider
    own_lab.keyvalue.wrap(wl.Cached)
    own_lab.keyvalue.swap(store)  # what was inside of the wrapper
    own_lab.keyvalue.swap(store, read_only=True)
    own_lab.keyvalue.swap(own_lab.keyvalue.provider.inner)
    store.set("b", "k", b"v")

    link = own_lab.link(gopher, "wasi:keyvalue", own_lab.keyvalue.provider, read_only=True)
    own_lab.keyvalue.swap("memory://")
    assert link.provider.get("b", "k") == b"v"
    own_lab.unlink(gopher, "wasi:keyvalue")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_a_link_that_is_closed_while_it_is_swapped_closes_both(monkeypatch: pytest.MonkeyPatch) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    lab, made = wl.Lab(), MemoryStore()
    monkeypatch.setattr(memory, "open_memory", lambda address: made)
    old = lab.keyvalue.provider
    monkeypatch.setattr(made, "summary", lambda: lab.close() or "memory")  # asked just before the flip
    monkeypatch.setattr(made, "ping", lambda: None)
    with pytest.raises(wl.SwapRefused):
        lab.keyvalue.swap("memory://")
    for store in (old, made):
        with pytest.raises(wl.Unavailable):
            store.get("b", "k")


def test_an_interrupt_after_the_flip_leaves_the_new_provider_open(
    own_lab: wl.Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(MemoryStore):
        def close(self) -> None:
            raise KeyboardInterrupt

    from wasicloud_lab.providers.keyvalue import memory

    with monkeypatch.context() as patched:
        patched.setattr(memory, "open_memory", lambda address: Stuck())
        own_lab.keyvalue.swap("memory://")
    with pytest.raises(KeyboardInterrupt):
        own_lab.keyvalue.swap("memory://")
    own_lab.keyvalue.provider.set("b", "k", b"v")


def test_a_lab_that_can_not_be_made_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    from wasicloud_lab.providers.keyvalue import memory

    store = MemoryStore()
    monkeypatch.setattr(memory, "open_memory", lambda address: store)
    with pytest.raises(wl.ProviderError, match="is not a provider's URL"):
        wl.Lab(keyvalue="memory://", blobstore="nonsense")
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")


def test_a_closed_lab_has_closed_what_it_opened() -> None:
    lab = wl.Lab()
    store = lab.keyvalue.provider
    lab.close()
    with pytest.raises(wl.Unavailable):
        store.get("b", "k")
    with pytest.raises(wl.SwapRefused, match="closed"):
        lab.keyvalue.swap("memory://")


# --- links that go while requests wait ---------------------------------------------------------------


def test_links_come_and_go_while_a_request_waits(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    slow = SlowToFill()
    user(own_lab.keyvalue.provider, "ada", "dog")
    own_lab.link(gopher, "wasi:blobstore", "memory://")
    hello = own_lab.load("hello")
    swap = in_thread(own_lab.keyvalue.swap, slow, migrate=True)
    assert slow.gate.reached.wait(60)
    answer = in_thread(gopher.get, "/ada")
    until(lambda: own_lab.keyvalue.waiting == 1)
    own_lab.unlink(gopher, "wasi:blobstore")
    own_lab.link(gopher, "wasi:http/incoming-handler", hello)
    slow.gate.opened.set()
    assert swap.result(60).moved is not None
    assert answer.result(60).status_code == 200


def test_a_request_that_waits_on_a_link_taken_away_gets_what_is_wired_instead(
    own_lab: wl.Lab, gopher: wl.App, in_thread: Callable[..., Any]
) -> None:
    slow = SlowToFill(vanishes=True)
    user(own_lab.keyvalue.provider, "ada", "cat")
    link = own_lab.link(gopher, "wasi:keyvalue", "memory://")
    user(link.provider, "ada", "dog")
    swap = in_thread(link.swap, slow, migrate=True)
    assert slow.gate.reached.wait(60)
    answer = in_thread(gopher.get, "/ada")
    until(lambda: link.waiting == 1)
    own_lab.unlink(gopher, "wasi:keyvalue")
    slow.gate.opened.set()
    with pytest.raises(wl.SwapRefused):
        swap.result(60)
    assert "cat" in answer.result(60).text
