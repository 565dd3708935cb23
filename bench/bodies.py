"""A request body of 1 MiB that the guest `echo` sends back as it arrives, and what such a list costs the codec.

`wasmtime serve` can't run `echo`, which imports wasi:logging; so the peer is the stock binding, with a list of
1 MiB through an exported function and back.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import httpx
import wasmtime
from wasmtime import component as wc

import wasicloud_lab as wl

from . import peers
from .measure import Run, Sample, each_timed, interleaved, ratios, timed
from .report import Group

NAME = "bodies"
TITLE = "1 MiB request body, echoed"

SIZE = 1 << 20
LIMIT = 200.0

#: Takes a list of bytes and gives it back.
GUEST = b"""
(component
  (core module $guest
    (memory (export "memory") 40)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 65536)
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0))
      (i32.store (i32.const 20) (local.get 1))
      i32.const 16))
  (core instance $guest (instantiate $guest))
  (func (export "echo") (param "data" (list u8)) (result (list u8))
    (canon lift (core func $guest "echo")
      (memory (core memory $guest "memory")) (realloc (core func $guest "realloc")))))
"""


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    data = os.urandom(SIZE)
    rounds = run.of(15, 5)
    with wl.Lab() as lab:
        app = lab.load("echo")

        def echo() -> None:
            if app.post("/", content=data).content != data:
                raise AssertionError("echo sent back something else")

        echo()
        ours = group.add("inprocess", "app.post, in-process", each_timed({"": echo}, rounds, 1)[""], "ms", 1e3)
    with peers.serving(peers.ours("echo")) as server:
        found = _served(server, data, rounds)
        served = group.add("served", "served by this package", found, "ms", 1e3, "the client, httpx, included")
    _lists(group, data, run.of(3, 1))
    group.target("bodies.inprocess", "in-process", ours.value, "<=", LIMIT, "ms")
    group.target("bodies.served", "served", served.value, "<=", LIMIT, "ms")
    return group


def _lists(group: Group, data: bytes, rounds: int) -> None:
    """The same bytes as a list, there and back, by our codec and by the stock binding."""
    with wl.Lab() as lab:
        app = lab.load(GUEST, name="lists", deadline=None)
        echo = _stock()
        if app.call("echo", data) != data or bytes(echo(data)) != data:
            raise AssertionError("a list came back changed")
        actions = {"ours": lambda: timed(lambda: app.call("echo", data)), "stock": lambda: timed(lambda: echo(data))}
        found = interleaved(actions, rounds)
    group.add("list_ours", "list<u8> of 1 MiB through an export, ours", found["ours"], "ms", 1e3)
    group.add("list_stock", "the same, stock binding", found["stock"], "ms", 1e3)
    group.add("list_ratio", "ours / stock", ratios(found["ours"], found["stock"]), "of stock")


def _stock() -> Callable[[bytes], bytes]:
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    instance = wc.Linker(engine).instantiate(store, wc.Component(engine, GUEST))
    function = instance.get_func(store, "echo")
    assert function is not None

    def echo(data: bytes) -> bytes:
        answer: bytes = function(store, data)
        function.post_return(store)
        return answer

    return echo


def _served(server: peers.Serving, data: bytes, rounds: int) -> Sample:
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:

        def echo() -> None:
            if client.post("/", content=data).content != data:
                raise AssertionError(f"{server.peer.label} sent back something else")

        echo()
        return each_timed({"": echo}, rounds, 1)[""]
