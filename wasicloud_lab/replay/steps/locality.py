"""Step 9: the picture of what runs, and what a far store costs until the component moves to the data."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import httpx

from ... import wrappers
from ...drawing import world_svg, world_tree
from ..links import links_svg, links_text, running
from ..stage import Stage
from ..step import Step

#: Seconds that one crossing of the distance takes here: about Frankfurt to Virginia, there and back, halved.
FAR = 0.04


class Locality(Step):
    number = "9"
    title = "Diagrams, and data locality"
    part = "Diagrams"
    minutes = 1
    point = (
        "Since nothing in the component says where its data is, where it runs becomes a choice. Far from its store "
        "it pays the distance for every call; moved next to the store, the client pays it once. The file that moves "
        "is a few megabytes; the data may be anything."
    )
    instead = "the links as they are, a store 40 ms away, and the same file in a process next to the store"
    must_show = (
        "the picture shows the links as they are now",
        "far from its store, a request pays the distance several times",
        "moved to the data, the same request is faster",
        "both counted in the same store",
    )
    look_at = "Calls to the store in one request, times the distance: that is the whole difference."
    question = "Which is larger in your system: the code, or the data it reads?"
    notes = (
        "One machine has no distances: a wrapper waits in their place (wl.Latency), and for the moved one the client."
    )
    needs = ("3", "4")

    def prepare(self, stage: Stage) -> None:
        stage.gopher()
        stage.make_users()

    def run(self, stage: Stage) -> None:
        app, link, store = stage.deployed("gopher"), stage.keyvalue, stage.stores.redis()
        drawn = running([app])
        stage.show("svg", links_svg(drawn), title="links, now", text=links_text(drawn))
        stage.show("svg", world_svg(app), title="gopher, now", text=world_tree(app))
        shown = any(link.summary() in line.target for line in drawn)
        stage.expect(self.must_show[0], shown and "redis" in link.summary().lower(), link.summary())

        log = link.wrap(wrappers.Logged)
        first = app.get("/ricochet", headers={"accept": "application/json"}).json()["visits"]
        calls = len(log.records)
        link.unwrap()
        stage.say(f"One request makes {calls} calls to the store, which is {store.words}.")
        rounds = 3 if stage.quick else 7
        near = _median(lambda: app.get("/ricochet"), rounds)
        stage.typed(f"link.wrap(wl.Latency, {FAR})", cell=True)
        link.wrap(wrappers.Latency, FAR)
        try:
            far = _median(lambda: app.get("/ricochet"), rounds)
        finally:
            link.unwrap()
        stage.expect(
            self.must_show[1],
            calls > 1 and far > near + (calls - 1) * FAR,
            f"{far * 1000:.0f} ms for {calls} calls at {FAR * 1000:.0f} ms; {near * 1000:.1f} ms without the distance",
        )
        stage.say("Now the component moves: the same file, in a process of its own beside the store.")
        stage.typed(f"wasicloud-lab serve gopher --keyvalue {store.url}")
        python = [sys.executable, "-m", "wasicloud_lab", "serve", "gopher", "--keyvalue", store.url]
        with (
            stage.beside(lambda _, port: [*python, "--addr", f"127.0.0.1:{port}"], "answers at", "beside") as url,
            httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
        ):
            client.get("/ricochet").raise_for_status()

            def from_afar() -> None:
                time.sleep(FAR)  # the request and its answer cross the distance; the calls to the store do not
                client.get("/ricochet").raise_for_status()

            moved = _median(from_afar, rounds)
        rows = [
            ["component and store together, client too", f"{near * 1000:.1f}"],
            [f"store far away: {calls} calls cross", f"{far * 1000:.1f}"],
            ["component moved to the store: the request crosses once", f"{moved * 1000:.1f}"],
        ]
        stage.show("table", {"head": ["where", "ms, median"], "rows": rows})
        stage.expect(self.must_show[2], moved < far, f"{moved * 1000:.0f} ms instead of {far * 1000:.0f} ms")
        last = app.get("/ricochet", headers={"accept": "application/json"}).json()["visits"]
        asked = 3 * rounds + 1
        stage.expect(self.must_show[3], last - first - 1 == asked, f"{last - first - 1} visits of {asked} requests")


def _median(ask: Callable[[], object], rounds: int) -> float:
    """Seconds that one takes."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        ask()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
