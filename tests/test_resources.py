"""What runs out and comes back: descriptors, disks, the database itself."""

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Server, Smarthost, StartServer
from tests.support import (
    DEADLINE,
    PHOTO,
    ask,
    email_body,
    email_request,
    eventually,
    need,
    need_root,
    recording,
    reply_body,
)
from tests.test_cli import run

SUCCESS = reply_body("status-succ")
BOGUS = (
    b"POST /facebook/photo HTTP/1.1\r\nHost: snsgw.samsungmobile.com\r\nContent-Length: 84\r\n\r\n"
    b'<Request SessionKey="00000000000000000000000000000000"><File Name="A.JPG"/></Request>'
)


def photo(number: int, size: int = 1000) -> bytes:
    return email_request(email_body((f"SAM_{number}.JPG", b"%d" % number + bytes(size))))


def health(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.page}/healthz", timeout=20) as said:
            return int(said.status)
    except urllib.error.HTTPError as error:
        return error.code


def is_well(server: Server) -> bool:
    return health(server) == 200


def is_ill(server: Server) -> bool:
    return health(server) == 503


def acknowledges(server: Server, data: bytes) -> bool:
    return server.ask(data).body == SUCCESS


def comes_through(server: Server, data: bytes) -> bool:
    """Whether a photo is taken, by a server that may still be short of descriptors."""
    with suppress(ConnectionError, IndexError):
        return acknowledges(server, data)
    return False


