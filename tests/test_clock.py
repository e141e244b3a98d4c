"""Clocks that are set while photos wait: from 1970 to now, a year ahead, and back."""

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, select

from shutterpost.actions import TemporaryError
from shutterpost.clock import SANE, Clock, correction
from shutterpost.couriers import Couriers, Patience
from shutterpost.devices import Devices
from shutterpost.model import Planned
from shutterpost.pausing import PAUSE, Pauses
from shutterpost.spool import Spool
from shutterpost.spool import clock as rows
from shutterpost.spool.schema import attempts, deliveries, photos, shipments
from shutterpost.timekeeper import Timekeeper
from tests.conftest import Server, Smarthost, StartServer
from tests.spool.test_spool import draft
from tests.support import PHOTO, email_body, email_request, eventually, need
from tests.test_couriers import Scripted, until

NOW = 1_795_000_000.0
DAY, YEAR = 86_400.0, 365 * 86_400.0
GIVE_UP = 5 * DAY
LONGEST = GIVE_UP + 7200.0
EMAIL = [Planned("email", ("a@b.c",), None)]


class Times:
    """A system's two clocks: one that goes on steadily, and one that can be set."""

    def __init__(self, wall: float = NOW) -> None:
        self.steady = 100.0
        self.ahead = wall - self.steady

    def wall(self) -> float:
        return self.steady + self.ahead

    def clock(self) -> Clock:
        return Clock(self.wall, lambda: self.steady)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "data")
    spool.open()
    yield spool
    spool.close()


def all_of(spool: Spool, table: Table) -> list[Any]:
    return list(spool.database.read_now(lambda c: c.execute(select(table)).all()))


def start(spool: Spool, times: Times, *on_set: Any) -> tuple[Clock, Timekeeper]:
    """As a server starts."""
    clock = times.clock()
    keeper = Timekeeper(clock, spool.database, LONGEST, on_set)
    keeper.start()
    return clock, keeper


@pytest.mark.parametrize("jump", [6 * DAY, YEAR, -YEAR, 60.0, -3600.0, NOW - 1000.0])
def test_a_clock_that_is_set_uses_up_no_patience_and_puts_nothing_off(
    spool: Spool, jump: float
) -> None:
    times = Times(NOW if jump < NOW - 1000 else 1000.0)
    clock, keeper = start(spool, times)

    async def run() -> None:
        await spool.commit(draft(spool, received=clock()), EMAIL)
        delivery = await spool.claim(clock(), 10.0, 1.0, [], [])
        assert delivery is not None
        await spool.postpone(delivery, "busy", clock())
        times.steady += 4
        times.ahead += jump
        await keeper.look()
        assert clock() == pytest.approx(times.wall())
        assert await spool.claim(clock(), 10.0, 1.0, [], []) is None
        due = await spool.next_due([], [])
        assert due == pytest.approx(clock() + 6.0)
        times.steady += 6
        again = await spool.claim(clock(), 10.0, 1.0, [], [])
        assert again is not None
        assert clock() - again.patient_since == pytest.approx(10.0)

    asyncio.run(run())
    for table in (shipments, photos):
        [row] = all_of(spool, table)
        assert row.received == pytest.approx(clock() - 10.0)
    [attempt] = all_of(spool, attempts)
    assert attempt.finished == pytest.approx(clock() - 10.0)


def test_a_year_ahead_and_back_leaves_everything_as_it_was(spool: Spool) -> None:
    times = Times()
    clock, keeper = start(spool, times)

    async def run() -> None:
        await spool.commit(draft(spool, received=clock()), EMAIL)
        before = all_of(spool, deliveries), all_of(spool, shipments)
        for ahead in (YEAR, -YEAR):
            times.ahead += ahead
            times.steady += 1.0
            await keeper.look()
        after = all_of(spool, deliveries), all_of(spool, shipments)
        for [old], [new] in zip(before, after, strict=True):
            for name, value in old._mapping.items():
                expected = pytest.approx(value) if isinstance(value, float) else value
                assert new._mapping[name] == expected, name

    asyncio.run(run())


