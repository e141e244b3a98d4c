"""Couriers: take what is due, have its action deliver it, write down what came of it.

The next attempt is written down when a delivery is claimed, before any network is
touched, so a crash at any moment repairs itself. What a courier is still delivering is
never due again, however long it takes. Actions that only need this machine have couriers
of their own, so that no far end keeps a photo from the local folder. An action that cannot
work as configured is paused (see `pausing`).
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from shutterpost import faults
from shutterpost.actions import (
    Action,
    DeliveryError,
    MisconfiguredError,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.clock import Correction
from shutterpost.logs import Steps
from shutterpost.model import Delivery, Photo, Planned
from shutterpost.pausing import PAUSE, Pauses
from shutterpost.spool import Spool, pauses
from shutterpost.wire.text import writable

T = TypeVar("T")
log = logging.getLogger(__name__)

COURIERS = 4
"""Deliveries to far ends that are under way at once; one action has at most half of them."""
OWN_COURIERS: Mapping[str, int] = {"store": 2, "shell": 1, "drop": 1}
"""Deliveries under way at once for each action that only needs this machine, by its kind."""
ERROR_LIMIT = 2000
"""The most bytes of an error that are kept."""
_LOOK_AGAIN = 2.0  # seconds after which another process may have changed the queue


@dataclass(frozen=True, slots=True)
class Patience:
    """When failed deliveries are tried again and given up, in seconds."""

    first_retry: float
    give_up: float


class Couriers:
    """Delivers what the spool holds, until stopped."""

    def __init__(
        self,
        spool: Spool,
        actions: Mapping[str, Action],
        patience: Patience,
        clock: Callable[[], float],
        tried: Callable[[Delivery, str], None] = lambda delivery, result: None,
        has_network: Callable[[], bool] = lambda: True,
    ) -> None:
        """`tried` is told the result of each attempt: done, retried, failed or paused.

        While `has_network` is false no patience with far ends is used up.
        """
        self._spool = spool
        self._actions = dict(actions)
        self._patience = patience
        self._clock = clock
        self._tried = tried
        self._has_network = has_network
        self._under_way: dict[int, tuple[Delivery, asyncio.Task[None]]] = {}
        self._paused = Pauses()
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something new to deliver."""
        self._wake.set()

    def replace(self, name: str, action: Action) -> None:
        """From now on this is the action of that name; if it was paused, it is tried."""
        self._actions[name] = action
        self._paused.try_now(name)
        self.wake()

    def try_paused(self) -> None:
        """A person wants it tried now, paused or not."""
        self._paused.try_all_now()
        self.wake()

    def on_clock_set(self, correction: Correction) -> None:
        """Nobody's patience is used up by that, nor is anything put off."""
        by = correction.by
        self._paused.on_clock_set(by)
        self._under_way = {
            id: (replace(delivery, patient_since=delivery.patient_since + by), task)
            for id, (delivery, task) in self._under_way.items()
        }
        self.wake()

    async def run(self) -> None:
        """Deliver until `stop`. What was paused before a restart is tried at once."""
        is_new = True
        while not self._stopping:
            self._wake.clear()
            try:
                if is_new:
                    paused = await self._spool.database.read(pauses.paused)
                    self._paused.remember(pause.action for pause in paused)
                    is_new = False
                if await self._start_one():
                    continue
                wait = await self._until_due()
            except OSError as error:  # a full disk, say: cameras are still to be answered
                log.error("the queue cannot be read, trying again: %s", error)
                wait = _LOOK_AGAIN
            except Exception:
                log.exception("the queue cannot be read")
                wait = _LOOK_AGAIN
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    async def stop(self, grace: float) -> None:
        """Start no more; give what is under way `grace` seconds, then let go of it."""
        self._stopping = True
        self.wake()
        tasks = [task for _, task in self._under_way.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _start_one(self) -> bool:
        now = self._clock()
        jitter = random.uniform(1.0, 1.1)  # noqa: S311 (spreads retries, guards nothing)
        delivery = await self._spool.claim(
            now, self._patience.first_retry, jitter, self._held(now), self._closed(now)
        )
        if delivery is None:
            return False
        faults.point("claimed")
        self._paused.claimed(delivery.action, now)
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way[delivery.id] = (delivery, task)
        task.add_done_callback(lambda _: self._done(delivery))
        return True

    def _done(self, delivery: Delivery) -> None:
        _, task = self._under_way.pop(delivery.id)
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery %d: its result could not be kept", delivery.id, exc_info=error)
        self.wake()

    def _held(self, now: float) -> set[int]:
        """Deliveries that are not to be taken now."""
        return set(self._under_way) | self._paused.held_deliveries(now)

    def _closed(self, now: float) -> set[str]:
        """Actions that take nothing now: they have no courier left, or are paused."""
        counts = Counter(delivery.action for delivery, _ in self._under_way.values())
        closed = {action for action, count in counts.items() if count >= _couriers_of(action)}
        if sum(count for action, count in counts.items() if not _is_local(action)) >= COURIERS:
            closed |= {action for action in self._actions if not _is_local(action)}
        return closed | self._paused.held_actions(now)

    async def _until_due(self) -> float:
        now = self._clock()
        due = await self._spool.next_due(self._held(now), self._closed(now))
        return _LOOK_AGAIN if due is None else max(0.0, min(_LOOK_AGAIN, due - now))

    async def _deliver(self, delivery: Delivery) -> None:
        step = _steps(delivery)
        try:
            outcome = await self._attempt(delivery)
        except MisconfiguredError as error:
            now = self._clock()
            if self._paused.accuse(delivery.action, delivery.id, error.about, now):
                await self._pause(delivery, _said(error))
            else:  # the action works for others
                await self._again(delivery, error)
        except PermanentError as error:
            await self._resume(delivery.action)
            step.error("failed: %s", _said(error))
            await self._fail(delivery, _said(error))
        except DeliveryError as error:
            await self._again(delivery, error)
        except Exception as error:
            step.exception("met an unknown error")
            await self._again(delivery, error)
        else:
            await self._resume(delivery.action, delivery.id)
            receipt = writable(outcome.receipt)
            await self._write(self._spool.finish, delivery, receipt, self._clock())
            faults.point("finished")
            self._paused.forget(delivery.id)
            self._tried(delivery, "done")
            step.info("done: %s", " ".join(receipt.split()))

    async def _fail(self, delivery: Delivery, why: str) -> None:
        await self._write(self._spool.fail, delivery, why, self._clock())
        self._paused.forget(delivery.id)
        self._tried(delivery, "failed")

    async def _attempt(self, delivery: Delivery) -> Outcome:
        action = self._actions.get(delivery.action)
        if action is None:
            raise MisconfiguredError(f"the configuration has no action {delivery.action}")

        async def note(progress: dict[str, object], store: Sequence[Photo] = ()) -> None:
            photos = delivery.shipment.photos
            also = [Planned("store", delivery.recipients, photos.index(photo)) for photo in store]
            for photo in store:
                _steps(delivery).warning("%s is too large for a mail, stored instead", photo.name)
            about = (delivery, progress, also, self._clock())
            try:
                await self._spool.note(*about)
            except OSError:  # a full disk, say: what was achieved must not be done again
                await self._write(self._spool.note, *about)
            if also:
                self.wake()

        faults.point("delivering")
        outcome = await action.deliver(delivery, note)
        faults.point("delivered")
        return outcome

    async def _pause(self, delivery: Delivery, why: str) -> None:
        """It waits until its action is tried again, and loses no patience meanwhile."""
        now = self._clock()
        await self._write(self._spool.hold, delivery, why, now)
        new = await self._write(
            self._spool.database.write,
            lambda connection: pauses.pause(connection, delivery.action, why, now),
        )
        if delivery.action not in self._paused:  # another was delivered meanwhile
            await self._write_resumed(delivery.action)
            new = False
        self._tried(delivery, "paused")
        if new:
            _steps(delivery).error(
                "%s cannot work as configured and is PAUSED as soon as another delivery says so "
                "too; correct the configuration and restart (it is tried every %d minutes): %s",
                delivery.action,
                PAUSE // 60,
                why,
            )

    async def _resume(self, action: str, delivered: int | None = None) -> float:
        """The action works, as far as its configuration goes; returns how long it did not."""
        paused = self._paused.get(action)
        if paused is None:
            return 0.0
        seconds = await self._write_resumed(action)
        if self._paused.get(action) is paused:  # else there is news of it meanwhile
            self._paused.end(action, delivered)
            log.warning("%s works again", action)
        return seconds

    async def _write_resumed(self, action: str) -> float:
        now = self._clock()
        return await self._write(
            self._spool.database.write, lambda connection: pauses.resume(connection, action, now)
        )

    async def _again(self, delivery: Delivery, error: Exception) -> None:
        patient_since = self._under_way[delivery.id][0].patient_since
        if not isinstance(error, MisconfiguredError):
            patient_since += await self._resume(delivery.action)
        now = self._clock()
        if not _is_local(delivery.action) and not self._has_network():
            patient_since = now  # off grid nobody can be reached, for as long as it takes
        left = patient_since + self._patience.give_up - now
        why = _said(error)
        if left <= 0:
            _steps(delivery).error("failed, and is given up: %s", why)
            await self._fail(delivery, why)
            return
        step = _steps(delivery)
        step.warning("failed (attempt %d), will be tried again: %s", delivery.attempts, why)
        wait = error.retry_after if isinstance(error, TemporaryError) else None
        not_before = now + min(left, max(0.0, wait or 0.0))
        await self._write(self._spool.postpone, delivery, why, now, not_before, patient_since)
        self._tried(delivery, "retried")

    async def _write(self, result: Callable[..., Awaitable[T]], *about: object) -> T:
        """Write a result down, however long the disk is full: it must not be delivered twice."""
        is_first = True
        while True:
            try:
                return await result(*about)
            except Exception as error:
                if self._stopping:
                    raise
                if is_first:
                    log.error("a result cannot be written down, trying again: %s", error)
                is_first = False
                await asyncio.sleep(_LOOK_AGAIN)


def _steps(delivery: Delivery) -> Steps:
    return Steps(log, delivery.shipment.id, f"delivery {delivery.id} to {delivery.action}")


def _is_local(action: str) -> bool:
    return action.partition(".")[0] in OWN_COURIERS


def _couriers_of(action: str) -> int:
    """The most deliveries of an action that are under way at once."""
    return OWN_COURIERS.get(action.partition(".")[0], COURIERS // 2)


def _said(error: Exception) -> str:
    """An error's words, as they can be written down whatever a far end said."""
    return writable(str(error) or type(error).__name__, ERROR_LIMIT)
