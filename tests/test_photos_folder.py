"""Whether the photos folder's disk is there: what is remembered, and what is believed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shutterpost.photos_folder import MARKER, PhotosFolder, mount_of
from tests.support import need_root

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Run `mount`; everything is unmounted in the end."""
    need_root()
    mounted: list[Path] = []

    def run(folder: Path, *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *arguments, str(folder)], check=True)
        mounted.append(folder)

    yield run
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)


def tmpfs(mount: Mount, folder: Path) -> None:
    mount(folder, "-t", "tmpfs", "none")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def restarted(path: Path, data: Path) -> PhotosFolder:
    """The folder as a server that has just started knows it."""
    folder = PhotosFolder(path, data, 0)
    folder.prepare()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "the data"
    folder.mkdir()
    return folder


def test_a_folder_that_was_emptied_is_used_again(tmp_path: Path, data: Path) -> None:
    photos = tmp_path / "photos"
    folder = restarted(photos, data)
    shutil.rmtree(photos)  # as /tmp is at a reboot
    assert restarted(photos, data).trouble(1) == ""
    assert (photos / MARKER).exists()
    (photos / MARKER).unlink()  # while the server runs
    assert folder.trouble(1) == ""
    folder.prepare()
    assert (photos / MARKER).exists()


def test_so_is_one_on_a_disk_in_memory_that_is_mounted_anew(
    tmp_path: Path, data: Path, mount: Mount
) -> None:
    memory = tmp_path / "tmp"
    for photos in (memory, memory / "photos"):
        tmpfs(mount, memory)
        restarted(photos, data)
        unmount(memory)
        tmpfs(mount, memory)
        assert restarted(photos, data).trouble(1) == ""
        assert (photos / MARKER).exists()
        unmount(memory)


@pytest.mark.parametrize("below", ["", "photos", "a/b/photos"])
def test_nothing_is_made_below_a_mount_point_whose_disk_is_away(
    tmp_path: Path, data: Path, mount: Mount, below: str
) -> None:
    nas = tmp_path / "a nas"  # its name is escaped in the kernel's list
    photos = nas / below
    tmpfs(mount, nas)
    running = restarted(photos, data)
    unmount(nas)
    for folder in (running, restarted(photos, data)):
        folder.prepare()
        assert folder.trouble(1).startswith(f"{photos} is not mounted")
    assert list(nas.iterdir()) == []
    tmpfs(mount, nas)
    assert restarted(photos, data).trouble(1) == ""


def test_a_bind_mount_that_is_away(tmp_path: Path, data: Path, mount: Mount) -> None:
    photos, real = tmp_path / "photos", tmp_path / "real"
    real.mkdir()
    mount(photos, "--bind", str(real))
    assert not os.path.ismount(photos)  # as the device is the same
    assert mount_of(photos / "x") == photos
    restarted(photos, data)
    unmount(photos)
    assert "is not mounted" in restarted(photos, data).trouble(1)
    assert list(photos.iterdir()) == []


def test_a_link_to_a_disk_that_is_away(tmp_path: Path, data: Path, mount: Mount) -> None:
    usb, photos = tmp_path / "usb", tmp_path / "photos"
    tmpfs(mount, usb)
    (usb / "camera").mkdir()
    photos.symlink_to(usb / "camera")
    restarted(photos, data)
    unmount(usb)
    assert "is not mounted" in restarted(photos, data).trouble(1)
    assert list(usb.iterdir()) == []


def test_a_disk_that_is_mounted_later_is_remembered(
    tmp_path: Path, data: Path, mount: Mount
) -> None:
    photos = tmp_path / "photos"
    running = restarted(photos, data)
    tmpfs(mount, photos)
    assert running.trouble(1) == ""
    running.prepare()
    unmount(photos)
    (photos / MARKER).unlink()
    assert "is not mounted" in restarted(photos, data).trouble(1)


def test_what_the_owner_confirms_counts(tmp_path: Path, data: Path, mount: Mount) -> None:
    photos = tmp_path / "photos"
    tmpfs(mount, photos)
    restarted(photos, data)
    unmount(photos)
    trouble = restarted(photos, data).trouble(1)
    assert trouble.endswith(f"(if all is well there, make it again: touch '{photos / MARKER}')")
    (photos / MARKER).touch()
    assert restarted(photos, data).trouble(1) == ""
    (photos / MARKER).unlink()  # remembered: it is an ordinary folder now
    assert restarted(photos, data).trouble(1) == ""


def test_the_first_releases_memory_is_read(tmp_path: Path, data: Path) -> None:
    here, emptied, new = tmp_path / "here", tmp_path / "emptied", tmp_path / "new"
    (data / "photos-folders").write_text(f"{here}\n{emptied}\n")
    here.mkdir()
    (here / MARKER).touch()
    assert restarted(here, data).trouble(1) == ""
    assert "is not mounted" in restarted(emptied, data).trouble(1)  # it may have been
    assert not emptied.exists()
    assert restarted(new, data).trouble(1) == ""
    shutil.rmtree(here)
    assert restarted(here, data).trouble(1) == ""
    assert "is not mounted" in restarted(emptied, data).trouble(1)


def test_a_full_disk_of_its_own_is_trouble(tmp_path: Path, data: Path, mount: Mount) -> None:
    photos = tmp_path / "photos"
    mount(photos, "-t", "tmpfs", "-o", "size=4m", "none")
    folder = PhotosFolder(photos, data, 1_000_000)
    folder.prepare()
    assert folder.trouble(1_000_000) == ""
    assert folder.trouble(4_000_000).endswith("less than min_free")
