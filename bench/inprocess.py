"""A whole request in this process: `app.get("/")`, one thread, instances reused."""

from __future__ import annotations

from functools import partial

import httpx

import wasicloud_lab as wl

from .measure import Run, each_timed, quantile
from .report import Group

NAME = "inprocess"
TITLE = 'In-process request: app.get("/")'

GUESTS = ("tiny", "hello", "hello-rust")
WORDS = {"tiny": "tiny (text format)", "hello": "hello (Go)", "hello-rust": "hello-rust"}


class _Nothing(httpx.BaseTransport):
    """Answers at once: what is left of a request's time is httpx's own."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"hello\n")


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with wl.Lab() as lab:
        apps = {name: lab.load(name) for name in GUESTS}
        for app in apps.values():
            for _ in range(300):
                app.get("/").raise_for_status()
        found = each_timed({name: partial(app.get, "/") for name, app in apps.items()}, run.of(20, 6), 200)
        for name, sample in found.items():
            note = f"99 of 100 within {quantile(sample.values, 0.99) * 1e6:.0f} µs"
            group.add(name, WORDS[name], sample, "µs", 1e6, note)
        with apps["tiny"].client() as ours, httpx.Client(transport=_Nothing(), base_url="http://x") as bare:
            clients = {"client": lambda: ours.get("/"), "httpx": lambda: bare.get("/")}
            each_timed(clients, 1, 100)
            whole = each_timed(clients, run.of(10, 3), 100)
        note = "streams from a thread of its own"
        group.add("client", "tiny through lab.client(app)", whole["client"], "µs", 1e6, note)
        group.add("httpx", "of which httpx.Client, nothing behind it", whole["httpx"], "µs", 1e6)
    tiny = found["tiny"].median
    group.target("inprocess.tiny", "tiny, median", tiny * 1e6, "<=", 150, "µs")
    for name in GUESTS[1:]:
        group.target(f"inprocess.{name}", f"{name} over tiny", found[name].median / tiny, "<=", 2, "times")
    return group
