"""Where the time of an in-process request to tiny goes, part by part, through the package's public names."""

from __future__ import annotations

import wasicloud_lab as wl
from wasicloud_lab.message import Response, prepare
from wasicloud_lab.wasi.http.exchange import BufferedExchange

from .measure import Run, each_timed
from .report import Group

NAME = "parts"
TITLE = "Parts of an in-process request to tiny"


def run(run: Run) -> Group:
    """Measures the group."""
    group = Group(NAME, TITLE)
    with wl.Lab() as lab:
        app = lab.load("tiny")
        limit = app.settings.limits.body
        pool = app.pool
        mime = [(b"content-type", b"text/plain")]

        def exchange() -> BufferedExchange:
            made = prepare(BufferedExchange, "GET", "/", limit=limit)
            assert isinstance(made, BufferedExchange)
            return made

        actions = {
            "whole": lambda: app.get("/"),
            "prepare": exchange,
            "run": lambda: app.run(exchange()),
            "response": lambda: Response(200, headers=mime, content=b"hello\n", made_by=("GET", "http://localhost/")),
            "pool": lambda: pool.give_back(pool.take()),
        }
        each_timed(actions, 1, 200)
        found = each_timed(actions, run.of(20, 6), 200)
    words = {
        "whole": "all of it",
        "prepare": "the request put together",
        "run": "the request put together, and the guest's call",
        "response": "the httpx.Response made",
        "pool": "an instance taken and given back",
    }
    for key, label in words.items():
        group.add(key, label, found[key], "µs", 1e6)
    return group
