"""A photos folder that hangs holds up nothing but what is stored there."""

import asyncio
import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shutterpost.actions import TemporaryError
from shutterpost.actions.store import Store
from shutterpost.config.values import Secret
from shutterpost.disk import Disk
from shutterpost.folder_threads import AT_ONCE, FolderHangs, FolderThreads
from shutterpost.model import Photo
from shutterpost.photos_folder import PhotosFolder
from shutterpost.secret import folder_of
from tests.conftest import Smarthost, StartServer
from tests.hanging import disk, frozen, hanging
from tests.support import (
    PHOTO,
    email_body,
    email_request,
    eventually,
    recording,
    reply_body,
)
from tests.web.visitor import Visitor


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


def spooled(folder: Path) -> tuple[Photo, Store]:
    path = folder / "spooled"
    path.write_bytes(PHOTO)
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    photos = PhotosFolder(folder / "photos", folder, 0, limit=0.3)
    return Photo(1, "A.JPG", "image/jpeg", len(PHOTO), sha256, path), Store(photos, Secret("s"))


def test_what_is_stored_in_a_folder_that_hangs_waits_and_comes(tmp_path: Path) -> None:
    photo, store = spooled(tmp_path)
    photos = tmp_path / "photos"
    first = asyncio.run(store.store(photo, "me@x.y"))
    first.unlink()

    async def try_twice() -> None:
        for _ in range(2):
            with pytest.raises(TemporaryError, match="photos does not answer"):
                await store.store(photo, "me@x.y")

    with hanging(photos):
        asyncio.run(try_twice())

    def stored() -> bool:
        try:
            return asyncio.run(store.store(photo, "me@x.y")) == first
        except TemporaryError:
            return False

    eventually(stored)
    assert first.read_bytes() == PHOTO


def test_a_folder_that_hangs_in_the_middle_of_a_copy(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    with disk(tmp_path / "disk.img", photos):
        photo, store = spooled(tmp_path)
        asyncio.run(store.store(photo, "me@x.y")).unlink()
        with frozen(photos), pytest.raises(TemporaryError, match="does not answer"):
            asyncio.run(store.store(photo, "me@x.y"))
        eventually(lambda: list(photos.rglob("A.JPG")))  # by the thread that was left behind
        path = asyncio.run(store.store(photo, "me@x.y"))
        assert path.name == "A.JPG"
        assert [found.name for found in path.parent.iterdir()] == ["A.JPG"]


CONFIG = """
[storage]
photos = "nas"
secret = "s"
[delivery]
first_retry = "0.2 s"
[web]
folders = true
[shell]
cmd = ["true"]
[actions]
"shell@example.org" = "shell"
"mail@example.org" = "email"
"""


def test_cameras_the_page_and_other_actions_go_on(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(CONFIG + smarthost.config)
    nas = server.folder / "nas"

    def send(name: str, recipient: str) -> None:
        request = email_request(email_body((name, PHOTO), receivers=(recipient,), text=name))
        assert server.ask(request).body == reply_body("status-succ")

    with hanging(nas):
        for number in range(6):
            send(f"{number}.JPG", "shell@example.org")
        assert server.ask(recording("sns-login-nx300")).status in (200, 401)
        send("B.JPG", "mail@example.org")
        eventually(lambda: smarthost.inbox.mails)
        visitor = Visitor(server.page)
        assert visitor.get("/healthz").status == 200
        folder = folder_of("Camera@samsungcamera.com", Secret("s"))
        assert visitor.get(f"/{folder}/").status == 503
        assert "answers again" not in server.output
        server.stop()
        server.start()  # while it hangs
        send("C.JPG", "mail@example.org")
        eventually(lambda: len(smarthost.inbox.mails) == 2)
    eventually(lambda: len(list(nas.rglob("*.JPG"))) == 6)
    assert "does not answer" in server.output


def test_check_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[storage]\nphotos = "nas"\n')
    (tmp_path / "nas").mkdir()
    with hanging(tmp_path / "nas"):
        command = [sys.executable, "-m", "shutterpost", "check", "--offline", "-c", "config.toml"]
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"FAIL  photos: {tmp_path}/nas does not answer" in checked.stdout
