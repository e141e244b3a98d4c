"""Limits on what one client may try. Safe to use from several threads."""

import threading
from collections import OrderedDict, deque

HOUR = 3600.0
CLIENT_LIMIT = 10_000
"""The most clients that are remembered; the oldest are forgotten."""


class Tries:
    """Failed logins: `limit` of them within `window` seconds shut a client out for `penalty`."""

    def __init__(self, limit: int = 10, window: float = 60.0, penalty: float = 300.0) -> None:
        self._limit = limit
        self._window = window
        self._penalty = penalty
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._shut_out: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_shut_out(self, client: str, now: float) -> bool:
        """Whether `client` has failed too often."""
        with self._lock:
            if self._shut_out.get(client, 0.0) > now:
                return True
            self._shut_out.pop(client, None)
            return False

    def failed(self, client: str, now: float) -> None:
        """Count a failure."""
        with self._lock:
            failures = self._failures.setdefault(client, deque(maxlen=self._limit))
            self._failures.move_to_end(client)
            failures.append(now)
            if len(failures) == self._limit and now - failures[0] <= self._window:
                self._shut_out[client] = now + self._penalty
                del self._failures[client]
            while len(self._failures) > CLIENT_LIMIT:
                self._failures.popitem(last=False)
            while len(self._shut_out) > CLIENT_LIMIT:
                del self._shut_out[next(iter(self._shut_out))]

    def succeeded(self, client: str) -> None:
        """Whoever it is knows the password: what it tried before does not count."""
        with self._lock:
            self._failures.pop(client, None)
            self._shut_out.pop(client, None)


class Hourly:
    """How much one client may do in an hour."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str, amount: int, now: float) -> bool:
        """Count `amount` for a client, unless that is more than it may; whether it was."""
        with self._lock:
            done = self._done.setdefault(client, deque())
            self._done.move_to_end(client)
            while done and done[0][0] <= now - HOUR:
                done.popleft()
            if sum(number for _, number in done) + amount > self._limit:
                return False
            done.append((now, amount))
            while len(self._done) > CLIENT_LIMIT:
                self._done.popitem(last=False)
            return True
