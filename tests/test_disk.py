"""Full disks, folders that are not mounted, and what is removed when."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, StartServer
from tests.support import (
    PHOTO,
    email_body,
    email_request,
    eventually,
    need_root,
    recording,
    reply_body,
)

SUCCESS = reply_body("status-succ")
Mount = Callable[[Path, str], None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount small disks in memory."""
    need_root()
    mounted: list[Path] = []

    def make(path: Path, size: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=True
        )
        mounted.append(path)

    yield make
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path, leave: int) -> Path:
    """Take a disk's free space, but for some bytes."""
    import os

    status = os.statvfs(path)
    ballast = path / "ballast"
    ballast.write_bytes(bytes(status.f_bavail * status.f_frsize - leave))
    return ballast


def photo(number: int, size: int = 100_000) -> bytes:
    return email_request(email_body((f"SAM_{number}.JPG", b"%d" % number + bytes(size))))


CONFIG = '[storage]\ndata = "disk/data"\nphotos = "photos"\nmin_free = "{}"\n'


def start(start_server: StartServer, mount: Mount, size: str, min_free: str) -> tuple[Server, Path]:
    server = start_server("")
    server.stop()
    mount(server.folder / "disk", size)
    server.config.write_text(CONFIG.format(min_free))
    server.start()
    return server, server.folder / "disk"


def test_below_min_free_cameras_are_told_before_the_body_and_it_recovers(
    start_server: StartServer, mount: Mount
) -> None:
    import socket

    server, disk = start(start_server, mount, "30m", "5 MiB")
    assert server.ask(photo(1)).body == SUCCESS
    ballast = fill(disk, 4_000_000)
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
            sock.sendall(photo(2)[:400])  # only the head, and a little more
            assert b" 503 " in sock.recv(2000).split(b"\r\n")[0]
    assert server.output.count("cameras are told to try later") == 1
    ballast.unlink()
    assert server.ask(photo(2)).body == SUCCESS
    large = email_request(email_body(("B.MP4", b"x")), length=26_000_000)
    assert server.ask(large, close_sending=True).status == 503


def test_a_disk_that_fills_up_in_the_middle(start_server: StartServer, mount: Mount) -> None:
    server, disk = start(start_server, mount, "12m", "0 B")
    answers = [server.ask(photo(number, 1_500_000)) for number in range(12)]
    accepted = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 503}
    spooled = list((disk / "data" / "spool").rglob("*"))
    assert len([path for path in spooled if path.is_file()]) == len(accepted)
    stored = server.folder / "photos"
    eventually(lambda: len(list(stored.rglob("*.JPG"))) == len(accepted))
    server.kill()
    for path in disk.glob("ballast"):
        path.unlink()
    server.start()
    assert "cleaned:" not in server.output
    subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
    refused = next(number for number, answer in enumerate(answers) if answer.status == 503)
    assert server.ask(photo(refused, 1_500_000)).body == SUCCESS
    eventually(lambda: len(list(stored.rglob("*.JPG"))) == len(accepted) + 1)
    for path in stored.rglob("*.JPG"):
        assert path.stat().st_size > 1_500_000


def test_many_at_once_on_a_full_disk_lose_nothing(start_server: StartServer, mount: Mount) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server, disk = start(start_server, mount, "6m", "0 B")
    text = "x" * 200_000

    def send(number: int) -> tuple[int, int]:
        body = email_body((f"SAM_{number}.JPG", b"%d" % number), text=text + str(number))
        return number, server.ask(email_request(body)).status

    with ThreadPoolExecutor(30) as pool:
        answers = dict(pool.map(send, range(90)))
    assert {200, 503} <= set(answers.values())
    server.kill()
    subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
    server.start()
    accepted = {number for number, status in answers.items() if status == 200}

    def stored() -> set[int]:
        return {int(path.stem.split("_")[1]) for path in (server.folder / "photos").rglob("*.JPG")}

    eventually(lambda: accepted <= stored())
    again = {number: send(number)[1] for number in answers if answers[number] != 200}
    assert set(again.values()) == {200}
    eventually(lambda: stored() == set(answers))
    assert "no longer in the spool" not in server.output


def test_photos_on_a_disk_of_their_own_that_is_full(
    start_server: StartServer, mount: Mount
) -> None:
    server = start_server("")
    server.stop()
    mount(server.folder / "nas", "20m")
    server.config.write_text(
        '[storage]\nphotos = "nas/photos"\nmin_free = "2 MiB"\n[delivery]\nfirst_retry = "0.2 s"\n'
    )
    server.start()
    assert server.ask(photo(1)).body == SUCCESS
    nas = server.folder / "nas" / "photos"
    eventually(lambda: list(nas.rglob("*.JPG")))
    ballast = fill(server.folder / "nas", 1_000_000)
    assert server.ask(photo(2)).body == SUCCESS  # the spool has room
    eventually(lambda: "less than min_free" in server.output)
    ballast.unlink()
    eventually(lambda: len(list(nas.rglob("*.JPG"))) == 2)


def test_nothing_is_written_below_an_empty_mount_point(
    start_server: StartServer, mount: Mount
) -> None:
    server = start_server("")
    server.stop()
    nas = server.folder / "nas"
    mount(nas, "20m")
    server.config.write_text(
        '[storage]\nphotos = "nas"\nmin_free = "1 MiB"\n[delivery]\nfirst_retry = "0.2 s"\n'
    )
    server.start()
    assert server.ask(photo(1)).body == SUCCESS
    eventually(lambda: list(nas.rglob("*.JPG")))
    server.stop()
    away = server.folder / "away"
    away.mkdir()
    subprocess.run(["mount", "--move", str(nas), str(away)], check=True)
    server.start()
    assert server.ask(photo(2)).body == SUCCESS
    eventually(lambda: "is not mounted" in server.output)
    assert list(nas.iterdir()) == []
    subprocess.run(["mount", "--move", str(away), str(nas)], check=True)
    eventually(lambda: len(list(nas.rglob("*.JPG"))) == 2)


def test_delivered_files_leave_the_spool_and_others_never(start_server: StartServer) -> None:
    server = start_server(
        '[storage]\nkeep = "1 s"\n[email]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
        '[actions]\n"store@example.org" = "store"\n'
    )
    to_store = email_body(("A.JPG", PHOTO), receivers=("store@example.org",))
    assert server.ask(email_request(to_store)).body == SUCCESS
    assert server.ask(recording("email-nx300")).body == SUCCESS  # waits for a dead SMTP server
    eventually(server.stored)

    def restarted() -> bool:
        server.stop()
        server.start()
        return len(server.spooled()) == 1

    eventually(restarted)
    assert [path.read_bytes() for path in server.spooled()] == [PHOTO]
    server.stop()
    server.start()
    assert len(server.spooled()) == 1
