"""Replay: runs the steps of the talk, keeps what came of each, and remembers where it was."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from ..providers.address import masked
from . import progress as keeping
from .events import Event, ExpectationFailed, Stopped
from .progress import Progress
from .record import Failure, Record
from .stage import Stage
from .step import Step, ToCome
from .steps import STEPS, TO_COME

if TYPE_CHECKING:
    from ..lab import Lab

#: Events that are kept of one run of a step; the first of more are let go.
KEPT = 5000


class Busy(LabError):
    """A step is running; one at a time."""


class Replay:
    """The talk, step by step.

        replay = Replay()
        replay.run()            # the current step, in this thread
        replay.next()           # on to the next; .back(), .jump("5")
        replay.run_all()
        replay.close()

    `run` may be called in a worker thread (`start` does), and `stop` in any: a widget moves on while a step works.

    Args:
        lab: the lab to play on; None for one of its own. Steps load apps under their own names there (hello, gopher,
            blobby) and link these alone; they start servers of their own.
        resume: go on where the last replay on this machine was.
        quick: leave out what takes long; None: as the replay did that is gone on with, else no.
        port: where components are served; a busy one is replaced by a free one.
        place: the file that progress is kept in; None for the usual one, False for none.
        steps: other steps than the talk's.

    Attributes:
        steps: in their order.
        to_come: what the lab can't do yet.
        records: step's number → what came of it.
        clock: the real time; it starts with the first step that runs.
        quick: whether what takes long is left out.
    """

    def __init__(
        self,
        lab: Lab | None = None,
        *,
        resume: bool = False,
        quick: bool | None = None,
        port: int = 8080,
        place: Path | bool | None = None,
        steps: Sequence[Step] = STEPS,
    ) -> None:
        self.steps = tuple(steps)
        self.to_come: tuple[ToCome, ...] = TO_COME
        self.records = {step.number: Record(step) for step in self.steps}
        self._file = None if place is False else place if isinstance(place, Path) else keeping.place()
        self._position = 0
        self._listeners: list[Callable[[Event], None]] = []
        self._alone = threading.Lock()
        self._worker: threading.Thread | None = None
        self._closed = False
        self._halted = threading.Event()
        self._keeping = threading.Lock()
        self._kept = 0.0
        found = Progress.load(self._file) if resume and self._file is not None else Progress()
        for number, (state, seconds) in found.steps.items():
            if number in self.records:
                self.records[number].state, self.records[number].seconds = state, seconds
                if state == "failed":
                    self.records[number].failure = Failure("what this step must show", "it failed before; run it again")
        if found.current in self.records:
            self._position = [step.number for step in self.steps].index(found.current)
        self.clock = found.clock()
        self.quick = found.quick if quick is None else quick
        self._stage: Stage | None = None
        self._settings: dict[str, Any] = {"lab": lab, "quick": self.quick, "port": port}

    # --- where it is ---------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        """What the steps act on; made on first use."""
        if self._closed:
            raise LabError("this replay has been closed; make another")
        if self._stage is None:
            self._stage = Stage(**self._settings)
        return self._stage

    @property
    def current(self) -> Step:
        """The step that it stands at."""
        return self.steps[self._position]

    @property
    def running(self) -> bool:
        """Whether a step is running."""
        return self._alone.locked()

    @property
    def planned(self) -> float:
        """Minutes of the talk before the current step."""
        return sum(step.minutes for step in self.steps[: self._position])

    @property
    def minutes(self) -> float:
        """Minutes of all steps."""
        return sum(step.minutes for step in self.steps)

    @property
    def time(self) -> str:
        """The clock against the talk's time, for people."""
        return self.clock.text(self.planned, self.current.minutes, self.minutes)

    @property
    def finished(self) -> bool:
        """Whether every step showed what it must."""
        return all(record.state == "done" for record in self.records.values())

    def step(self, which: Step | str | int) -> Step:
        """A step by its number.

        Raises:
            LabError: there is no such step.
        """
        number = which.number if isinstance(which, Step) else str(which).strip().lower()
        if number in self.records:
            return self.records[number].step
        for coming in self.to_come:
            if coming.number == number:
                raise LabError(f"step {number}, {coming.title}, is to come: {coming.why}")
        raise LabError(f"there is no step {number!r}; there are {', '.join(self.records)}")

    # --- moving --------------------------------------------------------------------------------------

    def next(self) -> Step:
        """On to the next step, which becomes the current one; the last stays. Runs nothing."""
        return self._move(min(self._position + 1, len(self.steps) - 1))

    def back(self, *, restore: bool = True) -> Step:
        """Back to the step before, with the state that it expects; the first stays.

        Args:
            restore: set up that state now, and not only when the step runs.

        Raises:
            Busy: a step is running.
        """
        step = self._move(max(self._position - 1, 0))
        if restore:
            self.restore()
        return step

    def jump(self, which: Step | str | int) -> Step:
        """To any step. Runs nothing; the step's `run` sets up what it needs.

        Raises:
            LabError: there is no such step.
            Busy: a step is running.
        """
        return self._move(self.steps.index(self.step(which)))

    def _move(self, position: int) -> Step:
        if self.running:
            raise Busy(f"step {self.current.number} is running; stop it first, or wait")
        self._position = position
        self.keep()
        return self.current

    # --- running -------------------------------------------------------------------------------------

    def run(self, which: Step | str | int | None = None) -> Record:
        """Sets up what a step needs and runs it, in this thread. It becomes the current one.

        Args:
            which: None for the current one.

        Returns:
            what came of it. A step that fails is no error here: `record.failure` says why.

        Raises:
            LabError: there is no such step.
            Busy: a step is running.
        """
        step = self.current if which is None else self.step(which)
        with self._running(step) as record:
            step.prepare(self.stage)
            self.stage.seen.clear()
            step.run(self.stage)
            missing = [what for what in step.must_show if what not in self.stage.seen]
            if missing:
                raise ExpectationFailed("; ".join(missing), "the step ended without showing it")
            record.state = "done"
        return record

    def restore(self) -> Record:
        """Sets up what the current step expects, without running it; the step waits again.

        Raises:
            Busy: a step is running.
        """
        with self._running(self.current) as record:
            self.current.prepare(self.stage)
            record.state = "waiting"
        return record

    def run_all(self, first: Step | str | int | None = None) -> list[Record]:
        """Runs the steps one after the other, failed ones or not, until `stop`.

        Args:
            first: where to begin; None for the beginning.
        """
        begin = 0 if first is None else self.steps.index(self.step(first))
        records: list[Record] = []
        self._halted.clear()
        for step in self.steps[begin:]:
            if self._halted.is_set():
                break
            record = self.run(step)
            records.append(record)
            if record.state == "waiting":
                break
        return records

    def start(self, which: Step | str | int | None = None, *, all_on: bool = False) -> threading.Thread:
        """As `run`, or with `all_on` as `run_all` from that step, in a worker thread; answers it.

        Raises:
            LabError: there is no such step.
            Busy: a step is running.
        """
        step = self.current if which is None else self.step(which)
        if self.running or (self._worker is not None and self._worker.is_alive()):
            raise Busy(f"step {self.current.number} is running; stop it first, or wait")
        work = self.run_all if all_on else self.run

        def quietly() -> None:
            with suppress(LabError):  # closed, or another one was quicker
                work(step)

        self._worker = threading.Thread(target=quietly, name=f"replay step {step.number}", daemon=True)
        self._worker.start()
        return self._worker

    def stop(self) -> None:
        """Ends the step under way; it waits again. Does nothing when none runs."""
        self._halted.set()
        if self.running and self._stage is not None:
            self._stage.stopping.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for what `start` began; answers whether it has ended."""
        if self._worker is not None:
            self._worker.join(timeout)
            return not self._worker.is_alive()
        return True

    @contextmanager
    def _running(self, step: Step) -> Iterator[Record]:
        """One step at work: its state, its time, its events, its failure."""
        if not self._alone.acquire(blocking=False):
            raise Busy(f"step {self.current.number} is running; stop it first, or wait")
        began = time.monotonic()
        stopped = False
        record = self.records[step.number]
        try:
            stage = self.stage
            stage.listener = lambda kind, text, data: self._tell(
                Event(kind, step.number, round(time.monotonic() - began, 3), text, data)
            )
            self._position = self.steps.index(step)
            self.clock.start()
            record.state, record.seconds, record.failure = "running", 0.0, None
            record.events.clear()
            self._state(record, began)
            try:
                yield record
            except Stopped:
                record.state, stopped = "waiting", True
            except ExpectationFailed as error:
                record.failure = Failure(error.expected, error.got)
            except LabError as error:
                record.failure = Failure(f"step {step.number} runs to its end", masked(str(error)))
            except Exception as error:
                record.failure = Failure(
                    f"step {step.number} runs to its end", f"{type(error).__name__}: {error}", traceback.format_exc()
                )
            except BaseException:  # Ctrl-C
                record.state, stopped = "waiting", True
                raise
            finally:
                if record.failure is not None:
                    record.state = "failed"
                record.seconds = time.monotonic() - began
                self._state(record, began, stopped)
                self.keep()
        finally:
            if self._stage is not None:
                self._stage.stopping.clear()
            self._alone.release()

    # --- who listens ---------------------------------------------------------------------------------

    def listen(self, told: Callable[[Event], None]) -> Callable[[], None]:
        """Has a function told of every event, in the thread that runs the step; answers a function that ends that."""
        self._listeners.append(told)

        def leave() -> None:
            with suppress(ValueError):
                self._listeners.remove(told)

        return leave

    def _tell(self, event: Event) -> None:
        events = self.records[event.step].events
        events.append(event)
        del events[:-KEPT]
        for told in list(self._listeners):
            told(event)

    def _state(self, record: Record, began: float, stopped: bool = False) -> None:
        data: dict[str, Any] = {"state": record.state, "seconds": round(record.seconds, 3), "stopped": stopped}
        if record.failure is not None:
            failure = record.failure
            data |= {"expected": failure.expected, "got": failure.got, "details": failure.details}
        text = f"step {record.step.number} {record.state}"
        self._tell(Event("state", record.step.number, round(time.monotonic() - began, 3), text, data))

    # --- keeping -------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Writes down where the talk is, for `resume`."""
        if self._file is None:
            return
        with self._keeping:  # a page keeps the clock while a step ends
            self._kept = time.monotonic()
            steps = {
                number: (record.state, round(record.seconds, 3))
                for number, record in self.records.items()
                if record.state in ("done", "failed")
            }
            clock = self.clock
            Progress(self.current.number, steps, round(clock.seconds, 1), clock.running, time.time(), self.quick).save(
                self._file
            )

    def beat(self) -> None:
        """Keeps a clock that runs, every few seconds however often this is called: as long as somebody looks."""
        if self.clock.running and time.monotonic() - self._kept >= keeping.BEAT:
            self.keep()

    def forget(self) -> None:
        """Back to the beginning: no step has been run, the clock is at 0.

        Raises:
            Busy: a step is running.
        """
        self._move(0)
        for record in self.records.values():
            record.state, record.seconds, record.failure = "waiting", 0.0, None
            record.events.clear()
        self.clock.reset()
        self.keep()

    def close(self) -> None:
        """Ends the step under way, and stops and removes all that the steps started."""
        self.stop()
        self.wait(30)
        self._closed = True
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def to_json(self) -> list[Mapping[str, Any]]:
        """What came of each step."""
        return [record.to_json() for record in self.records.values()]

    def __repr__(self) -> str:
        marks = {"waiting": " ", "running": "…", "done": "✓", "failed": "✗"}
        lines = []
        for step in self.steps:
            mark = marks[self.records[step.number].state]
            lines.append(f"{'→' if step is self.current else ' '} {mark} {step.number:>2}  {step.title}")
        lines += [f"    {coming.number:>2}  {coming.title} (to come)" for coming in self.to_come]
        return "\n".join([*lines, self.time])
