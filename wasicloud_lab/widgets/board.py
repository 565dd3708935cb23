"""Board: what all panels on one lab have in common, so that they agree: health, choices, swaps under way.

There is one for each lab. Its thread asks the providers for a sign of life while at least one panel is looked
at, each in a thread of its own: a provider that hangs holds up nobody.
"""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..choices import Choice, Choices
from ..errors import LabError
from ..kinds import HANDLERS
from ..providers.address import masked
from ..units import seconds_text

if TYPE_CHECKING:
    from ..app import App
    from ..history import Swap
    from ..lab import Lab
    from ..links import Link

#: Seconds between two signs of life, and between two looks around this machine.
ROUND = 2.0
LOOK = 10.0
#: Seconds without an answer after which a provider counts as failed.
PATIENCE = 5.0


@dataclass(frozen=True)
class Health:
    """What is known of a provider.

    Attributes:
        state: "ok", "failed", or "unknown" while it has not been asked or not answered yet.
        seconds: the round trip of its last sign of life.
        words: why it counts as failed; without secrets.
    """

    state: str = "unknown"
    seconds: float | None = None
    words: str = ""


class _Question(NamedTuple):
    """A provider was asked for a sign of life, and has not answered yet.

    Attributes:
        at: when, on the clock of `time.monotonic`.
        swaps: of its link by then, refused ones too: with another number it may be another provider.
    """

    at: float
    swaps: int


@dataclass(frozen=True)
class Outcome:
    """How the last swap from a panel has ended.

    Attributes:
        done: whether the link was swapped.
        words: what happened, or why not; in short, for the history has the rest.
        latest: the last entry of the link's history by then.
    """

    done: bool
    words: str
    latest: Swap | None


class Job:
    """A swap under way that was asked for in a panel."""

    def __init__(self, link: Link, step: str) -> None:
        self.step = step
        self.started = time.monotonic()
        self.cancelled = False
        self._link = link

    def cancel(self) -> None:
        """Asks it to end. To be said again until it has: a swap that is just starting may not have heard."""
        self.cancelled = True
        self._link.cancel()


