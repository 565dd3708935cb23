"""How checks are run: one after the other, none of them trusted to end."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from ...errors import Denied, Unavailable
from ..address import masked
from .checks import Check, NotApplicable, Surprise, Trial, told
from .report import FAILED, NOT_APPLICABLE, OK, Outcome

_Trial = TypeVar("_Trial", bound=Trial[Any])

#: A provider that has hung this often is not asked any more.
_HANGS = 3

_SUITE = Path(__file__).parent


def run(
    kind: str,
    checks: Sequence[Check[_Trial]],
    new_trial: Callable[[], _Trial],
    *,
    limit: float,
    progress: Callable[[Outcome], object],
) -> list[Outcome]:
    """Runs checks. One that fails or hangs does not stop the others.

    A store that does not let the first of them in, or hangs three times, is not asked further: the rest is left out.

    Args:
        kind: "keyvalue" or "blobstore".
        limit: seconds that a check may take.
        progress: is told of each outcome as it comes.
    """
    outcomes: list[Outcome] = []
    hangs = 0
    reason = ""
    for check in checks:
        if reason:
            outcome = Outcome(kind, check.name, check.promise, NOT_APPLICABLE, note=reason)
        else:
            outcome, error = _run(kind, check, new_trial, limit)
            hangs += isinstance(error, _Hung)
            if isinstance(error, (Unavailable, Denied)) and check is checks[0]:
                reason = "left out, since the store does not let this suite in"
            elif hangs == _HANGS:
                reason = f"left out, since {_HANGS} checks before it hung"
        outcomes.append(outcome)
        progress(outcome)
    return outcomes


class _Hung(Exception):
    """A check was still running at its time limit; the message says where."""


def _run(
    kind: str, check: Check[_Trial], new_trial: Callable[[], _Trial], limit: float
) -> tuple[Outcome, BaseException | None]:
    trial = new_trial()
    start = time.perf_counter()
    state, expected, came = OK, "", ""
    try:
        error = _within(limit, lambda: check.run(trial))
    except BaseException:  # Ctrl-C: what is on the store is removed before anything else
        _within(min(limit, 10.0), trial.clean_up)
        raise
    seconds = time.perf_counter() - start
    if isinstance(error, NotApplicable):
        state = NOT_APPLICABLE
        trial.notes.append(str(error))
    elif isinstance(error, Surprise):
        state, expected, came = FAILED, error.expected, error.came
    elif isinstance(error, _Hung):
        state, expected, came = FAILED, f"an end within {limit:g} s", str(error)
    elif error is not None:
        state, expected, came = FAILED, f"no error{_line(error)}", told(error)
    left = _within(min(limit, 30.0), trial.clean_up)
    if left is not None:
        trial.notes.append(f"what it made could not all be removed: {told(left)}")

    def shown(text: str) -> str:
        for secret in trial.terms.hidden:
            text = text.replace(secret, "***")
        return _printable(masked(text), 400)

    note = shown("; ".join(trial.notes))
    return Outcome(kind, check.name, check.promise, state, seconds, shown(expected), shown(came), note), error


def _within(limit: float, work: Callable[[], object]) -> BaseException | None:
    """What the work raised, if anything; a `_Hung` when it goes on past its time, in a thread that is left alone."""
    raised: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=body, name="conformance check", daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        return _Hung(_whereabouts(thread))
    return raised[0] if raised else None


def _line(error: BaseException) -> str:
    """The check's own line that an error came out of."""
    steps = [step for step in traceback.extract_tb(error.__traceback__) if Path(step.filename).parent == _SUITE]
    own = [step for step in steps if Path(step.filename).name not in ("checks.py", "stores.py", "running.py")]
    return f" from {own[-1].line}" if own else ""


def _whereabouts(thread: threading.Thread) -> str:
    """The call out of the suite that a thread has not come back from."""
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
    outer = None
    while frame is not None and Path(frame.f_code.co_filename).parent != _SUITE:
        outer, frame = frame, frame.f_back
    if frame is None or outer is None or outer.f_globals.get("__name__") == "threading":
        return "still running"
    return f"no return from {outer.f_code.co_name}() so far"


def _printable(text: str, length: int) -> str:
    """One line without control characters: an error's text may hold any."""
    with suppress(ValueError):
        text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
    return text if len(text) <= length else text[:length] + "…"
