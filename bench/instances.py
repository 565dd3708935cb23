"""What an instance costs: to make one, and to make one for each request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import wasmtime
from wasmtime import component as wc

import wasicloud_lab as wl
from wasicloud_lab.host.instances import Instance
from wasicloud_lab.sources import bundled_folder

from .measure import Run, each_timed
from .report import Gap, Group

NAME = "instances"
TITLE = "Instances: made, and one for each request"

GUESTS = ("tiny", "hello", "hello-rust")


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    rounds = run.of(10, 4)
    with wl.Lab() as lab:
        for guest in GUESTS:
            reused = lab.load(guest)
            fresh = lab.load(guest, name=f"{guest}-fresh", isolation="request")
            actions: dict[str, Callable[[], Any]] = {
                "make": partial(_make, reused),
                "request": partial(fresh.get, "/"),
                "reuse": partial(reused.get, "/"),
            }
            try:
                actions["stock"] = _stock(guest)
            except wasmtime.WasmtimeError as error:
                if "wasm backtrace" not in str(error):
                    raise
                how = "it calls imports while it starts, and these are traps there"
                group.gaps.append(Gap(f"{guest} instantiated by the stock binding", how))
            each_timed(actions, 1, 50)
            found = each_timed(actions, rounds, 50)
            group.add(f"{guest}_make", f"{guest}: instance made and freed", found["make"], "µs", 1e6)
            if "stock" in found:
                label = f"{guest}: the same, stock binding, imports as traps"
                group.add(f"{guest}_stock", label, found["stock"], "µs", 1e6)
            group.add(f"{guest}_request", f"{guest}: app.get, an instance a request", found["request"], "µs", 1e6)
            group.add(f"{guest}_reuse", f"{guest}: app.get, instance reused", found["reuse"], "µs", 1e6)
    group.notes.append('with isolation="request" a thread makes the next instance ahead, while the caller works')
    return group


def _make(app: wl.App) -> None:
    """An instance beside the pool's own, as the pool makes them."""
    Instance(app.component, app.pool.linker, app.settings.limits).close()


def _stock(guest: str) -> Callable[[], None]:
    """Instantiates and frees with the stock binding.

    Raises:
        WasmtimeError: the guest calls an import while it starts.
    """
    engine = wasmtime.Engine()
    component = wc.Component.from_file(engine, str(bundled_folder() / f"{guest}.wasm"))
    linker = wc.Linker(engine)
    linker.define_unknown_imports_as_traps(component)

    def make() -> None:
        with wasmtime.Store(engine) as store:
            linker.instantiate(store, component)

    make()
    return make