class Board:
    """One lab's, as `board_of` answers it."""

    def __init__(self, lab: Lab) -> None:
        self.choices = Choices()
        # Weak, as everything here: this lives in a module's table, and a link leads to its lab.
        self._lab = weakref.ref(lab)
        self._healths: weakref.WeakKeyDictionary[Link, Health] = weakref.WeakKeyDictionary()
        self._asked: weakref.WeakKeyDictionary[Link, _Question] = weakref.WeakKeyDictionary()
        self._jobs: weakref.WeakKeyDictionary[Link, Job] = weakref.WeakKeyDictionary()
        self._outcomes: weakref.WeakKeyDictionary[Link, Outcome] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._lookers: set[int] = set()
        self._thread: threading.Thread | None = None
        self._soon = threading.Event()

    # --- who looks ---------------------------------------------------------------------------------

    def join(self, looker: object) -> None:
        """Somebody looks: the providers are asked from now on."""
        with self._lock:
            self._lookers.add(id(looker))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="panel health", daemon=True)
                self._thread.start()
        self._soon.set()

    def leave(self, looker: object) -> None:
        """That one looks no longer; when nobody does, the thread ends."""
        with self._lock:
            self._lookers.discard(id(looker))
        self._soon.set()

    def hurry(self) -> None:
        """Something has changed: the next round is now."""
        self._soon.set()

    def _run(self) -> None:
        looked = -LOOK
        while True:
            self._soon.clear()
            lab = self._lab()
            with self._lock:
                if lab is None or not self._lookers:
                    self._thread = None
                    return
            for link in used_links(lab):
                if link.kind is not HANDLERS:
                    self._ask(link)
            if time.monotonic() - looked >= LOOK:
                self.choices.look()
                looked = time.monotonic()
            del lab
            self._soon.wait(ROUND)

    # --- health ------------------------------------------------------------------------------------

    def health(self, link: Link) -> Health:
        """What is known of a link's provider."""
        asked = self._asked.get(link)
        if asked is not None and asked.swaps == len(link.history):
            silent = time.monotonic() - asked.at
            if silent > PATIENCE:
                return Health("failed", None, f"no answer for {silent:.0f} s")
        return self._healths.get(link, Health())

    def _ask(self, link: Link) -> None:
        with self._lock:
            before = self._asked.get(link)
            if before is not None and before.swaps == len(link.history):
                return
            asked = self._asked[link] = _Question(time.monotonic(), len(link.history))
        threading.Thread(target=self._ping, args=(link, asked), name=f"{link.name} health", daemon=True).start()

    def _ping(self, link: Link, asked: _Question) -> None:
        ping = getattr(link.provider, "ping", None)
        health = Health()
        started = time.perf_counter()
        try:
            if ping is not None:
                ping()
                health = Health("ok", time.perf_counter() - started)
        except Exception as error:
            health = Health("failed", None, said(error))
        with self._lock:
            if self._asked.get(link) is asked:  # else it is about a provider that has been swapped since
                del self._asked[link]
                self._healths[link] = health

    # --- swaps -------------------------------------------------------------------------------------

    def job(self, link: Link) -> Job | None:
        """The swap of this link that is under way, asked for in any panel."""
        return self._jobs.get(link)

    def outcome(self, link: Link) -> Outcome | None:
        """How the last one has ended; None while one is under way, when there was none, or a cell has swapped since."""
        outcome = self._outcomes.get(link)
        return outcome if outcome is not None and outcome.latest is _latest(link) else None

    def objected(self, link: Link, words: str) -> None:
        """A swap can't even be tried."""
        self._outcomes[link] = Outcome(False, words, _latest(link))

    def forget(self, link: Link) -> None:
        """The last outcome is of no interest any more."""
        self._outcomes.pop(link, None)

    def swap(self, link: Link, choice: Choice, migrate: bool) -> bool:
        """Swaps in a worker thread, which starts a server first where one is chosen; False while one is under way."""
        with self._lock:
            if link in self._jobs:
                return False
            step = f"{choice.label} …" if choice.service else "asking the new provider for a sign of life …"
            job = self._jobs[link] = Job(link, step)
        self._outcomes.pop(link, None)
        threading.Thread(
            target=self._swap, args=(job, link, choice, migrate), name=f"{link.name} swap", daemon=True
        ).start()
        return True

    def _swap(self, job: Job, link: Link, choice: Choice, migrate: bool) -> None:
        try:
            outcome = self._swapped(job, link, choice, migrate)
        except Exception as error:
            outcome = Outcome(False, said(error), _latest(link))
        self._outcomes[link] = outcome
        with self._lock:
            self._jobs.pop(link, None)
        self._soon.set()

    def _swapped(self, job: Job, link: Link, choice: Choice, migrate: bool) -> Outcome:
        lab = self._lab()
        target: Any = choice.target(lab) if lab is not None else None
        if job.cancelled or lab is None:
            words = f"{link.name} stays on {link.summary()}: the swap was cancelled"
            return Outcome(False, words, _latest(link))
        job.step = "asking the new provider for a sign of life …"
        done = link.swap(target, migrate=migrate)
        if choice.url is not None:
            self.choices.remember(link.kind.name, choice.url)
        return Outcome(True, _in_short(done), done)


def _latest(link: Link) -> Swap | None:
    return link.history[-1] if link.history else None


def _in_short(swap: Swap) -> str:
    if swap.moved is None:
        return f"swapped in {seconds_text(swap.seconds)}"
    moved, waited = (str(each).partition(", ")[0] for each in (swap.moved, swap.waits))
    return f"swapped: {moved} moved, {waited}"


def said(error: BaseException) -> str:
    """An error in words, without secrets."""
    return masked(str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}")


def wires_of(lab: Lab) -> list[tuple[App, Link]]:
    """Each app with each link that wires its imports. Apps that pass requests on stand before those they pass to."""
    apps: dict[int, App] = {}

    def add(app: App) -> None:
        if id(app) in apps:
            return
        apps[id(app)] = app
        for link in list(app.links.values()):
            if link.kind is HANDLERS and any(link.provider is each for each in loaded):
                add(link.provider)

    loaded = list(lab.apps.values())
    behind = {id(link.provider) for app in loaded for link in list(app.links.values()) if link.kind is HANDLERS}
    for app in sorted(loaded, key=lambda each: id(each) in behind):
        add(app)
    return [(app, link) for app in apps.values() for link in list(app.links.values())]


def used_links(lab: Lab) -> list[Link]:
    """The links that wire an app, each once."""
    return list(dict.fromkeys(link for _, link in wires_of(lab)))


_boards: weakref.WeakKeyDictionary[Any, Board] = weakref.WeakKeyDictionary()
_boards_lock = threading.Lock()


def board_of(lab: Lab) -> Board:
    """The board of a lab; the same for all its panels."""
    with _boards_lock:
        board = _boards.get(lab)
        if board is None:
            board = _boards[lab] = Board(lab)
        return board