@pytest.mark.parametrize("wrong", [1000.0, NOW + YEAR, NOW - YEAR, NOW - 6 * DAY])
def test_a_server_that_starts_under_a_wrong_clock_which_is_then_set(
    tmp_path: Path, wrong: float
) -> None:
    """And again, when it starts once more before the clock is right."""
    times = Times()

    def opened() -> Spool:
        spool = Spool(tmp_path)
        spool.open()
        return spool

    def patience(spool: Spool, clock: Clock) -> float:
        [row] = all_of(spool, deliveries)
        assert row.due <= clock() + 10.0
        return clock() - float(row.patient_since)

    spool = opened()
    clock, _ = start(spool, times)
    asyncio.run(spool.commit(draft(spool, received=clock()), EMAIL))
    spool.close()
    for _ in range(2):  # the power fails twice before anybody sets the clock
        times = Times(wrong)
        spool = opened()
        clock, keeper = start(spool, times)
        assert 0.0 <= patience(spool, clock) < 3600.0
        spool.close()
    spool = opened()
    clock, keeper = start(spool, times)
    times.ahead += NOW + 30 * DAY - wrong
    asyncio.run(keeper.look())
    assert clock() == pytest.approx(NOW + 30 * DAY, abs=1.0)
    assert 0.0 <= patience(spool, clock) < 3600.0
    spool.close()


def test_dates_of_an_unset_clock_are_corrected_also_those_of_an_earlier_run(
    tmp_path: Path,
) -> None:
    def once(times: Times, text: str) -> None:
        spool = Spool(tmp_path)
        spool.open()
        clock, _ = start(spool, times)
        asyncio.run(spool.commit(draft(spool, received=clock(), text=text), EMAIL))
        spool.close()

    once(Times(NOW - YEAR), "right")
    once(Times(5000.0), "unset")
    once(Times(NOW), "set")
    spool = Spool(tmp_path)
    spool.open()
    received = {row.text: row.received for row in all_of(spool, shipments)}
    assert received == {
        "right": pytest.approx(NOW - YEAR),
        "unset": pytest.approx(NOW, abs=3600.0),
        "set": pytest.approx(NOW),
    }
    spool.close()


def test_what_was_put_off_too_far_all_the_same_is_due(spool: Spool) -> None:
    times = Times()
    clock, keeper = start(spool, times)

    async def run() -> None:
        await spool.commit(draft(spool, received=clock() + YEAR), EMAIL)
        await keeper.look()
        delivery = await spool.claim(clock(), 10.0, 1.0, [], [])
        assert delivery is not None
        assert delivery.patient_since == clock()

    asyncio.run(run())


