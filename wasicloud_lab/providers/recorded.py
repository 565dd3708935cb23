"""Notes down what goes through a provider, and draws it as a table: what both kinds of `Logged` are made of."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, ClassVar, TypeVar

from .address import masked
from .trouble import Call, Provider, Steps, Wrapper

_T = TypeVar("_T")

#: Operations that a `Logged` remembers.
RECORDS = 1000
#: Operations that it draws.
SHOWN = 20


class Recorded(Wrapper[Provider]):
    """Notes down each operation: see `Logged`."""

    #: The named tuple of a record: time, operation, two names, bytes, seconds, error.
    _record: ClassVar[Callable[..., Any]]

    def __init__(self, inner: Provider, log: Callable[[Any], object] | None = None) -> None:
        super().__init__(inner)
        self._log = log
        self._records: deque[Any] = deque(maxlen=RECORDS)
        self._turn = threading.Lock()

    def _do(self, call: Call, run: Callable[[], _T]) -> _T:
        began = time.time(), time.perf_counter()
        try:
            result = run()
        except BaseException as error:
            self._note(call, began, call.size, said(error))
            raise
        self._note(call, began, call.size + _size(result), None)
        return result

    def _stream(self, call: Call, start: Callable[[], _T]) -> tuple[_T, Steps]:
        began = time.time(), time.perf_counter()
        try:
            result = start()
        except BaseException as error:
            self._note(call, began, 0, said(error))
            raise
        return result, _RecordedSteps(lambda size, error: self._note(call, began, size, error))

    def _note(self, call: Call, began: tuple[float, float], size: int, error: str | None) -> None:
        at, started = began
        seconds = time.perf_counter() - started
        record = type(self)._record(at, call.operation, call.group, call.name, size, seconds, error)
        with self._turn:
            self._records.append(record)
        if self._log is not None:
            self._log(record)

    def _noted(self) -> list[Any]:
        with self._turn:
            return list(self._records)

    def summary(self) -> str:
        return f"{self.inner.summary()}, logged"

    def __str__(self) -> str:
        rows = [_HEADINGS, *map(_row, self._noted()[-SHOWN:])]
        widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([self.summary(), *lines])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        def line(cells: Iterable[str], tag: str) -> str:
            style = 'style="text-align:left"'
            return "<tr>" + "".join(f"<{tag} {style}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line(_row(record), "td") for record in self._noted()[-SHOWN:])
        return (
            f"<table><caption>{escape(self.summary())}</caption>"
            f"<thead>{line(_HEADINGS, 'th')}</thead><tbody>{body}</tbody></table>"
        )


class _RecordedSteps(Steps):
    def __init__(self, note: Callable[[int, str | None], None]) -> None:
        self._note = note

    def over(self, size: int, error: str | None) -> None:
        self._note(size, error)


_HEADINGS = ("time", "operation", "what", "bytes", "ms", "error")


def _row(record: Any) -> tuple[str, ...]:
    at, operation, group, name, size, seconds, error = record
    clock = time.strftime("%H:%M:%S", time.localtime(at))
    what = f"{_plain(group)} / {_plain(name)}" if name else _plain(group)
    return clock, operation, what, f"{size:,}", f"{seconds * 1000:.2f}", _plain(error or "", 80)


def _plain(text: str, length: int = 40) -> str:
    """A name for a table's cell: on one line, and not longer than that."""
    text = "".join(char if char.isprintable() else "�" for char in text[: length + 1])
    return text if len(text) <= length else text[: length - 1] + "…"


def _size(result: object) -> int:
    """Bytes in what a store answered."""
    if isinstance(result, bytes):
        return len(result)
    if isinstance(result, list):
        return sum(len(item) for item in result if isinstance(item, bytes))
    return 0


def said(error: BaseException) -> str:
    """An error in a line, for a record."""
    return masked(f"{type(error).__name__}: {error}")
