"""`store`: where files land, and what someone who watches the folder sees."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shutterpost.actions import Outcome, TemporaryError
from shutterpost.actions.store import Store, clean
from shutterpost.config.values import Secret
from shutterpost.model import Delivery, Photo, Shipment
from shutterpost.photos_folder import PhotosFolder
from tests.support import eventually, need

SENDER = "Camera@samsungcamera.com"
SECRET = Secret("xiev5kaMeehaimub")
FOLDER = "yZXbyiz-pZX2DqmBjoRl"


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Photo]:
    def make(name: str = "SAM_0001.JPG", data: bytes = b"photo", id: int = 1) -> Photo:
        path = tmp_path / f"spooled-{name}-{len(data)}"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Photo(id, name, "image/jpeg", len(data), sha256, path)

    return make


def store(folder: Path, photo: Photo, instance: str = "", sender: str = SENDER) -> Path:
    return asyncio.run(Store(known(folder), SECRET, instance).store(photo, sender))


def known(path: Path) -> PhotosFolder:
    """A photos folder that was prepared, as at a server's start."""
    data = path.parent / f"{path.name}-data"
    data.mkdir(exist_ok=True)
    folder = PhotosFolder(path, data, 0)
    folder.prepare()
    return folder


def test_a_photo_lands_in_its_senders_folder(tmp_path: Path, photo: Callable[..., Photo]) -> None:
    shipment = Shipment(1, SENDER, "", ("a@b.c",), "", "", "", "", 0.0, (photo(),))
    delivery = Delivery(1, "key", "store", ("a@b.c",), 1, 0.0, shipment, (photo(),))

    async def note(progress: dict[str, object], store: Sequence[Photo] = ()) -> None:
        pytest.fail("there is nothing to note")

    outcome = asyncio.run(Store(known(tmp_path / "photos"), SECRET).deliver(delivery, note))
    path = tmp_path / "photos" / FOLDER / "SAM_0001.JPG"
    assert outcome == Outcome(str(path))
    assert path.read_bytes() == b"photo"


def test_an_instance_names_the_folder(tmp_path: Path, photo: Callable[..., Photo]) -> None:
    assert store(tmp_path, photo(), "album") == tmp_path / "album" / "SAM_0001.JPG"


def test_other_bytes_get_a_number_and_the_same_bytes_no_second_file(
    tmp_path: Path, photo: Callable[..., Photo]
) -> None:
    folder = tmp_path / FOLDER
    assert store(tmp_path, photo()) == folder / "SAM_0001.JPG"
    assert store(tmp_path, photo(data=b"other")) == folder / "SAM_0001-2.JPG"
    assert store(tmp_path, photo(data=b"third")) == folder / "SAM_0001-3.JPG"
    assert store(tmp_path, photo()) == folder / "SAM_0001.JPG"
    assert store(tmp_path, photo(data=b"other")) == folder / "SAM_0001-2.JPG"
    assert store(tmp_path, photo("noext")) == folder / "noext"
    assert store(tmp_path, photo("noext", b"x")) == folder / "noext-2"
    assert len(list(folder.iterdir())) == 5


def test_files_follow_the_umask(tmp_path: Path, photo: Callable[..., Photo]) -> None:
    before = os.umask(0o027)
    try:
        path = store(tmp_path / "photos", photo())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750


def test_a_link_never_leads_out_of_the_photos_folder(
    tmp_path: Path, photo: Callable[..., Photo]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / FOLDER).symlink_to(outside)
    with pytest.raises(TemporaryError, match="leads out"):
        store(photos, photo())
    (photos / FOLDER).unlink()
    (photos / FOLDER).mkdir()
    (photos / FOLDER / "SAM_0001.JPG").symlink_to(outside / "SAM_0001.JPG")
    (photos / FOLDER / ".shutterpost-1").symlink_to(outside / "temporary")
    assert store(photos, photo()).name == "SAM_0001-2.JPG"
    assert list(outside.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_worth_another_try(
    tmp_path: Path, photo: Callable[..., Photo]
) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    with pytest.raises(TemporaryError, match="File exists"):
        store(tmp_path, photo())


def test_temporary_files_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / ".shutterpost-7").write_bytes(b"half")
    (tmp_path / FOLDER / ".owners-own").write_bytes(b"")
    assert clean(tmp_path) == 1
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".owners-own"]


def test_who_watches_sees_each_file_once_complete_and_under_its_name(
    tmp_path: Path, photo: Callable[..., Photo]
) -> None:
    inotifywait = need("inotifywait", "install inotify-tools")
    photos = tmp_path / "photos"
    (photos / FOLDER).mkdir(parents=True)
    log = tmp_path / "events"
    command = [inotifywait, "-m", "-r", "-e", "close_write", "--format", "%w%f", str(photos)]
    with log.open("w") as out, (tmp_path / "ready").open("w") as err:
        watcher = subprocess.Popen(command, stdout=out, stderr=err)
    try:
        eventually(lambda: "established" in (tmp_path / "ready").read_text())
        known(photos)
        large = os.urandom(5_000_000)
        expected = []
        for name, data in (("A.JPG", large), ("B.JPG", b"x"), ("A.JPG", b"y"), ("A.JPG", large)):
            path = store(photos, photo(name, data))
            if str(path) not in expected:
                expected.append(str(path))
        (photos / FOLDER / "end").write_text("")
        expected.append(str(photos / FOLDER / "end"))
        eventually(lambda: "/end\n" in log.read_text())
    finally:
        watcher.kill()
        watcher.wait()
    assert log.read_text().splitlines() == expected


def test_no_reader_sees_part_of_a_file(tmp_path: Path, photo: Callable[..., Photo]) -> None:
    import threading

    data = os.urandom(30_000_000)
    final = tmp_path / FOLDER / "A.JPG"
    sizes = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if final.exists():
                sizes.add(final.stat().st_size)

    reader = threading.Thread(target=read)
    reader.start()
    store(tmp_path, photo("A.JPG", data))
    eventually(lambda: sizes)
    done.set()
    reader.join()
    assert sizes == {len(data)}
