"""Couriers: take what is due, have its action deliver it, write down what came of it.

The next attempt is written down when a delivery is claimed, before any network is
touched, so a crash at any moment repairs itself. What a courier is still delivering is
never due again, however long it takes.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from shutterpost.actions import (
    Action,
    DeliveryError,
    MisconfiguredError,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.model import Delivery, Planned
from shutterpost.spool import Spool

log = logging.getLogger(__name__)

COURIERS = 4
"""Deliveries under way at once."""
MISCONFIGURED_RETRY = 900.0
"""Seconds until a delivery whose action is misconfigured is tried again."""
_LOOK_AGAIN = 2.0  # seconds after which another process may have changed the queue


class Couriers:
    """Delivers what the spool holds, until stopped."""

    def __init__(
        self,
        spool: Spool,
        actions: Mapping[str, Action],
        first_retry: float,
        give_up: float,
        clock: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._actions = actions
        self._first_retry = first_retry
        self._give_up = give_up
        self._clock = clock
        self._under_way: dict[int, tuple[Delivery, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something new to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`."""
        while not self._stopping:
            self._wake.clear()
            try:
                if len(self._under_way) < COURIERS and await self._start_one():
                    continue
                pause = await self._pause()
            except Exception:  # a full disk, say: cameras are still to be answered
                log.exception("the queue cannot be read")
                pause = _LOOK_AGAIN
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

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
            now, self._first_retry, jitter, set(self._under_way), self._full()
        )
        if delivery is None:
            return False
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way[delivery.id] = (delivery, task)
        task.add_done_callback(lambda _: self._done(delivery))
        return True

    def _done(self, delivery: Delivery) -> None:
        _, task = self._under_way.pop(delivery.id)
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery %d: its result could not be kept", delivery.id, exc_info=error)
        self.wake()

    def _full(self) -> set[str]:
        """Actions that have half of the couriers already: the others are kept free."""
        counts = Counter(delivery.action for delivery, _ in self._under_way.values())
        return {action for action, count in counts.items() if count >= COURIERS // 2}

    async def _pause(self) -> float:
        if len(self._under_way) >= COURIERS:
            return _LOOK_AGAIN
        due = await self._spool.next_due(set(self._under_way), self._full())
        return _LOOK_AGAIN if due is None else max(0.0, min(_LOOK_AGAIN, due - self._clock()))

    async def _deliver(self, delivery: Delivery) -> None:
        where = f"shipment {delivery.shipment.id}: delivery {delivery.id} to {delivery.action}"
        try:
            outcome = await self._attempt(delivery)
        except PermanentError as error:
            log.error("%s failed: %s", where, error)
            await self._spool.fail(delivery, str(error), self._clock())
        except MisconfiguredError as error:
            log.error("%s cannot work as configured: %s", where, error)
            due = self._clock() + MISCONFIGURED_RETRY
            await self._spool.postpone(delivery, str(error), due)
        except DeliveryError as error:
            await self._again(delivery, where, error)
        except Exception as error:
            log.exception("%s met an unknown error", where)
            await self._again(delivery, where, error)
        else:
            log.info("%s: done: %s", where, " ".join(outcome.receipt.split()))
            await self._finish(delivery, outcome)

    async def _attempt(self, delivery: Delivery) -> Outcome:
        action = self._actions.get(delivery.action)
        if action is None:
            raise MisconfiguredError(f"the configuration has no action {delivery.action}")

        async def note(progress: dict[str, object]) -> None:
            await self._spool.note(delivery, progress)

        return await action.deliver(delivery, note)

    async def _again(self, delivery: Delivery, where: str, error: Exception) -> None:
        now = self._clock()
        why = str(error) or type(error).__name__
        if now - delivery.created >= self._give_up:
            log.error("%s failed, and is given up: %s", where, why)
            await self._spool.fail(delivery, why, now)
            return
        log.warning(
            "%s failed (attempt %d), will be tried again: %s", where, delivery.attempts, why
        )
        wait = error.retry_after if isinstance(error, TemporaryError) else None
        await self._spool.postpone(delivery, why, None if wait is None else now + wait)

    async def _finish(self, delivery: Delivery, outcome: Outcome) -> None:
        also = []
        for photo in outcome.store:
            log.warning(
                "shipment %d: %s is too large for a mail and is stored instead",
                delivery.shipment.id,
                photo.name,
            )
            index = delivery.shipment.photos.index(photo)
            also.append(Planned("store", delivery.recipients, index))
        await self._spool.finish(delivery, outcome.receipt, self._clock(), also)
        self.wake()
