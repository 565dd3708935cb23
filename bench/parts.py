"""Where the time of an in-process request to tiny goes; what is not a row is found by subtraction."""

from __future__ import annotations

import httpx

import wasicloud_lab as wl
from wasicloud_lab.wasi.http.exchange import BufferedExchange

from .measure import Run, each_timed
from .report import Group

NAME = "parts"
TITLE = "Parts of an in-process request to tiny, which makes nine host calls"


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with wl.Lab() as lab:
        app = lab.load("tiny")
        pool = app.pool

        def exchange() -> BufferedExchange:
            return BufferedExchange("GET", "/", [], authority="localhost")

        actions = {
            "whole": lambda: app.get("/"),
            "run": lambda: app.run(exchange()),
            "exchange": exchange,
            "pool": lambda: pool.give_back(pool.take()),
            "response": lambda: httpx.Response(200, headers=[(b"content-type", b"text/plain")], content=b"hello\n"),
        }
        each_timed(actions, 1, 200)
        found = each_timed(actions, run.of(20, 6), 200)
    words = {
        "whole": "app.get",
        "run": "of which the exchange and the guest's call (the rest: request in, httpx.Response out)",
        "exchange": "of which the exchange made",
        "pool": "of which an instance taken and given back",
        "response": "for comparison, a plain httpx.Response(…)",
    }
    for key, label in words.items():
        group.add(key, label, found[key], "µs", 1e6)
    return group
