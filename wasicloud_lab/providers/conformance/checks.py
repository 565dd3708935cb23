"""What a check is, and what checks are written with."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...errors import Unavailable
from ..page import Page

_T = TypeVar("_T")
_Provider = TypeVar("_Provider")
_Trial = TypeVar("_Trial", bound="Trial[Any]")

#: Threads at once, in every check that has some.
THREADS = 16

#: Seconds by which the store's clock may differ from ours; a wrong time zone is off by more.
_CLOCKS = 600


class Surprise(Exception):
    """A check's own finding: what was expected is not what came."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(expected, came)
        self.expected = expected
        self.came = came


class NotApplicable(Exception):
    """A check has nothing to hold this provider to; the message says why."""


@dataclass(frozen=True)
class Terms(Generic[_Provider]):
    """How a provider is to be tried.

    Attributes:
        quick: whether to make do with less.
        open_another: opens the same store once more; None where nobody said how.
        persists: whether what was stored must be there when the store is opened again.
        hidden: secrets from the provider's URL.
    """

    quick: bool = False
    open_another: Callable[[], _Provider] | None = None
    persists: bool = False
    hidden: Sequence[str] = ()


class Trial(Generic[_Provider]):
    """What one check works with. What it made on the store is removed by `clean_up`, and nothing else.

    Attributes:
        provider: the store under test.
        terms: how to try it.
        token: eight characters that occur in no other name.
        notes: what a reader of the report should know.
    """

    def __init__(self, provider: _Provider, terms: Terms[_Provider]) -> None:
        self.provider = provider
        self.terms = terms
        self.token = secrets.token_hex(4)
        self.notes: list[str] = []
        self._others: list[Any] = []
        self._names = 0

    def name(self, label: str = "") -> str:
        """A name that nothing else on the store has."""
        self._names += 1
        return f"check-{self.token}-{self._names}{label and '-'}{label}"

    def another(self) -> _Provider:
        """The same store, opened once more.

        Raises:
            NotApplicable: all there is, is an object.
        """
        if self.terms.open_another is None:
            raise NotApplicable("what was given is a provider and not how to open one: a URL, a class, a function")
        opened = self.terms.open_another()
        self._others.append(opened)
        return opened

    def clean_up(self) -> None:
        """Removes what the check made on the store."""
        for other in self._others:
            other.close()


@dataclass(frozen=True)
class Check(Generic[_Trial]):
    """A promise of the protocol and the function that holds a provider to it.

    Attributes:
        name: as `--only` takes it.
        promise: the function's docstring, one line.
        run: raises for a promise that is not kept.
    """

    name: str
    promise: str
    run: Callable[[_Trial], None]


class Checks(list[Check[_Trial]]):
    """Checks of one kind of provider, in order; as a decorator it adds one."""

    def __call__(self, function: Callable[[_Trial], None]) -> Callable[[_Trial], None]:
        name = function.__name__.replace("_", "-")
        self.append(Check(name, (function.__doc__ or "").strip(), function))
        return function


# --- what checks are written with --------------------------------------------------------------------


def expect(what: str, came: object, wanted: object) -> None:
    """Holds a value to what it should be.

    Raises:
        Surprise: it is another one.
    """
    if came == wanted:
        return
    if isinstance(came, list) and isinstance(wanted, list) and len(came) == len(wanted):
        at = next(n for n, (one, other) in enumerate(zip(came, wanted)) if one != other)
        expect(f"{what}, item {at}", came[at], wanted[at])
    if isinstance(came, bytes) and isinstance(wanted, bytes) and len(came) == len(wanted):
        at = next(n for n, (one, other) in enumerate(zip(came, wanted)) if one != other)
        raise Surprise(f"{what}: {short(wanted)}", f"other bytes from offset {at:,} on: {short(came[at:])}")
    raise Surprise(f"{what}: {short(wanted)}", short(came))


def expect_names(what: str, came: Sequence[str], wanted: Sequence[str] | set[str], *, twice: bool = False) -> None:
    """Holds a listing, in any order, to the names that should be in it.

    Args:
        twice: whether a name may be there more than once.

    Raises:
        Surprise: one is missing, or there twice, or is none of them; it is named.
    """
    missing, more = set(wanted) - set(came), set(came) - set(wanted)
    if missing:
        raise Surprise(f"{what} with {short(min(missing))} in it", f"{len(came):,} names without {_some(missing)}")
    if more:
        raise Surprise(f"{what}: {len(set(wanted)):,} names", f"also {_some(more)}")
    if not twice and len(came) != len(set(came)):
        raise Surprise(f"{what}: each name once", f"{_some({name for name in came if came.count(name) > 1})} twice")


