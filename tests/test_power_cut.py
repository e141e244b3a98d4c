"""kill -9 at every step between the first byte and the receipt, and at random ones."""

import random
import re
import shutil
import subprocess
import time
from itertools import groupby
from pathlib import Path

import pytest

from shutterpost.faults import POINTS
from tests.conftest import Server, Smarthost, StartServer
from tests.far_ends import FakeMastodon
from tests.power_cut import Load, check, config, settle
from tests.support import PHOTO, eventually, need, recording

RANDOM_KILLS = 8


@pytest.mark.parametrize(
    ("point", "time"),
    [*((point, 1) for point in POINTS), ("committed", 2), ("delivered", 2), ("delivered", 3)],
)
def test_killed_at(
    start_server: StartServer,
    smarthost: Smarthost,
    mastodon: FakeMastodon,
    point: str,
    time: int,
) -> None:
    server = start_server(config(smarthost, mastodon))
    load = Load(server)
    load.send("before", b"before" * 200_000)
    server.kill()
    server.start(SHUTTERPOST_TEST_KILL_AT=f"{point}:{time}")
    for number in range(2):
        load.send(f"photo {number}", PHOTO + b"x" * 300_000 + b"%d" % number)
    eventually(lambda: server.process.poll() is not None)
    assert server.process.returncode == -9
    server.start()
    for name, data in dict(load.sent).items():
        load.send(name, data)  # the person presses "share" again
    assert load.acknowledged == load.sent.keys()
    settle(server)
    check(load, server, smarthost, mastodon)


def test_killed_at_random_moments_under_load(
    start_server: StartServer, smarthost: Smarthost, mastodon: FakeMastodon
) -> None:
    server = start_server(config(smarthost, mastodon))
    load = Load(server)
    threads = load.run(3)
    chance = random.Random(0)
    for _ in range(RANDOM_KILLS):
        time.sleep(chance.uniform(0.1, 1.2))  # the moment of the kill, not a wait for anything
        server.kill()
        server.start(port=server.port)
    load.stopping = True
    for thread in threads:
        thread.join()
    settle(server)
    counted = check(load, server, smarthost, mastodon)
    assert counted["acknowledged"] > RANDOM_KILLS


def test_fifty_mails_wait_for_a_dead_smtp_server(
    start_server: StartServer, smarthost: Smarthost, mastodon: FakeMastodon
) -> None:
    server = start_server(config(smarthost, mastodon))
    smarthost.stop()
    load = Load(server)
    for number in range(50):
        assert load.send(f"photo {number}", PHOTO + b"%d" % number)
    smarthost.start(smarthost.port)
    settle(server)
    assert check(load, server, smarthost, mastodon)["mails"] == 50


def test_the_order_of_system_calls(server: Server, tmp_path: Path) -> None:
    """File fsynced, renamed, folder fsynced, database fsynced, and only then the reply."""
    strace = need("strace")
    trace = tmp_path / "trace"
    calls = "fsync,fdatasync,rename,renameat,renameat2,sendto,write,pwrite64"
    command = [strace, "-f", "-y", "-s", "64", "-e", f"trace={calls}", "-o", str(trace)]
    tracer = subprocess.Popen(
        [*command, "-p", str(server.process.pid)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert tracer.stderr is not None
        if "attached" not in tracer.stderr.readline():
            pytest.skip("this user may not trace processes")
        assert server.ask(recording("email-nx300")).status == 200
        eventually(lambda: 'Status=\\"succ' in trace.read_text() or "200 OK" in trace.read_text())
    finally:
        tracer.terminate()
        tracer.communicate()
    steps: list[str] = []
    for line in trace.read_text().splitlines():
        text = line.partition(" ")[2].strip()
        if re.search(r"fsync\(\d+<[^>]*/spool/incoming/\w+>", text):
            steps.append("file")
        elif text.startswith("rename") and "/spool/incoming/" in text:
            steps.append("rename")
        elif re.search(r"fsync\(\d+<[^>]*/spool/photos>", text):
            steps.append("folder")
        elif re.search(r"f(?:data)?sync\(\d+<[^>]*shutterpost\.db", text):
            steps.append("commit")
        elif "HTTP/1.1 200 OK" in text:
            steps.append("reply")
    until_reply = [step for step, _ in groupby(steps[: steps.index("reply") + 1])]
    assert until_reply == ["file", "rename", "folder", "commit", "reply"], steps


def test_a_copied_data_folder_goes_on_where_it_stopped(
    start_server: StartServer, smarthost: Smarthost, mastodon: FakeMastodon
) -> None:
    server = start_server(config(smarthost, mastodon))
    load = Load(server)
    smarthost.stop()
    load.send("one", PHOTO)
    assert server.stop() == 0
    backup = server.folder / "backup"
    shutil.copytree(server.folder / "data", backup)
    shutil.rmtree(server.folder / "data")
    backup.rename(server.folder / "data")
    smarthost.start(smarthost.port)
    server.start()
    settle(server)
    check(load, server, smarthost, mastodon)