@pytest.fixture(params=["tmpfs", "ext4", "ext4 of small blocks"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, on each file system that fills up in its own way."""
    need_root()
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        mounted = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(24 << 20)
        block = "1024" if request.param.endswith("blocks") else "4096"
        mkfs = need("mkfs.ext4", "install e2fsprogs")
        subprocess.run([mkfs, "-q", "-F", "-m", "0", "-b", block, str(image)], check=True)
        mounted = ["mount", "-o", "loop", str(image), str(folder)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot be mounted here: {done.stderr}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take the disk to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (1 << 20, 4096, 512, 1):
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:
                continue
    return ballast


def on_a_small_disk(start_server: StartServer, disk: Path, more: str = "") -> Server:
    config = f'[storage]\ndata = "{disk}/data"\nphotos = "photos"\nmin_free = "0 B"\n{more}'
    return start_server(config)


def test_a_disk_full_to_the_last_byte_and_free_again(start_server: StartServer, disk: Path) -> None:
    server = on_a_small_disk(start_server, disk)
    assert acknowledges(server, photo(1))
    refused = set()
    for round in range(3):
        ballast = fill(disk)
        for number in range(5):
            refused.add(server.ask(photo(100 * round + number, 2_000_000)).status)
            assert server.ask(BOGUS).status in (401, 503)
            assert server.ask(recording("sns-login-nx300")).status in (401, 429, 503)
        ballast.unlink()
        eventually(lambda: is_well(server))
        eventually(lambda number=round: acknowledges(server, photo(1000 + number)))  # type: ignore[misc]
    assert refused == {503}
    assert server.process.poll() is None
    assert "Traceback" not in server.output


def limit_descriptors(server: Server, limit: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, hard))


def test_no_descriptor_left_and_there_again(server: Server) -> None:
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[0]
    used = max(int(path.name) for path in Path(f"/proc/{server.process.pid}/fd").iterdir()) + 1
    for spare in (1, 2, 3, 4, 6):  # each takes away another step
        limit_descriptors(server, used + spare)
        for number in range(3):
            for data in (photo(100 * spare + number), BOGUS):
                # Without a descriptor for the connection itself it waits, or is gone.
                with suppress(ConnectionError, TimeoutError):
                    answer = ask(server.port, data, timeout=1.0)
                    assert not answer.raw or answer.status in (200, 401, 503)
        limit_descriptors(server, before)
        eventually(lambda number=spare: comes_through(server, photo(1000 + number)))  # type: ignore[misc]
        eventually(lambda: is_well(server))
    assert "Traceback" not in server.output


def test_a_disk_that_comes_back(start_server: StartServer, disk: Path, tmp_path: Path) -> None:
    """As a USB disk whose cable was loose: the same file system, mounted once more."""
    if not (tmp_path / "image").exists():
        pytest.skip("a disk in memory does not come back")
    server = on_a_small_disk(start_server, disk)
    assert acknowledges(server, photo(1))
    subprocess.run(["mount", "-o", "remount,abort", str(disk)], check=False)
    assert server.ask(photo(2, 300_000)).status == 503
    assert server.ask(photo(3, 300_000)).status == 503
    subprocess.run(["umount", "-l", str(disk)], check=True)
    server.stop()
    subprocess.run(["mount", "-o", "loop", str(tmp_path / "image"), str(disk)], check=True)
    server.start()
    assert acknowledges(server, photo(2, 300_000))
    eventually(lambda: len(list((server.folder / "photos").rglob("*.JPG"))) == 2)


def damage(database: Path) -> None:
    """Overwrite what a database has after its first page."""
    size = database.stat().st_size
    with database.open("rb+") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def removed(database: Path) -> None:
    for path in database.parent.glob("shutterpost.db*"):
        path.unlink()


def emptied(database: Path) -> None:
    removed(database)
    database.write_bytes(b"")


def scrambled(database: Path) -> None:
    sqlite3.connect(database).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    damage(database)


def cut_off(database: Path) -> None:
    removed(database)
    database.write_bytes(b"SQLite format 3\0" + os.urandom(8000))


@pytest.mark.parametrize("spoil", [removed, emptied, scrambled, cut_off])
def test_photos_without_their_database_are_found_and_recovered(
    start_server: StartServer, smarthost: Smarthost, spoil: Callable[[Path], None]
) -> None:
    server = start_server(smarthost.config)
    smarthost.stop()
    waiting = [PHOTO + b"%d" % number for number in range(3)]
    for number, sent in enumerate(waiting):
        body = email_body((f"A{number}.JPG", sent), receivers=("someone@example.org",))
        assert acknowledges(server, email_request(body))
    server.kill()
    data = server.folder / "data"
    spoil(data / "shutterpost.db")
    server.start()
    found = [path.read_bytes() for path in (data / "spool" / "found").iterdir()]
    assert sorted(found) == sorted(waiting)
    assert "FOUND:     3 photos" in server.output
    assert "shutterpost recover" in server.output
    if spoil in (scrambled, cut_off):
        assert "DAMAGED:" in server.output
        assert list(data.glob("shutterpost.db.damaged-*"))
    server.kill()
    server.start()  # and stay found
    assert "FOUND:     3 photos" in server.output
    done = run("recover", cwd=server.folder)
    assert (done.returncode, done.stdout[:12]) == (0, "recovered: 3")
    eventually(lambda: sorted(server.stored().values()) == sorted(waiting))
    assert list((data / "spool" / "found").iterdir()) == []
    assert run("recover", cwd=server.folder).stdout.startswith("recovered: 0")


def test_recovered_photos_are_mailed_where_one_says(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(smarthost.config)
    smarthost.stop()
    assert acknowledges(server, recording("email-nx300"))
    server.kill()
    removed(server.folder / "data" / "shutterpost.db")
    port = smarthost.port
    smarthost.start(port)
    server.start()
    assert run("recover", "--to", "nobody", cwd=server.folder).returncode == 2
    assert run("recover", "--to", "me@example.org", cwd=server.folder).returncode == 0
    [mail] = eventually(lambda: smarthost.inbox.mails)
    assert mail.recipients == ["me@example.org"]
    [attachment] = mail.message.iter_attachments()
    assert attachment.get_content() == PHOTO


def damage_end(database: Path) -> None:
    """Overwrite what nobody misses: the indexes' last pages, as far as there are some."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [[page]] = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'deliveries_by_due'"
        )
    connection.close()
    with database.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))


