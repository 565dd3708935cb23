"""What happened in a request: each host call with its arguments, its result and its time.

    app.get("/ricochet")
    app.trace                  # draws itself; print(app.trace) in a terminal
    app.trace.calls[0].result

A `Recorder` goes along with a request and keeps little, quickly; its `Trace` makes words of that when somebody
looks. A request that a component passes on to another one is part of the trace of the first: the calls that the
second makes are one `depth` further in.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from time import perf_counter
from typing import Any, NamedTuple

from .host.types import Function, ResultOf
from .providers.address import MASK
from .words import SECRET_HEADERS, error_words, keep, one_line, safe, words

#: Calls of one request that are kept: so many of the first, and as many of the last.
CALLS_KEPT = 1000
#: Traces that an app keeps.
TRACES_KEPT = 50


@dataclass(frozen=True)
class HostCall:
    """One call of a guest to the host.

    Attributes:
        interface: "wasi:keyvalue/store@0.2.0-draft"; empty for a function that is imported by itself.
        function: as WIT names it: "[method]bucket.get".
        arguments: each in words, shortened; a method's first one is what it is called on.
        result: in words; None where the function has none or has failed.
        error: in words, or None.
        start: seconds since the request began.
        seconds: how long it took.
        depth: 0 for a call of the guest itself, 1 for one of the component that it passed its request on to, …
        app: the name of the app that made the call.
    """

    interface: str
    function: str
    arguments: tuple[str, ...]
    result: str | None
    error: str | None
    start: float
    seconds: float
    depth: int = 0
    app: str = ""

    @property
    def title(self) -> str:
        """What was called, without arguments: `bucket.get`, `fields`, `store.open`."""
        if self.function.startswith("["):
            return self.function.partition("]")[2]
        short = self.interface.partition("@")[0].rpartition("/")[2]
        return f"{short}.{self.function}" if short else self.function

    @property
    def line(self) -> tuple[str, str]:
        """What was called, on what and with what: `bucket 'visits'.get` and `('ricochet')`."""
        title, arguments = self.title, self.arguments
        if self.function.startswith("[method]") and arguments:
            title, arguments = f"{arguments[0]}.{title.partition('.')[2]}", arguments[1:]
        elif self.function.startswith("[constructor]"):
            title = f"new {title}"
        return title, f"({', '.join(arguments)})"

    def __str__(self) -> str:
        answer = (
            f" ✗ {self.error}" if self.error is not None else f" → {self.result}" if self.result is not None else ""
        )
        return "".join(self.line) + answer


class _Noted(NamedTuple):
    """A call as it is kept until somebody looks; the recorder makes plain tuples, which is quicker."""

    label: str
    type: Function
    arguments: Sequence[Any]
    result: Any
    error: str | None
    started: float
    ended: float
    depth: int
    app: str


class Recorder:
    """Notes down the host calls of one request, and of those that it is passed on as. Used by one thread.

    Args:
        app: the name of the app that answers.
        method, path: the request's.
        request_bytes: the length of its body, or None where that is not known beforehand.
    """

    depth = 0
    status: int | None = None
    response_bytes: int | None = None
    error: str | None = None
    not_kept = 0
    not_kept_seconds = 0.0
    gap: float | None = None  # where calls were not kept

    def __init__(self, app: str, method: str, path: str, request_bytes: int | None) -> None:
        self.app = self.guest = app
        self.method = method
        self.path = path
        self.request_bytes = request_bytes
        self.noted: list[Any] = []
        self.at = time.time()
        self.started = self.entered = self.left = self.ended = perf_counter()

    # --- while the guest runs ----------------------------------------------------------------------

    def call(self, label: str, ty: Function, target: Callable[..., Any], arguments: list[Any]) -> Any:
        """Calls a host function and notes it down."""
        # Before the call: it takes what the guest gives away, and may change the rest.
        kept = [*map(keep, arguments)] if arguments else ()
        started = perf_counter()
        try:
            result = target(*arguments)
        except BaseException as error:
            ended = perf_counter()
            self.noted.append((label, ty, kept, None, error_words(error), started, ended, self.depth, self.guest))
            self._thin()
            raise
        ended = perf_counter()
        noted = self.noted
        answer = result if result is None else keep(result)
        noted.append((label, ty, kept, answer, None, started, ended, self.depth, self.guest))
        if len(noted) > 3 * CALLS_KEPT:
            self._thin()
        return result

    def _thin(self, limit: int = 3 * CALLS_KEPT) -> None:
        """Forgets calls in the middle, where there are more than `limit`."""
        noted = self.noted
        if len(noted) <= limit:
            return
        between = noted[CALLS_KEPT:-CALLS_KEPT]
        if self.gap is None:
            self.gap = noted[CALLS_KEPT - 1][6]
        self.not_kept += len(between)
        self.not_kept_seconds += sum(ended - started for *_, started, ended, depth, _ in between if not depth)
        del noted[CALLS_KEPT:-CALLS_KEPT]

    @contextmanager
    def passed_on(self, app: str) -> Iterator[None]:
        """Another app answers the request, inside a call of this one."""
        before = self.guest
        self.guest = app
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1
            self.guest = before

    # --- around it ---------------------------------------------------------------------------------

    def enter(self) -> None:
        """The guest starts: its instance is there, and no link makes it wait."""
        if not self.depth:
            self.entered = self.left = perf_counter()

    def leave(self) -> None:
        """The guest has returned."""
        if not self.depth:
            self.left = perf_counter()

    def finish(self, status: int | None, response_bytes: int | None, error: BaseException | None) -> Trace:
        """The request is over."""
        self.ended = perf_counter()
        self.status = status
        self.response_bytes = response_bytes
        if error is not None:
            self.error = error_words(error)
        self._thin(2 * CALLS_KEPT)
        return Trace(self)


class Trace:
    """One request through an app, as it went. Draws itself as a waterfall."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @property
    def app(self) -> str:
        """The name of the app."""
        return self._recorder.app

    @property
    def at(self) -> float:
        """When the request began, in seconds since 1970."""
        return self._recorder.at

    @property
    def method(self) -> str:
        """The request's."""
        return self._recorder.method

    @cached_property
    def path(self) -> str:
        """The request's, with its query, secrets masked."""
        return one_line(safe(self._recorder.path[:4096]), 400)

    @property
    def status(self) -> int | None:
        """The response's; None where there was none."""
        return self._recorder.status

    @property
    def error(self) -> str | None:
        """What went wrong with the request as a whole, in words."""
        return self._recorder.error

    @property
    def request_bytes(self) -> int | None:
        """Bytes of the request's body; None where its headers do not say."""
        return self._recorder.request_bytes

    @property
    def response_bytes(self) -> int | None:
        """Bytes of the response's body; None where that is not known."""
        return self._recorder.response_bytes

    @property
    def seconds(self) -> float:
        """From the request to the end of the response."""
        return self._recorder.ended - self._recorder.started

    @property
    def wait_seconds(self) -> float:
        """Of these, before the guest ran: for an instance, or for data that was being moved."""
        return self._recorder.entered - self._recorder.started

    @cached_property
    def host_seconds(self) -> float:
        """Of these, in host calls."""
        noted = self._recorder.noted
        kept: float = sum(ended - started for *_, started, ended, depth, _ in noted if not depth)
        return kept + self._recorder.not_kept_seconds

    @property
    def guest_seconds(self) -> float:
        """Of these, in the guest's own code."""
        return max(0.0, self._recorder.left - self._recorder.entered - self.host_seconds)

    @property
    def not_kept(self) -> int:
        """Host calls between the first and the last ones that were too many to keep."""
        return self._recorder.not_kept

    @cached_property
    def calls(self) -> list[HostCall]:
        """The host calls in the order in which they began; at most 2,000: see `not_kept`."""
        noted = sorted((_Noted(*each) for each in self._recorder.noted), key=lambda each: each.started)
        return [_told(each, self._recorder.started) for each in noted]

    @property
    def gap_at(self) -> float | None:
        """Seconds from the beginning to where calls were not kept; None where all are there."""
        gap = self._recorder.gap
        return None if gap is None else gap - self._recorder.started

    @property
    def guest_span(self) -> tuple[float, float]:
        """Seconds from the beginning to when the guest began and to when it returned."""
        recorder = self._recorder
        return recorder.entered - recorder.started, recorder.left - recorder.started

    def to_json(self, indent: int | None = None) -> str:
        """The whole of it as JSON text; times are in seconds."""
        names = (
            "app", "at", "method", "path", "status", "error", "request_bytes", "response_bytes", "seconds",
            "wait_seconds", "guest_seconds", "host_seconds", "not_kept",
        )  # fmt: skip
        whole = {name: getattr(self, name) for name in names}
        return json.dumps({**whole, "calls": [asdict(call) for call in self.calls]}, ensure_ascii=False, indent=indent)

    def __repr__(self) -> str:
        outcome = self.error if self.status is None else self.status
        count = len(self._recorder.noted) + self.not_kept
        return f"<Trace {self.method} {self.path} → {outcome}, {count:,} host call{'' if count == 1 else 's'}>"

    def __str__(self) -> str:
        from .trace_drawing import waterfall_text

        return waterfall_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from .trace_drawing import waterfall_html

        return waterfall_html(self)


