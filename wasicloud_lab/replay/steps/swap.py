"""Step 5: the stores are swapped under traffic, and the data moves along."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice

from ...app import App
from ...errors import LabError
from ...providers.blobstore.base import ensure_container, put
from ..stage import DOG, Stage
from ..step import Step

#: Who asks while the stores are swapped.
CLIENTS = 8


class Traffic:
    """Clients that ask an app as fast as it answers.

    Attributes:
        answers: how many came.
        wrong: those that were not as they should be.
    """

    def __init__(self) -> None:
        self.answers = 0
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    @contextmanager
    def on(self, app: App, path: str, right: Callable[[int, str], bool]) -> Iterator[Traffic]:
        """Asks while the block runs."""
        ended = threading.Event()

        def client() -> None:
            while not ended.is_set():
                try:
                    answer = app.get(path)
                    status, text = answer.status_code, answer.text
                except LabError as error:
                    status, text = 0, str(error)
                with self._lock:
                    self.answers += 1
                    if not right(status, text):
                        self.wrong.append(f"{status} {text}")

        clients = [threading.Thread(target=client, name=f"replay client {n}", daemon=True) for n in range(CLIENTS)]
        for each in clients:
            each.start()
        try:
            yield self
        finally:
            ended.set()
            for each in clients:
                each.join()


class Swap(Step):
    number = "5"
    title = "Swap the provider"
    part = "Decoupling from service providers"
    minutes = 2
    point = (
        "If the component does not know its store, the store can be another one: not after the next release, but "
        "now, while requests flow. The link waits for those under way, copies the data, counts it and flips. No "
        "request is lost, and none sees two stores."
    )
    instead = (
        "memory, embedded Redis, SQLite and Redis in turn, then a folder and Azure, with clients asking all the while"
    )
    must_show = (
        "every request is answered as it should be",
        "each answered request has been counted exactly once",
        "the blob store moves, and the picture with it",
        "the component is the same one as before",
    )
    look_at = "How many requests waited for each swap, and how long at most."
    question = "What would this swap be in a service with a client library: a redeploy, a migration weekend, a quarter?"
    notes = "In a notebook, keep the live panel beside it: the wiring changes as it happens."
    needs = ("3", "4")

    def prepare(self, stage: Stage) -> None:
        stage.gopher()
        stage.make_users()
        pictures = stage.blobstore.provider
        ensure_container(pictures, "animals")
        put(pictures, "animals", "dog.txt", DOG.encode())

    def run(self, stage: Stage) -> None:
        stage.say("Two stores first…")
        app, redis, azure = stage.deployed("gopher"), stage.stores.redis(), stage.stores.azure()
        digest = app.digest
        stage.say(f"Redis is {redis.words}. Azure is {azure.words}.")
        before = int(stage.keyvalue.provider.get("visits", "ricochet") or 0)
        round_trip = ["memory://", "fakeredis://", stage.stores.sqlite("swapped").url, redis.url]
        with Traffic().on(app, "/ricochet", _greets) as traffic:
            stage.pause(0.2)
            for url in islice(cycle(round_trip), 4 if stage.quick else 12):
                stage.typed(f'link.swap("{url}", migrate=True)', cell=True)
                stage.output(str(stage.keyvalue.swap(url, migrate=True)))
                stage.pause(0.05)
            for url in (azure.url, stage.stores.files("gopher-2").url, azure.url):
                stage.typed(f'link.swap("{url}", migrate=True)', cell=True)
                stage.output(str(stage.blobstore.swap(url, migrate=True)))
                stage.pause(0.05)
        counted = int(stage.keyvalue.provider.get("visits", "ricochet") or 0) - before
        wrong = f", {len(traffic.wrong)} of them wrong, such as {traffic.wrong[0]}" if traffic.wrong else ", all right"
        stage.expect(
            self.must_show[0], traffic.answers > 0 and not traffic.wrong, f"{traffic.answers:,} answers{wrong}"
        )
        stage.expect(
            self.must_show[1], counted == traffic.answers, f"{counted:,} counted, {traffic.answers:,} answered"
        )
        answer = stage.curl("/ricochet")
        stage.expect(self.must_show[2], "o'')}" in answer.text and answer.status == 200, stage.blobstore.summary())
        links = stage.lab.links
        stage.show("html", links._repr_html_(), title="lab.links", text=repr(links))
        same = stage.lab.apps.get("gopher") is app and app.digest == digest
        stage.expect(self.must_show[3], same, f"loaded once, sha256 {app.digest[:12]}…")


def _greets(status: int, text: str) -> bool:
    return status == 200 and "ricochet" in text and "o'')}" in text