def test_what_a_damaged_database_still_says_is_recovered(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(
        smarthost.config + '[actions]\n"keep@example.org" = "store"\n'
        '[delivery]\nfirst_retry = "1 h"\n'
    )
    smarthost.stop()
    both = ("keep@example.org", "someone@example.org")
    body = email_body(("SAM_7.JPG", PHOTO), receivers=both, text="Hello", subject="A subject")
    assert acknowledges(server, email_request(body))
    eventually(lambda: len(server.stored()) == 1)
    eventually(lambda: "will be tried again" in server.output)
    server.kill()
    data = server.folder / "data"
    damage_end(data / "shutterpost.db")
    (data / "shutterpost.db.suspect").touch()  # as the running server would have noticed
    smarthost.start(smarthost.port)
    server.start()
    assert "FOUND:     1 photos" in server.output
    assert run("recover", cwd=server.folder).stdout.startswith("recovered: 1")
    [mail] = eventually(lambda: smarthost.inbox.mails)
    assert mail.recipients == ["someone@example.org"]
    assert mail.message["Subject"] == "A subject"
    [attachment] = mail.message.iter_attachments()
    assert attachment.get_filename() == "SAM_7.JPG"
    assert len(server.stored()) == 1  # that had arrived


def test_a_backup_of_the_database_finds_its_photos_again(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    """Set aside first, and then restored."""
    server = start_server(smarthost.config)
    smarthost.stop()
    assert acknowledges(server, recording("email-nx300"))
    assert server.stop() == 0
    data = server.folder / "data"
    backup = (data / "shutterpost.db").read_bytes()
    damage(data / "shutterpost.db")
    server.start()
    assert "FOUND:     1 photos" in server.output
    server.stop()
    removed(data / "shutterpost.db")
    (data / "shutterpost.db").write_bytes(backup)
    smarthost.start(smarthost.port)
    server.start()
    assert "FOUND:" not in server.output
    assert eventually(lambda: smarthost.inbox.mails)


def test_what_the_database_knows_is_not_recovered_twice(server: Server) -> None:
    assert acknowledges(server, recording("email-nx300"))
    eventually(server.stored)
    server.kill()
    found = server.folder / "data" / "spool" / "found"
    found.mkdir()
    (found / ("0" * 32)).write_bytes(PHOTO)
    server.start()
    done = run("recover", cwd=server.folder)
    assert done.stdout == "recovered: 0; known already, and tidied up: 1\n"
    assert len(server.spooled()) == 1


@pytest.mark.parametrize("pattern", ["shutterpost.db", "shutterpost.db-wal", "shutterpost.db*"])
def test_a_database_deleted_under_a_running_server_is_written_anew(
    start_server: StartServer, smarthost: Smarthost, pattern: str
) -> None:
    """All that it held is still open."""
    server = start_server(smarthost.config + '[delivery]\nfirst_retry = "0.1 s"\n')
    smarthost.stop()
    assert acknowledges(server, photo(1))
    data = server.folder / "data"
    for path in data.glob(pattern):
        path.unlink()
    assert acknowledges(server, photo(2))
    assert is_well(server)
    assert (data / "shutterpost.db").stat().st_mode & 0o777 == 0o600
    server.kill()
    server.start()
    assert "FOUND:" not in server.output
    assert acknowledges(server, photo(3))
    smarthost.start(smarthost.port)
    eventually(lambda: len(smarthost.inbox.mails) == 3)


def test_a_database_deleted_on_a_full_disk_loses_no_photo(
    start_server: StartServer, disk: Path
) -> None:
    """It is written anew from the open file, or, if that is gone too, its photos are found."""
    server = on_a_small_disk(start_server, disk)
    assert acknowledges(server, photo(1))
    filled = fill(disk)
    (disk / "data" / "shutterpost.db").unlink()
    for number in range(5):  # ext4 finds a few blocks more when one asks again
        assert server.ask(photo(10 + number, 100_000)).status in (200, 503)
    filled.unlink()
    server.kill()
    server.start()
    assert acknowledges(server, photo(2))
    stored = server.folder / "photos"
    found = disk / "data" / "spool" / "found"
    eventually(lambda: list(stored.rglob("SAM_1.JPG")) or list(found.iterdir()))


def test_a_database_replaced_under_a_running_server_is_an_error(server: Server) -> None:
    assert acknowledges(server, photo(1))
    data = server.folder / "data"
    other = data / "other"
    other.write_bytes(b"")
    other.rename(data / "shutterpost.db")
    assert server.ask(photo(2)).status == 503
    assert is_ill(server)
    assert server.stop() == 0
    server.start()
    assert acknowledges(server, photo(2))
    assert "FOUND:     1 photos" in server.output


def test_damage_that_a_running_server_meets_is_set_aside_at_the_next_start(server: Server) -> None:
    for number in range(30):
        assert acknowledges(server, photo(number))
    database = server.folder / "data" / "shutterpost.db"
    scrambled(database)
    eventually(lambda: server.process.poll() is not None or server.ask(photo(99)).status == 503)
    assert server.process.poll() is None, (server.process.poll(), server.output[-1500:])
    assert is_ill(server)
    server.stop()
    server.start()
    assert "DAMAGED:" in server.output
    assert acknowledges(server, photo(99))


def test_a_mail_that_went_out_as_the_disk_filled_up_goes_out_once(
    start_server: StartServer, smarthost: Smarthost, disk: Path
) -> None:
    server = on_a_small_disk(
        start_server, disk, smarthost.config + '[delivery]\nfirst_retry = "0.1 s"\n'
    )
    eventually((disk / "data" / "reserve").exists)
    smarthost.inbox.on_mail = lambda: fill(disk)
    assert acknowledges(server, recording("email-nx300"))
    eventually(lambda: smarthost.inbox.mails)
    connection = sqlite3.connect(disk / "data" / "shutterpost.db", timeout=20)
    eventually(lambda: connection.execute("SELECT state FROM deliveries").fetchone() == ("done",))
    connection.close()
    assert len(smarthost.inbox.mails) == 1
    assert not (disk / "data" / "reserve").exists()


def test_every_name_is_on_disk_before_the_first_sent(tmp_path: Path) -> None:
    """A new installation whose power fails just after: nothing may lose its name."""
    strace = need("strace")
    trace, log = tmp_path / "trace", tmp_path / "log"
    command = [strace, "-f", "-y", "-s", "32", "-e", "trace=fsync,fdatasync,sendto,sendmsg"]
    command += ["-o", str(trace), sys.executable, "-m", "shutterpost", "serve"]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--data", "a/b"],
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "mail:" in log.read_text() or server.poll() is not None)
        if server.poll() is not None:
            pytest.skip("this user may not trace processes")
        port = int(re.findall(r"cameras:\s+http://127.0.0.1:(\d+)", log.read_text())[0])
        assert ask(port, recording("email-nx300")).status == 200
        eventually(lambda: "HTTP/1.1 200" in trace.read_text())
    finally:
        tracer = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        for child in tracer.read_text().split():
            os.kill(int(child), signal.SIGTERM)
        server.wait(DEADLINE)
    before, _, _ = trace.read_text().partition("HTTP/1.1 200")
    synced = {Path(path) for path in re.findall(r"sync\(\d+<([^>]+)>", before)}
    folder = tmp_path / "a" / "b"
    for path in (tmp_path, tmp_path / "a", folder, folder / "spool", folder / "spool" / "photos"):
        assert path in synced, path
    assert any(path.name.startswith(".secret") for path in synced)
    assert any(path.name.startswith("shutterpost.db") for path in synced)
