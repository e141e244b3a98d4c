"""Data and photos are never one folder, and nothing is lost when the data move."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shutterpost.config import ConfigError, load, with_options
from shutterpost.spool.relocate import relocate
from tests.conftest import Smarthost, StartServer
from tests.support import PHOTO, email_body, email_request, eventually, need, need_root, reply_body

OURS = '[storage]\ndata = "{}"\nphotos = "{}"\n'
WAITS = (
    '[storage]\nphotos = "elsewhere"\n[email]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("data", "photos"),
    [
        ("data", "data"),
        ("data", "data/"),
        ("data", "."),
        ("data", "./x/.."),
        ("photos/data", "photos"),
        ("photos/very/deep/data", "photos"),
        ("data", "/"),
        ("link", "real"),
        ("link/data", "real"),
        ("real", "link"),
        ("real/data", "link"),
        ("data", "data/spool"),
        ("data", "data/spool/photos"),
        ("data", "data/unknown"),
        ("data", "data/pictures/x"),
    ],
)
def test_they_are_refused_in_one_folder(tmp_path: Path, data: str, photos: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, OURS.format(data, photos)), {})
    [line] = error.value.lines
    assert line.startswith(f"{tmp_path}/config.toml:3: storage.photos: ")
    assert line.endswith("choose another folder")


@pytest.mark.parametrize(
    ("data", "photos"),
    [("data", "data/photos"), ("data", "photos"), ("data", "data2"), (".", "photos")],
)
def test_photos_may_be_in_the_data_folder(tmp_path: Path, data: str, photos: str) -> None:
    config = load(written(tmp_path, OURS.format(data, photos)), {})
    assert config.storage.photos == tmp_path / photos


def test_one_folder_under_two_names_is_one_folder(tmp_path: Path) -> None:
    need_root()
    (tmp_path / "photos").mkdir()
    (tmp_path / "bound").mkdir()
    mount = ["mount", "--bind", str(tmp_path / "photos"), str(tmp_path / "bound")]
    subprocess.run(mount, check=True)
    try:
        with pytest.raises(ConfigError, match="must not be the photos folder"):
            load(written(tmp_path, OURS.format("bound/data", "photos")), {})
    finally:
        subprocess.run(["umount", str(tmp_path / "bound")], check=True)


def test_the_option_is_checked_as_well(tmp_path: Path) -> None:
    config = load(written(tmp_path, '[storage]\nphotos = "photos"\n'), {})
    with pytest.raises(ConfigError, match=r"--data: .* must not be the photos folder"):
        with_options(config, str(tmp_path / "photos" / "data"))


@pytest.mark.parametrize(
    ("photos", "data"),
    [
        ("data/", "here/shutterpost-data"),
        ("photos", "here/shutterpost-data"),
        (".", "shutterpost-data"),
        ("..", "../shutterpost-data"),
        ("link", "shutterpost-data"),
    ],
)
def test_in_the_references_dialect_the_data_keep_out_of_the_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: str, data: str
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "link").symlink_to(".")
    monkeypatch.chdir(folder)
    config = load(written(folder, f'UPLOAD_FOLDER = "{photos}"\n'), {})
    assert config.storage.photos == folder / photos
    assert config.storage.data == (tmp_path / data).resolve()
    assert config.earlier_data == folder / "data"


@pytest.mark.parametrize("photos", ["/", "shutterpost-data"])
def test_in_the_references_dialect_there_may_be_no_place_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"UPLOAD_FOLDER: the data folder .* choose another"):
        load(written(tmp_path, f'UPLOAD_FOLDER = "{photos}"\n'), {})


def test_in_the_references_dialect_another_place_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(written(tmp_path, 'UPLOAD_FOLDER = "photos"\n'), {})
    named = with_options(config, str(tmp_path / "named"))
    assert (named.storage.data, named.earlier_data) == (tmp_path / "named", None)


def test_in_the_references_dialect_without_a_place_for_photos_they_stay_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(written(tmp_path, 'SECRET = "x"\n'), {})
    assert config.storage.photos == tmp_path / "data" / "photos"
    assert with_options(config, "/x").storage.photos == Path("/x/photos")


def old_data(folder: Path) -> dict[str, bytes]:
    """A data folder of the first release between photos, with a journal that is still open."""
    (folder / "spool" / "incoming").mkdir(parents=True)
    (folder / "spool" / "photos").mkdir()
    (folder / "yZXbyiz-pZX2DqmBjoRl").mkdir()
    moved = {f"spool/photos/{number:032x}": b"%d" % number for number in range(3)}
    moved |= {"secret": b"s", "password": b"p", "photos-folders": b"/x\n", "mastodon-a.secret": b""}
    stay = {"yZXbyiz-pZX2DqmBjoRl/A.JPG": b"photo", ".shutterpost": b"", "mine.txt": b"mine"}
    for name, content in {**moved, **stay}.items():
        (folder / name).write_bytes(content)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE t (x)'); "
        "c.execute('INSERT INTO t VALUES (42)'); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "shutterpost.db")], check=True)
    assert (folder / "shutterpost.db-wal").stat().st_size > 0
    return moved


def check_moved(old: Path, new: Path, moved: dict[str, bytes]) -> None:
    assert {name: (new / name).read_bytes() for name in moved} == moved
    with sqlite3.connect(new / "shutterpost.db") as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(42,)]
    left = {str(path.relative_to(old)) for path in old.rglob("*") if path.is_file()}
    assert left == {"yZXbyiz-pZX2DqmBjoRl/A.JPG", ".shutterpost", "mine.txt"}
    assert not relocate(old, new)


def test_data_move_and_photos_stay(tmp_path: Path) -> None:
    old, new = tmp_path / "data", tmp_path / "new" / "shutterpost-data"
    moved = old_data(old)
    assert relocate(old, new)
    check_moved(old, new, moved)
    assert new.stat().st_mode & 0o777 == 0o700


def test_data_move_to_another_disk(tmp_path: Path) -> None:
    need_root()
    old, disk = tmp_path / "data", tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True)
    try:
        moved = old_data(old)
        assert relocate(old, disk / "new")
        check_moved(old, disk / "new", moved)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("killed_at", range(1, 9))
def test_a_move_that_is_killed_goes_on(tmp_path: Path, killed_at: int) -> None:
    strace = need("strace")
    old, new = tmp_path / "data", tmp_path / "new"
    moved = old_data(old)
    script = (
        "import sys; from pathlib import Path; from shutterpost.spool.relocate import relocate; "
        "relocate(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    # The module is compiled and cached by renames, too: only those of the move count.
    inject = f"inject=rename:signal=KILL:when={killed_at}"
    command = [strace, "-f", "-qq", "-e", inject, "-P", str(old)]
    for name in moved:
        command += ["-P", str(old / name)]
    command += ["-P", str(old / "shutterpost.db"), "-o", str(tmp_path / "trace")]
    run = [sys.executable, "-c", script, str(old), str(new)]
    killed = subprocess.run([*command, *run], check=False)
    assert killed.returncode != 0
    assert relocate(old, new)
    check_moved(old, new, moved)


def test_a_server_that_uses_the_old_folder_is_left_alone(start_server: StartServer) -> None:
    running = start_server('[storage]\nphotos = "photos"\n')
    other = running.folder / "theirs.toml"
    other.write_text('UPLOAD_FOLDER = "data/"\n')
    command = [sys.executable, "-m", "shutterpost", "serve", "-c", str(other)]
    command += ["--listen", "127.0.0.1:0", "--web", "off"]
    ended = subprocess.run(command, cwd=running.folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"another Shutterpost is using {running.folder}/data" in ended.stderr
    assert (running.folder / "data" / "shutterpost.db").exists()


def test_what_waited_in_the_photos_folder_is_delivered_from_the_new_one(
    start_server: StartServer, smarthost: Smarthost
) -> None:
    server = start_server(WAITS)
    for number in range(3):
        request = email_request(email_body((f"{number}.JPG", PHOTO), text=str(number)))
        assert server.ask(request).body == reply_body("status-succ")
    server.kill()
    server.config.write_text(
        'UPLOAD_FOLDER = "data/"\nSENDERS = ["*"]\nMAIL_SERVER = "127.0.0.1"\n'
        f"MAIL_PORT = {smarthost.port}\n"
    )
    server.start()
    assert f"moved:     the data of an earlier version, from {server.folder}/data" in server.output
    assert f"data:      {server.folder}/shutterpost-data" in server.output
    eventually(lambda: len(smarthost.inbox.mails) == 3)
    assert not list((server.folder / "data").rglob("shutterpost.db*"))
    server.stop()
    server.start()
    assert "moved:" not in server.output
