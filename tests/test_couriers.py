"""Couriers with real spools, and actions that do what a test tells them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from shutterpost.actions import (
    Action,
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.couriers import COURIERS, PAUSE, Couriers, Patience
from shutterpost.model import Delivery, Planned
from shutterpost.spool import Draft, Spool, pauses
from shutterpost.spool.schema import deliveries


class Scripted:
    """An action whose attempts do one thing after the other."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.attempts: list[Delivery] = []

    async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
        self.attempts.append(delivery)
        step = self.script.pop(0) if self.script else "done"
        if isinstance(step, Exception):
            raise step
        if callable(step):
            await step(delivery, note)
        return Outcome(str(step))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(
    folder: Path,
    actions: dict[str, Action],
    planned: list[Planned],
    script: Callable[[Couriers, Clock, Spool], Awaitable[None]],
) -> list[Any]:
    """Deliver `planned` while `script` runs; returns the deliveries' rows afterwards."""
    spool = Spool(folder)
    spool.open()
    clock = Clock()

    async def main() -> None:
        incoming = spool.files.receive()
        incoming.write(b"photo")
        draft = Draft(
            1000.0, "a@b.c", "", ("d@e.f",), "", "", (("A.JPG", "image/jpeg", incoming.keep()),)
        )
        await spool.commit(draft, planned)
        couriers = Couriers(spool, actions, Patience(10.0, 86400.0), clock)
        running = asyncio.create_task(couriers.run())
        await script(couriers, clock, spool)
        await couriers.stop(5.0)
        await running

    asyncio.run(main())
    rows = spool.database.read_now(
        lambda connection: connection.execute(select(deliveries).order_by(deliveries.c.id)).all()
    )
    spool.close()
    return list(rows)


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not probe():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.01)


def one(action: str = "one") -> Planned:
    return Planned(action, ("d@e.f",), 0)


def test_a_delivery_is_done_with_its_receipt(tmp_path: Path) -> None:
    action = Scripted("receipt")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.state, row.receipt, row.attempts) == ("done", "receipt", 1)


def test_temporary_and_unknown_errors_are_tried_again_with_what_was_noted(tmp_path: Path) -> None:
    async def noting(delivery: Delivery, note: Note) -> None:
        await note({"step": 1})
        raise ZeroDivisionError

    action = Scripted(noting, TemporaryError("busy", retry_after=500.0), "done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(action.attempts) == 1)
        await until(lambda: not couriers._under_way)
        clock.now += 11
        couriers.wake()
        await until(lambda: len(action.attempts) == 2)
        await until(lambda: not couriers._under_way)
        due = await spool.next_due([], [])
        assert due == clock.now + 500.0
        clock.now = due
        couriers.wake()
        await until(lambda: len(action.attempts) == 3)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.state == "done"
    assert [delivery.progress for delivery in action.attempts] == [{}, {"step": 1}, {"step": 1}]


def test_permanent_errors_fail_at_once_and_old_ones_are_given_up(tmp_path: Path) -> None:
    first = Scripted(PermanentError("never"))
    second = Scripted(TemporaryError("busy"), TemporaryError("still busy"))

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: first.attempts and second.attempts and not couriers._under_way)
        clock.now += 86400
        couriers.wake()
        await until(lambda: len(second.attempts) == 2)

    rows = run(tmp_path, {"one": first, "two": second}, [one(), one("two")], script)
    assert [(row.state, row.last_error) for row in rows] == [
        ("failed", "never"),
        ("failed", "still busy"),
    ]


def test_a_misconfigured_action_is_paused_and_tried_with_one_delivery(tmp_path: Path) -> None:
    mood: list[Exception] = [MisconfiguredError("wrong password")]
    attempts: list[int] = []

    class Moody:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            attempts.append(delivery.id)
            if mood:
                raise mood[0]
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        async def quiet() -> None:
            await until(lambda: couriers._paused and not couriers._under_way)

        await quiet()
        [pause] = await spool.database.read(pauses.paused)
        assert (pause.action, pause.since, pause.why) == ("one", 1000.0, "wrong password")
        before = len(attempts)
        assert before <= COURIERS // 2
        clock.now += 10 * 86400  # longer than patience, which is not used up meanwhile
        couriers.wake()
        await until(lambda: len(attempts) == before + 1)
        await quiet()
        clock.now += PAUSE - 1
        assert couriers._closed(clock.now) == {"one"}
        clock.now += 1
        mood[:] = [TemporaryError("busy")]
        couriers.wake()
        await until(lambda: not couriers._paused)
        assert await spool.database.read(pauses.paused) == []
        before = len(attempts)
        clock.now += 3600  # what had been put off meanwhile is due by now
        couriers.wake()
        await until(lambda: set(attempts[before - 1 :]) == {1, 2, 3} and not couriers._under_way)

    rows = run(tmp_path, {"one": Moody()}, [one()] * 3, script)
    assert {(row.state, row.last_error) for row in rows} == {("waiting", "busy")}


def test_after_a_restart_a_paused_action_is_tried_at_once(tmp_path: Path) -> None:
    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)
        await couriers.stop(0.0)
        again = Couriers(spool, {"one": action}, Patience(10.0, 86400.0), clock)
        running = asyncio.create_task(again.run())
        await until(lambda: len(action.attempts) == 2)
        await again.stop(1.0)
        await running
        assert await spool.database.read(pauses.paused) == []

    action = Scripted(MisconfiguredError("wrong password"))
    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.state == "done"


def test_an_action_that_is_not_configured_any_more_is_paused(tmp_path: Path) -> None:
    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: couriers._paused)

    [row] = run(tmp_path, {}, [one("none")], script)
    assert (row.state, row.last_error) == ("waiting", "the configuration has no action none")


def test_no_action_takes_more_than_half_of_the_couriers(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def slow(delivery: Delivery, note: Note) -> None:
        await release.wait()

    stuck = Scripted(*[slow] * 5)
    quick = Scripted()

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(quick.attempts) == 3)
        assert len(stuck.attempts) == COURIERS // 2
        clock.now += 10_000  # what is under way is never due again
        couriers.wake()
        await asyncio.sleep(0)
        release.set()
        await until(lambda: len(stuck.attempts) == 5)

    plan = [*[one("stuck")] * 5, *[one("quick")] * 3]
    rows = run(tmp_path, {"stuck": stuck, "quick": quick}, plan, script)
    assert {row.state for row in rows} == {"done"}
    assert sorted(delivery.id for delivery in stuck.attempts) == [1, 2, 3, 4, 5]


def test_stopping_lets_go_of_what_takes_too_long(tmp_path: Path) -> None:
    async def forever(delivery: Delivery, note: Note) -> None:
        await asyncio.Event().wait()

    action = Scripted(forever)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts)
        await couriers.stop(0.0)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.state, row.attempts) == ("waiting", 1)


def test_what_an_action_leaves_for_store_is_stored_whatever_comes_of_it(tmp_path: Path) -> None:
    async def leave(delivery: Delivery, note: Note) -> None:
        await note({"step": 1}, delivery.photos)
        raise PermanentError("the rest failed")

    storing = Scripted()

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: storing.attempts)

    actions: dict[str, Action] = {"email": Scripted(leave), "store": storing}
    rows = run(tmp_path, actions, [Planned("email", ("d@e.f",), None)], script)
    assert [(row.action, row.state) for row in rows] == [("email", "failed"), ("store", "done")]
