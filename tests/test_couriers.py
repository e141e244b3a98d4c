"""Couriers with real spools, and actions that do what a test tells them."""

import asyncio
import math
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shutterpost.actions import (
    Action,
    MisconfiguredError,
    Note,
    Outcome,
    PermanentError,
    TemporaryError,
)
from shutterpost.couriers import COURIERS, ERROR_LIMIT, Couriers, Patience
from shutterpost.model import Delivery, Planned
from shutterpost.spool import Draft, Spool
from shutterpost.spool.schema import deliveries
from tests.conftest import StartServer
from tests.support import eventually
from tests.web.visitor import photo, send


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
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.now


def run(
    folder: Path,
    actions: dict[str, Action],
    planned: list[Planned],
    script: Callable[[Couriers, Clock, Spool], Awaitable[None]],
    has_network: Callable[[], bool] = lambda: True,
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
        patience = Patience(10.0, 86400.0)
        couriers = Couriers(spool, actions, patience, clock, has_network=has_network)
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


def test_deliveries_that_hang_at_far_ends_keep_nothing_from_this_machines_folder(
    tmp_path: Path,
) -> None:
    async def hang(delivery: Delivery, note: Note) -> None:
        await asyncio.Event().wait()

    far: dict[str, Action] = {
        name: Scripted(*[hang] * 9) for name in ("email", "mastodon", "mastodon.two")
    }
    local = {name: Scripted() for name in ("store", "store.two", "shell.log", "drop")}
    stuck = Scripted(*[hang] * 9)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: all(len(action.attempts) == 3 for action in local.values()))
        await until(lambda: len(couriers._under_way) == COURIERS + 1)
        assert len(stuck.attempts) == 1  # a command that hangs keeps its own courier only
        hanging = [name for name in far if far[name].attempts]  # type: ignore[attr-defined]
        assert len(hanging) == 2
        await couriers.stop(0.0)

    plan = [one(name) for name in [*far, "shell.stuck"] for _ in range(3)]
    plan += [one(name) for name in local for _ in range(3)]
    rows = run(tmp_path, {**far, **local, "shell.stuck": stuck}, plan, script)
    assert {row.state for row in rows if row.action in local} == {"done"}


def test_a_local_command_runs_one_at_a_time_and_in_order(tmp_path: Path) -> None:
    running: list[int] = []
    order: list[int] = []

    class Command:
        async def deliver(self, delivery: Delivery, note: Note) -> Outcome:
            running.append(delivery.id)
            assert len(running) == 1
            await asyncio.sleep(0)
            order.append(delivery.id)
            running.remove(delivery.id)
            return Outcome("done")

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: len(order) == 6)

    run(tmp_path, {"shell.log": Command()}, [one("shell.log")] * 6, script)
    assert order == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("wait", [0.0, -5.0, 1.0, math.nan])
def test_no_far_end_makes_an_attempt_come_earlier(tmp_path: Path, wait: float) -> None:
    action = Scripted(TemporaryError("busy", retry_after=wait))

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)
        due = await spool.next_due([], [])
        assert due is not None
        assert 1010.0 <= due <= 1011.0

    run(tmp_path, {"one": action}, [one()], script)


@pytest.mark.parametrize("wait", [86399.0, 86401.0, 1e12, 1e300, math.inf])
def test_a_far_ends_wish_is_believed_as_long_as_patience_lasts(tmp_path: Path, wait: float) -> None:
    action = Scripted(*[TemporaryError("busy", retry_after=wait)] * 2)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)
        due = await spool.next_due([], [])
        assert due == 1000.0 + min(wait, 86400.0)
        clock.now = 1000.0 + 86400.0
        couriers.wake()
        await until(lambda: len(action.attempts) == 2)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.state == "failed"  # after a last attempt


def test_an_unknown_error_is_given_up_in_the_end(tmp_path: Path) -> None:
    action = Scripted(*[ZeroDivisionError("by zero")] * 99)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        for _ in range(99):
            await until(lambda: not couriers._under_way)
            due = await spool.next_due([], [])
            if due is None:
                return
            clock.now = due
            count = len(action.attempts)
            couriers.wake()
            await until(lambda: len(action.attempts) > count)  # noqa: B023
        raise AssertionError("it is never given up")

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.state, row.last_error) == ("failed", "by zero")
    assert row.finished - row.created <= 86400.0 + 3600.0 * 1.1


