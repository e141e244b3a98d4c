"""A photos folder that hangs holds up nothing but what is stored there."""

import asyncio
import threading
from pathlib import Path

import pytest

from shutterpost.disk import Disk
from shutterpost.folder_threads import AT_ONCE, FolderHangs, FolderThreads
from tests.hanging import hanging
from tests.support import eventually


def test_work_that_is_late_is_left_behind_and_nothing_more_begun(tmp_path: Path) -> None:
    threads = FolderThreads(tmp_path, 0.1)
    released = threading.Event()
    begun: list[int] = []

    async def work() -> None:
        with pytest.raises(FolderHangs):
            await threads.run(lambda _: released.wait())
        with pytest.raises(FolderHangs):
            await threads.run(lambda _: begun.append(1))

    asyncio.run(work())
    with pytest.raises(FolderHangs):
        threads.run_now(lambda _: begun.append(1), 20)
    assert begun == []
    released.set()

    def answers() -> bool:
        try:
            threads.run_now(lambda _: begun.append(2), 20)
        except FolderHangs:
            return False
        return True

    eventually(answers)
    assert begun == [2]


def test_work_that_goes_on_is_never_late(tmp_path: Path) -> None:
    threads = FolderThreads(tmp_path, 0.5)

    def slow(alive: object) -> str:
        assert callable(alive)
        for _ in range(20):
            threading.Event().wait(0.05)
            alive()
        return "done"

    assert asyncio.run(threads.run(slow)) == "done"


def test_a_folder_that_hangs_takes_a_bounded_number_of_threads(tmp_path: Path) -> None:
    threads = FolderThreads(tmp_path, 0.2)
    released = threading.Event()
    running: list[int] = []

    def work(_: object) -> None:
        running.append(1)
        released.wait()

    async def many() -> list[object]:
        return await asyncio.gather(
            *(threads.run(work) for _ in range(100)), return_exceptions=True
        )

    found = asyncio.run(many())
    released.set()
    assert {type(result) for result in found} == {FolderHangs}
    assert len(running) == AT_ONCE


def test_the_works_own_error_is_raised(tmp_path: Path) -> None:
    def work(_: object) -> None:
        raise TimeoutError("mine")

    threads = FolderThreads(tmp_path)
    with pytest.raises(TimeoutError, match="mine"):
        asyncio.run(threads.run(work))
    with pytest.raises(TimeoutError, match="mine"):
        threads.run_now(work, 20)
    assert threads.run_now(lambda _: 1, 20) == 1


def test_whether_there_is_room_is_known_without_the_photos_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    disk = Disk(tmp_path, photos, 0)

    async def uploads() -> int:
        """How often the event loop went round while an upload waited."""
        rounds = 0
        asking = asyncio.create_task(disk.require(1))
        while not asking.done():
            rounds += 1
            await asyncio.sleep(0.01)
        await asking
        return rounds

    with hanging(photos):
        assert asyncio.run(uploads()) > 10
        asyncio.run(disk.require(1))
