"""Talk: the replay in a notebook. The steps, what they show as they run, a clock, and controls for hand and keyboard.

What happens is the `Replay`'s; this reads it and passes on what a front end says. The contract with `replay.js`:
the trait `talk`, what never changes; the trait `state`, where the replay is; the messages "events", what a step told,
in batches, ten a second at most; and from there "look" each second while it is shown, "do" for every control, "events"
for all that a step told, "gone" when it is shown no longer.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from ..errors import LabError
from ..providers.address import masked
from ..replay import SOURCE, STEPS, Event, Replay, Step
from . import shells
from .highlight import pieces
from .parts import Worker, joined

if TYPE_CHECKING:
    from ..lab import Lab

#: Seconds between two batches.
PAUSE = 0.1
#: Seconds without anything new after which the thread that sends batches ends.
_QUIET = 2.0
#: Seconds after the last view went away until what was started from it is stopped: an output may just be moving.
GRACE = 5.0
#: Events of one run that are kept for a front end; the first of more are let go.
KEPT = 3000
#: Events in one message.
_BATCH = 300


@dataclass
class _Reel:
    """What one run of a step told, as a front end gets it.

    Attributes:
        run: tells runs apart.
        first: how many events before the kept ones were let go.
        sent: how many have been sent, counted from the beginning.
    """

    run: int
    first: int = 0
    sent: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.first + len(self.events)

    def add(self, shown: dict[str, Any]) -> None:
        self.events.append(shown)
        more = len(self.events) - KEPT
        if more > 0:
            del self.events[:more]
            self.first += more


class Talk(anywidget.AnyWidget):
    """The talk on one page; `wl.replay()` makes it.

    Attributes:
        runner: what runs the steps; the same by code: `talk.runner.run("5")`, `.next()`, `.run_all()`.
        talk: what never changes: steps with their texts and sources, those to come, the talk's minutes.
        state: `{"current", "running", "planned", "held", "steps": {number: {"state", "seconds", "run", …}}}`.
        zoom: size of the type, 0 to 7, that a view starts with; setting it sets all views.
    """

    _esm = joined("elements.js", "replay_drawing.js", "replay_page.js", "replay.js")
    _css = Path(__file__).with_name("replay.css")
    talk = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    zoom = traitlets.Int(1, min=0, max=7).tag(sync=True)

    def __init__(self, runner: Replay) -> None:
        self.runner = runner
        self._lock = threading.Lock()
        self._sending = threading.RLock()
        self._reels: dict[str, _Reel] = {}
        self._stopped: set[str] = set()
        self._runs = 0
        self._fresh = False
        self._pump: threading.Thread | None = None
        self._closing = threading.Event()
        self._worker = Worker("replay, setting up")
        self._started: threading.Thread | None = None
        self._views: set[str] = set()
        self._leave = runner.listen(self._told)
        super().__init__(talk=_fixed(runner), state=self._now())
        self.on_msg(lambda _widget, content, _buffers: self.heard(content))
        atexit.register(self.close)
        shells.free(self)

    # --- from the replay -----------------------------------------------------------------------------

    def _told(self, event: Event) -> None:
        """In the thread that runs the step: notes it, and no more."""
        with self._lock:
            reel = self._reels.get(event.step)
            if event.kind == "state":
                if event.data["state"] == "running" or reel is None:
                    self._runs += 1
                    self._reels[event.step] = _Reel(self._runs)
                (self._stopped.add if event.data["stopped"] else self._stopped.discard)(event.step)
            elif reel is not None:
                reel.add(_picture(event))
            self._fresh = True
            if self._pump is None and not self._closing.is_set():
                self._pump = threading.Thread(target=self._send_on, name="replay, batches", daemon=True)
                self._pump.start()

    def _send_on(self) -> None:
        """Sends what is new, with a pause after each batch; ends when it has been quiet for a while."""
        quiet = 0.0
        while True:
            with self._lock:
                fresh, self._fresh = self._fresh, False
                quiet = 0.0 if fresh else quiet + PAUSE
                if self._closing.is_set() or quiet > _QUIET:
                    self._pump = None
                    return
            if fresh:
                self.flush()
            self._closing.wait(PAUSE)

    def flush(self) -> None:
        """Sends what has been told and not yet sent, and where the replay is now."""
        with self._sending:
            with self._lock:
                reels = [(step, reel) for step, reel in self._reels.items() if reel.sent < reel.end]
            for step, reel in reels:
                self._deliver(step, reel, reel.sent)
            self._sync()

    def _deliver(self, step: str, reel: _Reel, begin: int) -> None:
        while True:
            with self._lock:
                begin = max(begin, reel.first)
                events = reel.events[begin - reel.first :][:_BATCH]
                reel.sent = max(reel.sent, begin + len(events))
                rest = begin + len(events) < reel.end
            self.send({"type": "events", "step": step, "run": reel.run, "from": begin, "events": events})
            begin += len(events)
            if not rest:
                return

    def _sync(self) -> None:
        with self._sending:
            self.state = self._now()

    def _now(self) -> dict[str, Any]:
        runner = self.runner
        steps: dict[str, dict[str, Any]] = {}
        for number, record in runner.records.items():
            reel = self._reels.get(number)
            steps[number] = one = {
                "state": record.state,
                "seconds": round(record.seconds, 2),
                "run": 0 if reel is None else reel.run,
                "stopped": number in self._stopped,
            }
            failure = record.failure
            if failure is not None:
                one |= {"expected": failure.expected, "got": failure.got, "details": failure.details}
        return {
            "current": runner.current.number,
            "running": runner.running,
            "planned": runner.planned,
            "held": not runner.clock.running,
            "steps": steps,
        }

    # --- from a front end ----------------------------------------------------------------------------

    def heard(self, content: Mapping[str, Any]) -> None:
        """Takes a message of a front end; answers at once, with messages."""
        kind = content.get("type")
        view = str(content.get("view", ""))
        if kind == "look":
            self._views.add(view)
            self._sync()
            self.runner.beat()
            self.send({"type": "clock", "seconds": self.runner.clock.seconds, "running": self.runner.clock.running})
        elif kind == "gone":
            self._gone(view)
        elif kind == "events":
            reel = self._reels.get(str(content.get("step")))
            if reel is not None:
                with self._sending:
                    self._deliver(str(content["step"]), reel, reel.first)
        elif kind == "do":
            try:
                self.do(str(content.get("what")), content.get("step"))
            except LabError as error:
                self._say(error)

    def do(self, what: str, step: str | None = None) -> None:
        """What a control does; answers at once.

        Args:
            what: "run", "all", "next", "back", "jump", "stop", "clock" (hold it or let it go on), "over" (from the
                beginning).
            step: for "run" and "all", where; for "jump", whereto.

        Raises:
            LabError: it can't be done now; why.
        """
        runner = self.runner
        if what in ("run", "all"):
            self._started = runner.start(step, all_on=what == "all")
        elif what == "next":
            runner.next()
        elif what == "back":
            if runner.running:
                runner.back(restore=False)  # says that one is running
            elif runner.current is not runner.steps[0]:
                self._worker.start(self._back)
        elif what == "jump":
            runner.jump(str(step))
        elif what == "stop":
            runner.stop()
        elif what == "clock":
            (runner.clock.hold if runner.clock.running else runner.clock.start)()
            runner.keep()
        elif what == "over":
            runner.forget()
            with self._lock:
                self._reels.clear()
                self._stopped.clear()
        else:
            raise LabError(f"there is no control {what!r}")
        self._sync()

    def _back(self) -> None:
        try:
            self.runner.back()
        except LabError as error:
            self._say(error)
        self._sync()

    def _say(self, error: LabError) -> None:
        self.send({"type": "notice", "text": masked(str(error))})

    def _gone(self, view: str) -> None:
        self._views.discard(view)
        if not self._views:
            timer = threading.Timer(GRACE, self._unseen)
            timer.daemon = True
            timer.start()

    def _unseen(self) -> None:
        """Ends what was started by a control, when nobody can see it or stop it any more. What code runs goes on."""
        if not self._views and self._started is not None and self._started.is_alive():
            self.runner.stop()

    # --- the end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the step under way, stops and removes all that the steps started, takes this off the page."""
        if self._closing.is_set():
            return
        self._closing.set()
        atexit.unregister(self.close)
        self._leave()
        self._worker.close()
        self.runner.close()
        super().close()

    def __repr__(self) -> str:
        return repr(self.runner)