def test_off_grid_nothing_is_given_up(tmp_path: Path) -> None:
    """Forty days without any network, then five days of patience as from the first try."""
    action = Scripted(*[TemporaryError("Network is unreachable")] * 2000)
    has_network = [False]
    came_back = 0.0

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        nonlocal came_back
        begun = clock.now
        while True:
            await until(lambda: not couriers._under_way)
            due = await spool.next_due([], [])
            if due is None:
                return
            clock.now = due
            if not has_network[0] and clock.now - begun > 40 * 86400.0:
                has_network[0], came_back = True, clock.now
            count = len(action.attempts)
            couriers.wake()
            await until(lambda: len(action.attempts) > count)  # noqa: B023

    [row] = run(tmp_path, {"one": action}, [one()], script, lambda: has_network[0])
    assert row.state == "failed"
    assert came_back
    assert 86400.0 - 2 * 3960.0 <= row.finished - came_back <= 86400.0 + 2 * 3960.0


@pytest.mark.parametrize(
    "step",
    [
        TemporaryError("half a pair: \ud800"),
        PermanentError("half a pair: \udcff"),
        MisconfiguredError("half a pair: \udfff"),
        ValueError("half a pair: \udcff"),
        "half a pair: \ud800",
    ],
)
def test_words_that_no_database_holds_are_written_down_all_the_same(
    tmp_path: Path, step: Any
) -> None:
    action = Scripted(step)

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert (row.last_error or row.receipt) == "half a pair: ?"


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    action = Scripted(PermanentError("ö" * 1_000_000))

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        await until(lambda: action.attempts and not couriers._under_way)

    [row] = run(tmp_path, {"one": action}, [one()], script)
    assert row.last_error == "ö" * (ERROR_LIMIT // 2)


def test_couriers_do_not_spin(tmp_path: Path) -> None:
    """Whatever waits, and why: the queue is looked at as often as something may have changed."""

    async def hang(delivery: Delivery, note: Note) -> None:
        await asyncio.Event().wait()

    far = Scripted(*[hang] * 9)
    actions: dict[str, Action] = {
        "email": far,
        "mastodon": far,
        "mastodon.two": Scripted(),
        "drop": Scripted(*[TemporaryError("busy")] * 9),
        "shell.x": Scripted(*[MisconfiguredError("wrong")] * 9),
    }

    async def script(couriers: Couriers, clock: Clock, spool: Spool) -> None:
        drop, shell = actions["drop"], actions["shell.x"]
        assert isinstance(drop, Scripted)
        assert isinstance(shell, Scripted)
        await until(lambda: len(drop.attempts) == 3 and len(shell.attempts) == 2)
        await until(lambda: len(couriers._under_way) == COURIERS)
        asked = clock.asked
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert clock.asked - asked <= 8  # a courier that spins asks thousands of times
        await couriers.stop(0.0)

    plan = [one(name) for name in actions for _ in range(3)]
    run(tmp_path, actions, plan, script)


def test_far_ends_that_never_answer_do_not_delay_the_local_folder(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A smarthost and a Mastodon that take connections and say nothing, twice each."""
    with ExitStack() as opened:
        silent = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = silent.getsockname()[1]
        server = start_server(
            f'[email]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
            f'[mastodon]\nurl = "http://127.0.0.1:{port}"\ntoken = "t0ken"\n'
            '[actions]\n"keep@example.org" = "store"\n"post@example.org" = "mastodon"\n'
        )
        for to in ("photos@example.org", "post@example.org"):
            for number in range(3):
                name = f"{to.partition('@')[0]}-{number}.JPG"
                send(server, photo(tmp_path, name, side=60 + number), to, text="Hi~alt")
        hanging = [opened.enter_context(silent.accept()[0]) for _ in range(COURIERS)]
        send(server, photo(tmp_path, "KEEP.JPG"), "keep@example.org")
        eventually(server.stored, 10.0)  # each of the others takes a minute, at least
        assert len(hanging) == COURIERS
