"""wasi:clocks 0.2: the two clocks, and the time zone that some guests ask for."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, Literal, NamedTuple

from ..host.interface import interface
from .io import Pollable, always_ready

BILLION = 1_000_000_000


class Datetime(NamedTuple):
    """The record `datetime`: time since 1970-01-01T00:00:00Z."""

    seconds: int
    nanoseconds: int


def datetime_of(nanoseconds: int) -> Datetime | None:
    """A moment in nanoseconds since 1970 as the record; None before 1970, which it can't say."""
    return Datetime(*divmod(nanoseconds, BILLION)) if nanoseconds >= 0 else None


def _resolution(clock: Literal["monotonic", "time"]) -> int:
    return max(round(time.get_clock_info(clock).resolution * BILLION), 1)


@interface("wasi:clocks/monotonic-clock@0.2.0")
class MonotonicClock:
    """The interface wasi:clocks/monotonic-clock."""

    now = staticmethod(time.monotonic_ns)

    def resolution(self) -> int:
        return _resolution("monotonic")

    def subscribe_instant(self, when: int) -> Pollable:
        # Compared in whole nanoseconds, so that `now` has reached `when` once the guest wakes.
        return Pollable(lambda: time.monotonic_ns() >= when, when / BILLION)

    def subscribe_duration(self, when: int) -> Pollable:
        return self.subscribe_instant(time.monotonic_ns() + when) if when else always_ready()


@interface("wasi:clocks/wall-clock@0.2.0")
class WallClock:
    """The interface wasi:clocks/wall-clock."""

    def now(self) -> Datetime:
        return datetime_of(time.time_ns()) or Datetime(0, 0)

    def resolution(self) -> Datetime:
        return Datetime(*divmod(_resolution("time"), BILLION))


class TimezoneDisplay(NamedTuple):
    """The record `timezone-display`."""

    utc_offset: int
    name: str
    in_daylight_saving_time: bool


@interface("wasi:clocks/timezone@0.2.0")
class Timezone:
    """The interface wasi:clocks/timezone.

    Args:
        zone: the time zone that guests see; UTC unless given, since where the host is, is its own affair.
    """

    def __init__(self, zone: tzinfo = timezone.utc) -> None:
        self.zone = zone

    def display(self, when: Any) -> TimezoneDisplay:
        try:
            there = datetime.fromtimestamp(when.seconds, self.zone)
        except (OverflowError, ValueError, OSError):  # beyond the years that datetime knows
            return TimezoneDisplay(0, "UTC", False)
        offset = there.utcoffset() or timedelta()
        return TimezoneDisplay(int(offset.total_seconds()), there.tzname() or "UTC", bool(there.dst()))

    def utc_offset(self, when: Any) -> int:
        return self.display(when).utc_offset
