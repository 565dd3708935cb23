"""A request body of 1 MiB that the guest `echo` sends back as it arrives."""

from __future__ import annotations

import os

import httpx

import wasicloud_lab as wl

from . import peers
from .measure import Run, Sample, each_timed
from .report import Gap, Group

NAME = "bodies"
TITLE = "1 MiB request body, echoed"

SIZE = 1 << 20
LIMIT = 200.0


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
    try:
        with peers.serving(peers.wasmtime("echo", "-Sconfig", "-Wunknown-imports-trap=y")) as server:
            found = _served(server, data, rounds)
            group.add("wasmtime", "served by wasmtime serve", found, "ms", 1e3, "the client, httpx, included")
    except peers.Missing as missing:
        group.gaps.append(Gap(missing.what, missing.how))
    group.target("bodies.inprocess", "in-process", ours.value, "<=", LIMIT, "ms")
    group.target("bodies.served", "served", served.value, "<=", LIMIT, "ms")
    return group


def _served(server: peers.Serving, data: bytes, rounds: int) -> Sample:
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:

        def echo() -> None:
            if client.post("/", content=data).content != data:
                raise AssertionError(f"{server.peer.label} sent back something else")

        echo()
        return each_timed({"": echo}, rounds, 1)[""]