def interactive() -> bool:
    """Whether a person types what runs: in a notebook or at a prompt. Scripts pay for no trace."""
    ipython = sys.modules.get("IPython")
    # Not `hasattr`: a name that a module lacks costs a microsecond, and this is asked at each request.
    return "ps1" in vars(sys) or (ipython is not None and ipython.get_ipython() is not None)


class NoTrace:
    """Stands where there is no trace yet; false, and says what would make one."""

    calls: tuple[HostCall, ...] = ()

    def __init__(self, app: str, tracing: str) -> None:
        self._words = f"{app}: no request yet"
        if tracing == "off":
            self._words = f'{app}: nothing is traced; app.tracing = "calls" traces app.get(…) and the like'
        elif tracing == "calls" and not interactive():
            self._words = f'{app}: no request yet; in a script, app.tracing = "all" traces every one'

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return self._words

    def _repr_html_(self) -> str:
        return f"<div>{escape(self._words)}</div>"


def _told(noted: _Noted, began: float) -> HostCall:
    """A call in words."""
    interface, _, function = noted.label.rpartition("#")
    arguments, result = noted.arguments, noted.result
    if any(isinstance(value, str) and value.lower() in SECRET_HEADERS for value in arguments):
        # A header that is a secret is read or set: its name may be seen, nothing else.
        said = [words(value) if isinstance(value, str) and _is_name(value) else MASK for value in arguments]
        if function.startswith("[method]"):
            said[0] = words(arguments[0])
        answer = MASK
    else:
        said, answer = [words(value) for value in arguments], words(result)
    silent = noted.error is not None or not _answers(noted.type)
    return HostCall(
        interface, function, tuple(said), None if silent else answer, noted.error,
        noted.started - began, noted.ended - noted.started, noted.depth, noted.app,
    )  # fmt: skip


def _is_name(text: str) -> bool:
    return text.lower() in SECRET_HEADERS


def _answers(ty: Function) -> bool:
    """Whether a function has a result that says something."""
    return ty.result.ok is not None if isinstance(ty.result, ResultOf) else ty.result is not None
