"""A guest's call to the host: this package's codec against the stock `wasmtime.component` binding.

One component, written here, calls an empty import or a 20-byte `get` in a loop, N times for each call of
its own export; the time of the loop over N is the time of a host call. The lab's engine always has epoch
interruption (that is how deadlines work), so the stock binding is measured without it and with it; targets
are held against the faster of the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import component as wc

import wasicloud_lab as wl

from .measure import Run, interleaved, ratios, timed
from .report import Group

NAME = "hostcall"
TITLE = "Host call: this codec and the stock wasmtime.component binding"

STORE = "bench:kv/store@0.1.0"
VALUE = b"twenty bytes of value"[:20]

GUEST = f"""
(component
  (import "{STORE}" (instance $store
    (export "nop" (func))
    (export "get" (func (param "key" string) (result (option (list u8)))))))
  (core module $memory
    (memory (export "memory") 2)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096))
  (core instance $memory (instantiate $memory))
  (core func $nop (canon lower (func $store "nop")))
  (core func $get (canon lower (func $store "get")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $loops
    (import "host" "nop" (func $nop))
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "memory" "memory" (memory 2))
    (data (i32.const 0) "hello-key")
    (func (export "nops") (param i32)
      (loop $again
        call $nop
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $again (local.get 0))))
    (func (export "gets") (param i32)
      (loop $again
        (call $get (i32.const 0) (i32.const 9) (i32.const 64))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br_if $again (local.get 0)))))
  (core instance $guest (instantiate $loops
    (with "host" (instance (export "nop" (func $nop)) (export "get" (func $get))))
    (with "memory" (instance $memory))))
  (func (export "nops") (param "n" u32) (canon lift (core func $guest "nops")))
  (func (export "gets") (param "n" u32) (canon lift (core func $guest "gets"))))
"""

#: What the two calls are called, and how many microseconds the stock binding roughly needs: sets the loops' length.
CALLS = {"empty": ("nops", "empty call", 10), "get": ("gets", "20-byte get", 50)}
#: The largest share of the stock binding's time that is allowed.
LIMITS = {"empty": 1 / 8, "get": 1 / 6}


@wl.interface(STORE)
class Store:
    """The import, served by the lab."""

    def nop(self) -> None:
        """Does nothing."""

    def get(self, key: str) -> bytes:
        """Answers always the same."""
        return VALUE


def stock(epochs: bool) -> Callable[[str, int], Any]:
    """The same component on the stock binding; answers a caller of its exports.

    Args:
        epochs: whether the engine has epoch interruption, as the lab's has.
    """
    config = wasmtime.Config()
    if epochs:
        config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    linker = wc.Linker(engine)
    with linker.root() as root, root.add_instance(STORE) as store_import:
        store_import.add_func("nop", lambda _store: None)
        store_import.add_func("get", lambda _store, _key: VALUE)
    store = wasmtime.Store(engine)
    if epochs:
        store.set_epoch_deadline(1 << 40)
    instance = linker.instantiate(store, wc.Component(engine, GUEST))
    functions = {name: instance.get_func(store, name) for name in ("nops", "gets")}

    def call(name: str, count: int) -> None:
        function = functions[name]
        assert function is not None
        function(store, count)
        function.post_return(store)

    return call


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with wl.Lab() as lab:
        app = lab.load(GUEST.encode(), name="hostcall", deadline=None, providers=[Store()])
        with app.instance() as instance:
            callers: dict[str, Callable[[str, int], Any]] = {
                "ours": instance.call, "stock": stock(epochs=False), "stock_epochs": stock(epochs=True),
            }  # fmt: skip
            for key in CALLS:
                _compare(group, key, callers, run)
    return group


def _compare(group: Group, key: str, callers: dict[str, Callable[[str, int], Any]], run: Run) -> None:
    """One of the two calls, through all three in turn."""
    export, label, cost = CALLS[key]
    seconds = 0.02 if run.quick else 0.05

    def loop(who: str) -> Callable[[], float]:
        call = callers[who]
        count = int(seconds * 1e6 / cost * (8 if who == "ours" else 1))
        return lambda: timed(lambda: call(export, count)) / count

    actions = {who: loop(who) for who in callers}
    interleaved(actions, 1)
    found = interleaved(actions, run.of(21, 9))
    group.add(f"{key}_ours", f"{label}, ours", found["ours"], "µs", 1e6)
    group.add(f"{key}_stock", f"{label}, stock", found["stock"], "µs", 1e6)
    group.add(f"{key}_stock_epochs", f"{label}, stock with epochs", found["stock_epochs"], "µs", 1e6)
    faster = min(("stock", "stock_epochs"), key=lambda who: found[who].median)
    share = group.add(f"{key}_ratio", f"{label}, ours / stock", ratios(found["ours"], found[faster]), "of stock")
    limit = LIMITS[key]
    words = f"{label}: at most 1/{round(1 / limit)} of the stock binding's time"
    group.target(f"hostcall.{key}", words, share.value, "<=", limit, "of stock")
