"""When an action is paused, as values: the credentials or settings are wrong.

One delivery's word is not enough to stop the others, because the fault may be its own: it
waits alone, and the others are tried. Two of them are evidence, and the action takes
nothing but one attempt every `PAUSE` seconds. An action that delivers again proves those
wrong that blamed its settings: from then on their errors are errors like any other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

Witness = tuple[int, str]
"""A delivery, and what it is about (its own id, if nothing else)."""
PAUSE = 900.0
"""Seconds until an action that cannot work as configured is tried again."""
EVIDENCE = 2
"""Deliveries, about different things, that must say so before no other is even tried."""
MOST = 100
"""Deliveries of one paused action that wait for it; more are retried as after any error."""


@dataclass(frozen=True, slots=True)
class Paused:
    """One paused action: until when (seconds since 1970), and which deliveries say so."""

    until: float = 0.0
    witnesses: frozenset[Witness] = frozenset()

    def holds_all(self, now: float) -> bool:
        """Whether no delivery of the action may be tried now."""
        return now < self.until and self.is_proven

    @property
    def is_proven(self) -> bool:
        """Whether enough deliveries say so."""
        return len({about for _, about in self.witnesses}) >= EVIDENCE


class Pauses:
    """The paused actions of this process."""

    def __init__(self) -> None:
        self._paused: dict[str, Paused] = {}
        self._disproved: set[int] = set()

    def __len__(self) -> int:
        return len(self._paused)

    def __contains__(self, action: object) -> bool:
        return action in self._paused

    def get(self, action: str) -> Paused | None:
        """What is known of an action that is paused; another value after each change."""
        return self._paused.get(action)

    def remember(self, actions: Iterable[str]) -> None:
        """These were paused when the process before this one ended: each may be tried."""
        self._paused.update(dict.fromkeys(actions, Paused()))

    def try_now(self, action: str) -> None:
        """A paused action may be tried, and whoever blamed its settings too."""
        if action in self._paused:
            self._paused[action] = Paused()

    def try_all_now(self) -> None:
        """All paused actions may be tried."""
        self._paused = dict.fromkeys(self._paused, Paused())

    def claimed(self, action: str, now: float) -> None:
        """A delivery is tried: if its action is paused, no other is for a while."""
        if (paused := self._paused.get(action)) is not None:
            self._paused[action] = replace(paused, until=now + PAUSE)

    def accuse(self, action: str, delivery: int, about: str, now: float) -> bool:
        """A delivery says that the action cannot work as configured: whether it counts."""
        if delivery in self._disproved:
            return False
        paused = self._paused.get(action, Paused())
        witness = (delivery, about or str(delivery))
        witnesses = paused.witnesses | {witness} if not paused.is_proven else paused.witnesses
        accused = Paused(now + PAUSE, witnesses)
        if len(witnesses) > MOST and not accused.is_proven:
            return False
        self._paused[action] = accused
        return True

    def end(self, action: str, delivered: int | None = None) -> None:
        """The action is paused no more; `delivered` is the delivery that proves it right."""
        paused = self._paused.pop(action, Paused())
        if delivered is not None:
            self._disproved.update(witness for witness, _ in paused.witnesses)
            self._disproved.discard(delivered)

    def on_clock_set(self, by: float) -> None:
        """The clock was set by some seconds: each is tried as far away as before."""
        self._paused = {
            action: replace(paused, until=paused.until + by) if paused.until else paused
            for action, paused in self._paused.items()
        }

    def forget(self, delivery: int) -> None:
        """This delivery is over."""
        self._disproved.discard(delivery)

    def held_actions(self, now: float) -> set[str]:
        """Actions none of whose deliveries may be tried."""
        return {action for action, paused in self._paused.items() if paused.holds_all(now)}

    def held_deliveries(self, now: float) -> set[int]:
        """Deliveries that wait while the others of their action are tried."""
        waiting = (paused for paused in self._paused.values() if now < paused.until)
        return {delivery for paused in waiting for delivery, _ in paused.witnesses}
