"""When actions are paused, with real spools and couriers."""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, select

from shutterpost.actions import MisconfiguredError, Note, Outcome, TemporaryError
from shutterpost.couriers import COURIERS, Couriers, Patience
from shutterpost.model import Delivery
from shutterpost.pausing import PAUSE, Pauses
from shutterpost.spool import Spool, pauses
from shutterpost.spool.schema import deliveries
from tests.test_couriers import Clock, Scripted, one, run, until


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
            await until(lambda: couriers._closed(clock.now) and not couriers._under_way)

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
        await until(lambda: couriers._paused and not couriers._under_way)

    [row] = run(tmp_path, {}, [one("none")], script)
    assert (row.state, row.last_error) == ("waiting", "the configuration has no action none")


def test_one_deliverys_own_fault_stops_no_other_and_is_given_up_in_the_end(
    tmp_path: Path,
) -> None:
    delivered: list[int] = []
    accused: list[int] = []

    class Choosy:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            if delivery.id == 1:
                accused.append(delivery.id)
                raise MisconfiguredError("the sender is refused")
            delivered.append(delivery.id)
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(delivered) == 5)
        await until(lambda: not couriers._paused and not couriers._under_way)
        assert await spool.database.read(pauses.paused) == []
        clock.now += 86400 + PAUSE  # it was disproved: it is as any other error now
        couriers.wake()
        await until(lambda: spool.database.read_now(state_of_first) == "failed")
        assert len(accused) >= 2

    rows = run(tmp_path, {"one": Choosy()}, [one()] * 6, script)
    assert [row.state for row in rows] == ["failed"] + ["done"] * 5
    assert rows[0].last_error == "the sender is refused"


def state_of_first(connection: Connection) -> str:
    return str(
        connection.execute(select(deliveries.c.state).where(deliveries.c.id == 1)).scalar_one()
    )


def test_one_delivery_that_blames_the_settings_waits_alone_and_as_patiently(
    tmp_path: Path,
) -> None:
    action = Scripted(*[MisconfiguredError("wrong password")] * 20)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        for number in range(1, 20):
            await until(lambda: len(action.attempts) == number and not couriers._under_way)  # noqa: B023
            [pause] = await spool.database.read(pauses.paused)
            assert pause.why == "wrong password"
            assert couriers._closed(clock.now) == set()  # another would be tried
            clock.now += 86400
            couriers.wake()
        await until(lambda: len(action.attempts) == 20 and not couriers._under_way)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.state, row.last_error) == ("waiting", "wrong password")


def test_one_camera_whose_address_is_refused_stops_no_other(tmp_path: Path) -> None:
    """However many photos it sends."""
    refused = {1: "a@b.c", 2: "a@b.c", 3: "a@b.c"}
    attempts: list[int] = []

    class Choosy:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            attempts.append(delivery.id)
            if delivery.id in refused:
                raise MisconfiguredError("550", about=refused[delivery.id])
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: {4, 5} <= set(attempts) and not couriers._under_way)
        assert couriers._closed(clock.now) == set()

    rows = run(tmp_path, {"one": Choosy()}, [one()] * 5, script)
    assert [row.state for row in rows] == ["waiting"] * 3 + ["done"] * 2


def test_what_two_different_cameras_blame_is_evidence() -> None:
    paused = Pauses()
    for delivery in (1, 2):
        assert paused.accuse("email", delivery, "a@b.c", 1000.0)
        assert paused.held_actions(1000.0) == set()
    assert paused.held_deliveries(1000.0) == {1, 2}
    assert paused.accuse("email", 3, "x@y.z", 1000.0)
    assert paused.held_actions(1000.0 + PAUSE - 1) == {"email"}
    assert paused.held_actions(1000.0 + PAUSE) == set()
    paused.claimed("email", 1000.0 + PAUSE)  # one alone tries it
    assert paused.held_actions(1000.0 + PAUSE) == {"email"}
    paused.end("email", delivered=4)
    assert not paused
    assert not paused.accuse("email", 1, "a@b.c", 2000.0)  # disproved
    paused.forget(1)
    assert paused.accuse("email", 1, "a@b.c", 2000.0)
