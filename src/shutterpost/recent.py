"""What is remembered about others: never more than so many, the oldest forgotten first."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """The `limit` keys that were set or used last. Not safe for use by two threads at once."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)

    def use(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made if there is none; it is the last to be forgotten now."""
        if key in self:
            self.move_to_end(key)
        else:
            self[key] = make()
        return self[key]


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, and `a_second` in the long run."""

    burst: int
    a_second: float


class Bucket:
    """How much of a rate is left (a token bucket)."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._when = now

    def take(self, now: float) -> bool:
        """Take one; whether there was one left."""
        earned = max(0.0, now - self._when) * self._rate.a_second
        self._left = min(float(self._rate.burst), self._left + earned)
        self._when = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