_open: Talk | None = None
_opening = threading.Lock()


def open_talk(
    lab: Lab | None,
    *,
    resume: bool,
    quick: bool | None,
    port: int,
    steps: Sequence[Step] | None,
    place: Path | bool | None,
) -> Talk:
    """Opens the talk, as `wl.replay` says, and closes the one that is open."""
    global _open
    with _opening:
        if _open is not None:
            _open.close()
        chosen = STEPS if steps is None else tuple(steps)
        _open = Talk(Replay(lab, resume=resume, quick=quick, port=port, steps=chosen, place=place))
        return _open


def _fixed(runner: Replay) -> dict[str, Any]:
    """What never changes, for the front end."""
    steps = [{**step.to_json(), "code": pieces("python", step.code)} for step in runner.steps]
    coming = [{"number": one.number, "title": one.title, "why": one.why} for one in runner.to_come]
    return {"steps": steps, "to_come": coming, "minutes": runner.minutes, "source": SOURCE}


def _picture(event: Event) -> dict[str, Any]:
    """An event as the front end draws it."""
    data = event.data
    if event.kind != "show":
        return {"kind": event.kind, "text": event.text, **data}
    kind, content = data["kind"], data["content"]
    shown: dict[str, Any] = {"kind": "show", "as": kind, "title": data["title"]}
    if kind == "table":
        rows = [[str(cell) for cell in row] for row in content["rows"]]
        return {**shown, "head": [str(name) for name in content["head"]], "rows": rows}
    if kind == "compare":
        sides = [{"title": side["title"], "code": pieces(side["kind"], side["text"])} for side in content]
        return {**shown, "sides": sides}
    if kind in ("svg", "html"):
        return {**shown, "content": str(content), "text": event.text}
    return {**shown, "code": pieces(kind, str(content))}
