"""The database's writer outlives its jobs, and everything that runs out and comes back."""

import asyncio
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from shutterpost.spool.database import Database


def add(value: int) -> Callable[[Connection], int]:
    """A job that writes a number down, and returns it."""

    def work(connection: Connection) -> int:
        connection.execute(
            text("INSERT INTO hotspots (client, host, answer) VALUES (:client, 'h', 'a')"),
            {"client": str(value)},
        )
        return value

    return work


def run(folder: Path, script: Callable[[Database], Awaitable[None]]) -> list[int]:
    """Run a script with an open database; returns the numbers that it holds afterwards."""
    database = Database(folder / "db")
    database.open()
    try:
        asyncio.run(asyncio.wait_for(script(database), 30))
    finally:
        database.close()
    found = database.read_now(
        lambda connection: connection.execute(text("SELECT client FROM hotspots")).scalars().all()
    )
    return sorted(map(int, found))


async def healthy(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await database.prove()
            except OSError:
                await asyncio.sleep(0.02)


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_jobs_fail_at_once_and_then_all_is_well_again(tmp_path: Path) -> None:
    async def script(database: Database) -> None:
        with no_descriptors():  # before the writer has its connection
            for number in range(20):
                with pytest.raises(OSError, match=r"."):
                    await database.write(add(number))
            with pytest.raises(OSError, match=r"."):
                await database.prove()
        await healthy(database)
        assert await database.write(add(100)) == 100

    assert run(tmp_path, script) == [100]


def test_a_refused_job_costs_no_connection(tmp_path: Path) -> None:
    def refuse(connection: Connection) -> None:
        add(7)(connection)
        raise ZeroDivisionError

    def forget(connection: Connection) -> None:
        connection.execute(text("DELETE FROM hotspots WHERE client = '2'"))

    async def script(database: Database) -> None:
        await database.write(add(1))
        with no_descriptors():
            for _ in range(3):
                results = await asyncio.gather(
                    database.write(add(2)),
                    database.write(refuse),
                    database.write(forget),
                    return_exceptions=True,
                )
                assert results[0] == 2
                assert isinstance(results[1], ZeroDivisionError)
            assert await database.write(add(3)) == 3

    assert run(tmp_path, script) == [1, 3]


@pytest.mark.parametrize("together", [1, 5])
def test_no_job_ends_the_writer(tmp_path: Path, together: int) -> None:
    """One that closes the connection under it is the worst that we could think of."""

    def close(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.close()

    def invalidate(connection: Connection) -> None:
        connection.invalidate()

    async def script(database: Database) -> None:
        await database.write(add(1))
        for number, worst in enumerate((close, invalidate)):
            jobs = [database.write(worst) for _ in range(together)]
            results = await asyncio.gather(*jobs, return_exceptions=True)
            assert all(isinstance(result, Exception) for result in results)
            await healthy(database)
            assert await database.write(add(10 + number)) == 10 + number

    assert run(tmp_path, script) == [1, 10, 11]


def test_a_deleted_database_and_a_job_that_breaks_the_connection(tmp_path: Path) -> None:
    async def script(database: Database) -> None:
        await database.write(add(1))
        for suffix in ("", "-wal", "-shm"):
            os.unlink(tmp_path / f"db{suffix}")
        assert await database.write(add(2)) == 2
        with pytest.raises(Exception, match=r"."):
            await database.write(lambda connection: connection.invalidate())
        await healthy(database)
        assert await database.write(add(3)) == 3

    assert run(tmp_path, script) == [1, 2, 3]
