"""The time of day for what waits, which goes on steadily when somebody sets the clock.

A Pi without a battery starts in 1970, or when it was last switched off, and learns the
time from the network minutes later; a clock can be a year ahead and be set back. How long
something waited must not depend on that. So this clock does not follow a jump until
everything that is written down in its terms was moved as well (see `timekeeper`).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

SANE = 1_577_836_800.0
"""The beginning of 2020, in seconds since 1970: a clock that says less was never set."""


def since_boot() -> float:
    """Seconds that nobody can set, sleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Seconds since 1970. `offset` is what is added to the steady seconds since boot."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = since_boot,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self.offset = wall() - steady()

    def __call__(self) -> float:
        """What time it is by the present offset."""
        return self._steady() + self.offset

    def lag(self) -> float:
        """Seconds by which the system's clock is ahead of this one; negative for behind."""
        return self._wall() - self()


@dataclass(frozen=True, slots=True)
class Correction:
    """The clock was set, by `by` seconds, from `was`: dates from `since` to then were wrong."""

    since: float
    was: float
    by: float

    def of(self, date: float) -> float:
        """A date, corrected if it was written under the wrong clock; 0 stands for never."""
        return date + self.by if date and self.since <= date <= self.was else date


def correction(began: float, was: float, now: float) -> Correction:
    """What to correct when a process that began at `began` sees the clock set.

    The new time is believed, unless it is no time at all. All dates before 2020 were written
    under a clock that nobody had set, and all after `now` under one that was ahead, by
    whichever process.
    """
    if now < SANE <= was:
        since = math.inf
    elif was < SANE <= now:
        since = 1.0
    else:
        since = min(began, now)
    return Correction(since, was, now - was)
