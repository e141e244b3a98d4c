"""Couriers: take what is due, have its action deliver it, write down what came of it.

The next attempt is written down when a delivery is claimed, before any network is
touched, so a crash at any moment repairs itself. What a courier is still delivering is
never due again, however long it takes. An action that cannot work as configured is
paused with all its deliveries, and tried with one of them now and then.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shutterpost import faults
from shutterpost.actions import (
    Action,
    DeliveryError,
    MisconfiguredError,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.logs import Steps
from shutterpost.model import Delivery, Photo, Planned
from shutterpost.spool import Spool, pauses

log = logging.getLogger(__name__)

COURIERS = 4
"""Deliveries under way at once."""
PAUSE = 900.0
"""Seconds until an action that cannot work as configured is tried again."""
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
    ) -> None:
        """`tried` is told the result of each attempt: done, retried, failed or paused."""
        self._spool = spool
        self._actions = dict(actions)
        self._patience = patience
        self._clock = clock
        self._tried = tried
        self._under_way: dict[int, tuple[Delivery, asyncio.Task[None]]] = {}
        self._paused: dict[str, float] = {}
        """Paused actions, and when each may be tried."""
        self._wake = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """There may be something new to deliver."""
        self._wake.set()

    def replace(self, name: str, action: Action) -> None:
        """From now on this is the action of that name; if it was paused, it is tried."""
        self._actions[name] = action
        if name in self._paused:
            self._paused[name] = 0.0
        self.wake()

    def try_paused(self) -> None:
        """A person wants it tried now, paused or not."""
        self._paused = dict.fromkeys(self._paused, 0.0)
        self.wake()

    async def run(self) -> None:
        """Deliver until `stop`. What was paused before a restart is tried at once."""
        for pause in await self._spool.database.read(pauses.paused):
            self._paused[pause.action] = 0.0
        while not self._stopping:
            self._wake.clear()
            try:
                if len(self._under_way) < COURIERS and await self._start_one():
                    continue
                wait = await self._until_due()
            except Exception:  # a full disk, say: cameras are still to be answered
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
            now, self._patience.first_retry, jitter, set(self._under_way), self._closed(now)
        )
        if delivery is None:
            return False
        faults.point("claimed")
        if delivery.action in self._paused:  # one delivery alone tries it
            self._paused[delivery.action] = now + PAUSE
        task = asyncio.create_task(self._deliver(delivery))
        self._under_way[delivery.id] = (delivery, task)
        task.add_done_callback(lambda _: self._done(delivery))
        return True

    def _done(self, delivery: Delivery) -> None:
        _, task = self._under_way.pop(delivery.id)
        if not task.cancelled() and (error := task.exception()):
            log.error("delivery %d: its result could not be kept", delivery.id, exc_info=error)
        self.wake()

    def _closed(self, now: float) -> set[str]:
        """Actions that take nothing now: half of the couriers have each, or it is paused."""
        counts = Counter(delivery.action for delivery, _ in self._under_way.values())
        full = {action for action, count in counts.items() if count >= COURIERS // 2}
        return full | {action for action, until in self._paused.items() if until > now}

    async def _until_due(self) -> float:
        if len(self._under_way) >= COURIERS:
            return _LOOK_AGAIN
        now = self._clock()
        due = await self._spool.next_due(set(self._under_way), self._closed(now))
        return _LOOK_AGAIN if due is None else max(0.0, min(_LOOK_AGAIN, due - now))

    async def _deliver(self, delivery: Delivery) -> None:
        step = _steps(delivery)
        try:
            outcome = await self._attempt(delivery)
        except MisconfiguredError as error:
            await self._pause(delivery, str(error))
        except PermanentError as error:
            await self._resume(delivery.action)
            step.error("failed: %s", error)
            await self._write(self._spool.fail, delivery, str(error), self._clock())
            self._tried(delivery, "failed")
        except DeliveryError as error:
            await self._again(delivery, error)
        except Exception as error:
            step.exception("met an unknown error")
            await self._again(delivery, error)
        else:
            await self._resume(delivery.action)
            await self._write(self._spool.finish, delivery, outcome.receipt, self._clock())
            faults.point("finished")
            self._tried(delivery, "done")
            step.info("done: %s", " ".join(outcome.receipt.split()))

    async def _attempt(self, delivery: Delivery) -> Outcome:
        action = self._actions.get(delivery.action)
        if action is None:
            raise MisconfiguredError(f"the configuration has no action {delivery.action}")

        async def note(progress: dict[str, object], store: Sequence[Photo] = ()) -> None:
            photos = delivery.shipment.photos
            also = [Planned("store", delivery.recipients, photos.index(photo)) for photo in store]
            for photo in store:
                _steps(delivery).warning("%s is too large for a mail, stored instead", photo.name)
            await self._spool.note(delivery, progress, also, self._clock())
            if also:
                self.wake()

        faults.point("delivering")
        outcome = await action.deliver(delivery, note)
        faults.point("delivered")
        return outcome

    async def _pause(self, delivery: Delivery, why: str) -> None:
        """The action takes nothing until it is tried again."""
        now = self._clock()
        self._paused[delivery.action] = now + PAUSE
        await self._write(self._spool.postpone, delivery, why, now, now)
        new = await self._spool.database.write(
            lambda connection: pauses.pause(connection, delivery.action, why, now)
        )
        self._tried(delivery, "paused")
        if new:
            _steps(delivery).error(
                "%s cannot work as configured and is PAUSED, with all its deliveries; correct "
                "the configuration and restart (it is tried every %d minutes): %s",
                delivery.action,
                PAUSE // 60,
                why,
            )

    async def _resume(self, action: str) -> float:
        """The action works, as far as its configuration goes; returns how long it did not."""
        if action not in self._paused:
            return 0.0
        now = self._clock()
        paused = await self._spool.database.write(
            lambda connection: pauses.resume(connection, action, now)
        )
        self._paused.pop(action, None)
        log.warning("%s works again", action)
        return paused

    async def _again(self, delivery: Delivery, error: Exception) -> None:
        patient_since = delivery.patient_since + await self._resume(delivery.action)
        now = self._clock()
        why = str(error) or type(error).__name__
        if now - patient_since >= self._patience.give_up:
            _steps(delivery).error("failed, and is given up: %s", why)
            await self._write(self._spool.fail, delivery, why, now)
            self._tried(delivery, "failed")
            return
        step = _steps(delivery)
        step.warning("failed (attempt %d), will be tried again: %s", delivery.attempts, why)
        wait = error.retry_after if isinstance(error, TemporaryError) else None
        due = None if wait is None else now + wait
        await self._write(self._spool.postpone, delivery, why, now, due)
        self._tried(delivery, "retried")

    async def _write(self, result: Callable[..., Awaitable[None]], *about: object) -> None:
        """Write a result down, however long the disk is full: it must not be delivered twice."""
        while True:
            try:
                return await result(*about)
            except Exception as error:
                if self._stopping:
                    raise
                log.error("a result cannot be written down, trying again: %s", error)
                await asyncio.sleep(_LOOK_AGAIN)


def _steps(delivery: Delivery) -> Steps:
    return Steps(log, delivery.shipment.id, f"delivery {delivery.id} to {delivery.action}")