def test_a_slow_clock_is_followed_without_a_word(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    times = Times()
    clock, keeper = start(spool, times)
    for _ in range(5):
        times.ahead += 20.0
        asyncio.run(keeper.look())
        assert clock() == pytest.approx(times.wall())
    assert not caplog.text


def test_the_disk_does_not_wake_up_while_nothing_waits(spool: Spool) -> None:
    times = Times()
    clock, _ = start(spool, times)

    def changes() -> int:
        def look(connection: Any) -> int:
            rows.check(connection, clock(), LONGEST)
            return int(connection.connection.driver_connection.total_changes)

        return asyncio.run(spool.database.write(look))

    before = changes()
    times.steady += DAY
    assert changes() == before
    asyncio.run(spool.commit(draft(spool, received=clock()), EMAIL))
    before = changes()
    assert changes() == before
    times.steady += 3601.0
    assert changes() == before + 1


def test_a_jump_that_cannot_be_written_down_is_followed_later(spool: Spool) -> None:
    times = Times()
    clock, keeper = start(spool, times)
    data = spool.database.path
    times.ahead += YEAR
    moved = data.rename(data.with_name("away"))
    with pytest.raises(OSError, match=r"."):
        asyncio.run(keeper.look())
    assert clock() == pytest.approx(NOW)
    moved.rename(data)
    eventually(lambda: _looks(keeper))
    assert clock() == pytest.approx(NOW + YEAR)


def _looks(keeper: Timekeeper) -> bool:
    try:
        asyncio.run(keeper.look())
    except OSError:
        return False
    return True


def test_an_attempt_during_which_the_clock_is_set_is_not_given_up(spool: Spool) -> None:
    times = Times()
    action = Scripted()

    async def run() -> None:
        clock = times.clock()
        couriers = Couriers(spool, {"email": action}, Patience(10.0, GIVE_UP), clock)
        keeper = Timekeeper(clock, spool.database, LONGEST, [couriers.on_clock_set])

        async def meanwhile(*_: object) -> None:
            times.ahead += 6 * DAY
            await keeper.look()
            raise TemporaryError("busy")

        action.script = [meanwhile]
        await spool.commit(draft(spool, received=clock()), EMAIL)
        running = asyncio.create_task(couriers.run())
        await until(lambda: action.attempts and not couriers._under_way)
        await couriers.stop(5.0)
        await running

    asyncio.run(run())
    [row] = all_of(spool, deliveries)
    assert (row.state, row.last_error) == ("waiting", "busy")


def test_paused_actions_and_devices_go_with_the_clock() -> None:
    paused = Pauses()
    for delivery in (1, 2):
        paused.accuse("email", delivery, "", NOW)
    paused.on_clock_set(YEAR)
    assert paused.held_actions(NOW + YEAR + PAUSE - 1) == {"email"}
    assert paused.held_actions(NOW + YEAR + PAUSE + 1) == set()
    paused.on_clock_set(-YEAR)
    assert paused.held_actions(NOW + PAUSE + 1) == set()
    devices = Devices([], lambda: 1000.0)
    devices.uploaded("192.168.1.2")
    devices.on_clock_set(correction(900.0, 1010.0, NOW))
    [device] = devices.all()
    assert device.last_upload == pytest.approx(NOW - 10.0)
    assert device.last_check == 0.0


TIMES = st.floats(0, 4e9)


@given(began=TIMES, run=st.floats(0, 1e7), now=TIMES, date=TIMES)
def test_corrections(began: float, run: float, now: float, date: float) -> None:
    was = began + run
    found = correction(began, was, now)
    assert found.by == now - was
    assert found.of(0.0) == 0.0
    assert found.of(was + 1.0) == was + 1.0
    if not date:
        return
    by_us = (began <= date <= was) and not was < SANE <= now
    unset = was < SANE <= now and 1.0 <= date <= was
    ahead = now <= date <= was
    is_wrong = (by_us or unset or ahead) and not now < SANE <= was
    assert found.of(date) == (date + found.by if is_wrong else date)


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *found) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, found);
    FILE *file;
    long long ahead = 0;
    if (id == CLOCK_REALTIME && (file = fopen(getenv("AHEAD"), "r"))) {
        if (fscanf(file, "%lld", &ahead) == 1) found->tv_sec += ahead;
        fclose(file);
    }
    return result;
}
"""


class Settable:
    """A server's clock that can be set without setting everybody's."""

    def __init__(self, folder: Path) -> None:
        (folder / "shim.c").write_text(SHIM)
        library = folder / "shim.so"
        compiler = need("cc", "it makes a clock that can be set")
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", str(library), str(folder / "shim.c"), "-ldl"],
            check=True,
        )
        self._file = folder / "ahead"
        self.set(0)
        self.environ: Any = {"LD_PRELOAD": str(library), "AHEAD": str(self._file)}

    def set(self, ahead: float) -> None:
        new = self._file.with_name("new")
        new.write_text(str(int(ahead)))
        new.rename(self._file)


def received(server: Server) -> list[float]:
    with closing(sqlite3.connect(server.folder / "data" / "shutterpost.db", timeout=20)) as found:
        return [row[0] for row in found.execute("SELECT received FROM shipments ORDER BY id")]


def test_a_raspberry_pi_that_learns_the_time_minutes_later(
    start_server: StartServer, smarthost: Smarthost, tmp_path: Path
) -> None:
    """With a mail server that is away the whole time."""
    clock = Settable(tmp_path)
    server = start_server(smarthost.config + '[delivery]\nfirst_retry = "0.2 s"\n')
    server.stop()
    smarthost.stop()
    clock.set(1000 - time.time())
    server.start(**clock.environ)
    for number in range(2):
        body = email_body((f"SAM_{number}.JPG", PHOTO + b"%d" % number))
        assert server.ask(email_request(body)).status == 200
    eventually(lambda: server.output.count("will be tried again") >= 2)
    assert all(when < 10_000 for when in received(server))
    clock.set(0)
    eventually(lambda: "the clock was set from 1970" in server.output)
    assert received(server) == [pytest.approx(time.time(), abs=60.0)] * 2
    clock.set(YEAR)
    eventually(lambda: server.output.count("the clock was set") == 2)
    server.kill()  # and the power fails
    server.start(**clock.environ)
    clock.set(0)
    eventually(lambda: server.output.count("the clock was set") == 1)
    smarthost.start(smarthost.port)
    eventually(lambda: len(smarthost.inbox.mails) == 2, 60.0)
    assert "given up" not in server.output
    assert received(server) == [pytest.approx(time.time(), abs=60.0)] * 2
