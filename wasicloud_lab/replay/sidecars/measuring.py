"""Measures the ways to a store against each other, fairly: warm, in turn, from one thread."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from importlib import metadata
from typing import Any

import httptools
import psutil

from ...errors import LabError, Unavailable
from ...providers.registry import open_keyvalue
from . import guests
from .measurement import Measurement, Row, row_of
from .processes import Processes, running
from .ways import TIMEOUT, WAYS, Opened, opened


@dataclass(frozen=True)
class _Plan:
    """How often a value of one size is read.

    Attributes:
        size: bytes of the value.
        gets: gets one after the other, in each way and round; the round's figure is their mean.
        rounds: how often all ways have their turn.
        seconds: when no other round of this size is started, however slow the machine; six are run in any case.
    """

    size: int
    gets: int
    rounds: int
    seconds: float


_FULL = (_Plan(16, 50, 100, 6.0), _Plan(1024, 50, 100, 6.0), _Plan(65536, 4, 60, 6.0))
_QUICK = (_Plan(16, 25, 20, 1.0), _Plan(1024, 25, 20, 1.0), _Plan(65536, 2, 10, 1.0))
_LEAST = 6


def measure(
    quick: bool = False, progress: Callable[[str, float], None] | None = None, *, embedded: bool = False
) -> Measurement:
    """Measures every way with values of 16 B, 1 KiB and 64 KiB.

    All ways are opened and warmed first. Then they take turns, in another order each round, all in the thread that
    calls; Python's garbage collector runs between the turns and not in them. It takes some 20 s, quick some 5 s, and
    starts and stops all processes that it needs.

    Args:
        quick: fewer rounds.
        progress: told what is done now, and the share of all that is done (0 to 1).
        embedded: use the embedded Redis, even where there is a redis-server.

    Raises:
        Unavailable: a sidecar or the store ended, or gave no answer, in the middle.
        ServeError: one of them does not start.
        AssertionError: a way gave back something else than what is stored.
    """
    tell = progress or _nobody
    tell("starting the store and the sidecars", 0.0)
    plans = _QUICK if quick else _FULL
    with running(embedded) as processes, contextlib.ExitStack() as stack:
        values = _stored(processes.store.url)
        try:
            ways, missing = opened(stack, processes)
            rows: list[Row] = []
            rounds: dict[int, int] = {}
            for number, plan in enumerate(plans):
                for key, means in _measured(plan, ways, values[plan.size], number, len(plans), tell).items():
                    rows.append(row_of(key, plan.size, means))
                    rounds[plan.size] = len(means)
            memory = processes.memory()
        except Exception as error:
            raise _explained(error, processes) from None
        tell("done", 1.0)
        rows += [Row(key, plan.size, note=why) for key, why in missing.items() for plan in plans]
        order = [way.key for way in WAYS]
        rows.sort(key=lambda row: (row.size, order.index(row.way)))
        gets = {plan.size: plan.gets for plan in plans}
        return Measurement(tuple(rows), processes.words, gets, rounds, memory, machine(), quick)


def _nobody(_words: str, _share: float) -> None:
    """Nobody wants to be told."""


def _stored(url: str) -> dict[int, bytes]:
    """Stores a value of each size under the size as its key; always the same bytes, that no text codec would pass."""
    made = random.Random(2024)
    values = {plan.size: made.randbytes(plan.size) for plan in _FULL}
    with contextlib.closing(open_keyvalue(url)) as provider:
        provider.set_many(guests.BUCKET, [(str(size), value) for size, value in values.items()])
    return values


def _measured(
    plan: _Plan, ways: Mapping[str, Opened], value: bytes, number: int, of: int, tell: Callable[[str, float], None]
) -> dict[str, list[float]]:
    """Seconds of a get, by way: the mean of each round's gets."""
    key, words = str(plan.size), f"values of {plan.size:,} bytes"
    tell(words, number / of)
    for name, way in ways.items():
        if way.get is not None and way.get(key) != value:
            raise AssertionError(f"{name} gave back something else than the {plan.size} bytes that are stored")
        way.gets(key, plan.gets)
    found: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    shuffled = random.Random(plan.size)
    until = time.perf_counter() + plan.seconds
    with _collector_at_rest():
        for turn in range(plan.rounds):
            if turn >= _LEAST and time.perf_counter() > until:
                break
            shuffled.shuffle(order)
            for name in order:
                found[name].append(_timed(ways[name], key, plan))
            gc.collect(0)
            tell(words, (number + (turn + 1) / plan.rounds) / of)
    return found


def _timed(way: Opened, key: str, plan: _Plan) -> float:
    way.gets(key, 1)  # whoever was asleep for the others' turns is awake again
    started = time.perf_counter()
    size = way.gets(key, plan.gets)
    seconds = (time.perf_counter() - started) / plan.gets
    if size != plan.size * plan.gets:
        raise AssertionError(f"{size} bytes came where {plan.size * plan.gets} were asked for")
    return seconds


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _explained(error: Exception, processes: Processes) -> Exception:
    """What went wrong in the middle, by name: a process that ended is the reason, whatever its clients say."""
    from redis import RedisError

    broken = (OSError, HTTPException, httptools.HttpParserError, RedisError, psutil.Error)
    if not isinstance(error, (*broken, LabError)):
        return error
    until = time.monotonic() + 0.5  # a process hangs up a moment before it is gone
    while (gone := processes.ended()) is None and time.monotonic() < until:
        time.sleep(0.02)
    if gone is not None:
        said = gone.log(5).replace("\n", "\n  ")
        return Unavailable(
            f"the {gone.kind} (process {gone.pid}) ended in the middle of the measurement; measure again\n"
            f"it said last:\n  {said or 'nothing'}"
        )
    if isinstance(error, TimeoutError):
        return Unavailable(f"no answer within {TIMEOUT:g} s; is the machine busy? Measure again when it is not")
    if isinstance(error, broken):
        return Unavailable(f"a connection broke in the middle of the measurement ({error}); measure again")
    return error


def machine() -> dict[str, Any]:
    """What was measured on, and with what."""
    packages = ("wasmtime", "redis", "grpcio", "httptools")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
