"""The guest tiny behind HTTP: this package, `jco serve` and `wasmtime serve` under the same load."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from . import peers
from .load import Load, generator, load
from .measure import Run, Sample, resident
from .report import Gap, Group

NAME = "served"
TITLE = "Served over HTTP: tiny, requests a second"

GUEST = "tiny"
CONNECTIONS = (1, 16)


def _peers(run: Run) -> list[Callable[[], peers.Peer]]:
    """Those to compare, each found when it is its turn."""
    chosen: list[Callable[[], peers.Peer]] = [
        lambda: peers.ours(GUEST),
        lambda: peers.jco(GUEST),
        lambda: peers.wasmtime(GUEST),
    ]
    if not run.quick:
        chosen += [
            lambda: peers.ours(GUEST, "request"),
            lambda: peers.jco(GUEST, "--isolate-requests", "instance"),
            lambda: peers.wasmtime_reusing(GUEST),
            lambda: peers.asgi("thread"),
            lambda: peers.asgi("direct"),
        ]
    return chosen


def run(run: Run) -> Group:
    """Measures the group. All servers run all the time; the load goes to one after the other, in rounds."""
    group = Group(NAME, TITLE)
    rounds, seconds = run.of(3, 1), run.of(3, 2)
    with contextlib.ExitStack() as stack:
        servers: list[peers.Serving] = []
        for find in _peers(run):
            try:
                servers.append(stack.enter_context(peers.serving(find())))
            except peers.Missing as missing:
                group.gaps.append(Gap(missing.what, missing.how))
        found: dict[tuple[str, int], list[Load]] = {}
        for server in servers:
            load(server.url, CONNECTIONS[-1], 1)
        for turn in range(rounds):
            for server in servers if turn % 2 == 0 else reversed(servers):
                for count in CONNECTIONS:
                    found.setdefault((server.peer.key, count), []).append(load(server.url, count, seconds))
        for count in CONNECTIONS:
            for server in servers:
                loads = found[server.peer.key, count]
                group.add(
                    f"{server.peer.key}_{count}", f"{server.peer.label}, {count} connection{'s' * (count > 1)}",
                    Sample(tuple(one.rate for one in loads)), "requests/s", note=_note(loads),
                )  # fmt: skip
        for server in servers:
            memory = Sample((resident(server.pid),))
            label = f"{server.peer.label}, memory after the load"
            group.add(f"{server.peer.key}_memory", label, memory, "MiB", 1 / 2**20)
        for server in servers:
            answer = Sample((server.seconds_to_answer,))
            group.add(f"{server.peer.key}_start", f"{server.peer.label}, start to first answer", answer, "s")
    _compare(group)
    group.notes.append(f"load: {generator()}, one thread, kept-alive connections, {rounds} round(s) of {seconds} s")
    return group


def _note(loads: list[Load]) -> str:
    p50 = Sample(tuple(one.p50 for one in loads)).median
    p99 = Sample(tuple(one.p99 for one in loads)).median
    errors = sum(one.errors for one in loads)
    return f"half within {p50:.2f} ms, 99 of 100 within {p99:.2f} ms" + (f", {errors} ERRORS" if errors else "")


def _compare(group: Group) -> None:
    ours = group.figure("ours_16")
    if ours is None:
        group.failed = "this package's own server did not start"
        return
    names = {"jco": "jco serve", "wasmtime": "wasmtime serve", "wasmtime_reuse": "wasmtime serve, instances reused"}
    for key, words in names.items():
        peer = group.figure(f"{key}_16")
        if peer is not None:
            ratio = ours.value / peer.value
            group.add(f"ours_over_{key}", f"ours over {words}, 16 connections", Sample((ratio,)), "times")
            if key == "jco":
                group.target("served.jco", "at least as many as jco serve, 16 connections", ratio, ">=", 1, "times")
    if "ERRORS" in ours.note:
        group.failed = "this package's server gave errors under load"