def expect_now(what: str, came: object) -> None:
    if not isinstance(came, (int, float)) or abs(came - time.time()) > _CLOCKS:
        raise Surprise(f"{what} about now, {time.time():,.0f} seconds since 1970", short(came))


def expect_words(summary: object, drawn: str, hidden: Sequence[str]) -> None:
    """Holds what a provider says about itself to be a line, without the secrets of its URL."""
    if not isinstance(summary, str) or not summary.strip():
        raise Surprise("a summary for people", short(summary))
    for what, text in (("summary", summary), ("repr", drawn)):
        if len(text.splitlines()) != 1:
            raise Surprise(f"a {what} in one line", short(text))
        for secret in hidden:
            if secret in text:
                raise Surprise(f"a {what} without a secret", text)


@contextmanager
def refused(kind: type[Exception] | tuple[type[Exception], ...], what: str) -> Iterator[None]:
    """Holds the block to an error of that kind. A store that just does not answer has refused nothing.

    Raises:
        Surprise: there was none, or another.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    expected = f"{what}: {' or '.join(each.__name__ for each in kinds)}"
    try:
        yield
    except Surprise:
        raise
    except Exception as error:
        if not isinstance(error, kinds) or (isinstance(error, Unavailable) and Unavailable not in kinds):
            raise Surprise(expected, told(error)) from error
    else:
        raise Surprise(expected, "no error")


def pages(list_page: Callable[[str | None], Page[str]], at_most: int) -> Iterator[list[str]]:
    """The pages of a listing that must end after that many.

    Raises:
        Surprise: it does not end, or a page is none.
    """
    cursor: str | None = None
    for _ in range(at_most):
        page = list_page(cursor)
        if not isinstance(page, Page) or not isinstance(page.items, list):
            raise Surprise("a Page with a list of names", short(page))
        if page.cursor is not None and not isinstance(page.cursor, str):
            raise Surprise("a cursor that is text or None", short(page.cursor))
        yield page.items
        if page.cursor is None:
            return
        if page.cursor == cursor:
            raise Surprise("a listing that ends", f"the cursor {short(cursor)} again")
        cursor = page.cursor
    raise Surprise("a listing that ends", f"{at_most:,} pages, and a cursor to yet another")


def listed(list_page: Callable[[str | None], Page[str]], at_most: int = 100_000) -> list[str]:
    """All names of a listing that must end."""
    return [name for page in pages(list_page, at_most) for name in page]


def together(work: Callable[[int], _T], count: int = THREADS) -> list[_T]:
    """Calls work(0), work(1), … in as many threads, let go at the same moment; answers what they answered.

    Raises:
        whatever the first of them raised.
    """
    answers: list[Any] = [None] * count
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait()
            answers[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


@contextmanager
def meanwhile(*works: Callable[[int], object]) -> Iterator[Callable[[], None]]:
    """Calls each work with 0, 1, 2, … in a thread of its own until the block ends.

    Yields:
        what waits until each work has done another turn: a fast store would be done before they have begun.

    Raises:
        whatever the first of them raised.
    """
    done = [0.0] * len(works)  # turns; endless for one that has ended
    changed = threading.Condition()
    stopping = False
    errors: list[BaseException] = []

    def run(number: int) -> None:
        turn = 0
        try:
            while not stopping:
                works[number](turn)
                turn += 1
                with changed:
                    done[number] = turn
                    changed.notify_all()
                    changed.wait(0.001)  # threads that never rest hold up the one that checks
        except BaseException as error:
            errors.append(error)
        finally:
            with changed:
                done[number] = float("inf")
                changed.notify_all()

    def another_turn() -> None:
        with changed:
            wanted = [turns + 1 for turns in done]
            changed.notify_all()
            changed.wait_for(lambda: all(turns >= wish for turns, wish in zip(done, wanted)))

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(works))]
    try:
        for thread in threads:
            thread.start()
        another_turn()
        yield another_turn
    finally:
        stopping = True
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


# --- words -------------------------------------------------------------------------------------------


def short(value: object) -> str:
    """A value for a report: bytes by their beginning and length, all else by the beginning of its repr."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        head = repr(bytes(value[:24]))
        return head if len(value) <= 24 else f"{head[:-1]}…{head[-1]} ({len(value):,} bytes)"
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}… ({len(text):,} characters)"


def told(error: BaseException) -> str:
    """An error for a report: its kind and what it says."""
    return f"{type(error).__name__}: {error}"


def _some(names: set[str]) -> str:
    first = ", ".join(short(name) for name in sorted(names)[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3:,} more"
