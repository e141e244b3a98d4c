"""Nothing that a stranger sends grows without bound, and nobody takes another's place."""

import asyncio
import io
import logging
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from shutterpost import devices as devices_module
from shutterpost.camera import sns
from shutterpost.devices import Devices
from shutterpost.disk import STEP, Disk
from shutterpost.limits import Hourly, Tries
from shutterpost.live import LISTENER_LIMIT
from shutterpost.logs import ALL_LINES, LINE_LIMIT, LINES_ALIKE, RateLimit
from shutterpost.model import AltText
from shutterpost.spool import Spool, hotspots, schema, sharing
from shutterpost.spool.sharing import Announced, SessionExpired
from shutterpost.upkeep import notice
from shutterpost.wire.http import Refused
from tests.conftest import Server, StartServer
from tests.support import BOUNDARY, PHOTO, email_body, email_request, eventually, recording
from tests.web.opened import opened


def spool_in(folder: Path) -> Spool:
    spool = Spool(folder / "data")
    spool.open()
    return spool


def count(spool: Spool, table: str) -> int:
    with closing(sqlite3.connect(spool.database.path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_sessions_and_announcements_have_a_bound(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    write = spool.database.write_now
    session = {"account": "me", "site": "facebook", "created": 1.0}
    rows = [
        {**session, "client": f"c{number}", "key": f"{number:032}", "used": 1000.0 + number}
        for number in range(sharing.SESSION_LIMIT)
    ]
    write(lambda c: c.execute(insert(schema.sessions), rows))
    waiting = {"site": "facebook", "name": "A.JPG", "camera": "", "text": "", "created": 1.0}
    announced = [
        {**waiting, "session": f"{number:032}"} for number in range(sharing.ANNOUNCEMENT_LIMIT)
    ]
    write(lambda c: c.execute(insert(schema.announcements), announced))

    key = write(lambda c: sharing.log_in(c, "me", "facebook", "10.0.0.1", 20_000.0))
    assert count(spool, "sessions") == sharing.SESSION_LIMIT
    assert count(spool, "announcements") == sharing.ANNOUNCEMENT_LIMIT - 1  # the oldest session's
    with pytest.raises(SessionExpired):
        spool.database.read_now(lambda c: sharing.announced(c, f"{0:032}", 20_000.0))
    file = Announced(None, "facebook", "B.JPG", "NX300", "text", None)
    for _ in range(3):
        write(lambda c: sharing.announce(c, key, file, "B.JPG", AltText.OPTIONAL, 20_000.0, 60.0))
    assert count(spool, "announcements") == sharing.ANNOUNCEMENT_LIMIT
    _, mine = spool.database.read_now(lambda c: sharing.announced(c, key, 20_000.0))
    assert [one.name for one in mine] == ["B.JPG"] * 3
    spool.close()


def test_one_address_pushes_out_only_its_own_sessions_and_announcements(tmp_path: Path) -> None:
    """Four PUTs of one byte took 1,240 MiB, because the session had announced so much."""
    spool = spool_in(tmp_path)
    write = spool.database.write_now
    file = Announced(None, "facebook", "A.JPG", "NX300", "text", None)

    def log_in(client: str, now: float) -> str:
        return write(lambda c: sharing.log_in(c, "me", "facebook", client, now))

    def announce(key: str) -> None:
        write(lambda c: sharing.announce(c, key, file, "A.JPG", AltText.OPTIONAL, 200.0, 60.0))

    camera = log_in("10.0.0.9", 1.0)
    announce(camera)
    keys = [log_in("10.0.0.1", 2.0 + each) for each in range(sharing.CLIENT_SESSIONS + 5)]
    assert count(spool, "sessions") == sharing.CLIENT_SESSIONS + 1
    for _ in range(sharing.CLIENT_ANNOUNCEMENTS // 2 + 5):
        announce(keys[-2])
        announce(keys[-1])
    assert count(spool, "announcements") == sharing.CLIENT_ANNOUNCEMENTS + 1
    _, waiting = spool.database.read_now(lambda c: sharing.announced(c, camera, 200.0))
    assert [each.name for each in waiting] == ["A.JPG"]
    spool.close()


def test_what_a_device_says_and_what_is_to_be_written_have_bounds() -> None:
    devices = Devices([], lambda: 1.0)
    devices.checked("10.0.0.1", "h" * 60_000, "NX300" + "x" * 60_000)
    devices.uploaded("10.0.0.1", "d" * 60_000, "m" * 60_000)
    [device] = devices.all()
    said = (device.last_host, device.user_agent, device.device, device.model)
    assert [len(text) for text in said] == [200] * 4
    for number in range(3 * devices_module.LIMIT):  # in less than the minute between two writes
        devices.asked(f"10.1.{number // 256}.{number % 256}", "www.msn.com")
    assert len(devices.all()) == devices_module.LIMIT
    assert len(devices._unwritten) == devices_module.LIMIT


def test_what_hotspot_checks_taught_has_a_bound(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    rows = [
        {"client": f"c{number}", "host": "www.msn.com", "answer": "cookie"}
        for number in range(hotspots.LIMIT)
    ]
    spool.database.write_now(lambda c: c.execute(insert(schema.hotspots), rows))
    spool.database.write_now(lambda c: hotspots.learn(c, "new", [("www.msn.com", "cookie")]))
    known = [client for client, _, _ in spool.database.read_now(hotspots.learned)]
    assert len(known) == hotspots.LIMIT
    assert "c0" not in known
    assert "new" in known
    spool.close()


def test_an_announcements_text_has_a_bound() -> None:
    def announcement(text: str) -> bytes:
        return (
            f'<Request SessionKey="k"><File Name="A"/><Content>{text}</Content></Request>'.encode()
        )

    assert sns.read_announcement(announcement("x" * sns.TEXT_LIMIT), set()).text
    with pytest.raises(Refused) as refused:
        sns.read_announcement(announcement("x" * (sns.TEXT_LIMIT + 1)), set())
    assert refused.value.status == 413


def test_announcements_are_refused_below_min_free(start_server: StartServer) -> None:
    server = start_server('[storage]\nmin_free = "9 TB"\n')
    announcement = recording("sns-photo").replace(b"SESSIONKEY", b"0" * 32)
    assert server.ask(announcement).status == 503


def test_a_notice_has_a_bound() -> None:
    text = notice([(number, "email", "x" * 100_000) for number in range(5000)], [])
    assert len(text) < 40_000
    assert "4900 more" in text


class Log:
    """What a handler with the limit writes, under a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.out = io.StringIO()
        self._log = logging.Logger("x")
        handler = logging.StreamHandler(self.out)
        handler.addFilter(RateLimit(lambda: self.now))
        self._log.addHandler(handler)

    def write(self, many: int, client: str, message: str = "%s: asked") -> list[str]:
        """The lines that were written."""
        self.out.truncate(self.out.seek(0))
        for _ in range(many):
            self._log.info(message, client)
        return self.out.getvalue().splitlines()


def test_a_flood_of_log_lines_is_cut_and_said() -> None:
    log = Log()
    burst = LINES_ALIKE.burst
    assert log.write(10 * burst, "10.0.0.1") == ["10.0.0.1: asked"] * burst
    said = f"({9 * burst} lines were left out) "
    assert log.write(1, "10.0.0.2") == [said + "10.0.0.2: asked"]  # not held back by the flood
    assert log.write(1, "10.0.0.1", "%s: another thing") == ["10.0.0.1: another thing"]
    log.now += 3600.0
    assert len(log.write(2 * burst, "10.0.0.1")) == burst


def test_a_flood_of_log_lines_from_many_addresses_is_cut_too() -> None:
    log = Log()
    addresses = [f"10.0.{number // 200}.{number % 200}" for number in range(3 * ALL_LINES.burst)]
    assert sum(len(log.write(1, address)) for address in addresses) == ALL_LINES.burst
    log.now += 60.0
    written = sum(len(log.write(1, address)) for address in addresses)
    assert written == 60 * ALL_LINES.a_second


def test_a_flood_of_requests_writes_a_bounded_log(server: Server) -> None:
    request = b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n"
    for _ in range(LINES_ALIKE.burst + 500):
        assert server.ask(request).status == 404
    assert server.output.count("refused: 404") < LINES_ALIKE.burst + 100
    assert len(server.output) < 1_000_000


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_long_line_and_its_traceback_are_cut(style: str) -> None:
    code = (
        "import logging; from shutterpost import logs; logs.start('%s')\n"
        "try:\n    raise ValueError('v' * 10_000_000)\n"
        "except ValueError:\n    logging.getLogger('x').exception('m' * 10_000_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code % style], capture_output=True, text=True, check=True
    )
    assert len(done.stderr) < 4 * LINE_LIMIT
    assert "mmmm" in done.stderr
    assert "characters left out" in done.stderr
    assert "vvvv" in done.stderr


@pytest.mark.parametrize("round", range(5))
def test_limits_hold_for_many_threads(round: int) -> None:
    hourly, tries = Hourly(50), Tries(limit=50)
    start = threading.Barrier(16)

    def take(_: int) -> int:
        start.wait()
        for _ in range(50):
            tries.failed("10.0.0.1", 1.0)
            tries.is_shut_out("10.0.0.1", 1.0)
        return sum(hourly.take("10.0.0.1", 1, 1.0) for _ in range(50))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(take, range(16))) == 50
    assert tries.is_shut_out("10.0.0.1", 2.0)


def test_free_space_is_reserved_by_all_uploads_together(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    disk = Disk(tmp_path, tmp_path, min_free=free - 10 * STEP)
    with ExitStack() as stack:
        rooms = [stack.enter_context(disk.room()) for _ in range(20)]
        taken = 0
        with pytest.raises(Refused) as refused:
            for room in rooms:
                room.take(STEP)
                taken += 1
        assert refused.value.status == 503
        assert 5 <= taken <= 10  # other programs write to this disk as well
    with disk.room() as room:  # all was given back
        room.take(1000)


def slow_strangers(server: Server, body: bytes, many: int) -> list[socket.socket]:
    """Uploads of which the first bytes are sent, and no more."""
    socks = []
    head = (
        b"POST /social/columbus/email HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=" + BOUNDARY + b"\r\n\r\n"
    )
    for _ in range(many):
        sock = socket.create_connection(("127.0.0.1", server.port), 20)
        sock.sendall(head + b"%x\r\n" % len(body) + body + b"\r\n")
        socks.append(sock)
    return socks


def test_a_stranger_holds_nothing_on_the_disk(server: Server) -> None:
    """The photo before the message, so that nobody knows yet whose it is."""
    photo = (
        b"--" + BOUNDARY + b'\r\ncontent-disposition: form-data; name="binary"; fileName="A.JPG"'
        b"\r\n\r\n" + bytes(100_000)
    )
    empty = b"".join(
        b"\r\n--" + BOUNDARY + b'\r\ncontent-disposition: form-data; name="binary"; '
        b'fileName="%d.JPG"\r\n\r\n' % number
        for number in range(990)
    )
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    for body in (photo, empty.lstrip()):
        socks = slow_strangers(server, body, 3)
        for sock in socks:
            assert b" 400 " in sock.recv(100)
            sock.close()
        assert server.spooled() == []
    eventually(lambda: len(list(descriptors.iterdir())) <= before + 30)
    assert server.ask(email_request(email_body(("A.JPG", PHOTO)))).status == 200


def test_min_free_is_asked_again_as_bytes_come(start_server: StartServer, tmp_path: Path) -> None:
    """A known sender whose upload says no length, on a disk with room for one step."""
    status = os.statvfs(tmp_path)
    free = status.f_bavail * status.f_frsize
    server = start_server(f'[storage]\nmin_free = "{(free - 6 * STEP) // 1024} KiB"\n')
    body = email_body(("A.MP4", b""), end=b"")
    [sock] = slow_strangers(server, body, 1)
    answer = b""
    sock.settimeout(0.05)
    for _ in range(200):
        try:
            sock.sendall(b"%x\r\n" % 1_000_000 + bytes(1_000_000) + b"\r\n")
            answer += sock.recv(1000)
        except TimeoutError:
            continue
        except ConnectionError:
            break
        if answer:
            break
    assert b" 503 " in answer
    sock.close()
    eventually(lambda: server.spooled() == [])


def test_one_address_does_not_take_the_place_of_anothers_camera(
    open_door_of: "OpenDoor",
) -> None:
    door = open_door_of(limit=20)
    crowd = [door.connect("127.0.0.1") for _ in range(17)]
    camera = door.connect("127.0.0.2")
    camera.sendall(b"GET / HT")
    for _ in range(30):
        crowd.append(door.connect("127.0.0.1"))
    eventually(lambda: len(door.clients()) <= 20)
    camera.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in camera.recv(100)
    for sock in (*crowd, camera):
        sock.close()


class OpenDoor:
    """A camera door in a thread, with few places."""

    def __init__(self, limit: int) -> None:
        from shutterpost.config.values import PRIVATE, Address
        from shutterpost.connection import Body
        from shutterpost.doors import CameraDoor
        from shutterpost.wire.http import Request
        from shutterpost.wire.reply import Reply

        async def answer(request: Request, body: Body, client: str) -> Reply:
            return Reply(200)

        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.door = CameraDoor(answer, lambda client, quirks: None, PRIVATE, 20.0, limit=limit)

        async def start() -> int:
            return self.door.open(Address("127.0.0.1", 0)).port

        self.port = asyncio.run_coroutine_threadsafe(start(), self.loop).result(20)

    def __call__(self, limit: int) -> "OpenDoor":
        return self

    def connect(self, source: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))

    def clients(self) -> list[str]:
        return [connection.client for connection in list(self.door._connections)]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.door.close(0.1), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def open_door_of() -> Iterator["OpenDoor"]:
    door = OpenDoor(20)
    yield door
    door.close()


class Visit:
    """One request for the events, answered as uvicorn would."""

    def __init__(self, client: TestClient) -> None:
        self._app = client.app
        self.status = 0
        self.answered = asyncio.Event()
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self._scope = {
            **{"type": "http", "http_version": "1.1", "method": "GET", "path": "/events"},
            **{"raw_path": b"/events", "query_string": b"", "scheme": "http", "root_path": ""},
            "headers": [(b"host", b"127.0.0.1:8081"), (b"cookie", cookies.encode())],
            **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8081)},
        }

    async def leave_at_once(self) -> None:
        """Be gone before the first byte."""

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            raise OSError("the client is gone")

        with suppress(OSError, ExceptionGroup):
            await asyncio.wait_for(self._app(self._scope, receive, send), 5)

    async def stay(self) -> None:
        """Read on until cancelled."""

        async def receive() -> dict[str, object]:
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            self.status = self.status or message.get("status", 0)
            self.answered.set()

        await self._app(self._scope, receive, send)


def test_event_sources_that_were_cancelled_before_their_first_byte_hold_no_place(
    tmp_path: Path,
) -> None:
    async def cancelled(client: TestClient) -> None:
        for _ in range(LISTENER_LIMIT + 10):
            await Visit(client).leave_at_once()
        for begun in range(10):  # and at every step of its beginning
            for _ in range(LISTENER_LIMIT // 5):
                task = asyncio.create_task(Visit(client).stay())
                for _ in range(begun):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])

    with opened(tmp_path) as page:
        asyncio.run(cancelled(page.owner()))
        assert len(page.house.live._listeners) == 0


def test_of_many_event_sources_at_once_some_are_told_that_there_are_too_many(
    tmp_path: Path,
) -> None:
    """They all ask before the first of them is answered."""

    async def crowd(client: TestClient) -> list[int]:
        visits = [Visit(client) for _ in range(LISTENER_LIMIT + 10)]
        tasks = [asyncio.create_task(visit.stay()) for visit in visits]
        async with asyncio.timeout(20):
            for visit in visits:
                await visit.answered.wait()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return sorted(visit.status for visit in visits)

    with opened(tmp_path) as page:
        assert asyncio.run(crowd(page.owner())) == [200] * LISTENER_LIMIT + [503] * 10
        assert len(page.house.live._listeners) == 0
